package pipeline

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/fault"
)

// RunState is a run's state; the words are those of Mixpanel's pipeline status API.
type RunState string

const (
	// Pending runs have their window and wait for a worker.
	Pending RunState = "pending"
	Running RunState = "running"
	// Retried runs met a transient error and wait to be tried again.
	Retried   RunState = "retried"
	Succeeded RunState = "succeeded"
	// Failed runs need the user. They are taken up again at the pipeline's next turn, and at once by run and resume.
	Failed RunState = "failed"
	// Canceled runs were stopped by pause or cancel. Resume takes the same window up again.
	Canceled RunState = "canceled"
	// TimedOut runs took longer than an attempt may. They are taken up again like failed ones.
	TimedOut RunState = "timed_out"
)

// RunError is why the last attempt of a run that did not succeed ended.
type RunError struct {
	Class     string `json:"class"`
	Operation string `json:"operation,omitempty"`
	Object    string `json:"object,omitempty"`
	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"`
}

// runError describes why an attempt ended. Where an error names no object, that is what the attempt worked on: the catalog's database, or the
// folder that the pipeline writes to.
func runError(p *Pipeline, err error) RunError {
	e := RunError{Class: fault.ClassOf(err).String(), Message: err.Error()}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		e.Operation, e.Object, e.Hint = f.Op, f.Object, f.Hint
	}
	if e.Object == "" {
		e.Object = "s3://" + p.S3.Bucket + "/" + p.folder()
		if _, ok := errors.AsType[*catalogError](err); ok {
			e.Object = "database " + p.Glue.Database
		}
	}
	return e
}

// catalogError is what failed while the catalog was brought up to date.
type catalogError struct{ error }

// Unwrap returns the cause.
func (e *catalogError) Unwrap() error { return e.error }

// Run is one window of a pipeline and what became of it. A window that fails is tried again in the same run, so a pipeline has
// no gap and no overlap whatever happens.
type Run struct {
	Pipeline string
	// Number counts the runs of the pipeline from 1.
	Number int64
	State  RunState
	// After and UpTo bound the log positions of the window: (After, UpTo].
	After, UpTo eventlog.Position
	// Revision is that of the definition when the window was fixed.
	Revision int64
	// FirstDay and LastDay are the days that the window can hold or, once the run succeeded, that it has exported; 0 for none, and
	// for snapshots.
	FirstDay, LastDay event.Day
	// Attempts counts how often the run was begun.
	Attempts int
	// Created, Started and Finished are when the window was fixed, and when the last attempt began and ended.
	Created, Started, Finished time.Time
	// Totals are what the run published; zero until it succeeded.
	Totals lake.Totals
	// Superseded is when a later run replaced this one's snapshot, whose objects go after a grace period.
	Superseded time.Time
	// LastError is that of the last attempt that failed, if any. It stays when a later attempt succeeds.
	LastError *RunError
}

// window returns what the run reads. For days of a time zone it has the days in UTC around them.
func (r *Run) window(d *Definition) store.Window {
	w := store.Window{Project: d.Project, Kind: d.Source.Kind(), After: r.After, UpTo: r.UpTo, FirstDay: d.From, LastDay: d.To}
	if d.zoned() && d.From != 0 {
		w.FirstDay = d.From - 1
	}
	if d.zoned() && d.To != 0 {
		w.LastDay = d.To + 1
	}
	return w
}

// runOf returns a run of a log range that is not stored.
func runOf(w lake.Window) *Run {
	return &Run{After: eventlog.Position(w.After), UpTo: eventlog.Position(w.UpTo)}
}

// name identifies the run's objects.
func (r *Run) name() lake.Window { return lake.Window{After: uint64(r.After), UpTo: uint64(r.UpTo)} }

// MarshalJSON writes the run as the API and the CLI show it.
func (r *Run) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Number   int64             `json:"number"`
		State    RunState          `json:"state"`
		After    eventlog.Position `json:"after_position"`
		UpTo     eventlog.Position `json:"upto_position"`
		From     string            `json:"from_date,omitempty"`
		To       string            `json:"to_date,omitempty"`
		Attempts int               `json:"attempts"`
		Created  time.Time         `json:"created"`
		Started  *time.Time        `json:"started,omitempty"`
		Finished *time.Time        `json:"finished,omitempty"`
		lake.Totals
		LastError *RunError `json:"last_error,omitempty"`
	}{r.Number, r.State, r.After, r.UpTo, dayText(r.FirstDay), dayText(r.LastDay), r.Attempts, r.Created, optional(r.Started), optional(r.Finished), r.Totals, r.LastError})
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
