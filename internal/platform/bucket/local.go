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
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
)

// stagingDir holds objects while they are written. It lies inside the bucket's folder so that the final rename stays on one
// file system, and its name keeps it out of every listing.
const stagingDir = ".staging"

// Local is a bucket in a folder: the object "a/b.json" is the file <root>/a/b.json. Other programs may read the files, and
// S3 servers that serve folders as buckets can serve it.
//
// Files give it two limits that S3 does not have: an element of a key has at most 255 bytes on most file systems, and "a" and
// "a/b" cannot both be objects. A Put that breaks one fails with a setup error.
type Local struct {
	name, root string
	// stamped is the modification time of the newest object in nanoseconds. It makes the times, and so the ETags, of this
	// process's objects differ however coarse the file system's clock is.
	stamped atomic.Int64
	// synced holds the folders whose entries in their parents are durable.
	synced sync.Map
}

// abandonedAfter is the age at which a half-written object is taken for the leavings of a crash. Another process may be
// writing to the same bucket, so younger ones stay.
const abandonedAfter = time.Hour

// OpenLocal opens the bucket called name in the folder root, which it creates if need be. Objects that a crash left half
// written long ago are removed.
func OpenLocal(name, root string) (*Local, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, localFault("finding the folder of bucket", name, err)
	}
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
		if err != nil || info.IsDir() || time.Since(info.ModTime()) < abandonedAfter {
			continue
		}
		if err := os.Remove(filepath.Join(staging, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, localFault("clearing the staging folder of bucket", name, err)
		}
	}
	return &Local{name: name, root: root}, nil
}

// stamp returns the time now, or a little later if an object has it already.
func (l *Local) stamp() time.Time {
	for {
		last := l.stamped.Load()
		if next := max(time.Now().UnixNano(), last+1); l.stamped.CompareAndSwap(last, next) {
			return time.Unix(0, next)
		}
	}
}

// Location implements Bucket.
func (l *Local) Location(key string) string { return "s3://" + l.name + "/" + key }

// LocalReserves reports whether a local bucket keeps the key, and all keys below it, for itself.
func LocalReserves(key string) bool {
	return key == stagingDir || strings.HasPrefix(key, stagingDir+"/")
}

// LocalPath implements LocalPather.
func (l *Local) LocalPath(key string) (string, error) {
	if err := CheckKey(key); err != nil {
		return "", err
	}
	if LocalReserves(key) {
		return "", fmt.Errorf("object key %q is reserved", key)
	}
	return filepath.Join(l.root, filepath.FromSlash(key)), nil
}

// Put implements Bucket: the content is written aside, synced, renamed into place, and the folder synced.
func (l *Local) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, opts PutOptions) (Object, error) {
	if _, err := l.LocalPath(key); err != nil {
		return Object{}, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return Object{}, fmt.Errorf("rewinding the body of %s: %w", l.Location(key), err)
	}
	if err := ctx.Err(); err != nil {
		return Object{}, err
	}
	staged, err := l.Stage()
	if err != nil {
		return Object{}, err
	}
	defer staged.Discard()
	n, err := io.Copy(staged.File, &contextReader{ctx, body})
	if err != nil {
		return Object{}, localFault("writing", l.Location(key), err)
	}
	if n != size {
		return Object{}, fmt.Errorf("writing %s: body has %d bytes, %d were announced", l.Location(key), n, size)
	}
	return staged.Commit(key, CommitOptions{IfAbsent: opts.IfAbsent})
}

// place moves the finished file to its name. A concurrent Delete may remove the parent folder in between, hence the tries.
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
		switch {
		case err == nil:
			if err = syncDir(dir); errors.Is(err, fs.ErrNotExist) {
				return nil // the object has been deleted again, and the folder with it
			}
			return err
		case errors.Is(err, fs.ErrNotExist) && try < 100:
			// A Delete has emptied and removed the folder.
		case isDir(path):
			// A folder without objects below it is the leaving of a failed Put or a crash.
			if err := syscall.Rmdir(path); err != nil && !isMissing(err) || try >= 100 {
				return ErrFolder
			}
		case ifAbsent && errors.Is(err, fs.ErrExist):
			return ErrExists
		default:
			return err
		}
	}
}

// ErrFolder says that objects below the key keep a Local bucket from holding one under the key itself.
var ErrFolder = errors.New("there are objects below the key")

func isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// makeDirs creates dir and makes its entry durable in its parent. A folder that is there already may be another Put's that has
// not synced it yet, so only folders that this process has synced are passed over.
func (l *Local) makeDirs(dir string) error {
	if dir == l.root {
		return nil
	}
	if _, synced := l.synced.Load(dir); synced {
		if _, err := os.Stat(dir); err == nil {
			return nil
		}
	}
	parent := filepath.Dir(dir)
	if err := l.makeDirs(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncDir(parent); err != nil {
		return err
	}
	l.synced.Store(dir, struct{}{})
	return nil
}

// Get implements Bucket. An open file keeps its content when the name is replaced.
func (l *Local) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	f, object, _, err := l.OpenFile(ctx, key)
	if err != nil {
		return nil, Object{}, err
	}
	return f, object, nil
}

// Head implements Bucket.
func (l *Local) Head(ctx context.Context, key string) (Object, error) {
	path, err := l.LocalPath(key)
	if err != nil {
		return Object{}, err
	}
	if err := ctx.Err(); err != nil {
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
		dir := prefix[:strings.LastIndexByte(prefix, '/')+1]
		if dir != "" {
			// No key begins with a folder that is not a key itself, and "../" would lead out of the bucket.
			if _, err := l.LocalPath(strings.TrimSuffix(dir, "/")); err != nil {
				return
			}
		}
		l.walk(ctx, dir, prefix, yield)
	}
}

func (l *Local) walk(ctx context.Context, dir, prefix string, yield func(Object, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(Object{}, err)
		return false
	}
	entries, err := os.ReadDir(filepath.Join(l.root, filepath.FromSlash(dir)))
	if dir != "" && isMissing(err) {
		return true
	}
	if err != nil {
		yield(Object{}, localFault("listing", l.Location(dir), err))
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
		if isDir(path) {
			continue // a folder of other objects
		}
		if err := os.Remove(path); err != nil && !isMissing(err) {
			return localFault("deleting", l.Location(key), err)
		}
		for dir := filepath.Dir(path); dir != l.root; dir = filepath.Dir(dir) {
			l.synced.Delete(dir)
			if syscall.Rmdir(dir) != nil { // os.Remove would also remove an object that has taken the folder's name
				break
			}
		}
	}
	return nil
}

// fault returns what a failed look at an object means.
func (l *Local) fault(op, key string, err error) error {
	if isMissing(err) {
		return fmt.Errorf("%s %s: %w", op, l.Location(key), ErrNotFound)
	}
	return localFault(op, l.Location(key), err)
}

// isMissing reports whether err says that a path leads nowhere: also below a file, or by a name that no file can have.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}

func localFault(op, object string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s %s: %w", op, object, err)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Setup, op, object, err, "give the process the right to write there")
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Setup, op, object, err, "the bucket's folder is gone: mount or restore it")
	case errors.Is(err, syscall.ENAMETOOLONG):
		return fault.New(fault.Setup, op, object, err, "shorten the parts of the key to 255 bytes")
	case errors.Is(err, ErrFolder), errors.Is(err, syscall.ENOTDIR):
		return fault.New(fault.Setup, op, object, err, "choose a key that is neither above nor below another object's")
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
