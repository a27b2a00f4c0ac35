package secrets_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/secrets"
	"github.com/refract-io/refract/internal/aws/sts"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
)

func serve(t *testing.T, declared ...secrets.Secret) func(policy string) *sdk.Client {
	t.Helper()
	return func(policy string) *sdk.Client {
		authority, err := sts.New([]sts.Account{{ID: account, Users: []sts.User{{
			Name: "u", AccessKeys: []sts.AccessKey{{ID: "AKIAU", Secret: "s"}}, Policies: []string{policy},
		}}}}, nil)
		require.NoError(t, err)
		log := slog.New(slog.DiscardHandler)
		service, err := secrets.New(secrets.Config{Account: account, Region: region, Secrets: declared, Auth: authority, Log: log})
		require.NoError(t, err)
		server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority, Region: region, Services: map[string]http.Handler{"secretsmanager": service}, Log: log}))
		t.Cleanup(server.Close)
		return sdk.New(sdk.Options{Region: region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIAU", SecretAccessKey: "s"}, nil
			})})
	}
}

func code(t *testing.T, err error) string {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	return api.ErrorCode()
}

func allow(action, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}]}`
}

func TestASecretIsReadByNameAndByARN(t *testing.T) {
	client := serve(t, secrets.Secret{Name: "shop/sql", Value: `{"username":"u","password":"p"}`}, secrets.Secret{Name: "other", Value: "x"})
	c := client(allow("secretsmanager:*", "*"))
	ctx := t.Context()
	byName, err := c.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: aws.String("shop/sql")})
	require.NoError(t, err)
	require.JSONEq(t, `{"username":"u","password":"p"}`, *byName.SecretString)
	require.Regexp(t, `^arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/sql-[a-z0-9]{6}$`, *byName.ARN)
	for _, id := range []string{*byName.ARN, (*byName.ARN)[:len(*byName.ARN)-7]} {
		byARN, err := c.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &id, VersionStage: aws.String("AWSCURRENT"), VersionId: byName.VersionId})
		require.NoError(t, err, id)
		require.Equal(t, byName.SecretString, byARN.SecretString)
	}
	described, err := c.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: aws.String("shop/sql")})
	require.NoError(t, err)
	require.Equal(t, map[string][]string{*byName.VersionId: {"AWSCURRENT"}}, described.VersionIdsToStages)
	var names []string
	pages := sdk.NewListSecretsPaginator(c, &sdk.ListSecretsInput{MaxResults: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		for _, s := range page.SecretList {
			names = append(names, *s.Name)
		}
	}
	require.Equal(t, []string{"other", "shop/sql"}, names)

	_, err = c.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: aws.String("nothing")})
	require.Equal(t, "ResourceNotFoundException", code(t, err))
	_, err = c.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: aws.String("other"), VersionStage: aws.String("AWSPREVIOUS")})
	require.Equal(t, "ResourceNotFoundException", code(t, err))
	_, err = c.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("new")})
	require.Equal(t, "UnknownOperationException", code(t, err))
}

func TestPoliciesDecideWhoReadsWhichSecret(t *testing.T) {
	client := serve(t, secrets.Secret{Name: "shop/sql", Value: "x"}, secrets.Secret{Name: "other", Value: "x"})
	c := client(allow("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:"+region+":"+account+":secret:shop/*"))
	_, err := c.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String("shop/sql")})
	require.NoError(t, err)
	for _, id := range []string{"other", "nothing", "arn:aws:secretsmanager:" + region + ":999999999999:secret:shop/sql-abcdef"} {
		_, err = c.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: &id})
		require.Equal(t, "AccessDeniedException", code(t, err), "%s: whoever may not read doesn't learn what is there", id)
	}
	_, err = c.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: aws.String("shop/sql")})
	require.Equal(t, "AccessDeniedException", code(t, err))
	_, err = c.ListSecrets(t.Context(), nil)
	require.Equal(t, "AccessDeniedException", code(t, err))
}

func TestWrongDeclarationsAreRefused(t *testing.T) {
	for text, declared := range map[string][]secrets.Secret{
		"its name is not":   {{Name: "a b", Value: "x"}},
		"its value has 0":   {{Name: "a"}},
		"its value has 655": {{Name: "a", Value: strings.Repeat("x", 65537)}},
		"two of this name":  {{Name: "a", Value: "x"}, {Name: "a", Value: "y"}},
	} {
		_, err := secrets.New(secrets.Config{Account: account, Region: region, Secrets: declared})
		require.ErrorContains(t, err, text)
	}
}

// Lists name no resource, and still are lists of one account: a user of another one that the same file declares sees nothing of it.
func TestAnotherAccountsAdministratorLearnsNothing(t *testing.T) {
	authority, err := sts.New([]sts.Account{{ID: "485438090326", Users: []sts.User{{Name: "export", Policies: []string{allow("*", "*")}, AccessKeys: []sts.AccessKey{{ID: "AKIAU", Secret: "s"}}}}}}, nil)
	require.NoError(t, err)
	service, err := secrets.New(secrets.Config{Account: account, Region: region, Secrets: []secrets.Secret{{Name: "shop/sql", Value: "x"}}, Auth: authority, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	caller, err := authority.Caller("AKIAU")
	require.NoError(t, err)
	for _, operation := range []string{"ListSecrets", "GetSecretValue", "DescribeSecret"} {
		r := httptest.NewRequestWithContext(sts.WithCaller(t.Context(), caller), http.MethodPost, "/", strings.NewReader(`{"SecretId":"shop/sql"}`))
		r.Header.Set("X-Amz-Target", "secretsmanager."+operation)
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		require.Equal(t, http.StatusBadRequest, w.Code, operation)
		require.Contains(t, w.Body.String(), "AccessDeniedException", operation)
	}
}

// Who may describe a secret but not read it must not be able to try values against what it is told.
func TestAVersionTellsNothingOfTheValue(t *testing.T) {
	version := func() string {
		c := serve(t, secrets.Secret{Name: "a", Value: "weak"})(allow("*", "*"))
		out, err := c.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String("a")})
		require.NoError(t, err)
		return *out.VersionId
	}
	require.NotEqual(t, version(), version())
}
