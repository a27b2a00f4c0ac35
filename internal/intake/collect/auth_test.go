package collect

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/project"
)

func TestCredentialsOfImport(t *testing.T) {
	body := "[" + good("i-1") + "]"
	plain := "Authorization: Basic " + accountName + ":" + accountSecret
	unpadded := "Authorization: Basic " + base64.RawStdEncoding.EncodeToString([]byte(testToken+":"))
	for _, test := range []struct {
		name    string
		query   string
		headers []string
		code    int
		want    string
	}{
		{name: "token", headers: []string{basicAuth(testToken, "")}, code: 200},
		{name: "token without padding", headers: []string{unpadded}, code: 200},
		{name: "token without colon", headers: []string{"Authorization: basic " + testToken}, code: 200},
		{name: "secret", headers: []string{basicAuth(testSecret, "")}, code: 200},
		{name: "secret and its project", query: "&project_id=1234567", headers: []string{basicAuth(testSecret, "")}, code: 200},
		{name: "service account", query: "&project_id=1234567", headers: []string{basicAuth(accountName, accountSecret)}, code: 200},
		{name: "service account, plain", query: "&project_id=1234567", headers: []string{plain}, code: 200},
		{name: "service account without project_id", headers: []string{basicAuth(accountName, accountSecret)}, code: 200},
		{name: "service account about to expire", headers: []string{basicAuth("expires.mp", accountSecret)}, code: 200},
		{name: "api_key", query: "&api_key=" + testSecret, code: 200},

		{name: "nothing", code: 401, want: project.BadCredentials},
		{name: "Bearer", headers: []string{"Authorization: Bearer x"}, code: 401, want: project.BadCredentials},
		{name: "empty Basic", headers: []string{"Authorization: Basic "}, code: 401, want: project.BadCredentials},
		{name: "empty user", headers: []string{basicAuth("", "x")}, code: 401, want: project.BadCredentials},
		{name: "unknown token or secret", headers: []string{basicAuth("nope", "")}, code: 401, want: project.BadSecret},
		{name: "unknown api_key", query: "&api_key=nope", code: 401, want: project.BadSecret},
		{name: "a header is not overruled by api_key", query: "&api_key=" + testSecret, headers: []string{basicAuth("nope", "")}, code: 401, want: project.BadSecret},
		{name: "secret of another project", query: "&project_id=7654321", headers: []string{basicAuth(testSecret, "")}, code: 401, want: project.BadProject},
		{name: "unknown service account", headers: []string{basicAuth("nobody.mp", "x")}, code: 401, want: project.BadUsername},
		{name: "wrong secret of a service account", headers: []string{basicAuth(accountName, "x")}, code: 401, want: project.BadCredentials},
		{name: "expired service account", headers: []string{basicAuth("expired.mp", accountSecret)}, code: 401, want: "Service account has expired"},
		{name: "service account of another project", query: "&project_id=7654321", headers: []string{basicAuth(accountName, accountSecret)}, code: 403,
			want: "Service account " + accountName + " is not a project member of project 7654321"},
		{name: "service account without the right", headers: []string{basicAuth("analyst.mp", accountSecret)}, code: 403,
			want: "Service account analyst.mp has the role analyst: importing needs owner or admin"},
		{name: "project_id that is no number", query: "&project_id=x", headers: []string{basicAuth(testToken, "")}, code: 400,
			want: "project_id is invalid: must be a number"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			got := f.post(strict+test.query, body, test.headers...)
			want, logged := imported(1), 1
			if test.want != "" {
				want, logged = status(test.code, test.want), 0
			}
			require.Equal(t, want, got.body)
			require.Equal(t, test.code, got.code)
			require.Len(t, f.log.records(t), logged)
		})
	}
}

func TestImportReadsItsParametersFromAFormToo(t *testing.T) {
	f := start(t)
	auth := basicAuth(testToken, "")
	missing := "data=[" + eventJSON("x", `"time":1,"distinct_id":"u"`) + "]"
	require.Equal(t, failed(0, failure(0, "", "properties.time", "'properties.time' is invalid: must be on or after 1971-01-01")),
		f.post("/import", missing+"&strict=1", auth).body)
	missing = strings.Replace(missing, `"time":1`, `"time":1777636800`, 1)
	require.Equal(t, failed(0, failure(0, "", "properties.$insert_id", "'properties.$insert_id' is invalid: must not be missing")),
		f.post("/import", "strict=1&"+missing, auth).body)
	require.Equal(t, "1", f.post("/import", missing, auth).body)
	require.Equal(t, "1", f.post("/import", missing+"&api_key="+testSecret+"&project_id=1234567").body)
	require.Equal(t, status(401, project.BadProject), f.post("/import", missing+"&project_id=7", auth).body)
	require.Len(t, f.log.records(t), 2)
}

func TestAServiceAccountExpiresWhileItIsUsed(t *testing.T) {
	f := start(t)
	auth := basicAuth("expires.mp", accountSecret)
	require.Equal(t, 200, f.post(strict, good("i-1"), auth).code)
	f.advance(time.Second)
	require.Equal(t, 401, f.post(strict, good("i-2"), auth).code)
}

// brokenProjects fails every look-up.
type brokenProjects struct{}

var errBroken = errors.New("database is gone")

func (brokenProjects) ByToken(context.Context, string) (*project.Project, error) {
	return nil, errBroken
}
func (brokenProjects) ByID(context.Context, int64) (*project.Project, error) { return nil, errBroken }
func (brokenProjects) BySecret(context.Context, string) (*project.Project, error) {
	return nil, errBroken
}
func (brokenProjects) Account(context.Context, string) (*project.ServiceAccount, error) {
	return nil, errBroken
}

func TestALookupThatFailsIsNotWrongCredentials(t *testing.T) {
	f := start(t, func(c *Config) { c.Projects = brokenProjects{} })
	for _, got := range []response{
		f.post(strict, good("i-1"), basicAuth(testToken, "")),
		f.post(strict, good("i-1"), basicAuth(accountName, accountSecret)),
		f.post("/track", good("i-1")),
	} {
		require.Equal(t, 503, got.code)
		require.NotEmpty(t, got.header.Get("Retry-After"))
	}
}
