package e2e

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/aws/awstest"
)

// TestARunThatAddsAPartitionMakesAConstantNumberOfCalls counts the requests to S3, Glue and STS of a run that adds a day to a table of few days, and of
// one that adds a day to the same table with more than a thousand: they are the same.
func TestARunThatAddsAPartitionMakesAConstantNumberOfCalls(t *testing.T) {
	t.Parallel()
	const many = 1100                                           // Glue lists 1,000 partitions at a time
	identities := filepath.Join(t.TempDir(), "identities.yaml") // JSON is YAML
	require.NoError(t, os.WriteFile(identities, []byte(lakeIdentities), 0o600))
	address := harness.FreePort(t)
	proxy := awstest.NewProxy(t, "http://"+address, aws.Credentials{})
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--aws-listen", address, "--aws-account", customerAccount,
		"--aws-identities", identities, "--destination-endpoint-url", proxy.URL)
	s.Env = []string{"AWS_ACCESS_KEY_ID=AKIAEXPORTER00000000", "AWS_SECRET_ACCESS_KEY=the-secret-of-the-exporter", "AWS_EC2_METADATA_DISABLED=true"}
	s.Start()
	p := s.CreateProject("shop", "--token", shopToken)
	for name, kind := range map[string]string{"events": "json", "columns": "aws"} {
		parameters := url.Values{
			"type": {kind}, "name": {name}, "data_source": {"events"}, "frequency": {"continuous"}, "interval": {"100ms"}, "s3_bucket": {"lake"}, "s3_prefix": {name},
			"s3_region": {"us-east-1"}, "s3_role": {lakeRole}, "use_glue": {"true"}, "glue_database": {name}, "glue_role": {lakeRole},
			"from_date": {time.Now().AddDate(0, 0, -many-10).Format(time.DateOnly)},
		}
		_, err := s.API().CreatePipeline(s.Context(), p.ID, parameters)
		require.NoError(t, err)
	}
	sender := &harness.Sender{Service: s, Token: p.Token}
	// export sends one event of each of the days, which lie so many days back, and returns the requests until they are published.
	export := func(days ...int) map[string]int {
		before := proxy.Counts()
		var events []harness.Object
		for _, day := range days {
			events = append(events, sender.Event("Viewed", harness.Object{
				"distinct_id": "ann", "$insert_id": fmt.Sprint("day-", day), "time": time.Now().AddDate(0, 0, -day).UnixMilli(),
			}))
		}
		sender.MustSend(sender.Import, events...)
		s.AwaitPublished(p.ID)
		made := proxy.Counts()
		for operation, n := range before {
			made[operation] -= n
		}
		maps.DeleteFunc(made, func(_ string, n int) bool { return n == 0 })
		return made
	}
	export(1)
	few := export(2)
	var days []int
	for day := 3; day < many; day++ {
		days = append(days, day)
	}
	require.GreaterOrEqual(t, export(days...)["PutObject"], 2*len(days))
	require.Equal(t, few, export(many))
	require.Contains(t, few, "PutObject")
	require.Contains(t, few, "BatchCreatePartition")
	t.Logf("calls of two pipelines' runs: %v", few)
	s.RequireExact("shop")
}
