package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

// RunNow makes the pipeline and its companion due. A run that failed or waits is tried again at once.
func (s *Store) RunNow(ctx context.Context, id string) error {
	group, err := s.group(ctx, s.db, id)
	if err != nil {
		return err
	}
	for _, p := range group {
		if p.State != Active {
			return fault.New(fault.Setup, "running pipeline", p.Name, fmt.Errorf("it is %s", p.State), "resume it first")
		}
		if err := s.set(ctx, s.db, p, `next_ms = ?, attach_ms = CASE WHEN attach_ms > 0 THEN 1 ELSE 0 END`, s.now().UnixMilli()); err != nil {
			return err
		}
	}
	s.tellChanged()
	return nil
}

// Pause stops the pipeline and the run under way, which Resume takes up again with the same window.
func (s *Store) Pause(ctx context.Context, id string) error {
	return s.transition(ctx, id, "pausing pipeline", Paused, Active)
}

// Resume makes a paused pipeline active and due.
func (s *Store) Resume(ctx context.Context, id string) error {
	return s.transition(ctx, id, "resuming pipeline", Active, Paused)
}

// Cancel ends the pipeline for good. The run under way stops and its unpublished objects are removed; published ones stay.
func (s *Store) Cancel(ctx context.Context, id string) error {
	return s.transition(ctx, id, "cancelling pipeline", Cancelled, Active, Paused)
}

// group returns the pipeline with those that share its changes, the leader first.
func (s *Store) group(ctx context.Context, q meta.Querier, id string) ([]*Pipeline, error) {
	p, err := onePipeline(ctx, q, `WHERE id = ?`, id)
	if err != nil {
		return nil, err
	}
	if p.Leader != "" {
		id = p.Leader
	}
	return queryPipelines(ctx, q, `WHERE id = ? OR leader_id = ? ORDER BY leader_id`, id, id)
}

// transition changes the state of a pipeline and its companion.
func (s *Store) transition(ctx context.Context, id, op string, to State, from ...State) error {
	err := s.db.InTx(ctx, func(tx *meta.Tx) error {
		group, err := s.group(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, p := range group {
			switch {
			case p.State == to:
			case slices.Contains(from, p.State):
				if err := s.set(ctx, tx, p, `state = ?, next_ms = ?`, string(to), s.now().UnixMilli()); err != nil {
					return err
				}
			default:
				return fault.New(fault.Setup, op, p.Name, fmt.Errorf("it is %s", p.State), "")
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.tellChanged()
	return nil
}

// set changes columns of a pipeline that is still in the state it was read in.
func (s *Store) set(ctx context.Context, q meta.Querier, p *Pipeline, columns string, args ...any) error {
	res, err := q.Exec(ctx, `UPDATE pipeline SET `+columns+` WHERE id = ? AND state = ?`, append(args, p.ID, string(p.State))...)
	if err == nil {
		err = oneRow(res)
	}
	if errors.Is(err, errNoRow) {
		return fault.New(fault.Transient, "changing pipeline", p.Name, errors.New("it changed meanwhile"), "try again")
	}
	if err != nil {
		return metaFault("changing pipeline "+p.Name, err)
	}
	return nil
}

// Delete forgets a cancelled pipeline, its companion and their history. It fails while a run is not cleared away yet.
func (s *Store) Delete(ctx context.Context, id string) error {
	return s.db.InTx(ctx, func(tx *meta.Tx) error {
		group, err := s.group(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, p := range group {
			var left int
			if err := tx.QueryRow(ctx, `SELECT count(*) FROM pipeline_run WHERE pipeline_id = ? AND is_open = 1`, p.ID).Scan(&left); err != nil {
				return metaFault("reading runs of "+p.Name, err)
			}
			if p.State != Cancelled || left > 0 {
				return fault.New(fault.Setup, "deleting pipeline", p.Name, fmt.Errorf("it is %s with %d runs under way", p.State, left), "cancel it and wait for its runs to end")
			}
			for _, table := range []string{
				"pipeline_mapping WHERE pipeline_id", "pipeline_superseded WHERE pipeline_id", "pipeline_sync WHERE pipeline_id",
				"pipeline_revision WHERE pipeline_id", "pipeline_day WHERE pipeline_id", "pipeline_run WHERE pipeline_id", "pipeline WHERE id",
			} {
				if _, err := tx.Exec(ctx, `DELETE FROM `+table+` = ?`, p.ID); err != nil {
					return metaFault("deleting pipeline "+p.Name, err)
				}
			}
		}
		return nil
	})
}
