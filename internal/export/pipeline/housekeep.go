package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/platform/fault"
)

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
// error in its history, so that a pipeline can be got rid of together with its bucket. Objects that stay then are counted as exported.
// None stay of a pipeline whose catalog was never reached, in which nobody can have seen them.
func (w *Worker) clear(ctx context.Context, p *Pipeline) error {
	run, err := w.Store.openRun(ctx, p.ID)
	if err != nil || run == nil {
		return err
	}
	o, err := w.abandon(ctx, p, run)
	if err != nil {
		err = fmt.Errorf("clearing away what run %d has written: %w", run.Number, err)
	}
	switch {
	case err == nil && o != nil:
		o.marked = p.Marked
		err = w.Store.succeed(ctx, p, run, o, w.Owner, w.Store.now(), false)
	case err != nil && fault.ClassOf(err) != fault.Transient && o != nil:
		err = w.Store.leave(ctx, p, run, err, o.manifest, w.Owner)
	case err == nil, fault.ClassOf(err) != fault.Transient:
		err = w.Store.end(ctx, p, run, Canceled, err, true, w.Owner, w.Store.now())
	}
	if err == nil {
		w.unpin(p.ID)
	}
	return err
}

// abandon returns what a run has published whose objects were complete, nil when it has removed the run's objects. With an error it returns
// the manifest of objects that stay, nil if none do.
func (w *Worker) abandon(ctx context.Context, p *Pipeline, run *Run) (*outcome, error) {
	a, err := w.attempt(ctx, p, run, func() {})
	if err != nil {
		return nil, err
	}
	m, err := a.written(ctx)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, a.clear(ctx, &lake.Manifest{})
	}
	o, err := a.publish(ctx, m)
	switch {
	case err == nil:
		return o, nil
	case fault.ClassOf(err) == fault.Transient || !p.Glue.Use || p.cataloged != 0:
		return &outcome{manifest: m}, err
	}
	if removed := a.remove(ctx); removed != nil {
		return &outcome{manifest: m}, errors.Join(removed, err)
	}
	return nil, err
}

// remove deletes a run's manifest and then its objects: without the manifest they are those of a run that did not come to its end, of which
// a worker that takes over removes the rest.
func (a *attempt) remove(ctx context.Context) error {
	if err := lake.RemoveManifest(ctx, a.bucket, a.p.Layout(), a.run.name()); err != nil {
		return err
	}
	return a.clear(ctx, &lake.Manifest{})
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
