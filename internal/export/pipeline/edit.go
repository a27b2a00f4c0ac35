package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

// Change is what Edit changes; fields that are nil stay as they are.
type Change struct {
	Events, ExcludeEvents, Properties, ExcludeProperties *[]string
	Where                                                *string
	GlueDatabase, GlueRole, GlueTablePrefix              *string
	// Settle, if it is set, gets the spec that the change makes: it completes it, or refuses it with an error, which Edit returns.
	Settle func(*Spec) error
}

// apply changes the spec. A companion follows its leader in what concerns the catalog.
func (c *Change) apply(s *Spec) {
	set(&s.Glue.Database, c.GlueDatabase)
	set(&s.Glue.Role, c.GlueRole)
	set(&s.Glue.TablePrefix, c.GlueTablePrefix)
	set(&s.Selection.Where, c.Where)
	set(&s.Selection.Events, c.Events)
	set(&s.Selection.ExcludeEvents, c.ExcludeEvents)
	set(&s.Selection.Properties, c.Properties)
	set(&s.Selection.ExcludeProperties, c.ExcludeProperties)
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// Edit changes a pipeline and its companion. What is exported from then on is selected as changed; a sync pipeline also rewrites the days
// that something arrives for. When the catalog's database or prefix changes, the next run makes all tables and partitions there, while the
// old ones stay and are not kept up to date. Of a run under way the objects that are complete stay as they were selected; all else is
// repeated with the changed definition. It fails with a setup fault as Create does.
func (s *Store) Edit(ctx context.Context, id string, c Change) error {
	err := s.db.InTx(ctx, func(tx *meta.Tx) error {
		var n int64 // the lock of Create, since conflicts are checked here too
		if err := tx.QueryRow(ctx, `UPDATE pipeline_sequence SET last = last WHERE id = 1 RETURNING last`).Scan(&n); err != nil {
			return metaFault("editing a pipeline", err)
		}
		group, err := s.group(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, p := range group {
			if err := s.edit(ctx, tx, p, &c, group); err != nil {
				return err
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

func (s *Store) edit(ctx context.Context, tx *meta.Tx, p *Pipeline, c *Change, group []*Pipeline) error {
	if p.State == Cancelled {
		return fault.New(fault.Setup, "editing pipeline", p.Name, fmt.Errorf("it is %s", p.State), "create another one")
	}
	before, err := json.Marshal(&p.Spec)
	if err != nil {
		return fmt.Errorf("encoding the definition of pipeline %s: %w", p.Name, err)
	}
	c.apply(&p.Spec)
	if c.Settle != nil {
		if err := c.Settle(&p.Spec); err != nil {
			return err
		}
	}
	if err := p.complete(); err != nil {
		return err
	}
	others, err := queryPipelines(ctx, tx, `WHERE bucket = ? OR catalog_database = ? OR project_id = ?`, p.S3.Bucket, p.Glue.Database, p.Project)
	if err != nil {
		return err
	}
	for _, other := range others {
		if slices.ContainsFunc(group, func(g *Pipeline) bool { return g.ID == other.ID }) {
			continue
		}
		if err := s.check(ctx, tx, &p.Definition, other); err != nil {
			return err
		}
	}
	after, err := json.Marshal(&p.Spec)
	if err != nil {
		return fmt.Errorf("encoding the definition of pipeline %s: %w", p.Name, err)
	}
	if string(after) == string(before) {
		return nil
	}
	_, err = tx.Exec(ctx, `INSERT INTO pipeline_revision (pipeline_id, revision, definition, replaced_ms) VALUES (?, ?, ?, ?)`,
		p.ID, p.Revision, string(before), s.now().UnixMilli())
	if err == nil {
		// Another database is attached when the tables have been published there.
		_, err = tx.Exec(ctx, `UPDATE pipeline SET definition = ?, revision = revision + 1, attached = CASE WHEN catalog_database = ? THEN attached ELSE 0 END,
			attachment = CASE WHEN catalog_database = ? THEN attachment ELSE '' END, attach_ms = CASE WHEN catalog_database = ? THEN attach_ms ELSE 0 END,
			catalog_database = ? WHERE id = ?`,
			string(after), p.Glue.Database, p.Glue.Database, p.Glue.Database, p.Glue.Database, p.ID)
	}
	if err != nil {
		return metaFault("storing pipeline "+p.Name, err)
	}
	p.Revision++
	return nil
}

// definitionAt returns the pipeline's definition as it was at a revision.
func (s *Store) definitionAt(ctx context.Context, p *Pipeline, revision int64) (*Pipeline, error) {
	if revision == p.Revision {
		return p, nil
	}
	var text string
	err := s.db.QueryRow(ctx, `SELECT definition FROM pipeline_revision WHERE pipeline_id = ? AND revision = ?`, p.ID, revision).Scan(&text)
	if err != nil {
		return nil, metaFault(fmt.Sprintf("reading revision %d of pipeline %s", revision, p.Name), err)
	}
	old := *p
	old.Spec, old.Revision = Spec{}, revision
	if err := json.Unmarshal([]byte(text), &old.Spec); err != nil {
		return nil, fmt.Errorf("reading revision %d of pipeline %s: %w", revision, p.Name, err)
	}
	return &old, nil
}
