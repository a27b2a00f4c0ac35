package logtest

import (
	"context"
	"errors"
	"sync"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Fault is what goes wrong with one call.
type Fault uint8

const (
	// None lets the call through.
	None Fault = iota
	// Fail answers a transient error; the call has no effect.
	Fail
	// FailAfter lets the call take effect and then answers a transient error, as when an acknowledgement is lost.
	FailAfter
	// Stall holds the call back until Resume or the end of its context, and then lets it through.
	Stall
)

// ErrInjected is the cause of the errors that a Faulty log makes up.
var ErrInjected = errors.New("injected fault")

// Faults decides what goes wrong. A nil function means None. The functions are called from the goroutines that use the log, one at
// a time.
type Faults struct {
	// Append decides about an append.
	Append func(b *eventlog.Block) Fault
	// Read decides about each block that a read is about to hand out. FailAfter hands it out and then ends the read.
	Read func(b *eventlog.Block) Fault
	// Release decides about a release.
	Release func(upTo eventlog.Position) Fault
}

// Faulty is a Log whose calls go wrong as a test wants. Calls that it doesn't mention go straight to the log behind it.
type Faulty struct {
	eventlog.Log

	mu      sync.Mutex
	faults  Faults
	resumed chan struct{}
	stalled chan struct{}
}

// NewFaulty wraps a log. Use NewMemory for one that needs no disk.
func NewFaulty(log eventlog.Log, faults Faults) *Faulty {
	return &Faulty{Log: log, faults: faults, resumed: make(chan struct{}), stalled: make(chan struct{}, 1)}
}

// Set changes the faults for calls to come.
func (f *Faulty) Set(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

// Stalled returns a channel that receives when a call has been held back. One value may stand for several calls.
func (f *Faulty) Stalled() <-chan struct{} { return f.stalled }

// Resume lets all calls go on that are held back now.
func (f *Faulty) Resume() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.resumed)
	f.resumed = make(chan struct{})
}

// Append implements eventlog.Log.
func (f *Faulty) Append(ctx context.Context, b eventlog.Block) (eventlog.Position, error) {
	after, err := f.decide(ctx, "appending a block", func(s *Faults) Fault {
		if s.Append == nil {
			return None
		}
		return s.Append(&b)
	})
	if err != nil {
		return 0, err
	}
	p, err := f.Log.Append(ctx, b)
	if err == nil && after != nil {
		return 0, after
	}
	return p, err
}

// Read implements eventlog.Log.
func (f *Faulty) Read(ctx context.Context, after eventlog.Position, fn func(*eventlog.Block) error) error {
	return f.Log.Read(ctx, after, func(b *eventlog.Block) error {
		after, err := f.decide(ctx, "reading the log", func(s *Faults) Fault {
			if s.Read == nil {
				return None
			}
			return s.Read(b)
		})
		if err != nil {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
		return after
	})
}

// Release implements eventlog.Log.
func (f *Faulty) Release(ctx context.Context, upTo eventlog.Position) error {
	after, err := f.decide(ctx, "releasing the log", func(s *Faults) Fault {
		if s.Release == nil {
			return None
		}
		return s.Release(upTo)
	})
	if err != nil {
		return err
	}
	if err := f.Log.Release(ctx, upTo); err != nil {
		return err
	}
	return after
}

// decide returns the error to answer before the call has an effect, or the one to answer after it.
func (f *Faulty) decide(ctx context.Context, op string, ask func(*Faults) Fault) (after, before error) {
	f.mu.Lock()
	what, resumed := ask(&f.faults), f.resumed
	f.mu.Unlock()
	injected := fault.New(fault.Transient, op, "", ErrInjected, "")
	switch what {
	case Fail:
		return nil, injected
	case FailAfter:
		return injected, nil
	case Stall:
		select {
		case f.stalled <- struct{}{}:
		default:
		}
		select {
		case <-resumed:
		case <-ctx.Done():
			return nil, fault.New(fault.Transient, op, "", ctx.Err(), "")
		}
	}
	return nil, nil
}
