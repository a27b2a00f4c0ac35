package s3bucket

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// List implements bucket.Bucket. Objects whose keys this package would not take, such as the "folder/" that consoles make, are left
// out.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(bucket.Object{}, err)
			return
		}
		if !begins(prefix) {
			return
		}
		asked := prefix
		for !utf8.ValidString(asked) { // a prefix may end within a character, a request may not
			asked = asked[:len(asked)-1]
		}
		in := &s3.ListObjectsV2Input{Bucket: &b.options.Bucket, Prefix: optional(asked), EncodingType: types.EncodingTypeUrl}
		for more := true; more; {
			out, err := b.api.ListObjectsV2(ctx, in)
			if err != nil {
				yield(bucket.Object{}, b.classed(ctx, listing, prefix, err))
				return
			}
			for i := range out.Contents {
				key, err := decoded(out.Contents[i].Key, out.EncodingType)
				if err != nil {
					yield(bucket.Object{}, fmt.Errorf("listing %s: %w", b.Location(prefix), err))
					return
				}
				if !strings.HasPrefix(key, prefix) || bucket.CheckKey(key) != nil {
					continue
				}
				o := &out.Contents[i]
				if !yield(object(key, o.Size, o.ETag, o.LastModified), nil) {
					return
				}
			}
			in.ContinuationToken = out.NextContinuationToken
			more = aws.ToBool(out.IsTruncated) && in.ContinuationToken != nil
		}
	}
}

// begins reports whether a key can begin with prefix.
func begins(prefix string) bool {
	folder, last := prefix[:strings.LastIndexByte(prefix, '/')+1], prefix[strings.LastIndexByte(prefix, '/')+1:]
	if folder != "" && bucket.CheckKey(strings.TrimSuffix(folder, "/")) != nil {
		return false
	}
	for i := 0; i < utf8.UTFMax && !utf8.ValidString(last); i++ {
		last = last[:len(last)-1]
	}
	return len(prefix) <= 1024 && utf8.ValidString(last) && strings.IndexByte(last, 0) < 0
}
