package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
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
	// attachTimeout bounds an attempt to attach; a sleeping warehouse takes a minute to wake.
	attachTimeout = 3 * time.Minute
	// clearTimeout bounds the removal of objects.
	clearTimeout = 2 * time.Minute
	// housekeepingPause keeps housekeeping that failed from being repeated at once.
	housekeepingPause = 2 * time.Minute
)

// export makes one attempt at the open run, or at a new one when something has arrived.
func (w *Worker) export(ctx context.Context, c candidate, sealed eventlog.Position) (bool, error) {
	p := c.Pipeline
	run, target := (*Run)(nil), p.Target
	var err error
	if c.open {
		run, err = w.Store.openRun(ctx, p.ID)
		target = max(target, sealed) // a cycle that was held up goes on to what is there now
	} else {
		w.unpin(p.ID)
		run, target, err = w.plan(ctx, p, sealed)
	}
	if err != nil || run == nil {
		return false, err
	}
	changed := w.Store.Changed()
	if err := w.Store.begin(ctx, p, run, target, w.Owner, w.Store.now().Add(w.LeaseTTL)); err != nil {
		return false, err
	}
	p.Target = target
	w.pin(&p.Definition, run)
	attempt, stop := context.WithCancelCause(ctx)
	limited, done := context.WithTimeoutCause(attempt, w.AttemptTimeout, errTimeout)
	defer done()
	held := w.hold(attempt, stop, p.ID, changed)
	m, err := w.write(limited, p, run)
	cause := context.Cause(limited)
	stop(nil)
	<-held
	// The result is stored even if the worker is told to stop meanwhile.
	record, recorded := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer recorded()
	if err == nil {
		next, err := w.next(record, p, run)
		if err != nil {
			return true, err
		}
		if err := w.Store.succeed(record, p, run, m, w.Owner, next, w.Attacher != nil); err != nil {
			return true, err
		}
		w.unpin(p.ID)
		return true, nil
	}
	return true, w.fail(record, p, run, err, cause)
}

