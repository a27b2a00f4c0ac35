package dataapi_test

import (
	"context"
	_ "embed"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/redshiftdata"
	"github.com/aws/aws-sdk-go-v2/service/redshiftdata/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/query/dataapi"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
	allow   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trusted = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"sts:AssumeRole"}]}`
	// tied is the policy of the Management Guide that ties statements to the role's session.
	tied = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["redshift-data:ExecuteStatement","redshift-serverless:GetCredentials"],"Resource":"*"},
		{"Effect":"Allow","Action":["redshift-data:DescribeStatement","redshift-data:GetStatementResult","redshift-data:CancelStatement"],"Resource":"*",
		 "Condition":{"StringEquals":{"redshift-data:statement-owner-iam-userid":"${aws:userid}"}}}]}`
)

// published is the policy of "AWS Redshift Spectrum", step 1.
func published(t *testing.T) string {
	text, err := os.ReadFile("../../aws/policy/testdata/redshift.json")
	require.NoError(t, err)
	return string(text)
}

// house is an endpoint with the Data API.
type house struct {
	*testing.T
	warehouse *fake
	service   *dataapi.Service
	url       string
	dir       string
	db        *meta.DB
	secrets   secrets
	maxStored int64
	stop      func()
}

type secrets map[string]string

func (s secrets) Value(_ context.Context, id string) (string, error) { return s[id], nil }

func newHouse(t *testing.T, roles ...sts.Role) *house {
	t.Helper()
	h := &house{T: t, warehouse: newFake(), dir: t.TempDir(), secrets: secrets{}}
	var err error
	h.db, err = meta.Open(t.Context(), filepath.Join(h.dir, "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.db.Close()) })
	h.start(h.warehouse, roles...)
	return h
}

// start opens the service, as a new process would.
func (h *house) start(w dataapi.Warehouse, roles ...sts.Role) {
	h.Helper()
	user := func(name, policy string) sts.User {
		return sts.User{Name: name, AccessKeys: []sts.AccessKey{{ID: "AKIA" + name, Secret: "secret"}}, Policies: []string{policy}}
	}
	authority, err := sts.New([]sts.Account{{
		ID: account, Users: []sts.User{user("ann", allow), user("bob", allow)},
		Roles: append(roles, sts.Role{Name: "service/exporter", Trust: trusted, Policies: []string{published(h.T)}}, sts.Role{Name: "tied", Trust: trusted, Policies: []string{tied}}),
	}}, nil)
	require.NoError(h, err)
	h.service, err = dataapi.Open(h.Context(), dataapi.Config{
		Warehouse: w, Auth: authority, Secrets: h.secrets, Meta: h.db, Dir: filepath.Join(h.dir, "statements"),
		Partition: "aws", Account: account, Region: region, Name: "default", Address: "127.0.0.1:5439", Workers: 4, MaxStored: h.maxStored, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(h, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.service.Run(ctx) }()
	server := httptest.NewServer(endpoint.New(endpoint.Config{Authority: authority, Region: region, Services: map[string]http.Handler{
		"redshift-data": h.service.Handler(), "redshift-serverless": h.service.Serverless(), "redshift": h.service.Cluster(),
	}}))
	h.url = server.URL
	stopped := false
	h.stop = func() {
		if !stopped {
			stopped = true
			server.Close()
			cancel()
			require.NoError(h, <-done)
		}
	}
	h.Cleanup(h.stop)
}

// config has the SDK's retries: against a server this fast the SDK at times closes its own connection in the middle of a large answer.
func (h *house) config(id, secret, token string) aws.Config {
	return aws.Config{Region: region, BaseEndpoint: &h.url, HTTPClient: assume.HTTPClient(nil), Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, nil
	})}
}

// as is the Data API's client of a user.
func (h *house) as(user string) *sdk.Client {
	return sdk.NewFromConfig(h.config("AKIA"+user, "secret", ""))
}

// assumed is the configuration of a role's session.
func (h *house) assumed(role, session string) aws.Config {
	h.Helper()
	out, err := awssts.NewFromConfig(h.config("AKIAann", "secret", "")).AssumeRole(h.Context(), &awssts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/" + role), RoleSessionName: &session,
	})
	require.NoError(h, err)
	return h.config(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

func statement(sql string) *sdk.ExecuteStatementInput {
	return &sdk.ExecuteStatementInput{Sql: &sql, Database: aws.String("dev"), WorkgroupName: aws.String("default")}
}

// send sends a statement and returns its id.
func (h *house) send(c *sdk.Client, in *sdk.ExecuteStatementInput) string {
	h.Helper()
	out, err := c.ExecuteStatement(h.Context(), in)
	require.NoError(h, err)
	return *out.Id
}

func (h *house) describe(c *sdk.Client, id string) *sdk.DescribeStatementOutput {
	h.Helper()
	out, err := c.DescribeStatement(h.Context(), &sdk.DescribeStatementInput{Id: &id})
	require.NoError(h, err)
	return out
}

// end waits for a statement's end.
func (h *house) end(c *sdk.Client, id string) *sdk.DescribeStatementOutput {
	h.Helper()
	return h.await(c, id, types.StatusStringFinished, types.StatusStringFailed, types.StatusStringAborted)
}

func (h *house) await(c *sdk.Client, id string, status ...types.StatusString) *sdk.DescribeStatementOutput {
	h.Helper()
	for range 2000 {
		out := h.describe(c, id)
		for _, s := range status {
			if out.Status == s {
				return out
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	require.FailNow(h, "the statement did not become what was awaited", "%v, but %s", status, h.describe(c, id).Status)
	return nil
}

func (h *house) result(c *sdk.Client, id string) [][]types.Field {
	h.Helper()
	var out [][]types.Field
	pages := sdk.NewGetStatementResultPaginator(c, &sdk.GetStatementResultInput{Id: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(h.Context())
		require.NoError(h, err)
		out = append(out, page.Records...)
	}
	return out
}

func requireCode(t testing.TB, err error, code, message string) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, code, api.ErrorCode(), api.ErrorMessage())
	require.Contains(t, api.ErrorMessage(), message)
}
