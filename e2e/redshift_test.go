package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"
	"github.com/aws/aws-sdk-go-v2/service/redshiftserverless"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/export/pipeline"
)

// redshiftIdentities are Mixpanel's account with its export user, and a customer's with the roles of the published pages, their documents as
// they are printed, and an analyst.
const redshiftIdentities = `accounts:
  - id: "485438090326"
    users:
      - name: mixpanel-export
        access_keys: [{id: AKIAMIXPANELEXPORT00, secret: exporters-secret}]
        policies: ['{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}']
  - id: "123456789012"
    users:
      - name: ann
        access_keys: [{id: AKIAANN0000000000000, secret: anns-secret}]
        policies: ['{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["redshift-data:*","redshift-serverless:*"],"Resource":"*"}]}']
      - name: owner
        access_keys: [{id: AKIAOWNER00000000000, secret: owners-secret}]
        policies: ['{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}']
    roles:
      - {name: s3-role, trust: DOCUMENTS/trust.json, policies: [DOCUMENTS/s3.json]}
      - {name: glue-role, trust: DOCUMENTS/trust.json, policies: [DOCUMENTS/glue-json.json]}
      - {name: redshift-role, trust: DOCUMENTS/trust-redshift.json, policies: [DOCUMENTS/redshift.json]}
`

const spectrumQuery = `SELECT distinct_id FROM "dev"."mp_json_export"."mp_master_event" WHERE json_extract_path_text(properties, '$city') = 'San Francisco' LIMIT 10;`

