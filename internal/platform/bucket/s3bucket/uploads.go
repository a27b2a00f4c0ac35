package s3bucket

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// AbortUploads aborts the incomplete uploads of keys that begin with prefix and that own accepts, if they are older than age by the
// clock of this machine: what processes that were killed have left. It returns how many it aborted.
//
// It needs s3:ListBucketMultipartUploads, which roles that Mixpanel's guide describes don't have; its error is then a setup fault.
func (b *Bucket) AbortUploads(ctx context.Context, prefix string, age time.Duration, own func(key string) bool) (int, error) {
	n := 0
	for u, err := range b.uploads(ctx, prefix) {
		if err != nil {
			return n, err
		}
		key := aws.ToString(u.Key)
		if time.Since(aws.ToTime(u.Initiated)) < age || !own(key) {
			continue
		}
		b.abort(ctx, key, aws.ToString(u.UploadId))
		n++
	}
	return n, nil
}

// abortTwins aborts what earlier tries to create the upload id have made, if their answers were lost: uploads of the same key that began
// in the time that all the tries took, by the server's clock.
func (p *put) abortTwins(ctx context.Context, id string, took time.Duration) {
	const resolution = 2 * time.Second // of the times that are listed, both ways
	var mine time.Time
	others := map[string]time.Time{}
	for u, err := range p.uploads(ctx, p.key) {
		if err != nil {
			p.options.Log.Warn("looking for incomplete uploads failed", "object", p.Location(p.key), "error", err)
			return
		}
		switch {
		case aws.ToString(u.Key) != p.key:
		case aws.ToString(u.UploadId) == id:
			mine = aws.ToTime(u.Initiated)
		default:
			others[aws.ToString(u.UploadId)] = aws.ToTime(u.Initiated)
		}
	}
	for other, at := range others {
		if !mine.IsZero() && !at.After(mine.Add(resolution)) && mine.Sub(at) <= took+resolution {
			p.abort(ctx, p.key, other)
		}
	}
}

// uploads lists the incomplete uploads of keys that begin with prefix.
func (b *Bucket) uploads(ctx context.Context, prefix string) iter.Seq2[types.MultipartUpload, error] {
	return func(yield func(types.MultipartUpload, error) bool) {
		in := &s3.ListMultipartUploadsInput{Bucket: &b.options.Bucket, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
		for more := true; more; {
			out, err := b.api.ListMultipartUploads(ctx, in)
			if err != nil {
				yield(types.MultipartUpload{}, b.classed(ctx, listingUploads, prefix, err))
				return
			}
			for _, u := range out.Uploads {
				key, err := decoded(u.Key, out.EncodingType)
				if err != nil {
					yield(types.MultipartUpload{}, fmt.Errorf("listing the uploads of %s: %w", b.Location(prefix), err))
					return
				}
				if u.Key = &key; !yield(u, nil) {
					return
				}
			}
			marker, err := decoded(out.NextKeyMarker, out.EncodingType)
			if err != nil {
				yield(types.MultipartUpload{}, fmt.Errorf("listing the uploads of %s: %w", b.Location(prefix), err))
				return
			}
			more = aws.ToBool(out.IsTruncated)
			in.KeyMarker, in.UploadIdMarker = &marker, out.NextUploadIdMarker
		}
	}
}

// decoded returns a key of a listing. Keys may hold characters that XML cannot, hence the encoding; servers that don't know it say so
// by leaving it out of their answer.
func decoded(key *string, encoding types.EncodingType) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return aws.ToString(key), nil
	}
	plain, err := url.QueryUnescape(aws.ToString(key))
	if err != nil {
		return "", fmt.Errorf("decoding key %q: %w", aws.ToString(key), err)
	}
	return plain, nil
}
