package e2e

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/export/pipeline"
)

const (
	customerAccount = "123456789012"
	lakeRole        = "arn:aws:iam::" + customerAccount + ":role/lake"
	shopToken       = "0123456789abcdef0123456789abcdef"
	archiveToken    = "fedcba9876543210fedcba9876543210"
)

// lakeIdentities are an exporter who may do nothing but assume roles, and a customer with a role that trusts it by the projects' tokens,
// and Redshift.
const lakeIdentities = `{"accounts": [
	{"id": "485438090326", "users": [{"name": "exporter", "access_keys": [{"id": "AKIAEXPORTER00000000", "secret": "the-secret-of-the-exporter"}],
		"policies": ["{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"*\"}}"]}]},
	{"id": "123456789012", "users": [{"name": "owner", "access_keys": [{"id": "AKIAOWNER00000000000", "secret": "owners-secret"}],
		"policies": ["{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"]}],
	 "roles": [{"name": "lake", "policies": ["{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"],
		"trust": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"AWS\":\"arn:aws:iam::485438090326:user/exporter\"},\"Condition\":{\"StringEquals\":{\"sts:ExternalId\":[\"` +
	shopToken + `\",\"` + archiveToken + `\"]}}},{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Service\":\"redshift.amazonaws.com\"}}]}"}]}
]}`

// failing says how each operation fails, in this order, a few calls apart. All but SlowDown and Stall stand for a class of their own in the
// code that repeats the call: before the effect, after it, without an answer, and with the session or the clock to blame.
var failing = map[string][]awstest.Effect{
	// S3. One object is made of parts, so that these are few.
	"PutObject": {
		awstest.Unavailable, awstest.SlowDown, awstest.InternalErrorAfter, awstest.Reset, awstest.ResetAfter, awstest.CutShort, awstest.ExpiredToken, awstest.ClockSkew,
		awstest.Stall, awstest.StallAfter,
	},
	"CreateMultipartUpload":   {awstest.SlowDown, awstest.ResetAfter, awstest.StallAfter},
	"UploadPart":              {awstest.Unavailable, awstest.ResetAfter, awstest.ExpiredToken, awstest.StallAfter},
	"CompleteMultipartUpload": {awstest.Conflict, awstest.SlowDown, awstest.StallAfter},
	"AbortMultipartUpload":    {awstest.Reset},
	// Glue
	"CreateTable":          {awstest.ResetAfter, awstest.SlowDown, awstest.StallAfter},
	"UpdateTable":          {awstest.InternalErrorAfter, awstest.Reset, awstest.ResetAfter},
	"BatchCreatePartition": {awstest.Partial, awstest.ResetAfter, awstest.SlowDown, awstest.Partial, awstest.StallAfter, awstest.ExpiredToken},
	"BatchUpdatePartition": {awstest.Partial, awstest.InternalErrorAfter, awstest.Stall, awstest.Partial, awstest.CutShort},
	"GetTable":             {awstest.Unavailable, awstest.CutShort, awstest.ClockSkew},
	// STS
	"AssumeRole": {awstest.SlowDown, awstest.Unavailable, awstest.Reset, awstest.ResetAfter, awstest.StallAfter},
	// The Data API
	"ExecuteStatement":   {awstest.SlowDown, awstest.ResetAfter, awstest.InternalErrorAfter, awstest.StallAfter, awstest.ExpiredToken},
	"DescribeStatement":  {awstest.Unavailable, awstest.Reset, awstest.Stall, awstest.ExpiredToken},
	"GetStatementResult": {awstest.InternalError, awstest.CutShort},
}

