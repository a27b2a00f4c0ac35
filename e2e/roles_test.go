package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/redshiftserverless"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/grant"
)

// TestPipelinesThroughAssumedRoles exports as into a customer's account: one user may do nothing but assume roles, the customer's roles
// trust it with the project's token as external id and have the policies that `refract aws policies` prints, objects are encrypted with
// a key of KMS, and the catalog is Glue's. A role that trusts somebody else fails its pipeline with the reason.
func TestPipelinesThroughAssumedRoles(t *testing.T) {
	const (
		exporter = "arn:aws:iam::485438090326:user/exporter"
		roles    = "arn:aws:iam::123456789012:role/"
		region   = "us-east-1"
		keyID    = "1234abcd-12ab-34cd-56ef-1234567890ab"
		keyARN   = "arn:aws:kms:" + region + ":123456789012:key/" + keyID
		token    = "0123456789abcdef0123456789abcdef"
		key      = "the-secret-of-the-exporter"
		project  = 2195193
		database = "mixpanel"
	)
	for name, form := range map[string]grant.Form{"narrowed policies": grant.Narrowed, "policies as documented": grant.Documented} {
		t.Run(name, func(t *testing.T) {
			settings := &grant.Settings{
				Project: project, ExternalID: token, Exporter: exporter,
				S3:   grant.S3{Bucket: "customer-lake", Prefix: "mixpanel", Region: region, Role: roles + "mixpanel-s3", Encryption: "kms", KMSKey: keyARN},
				Glue: &grant.Glue{Database: database, Region: region, Role: roles + "mixpanel-glue", Tables: []string{"mp_master_event"}},
			}
			require.NoError(t, settings.Check())
			customer := map[string]any{"id": "123456789012", "keys": []any{map[string]any{"alias": "lake", "id": keyID}}}
			var list []any
			for _, r := range settings.Roles(form) {
				var policies []string
				for _, p := range r.Policies {
					policies = append(policies, p.Text)
				}
				list = append(list, map[string]any{"name": r.Name, "trust": r.Trust.Text, "policies": policies})
			}
			customer["roles"] = append(list, map[string]any{"name": "unwilling", "trust": strings.ReplaceAll(settings.Roles(form)[0].Trust.Text, token, "another-token")})
			vendor := map[string]any{"id": "485438090326", "users": []any{map[string]any{
				"name": "exporter", "access_keys": []any{map[string]string{"id": "AKIAEXPORTER00000000", "secret": key}},
				"policies": []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`},
			}}}
			identities, err := json.Marshal(map[string]any{"accounts": []any{customer, vendor}}) // JSON is YAML
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "identities.yaml")
			require.NoError(t, os.WriteFile(file, identities, 0o600))

			address := harness.FreePort(t)
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXPORTER00000000")
			t.Setenv("AWS_SECRET_ACCESS_KEY", key)
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			sessions := recordSessions(t, address)
			s := harness.Start(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--aws-listen", address, "--aws-account", "123456789012",
				"--aws-identities", file, "--destination-endpoint-url", sessions.url, "--telemetry-log-level", "debug")
			account := administrator(t, s, address)
			_, err = s3.NewFromConfig(account, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("customer-lake")})
			require.NoError(t, err)
			_, err = glue.NewFromConfig(account).CreateDatabase(t.Context(), &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{Name: aws.String(database)}})
			require.NoError(t, err)

			p := s.CreateProject("shop", "--id", "2195193", "--token", token)
			parameters := url.Values{
				"type": {"json"}, "data_source": {"events"}, "frequency": {"continuous"}, "interval": {"100ms"},
				"s3_bucket": {"customer-lake"}, "s3_prefix": {"mixpanel"}, "s3_region": {region}, "s3_role": {settings.S3.Role},
				"s3_encryption": {"kms"}, "s3_kms_key_id": {keyARN},
				"use_glue": {"true"}, "glue_database": {database}, "glue_role": {settings.Glue.Role},
			}
			_, err = s.API().CreatePipeline(s.Context(), p.ID, parameters)
			require.NoError(t, err)
			sender := harness.Sender{Service: s, Token: token}
			for range 3 {
				sender.MustSend(sender.Track, sender.Event("Seen", harness.Object{"distinct_id": "ann"}), sender.Event("Bought", harness.Object{"distinct_id": "bob"}))
				s.AwaitPublished(p.ID)
			}
			s.RequireExact("shop")

			objects, err := s3.NewFromConfig(account, func(o *s3.Options) { o.UsePathStyle = true }).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{
				Bucket: aws.String("customer-lake"), Prefix: aws.String("mixpanel/2195193/mp_master_event/"),
			})
			require.NoError(t, err)
			require.NotEmpty(t, objects.Contents)
			head, err := s3.NewFromConfig(account, func(o *s3.Options) { o.UsePathStyle = true }).HeadObject(t.Context(), &s3.HeadObjectInput{
				Bucket: aws.String("customer-lake"), Key: objects.Contents[0].Key,
			})
			require.NoError(t, err)
			require.EqualValues(t, "aws:kms", head.ServerSideEncryption)
			require.Equal(t, keyARN, aws.ToString(head.SSEKMSKeyId))

			parameters.Set("s3_role", roles+"unwilling")
			parameters.Set("s3_prefix", "elsewhere")
			parameters.Del("glue_database")
			parameters.Del("glue_role")
			parameters.Set("use_glue", "false")
			_, err = s.API().CreatePipeline(s.Context(), p.ID, parameters)
			require.NoError(t, err)
			s.Await("the role that does not trust us fails its pipeline", func() bool { return failedFor(t, s, p, "setup") })

			password, answers := offend(t, s, account, token, sessions.all()[0])
			planted := []secret{
				{what: "the exporter's key", text: key},
				{what: "the project's token", text: token, kept: []string{"meta.db", "log"}}, // of projects, and of what clients send
				{what: "the SQL password", text: s.Secret("sql-password"), kept: []string{"sql-password"}},
				{what: "a temporary password", text: password},
			}
			for _, session := range sessions.all() {
				planted = append(planted, secret{what: "a session's key id", text: session.AccessKeyID}, secret{what: "a session's key", text: session.SecretAccessKey},
					secret{what: "a session's token", text: session.SessionToken})
			}
			requireNowhere(t, s, p, answers, planted...)
		})
	}
}

// sessions is a way to the endpoint that remembers the sessions which STS hands out on it.
type sessions struct {
	url  string
	mu   sync.Mutex
	seen []aws.Credentials
}

// recordSessions opens such a way to the address.
func recordSessions(t *testing.T, address string) *sessions {
	s := &sessions{}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", address, r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if !strings.HasPrefix(r.Request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
				return nil
			}
			text, err := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(text))
			var answer struct {
				Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string } `xml:"AssumeRoleResult>Credentials"`
			}
			if err == nil && xml.Unmarshal(text, &answer) == nil && answer.Credentials.AccessKeyId != "" {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.seen = append(s.seen, aws.Credentials{
					AccessKeyID: answer.Credentials.AccessKeyId, SecretAccessKey: answer.Credentials.SecretAccessKey, SessionToken: answer.Credentials.SessionToken,
				})
			}
			return err
		},
	}
	server := httptest.NewServer(forward)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *sessions) all() []aws.Credentials {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// offend makes requests that are refused, with secrets in them, and returns the answers, and the temporary database password among the secrets.
func offend(t *testing.T, s *harness.Service, account aws.Config, token string, session aws.Credentials) (password string, answers []string) {
	t.Helper()
	refused := func(err error) {
		t.Helper()
		require.Error(t, err)
		answers = append(answers, err.Error())
	}
	got, err := redshiftserverless.NewFromConfig(account).GetCredentials(t.Context(), &redshiftserverless.GetCredentialsInput{
		WorkgroupName: aws.String("refract"), DbName: aws.String("dev"),
	})
	require.NoError(t, err)
	password = aws.ToString(got.DbPassword)
	for _, login := range [][2]string{{"refract", password}, {aws.ToString(got.DbUser), s.Secret("sql-password")}, {"nobody", password}} {
		config, err := pgx.ParseConfig(s.DSN())
		require.NoError(t, err)
		config.User, config.Password = login[0], login[1]
		_, err = pgx.ConnectConfig(t.Context(), config)
		refused(err)
	}
	as := account.Copy()
	as.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return session, nil })
	_, err = glue.NewFromConfig(as).DeleteDatabase(t.Context(), &glue.DeleteDatabaseInput{Name: aws.String("mixpanel")})
	refused(err)
	wrong := session
	wrong.SecretAccessKey += "x"
	as.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return wrong, nil })
	_, err = s3.NewFromConfig(as, func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(t.Context(), nil)
	refused(err)
	for _, path := range []string{"/import?strict=1", "/api/2.0/nessie/pipeline/create", "/api/2.0/export?from_date=x"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(`[{"event":"x","properties":{"token":"`+token+`"}}]`))
		require.NoError(t, err)
		req.SetBasicAuth(token, password)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
		require.GreaterOrEqual(t, resp.StatusCode, 400, path)
		answers = append(answers, string(text))
	}
	return password, answers
}

// administrator returns the configuration of the endpoint's own user, who may do everything in its account.
func administrator(t *testing.T, s *harness.Service, address string) aws.Config {
	t.Helper()
	// The file's keys come before those of the environment.
	shared, err := awsconfig.LoadSharedConfigProfile(t.Context(), "default", func(o *awsconfig.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{filepath.Join(s.Dir, "aws-credentials")}, []string{}
	})
	require.NoError(t, err)
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + address), HTTPClient: assume.HTTPClient(nil),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return shared.Credentials, nil }),
	}
}
