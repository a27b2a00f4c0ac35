package endpoint_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/glueapi"
	"github.com/refract-io/refract/internal/platform/meta"
)

const (
	account   = "123456789012"
	region    = "eu-central-1"
	allowAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	readGlue  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"glue:Get*","Resource":"*"}]}`
	trustRoot = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/admin"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"project-token"}}}]}`
)

// serve returns a function that makes SDK configurations for the endpoint.
func serve(t *testing.T) func(id, secret, session string) aws.Config {
	t.Helper()
	db, err := meta.Open(t.Context(), filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	authority, err := sts.New([]sts.Account{{
		ID:    account,
		Users: []sts.User{{Name: "admin", AccessKeys: []sts.AccessKey{{ID: "AKIAADMIN00000000000", Secret: "admin-secret"}}, Policies: []string{allowAll}}},
		Roles: []sts.Role{{Name: "reader", Trust: trustRoot, Policies: []string{readGlue}}},
	}}, nil)
	require.NoError(t, err)
	server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority, Region: region, Services: map[string]http.Handler{
		"glue": glueapi.New(catalog.Open(db), authority, glueapi.Config{Partition: "aws", Account: account, Region: region, Log: slog.New(slog.DiscardHandler)}),
	}}))
	t.Cleanup(server.Close)
	return func(id, secret, session string) aws.Config {
		return aws.Config{Region: region, BaseEndpoint: &server.URL, HTTPClient: assume.HTTPClient(nil), RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: session}, nil
			})}
	}
}

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, code, api.ErrorCode(), api.ErrorMessage())
}

func TestARoleMayDoWhatItsPolicyAllows(t *testing.T) {
	ctx := t.Context()
	config := serve(t)
	admin := config("AKIAADMIN00000000000", "admin-secret", "")
	_, err := glue.NewFromConfig(admin).CreateDatabase(ctx, &glue.CreateDatabaseInput{DatabaseInput: glueDatabase("events")})
	require.NoError(t, err)
	identity, err := awssts.NewFromConfig(admin).GetCallerIdentity(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, "arn:aws:iam::"+account+":user/admin", *identity.Arn)

	role := aws.String("arn:aws:iam::" + account + ":role/reader")
	_, err = awssts.NewFromConfig(admin).AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("s1"), ExternalId: aws.String("wrong")})
	requireCode(t, err, "AccessDenied")
	session, err := awssts.NewFromConfig(admin).AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("s1"), ExternalId: aws.String("project-token")})
	require.NoError(t, err)
	reader := glue.NewFromConfig(config(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken))
	got, err := reader.GetDatabase(ctx, &glue.GetDatabaseInput{Name: aws.String("events")})
	require.NoError(t, err)
	require.Equal(t, "events", *got.Database.Name)
	_, err = reader.CreateDatabase(ctx, &glue.CreateDatabaseInput{DatabaseInput: glueDatabase("more")})
	requireCode(t, err, "AccessDeniedException")
}

func TestWrongSignaturesAreRefusedInTheRequestsProtocol(t *testing.T) {
	config := serve(t)
	for _, c := range []aws.Config{config("AKIAADMIN00000000000", "wrong", ""), config("AKIANOBODY0000000000", "admin-secret", "")} {
		_, err := glue.NewFromConfig(c).GetDatabases(t.Context(), nil)
		require.Error(t, err)
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		require.Contains(t, []string{"InvalidSignatureException", "UnrecognizedClientException"}, api.ErrorCode())
		_, err = awssts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil)
		require.ErrorAs(t, err, &api)
		require.Contains(t, []string{"SignatureDoesNotMatch", "InvalidClientTokenId"}, api.ErrorCode())
	}
}

func TestAServiceThatIsNotServedIsNamed(t *testing.T) {
	c := serve(t)("AKIAADMIN00000000000", "admin-secret", "")
	_, err := glue.NewFromConfig(c, func(o *glue.Options) { o.AuthSchemeResolver = kinesis{} }).GetDatabases(t.Context(), nil)
	requireCode(t, err, "UnknownOperationException")
	require.ErrorContains(t, err, "The service kinesis is not served here; these are: glue, sts.")
}

func glueDatabase(name string) *types.DatabaseInput { return &types.DatabaseInput{Name: &name} }

// kinesis makes a client sign for another service than its own.
type kinesis struct{}

func (kinesis) ResolveAuthSchemes(context.Context, *glue.AuthResolverParameters) ([]*smithyauth.Option, error) {
	option := &smithyauth.Option{SchemeID: smithyauth.SchemeIDSigV4}
	smithyhttp.SetSigV4SigningName(&option.SignerProperties, "kinesis")
	smithyhttp.SetSigV4SigningRegion(&option.SignerProperties, region)
	return []*smithyauth.Option{option}, nil
}
