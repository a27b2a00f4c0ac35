package awstest_test

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/aws/sigv4"
)

var keys = aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}

type keyring struct{}

func (keyring) Key(context.Context, string) (sigv4.Key, error) {
	return sigv4.Key{Secret: keys.SecretAccessKey}, nil
}

// backend is a service that keeps the bodies of the requests that reached it with a good signature.
type backend struct {
	mu     sync.Mutex
	bodies []string
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	verifier := &sigv4.Verifier{Keys: keyring{}, Region: awstest.Region, MaxBody: 1 << 20}
	if _, err := verifier.Verify(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bodies = append(b.bodies, string(body))
	if r.Header.Get("X-Amz-Target") != "" {
		_, _ = io.WriteString(w, "{}")
		return
	}
	_, _ = io.WriteString(w, "<DeleteResult></DeleteResult>")
}

// reached is how many requests came. After a reset the last one's handler may not have ended yet.
func (b *backend) reached() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.bodies)
}

// house is a backend, a proxy before it and a configuration of clients with one try each.
func house(t *testing.T, script ...awstest.Fault) (*backend, *awstest.Proxy, aws.Config) {
	b := &backend{}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	p := awstest.NewProxy(t, server.URL, keys, script...)
	return b, p, aws.Config{
		Region: awstest.Region, BaseEndpoint: &p.URL, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
	}
}

func TestFaultsComeBeforeOrAfterTheEffect(t *testing.T) {
	for name, c := range map[string]struct {
		effect  awstest.Effect
		reached int
		code    string
	}{
		"unavailable":          {awstest.Unavailable, 0, "ServiceUnavailable"},
		"throttled":            {awstest.SlowDown, 0, "ThrottlingException"},
		"an error before":      {awstest.InternalError, 0, "InternalServiceException"},
		"an error after":       {awstest.InternalErrorAfter, 1, "InternalServiceException"},
		"a reset before":       {awstest.Reset, 0, ""},
		"a reset after":        {awstest.ResetAfter, 1, ""},
		"an answer cut short":  {awstest.CutShort, 1, ""},
		"an ended session":     {awstest.ExpiredToken, 0, "ExpiredTokenException"},
		"a wrong clock":        {awstest.ClockSkew, 0, "InvalidSignatureException"},
		"no batch to shorten":  {awstest.Partial, 1, "none"},
		"a concurrent request": {awstest.Conflict, 0, "ConcurrentModificationException"},
	} {
		t.Run(name, func(t *testing.T) {
			b, p, cfg := house(t, awstest.Fault{Operation: "GetDatabases", Effect: c.effect, Skip: 1})
			client := glue.NewFromConfig(cfg)
			_, err := client.GetDatabases(t.Context(), &glue.GetDatabasesInput{})
			require.NoError(t, err, "the first is spared")
			_, err = client.GetDatabases(t.Context(), &glue.GetDatabasesInput{})
			if c.code == "none" {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
				if refused, ok := errors.AsType[smithy.APIError](err); ok {
					require.Equal(t, c.code, refused.ErrorCode())
				}
			}
			require.Equal(t, 1+c.reached, b.reached())
			_, err = client.GetDatabases(t.Context(), &glue.GetDatabasesInput{})
			require.NoError(t, err, "the script has ended")
			require.Equal(t, 3, p.Requests("GetDatabases"))
			require.Equal(t, 1, p.Injected(""))
		})
	}
}

func TestARequestThatStallsEndsWithItsClient(t *testing.T) {
	for effect, reached := range map[awstest.Effect]int{awstest.Stall: 0, awstest.StallAfter: 1} {
		b, p, cfg := house(t, awstest.Fault{Operation: "GetDatabases", Effect: effect})
		require.Len(t, p.Pending(), 1)
		ctx, giveUp := context.WithCancel(t.Context())
		go func() {
			for p.Injected("GetDatabases") == 0 || b.reached() < reached {
				time.Sleep(time.Millisecond)
			}
			giveUp()
		}()
		_, err := glue.NewFromConfig(cfg).GetDatabases(ctx, &glue.GetDatabasesInput{})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, reached, b.reached())
		require.Empty(t, p.Pending())
	}
}

