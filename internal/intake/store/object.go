package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// object is an object that is open for reading at any offset.
type object struct {
	io.ReaderAt
	io.Closer
	size int64
}

// openObject opens an object. If the bucket's reader cannot seek, the object is copied to a temporary file, which has no name
// and so goes with the process.
func (s *Store) openObject(ctx context.Context, key string) (*object, error) {
	body, o, err := s.opts.Bucket.Get(ctx, key)
	if errors.Is(err, bucket.ErrNotFound) {
		return nil, fault.New(fault.Transient, "opening", s.opts.Bucket.Location(key), err, "it was merged into another one meanwhile, or removed by someone else")
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", key, err)
	}
	if r, ok := body.(io.ReaderAt); ok {
		return &object{ReaderAt: r, Closer: body, size: o.Size}, nil
	}
	defer body.Close()
	f, err := s.tempFile()
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(f, body)
	if err != nil {
		return nil, errors.Join(fault.New(fault.Transient, "fetching", s.opts.Bucket.Location(key), err, ""), f.Close())
	}
	return &object{ReaderAt: f, Closer: f, size: n}, nil
}

// tempFile creates a file that has no name any more.
func (s *Store) tempFile() (*os.File, error) {
	f, err := os.CreateTemp(s.opts.Dir, "refract-store-*")
	if err != nil {
		return nil, fault.New(fault.Transient, "creating a temporary file in", s.opts.Dir, err, "check that the folder exists, can be written and has space")
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("removing the name of a temporary file: %w", err), f.Close())
	}
	return f, nil
}
