package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
)

// RetryPolicy bounds the retries of one operation. Zero fields get the defaults named below.
type RetryPolicy struct {
	// Attempts is how often an operation is tried in all; 6.
	Attempts int
	// Base is the wait after the first failure; it doubles with each further one. 100 ms.
	Base time.Duration
	// Max bounds the wait; 10 s.
	Max time.Duration
}

// Complete returns the policy with its zero fields filled in.
func (p RetryPolicy) Complete() RetryPolicy {
	if p.Attempts <= 0 {
		p.Attempts = 6
	}
	if p.Base <= 0 {
		p.Base = 100 * time.Millisecond
	}
	if p.Max <= 0 {
		p.Max = 10 * time.Second
	}
	return p
}

// Delay returns how long to wait after the nth failure, n from 1: half of the wait and up to as much again at random, so that
// clients that failed together don't return together.
func (p RetryPolicy) Delay(n int) time.Duration {
	d := p.Base
	for ; n > 1 && d < p.Max; n-- {
		d *= 2
	}
	d = min(d, p.Max)
	return d/2 + rand.N(d/2+1)
}

// Wait sleeps for the nth failure's delay, or until ctx ends.
func (p RetryPolicy) Wait(ctx context.Context, n int) error {
	timer := time.NewTimer(p.Delay(n))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Retrying returns inner with retries: operations that fail with a transient error are tried again, with growing waits, until
// they succeed, the attempts are used up, or the context ends. The error is then the last attempt's.
//
//   - A Put with IfAbsent that finds the key taken after a failed attempt compares the object with its body: the same bytes are
//     taken for the failed attempt's, which had its effect after all.
//   - Get retries the opening. A reader that fails midway is the caller's to replace, since the object may have changed.
//   - List goes on behind the last key it yielded. Attempts count anew with each object.
//
// The result is a LocalPather if inner is one.
func Retrying(inner Bucket, policy RetryPolicy) Bucket {
	r := &retrying{inner, policy.Complete()}
	if local, ok := inner.(LocalPather); ok {
		return struct {
			*retrying
			LocalPather
		}{r, local}
	}
	return r
}

type retrying struct {
	inner  Bucket
	policy RetryPolicy
}

// do calls try until it succeeds or must not be called again.
func (r *retrying) do(ctx context.Context, try func() error) error {
	for n := 1; ; n++ {
		err := try()
		if err == nil || ctx.Err() != nil || fault.ClassOf(err) != fault.Transient {
			return err
		}
		if n >= r.policy.Attempts {
			return fmt.Errorf("giving up after %d attempts: %w", n, err)
		}
		if waitErr := r.policy.Wait(ctx, n); waitErr != nil {
			return fmt.Errorf("%w; before that: %w", waitErr, err)
		}
	}
}

// Location implements Bucket.
func (r *retrying) Location(key string) string { return r.inner.Location(key) }

// Put implements Bucket.
func (r *retrying) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, opts PutOptions) (o Object, err error) {
	failed := false
	err = r.do(ctx, func() error {
		o, err = r.inner.Put(ctx, key, body, size, opts)
		if failed && opts.IfAbsent && errors.Is(err, ErrExists) {
			o, err = r.ownPut(ctx, key, body, size)
		}
		failed = failed || err != nil
		return err
	})
	return o, err
}

// ownPut returns the object under key if its content is body, and ErrExists otherwise.
func (r *retrying) ownPut(ctx context.Context, key string, body io.ReadSeeker, size int64) (Object, error) {
	content, o, err := r.inner.Get(ctx, key)
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			return Object{}, ErrExists // it was there a moment ago
		}
		return Object{}, err
	}
	defer content.Close()
	if o.Size != size {
		return Object{}, ErrExists
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return Object{}, fmt.Errorf("rewinding the body of %s: %w", r.inner.Location(key), err)
	}
	same, err := sameContent(body, content)
	if err != nil {
		return Object{}, fault.New(fault.Transient, "comparing", r.inner.Location(key), err, "")
	}
	if !same {
		return Object{}, ErrExists
	}
	return o, nil
}

func sameContent(a, b io.Reader) (bool, error) {
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		endA, endB := isEnd(errA), isEnd(errB)
		switch {
		case errA != nil && !endA:
			return false, errA
		case errB != nil && !endB:
			return false, errB
		case endA != endB || !bytes.Equal(bufA[:n], bufB[:m]):
			return false, nil
		case endA:
			return true, nil
		}
	}
}

func isEnd(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

// Get implements Bucket.
func (r *retrying) Get(ctx context.Context, key string) (body io.ReadCloser, o Object, err error) {
	err = r.do(ctx, func() error {
		body, o, err = r.inner.Get(ctx, key)
		return err
	})
	return body, o, err
}

// Head implements Bucket.
func (r *retrying) Head(ctx context.Context, key string) (o Object, err error) {
	err = r.do(ctx, func() error {
		o, err = r.inner.Head(ctx, key)
		return err
	})
	return o, err
}

// List implements Bucket.
func (r *retrying) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		last, stopped := "", false
		for progress := true; progress; {
			err := r.do(ctx, func() error {
				from := last
				for o, err := range r.inner.List(ctx, prefix) {
					if err != nil {
						// What was yielded is progress: the attempts count anew.
						if progress = last != from; progress && ctx.Err() == nil && fault.ClassOf(err) == fault.Transient {
							return nil
						}
						return err
					}
					if o.Key <= last {
						continue
					}
					if last = o.Key; !yield(o, nil) {
						stopped = true
						return nil
					}
				}
				progress = false
				return nil
			})
			if stopped {
				return
			}
			if err != nil {
				yield(Object{}, err)
				return
			}
		}
	}
}

// Delete implements Bucket.
func (r *retrying) Delete(ctx context.Context, keys ...string) error {
	return r.do(ctx, func() error { return r.inner.Delete(ctx, keys...) })
}
