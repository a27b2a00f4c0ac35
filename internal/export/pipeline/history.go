package pipeline

import (
	"context"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/meta"
)

const runColumns = `SELECT pipeline_id, number, state, after_position, upto_position, attempts, created_ms, started_ms, finished_ms, row_count,
	byte_count, object_count, day_count, long_count, reduced_count, superseded_ms, error_class, error_operation, error_object, error_message,
	error_hint FROM pipeline_run `

// Runs returns the pipeline's runs, the newest first, at most limit.
func (s *Store) Runs(ctx context.Context, id string, limit int) ([]*Run, error) {
	return queryRuns(ctx, s.db, `WHERE pipeline_id = ? ORDER BY number DESC LIMIT ?`, id, limit)
}

// openRun returns the pipeline's open run, nil for none.
func (s *Store) openRun(ctx context.Context, id string) (*Run, error) {
	all, err := queryRuns(ctx, s.db, `WHERE is_open = 1 AND pipeline_id = ?`, id)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// openRuns returns the open runs of all pipelines.
func (s *Store) openRuns(ctx context.Context) ([]*Run, error) {
	return queryRuns(ctx, s.db, `WHERE is_open = 1`)
}

// superseded returns the pipeline's snapshots that were replaced before the time and are not removed yet, oldest first.
func (s *Store) superseded(ctx context.Context, id string, before time.Time) ([]*Run, error) {
	return queryRuns(ctx, s.db, `WHERE pipeline_id = ? AND superseded_ms BETWEEN 1 AND ? ORDER BY number LIMIT 1000`, id, before.UnixMilli())
}

// removed records that a superseded snapshot's objects are gone: its time is kept with the sign turned.
func (s *Store) removed(ctx context.Context, run *Run) error {
	_, err := s.db.Exec(ctx, `UPDATE pipeline_run SET superseded_ms = -superseded_ms WHERE pipeline_id = ? AND number = ? AND superseded_ms > 0`,
		run.Pipeline, run.Number)
	if err != nil {
		return metaFault("recording a removed snapshot", err)
	}
	return nil
}

// Days returns what was exported per event day, the sum over all runs. A snapshot has one entry with the day 0.
func (s *Store) Days(ctx context.Context, id string) (map[event.Day]lake.Totals, error) {
	return queryDays(ctx, s.db, id)
}

func queryDays(ctx context.Context, q meta.Querier, id string) (map[event.Day]lake.Totals, error) {
	rows, err := q.Query(ctx, `SELECT day, row_count, byte_count, object_count FROM pipeline_day WHERE pipeline_id = ?`, id)
	if err != nil {
		return nil, metaFault("reading exported days", err)
	}
	defer rows.Close()
	days := map[event.Day]lake.Totals{}
	for rows.Next() {
		var day int64
		t := lake.Totals{Days: 1}
		if err := rows.Scan(&day, &t.Rows, &t.Bytes, &t.Objects); err != nil {
			return nil, metaFault("reading exported days", err)
		}
		days[event.Day(day)] = t
	}
	if err := rows.Err(); err != nil {
		return nil, metaFault("reading exported days", err)
	}
	return days, nil
}

func queryRuns(ctx context.Context, q meta.Querier, where string, args ...any) ([]*Run, error) {
	rows, err := q.Query(ctx, runColumns+where, args...)
	if err != nil {
		return nil, metaFault("reading runs", err)
	}
	defer rows.Close()
	var all []*Run
	for rows.Next() {
		var r Run
		var e RunError
		var after, upTo, created, started, finished, superseded int64
		t := &r.Totals
		err := rows.Scan(&r.Pipeline, &r.Number, &r.State, &after, &upTo, &r.Attempts, &created, &started, &finished, &t.Rows,
			&t.Bytes, &t.Objects, &t.Days, &t.Long, &t.Reduced, &superseded, &e.Class, &e.Operation, &e.Object, &e.Message, &e.Hint)
		if err != nil {
			return nil, metaFault("reading a run", err)
		}
		r.After, r.UpTo = eventlog.Position(after), eventlog.Position(upTo)
		r.Created, r.Started, r.Finished = fromMillis(created), fromMillis(started), fromMillis(finished)
		r.Superseded = fromMillis(max(superseded, -superseded))
		if e.Message != "" {
			r.LastError = &e
		}
		all = append(all, &r)
	}
	if err := rows.Err(); err != nil {
		return nil, metaFault("reading runs", err)
	}
	return all, nil
}