func TestABatchOfGlueSucceedsInPart(t *testing.T) {
	for _, operation := range []string{"BatchCreatePartition", "BatchUpdatePartition", "BatchDeletePartition"} {
		t.Run(operation, func(t *testing.T) {
			b, _, cfg := house(t, awstest.Fault{Operation: operation, Effect: awstest.Partial})
			client := glue.NewFromConfig(cfg)
			failed := func() (values [][]string) {
				database, table := aws.String("d"), aws.String("t")
				switch operation {
				case "BatchCreatePartition":
					in := &glue.BatchCreatePartitionInput{DatabaseName: database, TableName: table}
					for _, v := range []string{"1", "2", "3"} {
						in.PartitionInputList = append(in.PartitionInputList, gluetypes.PartitionInput{Values: []string{v}})
					}
					out, err := client.BatchCreatePartition(t.Context(), in)
					require.NoError(t, err)
					for _, e := range out.Errors {
						values = append(values, e.PartitionValues)
					}
				case "BatchUpdatePartition":
					in := &glue.BatchUpdatePartitionInput{DatabaseName: database, TableName: table}
					for _, v := range []string{"1", "2", "3"} {
						in.Entries = append(in.Entries, gluetypes.BatchUpdatePartitionRequestEntry{
							PartitionValueList: []string{v}, PartitionInput: &gluetypes.PartitionInput{Values: []string{v}},
						})
					}
					out, err := client.BatchUpdatePartition(t.Context(), in)
					require.NoError(t, err)
					for _, e := range out.Errors {
						values = append(values, e.PartitionValueList)
					}
				default:
					in := &glue.BatchDeletePartitionInput{DatabaseName: database, TableName: table}
					for _, v := range []string{"1", "2", "3"} {
						in.PartitionsToDelete = append(in.PartitionsToDelete, gluetypes.PartitionValueList{Values: []string{v}})
					}
					out, err := client.BatchDeletePartition(t.Context(), in)
					require.NoError(t, err)
					for _, e := range out.Errors {
						values = append(values, e.PartitionValues)
					}
				}
				return values
			}
			require.Equal(t, [][]string{{"2"}, {"3"}}, failed())
			require.Len(t, b.bodies, 1)
			require.Contains(t, b.bodies[0], `"1"`)
			require.NotContains(t, b.bodies[0], `"2"`)
			require.Empty(t, failed())
		})
	}
}

func TestABatchOfDeletionsSucceedsInPart(t *testing.T) {
	b, _, cfg := house(t, awstest.Fault{Operation: "DeleteObjects", Effect: awstest.Partial})
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	in := &s3.DeleteObjectsInput{Bucket: aws.String("lake"), Delete: &s3types.Delete{}}
	for _, key := range []string{"a", "b&c"} {
		in.Delete.Objects = append(in.Delete.Objects, s3types.ObjectIdentifier{Key: aws.String(key)})
	}
	out, err := client.DeleteObjects(t.Context(), in)
	require.NoError(t, err)
	require.Len(t, out.Errors, 1)
	require.Equal(t, "b&c", aws.ToString(out.Errors[0].Key))
	require.Len(t, b.bodies, 1)
	var sent struct {
		Object []struct{ Key string }
	}
	require.NoError(t, xml.Unmarshal([]byte(b.bodies[0]), &sent))
	require.Equal(t, []struct{ Key string }{{"a"}}, sent.Object)
}

func TestRequestsAreNamedAsTheSDKNamesThem(t *testing.T) {
	_, p, cfg := house(t)
	p.Add(awstest.Fault{Effect: awstest.Unavailable, Times: -1})
	for _, r := range []struct{ method, target, want string }{
		{"PUT", "/b/k", "PutObject"}, {"PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart"}, {"POST", "/b/k?uploads", "CreateMultipartUpload"},
		{"POST", "/b/k?uploadId=u", "CompleteMultipartUpload"}, {"DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"}, {"GET", "/b/d/k", "GetObject"},
		{"HEAD", "/b/k", "HeadObject"}, {"DELETE", "/b/k", "DeleteObject"}, {"GET", "/b?list-type=2", "ListObjectsV2"}, {"GET", "/b?uploads", "ListMultipartUploads"},
		{"POST", "/b?delete", "DeleteObjects"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), r.method, *cfg.BaseEndpoint+r.target, strings.NewReader(""))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		require.Equal(t, 1, p.Requests(r.want), r.want)
	}
}

func TestTheSameSeedGivesTheSameFaults(t *testing.T) {
	outcomes := func(seed uint64) (failed []bool) {
		_, p, cfg := house(t)
		p.Random(seed, 0.5, awstest.Unavailable, awstest.Reset)
		for range 40 {
			_, err := glue.NewFromConfig(cfg).GetDatabases(t.Context(), &glue.GetDatabasesInput{})
			failed = append(failed, err != nil)
		}
		return failed
	}
	require.Equal(t, outcomes(1), outcomes(1))
	require.NotEqual(t, outcomes(1), outcomes(2))
}
