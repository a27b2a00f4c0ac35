package pipeline

import (
	"context"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/meta"
)

const runColumns = `SELECT pipeline_id, number, state, revision, after_position, upto_position, first_day, last_day, attempts, created_ms, started_ms, finished_ms, row_count,
	byte_count, object_count, day_count, long_count, reduced_count, superseded_ms, error_class, error_operation, error_object, error_message,
	error_hint FROM pipeline_run `

// Runs returns the pipeline's runs in any of the states, or in every state if none is named, the newest first, at most limit.
func (s *Store) Runs(ctx context.Context, id string, limit int, states ...RunState) ([]*Run, error) {
	where, args := `WHERE pipeline_id = ?`, []any{id}
	if len(states) > 0 {
		where += ` AND state IN (` + inList(len(states)) + `)`
		for _, state := range states {
			args = append(args, string(state))
		}
	}
	return queryRuns(ctx, s.db, where+` ORDER BY number DESC LIMIT ?`, append(args, limit)...)
}

// CountRuns returns how many runs of the pipeline's history are in each state.
func (s *Store) CountRuns(ctx context.Context, id string) (map[RunState]int64, error) {
	rows, err := s.db.Query(ctx, `SELECT state, count(*) FROM pipeline_run WHERE pipeline_id = ? GROUP BY state`, id)
	if err != nil {
		return nil, metaFault("counting runs", err)
	}
	defer rows.Close()
	counts := map[RunState]int64{}
	for rows.Next() {
		var state string
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return nil, metaFault("counting runs", err)
		}
		counts[RunState(state)] = n
	}
	if err := rows.Err(); err != nil {
		return nil, metaFault("counting runs", err)
	}
	return counts, nil
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
		var after, upTo, first, last, created, started, finished, superseded int64
		t := &r.Totals
		err := rows.Scan(&r.Pipeline, &r.Number, &r.State, &r.Revision, &after, &upTo, &first, &last, &r.Attempts, &created, &started, &finished, &t.Rows,
			&t.Bytes, &t.Objects, &t.Days, &t.Long, &t.Reduced, &superseded, &e.Class, &e.Operation, &e.Object, &e.Message, &e.Hint)
		if err != nil {
			return nil, metaFault("reading a run", err)
		}
		r.FirstDay, r.LastDay = event.Day(first), event.Day(last)
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
