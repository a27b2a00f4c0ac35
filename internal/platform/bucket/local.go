package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
)

// stagingDir holds objects while they are written. It lies inside the bucket's folder so that the final rename stays on one
// file system, and its name keeps it out of every listing.
const stagingDir = ".staging"

// Local is a bucket in a folder: the object "a/b.json" is the file <root>/a/b.json. Other programs may read the files, and
// S3 servers that serve folders as buckets can serve it.
type Local struct {
	name, root string
}

// abandonedAfter is the age at which a half-written object is taken for the leavings of a crash. Another process may be
// writing to the same bucket, so younger ones stay.
const abandonedAfter = time.Hour

// OpenLocal opens the bucket called name in the folder root, which it creates if need be. Objects that a crash left half
// written long ago are removed.
func OpenLocal(name, root string) (*Local, error) {
	staging := filepath.Join(root, stagingDir)
	if err := os.MkdirAll(staging, 0o755); err != nil {
		return nil, localFault("creating bucket", name, err)
	}
	entries, err := os.ReadDir(staging)
	if err != nil {
		return nil, localFault("reading the staging folder of bucket", name, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < abandonedAfter {
			continue
		}
		if err := os.Remove(filepath.Join(staging, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, localFault("clearing the staging folder of bucket", name, err)
		}
	}
	return &Local{name: name, root: root}, nil
}

// Location implements Bucket.
func (l *Local) Location(key string) string { return "s3://" + l.name + "/" + key }

// LocalPath implements LocalPather.
func (l *Local) LocalPath(key string) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", err
	}
	if key == stagingDir || strings.HasPrefix(key, stagingDir+"/") {
		return "", fmt.Errorf("object key %q is reserved", key)
	}
	return filepath.Join(l.root, filepath.FromSlash(key)), nil
}

// Put implements Bucket: the content is written aside, synced, renamed into place, and the folder synced.
func (l *Local) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, opts PutOptions) (Object, error) {
	path, err := l.LocalPath(key)
	if err != nil {
		return Object{}, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return Object{}, fmt.Errorf("rewinding the body of %s: %w", l.Location(key), err)
	}
	tmp, err := os.CreateTemp(filepath.Join(l.root, stagingDir), "put-*")
	if err != nil {
		return Object{}, l.fault("creating", key, err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	n, err := io.Copy(tmp, &contextReader{ctx, body})
	if err != nil {
		return Object{}, l.fault("writing", key, err)
	}
	if n != size {
		return Object{}, fmt.Errorf("writing %s: body has %d bytes, %d were announced", l.Location(key), n, size)
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return Object{}, l.fault("syncing", key, err)
	}
	if err := l.place(tmp.Name(), path, opts.IfAbsent); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return Object{}, ErrExists
		}
		return Object{}, l.fault("placing", key, err)
	}
	return l.Head(ctx, key)
}

// place moves the finished file to its name. A concurrent Delete may remove the parent folder in between, hence the retry.
func (l *Local) place(tmp, path string, ifAbsent bool) error {
	dir := filepath.Dir(path)
	for try := 0; ; try++ {
		err := l.makeDirs(dir)
		if err == nil {
			if ifAbsent {
				err = os.Link(tmp, path)
			} else {
				err = os.Rename(tmp, path)
			}
		}
		if errors.Is(err, fs.ErrNotExist) && try < 10 {
			continue
		}
		if err != nil {
			return err
		}
		return syncDir(dir)
	}
}

// makeDirs creates dir and makes each new entry durable in its parent.
func (l *Local) makeDirs(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if dir != l.root {
		if err := l.makeDirs(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// Get implements Bucket. An open file keeps its content when the name is replaced.
func (l *Local) Get(_ context.Context, key string) (io.ReadCloser, Object, error) {
	path, err := l.LocalPath(key)
	if err != nil {
		return nil, Object{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, Object{}, l.fault("opening", key, err)
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		f.Close()
		if err == nil {
			err = fs.ErrNotExist
		}
		return nil, Object{}, l.fault("opening", key, err)
	}
	return f, describe(key, info), nil
}

// Head implements Bucket.
func (l *Local) Head(_ context.Context, key string) (Object, error) {
	path, err := l.LocalPath(key)
	if err != nil {
		return Object{}, err
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Object{}, l.fault("describing", key, err)
	}
	return describe(key, info), nil
}

// List implements Bucket. Folders are walked in the order of the keys below them, which differs from the order of the
// names: "a.json" sorts before "a/b" because '.' < '/'.
func (l *Local) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		l.walk(ctx, prefix[:strings.LastIndexByte(prefix, '/')+1], prefix, yield)
	}
}

func (l *Local) walk(ctx context.Context, dir, prefix string, yield func(Object, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(Object{}, err)
		return false
	}
	entries, err := os.ReadDir(filepath.Join(l.root, filepath.FromSlash(dir)))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return true
	}
	if err != nil {
		yield(Object{}, l.fault("listing", dir, err))
		return false
	}
	keys := make([]string, 0, len(entries))
	for _, e := range entries {
		key := dir + e.Name()
		if key == stagingDir {
			continue
		}
		if e.IsDir() {
			key += "/"
		}
		if strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key) {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	for _, key := range keys {
		if strings.HasSuffix(key, "/") {
			if !l.walk(ctx, key, prefix, yield) {
				return false
			}
			continue
		}
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		o, err := l.Head(ctx, key)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if !yield(o, err) || err != nil {
			return false
		}
	}
	return true
}

// Delete implements Bucket. Folders that became empty go too, as an object store has none.
func (l *Local) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		path, err := l.LocalPath(key)
		if err != nil {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return l.fault("deleting", key, err)
		}
		for dir := filepath.Dir(path); dir != l.root && os.Remove(dir) == nil; {
			dir = filepath.Dir(dir)
		}
	}
	return nil
}

func (l *Local) fault(op, key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s %s: %w", op, l.Location(key), ErrNotFound)
	}
	return localFault(op, l.Location(key), err)
}

func localFault(op, object string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Setup, op, object, err, "give the process the right to write there")
	case errors.Is(err, syscall.ENOSPC):
		return fault.New(fault.Transient, op, object, err, "free some disk space; work goes on by itself")
	default:
		return fault.New(fault.Transient, op, object, err, "")
	}
}

func describe(key string, info fs.FileInfo) Object {
	etag := fmt.Sprintf("%x-%x", info.Size(), info.ModTime().UnixNano())
	return Object{Key: key, Size: info.Size(), ETag: etag, Modified: info.ModTime()}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
