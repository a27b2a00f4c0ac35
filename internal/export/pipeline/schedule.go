package pipeline

import (
	"context"
	"fmt"
	"time"
)

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

// nextScheduled returns the first start of an hourly or daily run after now: half an hour after the hour's end, and after the day begins in
// the project's time zone (Mixpanel, "Data pipelines", export schedule).
func nextScheduled(f Frequency, zone *time.Location, now time.Time) time.Time {
	if f == Hourly {
		ended := newCalendar(zone).nextHour(now.Add(-markAfter).UnixMilli())
		return time.UnixMilli(ended).UTC().Add(markAfter)
	}
	// Counted from where the day begins: not every day has a midnight, nor half past, and some do not exist.
	c := newCalendar(zone)
	for d := c.day(now.UnixMilli()); ; d++ {
		if at := time.UnixMilli(c.start(d)).UTC().Add(markAfter); at.After(now) {
			return at
		}
	}
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
