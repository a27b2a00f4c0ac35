package s3api

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"
	"github.com/versity/versitygw/s3err"
)

// What reads bodies for a checksum takes an end that came too early for an end.
func TestABodyHasTheLengthThatWasSaid(t *testing.T) {
	size := int64(10)
	for name, body := range map[string]io.Reader{
		"without an error": strings.NewReader("x"),
		"with one":         io.MultiReader(strings.NewReader("x"), iotest.ErrReader(io.ErrUnexpectedEOF)),
		"too long":         strings.NewReader("xxxxxxxxxxx"),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := receive(io.Discard, body, &size, checksum{}, types.ChecksumAlgorithmCrc64nvme)
			require.Equal(t, s3err.GetAPIError(s3err.ErrIncompleteBody), err)
		})
	}
}
