package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/meta"
)

// errLeaseLost says that another worker works on the pipeline, or that it changed since it was read.
var errLeaseLost = errors.New("the lease of the pipeline is lost")

// candidate is a pipeline that may have something to do.
type candidate struct {
	*Pipeline
	open, attach, collect bool
}

// candidates returns the pipelines that are due until the time given, that hold an open run although cancelled, that shall be
// attached, or that have snapshots and versions of days superseded before expired. Those leased by other workers are left out.
func (s *Store) candidates(ctx context.Context, owner string, now, until, expired time.Time) ([]candidate, error) {
	const isOpen = `EXISTS (SELECT 1 FROM pipeline_run r WHERE r.is_open = 1 AND r.pipeline_id = pipeline.id)`
	const toCollect = `(EXISTS (SELECT 1 FROM pipeline_run r WHERE r.superseded_ms BETWEEN 1 AND ? AND r.pipeline_id = pipeline.id)
		OR EXISTS (SELECT 1 FROM pipeline_superseded v WHERE v.superseded_ms <= ? AND v.pipeline_id = pipeline.id))`
	const toAttach = `(state = 'active' AND attached = 0 AND attach_ms BETWEEN 1 AND ?)`
	nowMS, expiredMS := now.UnixMilli(), expired.UnixMilli()
	rows, err := s.db.Query(ctx, `SELECT id, CASE WHEN `+isOpen+` THEN 1 ELSE 0 END, CASE WHEN `+toAttach+` THEN 1 ELSE 0 END,
		CASE WHEN `+toCollect+` THEN 1 ELSE 0 END FROM pipeline
		WHERE (lease_until_ms < ? OR lease_owner = ?) AND (state = 'active' AND next_ms <= ? OR state = 'cancelled' AND `+isOpen+` OR `+toAttach+` OR `+toCollect+`)
		ORDER BY next_ms`, nowMS, expiredMS, expiredMS, nowMS, owner, until.UnixMilli(), nowMS, expiredMS, expiredMS)
	if err != nil {
		return nil, metaFault("reading due pipelines", err)
	}
	defer rows.Close()
	found := map[string]candidate{}
	var ids []any
	for rows.Next() {
		var id string
		var open, attach, collect int
		if err := rows.Scan(&id, &open, &attach, &collect); err != nil {
			return nil, metaFault("reading due pipelines", err)
		}
		found[id] = candidate{open: open != 0, attach: attach != 0, collect: collect != 0}
		ids = append(ids, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, metaFault("reading due pipelines", err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	all, err := queryPipelines(ctx, s.db, `WHERE id IN (`+inList(len(ids))+`) ORDER BY next_ms, id`, ids...)
	if err != nil {
		return nil, err
	}
	due := make([]candidate, len(all))
	for i, p := range all {
		due[i] = found[p.ID]
		due[i].Pipeline = p
	}
	return due, nil
}

// lease takes the pipeline, which must be as it was read, for owner. It fails with errLeaseLost.
func (s *Store) lease(ctx context.Context, q meta.Querier, p *Pipeline, owner string, until time.Time) error {
	res, err := q.Exec(ctx, `UPDATE pipeline SET lease_owner = ?, lease_until_ms = ? WHERE id = ? AND state = ? AND published = ?
		AND revision = ? AND (lease_until_ms < ? OR lease_owner = ?)`,
		owner, until.UnixMilli(), p.ID, string(p.State), int64(p.Published), p.Revision, s.now().UnixMilli(), owner)
	return leaseResult(res, err, "leasing pipeline "+p.Name)
}

func leaseResult(res sql.Result, err error, op string) error {
	if err == nil {
		err = oneRow(res)
	}
	if errors.Is(err, errNoRow) {
		return fmt.Errorf("%s: %w", op, errLeaseLost)
	}
	if err != nil {
		return metaFault(op, err)
	}
	return nil
}

// renew prolongs the lease and returns the pipeline's state, which may have changed.
func (s *Store) renew(ctx context.Context, id, owner string, until time.Time) (State, error) {
	var state State
	err := s.db.QueryRow(ctx, `UPDATE pipeline SET lease_until_ms = ? WHERE id = ? AND lease_owner = ? RETURNING state`,
		until.UnixMilli(), id, owner).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("renewing the lease of pipeline %s: %w", id, errLeaseLost)
	}
	if err != nil {
		return "", metaFault("renewing the lease of pipeline "+id, err)
	}
	return state, nil
}

// holds fails with errLeaseLost unless owner has the lease.
func (s *Store) holds(ctx context.Context, p *Pipeline, owner string) error {
	var n int64
	err := s.db.QueryRow(ctx, `SELECT count(*) FROM pipeline WHERE id = ? AND lease_owner = ?`, p.ID, owner).Scan(&n)
	if err != nil {
		return metaFault("looking at the lease of pipeline "+p.Name, err)
	}
	if n == 0 {
		return fmt.Errorf("working on pipeline %s: %w", p.Name, errLeaseLost)
	}
	return nil
}

// release gives the lease back and sets the columns.
func (s *Store) release(ctx context.Context, q meta.Querier, p *Pipeline, owner, columns string, args ...any) error {
	res, err := q.Exec(ctx, `UPDATE pipeline SET lease_owner = '', lease_until_ms = 0`+columns+` WHERE id = ? AND lease_owner = ?`, append(args, p.ID, owner)...)
	return leaseResult(res, err, "releasing pipeline "+p.Name)
}

// nextColumn sets the next turn unless someone has asked for another one since the pipeline was read.
const nextColumn = `, next_ms = CASE WHEN next_ms = ? THEN ? ELSE next_ms END`

// backfillColumn keeps the target of the first cycle.
const backfillColumn = `, backfill = CASE WHEN backfill = 0 THEN ? ELSE backfill END`

// begin leases the pipeline and begins an attempt at run, which is stored first when it is new. The cycle goes up to target since the time
// given.
func (s *Store) begin(ctx context.Context, p *Pipeline, run *Run, target eventlog.Position, cycle time.Time, owner string, until time.Time) error {
	now := s.now().UTC().Truncate(time.Millisecond)
	return s.db.InTx(ctx, func(tx *meta.Tx) error {
		if err := s.lease(ctx, tx, p, owner, until); err != nil {
			return err
		}
		number, err := s.openNumber(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if number != run.Number {
			return fmt.Errorf("beginning a run of pipeline %s: %w", p.Name, errLeaseLost)
		}
		if run.Number == 0 {
			if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(number), 0) + 1 FROM pipeline_run WHERE pipeline_id = ?`, p.ID).Scan(&run.Number); err != nil {
				return metaFault("numbering a run of pipeline "+p.Name, err)
			}
			run.Created, run.Revision = now, p.Revision
			_, err := tx.Exec(ctx, `INSERT INTO pipeline_run (pipeline_id, number, is_open, state, revision, after_position, upto_position, first_day, last_day, attempts, created_ms,
				started_ms, finished_ms, row_count, byte_count, object_count, day_count, long_count, reduced_count, superseded_ms,
				error_class, error_operation, error_object, error_message, error_hint)
				VALUES (?, ?, 1, 'pending', ?, ?, ?, ?, ?, 0, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '', '', '')`,
				p.ID, run.Number, p.Revision, int64(run.After), int64(run.UpTo), int64(run.FirstDay), int64(run.LastDay), now.UnixMilli())
			if err != nil {
				return metaFault("storing a run of pipeline "+p.Name, err)
			}
		}
		run.Attempts++
		run.Started, run.State = now, Running
		if _, err := tx.Exec(ctx, `UPDATE pipeline SET target = ?, cycle_ms = ?`+backfillColumn+` WHERE id = ?`, int64(target), toMillis(cycle), int64(target), p.ID); err != nil {
			return metaFault("storing the target of pipeline "+p.Name, err)
		}
		_, err = tx.Exec(ctx, `UPDATE pipeline_run SET state = ?, attempts = ?, started_ms = ? WHERE pipeline_id = ? AND number = ?`,
			string(run.State), run.Attempts, now.UnixMilli(), p.ID, run.Number)
		if err != nil {
			return metaFault("beginning a run of pipeline "+p.Name, err)
		}
		return nil
	})
}

// openNumber returns the number of the pipeline's open run, 0 for none.
func (s *Store) openNumber(ctx context.Context, q meta.Querier, id string) (int64, error) {
	var n int64
	err := q.QueryRow(ctx, `SELECT COALESCE(MAX(number), 0) FROM pipeline_run WHERE is_open = 1 AND pipeline_id = ?`, id).Scan(&n)
	if err != nil {
		return 0, metaFault("reading the open run of pipeline "+id, err)
	}
	return n, nil
}

// succeed records what a run published, and releases the pipeline with its next turn.
func (s *Store) succeed(ctx context.Context, p *Pipeline, run *Run, o *outcome, owner string, next time.Time, attach bool) error {
	now := s.now().UnixMilli()
	// Where the catalog tells readers which version is the current one, those before stay for queries under way.
	supersededMS := now
	if !p.Glue.Use || o.unpartitioned != "" {
		supersededMS = 1
	}
	return s.db.InTx(ctx, func(tx *meta.Tx) error {
		err := s.release(ctx, tx, p, owner, `, published = ?, cataloged = ?, warning = ?, marked_ms = ?,
			attach_ms = CASE WHEN attached = 0 AND attach_ms = 0 THEN ? ELSE attach_ms END`+nextColumn,
			int64(run.UpTo), o.cataloged, o.warning(), toMillis(o.marked), bit(attach), p.Next.UnixMilli(), next.UnixMilli())
		if err != nil {
			return err
		}
		t := o.manifest.Totals
		if first, last := o.days(); first != 0 {
			run.FirstDay, run.LastDay = first, last
		}
		_, err = tx.Exec(ctx, `UPDATE pipeline_run SET is_open = 0, state = 'succeeded', finished_ms = ?, row_count = ?, byte_count = ?, object_count = ?,
			day_count = ?, long_count = ?, reduced_count = ?, first_day = ?, last_day = ? WHERE pipeline_id = ? AND number = ?`,
			now, t.Rows, t.Bytes, t.Objects, t.Days, t.Long, t.Reduced, int64(run.FirstDay), int64(run.LastDay), p.ID, run.Number)
		if err != nil {
			return metaFault("storing the result of pipeline "+p.Name, err)
		}
		if p.Source.Snapshot() {
			_, err = tx.Exec(ctx, `UPDATE pipeline_run SET superseded_ms = ? WHERE pipeline_id = ? AND number < ? AND state = 'succeeded' AND superseded_ms = 0`,
				supersededMS, p.ID, run.Number)
			if err == nil {
				_, err = tx.Exec(ctx, `DELETE FROM pipeline_day WHERE pipeline_id = ?`, p.ID)
			}
			if err != nil {
				return metaFault("superseding snapshots of pipeline "+p.Name, err)
			}
		}
		if err := storeDays(ctx, tx, p, run, o.manifest, now, supersededMS); err != nil {
			return err
		}
		if err := adoptMapping(ctx, tx, p, run); err != nil {
			return err
		}
		return prune(ctx, tx, p, run)
	})
}

// keptRuns is how many runs a pipeline's history goes back; older ones live on in the totals per day. pruneEvery spares most runs the
// statements.
const (
	keptRuns   = 10_000
	pruneEvery = 500
)

// prune forgets runs that are older than the history goes back.
func prune(ctx context.Context, tx *meta.Tx, p *Pipeline, run *Run) error {
	if run.Number%pruneEvery != 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `DELETE FROM pipeline_run WHERE pipeline_id = ? AND number <= ? AND is_open = 0 AND superseded_ms <= 0`, p.ID, run.Number-keptRuns)
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM pipeline_sync WHERE pipeline_id = ? AND number <= ?`, p.ID, run.Number-keptRuns)
	}
	if err != nil {
		return metaFault("pruning the history of pipeline "+p.Name, err)
	}
	return nil
}

// end records that an attempt did not succeed, and releases the pipeline. The run stays open unless it was cleared away.
func (s *Store) end(ctx context.Context, p *Pipeline, run *Run, state RunState, cause error, cleared bool, owner string, next time.Time) error {
	return s.db.InTx(ctx, func(tx *meta.Tx) error {
		return s.endIn(ctx, tx, p, run, state, cause, cleared, owner, next)
	})
}

// leave records that a cancelled run has ended without being published, although its objects are complete and stay. They hold the
// pipeline's place.
func (s *Store) leave(ctx context.Context, p *Pipeline, run *Run, cause error, m *lake.Manifest, owner string) error {
	now := s.now()
	return s.db.InTx(ctx, func(tx *meta.Tx) error {
		if err := s.endIn(ctx, tx, p, run, Canceled, cause, true, owner, now); err != nil {
			return err
		}
		return storeLeft(ctx, tx, p, m)
	})
}

func (s *Store) endIn(ctx context.Context, tx *meta.Tx, p *Pipeline, run *Run, state RunState, cause error, cleared bool, owner string, next time.Time) error {
	if err := s.release(ctx, tx, p, owner, nextColumn, p.Next.UnixMilli(), next.UnixMilli()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE pipeline_run SET state = ?, is_open = ?, finished_ms = ? WHERE pipeline_id = ? AND number = ?`,
		string(state), bit(!cleared), s.now().UnixMilli(), p.ID, run.Number)
	if err == nil && cause != nil {
		e := runError(p, cause)
		_, err = tx.Exec(ctx, `UPDATE pipeline_run SET error_class = ?, error_operation = ?, error_object = ?, error_message = ?, error_hint = ?
				WHERE pipeline_id = ? AND number = ?`, e.Class, e.Operation, e.Object, e.Message, e.Hint, p.ID, run.Number)
	}
	if err != nil {
		return metaFault("storing the end of a run of pipeline "+p.Name, err)
	}
	return nil
}

// skip moves an idle pipeline on: up to the position there is nothing for it, since the time of the cycle.
func (s *Store) skip(ctx context.Context, p *Pipeline, upTo eventlog.Position, cycle, marked, next time.Time) error {
	_, err := s.db.Exec(ctx, `UPDATE pipeline SET published = ?, target = ?, cycle_ms = ?, marked_ms = ?`+backfillColumn+nextColumn+` WHERE id = ? AND published = ? AND lease_until_ms < ?
		AND NOT EXISTS (SELECT 1 FROM pipeline_run r WHERE r.is_open = 1 AND r.pipeline_id = pipeline.id)`,
		int64(upTo), int64(upTo), toMillis(cycle), toMillis(marked), int64(upTo), p.Next.UnixMilli(), next.UnixMilli(), p.ID, int64(p.Published), s.now().UnixMilli())
	if err != nil {
		return metaFault("moving pipeline "+p.Name+" on", err)
	}
	return nil
}

// warn tells the user of a failure outside a run, "" that there is none any more, and sets the next turn.
func (s *Store) warn(ctx context.Context, p *Pipeline, warning string, next time.Time) error {
	_, err := s.db.Exec(ctx, `UPDATE pipeline SET warning = ?`+nextColumn+` WHERE id = ?`, warning, p.Next.UnixMilli(), next.UnixMilli(), p.ID)
	if err != nil {
		return metaFault("storing a warning about pipeline "+p.Name, err)
	}
	return nil
}

// finish ends a trial.
func (s *Store) finish(ctx context.Context, p *Pipeline) error {
	if _, err := s.db.Exec(ctx, `UPDATE pipeline SET state = 'cancelled' WHERE id = ? AND state = 'active'`, p.ID); err != nil {
		return metaFault("ending the trial "+p.Name, err)
	}
	s.tellChanged()
	return nil
}
