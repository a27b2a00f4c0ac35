package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
)

// awsCLI is Amazon's command line over an endpoint.
type awsCLI struct {
	*testing.T
	address, credentials, config string
}

// newAWSCLI returns the command line with the service's own credentials.
func newAWSCLI(t *testing.T, s *harness.Service, address string) *awsCLI {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("awscli is not installed: make deps installs it")
	}
	config := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(config, []byte("[default]\ns3 =\n    signature_version = s3v4\n"), 0o600)) // as docs/operations.md says
	return &awsCLI{t, address, filepath.Join(s.Dir, "aws-credentials"), config}
}

// run returns what a command prints, and what it says on standard error if it fails.
func (c *awsCLI) run(args ...string) (out []byte, failure string, err error) {
	cmd := exec.CommandContext(c.Context(), "aws", append([]string{"--endpoint-url", "http://" + c.address, "--region", "us-east-1", "--output", "json"}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_SHARED_CREDENTIALS_FILE="+c.credentials, "AWS_CONFIG_FILE="+c.config, "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err = cmd.Output()
	return out, stderr.String(), err
}

// glue runs a command of `aws glue` and decodes what it prints.
func (c *awsCLI) glue(args ...string) any {
	c.Helper()
	out, failure, err := c.run(append([]string{"glue"}, args...)...)
	require.NoError(c, err, "%v: %s", args, failure)
	if len(bytes.TrimSpace(out)) == 0 {
		return nil
	}
	var answer any
	require.NoError(c, json.Unmarshal(out, &answer), "%s", out)
	return answer
}

// TestGlueByAWSCLI drives every family of the catalog's operations.
func TestGlueByAWSCLI(t *testing.T) {
	t.Parallel()
	address := harness.FreePort(t)
	s := harness.Start(t, "--aws-listen", address)
	c := newAWSCLI(t, s, address)
	const of, table = "--database-name=cli", "--table-name=t"
	texts := func(texts ...string) []any {
		var list []any
		for _, text := range texts {
			list = append(list, text)
		}
		return list
	}

	c.glue("create-database", "--database-input", `{"Name":"CLI","Description":"by hand"}`, "--tags", "team=data")
	require.Equal(t, texts("cli", "by hand"), c.glue("get-database", "--name=cli", "--query", "Database.[Name,Description]"))
	c.glue("tag-resource", "--resource-arn=arn:aws:glue:us-east-1:000000000000:database/cli", "--tags-to-add", "cost=low")
	require.Equal(t, map[string]any{"team": "data", "cost": "low"},
		c.glue("get-tags", "--resource-arn=arn:aws:glue:us-east-1:000000000000:database/cli", "--query", "Tags"))

	c.glue("create-table", of, "--table-input", `{"Name":"T","TableType":"EXTERNAL_TABLE","PartitionKeys":[{"Name":"dt","Type":"string"},{"Name":"hour","Type":"int"}],
		"StorageDescriptor":{"Columns":[{"Name":"n","Type":"bigint"}],"Location":"s3://lake/t/"}}`)
	c.glue("update-table", of, "--table-input", `{"Name":"t","Description":"new","PartitionKeys":[{"Name":"dt","Type":"string"},{"Name":"hour","Type":"int"}],
		"StorageDescriptor":{"Columns":[{"Name":"n","Type":"bigint"}]}}`)
	require.Equal(t, texts("t"), c.glue("get-tables", of, "--expression", "t|u", "--query", "TableList[].Name"))
	require.Equal(t, texts("1", "0"), c.glue("get-table-versions", of, table, "--query", "TableVersions[].VersionId"))
	c.glue("delete-table-version", of, table, "--version-id=0")
	require.Equal(t, texts("1"), c.glue("get-table-versions", of, table, "--query", "TableVersions[].VersionId"))
	require.Equal(t, texts("t"), c.glue("search-tables", "--search-text", "new", "--query", "TableList[].Name"))

	require.Equal(t, []any{}, c.glue("batch-create-partition", of, table, "--partition-input-list",
		`[{"Values":["2024-05-01","7"]},{"Values":["2024-05-01","8"]},{"Values":["2024-05-02","7"]}]`, "--query", "Errors"))
	require.Equal(t, texts("8"), c.glue("get-partitions", of, table, "--expression", "dt = '2024-05-01' AND hour > 7", "--query", "Partitions[].Values[1]"))
	require.Equal(t, texts("7", "8", "7"), c.glue("get-partitions", of, table, "--max-items", "3", "--page-size", "1", "--query", "Partitions[].Values[1]"), "pages of one")
	c.glue("update-partition", of, table, "--partition-value-list", "2024-05-02", "7", "--partition-input", `{"Values":["2024-05-02","9"]}`)
	require.Equal(t, texts("9"), c.glue("batch-get-partition", of, table, "--partitions-to-get", `[{"Values":["2024-05-02","9"]},{"Values":["x","9"]}]`, "--query", "Partitions[].Values[1]"))
	require.Equal(t, texts("EntityNotFoundException"), c.glue("batch-delete-partition", of, table, "--partitions-to-delete",
		`[{"Values":["2024-05-02","9"]},{"Values":["x","9"]}]`, "--query", "Errors[].ErrorDetail.ErrorCode"))

	c.glue("create-partition-index", of, table, "--partition-index", "IndexName=by_hour,Keys=hour")
	require.Equal(t, texts("by_hour"), c.glue("get-partition-indexes", of, table, "--query", "PartitionIndexDescriptorList[].IndexName"))
	c.glue("update-column-statistics-for-table", of, table, "--column-statistics-list", `[{"ColumnName":"n","ColumnType":"bigint","AnalyzedTime":"2026-06-08T00:00:00Z",
		"StatisticsData":{"Type":"LONG","LongColumnStatisticsData":{"MinimumValue":1,"MaximumValue":10,"NumberOfNulls":0,"NumberOfDistinctValues":10}}}]`)
	require.Equal(t, float64(10), c.glue("get-column-statistics-for-table", of, table, "--column-names", "n",
		"--query", "ColumnStatisticsList[0].StatisticsData.LongColumnStatisticsData.MaximumValue"))
	c.glue("create-user-defined-function", of, "--function-input", "FunctionName=f,ClassName=c.C,OwnerName=o,OwnerType=USER")
	require.Equal(t, texts("f"), c.glue("get-user-defined-functions", of, "--pattern", "*", "--query", "UserDefinedFunctions[].FunctionName"))
	require.Equal(t, true, c.glue("get-catalog-import-status", "--query", "ImportStatus.ImportCompleted"))

	_, failure, err := c.run("glue", "create-crawler", "--name", "c", "--role", "r", "--targets", "S3Targets=[{Path=s3://lake}]")
	require.Error(t, err)
	require.Contains(t, failure, "CreateCrawler")
	require.Contains(t, failure, "UnknownOperationException")
	c.glue("delete-database", "--name=cli")
	_, failure, err = c.run("glue", "get-table", of, "--name=t")
	require.Error(t, err)
	require.Contains(t, failure, "EntityNotFoundException")
}

// TestGlueByNodeSDK drives the catalog with the AWS SDK for JavaScript.
func TestGlueByNodeSDK(t *testing.T) {
	t.Parallel()
	address := harness.FreePort(t)
	s := harness.Start(t, "--aws-listen", address)
	key := map[string]string{}
	text, err := os.ReadFile(filepath.Join(s.Dir, "aws-credentials"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, "="); ok {
			key[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	got := map[string]any{}
	runClient(t, &got, "glue.js", "http://"+address, "us-east-1", key["aws_access_key_id"], key["aws_secret_access_key"])
	require.Equal(t, map[string]any{
		"again": "AlreadyExistsException", "tooMany": "InvalidInputException", "all": true, "segments": true,
		"expression": []any{"2024-09-01", "2024-09-03", "2024-09-04", "2024-09-05", "2024-09-06"},
		"statistics": []any{1.7e12, 42.0}, "stale": "ConcurrentModificationException", "table": []any{"1", true, 1.7e12, 2.0},
		"functions": []any{"f"}, "index": []any{[]any{"by_day", "ACTIVE"}}, "missing": "EntityNotFoundException", "found": []any{"events"},
		"gone": "EntityNotFoundException",
	}, got)
}
