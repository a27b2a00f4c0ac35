package warehouse_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
)

// batch runs statements as one batch of the user exporter and returns how it ended.
func (w *warehouses) batch(sqls ...string) *redshiftdata.DescribeStatementOutput {
	w.Helper()
	api := redshiftdata.NewFromConfig(aws.Config{Region: region, BaseEndpoint: &w.url, HTTPClient: assume.HTTPClient(nil), Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAEXPORTER", SecretAccessKey: "secret"}, nil
	})})
	out, err := api.BatchExecuteStatement(w.Context(), &redshiftdata.BatchExecuteStatementInput{WorkgroupName: aws.String("default"), Database: aws.String("dev"), Sqls: sqls})
	require.NoError(w, err)
	for {
		got, err := api.DescribeStatement(w.Context(), &redshiftdata.DescribeStatementInput{Id: out.Id})
		require.NoError(w, err)
		switch got.Status {
		case types.StatusStringFinished, types.StatusStringFailed, types.StatusStringAborted:
			return got
		}
	}
}

// TestABatchThatFailsLeavesNothing is what the Data API says of batches, with the warehouse that is behind it here.
func TestABatchThatFailsLeavesNothing(t *testing.T) {
	w := open(t)
	require.NoError(t, w.engine.EnsureUser(t.Context(), "IAM:exporter"))
	w.admin(`GRANT CREATE ON DATABASE "dev" TO "IAM:exporter"`)
	const create = `CREATE EXTERNAL SCHEMA b1 FROM DATA CATALOG DATABASE 'fresh' IAM_ROLE default CREATE EXTERNAL DATABASE IF NOT EXISTS`
	got := w.batch(create, "GRANT USAGE ON SCHEMA b1 TO PUBLIC", "SELECT nonsense")
	require.Equal(t, types.StatusStringFailed, got.Status)
	for i, status := range []types.StatementStatusString{"ABORTED", "ABORTED", "FAILED"} {
		require.Equal(t, status, got.SubStatements[i].Status, i)
	}
	require.Empty(t, w.admin("SELECT schemaname FROM svv_external_schemas"))
	got = w.batch(create, "/* all of it */ COMMIT", "SELECT nonsense")
	require.Contains(t, aws.ToString(got.Error), "Query #2 failed with ERROR: a batch is one transaction")
	require.Empty(t, w.admin("SELECT schemaname FROM svv_external_schemas"))
	require.Empty(t, w.admin("SELECT databasename FROM svv_external_databases WHERE databasename = 'fresh'"))

	got = w.batch("CREATE EXTERNAL SCHEMA b1 FROM DATA CATALOG DATABASE '"+glueDB+"' IAM_ROLE '"+roleARN+"exporter'", "GRANT USAGE ON SCHEMA b1 TO PUBLIC", "SELECT distinct_id FROM b1.mp_master_event")
	require.Equal(t, types.StatusStringFinished, got.Status, aws.ToString(got.Error))
	require.Equal(t, []string{"b1"}, w.admin("SELECT schemaname FROM svv_external_schemas"))

	got = w.batch("DROP SCHEMA b1", "CREATE EXTERNAL TABLE b1.t (a int) STORED AS PARQUET LOCATION 's3://lake/t/'")
	require.Equal(t, types.StatusStringFailed, got.Status)
	require.Equal(t, []string{"b1"}, w.admin("SELECT schemaname FROM svv_external_schemas"))
	got = w.batch("CREATE EXTERNAL TABLE b1.t (a int) STORED AS PARQUET LOCATION 's3://lake/t/'")
	require.Contains(t, aws.ToString(got.Error), "CREATE EXTERNAL TABLE cannot run inside a transaction block")
}
