package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// stageWidth is how many objects are copied at a time.
const stageWidth = 8

// localPaths gives the files of the objects, for readers that need files. Objects of buckets outside this machine are copied
// into a folder that remove deletes; paths are in the order of files.
func (e *Engine) localPaths(ctx context.Context, files []dataFile) (paths []string, remove func(), err error) {
	paths = make([]string, len(files))
	remove = func() {}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(stageWidth)
	folder := ""
	for i := range files {
		if local, ok := files[i].bucket.(bucket.LocalPather); ok {
			if paths[i], err = local.LocalPath(files[i].object.Key); err != nil {
				err = fmt.Errorf("finding the file of %s: %w", files[i].location(), err)
				break
			}
			continue
		}
		if folder == "" {
			if folder, err = os.MkdirTemp(e.stageDir, "query-*"); err != nil {
				err = fault.New(fault.Transient, "creating a folder for copies of objects", e.stageDir, err, "")
				break
			}
			remove = func() { os.RemoveAll(folder) }
		}
		paths[i] = filepath.Join(folder, strconv.Itoa(i)+".parquet")
		group.Go(func() error { return stage(ctx, &files[i], paths[i]) })
	}
	if failed := group.Wait(); err == nil {
		err = failed
	}
	if err != nil {
		remove()
		return nil, func() {}, err
	}
	return paths, remove, nil
}

// stage copies one object to a file.
func stage(ctx context.Context, f *dataFile, path string) error {
	body, _, err := f.bucket.Get(ctx, f.object.Key)
	if err != nil {
		return fmt.Errorf("reading %s: %w", f.location(), err)
	}
	defer body.Close()
	out, err := os.Create(path)
	if err != nil {
		return fault.New(fault.Transient, "copying", f.location(), err, "")
	}
	if _, err := io.Copy(out, body); err != nil {
		out.Close()
		return fault.New(fault.Transient, "copying", f.location(), err, "")
	}
	if err := out.Close(); err != nil {
		return fault.New(fault.Transient, "copying", f.location(), err, "")
	}
	return nil
}
