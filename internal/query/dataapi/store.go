package dataapi

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

// insert keeps a new statement. When it returns the statement outlives the process.
func (s *Service) insert(ctx context.Context, st *statement) error {
	document, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("encoding statement %s: %w", st.ID, err)
	}
	_, err = s.Meta.Exec(ctx, `INSERT INTO dataapi_statement (id, instance, owner, owner_id, token, status, name, created_ms, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		st.ID, s.instance, st.Owner, st.OwnerID, st.Token, string(st.Status), st.Name, st.Created.UnixMilli(), string(document))
	if err != nil {
		return fault.New(fault.Transient, "storing statement", st.ID, err, "")
	}
	return nil
}

// update keeps how a statement ended.
func update(ctx context.Context, q meta.Querier, st *statement) error {
	document, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("encoding statement %s: %w", st.ID, err)
	}
	if _, err := q.Exec(ctx, `UPDATE dataapi_statement SET status = ?, document = ? WHERE id = ?`, string(st.Status), string(document), st.ID); err != nil {
		return fault.New(fault.Transient, "storing statement", st.ID, err, "")
	}
	return nil
}

// find returns the statement of the id as it is now, or nil.
func (s *Service) find(ctx context.Context, id string) (*statement, error) {
	s.mu.Lock()
	running := s.live[id]
	s.mu.Unlock()
	if running != nil {
		return running.snapshot(), nil
	}
	all, err := s.query(ctx, s.Meta, `instance = ? AND id = ?`, s.instance, id)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// byToken returns the statement that the owner sent with the token, or nil.
func (s *Service) byToken(ctx context.Context, owner, token string, since time.Time) (*statement, error) {
	all, err := s.query(ctx, s.Meta, `instance = ? AND owner = ? AND token = ? AND created_ms > ? ORDER BY created_ms DESC LIMIT 1`, s.instance, owner, token, since.UnixMilli())
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// query reads the statements of a condition.
func (s *Service) query(ctx context.Context, q meta.Querier, where string, args ...any) ([]*statement, error) {
	rows, err := q.Query(ctx, `SELECT document FROM dataapi_statement WHERE `+where, args...)
	if err != nil {
		return nil, fault.New(fault.Transient, "reading statements", "", err, "")
	}
	defer rows.Close()
	var out []*statement
	for rows.Next() {
		var document sql.RawBytes
		if err := rows.Scan(&document); err != nil {
			return nil, fault.New(fault.Transient, "reading statements", "", err, "")
		}
		var st statement
		if err := json.Unmarshal(document, &st); err != nil {
			return nil, fmt.Errorf("decoding a statement: %w", err)
		}
		out = append(out, &st)
	}
	return out, rows.Err()
}

// lost is the Error of statements that the end of a process broke off.
const lost = "The service ended while the statement was under way. Whether it took effect is not known."

// recover ends the statements that the process before left open, and forgets the old ones.
func (s *Service) recover(ctx context.Context) error {
	err := s.Meta.InTx(ctx, func(tx *meta.Tx) error {
		open, err := s.query(ctx, tx, `instance = ? AND status NOT IN ('FINISHED', 'FAILED', 'ABORTED')`, s.instance)
		if err != nil {
			return err
		}
		for _, st := range open {
			if st.AutoCommit {
				for i := range st.Parts {
					st.Parts[i].fail(Failed, lost, time.Now())
				}
			}
			st.end(Failed, lost, time.Now())
			if err := update(ctx, tx, st); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ending the statements of the process before: %w", err)
	}
	return s.expire(ctx, time.Now().Add(-Retention))
}

// expire forgets the statements that ended and were sent before an instant: the rows first, so that none are left without their record.
func (s *Service) expire(ctx context.Context, before time.Time) error {
	const batch = 500
	for {
		old, err := s.query(ctx, s.Meta, `instance = ? AND created_ms < ? AND status IN ('FINISHED', 'FAILED', 'ABORTED') ORDER BY created_ms LIMIT ?`,
			s.instance, before.UnixMilli(), batch)
		if err != nil {
			return err
		}
		for _, st := range old {
			err := s.removeRows(st)
			if _, failed := s.Meta.Exec(ctx, `DELETE FROM dataapi_statement WHERE id = ?`, st.ID); failed != nil {
				err = errors.Join(err, failed)
			}
			if err != nil {
				return fault.New(fault.Transient, "forgetting statement", st.ID, err, "")
			}
		}
		if len(old) < batch {
			return nil
		}
	}
}