// TestRedshiftSpectrum walks through Mixpanel's page "AWS Redshift Spectrum" with the service as customer's account and as Mixpanel: a pipeline
// writes to S3, Glue and Redshift by three assumed roles, the administrator grants what is missing, and an analyst queries through
// the Data API, by SDK, password and awscli.
func TestRedshiftSpectrum(t *testing.T) {
	documents, err := filepath.Abs("../internal/aws/policy/testdata")
	require.NoError(t, err)
	identities := filepath.Join(t.TempDir(), "identities.yaml")
	require.NoError(t, os.WriteFile(identities, []byte(strings.ReplaceAll(redshiftIdentities, "DOCUMENTS", documents)), 0o600))
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAMIXPANELEXPORT00")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "exporters-secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	address := harness.FreePort(t)
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--aws-listen", address, "--aws-identities", identities, "--aws-account", "123456789012",
		"--lake-bucket", "mixpanel-lake", "--destination-endpoint-url", "http://"+address, "--destination-path-style", "true")
	s.Start()
	// "Step 1: Create Glue Database" is the account owner's: the role may not.
	_, err = glue.NewFromConfig(awsClient(s, "AKIAOWNER00000000000", "owners-secret")).CreateDatabase(s.Context(), &glue.CreateDatabaseInput{
		DatabaseInput: &gluetypes.DatabaseInput{Name: aws.String("mixpanel")},
	})
	require.NoError(t, err)
	p := s.CreateProject("shop")
	role := func(name string) []string { return []string{"arn:aws:iam::123456789012:role/" + name} }
	_, err = s.API().CreatePipeline(s.Context(), p.ID, url.Values{
		"type": {"json"}, "data_source": {"events"}, "frequency": {"continuous"}, "interval": {"100ms"},
		"s3_bucket": {"mixpanel-lake"}, "s3_region": {"us-east-1"}, "s3_role": role("s3-role"),
		"use_glue": {"true"}, "glue_database": {"mixpanel"}, "glue_role": role("glue-role"),
		"redshift_workgroup": {"refract"}, "redshift_database": {"dev"}, "redshift_role": role("redshift-role"),
	})
	require.NoError(t, err)
	sender := harness.Sender{Service: s, Token: p.Token}
	sender.MustSend(sender.Track, sender.Event("Seen", harness.Object{"distinct_id": "ann", "$city": "San Francisco"}))
	sender.MustSend(sender.Track, sender.Event("Seen", harness.Object{"distinct_id": "bob", "$city": "Oslo"}))

	shown := func() control.Pipeline {
		all, err := s.API().Pipelines(s.Context(), p.ID)
		require.NoError(t, err)
		require.Len(t, all, 1)
		return all[0]
	}
	retry := func() {
		require.NoError(t, s.API().ChangePipeline(s.Context(), p.ID, shown().ID, "run"))
	}
	s.Await("the first attachment fails for want of a grant", func() bool { return shown().AttachError != "" })
	require.Contains(t, shown().AttachError, `GRANT CREATE ON DATABASE "dev" TO "IAMR:redshift-role"`)
	require.Equal(t, [][]string{{"IAMR:redshift-role"}}, s.Rows(`SELECT usename FROM pg_user WHERE usename LIKE 'IAMR:redshift-role'`))
	s.Rows(`GRANT CREATE ON DATABASE "dev" TO "IAMR:redshift-role"`)
	require.Equal(t, [][]string{{"t"}}, s.Rows(`SELECT HAS_DATABASE_PRIVILEGE('IAMR:redshift-role', 'dev', 'CREATE')`))
	retry()
	s.AwaitPublished(p.ID)
	s.Await("the pipeline tells what the warehouse saw", func() bool { return shown().Attachment != nil })
	seen := shown().Attachment
	require.Equal(t, pipeline.Attachment{Schema: "mp_json_export", User: "IAMR:redshift-role", Tables: 1, Table: "mp_master_event", Rows: 1, At: seen.At}, *seen)
	require.Equal(t, [][]string{{"mp_json_export", "mixpanel"}}, s.Rows(`SELECT schemaname, databasename FROM svv_external_schemas`))

	ann := redshiftdata.NewFromConfig(awsClient(s, "AKIAANN0000000000000", "anns-secret"))
	_, failed := dataAPI(t, s, ann, spectrumQuery)
	require.Contains(t, failed, "permission denied for schema mp_json_export")
	s.Rows(`GRANT USAGE ON SCHEMA "mp_json_export" TO "IAM:ann"`)
	rows, failed := dataAPI(t, s, ann, spectrumQuery)
	require.Empty(t, failed)
	require.Equal(t, [][]types.Field{{&types.FieldMemberStringValue{Value: "ann"}}}, rows)

	// The statement's record and rows outlive the process.
	sent, err := ann.ExecuteStatement(s.Context(), &redshiftdata.ExecuteStatementInput{Sql: aws.String(spectrumQuery), Database: aws.String("dev"), WorkgroupName: aws.String("refract")})
	require.NoError(t, err)
	awaitStatement(s, ann, *sent.Id)
	s.Restart()
	kept, err := ann.GetStatementResult(s.Context(), &redshiftdata.GetStatementResultInput{Id: sent.Id})
	require.NoError(t, err)
	require.Len(t, kept.Records, 1)

	credentials, err := redshiftserverless.NewFromConfig(awsClient(s, "AKIAANN0000000000000", "anns-secret")).GetCredentials(s.Context(),
		&redshiftserverless.GetCredentialsInput{WorkgroupName: aws.String("refract"), DbName: aws.String("dev")})
	require.NoError(t, err)
	config, err := pgx.ParseConfig(s.DSN())
	require.NoError(t, err)
	config.User, config.Password = *credentials.DbUser, *credentials.DbPassword
	conn, err := pgx.ConnectConfig(s.Context(), config)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }() // the service may be gone
	var user string
	require.NoError(t, conn.QueryRow(s.Context(), "SELECT current_user").Scan(&user))
	require.Equal(t, "IAM:ann", user)

	viaCluster(t, s)

	secret := redshiftdata.NewFromConfig(awsClient(s, "AKIAOWNER00000000000", "owners-secret"))
	sent, err = secret.ExecuteStatement(s.Context(), &redshiftdata.ExecuteStatementInput{
		Sql: aws.String("SELECT current_user"), Database: aws.String("dev"), WorkgroupName: aws.String("refract"), SecretArn: aws.String("refract/sql-admin"),
	})
	require.NoError(t, err)
	awaitStatement(s, secret, *sent.Id)
	kept, err = secret.GetStatementResult(s.Context(), &redshiftdata.GetStatementResultInput{Id: sent.Id})
	require.NoError(t, err)
	require.Equal(t, [][]types.Field{{&types.FieldMemberStringValue{Value: "refract"}}}, kept.Records)
	awscliQueries(t, s)
}

