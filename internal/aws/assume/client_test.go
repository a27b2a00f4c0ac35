package assume

import (
	"io"
	"net/http"
	"strings"
	"testing"

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
