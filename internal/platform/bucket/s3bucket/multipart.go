package s3bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// abortTimeout bounds the clearing away of an upload, which goes on when the put's own context has ended.
const abortTimeout = 30 * time.Second

// errAgain says that an upload was lost or came to nothing by another's doing, and that a new one may do better.
var errAgain = errors.New("the upload has to be made anew")

// inParts puts the object in parts. An upload that meets a conflict, or that somebody aborted, is made anew with all its parts.
func (p *put) inParts(ctx context.Context, body io.ReadSeeker) (bucket.Object, error) {
	for n := 1; ; n++ {
		o, err := p.upload(ctx, body)
		if !errors.Is(err, errAgain) || n >= p.options.Retry.Attempts {
			return o, err
		}
		if waitErr := p.options.Retry.Wait(ctx, n); waitErr != nil {
			return bucket.Object{}, fmt.Errorf("%w; before that: %w", waitErr, err)
		}
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return bucket.Object{}, fmt.Errorf("rewinding the body of %s: %w", p.Location(p.key), err)
		}
	}
}

// upload makes one multipart upload and completes it, or aborts it.
func (p *put) upload(ctx context.Context, body io.ReadSeeker) (o bucket.Object, err error) {
	mark, began, tries := uuid.NewString(), time.Now(), 0
	in := &s3.CreateMultipartUploadInput{
		Bucket: &p.options.Bucket, Key: &p.key, ContentType: optional(p.opts.ContentType), Metadata: map[string]string{markName: mark},
	}
	in.ServerSideEncryption, in.SSEKMSKeyId = p.encryption()
	created, err := p.api.CreateMultipartUpload(ctx, in, counting(&tries))
	if err != nil {
		return o, p.classed(ctx, putting, p.key, err)
	}
	id := aws.ToString(created.UploadId)
	if tries > 1 {
		p.abortTwins(ctx, id, time.Since(began))
	}
	defer func() {
		if err != nil {
			p.abort(ctx, p.key, id)
		}
	}()
	parts, err := p.sendParts(ctx, id, body)
	if err != nil {
		return o, err
	}
	return p.complete(ctx, id, mark, parts)
}

// sendParts stores the parts, beside each other as far as Options.Parts allows.
func (p *put) sendParts(ctx context.Context, id string, body io.ReadSeeker) ([]types.CompletedPart, error) {
	partBytes := max(p.options.PartBytes, (p.size+maxParts-1)/maxParts)
	parts := make([]types.CompletedPart, (p.size+partBytes-1)/partBytes)
	group, ctx := errgroup.WithContext(ctx)
	for i := range parts {
		select {
		case p.parts <- struct{}{}:
		case <-ctx.Done():
			return nil, errors.Join(group.Wait(), ctx.Err())
		}
		offset := int64(i) * partBytes
		content, err := p.part(body, offset, min(partBytes, p.size-offset))
		if err != nil {
			<-p.parts
			group.Go(func() error { return err })
			break
		}
		group.Go(func() (err error) {
			defer func() { <-p.parts }()
			parts[i], err = p.sendPart(ctx, id, int32(i+1), content)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return parts, nil
}

// part returns a reader of a piece of the body: in place where the body can be read at any place, and else of a copy.
func (p *put) part(body io.ReadSeeker, offset, size int64) (io.ReadSeeker, error) {
	if at, ok := body.(io.ReaderAt); ok {
		return &source{io.NewSectionReader(at, offset, size), p.fail}, nil
	}
	content := make([]byte, size)
	if _, err := io.ReadFull(body, content); err != nil {
		p.fail(err)
		return nil, err
	}
	return bytes.NewReader(content), nil
}

func (p *put) sendPart(ctx context.Context, id string, number int32, content io.ReadSeeker) (types.CompletedPart, error) {
	out, err := p.api.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &p.options.Bucket, Key: &p.key, UploadId: &id, PartNumber: &number, Body: content,
	})
	if err != nil {
		return types.CompletedPart{}, p.lost(p.classed(ctx, putting, p.key, err), err)
	}
	return types.CompletedPart{
		PartNumber: &number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
		ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256,
	}, nil
}

// lost adds errAgain to what became of an upload that is not there any more.
func (p *put) lost(classed, err error) error {
	if codeOf(err) == "NoSuchUpload" {
		return fault.New(fault.Transient, string(putting), p.Location(p.key), errors.Join(errAgain, classed), "")
	}
	return classed
}

// complete makes the object of its parts.
func (p *put) complete(ctx context.Context, id, mark string, parts []types.CompletedPart) (bucket.Object, error) {
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &p.options.Bucket, Key: &p.key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}
	if p.opts.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	tries := 0
	out, err := p.api.CompleteMultipartUpload(ctx, in, counting(&tries))
	if err == nil {
		return p.made(out.ETag, out.ResultMetadata), nil
	}
	switch taken := p.opts.IfAbsent && isTaken(err); {
	case tries > 1 && (taken || codeOf(err) == "NoSuchUpload"):
		o, found := p.own(ctx, mark)
		if found == nil || taken || !errors.Is(found, bucket.ErrExists) {
			return o, found
		}
		return o, p.lost(nil, err)
	case taken:
		return bucket.Object{}, p.taken()
	case codeOf(err) == conflict:
		return bucket.Object{}, fault.New(fault.Transient, string(putting), p.Location(p.key), errors.Join(errAgain, apiCause(err)), "")
	}
	return bucket.Object{}, p.lost(p.classed(ctx, putting, p.key, err), err)
}

// abort gives an upload up. What remains in spite of it goes with AbortUploads, or by the bucket's own lifecycle rule.
func (b *Bucket) abort(ctx context.Context, key, id string) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer done()
	_, err := b.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.options.Bucket, Key: &key, UploadId: &id})
	if err != nil && codeOf(err) != "NoSuchUpload" {
		b.options.Log.Warn("an incomplete upload stays in the bucket", "object", b.Location(key), "error", b.classed(ctx, aborting, key, err))
	}
}
