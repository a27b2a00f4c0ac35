package pipeline

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// watch returns a context that ends with errTimeout when progress was not called for the time given, and a function that ends the watch.
// An attempt may take as long as it needs to, but not stand still.
func watch(ctx context.Context, standstill time.Duration) (watched context.Context, progress, end func()) {
	watched, stop := context.WithCancelCause(ctx)
	timer := time.AfterFunc(standstill, func() { stop(errTimeout) })
	return watched, func() { timer.Reset(standstill) }, func() {
		timer.Stop()
		stop(nil)
	}
}

// moving is a bucket of which every call that succeeds, or finds what was stored before, is progress: storing what is left at the end, or looking through the folders of
// thousands of days, takes its time too.
type moving struct {
	bucket.Bucket
	progress func()
}

func (m moving) told(err error) error {
	if err == nil || errors.Is(err, bucket.ErrExists) {
		m.progress()
	}
	return err
}

// Put implements bucket.Bucket.
func (m moving) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, opts bucket.PutOptions) (bucket.Object, error) {
	o, err := m.Bucket.Put(ctx, key, body, size, opts)
	return o, m.told(err)
}

// Head implements bucket.Bucket.
func (m moving) Head(ctx context.Context, key string) (bucket.Object, error) {
	o, err := m.Bucket.Head(ctx, key)
	return o, m.told(err)
}

// List implements bucket.Bucket.
func (m moving) List(ctx context.Context, prefix string) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		var failed error
		for o, err := range m.Bucket.List(ctx, prefix) {
			failed = err
			if !yield(o, m.told(err)) {
				return
			}
		}
		_ = m.told(failed) // yielded above
	}
}

// Delete implements bucket.Bucket.
func (m moving) Delete(ctx context.Context, keys ...string) error {
	return m.told(m.Bucket.Delete(ctx, keys...))
}
