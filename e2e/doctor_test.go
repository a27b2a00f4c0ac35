package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/aws/doctor"
)

// doctorAccount is what the printed documents are put into: the exporter in one account, the roles in the customer's, and its owner.
const (
	doctorToken    = "0123456789abcdef0123456789abcdef"
	doctorExporter = "arn:aws:iam::485438090326:user/exporter"
	doctorKey      = "arn:aws:kms:us-east-1:123456789012:key/6f1d0c3e-58b1-4c8c-9d3f-0a1b2c3d4e5f"
)

// doctorQuestions are what AWS's documents leave open and doctor asks.
var doctorQuestions = []string{
	"a Glue table of 5,000 columns", "a Glue table of 1 MB",
	"INT64 TIMESTAMP_MICROS", "INT64 TIMESTAMP_MILLIS", "Parquet columns by name or by position", "a column that a Parquet file lacks", "INT32 under bigint",
	"zstd pages in Parquet", "Parquet pages of version 2", "DELTA_BINARY_PACKED in Parquet", "DELTA_LENGTH_BYTE_ARRAY in Parquet", "DELTA_BYTE_ARRAY in Parquet",
	"BYTE_STREAM_SPLIT in Parquet", "a Parquet table without parameters", "a JSON table without parameters", "a Parquet string of 70,000 bytes",
	"a JSON string of 20,000 bytes", "properties in JSON, an escaped string", "a JSON object under string", "a JSON string under bigint", "a JSON text under bigint",
	"a JSON fraction under bigint", "a JSON number under string", "the JSON SerDe's property case.insensitive", "the JSON SerDe's property mapping",
	"the JSON SerDe's property ignore.malformed.json",
	"from a statement to its start", "CREATE EXTERNAL SCHEMA on a Glue database that is not there", "CREATE EXTERNAL SCHEMA in a batch", "svl_s3log", "DbUser with a workgroup",
}