// fail records why an attempt ended and when the next one is due.
func (w *Worker) fail(ctx context.Context, p *Pipeline, run *Run, err, cause error) error {
	now := w.Store.now()
	end := func(state RunState, err error, pause time.Duration) error {
		return w.Store.end(ctx, p, run, state, err, false, w.Owner, now.Add(pause))
	}
	switch {
	case errors.Is(cause, errLeaseLost):
		return cause
	case errors.Is(cause, errPaused), errors.Is(cause, errCancelled):
		return end(Canceled, nil, 0)
	case errors.Is(cause, errTimeout):
		return end(TimedOut, fault.New(fault.Transient, "exporting", p.Name, err,
			fmt.Sprintf("the attempt was stopped after %s: see whether the destination answers", w.AttemptTimeout)), w.Backoff(run.Attempts))
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

// plan returns the pipeline's next window as a run that is not stored yet, nil when there is nothing to export, and the target of
// the cycle that it belongs to.
func (w *Worker) plan(ctx context.Context, p *Pipeline, sealed eventlog.Position) (*Run, eventlog.Position, error) {
	target := p.Target
	for {
		if p.Published >= target {
			target = sealed
		}
		if target > p.Published {
			run := &Run{Pipeline: p.ID, After: p.Published, UpTo: target}
			segments, err := w.Reader.Segments(ctx, run.window(&p.Definition))
			if err != nil {
				return nil, 0, fmt.Errorf("planning a run of pipeline %s: %w", p.Name, err)
			}
			if len(segments) > 0 {
				if !p.Source.Snapshot() {
					run.UpTo = cut(segments, target, w.MaxRecords)
				}
				return run, target, nil
			}
		}
		if target >= sealed {
			break
		}
		target = sealed
	}
	if p.Frequency != Continuous {
		next, err := w.scheduled(ctx, p)
		if err != nil {
			return nil, 0, err
		}
		return nil, 0, w.Store.skip(ctx, p, max(sealed, p.Published), next)
	}
	if now := w.Store.now(); w.rest(p, sealed, now) {
		if err := w.Store.skip(ctx, p, sealed, p.Next); err != nil {
			return nil, 0, err
		}
		w.moved(p.ID, now)
	}
	return nil, 0, nil
}

// cut returns where a window ends that begins before the segments, goes up to target at most, and holds about limit records.
func cut(segments []store.Segment, target eventlog.Position, limit int64) eventlog.Position {
	var records int64
	upTo := eventlog.Position(0)
	for _, s := range segments {
		if upTo > 0 && records+s.Records > limit {
			return upTo
		}
		records += s.Records
		upTo = s.UpTo
		if upTo >= target {
			return target
		}
	}
	return target
}

// next returns when the pipeline is due again after the run succeeded: at once while the cycle's target is not reached.
func (w *Worker) next(ctx context.Context, p *Pipeline, run *Run) (time.Time, error) {
	switch {
	case run.UpTo < p.Target:
		return w.Store.now(), nil
	case p.Frequency == Continuous:
		return run.Started.Add(p.Interval), nil
	default:
		return w.scheduled(ctx, p)
	}
}

func (w *Worker) scheduled(ctx context.Context, p *Pipeline) (time.Time, error) {
	project, err := w.Projects.ByID(ctx, p.Project)
	if err != nil {
		return time.Time{}, fmt.Errorf("scheduling pipeline %s: %w", p.Name, err)
	}
	return nextScheduled(p.Frequency, project.Zone, w.Store.now()), nil
}

// nextScheduled returns the first start of an hourly or daily run after now: half past the hour, and half past midnight in the
// project's time zone (Mixpanel, "Data pipelines", export schedule).
func nextScheduled(f Frequency, zone *time.Location, now time.Time) time.Time {
	t := now.In(zone)
	if f == Hourly {
		at := now.UTC().Truncate(time.Hour).Add(30 * time.Minute)
		if !at.After(now) {
			at = at.Add(time.Hour)
		}
		return at
	}
	at := time.Date(t.Year(), t.Month(), t.Day(), 0, 30, 0, 0, zone)
	if !at.After(now) {
		at = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 30, 0, 0, zone)
	}
	return at.UTC()
}

// housekeep does work on a pipeline's objects under its lease. When it fails it is tried again after housekeepingPause.
func (w *Worker) housekeep(ctx context.Context, p *Pipeline, work func(context.Context, *Pipeline) error) error {
	if err := w.Store.lease(ctx, w.Store.db, p, w.Owner, w.Store.now().Add(clearTimeout)); err != nil {
		return err
	}
	limited, done := context.WithTimeout(ctx, clearTimeout)
	defer done()
	err := work(limited, p)
	if err != nil {
		w.mu.Lock()
		w.pauses[p.ID] = w.Store.now().Add(housekeepingPause)
		w.mu.Unlock()
		record, recorded := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
		defer recorded()
		if released := w.Store.release(record, w.Store.db, p, w.Owner, ""); !errors.Is(released, errLeaseLost) {
			err = errors.Join(err, released)
		}
	}
	return err
}

// clear ends the open run of a cancelled pipeline: a run whose manifest is written is published, since the catalog may name its
// objects already; what any other run has written is removed. A failure that does not pass by itself ends the run as well, with the
// error in its history, so that a pipeline can be got rid of together with its bucket.
func (w *Worker) clear(ctx context.Context, p *Pipeline) error {
	run, err := w.Store.openRun(ctx, p.ID)
	if err != nil || run == nil {
		return err
	}
	m, err := w.abandon(ctx, p, run)
	switch {
	case err == nil && m != nil:
		err = w.Store.succeed(ctx, p, run, m, w.Owner, w.Store.now(), false)
	case err == nil, fault.ClassOf(err) != fault.Transient:
		err = w.Store.end(ctx, p, run, Canceled, err, true, w.Owner, w.Store.now())
	}
	if err == nil {
		w.unpin(p.ID)
	}
	return err
}

// abandon returns the manifest of a run that it has published, nil when it has removed the run's objects.
func (w *Worker) abandon(ctx context.Context, p *Pipeline, run *Run) (*lake.Manifest, error) {
	b, err := w.Destinations.Bucket(ctx, &p.Definition)
	if err != nil {
		return nil, err
	}
	switch _, err := lake.ReadManifest(ctx, b, p.Layout(), run.name()); {
	case err == nil:
		run.Attempts = max(run.Attempts, 2)
		return w.write(ctx, p, run)
	case !errors.Is(err, bucket.ErrNotFound):
		return nil, err
	}
	days, err := w.days(ctx, p, run)
	if err != nil {
		return nil, err
	}
	return nil, lake.Abandon(ctx, b, p.Layout(), run.name(), p.Layout().Folders(run.name(), days, false))
}

// collect removes the snapshots whose grace period is over.
func (w *Worker) collect(ctx context.Context, p *Pipeline) error {
	runs, err := w.Store.superseded(ctx, p.ID, w.Store.now().Add(-max(w.Grace, 0)))
	if err != nil {
		return err
	}
	b, err := w.Destinations.Bucket(ctx, &p.Definition)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := lake.RemoveVersion(ctx, b, p.Layout(), run.name()); err != nil {
			return err
		}
		if err := w.Store.removed(ctx, run); err != nil {
			return err
		}
	}
	return w.Store.release(ctx, w.Store.db, p, w.Owner, "")
}

// attach tells the warehouse about the catalog database. It works beside exports and without the pipeline's lease; claiming it moves
// the next attempt on, so that no other worker makes the same one.
func (w *Worker) attach(ctx context.Context, p *Pipeline) error {
	if err := w.Store.claimAttach(ctx, p, w.Store.now().Add(attachTimeout)); err != nil {
		return err
	}
	limited, done := context.WithTimeout(ctx, attachTimeout)
	defer done()
	cause := w.Attacher.Attach(limited, &p.Definition, p.Glue.Database)
	record, recorded := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer recorded()
	return w.Store.attached(record, p, cause, w.Store.now().Add(w.Backoff(p.attachTries+1)))
}

// days returns the event days that the run's window can hold, never nil for events.
func (w *Worker) days(ctx context.Context, p *Pipeline, run *Run) ([]event.Day, error) {
	if p.Source.Snapshot() {
		return nil, nil
	}
	segments, err := w.Reader.Segments(ctx, run.window(&p.Definition))
	if err != nil {
		return nil, fmt.Errorf("listing the days of a run of pipeline %s: %w", p.Name, err)
	}
	seen := map[event.Day]bool{}
	days := []event.Day{}
	for _, s := range segments {
		for _, d := range s.Days {
			if !seen[d.Day] && d.Day >= p.From && (p.To == 0 || d.Day <= p.To) {
				seen[d.Day] = true
				days = append(days, d.Day)
			}
		}
	}
	return days, nil
}
