package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
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
	// maxBackoff is the attempt from which on pauses are the longest.
	maxBackoff = 20
	// housekeepingPause keeps housekeeping that failed from being repeated at once.
	housekeepingPause = 2 * time.Minute
)

// cycle is a series of runs up to a target: the position that was sealed at a time.
type cycle struct {
	target eventlog.Position
	at     time.Time
}

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
	if err := w.Store.succeed(record, p, run, o, w.Owner, next, w.Attacher != nil && p.Glue.Use); err != nil {
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

// endTrial ends a trial whose days are over and exported, as far as they arrived before the cycle.
func (w *Worker) endTrial(ctx context.Context, p *Pipeline, cycle time.Time) error {
	if !p.Trial {
		return nil
	}
	zone, err := w.zone(ctx, &p.Definition)
	if err != nil {
		return err
	}
	first, _ := trialRange(p.Created, zone)
	if end := time.UnixMilli(newCalendar(zone).start(first + trialDays)); cycle.Before(end.Add(markAfter)) {
		return nil
	}
	return w.Store.finish(ctx, p)
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

// plan returns the pipeline's next window as a run that is not stored yet, nil when there is nothing to export, and the cycle that it
// belongs to.
func (w *Worker) plan(ctx context.Context, p *Pipeline, sealed eventlog.Position) (*Run, cycle, error) {
	c := cycle{p.Target, p.Cycle}
	for {
		if p.Published >= c.target {
			c = cycle{sealed, w.Store.now()}
		}
		if c.target > p.Published {
			run, err := w.planned(ctx, p, c.target)
			if run != nil || err != nil {
				return run, c, err
			}
		}
		if c.target >= sealed {
			return nil, c, nil
		}
		c = cycle{sealed, w.Store.now()}
	}
}

// planned returns the run of the next window up to the target, nil if that holds nothing for the pipeline. Windows of snapshots and of
// pipelines that replace days are not cut: each run of a series would write the same again.
func (w *Worker) planned(ctx context.Context, p *Pipeline, target eventlog.Position) (*Run, error) {
	run := &Run{Pipeline: p.ID, After: p.Published, UpTo: target}
	segments, err := w.Reader.Segments(ctx, run.window(&p.Definition))
	if err != nil {
		return nil, fmt.Errorf("planning a run of pipeline %s: %w", p.Name, err)
	}
	if len(segments) == 0 || p.Source.Snapshot() {
		if len(segments) == 0 {
			run = nil
		}
		return run, nil
	}
	if !p.Sync {
		run.UpTo = cut(segments, target, w.MaxRecords)
	}
	for _, s := range segments {
		for _, d := range s.Days {
			if s.After >= run.UpTo || !p.selects(d.Day) {
				continue
			}
			if run.FirstDay == 0 {
				run.FirstDay = d.Day
			}
			run.FirstDay, run.LastDay = min(run.FirstDay, d.Day), max(run.LastDay, d.Day)
		}
	}
	return run, nil
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

// next returns when the pipeline is due again after the run succeeded: at once while the cycle's target is not reached or there is more to
// mark.
func (w *Worker) next(ctx context.Context, p *Pipeline, run *Run, more bool) (time.Time, error) {
	switch {
	case run.UpTo < p.Target || more:
		return w.Store.now(), nil
	case p.Frequency == Continuous:
		return run.Started.Add(p.Interval), nil
	default:
		return w.scheduled(ctx, p)
	}
}

func (w *Worker) scheduled(ctx context.Context, p *Pipeline) (time.Time, error) {
	zone, err := w.zone(ctx, &p.Definition)
	if err != nil {
		return time.Time{}, err
	}
	return nextScheduled(p.Frequency, zone, w.Store.now()), nil
}

// zone returns the time zone of the pipeline's project.
func (w *Worker) zone(ctx context.Context, d *Definition) (*time.Location, error) {
	project, err := w.Projects.ByID(ctx, d.Project)
	if err != nil {
		return nil, fmt.Errorf("reading the time zone of pipeline %s: %w", d.Name, err)
	}
	return project.Zone, nil
}

// calendar returns the calendar that the pipeline's days are counted by.
func (w *Worker) calendar(ctx context.Context, d *Definition) (*calendar, error) {
	if !d.zoned() {
		return newCalendar(time.UTC), nil
	}
	zone, err := w.zone(ctx, d)
	if err != nil {
		return nil, err
	}
	return newCalendar(zone), nil
}

// nextScheduled returns the first start of an hourly or daily run after now: half an hour after the hour's end, and half past midnight in
// the project's time zone (Mixpanel, "Data pipelines", export schedule).
func nextScheduled(f Frequency, zone *time.Location, now time.Time) time.Time {
	if f == Hourly {
		ended := newCalendar(zone).nextHour(now.Add(-markAfter).UnixMilli())
		return time.UnixMilli(ended).UTC().Add(markAfter)
	}
	t := now.In(zone)
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
	o, err := w.abandon(ctx, p, run)
	switch {
	case err == nil && o != nil:
		o.marked = p.Marked
		err = w.Store.succeed(ctx, p, run, o, w.Owner, w.Store.now(), false)
	case err == nil, fault.ClassOf(err) != fault.Transient:
		err = w.Store.end(ctx, p, run, Canceled, err, true, w.Owner, w.Store.now())
	}
	if err == nil {
		w.unpin(p.ID)
	}
	return err
}

// abandon returns what a run has published whose objects were complete, nil when it has removed the run's objects.
func (w *Worker) abandon(ctx context.Context, p *Pipeline, run *Run) (*outcome, error) {
	a, err := w.attempt(ctx, p, run, func() {})
	if err != nil {
		return nil, err
	}
	m, err := a.written(ctx)
	if err != nil {
		return nil, err
	}
	if m != nil {
		return a.publish(ctx, m)
	}
	return nil, a.clear(ctx, &lake.Manifest{})
}

// collect removes the snapshots and the versions of days whose grace period is over.
func (w *Worker) collect(ctx context.Context, p *Pipeline) error {
	expired := w.Store.now().Add(-max(w.Grace, 0))
	runs, err := w.Store.superseded(ctx, p.ID, expired)
	if err != nil {
		return err
	}
	versions, err := w.Store.replaced(ctx, p.ID, expired)
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
	for _, v := range versions {
		if err := removeVersion(ctx, b, p, v); err != nil {
			return err
		}
		if err := w.Store.removedVersion(ctx, p.ID, v); err != nil {
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
	return w.Store.attached(record, p, cause, w.Store.now().Add(w.attachPause(p.attachTries+1, cause)))
}

// attachPause is the pause after the try-th attempt to attach. One that waits for the user is tried ever more rarely: each attempt wakes a warehouse
// that sleeps, which bills a minute at least. Running the pipeline tries at once.
func (w *Worker) attachPause(try int, cause error) time.Duration {
	pause := w.Backoff(try)
	if fault.ClassOf(cause) == fault.Setup {
		pause = max(pause, min(15*time.Minute<<min(try-1, 10), 12*time.Hour))
	}
	return pause
}
