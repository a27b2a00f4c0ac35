package s3api_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/buckettest"
	"github.com/refract-io/refract/internal/platform/bucket/s3bucket"
)

// TestTheExportersBucketOverTheEndpoint runs the suite that every bucket passes through the client with which pipelines write to S3.
func TestTheExportersBucketOverTheEndpoint(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) bucket.Bucket {
		h := newHouse(t)
		c := key("admin")
		return s3bucket.New(aws.Config{
			Region: region, BaseEndpoint: &h.url, Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, ""),
		}, s3bucket.Options{
			Bucket: lake, PathStyle: true, Retry: bucket.RetryPolicy{Attempts: 10, Base: time.Millisecond, Max: 10 * time.Millisecond},
		})
	})
}
