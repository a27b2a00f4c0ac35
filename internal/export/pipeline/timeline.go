package pipeline

import (
	"context"
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

// Timeline returns the days that were or are being exported, ascending. Those of people and identity mappings are the days on which a
// run ended, in UTC.
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
		err = s.eachSync(ctx, `SELECT 0, finished_ms FROM pipeline_run WHERE pipeline_id = ? AND state = 'succeeded' ORDER BY number DESC`, id,
			func(_ event.Day, t time.Time) {
				d := at(event.DayOfTime(t))
				d.Times = append(d.Times, t)
			})
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
	for d := range days {
		if run != nil && run.FirstDay <= d && d <= run.LastDay {
			days[d].State = run.State
		}
	}
	// A long range that has not begun is told by its ends.
	if run != nil && run.FirstDay != 0 {
		at(run.FirstDay).State, at(run.LastDay).State = run.State, run.State
	}
	all := make([]DaySync, 0, len(days))
	for _, d := range days {
		all = append(all, *d)
	}
	slices.SortFunc(all, func(a, b DaySync) int { return int(a.Day) - int(b.Day) })
	return all, nil
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
