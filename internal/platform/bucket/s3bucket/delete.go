package s3bucket

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/refract-io/refract/internal/platform/fault"
)

// deleteBatch is how many keys one DeleteObjects takes.
const deleteBatch = 1000

// Delete implements bucket.Bucket: a single key with DeleteObject, more with DeleteObjects, whose answer tells of every key that failed.
func (b *Bucket) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := b.check(ctx, key); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var single, batched []string
	for _, key := range keys {
		if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' }) {
			single = append(single, key) // XML, the form of a batch, cannot hold it
		} else {
			batched = append(batched, key)
		}
	}
	for batch := range slices.Chunk(batched, deleteBatch) {
		if len(batch) == 1 {
			single = append(single, batch[0])
		} else if err := b.deleteBatch(ctx, batch); err != nil {
			return err
		}
	}
	return b.deleteSingly(ctx, single)
}

func (b *Bucket) deleteSingly(ctx context.Context, keys []string) error {
	for _, key := range keys {
		_, err := b.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.options.Bucket, Key: &key})
		if err != nil && !isAbsent(codeOf(err)) {
			return b.classed(ctx, deleting, key, err)
		}
	}
	return nil
}

// deleteBatch deletes the keys and tries those again that failed for reasons that pass.
func (b *Bucket) deleteBatch(ctx context.Context, keys []string) error {
	for n := 1; ; n++ {
		objects := make([]types.ObjectIdentifier, len(keys))
		for i := range keys {
			objects[i].Key = &keys[i]
		}
		out, err := b.api.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &b.options.Bucket, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
		})
		switch {
		case err != nil && !b.aws && isUnsupportedBatch(err):
			return b.deleteSingly(ctx, keys)
		case err != nil:
			return b.classed(ctx, deleting, keys[0], err)
		}
		keys = nil
		var last error
		for _, failed := range out.Errors {
			key, code := aws.ToString(failed.Key), aws.ToString(failed.Code)
			if isAbsent(code) {
				continue
			}
			refused := &smithy.GenericAPIError{Code: code, Message: aws.ToString(failed.Message)}
			err := b.coded(deleting, key, refused, 0, apiCause(refused))
			if fault.ClassOf(err) != fault.Transient {
				return err
			}
			keys, last = append(keys, key), err
		}
		if len(keys) == 0 {
			return nil
		}
		if n >= b.options.Retry.Attempts {
			return last
		}
		if waitErr := b.options.Retry.Wait(ctx, n); waitErr != nil {
			return fmt.Errorf("%w; before that: %w", waitErr, last)
		}
	}
}

// isUnsupportedBatch reports whether a server that is not AWS does not know DeleteObjects, or not with the checksums of today.
func isUnsupportedBatch(err error) bool {
	switch codeOf(err) {
	case "NotImplemented", "MethodNotAllowed", "MissingContentMD5", "InvalidRequest", "InvalidArgument":
		return true
	}
	return false
}
