package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// Create makes a pipeline, active and due at once. It fails with a setup fault when the spec is wrong or another pipeline is in
// the way. A cancelled pipeline still holds what it has exported; Delete forgets it.
//
// A schematized pipeline of people gets a companion that exports identity mappings to the same place (Mixpanel, "Schematized Export
// Pipeline"): its Leader is the pipeline that is returned.
func (s *Store) Create(ctx context.Context, spec Spec) (*Pipeline, error) {
	all, err := s.CreateAll(ctx, spec)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// CreateAll makes all pipelines, or none, as Create does. It returns each with its companion behind it.
func (s *Store) CreateAll(ctx context.Context, specs ...Spec) ([]*Pipeline, error) {
	var all []*Pipeline
	for _, spec := range specs {
		some, err := s.prepare(ctx, spec)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	err := s.db.InTx(ctx, func(tx *meta.Tx) error {
		for _, p := range all {
			if err := s.insert(ctx, tx, p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.tellChanged()
	return all, nil
}

// prepare makes a pipeline, with its companion if it gets one, that is not stored yet.
func (s *Store) prepare(ctx context.Context, spec Spec) ([]*Pipeline, error) {
	if err := spec.complete(); err != nil {
		return nil, err
	}
	owner, err := s.projects.ByID(ctx, spec.Project)
	switch {
	case errors.Is(err, project.ErrNotFound):
		return nil, fault.New(fault.Setup, "creating a pipeline", "project_id", fmt.Errorf("project %d does not exist", spec.Project), "create the project first")
	case err != nil:
		return nil, metaFault("reading project of a new pipeline", err)
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	if spec.Trial {
		if spec.From != 0 || spec.To != 0 {
			return nil, refusal("trial", "a trial has its own dates: leave from_date and to_date out")
		}
		if !spec.Source.Snapshot() {
			spec.From, spec.To = trialRange(now, owner.Zone)
		}
	}
	p := &Pipeline{Definition: Definition{Spec: spec, ID: s.newID(), State: Active, Created: now, Revision: 1}}
	p.Next = now
	all := []*Pipeline{p}
	if spec.Type == TypeAWS && spec.Source == People {
		companion := *p
		companion.Source, companion.ID, companion.Leader = Identities, s.newID(), p.ID
		if spec.Name != "" {
			companion.Name = spec.Name + "-identities"
		}
		all = append(all, &companion)
	}
	return all, nil
}

// trialRange returns the days of a trial that begins now.
func trialRange(now time.Time, zone *time.Location) (from, to event.Day) {
	y, m, d := now.In(zone).Date()
	from = event.DayOfTime(time.Date(y, m, d-1, 0, 0, 0, 0, time.UTC))
	return from, from + trialDays - 1
}

// insert names and stores a pipeline.
func (s *Store) insert(ctx context.Context, tx *meta.Tx, p *Pipeline) error {
	// The numbered row is also the lock that lets one creation check for conflicts at a time.
	var n int64
	if err := tx.QueryRow(ctx, `UPDATE pipeline_sequence SET last = last + 1 WHERE id = 1 RETURNING last`).Scan(&n); err != nil {
		return metaFault("numbering a pipeline", err)
	}
	others, err := queryPipelines(ctx, tx, `WHERE bucket = ? OR catalog_database = ? OR project_id = ?`, p.S3.Bucket, p.Glue.Database, p.Project)
	if err != nil {
		return err
	}
	if p.Name == "" {
		p.Name = p.newName(n, others)
	}
	for _, other := range others {
		if err := s.check(ctx, tx, &p.Definition, other); err != nil {
			return err
		}
	}
	definition, err := json.Marshal(&p.Spec)
	if err != nil {
		return fmt.Errorf("encoding the definition of pipeline %s: %w", p.Name, err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO pipeline (id, project_id, name, state, created_ms, leader_id, bucket, catalog_database, revision, definition,
		cataloged, warning, published, target, cycle_ms, marked_ms, next_ms, attached, attach_ms, attach_tries, attach_error, lease_owner, lease_until_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', 0, 0, 0, 0, ?, 0, 0, 0, '', '', 0)`,
		p.ID, p.Project, p.Name, string(p.State), p.Created.UnixMilli(), p.Leader, p.S3.Bucket, p.Glue.Database, p.Revision, string(definition),
		p.Next.UnixMilli())
	if err != nil {
		return metaFault("storing pipeline "+p.Name, err)
	}
	return nil
}

// newName returns a name that is free. Those of JSON pipelines end with the n-th number, the others follow Mixpanel's pattern and get a
// number if they need one.
func (s *Spec) newName(n int64, others []*Pipeline) string {
	trial := ""
	if s.Trial {
		trial = "trial-"
	}
	var name string
	switch {
	case s.Type == TypeJSON:
		return fmt.Sprintf("%s%s-%s-%s-%d", trial, s.Source, s.Frequency, s.Format, n)
	case s.Type == TypeRaw:
		name = fmt.Sprintf("%s%s-%s-%s", trial, s.Source, s.Frequency, s.Type)
	case s.SchemaType == Multischema:
		name = fmt.Sprintf("%s%s-%s-%s-%s", trial, s.Source, s.Frequency, s.Type, s.SchemaType)
	default:
		name = fmt.Sprintf("%s%s-%s-%s-%s", trial, s.Source, s.Frequency, s.Type, Monoschema)
	}
	free := name
	for i := 2; s.taken(free, others); i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	return free
}

// taken reports whether a pipeline of the project that is not cancelled has the name.
func (s *Spec) taken(name string, others []*Pipeline) bool {
	for _, other := range others {
		if other.Project == s.Project && other.Name == name && other.State != Cancelled {
			return true
		}
	}
	return false
}

// check refuses a pipeline because of another one. Cancelled ones count while they have exported something, or may yet: a run whose objects
// are complete is published when it is cleared.
func (s *Store) check(ctx context.Context, q meta.Querier, d *Definition, other *Pipeline) error {
	if d.taken(d.Name, []*Pipeline{other}) {
		return fault.New(fault.Setup, "creating pipeline", d.Name, errors.New("the name is taken"), "choose another")
	}
	conflict := d.conflict(&other.Definition)
	if conflict == nil {
		return nil
	}
	hint := "choose another prefix and table, or other dates"
	if other.State == Cancelled {
		open, err := s.openNumber(ctx, q, other.ID)
		if err != nil {
			return err
		}
		if open != 0 {
			return fault.New(fault.Setup, "creating pipeline", d.Name, fmt.Errorf("%w; it is cancelled with a run under way", conflict), "try again when its run has ended")
		}
		var objects int64
		if err := q.QueryRow(ctx, `SELECT COALESCE(SUM(object_count), 0) FROM pipeline_day WHERE pipeline_id = ?`, other.ID).Scan(&objects); err != nil {
			return metaFault("reading exported days", err)
		}
		if objects == 0 {
			return nil
		}
		hint = fmt.Sprintf("it is cancelled, but its %d objects are still there: choose another prefix and table, or remove the objects and the table and then delete the pipeline", objects)
	}
	return fault.New(fault.Setup, "creating pipeline", d.Name, conflict, hint)
}
