package s3bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// markName is the metadata (x-amz-meta-refract-put) of objects that were put conditionally or in parts: a random text by which a
// request whose answer was lost knows its own object again.
const markName = "refract-put"

// Put implements bucket.Bucket. Objects up to Options.PartBytes go in one request, larger ones in parts beside each other.
func (b *Bucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, opts bucket.PutOptions) (bucket.Object, error) {
	if err := b.check(ctx, key); err != nil {
		return bucket.Object{}, err
	}
	length, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return bucket.Object{}, fmt.Errorf("measuring the body of %s: %w", b.Location(key), err)
	}
	if length != size {
		return bucket.Object{}, fmt.Errorf("putting %s: body has %d bytes, %d were announced", b.Location(key), length, size)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return bucket.Object{}, fmt.Errorf("rewinding the body of %s: %w", b.Location(key), err)
	}
	// A body that cannot be read ends the put: no try of a request can mend it.
	within, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	p := &put{Bucket: b, key: key, size: size, opts: opts, fail: fail}
	var o bucket.Object
	if size <= b.options.PartBytes {
		o, err = p.whole(within, body)
	} else {
		o, err = p.inParts(within, body)
	}
	if cause := context.Cause(within); err != nil && cause != nil && ctx.Err() == nil {
		err = fmt.Errorf("reading the body of %s: %w", b.Location(key), cause)
	}
	return o, err
}

// put is one Put.
type put struct {
	*Bucket
	key  string
	size int64
	opts bucket.PutOptions
	fail context.CancelCauseFunc
}

// source is what a request reads of a put's body. It hides everything else the body can do, such as being closed.
type source struct {
	io.ReadSeeker
	fail context.CancelCauseFunc
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.fail(err)
	}
	return n, err
}

// whole puts the object in one request.
func (p *put) whole(ctx context.Context, body io.ReadSeeker) (bucket.Object, error) {
	in := &s3.PutObjectInput{
		Bucket: &p.options.Bucket, Key: &p.key, ContentLength: &p.size, ContentType: optional(p.opts.ContentType),
		Body: &source{body, p.fail},
	}
	in.ServerSideEncryption, in.SSEKMSKeyId = p.encryption()
	mark := ""
	if p.opts.IfAbsent {
		mark = uuid.NewString()
		in.IfNoneMatch, in.Metadata = aws.String("*"), map[string]string{markName: mark}
	}
	tries := 0
	out, err := p.api.PutObject(ctx, in, counting(&tries), onConflict)
	if err == nil {
		return p.made(out.ETag, out.ResultMetadata), nil
	}
	if p.opts.IfAbsent && isTaken(err) {
		if tries == 1 {
			return bucket.Object{}, p.taken()
		}
		return p.own(ctx, mark)
	}
	return bucket.Object{}, p.classed(ctx, putting, p.key, err)
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (p *put) taken() error { return fmt.Errorf("putting %s: %w", p.Location(p.key), bucket.ErrExists) }

// own returns the object under the key if it has the mark: a try whose answer was lost has put it. If not, the key is taken.
func (p *put) own(ctx context.Context, mark string) (bucket.Object, error) {
	o, found, err := p.head(ctx, p.key)
	switch {
	case errors.Is(err, bucket.ErrNotFound): // it was there a moment ago
		return bucket.Object{}, p.taken()
	case err != nil:
		return bucket.Object{}, err
	case found != mark:
		return bucket.Object{}, p.taken()
	}
	return o, nil
}

// made describes an object that was just stored. Its time is the server's when it answered, or else this machine's.
func (p *put) made(etag *string, metadata middleware.Metadata) bucket.Object {
	at, ok := awsmiddleware.GetServerTime(metadata)
	if !ok {
		at = time.Now()
	}
	return object(p.key, &p.size, etag, &at)
}
