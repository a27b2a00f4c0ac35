package assume

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"
)

// early is a transport that has sent the request's content when the answer begins, and has not looked yet whether there is more.
type early struct{ body io.ReadCloser }

// Do implements aws.HTTPClient.
func (e *early) Do(r *http.Request) (*http.Response, error) {
	if _, err := io.CopyN(io.Discard, r.Body, r.ContentLength); err != nil {
		return nil, err
	}
	e.body = r.Body
	const answer = `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

func TestATransportThatLooksForMoreBodyDuringTheAnswerFindsItsEnd(t *testing.T) {
	transport := &early{}
	client := sts.New(sts.Options{Region: "us-east-1", HTTPClient: HTTPClient(transport), Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")})
	_, err := client.GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, transport.body)
	require.NoError(t, err)
	require.NoError(t, transport.body.Close())
}

func TestAClientIsWrappedOnce(t *testing.T) {
	once := HTTPClient(nil)
	require.Equal(t, once, HTTPClient(once))
	var _ aws.HTTPClient = once
}

func TestAServiceThatNeverAnswersIsGivenUp(t *testing.T) {
	asked := make(chan struct{}, 1)
	never := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the client may be gone
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(never.Close)
	roles := New(Options{Endpoint: never.URL, AnswerTimeout: 20 * time.Millisecond, Load: func(context.Context) (aws.Config, error) {
		return aws.Config{
			Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
			Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		}, nil
	}})
	cfg, err := roles.Config(t.Context(), Role{})
	require.NoError(t, err)
	_, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
	require.ErrorContains(t, err, "awaiting response headers")
	<-asked
}
