package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/refract-io/refract/internal/aws/grant"
)

// multipart stores an object in parts, which with a key needs kms:Decrypt. It first makes sure that an upload can be given up: one
// that isn't there is not found, if that is allowed.
func (o *objects) multipart(ctx context.Context, wrote bool) {
	key := o.folder + "parts"
	abort := func(ctx context.Context, id string) error {
		_, err := o.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: o.bucket, Key: &key, UploadId: &id})
		if code, _, status := answerOf(err); code == "NoSuchUpload" || status == http.StatusNotFound {
			return nil
		}
		return err
	}
	denied := o.perform(ctx, grant.UseS3, "s3:AbortMultipartUpload", func(ctx context.Context) error { return abort(ctx, o.probe) })
	o.soften("s3:AbortMultipartUpload", "only whoever began an upload can give it up, unless a VPC endpoint's policy forbids that too")
	_ = o.perform(ctx, grant.UseS3, "s3:ListBucketMultipartUploads", func(ctx context.Context) error { // the line says it
		_, err := o.api.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: o.bucket, Prefix: &o.folder})
		return err
	})
	o.soften("s3:ListBucketMultipartUploads", "uploads that killed processes left stay until a lifecycle rule of the bucket ends them")
	switch {
	case !wrote:
		o.skip("s3", "objects in parts", "no object could be written")
	case denied != nil:
		o.skip("s3", "objects in parts", "nothing is begun that could not be given up")
	default:
		o.parts(ctx, key, abort)
	}
}

func (o *objects) parts(ctx context.Context, key string, abort func(context.Context, string) error) {
	algorithm, kmsKey := o.encrypt()
	took, err := o.call(ctx, func(ctx context.Context) error {
		var upload *s3.CreateMultipartUploadOutput
		o.undo = append(o.undo, func(ctx context.Context) error { return o.abortAll(ctx, key, abort) })
		err := o.whole(ctx, func(ctx context.Context) (err error) {
			upload, err = o.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: o.bucket, Key: &key, ServerSideEncryption: algorithm, SSEKMSKeyId: kmsKey})
			return err
		})
		if err != nil {
			return err
		}
		o.undo = append(o.undo, func(ctx context.Context) error {
			if err := abort(ctx, *upload.UploadId); err != nil {
				return fmt.Errorf("an incomplete upload of s3://%s/%s is left: %w", *o.bucket, key, err)
			}
			return nil
		})
		part, err := o.api.UploadPart(ctx, &s3.UploadPartInput{Bucket: o.bucket, Key: &key, UploadId: upload.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader(probeText)})
		if err != nil {
			return err
		}
		return o.whole(ctx, func(ctx context.Context) error {
			_, err := o.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
				Bucket: o.bucket, Key: &key, UploadId: upload.UploadId,
				MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}},
			})
			return err
		})
	})
	c := Check{Area: "s3", Name: "objects in parts", Status: Passed, Milliseconds: took.Milliseconds()}
	if err != nil {
		o.judge(&c, grant.UseS3, "s3:PutObject", err)
	} else if kmsKey != nil {
		o.add(Check{Area: "s3", Name: "kms:GenerateDataKey", Status: Passed})
		o.add(Check{Area: "s3", Name: "kms:Decrypt", Status: Passed})
	}
	o.add(c)
}

// abortAll gives up uploads whose identifiers never came back, as far as they may be listed.
func (o *objects) abortAll(ctx context.Context, key string, abort func(context.Context, string) error) error {
	out, err := o.api.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: o.bucket, Prefix: &key})
	if err != nil {
		return nil // an upload that is known is given up by itself
	}
	var errs []error
	for i := range out.Uploads {
		if err := abort(ctx, aws.ToString(out.Uploads[i].UploadId)); err != nil {
			errs = append(errs, fmt.Errorf("an incomplete upload of s3://%s/%s is left: %w", *o.bucket, key, err))
		}
	}
	return errors.Join(errs...)
}