// viaCluster logs in as a driver does that is given a cluster and a database user.
func viaCluster(t *testing.T, s *harness.Service) {
	t.Helper()
	got, err := redshift.NewFromConfig(awsClient(s, "AKIAOWNER00000000000", "owners-secret")).GetClusterCredentials(s.Context(),
		&redshift.GetClusterCredentialsInput{ClusterIdentifier: aws.String("refract"), DbUser: aws.String("refract"), DbName: aws.String("dev")})
	require.NoError(t, err)
	config, err := pgx.ParseConfig(s.DSN())
	require.NoError(t, err)
	config.User, config.Password = *got.DbUser, *got.DbPassword
	conn, err := pgx.ConnectConfig(s.Context(), config)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }() // the service may be gone
	var user string
	require.NoError(t, conn.QueryRow(s.Context(), "SELECT current_user").Scan(&user))
	require.Equal(t, []string{"IAM:refract", "refract"}, []string{*got.DbUser, user})
}

func awsClient(s *harness.Service, id, secret string) aws.Config {
	endpoint := s.AWSURL()
	return aws.Config{Region: "us-east-1", BaseEndpoint: &endpoint, HTTPClient: assume.HTTPClient(nil), Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
	})}
}

func awaitStatement(s *harness.Service, c *redshiftdata.Client, id string) *redshiftdata.DescribeStatementOutput {
	var got *redshiftdata.DescribeStatementOutput
	s.Await("the statement ends", func() bool {
		var err error
		got, err = c.DescribeStatement(s.Context(), &redshiftdata.DescribeStatementInput{Id: &id})
		return err == nil && (got.Status == "FINISHED" || got.Status == "FAILED" || got.Status == "ABORTED")
	})
	return got
}

// dataAPI runs a statement and returns its rows, or what the warehouse says.
func dataAPI(t *testing.T, s *harness.Service, c *redshiftdata.Client, sql string) ([][]types.Field, string) {
	t.Helper()
	sent, err := c.ExecuteStatement(s.Context(), &redshiftdata.ExecuteStatementInput{Sql: &sql, Database: aws.String("dev"), WorkgroupName: aws.String("refract")})
	require.NoError(t, err)
	if got := awaitStatement(s, c, *sent.Id); got.Status != types.StatusStringFinished {
		return nil, aws.ToString(got.Error)
	}
	out, err := c.GetStatementResult(s.Context(), &redshiftdata.GetStatementResultInput{Id: sent.Id})
	require.NoError(t, err)
	return out.Records, ""
}

// awscliQueries asks as ann, with Amazon's own client, if it is installed.
func awscliQueries(t *testing.T, s *harness.Service) {
	t.Helper()
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Log("awscli is not installed: make deps installs it")
		return
	}
	run := func(into any, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), cli, append([]string{"--endpoint-url", s.AWSURL(), "--region", "us-east-1", "--output", "json", "redshift-data"}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIAANN0000000000000", "AWS_SECRET_ACCESS_KEY=anns-secret", "AWS_PAGER=")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		require.NoError(t, json.Unmarshal(out, into))
	}
	var sent struct {
		ID string `json:"Id"`
	}
	run(&sent, "execute-statement", "--workgroup-name", "refract", "--database", "dev", "--sql", "SELECT count(*) FROM mp_json_export.mp_master_event WHERE distinct_id = :id",
		"--parameters", `[{"name":"id","value":"bob"}]`)
	var got struct{ Status, Error string }
	for deadline := time.Now().Add(time.Minute); got.Status != "FINISHED" && time.Now().Before(deadline); {
		run(&got, "describe-statement", "--id", sent.ID)
		require.Empty(t, got.Error)
	}
	var result struct{ Records json.RawMessage }
	run(&result, "get-statement-result", "--id", sent.ID)
	require.JSONEq(t, `[[{"longValue":1}]]`, string(result.Records))
	var list struct {
		Statements []struct {
			ID string `json:"Id"`
		}
	}
	run(&list, "list-statements")
	require.Contains(t, fmt.Sprint(list.Statements), sent.ID)
}
