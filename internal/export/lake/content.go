package lake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// hasContent reports whether the bucket's object under o.Key is o byte by byte.
func hasContent(ctx context.Context, b bucket.Bucket, o *Object) (bool, error) {
	head, err := b.Head(ctx, o.Key)
	if errors.Is(err, bucket.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("describing %s: %w", b.Location(o.Key), err)
	}
	if head.Size != o.Bytes {
		return false, nil
	}
	body, _, err := b.Get(ctx, o.Key)
	if errors.Is(err, bucket.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening %s: %w", b.Location(o.Key), err)
	}
	defer body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, body); err != nil {
		return false, fault.New(fault.Transient, "comparing", b.Location(o.Key), err, "")
	}
	return hex.EncodeToString(sum.Sum(nil)) == o.SHA256, nil
}

// CountRows reads an object and counts its rows: lines that end with a line break. Text after the last line break is an error, as
// is anything but whole gzip members.
func CountRows(ctx context.Context, b bucket.Bucket, key string) (int64, error) {
	body, _, err := b.Get(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("opening %s: %w", b.Location(key), err)
	}
	defer body.Close()
	zip, err := gzip.NewReader(body)
	if err != nil {
		return 0, fault.New(fault.Setup, "reading", b.Location(key), err, "it is no object of a pipeline: move it elsewhere")
	}
	defer zip.Close()
	buf := make([]byte, 64<<10)
	var rows int64
	last := byte('\n')
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := zip.Read(buf)
		if n > 0 {
			rows += int64(bytes.Count(buf[:n], []byte{'\n'}))
			last = buf[n-1]
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, fault.New(fault.Setup, "reading", b.Location(key), err, "the object is damaged: export it again")
		}
	}
	if last != '\n' {
		return 0, fault.New(fault.Setup, "reading", b.Location(key), io.ErrUnexpectedEOF, "the last line is cut: export it again")
	}
	return rows, nil
}
