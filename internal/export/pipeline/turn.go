package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Why an attempt was stopped from outside; the causes of its context.
var (
	errPaused    = errors.New("the pipeline was paused")
	errCancelled = errors.New("the pipeline was cancelled")
	errTimeout   = errors.New("the attempt took too long")
)

const (
	// recordTimeout bounds the writing of a result after the worker was told to stop.
	recordTimeout = 10 * time.Second
	// clearTimeout bounds the removal of objects.
	clearTimeout = 2 * time.Minute
	// maxBackoff is the attempt from which on pauses are the longest.
	maxBackoff = 20
	// housekeepingPause keeps housekeeping that failed from being repeated at once.
	housekeepingPause = 2 * time.Minute
)

// export makes one attempt at the open run, or at a new one when something has arrived.
func (w *Worker) export(ctx context.Context, c candidate, sealed eventlog.Position) (bool, error) {
	p := c.Pipeline
	run, cycle := (*Run)(nil), cycle{p.Target, p.Cycle}
	var err error
	if c.open {
		run, err = w.Store.openRun(ctx, p.ID)
		if sealed > cycle.target { // a cycle that was held up goes on to what is there now
			cycle.target, cycle.at = sealed, w.Store.now()
		}
	} else {
		w.unpin(p.ID)
		run, cycle, err = w.plan(ctx, p, sealed)
	}
	switch {
	case err != nil:
		return false, err
	case run == nil && c.open: // it has ended since the pipeline was found; there may be more to export
		return false, nil
	case run == nil:
		return false, w.wait(ctx, p, sealed, cycle.at)
	}
	changed := w.Store.Changed()
	if err := w.Store.begin(ctx, p, run, cycle.target, cycle.at, w.Owner, w.Store.now().Add(w.LeaseTTL)); err != nil {
		return false, err
	}
	p.Target, p.Cycle = cycle.target, cycle.at
	w.pin(&p.Definition, run)
	attempt, stop := context.WithCancelCause(ctx)
	watched, progress, end := watch(attempt, w.AttemptTimeout)
	held := w.hold(attempt, stop, p.ID, changed)
	o, more, err := w.finish(watched, p, run, progress)
	cause := context.Cause(watched)
	end()
	stop(nil)
	<-held
	// The result is stored even if the worker is told to stop meanwhile.
	record, recorded := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer recorded()
	if err != nil {
		return true, w.fail(record, p, run, err, cause)
	}
	next, err := w.next(record, p, run, more)
	if err != nil {
		return true, err
	}
	if err := w.Store.succeed(record, p, run, o, w.Owner, next, w.Attacher != nil && p.attaches()); err != nil {
		return true, err
	}
	w.unpin(p.ID)
	if run.UpTo < p.Target {
		return true, nil
	}
	return true, w.endTrial(record, p, p.Cycle)
}

// finish makes the attempt and, when it was the last one of the cycle, writes markers of a raw pipeline; more tells that there are
// further ones to write.
func (w *Worker) finish(ctx context.Context, p *Pipeline, run *Run, progress func()) (o *outcome, more bool, err error) {
	if o, err = w.write(ctx, p, run, progress); err != nil {
		return nil, false, err
	}
	o.marked = p.Marked
	if p.Type == TypeRaw && run.UpTo >= p.Target {
		o.marked, more, err = w.mark(ctx, p, p.Cycle, progress)
	}
	return o, more, err
}

// mark writes the markers of a raw pipeline that are due.
func (w *Worker) mark(ctx context.Context, p *Pipeline, at time.Time, progress func()) (marked time.Time, more bool, err error) {
	a, err := w.attempt(ctx, p, nil, progress)
	if err != nil {
		return p.Marked, false, err
	}
	return a.mark(ctx, at)
}

// wait lets a pipeline that there is nothing for wait for its next turn. The folders of a raw pipeline get their markers without events
// as well.
func (w *Worker) wait(ctx context.Context, p *Pipeline, sealed eventlog.Position, at time.Time) error {
	now := w.Store.now()
	if p.Frequency == Continuous {
		if !w.rest(p, sealed, now) {
			return nil
		}
		if err := w.Store.skip(ctx, p, sealed, at, p.Marked, p.Next); err != nil {
			return err
		}
		w.moved(p.ID, now)
		return nil
	}
	next, err := w.scheduled(ctx, p)
	if err != nil {
		return err
	}
	marked := p.Marked
	if p.Type == TypeRaw {
		watched, progress, end := watch(ctx, w.AttemptTimeout)
		defer end()
		var more bool
		if marked, more, err = w.mark(watched, p, at, progress); err != nil {
			return errors.Join(err, w.Store.warn(ctx, p, err.Error(), now.Add(w.Backoff(maxBackoff))))
		}
		if more {
			next = now
		}
		if p.Warning != "" {
			if err := w.Store.warn(ctx, p, "", p.Next); err != nil {
				return err
			}
		}
	}
	if err := w.Store.skip(ctx, p, max(sealed, p.Published), at, marked, next); err != nil {
		return err
	}
	return w.endTrial(ctx, p, at)
}

// fail records why an attempt ended and when the next one is due.
func (w *Worker) fail(ctx context.Context, p *Pipeline, run *Run, err, cause error) error {
	now := w.Store.now()
	end := func(state RunState, err error, pause time.Duration) error {
		return w.Store.end(ctx, p, run, state, err, false, w.Owner, now.Add(pause))
	}
	switch {
	case errors.Is(cause, errLeaseLost), errors.Is(err, errLeaseLost):
		return errLeaseLost
	case errors.Is(cause, errPaused), errors.Is(cause, errCancelled):
		return end(Canceled, nil, 0)
	case errors.Is(cause, errTimeout):
		return end(TimedOut, fault.New(fault.Transient, "exporting", p.Name, err,
			fmt.Sprintf("the attempt stood still for %s: see whether the destination answers", w.AttemptTimeout)), w.Backoff(run.Attempts))
	case errors.Is(cause, context.Canceled):
		return end(Pending, nil, 0) // the worker stops
	case fault.ClassOf(err) == fault.Transient:
		return end(Retried, err, w.Backoff(run.Attempts))
	}
	w.Logger.Warn("pipeline run failed", "pipeline", p.Name, "run", run.Number, "error", err)
	pause := w.FailedPause
	if p.Frequency != Continuous {
		next, err := w.scheduled(ctx, p)
		if err != nil {
			return err
		}
		pause = next.Sub(now)
	}
	return end(Failed, err, pause)
}

// hold renews the lease until ctx ends, and stops the attempt when the lease is lost or the pipeline paused or cancelled. It looks
// when changed is closed, too. The returned channel is closed when it has ended.
func (w *Worker) hold(ctx context.Context, stop context.CancelCauseFunc, id string, changed <-chan struct{}) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(w.LeaseTTL / 3)
		defer tick.Stop()
		for misses := 0; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-changed:
			}
			changed = w.Store.Changed()
			state, err := w.Store.renew(ctx, id, w.Owner, w.Store.now().Add(w.LeaseTTL))
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				// Two missed renewals are survived; after the third the lease may be someone else's.
				if misses++; misses >= 3 || errors.Is(err, errLeaseLost) {
					stop(errLeaseLost)
					return
				}
			case state == Paused:
				stop(errPaused)
				return
			case state == Cancelled:
				stop(errCancelled)
				return
			default:
				misses = 0
			}
		}
	}()
	return ended
}
