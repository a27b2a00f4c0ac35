package endpoint_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/endpoint"
	"github.com/refract-io/refract/internal/aws/sts"
)

// signedFor returns the Authorization header of a request that says it is signed for a service.
func signedFor(service string) string {
	return "AWS4-HMAC-SHA256 Credential=AKIA/20260501/eu-central-1/" + service + "/aws4_request, SignedHeaders=host, Signature=0"
}

func TestEveryProtocolIsThrottledInItsWords(t *testing.T) {
	authority, err := sts.New(nil, nil)
	require.NoError(t, err)
	served := 0
	s3 := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ })
	all := endpoint.New(endpoint.Config{Authority: authority, S3: s3, Throttle: 1})
	for _, test := range []struct {
		name, method, url, body, authorization, target string
		status                                         int
		want                                           string
	}{
		{"S3", "GET", "/lake/k", "", signedFor("s3"), "", 503, "<Code>SlowDown</Code>"},
		{"S3 by a presigned URL", "GET", "/lake/k?X-Amz-Credential=AKIA%2F20260501%2Feu-central-1%2Fs3%2Faws4_request", "", "", "", 503, "<Code>SlowDown</Code>"},
		{"S3 without a signature", "PUT", "/lake/k", "x", "", "", 503, "<Code>SlowDown</Code>"},
		{"JSON", "POST", "/", "{}", signedFor("glue"), "AWSGlue.GetDatabases", 400, `"__type":"ThrottlingException"`},
		{"the query protocol", "POST", "/", "Action=GetCallerIdentity", signedFor("sts"), "", 400, "<Code>Throttling</Code>"},
		{"the query protocol in a URL", "GET", "/?Action=GetCallerIdentity", "", "", "", 400, "<Code>Throttling</Code>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), test.method, test.url, strings.NewReader(test.body))
			if test.authorization != "" {
				r.Header.Set("Authorization", test.authorization)
			}
			if test.target != "" {
				r.Header.Set("X-Amz-Target", test.target)
			}
			w := httptest.NewRecorder()
			all.ServeHTTP(w, r)
			require.Equal(t, test.status, w.Code)
			require.Contains(t, w.Body.String(), test.want)
		})
	}
	require.Zero(t, served)
	some := endpoint.New(endpoint.Config{Authority: authority, S3: s3, Throttle: 0.5})
	for range 1000 {
		some.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/lake/k", nil))
	}
	require.InDelta(t, 500, served, 150)
}
