// Package s3bucket is the bucket.Bucket of Amazon S3 and of servers that speak its protocol.
//
// Requests are tried again by the SDK's standard retryer, as often and with such waits as Options.Retry says. What a lost answer
// leaves open is settled here: conditional puts and multipart uploads carry a mark in the object's metadata by which a later look
// tells their own object from another's, and uploads that nobody will complete are aborted.
//
// No ACL is sent: buckets refuse them by default (Amazon S3, "Object ownership"). Servers that are not AWS get no checksums beyond the
// signed digest of each body, since many refuse the SDK's (see docs/operations.md).
package s3bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Encryption is how S3 is asked to encrypt new objects.
type Encryption string

const (
	// BucketDefault asks for nothing: the bucket's own setting counts.
	BucketDefault Encryption = ""
	// SSES3 is AES-256 with keys that S3 manages.
	SSES3 Encryption = "aes"
	// SSEKMS is a key of AWS KMS. Whether a bucket key is used is the bucket's own setting: it changes the encryption context that
	// key policies may name.
	SSEKMS Encryption = "kms"
)

// The limits of multipart uploads (Amazon S3, "Multipart upload limits").
const (
	minPartBytes = 5 << 20
	maxParts     = 10_000
)

// Options say which bucket it is and how it is used. Zero fields but Bucket get defaults.
type Options struct {
	Bucket string
	// Endpoint is the address of a server that speaks S3's protocol; empty is AWS, or what the configuration names.
	Endpoint string
	// PathStyle puts the bucket's name into the path of URLs instead of the host's name.
	PathStyle  bool
	Encryption Encryption
	// KMSKey is the ARN of SSEKMS's key. Empty is the account's key for S3, aws/s3.
	KMSKey string
	// PartBytes is the size from which objects are stored in parts, and that of the parts, at least 5 MiB: 16 MiB. Objects of more
	// than 10,000 such parts have larger ones.
	PartBytes int64
	// Parts bounds the parts of all puts together that are on their way at a time, and so the memory of bodies that are no
	// io.ReaderAt: 8.
	Parts int
	// Retry bounds the tries of a request: 8, after waits of 0.2 up to 20 seconds, which is half a minute in all.
	Retry bucket.RetryPolicy
	// Log hears of uploads that could not be cleaned up. None by default.
	Log *slog.Logger
}

// Bucket is a bucket of S3. It is safe for concurrent use.
type Bucket struct {
	options Options
	region  string
	aws     bool
	api     *s3.Client
	parts   chan struct{}
}

var _ bucket.Bucket = (*Bucket)(nil)

// New returns the bucket as the credentials, the region and the HTTP client of cfg reach it. It sends nothing.
func New(cfg aws.Config, o Options) *Bucket {
	if o.PartBytes == 0 {
		o.PartBytes = 16 << 20
	}
	o.PartBytes = max(o.PartBytes, minPartBytes)
	if o.Parts <= 0 {
		o.Parts = 8
	}
	if o.Retry == (bucket.RetryPolicy{}) {
		o.Retry = bucket.RetryPolicy{Attempts: 8, Base: 200 * time.Millisecond, Max: 20 * time.Second}
	}
	o.Retry = o.Retry.Complete()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bucket{options: o, region: cfg.Region, parts: make(chan struct{}, o.Parts)}
	b.api = s3.NewFromConfig(cfg, func(s *s3.Options) {
		if o.Endpoint != "" {
			s.BaseEndpoint = &o.Endpoint
		}
		s.UsePathStyle = o.PathStyle
		s.Retryer, s.RetryMaxAttempts = retryer(o.Retry), 0
		if b.aws = isAWS(s.BaseEndpoint); b.aws {
			// The SDK's own defaults, unless the environment says otherwise.
			s.RequestChecksumCalculation = cmp.Or(s.RequestChecksumCalculation, aws.RequestChecksumCalculationWhenSupported)
			s.ResponseChecksumValidation = cmp.Or(s.ResponseChecksumValidation, aws.ResponseChecksumValidationWhenSupported)
			return
		}
		s.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		s.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		s.APIOptions = append(s.APIOptions, signBodies)
	})
	return b
}

