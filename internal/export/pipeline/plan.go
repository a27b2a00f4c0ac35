package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
)

// cycle is a series of runs up to a target: the position that was sealed at a time.
type cycle struct {
	target eventlog.Position
	at     time.Time
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
