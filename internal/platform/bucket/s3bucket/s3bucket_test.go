package s3bucket_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/buckettest"
	"github.com/refract-io/refract/internal/platform/bucket/s3bucket"
)

// quick makes many tries in a short time.
var quick = bucket.RetryPolicy{Attempts: 30, Base: time.Millisecond, Max: 10 * time.Millisecond}

// suites returns what opens a new bucket of the gateway for each test, through clients of cfg, and what lists the buckets.
func suites(g *awstest.Gateway, cfg aws.Config, o s3bucket.Options) (open func(t *testing.T) bucket.Bucket, names *[]string) {
	names = new([]string)
	return func(t *testing.T) bucket.Bucket {
		o.Bucket = fmt.Sprint("suite-", len(*names))
		*names = append(*names, o.Bucket)
		g.CreateBucket(t, o.Bucket)
		return s3bucket.New(cfg, o)
	}, names
}

func TestVersitygw(t *testing.T) {
	g := awstest.StartGateway(t)
	open, names := suites(g, g.Config(), s3bucket.Options{PathStyle: true, Retry: quick})
	buckettest.Run(t, open)
	requireNoUploads(t, g, *names)
}

// TestVersitygwThatFails lets every kind of failure come over the same suite: the contract holds, and nothing incomplete stays.
func TestVersitygwThatFails(t *testing.T) {
	g := awstest.StartGateway(t)
	p := awstest.NewProxy(t, g.URL, aws.Credentials{AccessKeyID: g.Key, SecretAccessKey: g.Secret})
	p.Random(7, 0.15, awstest.Unavailable, awstest.SlowDown, awstest.InternalError, awstest.InternalErrorAfter, awstest.Reset, awstest.ResetAfter,
		awstest.CutShort, awstest.ExpiredToken, awstest.Partial)
	cfg := g.Config()
	cfg.BaseEndpoint = &p.URL
	open, names := suites(g, cfg, s3bucket.Options{PathStyle: true, PartBytes: 5 << 20, Retry: quick})
	buckettest.Run(t, open)
	require.Greater(t, p.Injected(""), 100)
	requireNoUploads(t, g, *names)
}

func requireNoUploads(t *testing.T, g *awstest.Gateway, buckets []string) {
	t.Helper()
	for _, name := range buckets {
		require.Empty(t, g.Uploads(t, name), name)
	}
}

// TestAWS runs the suite over a real bucket, below a prefix that it clears up. CONTRIBUTING.md tells how.
func TestAWS(t *testing.T) {
	name := os.Getenv("REFRACT_TEST_S3_BUCKET")
	if name == "" {
		t.Skip("set REFRACT_TEST_S3_BUCKET to a bucket of yours")
	}
	cfg, err := assume.New(assume.Options{}).Config(t.Context(), assume.Role{
		ARN: os.Getenv("REFRACT_TEST_AWS_ROLE"), ExternalID: os.Getenv("REFRACT_TEST_AWS_EXTERNAL_ID"), Region: os.Getenv("REFRACT_TEST_AWS_REGION"),
		Session: assume.SessionName(1, "conformance"),
	})
	require.NoError(t, err)
	b := s3bucket.New(cfg, s3bucket.Options{
		Bucket: name, Endpoint: os.Getenv("REFRACT_TEST_S3_ENDPOINT"), PathStyle: os.Getenv("REFRACT_TEST_S3_ENDPOINT") != "",
		Encryption: s3bucket.Encryption(os.Getenv("REFRACT_TEST_S3_ENCRYPTION")), KMSKey: os.Getenv("REFRACT_TEST_S3_KMS_KEY"),
	})
	buckettest.Run(t, func(t *testing.T) bucket.Bucket {
		below := &below{b, "refract-test/" + uuid.NewString() + "/"}
		t.Cleanup(func() {
			ctx := context.WithoutCancel(t.Context())
			for o, err := range b.List(ctx, below.prefix) {
				require.NoError(t, err)
				require.NoError(t, b.Delete(ctx, o.Key))
			}
		})
		return below
	})
}

// below is a bucket below a prefix of another one.
type below struct {
	bucket.Bucket
	prefix string
}

func (b *below) Location(key string) string { return b.Bucket.Location(b.prefix + key) }

func (b *below) key(key string) (string, error) { return b.prefix + key, bucket.CheckKey(key) }

func (b *below) own(o bucket.Object) bucket.Object {
	o.Key = strings.TrimPrefix(o.Key, b.prefix)
	return o
}

func (b *below) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, opts bucket.PutOptions) (bucket.Object, error) {
	key, err := b.key(key)
	if err != nil {
		return bucket.Object{}, err
	}
	o, err := b.Bucket.Put(ctx, key, body, size, opts)
	return b.own(o), err
}

func (b *below) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Object, error) {
	key, err := b.key(key)
	if err != nil {
		return nil, bucket.Object{}, err
	}
	r, o, err := b.Bucket.Get(ctx, key)
	return r, b.own(o), err
}

func (b *below) Head(ctx context.Context, key string) (bucket.Object, error) {
	key, err := b.key(key)
	if err != nil {
		return bucket.Object{}, err
	}
	o, err := b.Bucket.Head(ctx, key)
	return b.own(o), err
}

func (b *below) List(ctx context.Context, prefix string) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		for o, err := range b.Bucket.List(ctx, b.prefix+prefix) {
			if !yield(b.own(o), err) {
				return
			}
		}
	}
}

func (b *below) Delete(ctx context.Context, keys ...string) error {
	all := make([]string, len(keys))
	for i := range keys {
		var err error
		if all[i], err = b.key(keys[i]); err != nil {
			return err
		}
	}
	return b.Bucket.Delete(ctx, all...)
}

// upright is a gateway with one bucket, and a proxy before it.
type upright struct {
	*testing.T
	gateway *awstest.Gateway
	proxy   *awstest.Proxy
}

// direct and proxied are the two ways to the bucket.
func (u *upright) direct() *s3bucket.Bucket {
	return s3bucket.New(u.gateway.Config(), s3bucket.Options{Bucket: "lake", PathStyle: true, Retry: quick})
}

func (u *upright) proxied(o s3bucket.Options) *s3bucket.Bucket {
	cfg := u.gateway.Config()
	cfg.BaseEndpoint = &u.proxy.URL
	o.Bucket, o.PathStyle = "lake", true
	if o.Retry.Attempts == 0 {
		o.Retry = quick
	}
	return s3bucket.New(cfg, o)
}

func newUpright(t *testing.T, script ...awstest.Fault) *upright {
	g := awstest.StartGateway(t)
	g.CreateBucket(t, "lake")
	return &upright{t, g, awstest.NewProxy(t, g.URL, aws.Credentials{AccessKeyID: g.Key, SecretAccessKey: g.Secret}, script...)}
}

func (u *upright) content(key string) string {
	u.Helper()
	r, _, err := u.direct().Get(u.Context(), key)
	require.NoError(u, err)
	defer r.Close()
	content, err := io.ReadAll(r)
	require.NoError(u, err)
	return string(content)
}

func put(t *testing.T, b bucket.Bucket, key, content string, opts bucket.PutOptions) error {
	_, err := b.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), opts)
	return err
}

// sizes are contents that go in one request and in three parts.
var sizes = map[string]string{"whole": "small", "in parts": string(bytes.Repeat([]byte("0123456789abcdef"), 11<<16))}
