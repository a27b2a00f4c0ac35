package buckettest

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/fault/faulttest"
)

// ErrInjected is the cause of every error that a Faulty bucket makes up.
var ErrInjected = errors.New("injected fault")

// Op is a method of bucket.Bucket. AnyOp stands for all.
type Op string

// The operations of a bucket.
const (
	AnyOp  Op = ""
	Put    Op = "put"
	Get    Op = "get"
	Head   Op = "head"
	List   Op = "list"
	Delete Op = "delete"
)

// Effect is what a fault does to a call.
type Effect uint8

const (
	// ErrorBefore fails the call without any effect.
	ErrorBefore Effect = iota
	// ErrorAfter does what the call asks and then fails it, as when an answer is lost. A Get succeeds, but its reader fails
	// halfway; a List fails behind its first object.
	ErrorAfter
	// Stall blocks the call until its context ends, without any effect.
	Stall
	// Slow delays the call by the fault's Delay, or until its context ends.
	Slow
)

// Fault is one fault of a script.
type Fault struct {
	Op Op
	// Prefix is how the key (or the first key, or the listing's prefix) begins.
	Prefix string
	Effect Effect
	// Err is the error that the call returns; nil is a transient one. It always matches ErrInjected.
	Err error
	// Delay is Slow's.
	Delay time.Duration
	// Skip lets that many matching calls pass first. Times is how many fail then: 0 is one, a negative number all.
	Skip, Times int
}

// Faulty is a bucket whose calls fail by a script, at random, or both. It is safe for concurrent use.
type Faulty struct {
	inner bucket.Bucket
	plan  faulttest.Plan[Fault]
}

var _ bucket.Bucket = (*Faulty)(nil)

// NewFaulty returns inner with the faults of the script. The first fault that matches a call befalls it.
func NewFaulty(inner bucket.Bucket, script ...Fault) *Faulty {
	f := &Faulty{inner: inner}
	f.Add(script...)
	return f
}

// Add appends to the script.
func (f *Faulty) Add(script ...Fault) {
	for _, s := range script {
		f.plan.Add(s, func(op, key string) bool {
			return (s.Op == AnyOp || string(s.Op) == op) && strings.HasPrefix(key, s.Prefix)
		}, s.Skip, s.Times)
	}
}

// Random makes each call fail with probability rate, by one of the effects, with a transient error. The same seed gives the same
// faults to the same sequence of calls. ErrorAfter spares Get, whose broken reader no retry of the call can mend.
func (f *Faulty) Random(seed uint64, rate float64, effects ...Effect) *Faulty {
	faults := make([]Fault, len(effects))
	for i, effect := range effects {
		faults[i].Effect = effect
	}
	f.plan.Random(seed, rate, func(op string, s Fault) bool { return s.Effect == ErrorAfter && op == string(Get) }, faults...)
	return f
}

// Calls returns how often op was called; AnyOp is the sum.
func (f *Faulty) Calls(op Op) int { return f.plan.Calls(string(op)) }

// Injected returns how many calls were befallen by a fault.
func (f *Faulty) Injected() int { return f.plan.Injected("") }

// before plays the part of a fault that comes before the call's own work.
func (f *Faulty) before(ctx context.Context, op Op, key string) (after, err error) {
	s, befallen := f.plan.Next(string(op), key)
	if !befallen {
		return nil, nil
	}
	injected := error(fault.New(fault.Transient, "injecting into "+string(op), key, ErrInjected, ""))
	if s.Err != nil {
		injected = errors.Join(s.Err, ErrInjected)
	}
	switch s.Effect {
	case ErrorBefore:
		return nil, injected
	case ErrorAfter:
		return injected, nil
	case Stall:
		<-ctx.Done()
		return nil, ctx.Err()
	default: // Slow
		timer := time.NewTimer(s.Delay)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, nil
		}
	}
}

// Location implements bucket.Bucket.
func (f *Faulty) Location(key string) string { return f.inner.Location(key) }

// LocalPath implements bucket.LocalPather if the inner bucket does, and fails otherwise.
func (f *Faulty) LocalPath(key string) (string, error) {
	if local, ok := f.inner.(bucket.LocalPather); ok {
		return local.LocalPath(key)
	}
	return "", errors.New("the bucket holds no local files")
}

// Put implements bucket.Bucket.
func (f *Faulty) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, opts bucket.PutOptions) (bucket.Object, error) {
	after, err := f.before(ctx, Put, key)
	if err != nil {
		return bucket.Object{}, err
	}
	o, err := f.inner.Put(ctx, key, body, size, opts)
	if err == nil && after != nil {
		return bucket.Object{}, after
	}
	return o, err
}

// Get implements bucket.Bucket.
func (f *Faulty) Get(ctx context.Context, key string) (io.ReadCloser, bucket.Object, error) {
	after, err := f.before(ctx, Get, key)
	if err != nil {
		return nil, bucket.Object{}, err
	}
	body, o, err := f.inner.Get(ctx, key)
	if err == nil && after != nil {
		body = &brokenReader{body, o.Size / 2, after}
	}
	return body, o, err
}

// Head implements bucket.Bucket.
func (f *Faulty) Head(ctx context.Context, key string) (bucket.Object, error) {
	after, err := f.before(ctx, Head, key)
	if err != nil {
		return bucket.Object{}, err
	}
	o, err := f.inner.Head(ctx, key)
	if err == nil && after != nil {
		return bucket.Object{}, after
	}
	return o, err
}

// List implements bucket.Bucket.
func (f *Faulty) List(ctx context.Context, prefix string) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		after, err := f.before(ctx, List, prefix)
		if err != nil {
			yield(bucket.Object{}, err)
			return
		}
		for o, err := range f.inner.List(ctx, prefix) {
			if !yield(o, err) || err != nil {
				return
			}
			if after != nil {
				break
			}
		}
		if after != nil {
			yield(bucket.Object{}, after)
		}
	}
}

// Delete implements bucket.Bucket.
func (f *Faulty) Delete(ctx context.Context, keys ...string) error {
	first := ""
	if len(keys) > 0 {
		first = keys[0]
	}
	after, err := f.before(ctx, Delete, first)
	if err != nil {
		return err
	}
	if err := f.inner.Delete(ctx, keys...); err != nil {
		return err
	}
	return after
}

// brokenReader fails with err after left bytes.
type brokenReader struct {
	io.ReadCloser
	left int64
	err  error
}

func (b *brokenReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
