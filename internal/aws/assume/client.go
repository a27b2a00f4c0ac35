package assume

import (
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// AnswerTimeout bounds the wait for the beginning of an answer, where Options set nothing else, so that a service that never answers
// does not hold a caller that has set itself no end.
const AnswerTimeout = time.Minute

// connections is how many idle connections to one service are kept for the next requests.
const connections = 64

// HTTPClient returns the client that requests to AWS go through: the SDK's own with bounds if client is nil or that, else client, and in
// either case one that answers cannot overtake.
func HTTPClient(client aws.HTTPClient) aws.HTTPClient { return httpClient(client, AnswerTimeout) }

func httpClient(client aws.HTTPClient, answerTimeout time.Duration) aws.HTTPClient {
	if client == nil {
		client = awshttp.NewBuildableClient()
	}
	if standard, ok := client.(*awshttp.BuildableClient); ok {
		client = standard.WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = answerTimeout
			t.MaxIdleConnsPerHost = connections
		})
	}
	if _, ok := client.(overtaken); ok {
		return client
	}
	return overtaken{client}
}

// overtaken lets answers begin before the transport is done with the request. The SDK closes a request's body as soon as the answer
// begins, and its body then tells whoever uses it as an io.WriterTo of an error, EOF (smithy-go 1.28.9, transport/http). A transport
// that has sent the body and looks whether there is more takes that for a failure, and closes the connection under the answer. As an
// io.Reader the closed body ends as it should.
type overtaken struct{ aws.HTTPClient }

// Do implements aws.HTTPClient.
func (c overtaken) Do(r *http.Request) (*http.Response, error) {
	if _, ok := r.Body.(io.WriterTo); ok {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}