// TestPipelinesOverFailingServices exports with pipelines of every kind as into a customer's account. All clients, those of S3, Glue, STS and
// the Data API, reach the endpoint through one proxy that lets each operation fail in its ways, some others at random, and readers look at the
// tables all the time. In the end verification is exact, SQL finds in every table what was sent, each partition is there once, and no
// upload is left over.
func TestPipelinesOverFailingServices(t *testing.T) {
	t.Parallel()
	identities := filepath.Join(t.TempDir(), "identities.yaml") // JSON is YAML
	require.NoError(t, os.WriteFile(identities, []byte(lakeIdentities), 0o600))
	address := harness.FreePort(t)
	proxy := awstest.NewProxy(t, "http://"+address, aws.Credentials{AccessKeyID: "AKIAOWNER00000000000", SecretAccessKey: "owners-secret"})
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--rate-limit-records-per-second", "300", "--aws-listen", address,
		"--aws-account", customerAccount, "--aws-identities", identities, "--destination-endpoint-url", proxy.URL, "--destination-answer-timeout", "2s")
	s.Env = []string{"AWS_ACCESS_KEY_ID=AKIAEXPORTER00000000", "AWS_SECRET_ACCESS_KEY=the-secret-of-the-exporter", "AWS_EC2_METADATA_DISABLED=true"}
	s.Start()
	for operation, effects := range failing {
		for i, effect := range effects {
			proxy.Add(awstest.Fault{Operation: operation, Effect: effect, Skip: apart(operation) * i})
		}
	}
	proxy.Random(*seed, 0.02, awstest.Unavailable, awstest.SlowDown, awstest.InternalErrorAfter, awstest.Reset, awstest.ResetAfter, awstest.ExpiredToken, awstest.Partial)

	shop := s.CreateProject("shop", "--token", shopToken)
	archive := s.CreateProject("archive", "--token", archiveToken)
	big := sendBig(t, s, archive)
	createLakePipelines(t, s, shop, archive)
	clients := startTraffic(t, s, shop)
	s.Await("the role has connected to the warehouse", func() bool { return len(s.Rows(`SELECT 1 FROM pg_user WHERE usename = 'IAMR:lake'`)) == 1 })
	s.Rows(`GRANT CREATE ON DATABASE "dev" TO "IAMR:lake"`)
	watched := harness.NewWatch(t, s.DSN(),
		harness.Watched{Table: "events.mp_master_event", ID: "json_extract_path_text(properties, 'id')", Days: true},
		harness.Watched{Table: "days.mp_master_event", ID: "id", Days: true},
		harness.Watched{Table: "tables.viewed", ID: "id", Days: true},
		harness.Watched{Table: "people.mp_people_data", ID: "distinct_id"},
		harness.Watched{Table: "links.mp_identity_mappings_data", ID: "distinct_id"},
		harness.Watched{Table: "users.mp_people_data", ID: "mp_distinct_id"},
	)
	s.Await("every operation has failed in all its ways, and readers have looked at every table", func() bool {
		mend(t, s, shop, archive)
		return len(proxy.Pending()) == 0 && watched.Looks() > 0
	})
	clients.Stop()
	proxy.Random(0, 0)
	for _, p := range []control.Project{shop, archive} {
		awaitLake(t, s, p)
	}
	watched.Stop()
	for operation, effects := range failing {
		require.GreaterOrEqual(t, proxy.Injected(operation), len(effects), operation)
		require.Greater(t, proxy.Requests(operation), len(effects), operation)
	}

	s.RequireExact("shop")
	s.RequireExact("archive")
	for _, query := range []string{
		"SELECT json_extract_path_text(properties, 'id') FROM events.mp_master_event", "SELECT id FROM days.mp_master_event",
		"SELECT id FROM tables.viewed UNION ALL SELECT id FROM tables.imported",
	} {
		require.Empty(t, clients.events.Differences(s.Tally(query)), query)
	}
	raw := map[string]int{}
	eachRawLine(t, filepath.Join(s.Dir, "lake", "raw"), func(_ string, e rawEvent) { raw[e.Properties.ID]++ })
	require.Empty(t, clients.events.Differences(raw), "raw lines")
	for _, query := range []string{
		"SELECT json_extract_path_text(properties, 'ids') FROM people.mp_people_data WHERE distinct_id LIKE 'profile-%'",
		"SELECT ids FROM users.mp_people_data WHERE mp_distinct_id LIKE 'profile-%'",
	} {
		require.Empty(t, clients.operations.Differences(elements(t, s, query)), query)
	}
	for _, table := range []string{"links.mp_identity_mappings_data", "users.mp_identity_mappings_data"} {
		require.Empty(t, clients.links.Differences(s.Tally("SELECT distinct_id FROM "+table)), table)
	}
	require.Empty(t, big.Differences(s.Tally("SELECT json_extract_path_text(properties, 'id') FROM archive.mp_master_event")))
	owner := awsClient(s, "AKIAOWNER00000000000", "owners-secret")
	for _, database := range []string{"events", "days", "tables", "people", "links", "users", "archive"} {
		requirePartitionsOnce(t, glue.NewFromConfig(owner), database)
	}
	uploads, err := s3.NewFromConfig(owner, func(o *s3.Options) { o.UsePathStyle = true }).ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("lake")})
	require.NoError(t, err)
	require.Empty(t, uploads.Uploads, "uploads that nobody completed or aborted")
}

// apart is how many calls of an operation pass between two scripted failures. Where they are few, and repeated by the client, each fails.
func apart(operation string) int {
	switch operation {
	case "PutObject", "GetTable":
		return 7
	case "CreateTable", "UpdateTable", "BatchCreatePartition":
		return 1 // these are not repeated by the client: the whole run is
	}
	return 0
}