// signBodies has the signature cover the body's digest over TLS too, where the SDK leaves it out: without checksums nothing else would
// tell the server that a body was damaged.
func signBodies(stack *middleware.Stack) error {
	sha256 := &v4.ComputePayloadSHA256{}
	if _, err := stack.Finalize.Swap(sha256.ID(), sha256); err != nil {
		return fmt.Errorf("signing bodies: %w", err)
	}
	return nil
}

// isAWS reports whether the endpoint is AWS's: the SDK's own choice, or one of a VPC.
func isAWS(endpoint *string) bool {
	if endpoint == nil {
		return true
	}
	u, err := url.Parse(*endpoint)
	return err == nil && (strings.HasSuffix(u.Hostname(), ".amazonaws.com") || strings.HasSuffix(u.Hostname(), ".amazonaws.com.cn"))
}

// Location implements bucket.Bucket.
func (b *Bucket) Location(key string) string { return "s3://" + b.options.Bucket + "/" + key }

// check refuses what no request is to be made for.
func (b *Bucket) check(ctx context.Context, key string) error {
	if err := bucket.CheckKey(key); err != nil {
		return err
	}
	return ctx.Err()
}

// Head implements bucket.Bucket.
func (b *Bucket) Head(ctx context.Context, key string) (bucket.Object, error) {
	o, _, err := b.head(ctx, key)
	return o, err
}

// head returns the object and the mark of its put, if it has one.
func (b *Bucket) head(ctx context.Context, key string) (bucket.Object, string, error) {
	if err := b.check(ctx, key); err != nil {
		return bucket.Object{}, "", err
	}
	out, err := b.api.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.options.Bucket, Key: &key})
	if err == nil {
		return object(key, out.ContentLength, out.ETag, out.LastModified), out.Metadata[markName], nil
	}
	if status := statusOf(err); status < 300 || status >= 500 || status == http.StatusNotFound {
		return bucket.Object{}, "", b.classed(ctx, describing, key, err)
	}
	// The answer to a HEAD has no body, so it does not tell an expired session from a missing permission. The answer to a GET does.
	got, err := b.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.options.Bucket, Key: &key})
	if err != nil {
		return bucket.Object{}, "", b.classed(ctx, describing, key, err)
	}
	_ = got.Body.Close() // nothing of it is wanted
	return object(key, got.ContentLength, got.ETag, got.LastModified), got.Metadata[markName], nil
}

// Get implements bucket.Bucket. The reader's errors are transient faults.
func (b *Bucket) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Object, error) {
	if err := b.check(ctx, key); err != nil {
		return nil, bucket.Object{}, err
	}
	out, err := b.api.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.options.Bucket, Key: &key})
	if err != nil {
		return nil, bucket.Object{}, b.classed(ctx, opening, key, err)
	}
	return &body{out.Body, ctx, b.Location(key)}, object(key, out.ContentLength, out.ETag, out.LastModified), nil
}

func object(key string, size *int64, etag *string, modified *time.Time) bucket.Object {
	return bucket.Object{Key: key, Size: aws.ToInt64(size), ETag: aws.ToString(etag), Modified: aws.ToTime(modified)}
}

// body is an object that is being read.
type body struct {
	io.ReadCloser
	ctx      context.Context
	location string
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case b.ctx.Err() != nil:
		return n, fmt.Errorf("reading %s: %w", b.location, b.ctx.Err())
	}
	return n, fault.New(fault.Transient, "reading", b.location, err, "")
}

// encryption returns the headers that ask for the bucket's encryption.
func (b *Bucket) encryption() (mode types.ServerSideEncryption, key *string) {
	switch b.options.Encryption {
	case SSES3:
		return types.ServerSideEncryptionAes256, nil
	case SSEKMS:
		if b.options.KMSKey != "" {
			key = &b.options.KMSKey
		}
		return types.ServerSideEncryptionAwsKms, key
	default:
		return "", nil
	}
}
