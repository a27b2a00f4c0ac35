package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/refract-io/refract/internal/event"
)

// DaySync is when a day was exported.
type DaySync struct {
	Day event.Day
	// Times are when runs that exported something of the day ended, the newest first, as far as the history goes back.
	Times []time.Time
	// State is Succeeded, or that of an open run that may have more of the day.
	State RunState
}

// maxOpenDays bounds the days of a run under way that a timeline tells, the newest ones. Events may be of any age.
const maxOpenDays = 10_000

// Timeline returns the days that were or are being exported, ascending. Those of people and identity mappings are the days on which a
// run ended, in the project's time zone.
func (s *Store) Timeline(ctx context.Context, id string) ([]DaySync, error) {
	p, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	days := map[event.Day]*DaySync{}
	at := func(d event.Day) *DaySync {
		if days[d] == nil {
			days[d] = &DaySync{Day: d, State: Succeeded}
		}
		return days[d]
	}
	if p.Source.Snapshot() {
		err = s.eachSnapshot(ctx, p, func(d event.Day, t time.Time) { at(d).Times = append(at(d).Times, t) })
	} else {
		err = s.eachSync(ctx, `SELECT day, synced_ms FROM pipeline_sync WHERE pipeline_id = ? ORDER BY number DESC`, id, func(d event.Day, t time.Time) {
			at(d).Times = append(at(d).Times, t)
		})
	}
	if err != nil {
		return nil, err
	}
	run, err := s.openRun(ctx, id)
	if err != nil {
		return nil, err
	}
	if run != nil && run.FirstDay != 0 {
		for d := max(run.FirstDay, run.LastDay-maxOpenDays+1); d <= run.LastDay; d++ {
			at(d).State = run.State
		}
	}
	all := make([]DaySync, 0, len(days))
	for _, d := range days {
		all = append(all, *d)
	}
	slices.SortFunc(all, func(a, b DaySync) int { return int(a.Day) - int(b.Day) })
	return all, nil
}

// eachSnapshot calls fn with the days on which runs of people or identity mappings ended.
func (s *Store) eachSnapshot(ctx context.Context, p *Pipeline, fn func(event.Day, time.Time)) error {
	owner, err := s.projects.ByID(ctx, p.Project)
	if err != nil {
		return fmt.Errorf("reading the time zone of pipeline %s: %w", p.Name, err)
	}
	zone := newCalendar(owner.Zone)
	return s.eachSync(ctx, `SELECT 0, finished_ms FROM pipeline_run WHERE pipeline_id = ? AND state = 'succeeded' ORDER BY number DESC`, p.ID,
		func(_ event.Day, t time.Time) { fn(zone.day(t.UnixMilli()), t) })
}

func (s *Store) eachSync(ctx context.Context, query, id string, fn func(event.Day, time.Time)) error {
	rows, err := s.db.Query(ctx, query, id)
	if err != nil {
		return metaFault("reading the timeline", err)
	}
	defer rows.Close()
	for rows.Next() {
		var day, ms int64
		if err := rows.Scan(&day, &ms); err != nil {
			return metaFault("reading the timeline", err)
		}
		fn(event.Day(day), fromMillis(ms))
	}
	if err := rows.Err(); err != nil {
		return metaFault("reading the timeline", err)
	}
	return nil
}