// sendBig sends events to the archive that hardly shrink, of one day: more than 16 MiB of them when they are compressed, the size from
// which objects travel in parts. Their noise comes in lines, since longer
// texts are cut.
func sendBig(t *testing.T, s *harness.Service, p control.Project) *harness.Ledger {
	t.Helper()
	sender := &harness.Sender{Service: s, Token: p.Token}
	ledger := harness.NewLedger()
	random := rand.NewChaCha8([32]byte{byte(*seed)})
	at := time.Now().AddDate(0, 0, -1).UnixMilli()
	noise := make([]byte, 180)
	for batch := range 8 {
		var events []harness.Object
		for i := range 65 {
			id := fmt.Sprintf("image-%d", 100*batch+i)
			properties := harness.Object{"id": id, "$insert_id": id, "time": at, "distinct_id": "ann"}
			for line := range 200 {
				_, _ = random.Read(noise) // it never fails
				properties[fmt.Sprint("line ", line)] = base64.StdEncoding.EncodeToString(noise)
			}
			events = append(events, sender.Event("Scanned", properties))
			ledger.Acknowledged(id)
		}
		sender.MustSend(sender.Import, events...)
	}
	return ledger
}

// createLakePipelines makes a pipeline of each kind that reaches S3, Glue and the Data API by the customer's role, each in a place of its own
// with an external schema of its own, and one of the archive.
func createLakePipelines(t *testing.T, s *harness.Service, shop, archive control.Project) {
	t.Helper()
	create := func(p control.Project, name, kind, source string, more ...string) {
		parameters := url.Values{
			"type": {kind}, "data_source": {source}, "name": {name}, "s3_bucket": {"lake"}, "s3_prefix": {name}, "s3_region": {"us-east-1"}, "s3_role": {lakeRole},
		}
		if kind == "s3-raw" {
			parameters.Set("frequency", "hourly")
		} else {
			more = append(more, "frequency=continuous", "interval=200ms", "use_glue=true", "glue_database="+name, "glue_role="+lakeRole,
				"redshift_workgroup=refract", "redshift_database=dev", "redshift_role="+lakeRole, "redshift_schema="+name)
		}
		for _, parameter := range more {
			name, value, _ := strings.Cut(parameter, "=")
			parameters.Set(name, value)
		}
		_, err := s.API().CreatePipeline(s.Context(), p.ID, parameters)
		require.NoError(t, err, name)
	}
	from := "from_date=" + time.Now().AddDate(0, 0, -25).Format(time.DateOnly)
	create(archive, "archive", "json", "events")
	create(shop, "events", "json", "events")
	create(shop, "days", "aws", "events", "data_format=parquet", "sync=true", from)
	create(shop, "tables", "aws", "events", "schema_type=multischema", from)
	create(shop, "people", "json", "people")
	create(shop, "links", "json", "identities")
	create(shop, "users", "aws", "people", "data_format=parquet", from)
	create(shop, "raw", "s3-raw", "events", from)
}

// mend does what the user is told to: it runs pipelines again that a service has blamed the user for, such as for a clock that is wrong. It does
// not wait for the pauses of the others either, which grow with every failure.
func mend(t *testing.T, s *harness.Service, projects ...control.Project) {
	t.Helper()
	for _, p := range projects {
		all, err := s.API().Pipelines(s.Context(), p.ID)
		require.NoError(t, err)
		for _, x := range all {
			runs, err := s.API().Runs(s.Context(), p.ID, x.ID, 1)
			require.NoError(t, err)
			if x.AttachError != "" || x.Type == "s3-raw" || len(runs) > 0 && runs[0].LastError != nil && (runs[0].State == string(pipeline.Retried) || runs[0].LastError.Class == "setup") {
				require.NoError(t, s.API().ChangePipeline(s.Context(), p.ID, x.ID, "run"))
			}
		}
	}
}

// awaitLake waits until all pipelines of a project have published what is in the log and their warehouse has read it.
func awaitLake(t *testing.T, s *harness.Service, p control.Project) {
	t.Helper()
	status, err := s.API().Status(s.Context())
	require.NoError(t, err)
	s.Await("everything is published and attached", func() bool {
		mend(t, s, p)
		all, err := s.API().Pipelines(s.Context(), p.ID)
		require.NoError(t, err)
		for _, x := range all {
			if x.Published < status.LogPosition || x.UseGlue && !x.Attached {
				return false
			}
		}
		return true
	})
}

// requirePartitionsOnce compares the partitions of each table of a database, which has some: no two are of the same day, or in the same place.
func requirePartitionsOnce(t *testing.T, api *glue.Client, database string) {
	t.Helper()
	tables, err := api.GetTables(t.Context(), &glue.GetTablesInput{DatabaseName: &database})
	require.NoError(t, err)
	require.NotEmpty(t, tables.TableList, database)
	for _, table := range tables.TableList {
		seen := map[string]bool{}
		pages := glue.NewGetPartitionsPaginator(api, &glue.GetPartitionsInput{DatabaseName: &database, TableName: table.Name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			for _, partition := range page.Partitions {
				for _, what := range []string{fmt.Sprint(partition.Values), strings.TrimSuffix(aws.ToString(partition.StorageDescriptor.Location), "/")} {
					require.False(t, seen[what], "%s.%s has %s twice", database, *table.Name, what)
					seen[what] = true
				}
			}
		}
		if len(table.PartitionKeys) > 0 {
			require.NotEmpty(t, seen, "%s.%s", database, *table.Name)
		}
	}
}
