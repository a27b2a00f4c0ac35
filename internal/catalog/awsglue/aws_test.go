package awsglue_test

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog/awsglue"
	"github.com/refract-io/refract/internal/catalog/catalogtest"
)

// TestAWSGlueIsACatalog runs the suite over Glue itself. It needs the right to create and delete databases whose names begin with
// refract_test_, and everything in them. Glue removes what a deleted table held "asynchronously", so that the test of a table that is
// created again may find remnants there.
func TestAWSGlueIsACatalog(t *testing.T) {
	region := os.Getenv("REFRACT_TEST_AWS_GLUE")
	if region == "" {
		t.Skip("REFRACT_TEST_AWS_GLUE names no region")
	}
	c, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(region))
	require.NoError(t, err)
	catalogtest.Run(t, awsglue.New(c, ""))
}
