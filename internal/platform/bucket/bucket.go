// Package bucket is an object store as Refract needs one: whole objects, listed in key order.
//
// The contract below is what every implementation promises; the suite in package buckettest checks it. Keys are
// slash-separated UTF-8 without a leading slash, an empty element, "." or "..", at most 1,024 bytes (Amazon S3's limit). Callers
// choose keys so that none is a folder of another's ("a" beside "a/b"): not every store can hold both.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrNotFound says that no object has the key.
var ErrNotFound = errors.New("no such object")

// ErrExists answers a Put with IfAbsent when the key is taken.
var ErrExists = errors.New("object exists")

// Object describes a stored object.
type Object struct {
	Key  string
	Size int64
	// ETag changes whenever the content does. Its form is the implementation's own.
	ETag     string
	Modified time.Time
}

// PutOptions refine a Put.
type PutOptions struct {
	// ContentType is kept with the object where the store can.
	ContentType string
	// IfAbsent makes Put fail with ErrExists when the key is taken, without changing the object.
	IfAbsent bool
}

// Bucket holds objects. All methods are safe for concurrent use.
//
// Errors carry a fault class: missing permissions and buckets are setup, failures of network and disk (a full disk too)
// are transient. ErrNotFound and ErrExists are answers and carry none. An implementation over a network tries single
// requests again for a bounded time, so that a lost answer never makes a Put meet its own object, and its errors are what is left
// then; others retry nothing. A caller that wants more tries wraps the bucket with Retrying.
type Bucket interface {
	// Location is the address of a key as catalogs and users write it, "s3://name/key".
	Location(key string) string
	// Put stores size bytes of body under key, replacing any object there. The object appears whole or not at all, and is
	// durable when Put returns. Put reads body from its start and may read it more than once. It is idempotent.
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64, opts PutOptions) (Object, error)
	// Get opens the object for reading. The reader sees one version of it even if it is replaced meanwhile.
	Get(ctx context.Context, key string) (io.ReadCloser, Object, error)
	// Head describes the object, or ErrNotFound.
	Head(ctx context.Context, key string) (Object, error)
	// List yields the objects whose keys begin with prefix, in ascending byte order of their keys. It sees every object
	// whose Put returned before List was called. After an error it yields nothing more.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Delete removes the objects. Keys that do not exist are no error.
	Delete(ctx context.Context, keys ...string) error
}

// LocalPather is a bucket whose objects are files that a process on this machine can open, such as Local.
type LocalPather interface {
	// LocalPath returns the path of the object's file. The object need not exist.
	LocalPath(key string) (string, error)
}

// CheckKey reports why key is not one a bucket takes.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errors.New("object key is empty")
	case len(key) > 1024:
		return fmt.Errorf("object key has %d bytes, more than 1024", len(key))
	case !utf8.ValidString(key) || strings.IndexByte(key, 0) >= 0:
		return fmt.Errorf("object key %q is not valid UTF-8 text", key)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("object key %q has the element %q", key, part)
		}
	}
	return nil
}
