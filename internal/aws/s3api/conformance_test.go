package s3api_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/buckettest"
	"github.com/refract-io/refract/internal/platform/bucket/s3bucket"
)

// What the exporter asks of any bucket, it gets from this one by its own client of S3.
func TestTheExportersBucketConforms(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	var made atomic.Int64
	buckettest.Run(t, func(t *testing.T) bucket.Bucket {
		name := fmt.Sprint("suite-", made.Add(1))
		_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{
			Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region},
		})
		require.NoError(t, err)
		return s3bucket.New(aws.Config{Region: region, BaseEndpoint: &h.url, Credentials: aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) { return key("admin"), nil },
		)}, s3bucket.Options{Bucket: name, PathStyle: true, PartBytes: 5 << 20, Retry: bucket.RetryPolicy{Attempts: 10, Base: time.Millisecond, Max: 10 * time.Millisecond}})
	})
	for i := range made.Load() {
		uploads, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(fmt.Sprint("suite-", i+1))})
		require.NoError(t, err)
		require.Empty(t, uploads.Uploads)
	}
}
