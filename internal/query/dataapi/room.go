package dataapi

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/refract-io/refract/internal/platform/fault"
)

// room keeps the files of results within a bound, as those of a day have none of their own. The oldest whole results go when a new one needs their
// place: a result is mostly read at once, and a caller who is told that it is gone can run the statement again, while one who is refused can only wait.
type room struct {
	limit int64

	mu    sync.Mutex
	used  int64
	sizes map[string]int64 // bytes by path
	whole []string         // the paths of whole results, the oldest first
}

const rowsSuffix = ".rows"

// openRoom takes in the results that earlier processes left in the folder.
func openRoom(dir string, limit int64) (*room, error) {
	r := &room{limit: limit, sizes: map[string]int64{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.New(fault.Setup, "listing the results of statements", dir, err, "")
	}
	var files []fs.FileInfo
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), rowsSuffix) {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, fault.New(fault.Setup, "looking at a result", entry.Name(), err, "")
		}
		files = append(files, info)
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, info := range files {
		path := filepath.Join(dir, info.Name())
		r.sizes[path] = info.Size()
		r.used += info.Size()
		r.whole = append(r.whole, path)
	}
	return r, r.take("", 0)
}

// take gives a file bytes that it is about to grow by, and removes what must go for them.
func (r *room) take(path string, bytes int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.used+bytes > r.limit {
		if len(r.whole) == 0 {
			return &errTooLarge{fmt.Sprintf("The results of the statements that run take more than %d MB: run fewer of them at a time.", r.limit>>20)}
		}
		if err := r.drop(r.whole[0]); err != nil {
			return err
		}
	}
	r.used += bytes
	r.sizes[path] += bytes
	return nil
}

// done says that a result is whole.
func (r *room) done(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.whole = append(r.whole, path)
}

// remove removes a result, if it is there.
func (r *room) remove(path string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.drop(path)
}

func (r *room) drop(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing a result: %w", err)
	}
	r.used -= r.sizes[path]
	delete(r.sizes, path)
	r.whole = slices.DeleteFunc(r.whole, func(p string) bool { return p == path })
	return nil
}

// growing is a file whose bytes are taken from the room before they are written.
type growing struct {
	*os.File
	room *room
}

func (g growing) Write(p []byte) (int, error) {
	if err := g.room.take(g.Name(), int64(len(p))); err != nil {
		return 0, err
	}
	return g.File.Write(p)
}
