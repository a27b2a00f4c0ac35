package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Staged is an object of a Local bucket that is being written and has no key yet. It is for one goroutine. Whoever staged it ends it with
// Commit or Discard; both may be called after either.
type Staged struct {
	// File is the content so far.
	File   *os.File
	bucket *Local
	done   bool
}

// Stage begins an object whose size is not known before it is written.
func (l *Local) Stage() (*Staged, error) {
	f, err := os.CreateTemp(l.StagingPath(), "put-*")
	if err != nil {
		return nil, localFault("creating an object in bucket", l.name, err)
	}
	return &Staged{File: f, bucket: l}, nil
}

// StagingPath returns a path below the folder that no key leads to. It lies in the file system of the bucket. Files in the folder
// itself are removed when the bucket is opened and they are old; what lies in folders below it is the caller's to remove.
func (l *Local) StagingPath(parts ...string) string {
	return filepath.Join(append([]string{l.root, stagingDir}, parts...)...)
}

// CommitOptions refine a Commit.
type CommitOptions struct {
	// IfAbsent makes Commit fail with ErrExists when the key is taken.
	IfAbsent bool
	// Attributes are kept with the object for OpenFile and Describe, where the file system has extended attributes. They belong to
	// this content: whoever replaces the object replaces them.
	Attributes []byte
}

// Commit gives the object its key, whole and durable.
func (s *Staged) Commit(key string, opts CommitOptions) (Object, error) {
	l := s.bucket
	path, err := l.LocalPath(key)
	if err != nil {
		return Object{}, err
	}
	defer s.Discard()
	at := l.stamp()
	if err := errors.Join(s.File.Chmod(0o644), os.Chtimes(s.File.Name(), at, at)); err != nil {
		return Object{}, localFault("syncing", l.Location(key), err)
	}
	// Described before it gets its name, since another Put or a Delete may come right after.
	info, err := s.File.Stat()
	if err != nil {
		return Object{}, localFault("describing", l.Location(key), err)
	}
	object := describe(key, info)
	if opts.Attributes != nil {
		value := append([]byte(object.ETag+"\n"), opts.Attributes...)
		if err := unix.Fsetxattr(int(s.File.Fd()), attributesName, value, 0); err != nil && !lacksAttributes(err) {
			return Object{}, localFault("writing the attributes of", l.Location(key), err)
		}
	}
	if err := errors.Join(s.File.Sync(), s.File.Close()); err != nil {
		return Object{}, localFault("syncing", l.Location(key), err)
	}
	if err := l.place(s.File.Name(), path, opts.IfAbsent); err != nil {
		if errors.Is(err, ErrExists) {
			return Object{}, ErrExists
		}
		return Object{}, localFault("placing", l.Location(key), err)
	}
	return object, nil
}

// Discard ends what was not committed. After a Commit it does nothing.
func (s *Staged) Discard() {
	if s.done {
		return
	}
	s.done = true
	// What can't be removed here is removed as old when the bucket is opened.
	_ = s.File.Close()
	_ = os.Remove(s.File.Name())
}

// attributesName is the extended attribute of an object's file: the ETag of the content that it belongs to, a line feed, and the
// attributes. An edit of the file in place leaves it behind, which the ETag tells.
const attributesName = "user.refract.object"

// maxAttributes is more than file systems keep (ext4: 4 KiB).
const maxAttributes = 64 << 10

// OpenFile opens the object's file and returns its attributes, nil without ones.
func (l *Local) OpenFile(ctx context.Context, key string) (*os.File, Object, []byte, error) {
	path, err := l.LocalPath(key)
	if err != nil {
		return nil, Object{}, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, Object{}, nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, Object{}, nil, l.fault("opening", key, err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, Object{}, nil, l.fault("opening", key, err)
	}
	object := describe(key, info)
	attributes, err := attributesOf(f, object)
	if err != nil {
		_ = f.Close()
		return nil, Object{}, nil, localFault("reading the attributes of", l.Location(key), err)
	}
	return f, object, attributes, nil
}

// Describe is Head with the object's attributes, nil without ones.
func (l *Local) Describe(ctx context.Context, key string) (Object, []byte, error) {
	f, object, attributes, err := l.OpenFile(ctx, key)
	if err != nil {
		return Object{}, nil, err
	}
	if err := f.Close(); err != nil {
		return Object{}, nil, localFault("closing", l.Location(key), err)
	}
	return object, attributes, nil
}

func attributesOf(f *os.File, object Object) ([]byte, error) {
	value := make([]byte, maxAttributes)
	n, err := unix.Fgetxattr(int(f.Fd()), attributesName, value)
	if err != nil {
		if lacksAttributes(err) || errors.Is(err, noAttribute) {
			return nil, nil
		}
		return nil, fmt.Errorf("extended attribute %s: %w", attributesName, err)
	}
	etag, attributes, _ := bytes.Cut(value[:n], []byte("\n"))
	if string(etag) != object.ETag {
		return nil, nil
	}
	return bytes.Clone(attributes), nil
}

// lacksAttributes tells that a file system keeps no extended attributes of users.
func lacksAttributes(err error) bool {
	return errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EPERM)
}