// TestAnAccountAsRefractPrintsIt makes an account from the documents of `refract aws policies`, exports into it, and lets doctor look: with
// the narrowed documents the exporter gets by, doctor is content, and finds something out about everything it asks.
func TestAnAccountAsRefractPrintsIt(t *testing.T) {
	workgroup := "arn:aws:redshift-serverless:us-east-1:123456789012:workgroup/" +
		uuid.NewSHA1(uuid.NameSpaceURL, []byte("arn:aws:redshift-serverless:us-east-1:123456789012:workgroup/refract")).String()
	plan := []string{
		"--external-id", doctorToken, "--project-id", "7", "--exporter", doctorExporter, "--account", "123456789012",
		"--s3-bucket", "lake", "--s3-prefix", "mixpanel", "--s3-region", "us-east-1", "--s3-encryption", "kms", "--s3-kms-key-id", doctorKey,
		"--glue-database", "mixpanel", "--redshift-workgroup", workgroup, "--redshift-database", "dev",
	}
	printed := harness.Run(t, nil, append([]string{"aws", "policies", "--json"}, plan...)...)
	require.Zero(t, printed.Status, printed.Stderr)
	identities := filepath.Join(t.TempDir(), "identities.yaml")
	require.NoError(t, os.WriteFile(identities, accounts(t, []byte(printed.Stdout)), 0o600))
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXPORTER00000000")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "exporters-secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	address := harness.FreePort(t)
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--aws-listen", address, "--aws-identities", identities, "--aws-account", "123456789012",
		"--destination-endpoint-url", "http://"+address, "--destination-path-style", "true")
	s.Start()
	_, err := glue.NewFromConfig(awsClient(s, "AKIAOWNER00000000000", "owners-secret")).CreateDatabase(s.Context(), &glue.CreateDatabaseInput{
		DatabaseInput: &gluetypes.DatabaseInput{Name: aws.String("mixpanel")},
	})
	require.NoError(t, err)
	p := s.CreateProject("shop", "--id", "7", "--token", doctorToken)

	// Before there is a pipeline doctor looks at the plan. All but the warehouse's own grant is as it should be.
	roles := []string{
		"--s3-role", "arn:aws:iam::123456789012:role/refract-7-s3", "--glue-role", "arn:aws:iam::123456789012:role/refract-7-glue",
		"--redshift-role", "arn:aws:iam::123456789012:role/refract-7-redshift",
	}
	planned, status := examine(t, s, append(plan[4:], roles...)...)
	require.Equal(t, 1, status)
	require.Equal(t, 1, planned.Count(doctor.Failed), planned)
	for _, c := range planned.Checks {
		if c.Status == doctor.Failed {
			require.Equal(t, "CREATE on the database", c.Name)
			s.Rows(strings.TrimPrefix(c.Remedy, "as an administrator of the database run: "))
		}
	}

	names, err := s.API().CreatePipeline(s.Context(), p.ID, url.Values{
		"type": {"json"}, "data_source": {"events"}, "frequency": {"continuous"}, "interval": {"100ms"},
		"s3_bucket": {"lake"}, "s3_prefix": {"mixpanel"}, "s3_region": {"us-east-1"}, "s3_role": {roles[1]}, "s3_encryption": {"kms"}, "s3_kms_key_id": {doctorKey},
		"use_glue": {"true"}, "glue_database": {"mixpanel"}, "glue_role": {roles[3]},
		"redshift_workgroup": {workgroup}, "redshift_database": {"dev"}, "redshift_role": {roles[5]}, "redshift_grant_usage": {"IAMR:refract-7-redshift"},
	})
	require.NoError(t, err)
	sender := harness.Sender{Service: s, Token: p.Token}
	sender.MustSend(sender.Track, sender.Event("Seen", harness.Object{"distinct_id": "ann"}))
	s.AwaitPublished(p.ID)
	s.Await("the warehouse is attached", func() bool {
		return len(s.Rows(`SELECT 1 FROM svv_external_schemas WHERE schemaname = 'mp_json_export'`)) == 1
	})
	require.Equal(t, [][]string{{"ann"}}, s.Rows(`SELECT distinct_id FROM mp_json_export.mp_master_event`))

	report, status := examine(t, s, names[0], "--deep")
	require.Zero(t, status, report)
	require.Zero(t, report.Count(doctor.Failed)+report.Count(doctor.Warned)+report.Count(doctor.Unclear), report)
	var found []string
	for _, c := range report.Checks {
		if c.Status == doctor.Found {
			found = append(found, c.Name)
		}
	}
	require.Equal(t, doctorQuestions, found)
	require.Empty(t, report.Open)
	require.Equal(t, [][]string{{"mp_master_event"}}, s.Rows(`SELECT tablename FROM svv_external_tables WHERE schemaname = 'mp_json_export'`), "no table is left")
	require.NoError(t, filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		require.False(t, err == nil && !d.IsDir() && strings.Contains(path, "refract-doctor"), "the object %s is left", path)
		return nil // the service's own files come and go
	}))
	text := s.Run("aws", "doctor", names[0], "--project", "shop")
	require.Zero(t, text.Status, text.Stdout)
	require.Contains(t, text.Stdout, fmt.Sprint(len(doctorQuestions), " questions that AWS's documents leave open are not settled"))
	require.Contains(t, text.Stdout, "  ok     a wrong external ID for refract-7-s3")
	require.Regexp(t, `ok     reader IAMR:refract-7-redshift +has USAGE and TEMP`, text.Stdout)

	// A second pipeline with the first one's roles: documents for one alone would take the other's rights.
	second, err := s.API().CreatePipeline(s.Context(), p.ID, url.Values{
		"type": {"json"}, "data_source": {"people"}, "s3_bucket": {"lake"}, "s3_prefix": {"people"}, "s3_region": {"us-east-1"}, "s3_role": {roles[1]},
		"use_glue": {"true"}, "glue_database": {"mixpanel"}, "glue_role": {roles[3]}, "name": {"second"},
	})
	require.NoError(t, err)
	alone := s.Run("aws", "policies", names[0], "--project", "shop")
	require.Zero(t, alone.Status, alone.Stderr)
	require.Contains(t, alone.Stderr, "would lose their rights to these documents: ")
	require.NotContains(t, alone.Stdout, "arn:aws:s3:::lake/people/7/*")
	both := s.Run("aws", "policies", names[0], second[0], "--project", "shop")
	require.Zero(t, both.Status, both.Stderr)
	require.Empty(t, both.Stderr)
	for _, folder := range []string{"mixpanel", "people"} {
		require.Contains(t, both.Stdout, `"arn:aws:s3:::lake/`+folder+`/7/*"`)
	}
}

// accounts is the file of identities with the roles and policies that were printed.
func accounts(t *testing.T, printed []byte) []byte {
	type printedPolicy struct {
		Name     string
		Document json.RawMessage
	}
	var documents struct {
		Exporter printedPolicy
		Roles    []struct {
			Name     string
			Trust    printedPolicy
			Policies []printedPolicy
		}
	}
	require.NoError(t, json.Unmarshal(printed, &documents))
	type object = map[string]any
	user := func(name, id, secret string, policy any) object {
		return object{"name": name, "access_keys": []object{{"id": id, "secret": secret}}, "policies": []any{policy}}
	}
	roles := []object{}
	for _, r := range documents.Roles {
		policies := []json.RawMessage{}
		for _, p := range r.Policies {
			policies = append(policies, p.Document)
		}
		roles = append(roles, object{"name": r.Name, "trust": r.Trust.Document, "policies": policies})
	}
	all := json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	file, err := json.Marshal(object{"accounts": []object{
		{"id": "485438090326", "users": []object{user("exporter", "AKIAEXPORTER00000000", "exporters-secret", documents.Exporter.Document)}},
		{
			"id": "123456789012", "users": []object{user("owner", "AKIAOWNER00000000000", "owners-secret", all)}, "roles": roles,
			"keys": []object{{"alias": "lake", "id": doctorKey[strings.LastIndexByte(doctorKey, '/')+1:]}},
		},
	}})
	require.NoError(t, err)
	return file // JSON is YAML
}

func examine(t *testing.T, s *harness.Service, args ...string) (*doctor.Report, int) {
	out := s.Run(append([]string{"aws", "doctor", "--project", "shop", "--json"}, args...)...)
	report := &doctor.Report{}
	require.NoError(t, json.Unmarshal([]byte(out.Stdout), report), out.Stderr)
	return report, out.Status
}
