package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Run seals what the log holds, merges small segments and removes what is no longer needed, until ctx ends or it finds that
// another process does the same. Failures of the bucket, the database and the log are tried again with growing pauses; the
// store stays correct meanwhile and Sealed lags. Call it once.
func (s *Store) Run(ctx context.Context) error {
	if s.opts.Log == nil {
		return fault.New(fault.Bug, "running the store", "", errors.New("it has no log"), "")
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	z, err := s.start(ctx)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	m := newMerger(s)
	wg.Go(func() { m.run(ctx) })
	wg.Go(func() { s.clean(ctx) })
	defer stop()
	return z.run(ctx, m.sealed)
}

// start clears up after the last process, as often as it takes.
func (s *Store) start(ctx context.Context) (*sealer, error) {
	retry := s.newBackoff()
	for {
		z, err := s.newSealer(ctx)
		if err == nil {
			err = s.checkLog(ctx, z.pending.after)
		}
		if errors.Is(err, errForeignLog) {
			return nil, err
		}
		if err == nil {
			err = s.sweep(ctx)
		}
		if err == nil {
			s.advance(z.pending.after)
			if z.pending.after > 0 {
				s.release(ctx, z.pending.after)
			}
			retry.succeeded()
			return z, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		retry.failed(ctx, "starting the store", err)
	}
}

// errForeignLog says that the log is behind what was sealed from it.
var errForeignLog = errors.New("the log does not reach the sealed position")

// checkLog refuses a log that was replaced by an empty one: its blocks would be taken for sealed ones.
func (s *Store) checkLog(ctx context.Context, sealed eventlog.Position) error {
	last, err := s.opts.Log.Last(ctx)
	if err != nil {
		return fmt.Errorf("reading the end of the log: %w", err)
	}
	if last < sealed {
		return fault.New(fault.Setup, "starting the store", "", fmt.Errorf("%w: its last block is %d, sealed is %d", errForeignLog, last, sealed),
			"the log and the metadata database belong together: use the log's own folder or stream again, or start with a new database")
	}
	return nil
}

// Pauses after failures: the first one, doubled up to the longest.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 30 * time.Second
)

// backoff makes pauses after failures and tells of them: of the first one of a row, not of each.
type backoff struct {
	store *Store
	pause time.Duration
}

func (s *Store) newBackoff() *backoff { return &backoff{store: s} }

func (b *backoff) failed(ctx context.Context, what string, err error) {
	b.store.count(func(st *Stats) { st.Failures++; st.LastError = err.Error() })
	if b.pause == 0 {
		b.pause = firstPause
		b.store.opts.Logger.Warn(what+" failed; trying again", "class", fault.ClassOf(err).String(), "error", err)
	} else {
		b.pause = min(2*b.pause, longestPause)
	}
	timer := time.NewTimer(b.pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (b *backoff) succeeded() {
	if b.pause != 0 {
		b.pause = 0
		b.store.count(func(st *Stats) { st.LastError = "" })
	}
}
