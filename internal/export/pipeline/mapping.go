package pipeline

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/platform/meta"
)

// mapping returns the mapping that the run with the number arrived at or, for 0, the pipeline's own: what was assigned up to the last
// run that succeeded. It is nil when there is none: the run has assigned nothing, or the pipeline has exported nothing.
func (s *Store) mapping(ctx context.Context, p *Pipeline, number int64) (*schema.Mapping, error) {
	var text string
	err := s.db.QueryRow(ctx, `SELECT mapping FROM pipeline_mapping WHERE pipeline_id = ? AND number = ?`, p.ID, number).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, metaFault("reading the schema of pipeline "+p.Name, err)
	}
	m := new(schema.Mapping)
	if err := json.Unmarshal([]byte(text), m); err != nil {
		return nil, fmt.Errorf("reading the schema of pipeline %s: %w", p.Name, err)
	}
	return m, nil
}

// keepMapping stores the mapping that a run has arrived at, nil if it assigned nothing. From then on its names hold.
func (s *Store) keepMapping(ctx context.Context, p *Pipeline, run *Run, owner string, m *schema.Mapping) error {
	var text []byte
	if m != nil {
		var err error
		if text, err = json.Marshal(m); err != nil {
			return fmt.Errorf("encoding the schema of pipeline %s: %w", p.Name, err)
		}
	}
	return s.db.InTx(ctx, func(tx *meta.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE pipeline SET lease_owner = lease_owner WHERE id = ? AND lease_owner = ?`, p.ID, owner)
		if err := leaseResult(res, err, "storing the schema of pipeline "+p.Name); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM pipeline_mapping WHERE pipeline_id = ? AND number = ?`, p.ID, run.Number)
		if err == nil && m != nil {
			_, err = tx.Exec(ctx, `INSERT INTO pipeline_mapping (pipeline_id, number, mapping) VALUES (?, ?, ?)`, p.ID, run.Number, string(text))
		}
		if err != nil {
			return metaFault("storing the schema of pipeline "+p.Name, err)
		}
		return nil
	})
}

// adoptMapping makes the run's mapping, if it has one, the pipeline's.
func adoptMapping(ctx context.Context, tx *meta.Tx, p *Pipeline, run *Run) error {
	var n int64
	err := tx.QueryRow(ctx, `SELECT count(*) FROM pipeline_mapping WHERE pipeline_id = ? AND number = ?`, p.ID, run.Number).Scan(&n)
	if err == nil && n > 0 {
		_, err = tx.Exec(ctx, `DELETE FROM pipeline_mapping WHERE pipeline_id = ? AND number = 0`, p.ID)
		if err == nil {
			_, err = tx.Exec(ctx, `UPDATE pipeline_mapping SET number = 0 WHERE pipeline_id = ? AND number = ?`, p.ID, run.Number)
		}
	}
	if err != nil {
		return metaFault("adopting the schema of pipeline "+p.Name, err)
	}
	return nil
}
