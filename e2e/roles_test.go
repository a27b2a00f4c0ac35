package e2e

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
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
		secret   = "the-secret-of-the-exporter"
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
				"name": "exporter", "access_keys": []any{map[string]string{"id": "AKIAEXPORTER00000000", "secret": secret}},
				"policies": []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`},
			}}}
			identities, err := json.Marshal(map[string]any{"accounts": []any{customer, vendor}}) // JSON is YAML
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "identities.yaml")
			require.NoError(t, os.WriteFile(file, identities, 0o600))

			address := harness.FreePort(t)
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXPORTER00000000")
			t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			s := harness.Start(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--aws-listen", address, "--aws-account", "123456789012",
				"--aws-identities", file, "--destination-endpoint-url", "http://"+address)
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
			requireNowhere(t, s, p, secret)
		})
	}
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
