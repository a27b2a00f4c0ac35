package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/export/selection"
	"github.com/refract-io/refract/internal/export/where"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// attempt is one go at a run.
type attempt struct {
	*Worker
	// p has the newest definition. The objects may have been written under an older one, by an attempt before.
	p        *Pipeline
	run      *Run
	bucket   bucket.Bucket
	calendar *calendar
	// progress tells that the attempt gets on.
	progress func()
}

// outcome is what an attempt has published.
type outcome struct {
	manifest *lake.Manifest
	// cataloged is the revision whose catalog has the tables now.
	cataloged int64
	// unpartitioned names a table that could not be given partitions, "" for none.
	unpartitioned string
	// marked is the time up to which the folders of a raw pipeline have their markers.
	marked time.Time
}

// warning tells what the user should know about a run that succeeded.
func (o *outcome) warning() string {
	if o.unpartitioned == "" {
		return ""
	}
	return fmt.Sprintf("table %s has no partitions, since the role may not work on them: each query reads all days. Allow the role the partition "+
		"actions of the setup page, drop the table, and make the pipeline anew to have them", o.unpartitioned)
}

// days returns the first and the last day that were exported, 0 for none.
func (o *outcome) days() (first, last event.Day) {
	days, err := o.manifest.Days()
	if err != nil || len(days) == 0 {
		return 0, 0
	}
	return days[0], days[len(days)-1]
}

// write makes an attempt: objects, mapping, manifest, mapping file, catalog. A manifest that an earlier attempt has written says that the
// objects are complete; they are not written again then, whatever the pipeline selects now. They are published to the catalog that it names
// now: an edit may be the cure for one that could not be reached.
func (w *Worker) write(ctx context.Context, p *Pipeline, run *Run, progress func()) (*outcome, error) {
	a, err := w.attempt(ctx, p, run, progress)
	if err != nil {
		return nil, err
	}
	var m *lake.Manifest
	if run.Attempts > 1 {
		if m, err = a.written(ctx); err != nil {
			return nil, err
		}
	}
	if m == nil {
		if m, err = a.writeObjects(ctx); err != nil {
			return nil, err
		}
	}
	progress()
	return a.publish(ctx, m)
}

func (w *Worker) attempt(ctx context.Context, p *Pipeline, run *Run, progress func()) (*attempt, error) {
	b, err := w.Destinations.Bucket(ctx, &p.Definition)
	if err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", p.S3.Bucket, err)
	}
	c, err := w.calendar(ctx, &p.Definition)
	if err != nil {
		return nil, err
	}
	return &attempt{Worker: w, p: p, run: run, bucket: moving{b, progress}, calendar: c, progress: progress}, nil
}

// written returns the manifest of an earlier attempt, nil if there is none.
func (a *attempt) written(ctx context.Context) (*lake.Manifest, error) {
	m, err := lake.ReadManifest(ctx, a.bucket, a.p.Layout(), a.run.name())
	if errors.Is(err, bucket.ErrNotFound) {
		return nil, nil
	}
	return m, err
}

// writeObjects writes the rows of the run's window, removes what an earlier attempt has left besides, and says with the manifest that the
// objects are complete. A run without rows has no manifest, unless it replaces something.
func (a *attempt) writeObjects(ctx context.Context) (m *lake.Manifest, err error) {
	var mapping *schema.Mapping
	switch a.p.Type {
	case TypeAWS:
		m, mapping, err = a.writeTables(ctx)
	case TypeRaw:
		m, err = a.writeRaw(ctx)
	default:
		m, err = a.writeRows(ctx)
	}
	if err != nil {
		return nil, err
	}
	if a.run.Attempts > 1 {
		if err := a.sweep(ctx, m); err != nil {
			return nil, err
		}
	}
	if a.p.Type == TypeAWS {
		if err := a.Store.keepMapping(ctx, a.p, a.run, a.Owner, mapping); err != nil {
			return nil, err
		}
	}
	if a.p.Source.Snapshot() {
		m.Location = a.bucket.Location(a.p.Layout().VersionDir(a.run.name()))
	}
	if len(m.Data) == 0 && len(m.Emptied) == 0 && !a.p.Source.Snapshot() {
		return m, nil
	}
	if err := a.holds(ctx); err != nil {
		return nil, err
	}
	return m, lake.WriteManifest(ctx, a.bucket, a.p.Layout(), m, a.holds)
}

// holds fails with errLeaseLost when another worker works on the pipeline. It is asked before what may not be done twice: one that was
// stopped for longer than its lease does not notice at once.
func (a *attempt) holds(ctx context.Context) error { return a.Store.holds(ctx, a.p, a.Owner) }

// writer returns how the run's objects are written.
func (a *attempt) writer() lake.WriterOptions {
	o := a.Writer
	o.Replace = a.holds
	return o
}

func (a *attempt) manifest(rowFormat string, data, oversize []lake.Object) *lake.Manifest {
	p := a.p
	m := &lake.Manifest{
		Format: lake.ManifestFormat, RowFormat: rowFormat, Pipeline: p.ID, Name: p.Name, Project: p.Project, Source: string(p.Source),
		Table: p.table(), Window: a.run.name(), Revision: p.Revision, FirstDay: dayText(p.From), LastDay: dayText(p.To), Data: data, Oversize: oversize,
	}
	m.Sum()
	return m
}

// scan calls fn with the events of the window that are selected.
func (a *attempt) scan(ctx context.Context, w store.Window, s *selection.Selector, fn func(*store.Batch) error) error {
	return a.Reader.Scan(ctx, w, func(b *store.Batch) error {
		a.progress()
		chosen, err := s.Choose(b)
		if err != nil {
			return selectionFault(a.p, err)
		}
		if chosen.Len == 0 {
			return nil
		}
		return fn(chosen)
	})
}

// spans calls fn with the rows [from, to) of the batch that follow each other and belong to one day of the zone, for the days in the
// pipeline's range.
func (a *attempt) spans(b *store.Batch, fn func(d event.Day, from, to int) error) error {
	for from := 0; from < b.Len; {
		day, to := a.calendar.day(b.Time[from]), from+1
		for to < b.Len && a.calendar.day(b.Time[to]) == day {
			to++
		}
		if a.p.selects(day) {
			if err := fn(day, from, to); err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

// selector opens the pipeline's selection as of the end of the run's window.
func (a *attempt) selector(ctx context.Context) (*selection.Selector, error) {
	rule, err := selection.Compile(&a.p.Selection)
	if err != nil {
		return nil, selectionFault(a.p, err)
	}
	s, err := rule.Open(ctx, a.Reader, a.p.Project, a.run.UpTo)
	if err != nil {
		return nil, selectionFault(a.p, err)
	}
	return s, nil
}

// selectionFault makes an error of a selection one that the user can mend. An expression that has no answer for one event stops the run: to
// leave the event out would export less than was asked for, and nobody would know.
func selectionFault(p *Pipeline, err error) error {
	if e, ok := errors.AsType[*selection.EventError](err); ok {
		return fault.New(fault.Poison, "selecting", e.Record(), e.Err,
			"edit the expression where of pipeline "+p.Name+" so that it is a boolean for this event too: compare the property, or ask with defined() or boolean()")
	}
	if _, ok := errors.AsType[*where.Error](err); ok {
		return fault.New(fault.Setup, "selecting events for", p.Name, err, "edit the expression where of the pipeline")
	}
	if errors.Is(err, selection.ErrTooManyUsers) {
		return fault.New(fault.Setup, "selecting events for", p.Name, err, "name fewer user properties in the expression where")
	}
	return err
}
