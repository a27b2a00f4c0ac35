package pipeline

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// ErrNotFound says that there is no such pipeline.
var ErrNotFound = errors.New("no such pipeline")

// Projects looks projects up; project.Registry does.
type Projects interface {
	// ByID returns the project, or project.ErrNotFound.
	ByID(ctx context.Context, id int64) (*project.Project, error)
}

// Store keeps definitions, runs and leases in the metadata database. It is safe for concurrent use. Errors of the user are setup
// faults; those of the database are transient ones.
type Store struct {
	db       *meta.DB
	projects Projects
	now      func() time.Time
	newID    func() string

	mu      sync.Mutex
	changed chan struct{}
}

// NewStore returns a store over db.
func NewStore(db *meta.DB, projects Projects) *Store {
	return &Store{db: db, projects: projects, now: time.Now, newID: randomID, changed: make(chan struct{})}
}

// UseClock makes the store, and the workers on it, tell time with now. It is for tests, before the store is used.
func (s *Store) UseClock(now func() time.Time) { s.now = now }

func randomID() string {
	b := make([]byte, 6)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// Changed returns a channel that is closed when this process changes a pipeline's state. Changes by other processes are found by
// polling.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Store) tellChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Create makes a pipeline, active and due at once. It fails with a setup fault when the spec is wrong or another pipeline is in
// the way. A cancelled pipeline still holds what it has exported; Delete forgets it.
func (s *Store) Create(ctx context.Context, spec Spec) (*Pipeline, error) {
	if err := spec.complete(); err != nil {
		return nil, err
	}
	switch _, err := s.projects.ByID(ctx, spec.Project); {
	case errors.Is(err, project.ErrNotFound):
		return nil, fault.New(fault.Setup, "creating a pipeline", "project_id", fmt.Errorf("project %d does not exist", spec.Project), "create the project first")
	case err != nil:
		return nil, metaFault("reading project of a new pipeline", err)
	}
	p := &Pipeline{Definition: Definition{Spec: spec, ID: s.newID(), State: Active, Created: s.now().UTC().Truncate(time.Millisecond)}}
	p.Next = p.Created
	err := s.db.InTx(ctx, func(tx *meta.Tx) error {
		// The numbered row is also the lock that lets one creation check for conflicts at a time.
		var n int64
		if err := tx.QueryRow(ctx, `UPDATE pipeline_sequence SET last = last + 1 WHERE id = 1 RETURNING last`).Scan(&n); err != nil {
			return metaFault("numbering a pipeline", err)
		}
		if p.Name == "" {
			p.Name = fmt.Sprintf("%s-%s-%s-%d", spec.Source, spec.Frequency, spec.Format, n)
		}
		others, err := queryPipelines(ctx, tx, `WHERE bucket = ? OR catalog_database = ? OR project_id = ?`, spec.Bucket, spec.Database, spec.Project)
		if err != nil {
			return err
		}
		for _, other := range others {
			if err := s.check(ctx, tx, &p.Definition, other); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO pipeline (id, project_id, name, source, format, frequency, interval_ms, from_day, to_day, bucket, prefix,
			catalog_database, table_name, milliseconds, created_ms, state, published, target, next_ms, attached, attach_ms, attach_tries,
			attach_error, lease_owner, lease_until_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, 0, 0, 0, '', '', 0)`,
			p.ID, p.Project, p.Name, string(p.Source), string(p.Format), string(p.Frequency), p.Interval.Milliseconds(), int64(p.From), int64(p.To),
			p.Bucket, p.Prefix, p.Database, p.Table, bit(p.Milliseconds), p.Created.UnixMilli(), string(p.State), p.Next.UnixMilli())
		if err != nil {
			return metaFault("storing pipeline "+p.Name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.tellChanged()
	return p, nil
}

// check refuses a new pipeline because of another one. Cancelled ones count while they have exported something.
func (s *Store) check(ctx context.Context, q meta.Querier, d *Definition, other *Pipeline) error {
	if d.Project == other.Project && d.Name == other.Name {
		return fault.New(fault.Setup, "creating pipeline", d.Name, errors.New("the name is taken"), "choose another")
	}
	err := d.conflict(&other.Definition)
	if err == nil {
		return nil
	}
	hint := "choose another prefix and table, or other dates"
	if other.State == Cancelled {
		var objects int64
		if err := q.QueryRow(ctx, `SELECT COALESCE(SUM(object_count), 0) FROM pipeline_day WHERE pipeline_id = ?`, other.ID).Scan(&objects); err != nil {
			return metaFault("reading exported days", err)
		}
		if objects == 0 {
			return nil
		}
		hint = fmt.Sprintf("it is cancelled, but its %d objects are still there: choose another prefix and table, or remove the objects and the table and then delete the pipeline", objects)
	}
	return fault.New(fault.Setup, "creating pipeline", d.Name, err, hint)
}

// Get returns the pipeline with the id, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (*Pipeline, error) {
	return onePipeline(ctx, s.db, `WHERE id = ?`, id)
}

// Find returns the project's pipeline with the name or id, or ErrNotFound.
func (s *Store) Find(ctx context.Context, projectID int64, nameOrID string) (*Pipeline, error) {
	return onePipeline(ctx, s.db, `WHERE project_id = ? AND (name = ? OR id = ?)`, projectID, nameOrID, nameOrID)
}

// List returns a project's pipelines, oldest first; those of all projects for 0.
func (s *Store) List(ctx context.Context, projectID int64) ([]*Pipeline, error) {
	if projectID == 0 {
		return queryPipelines(ctx, s.db, `ORDER BY created_ms, name`)
	}
	return queryPipelines(ctx, s.db, `WHERE project_id = ? ORDER BY created_ms, name`, projectID)
}

// RunNow makes the pipeline due. A run that failed or waits is tried again at once.
func (s *Store) RunNow(ctx context.Context, id string) error {
	p, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	if p.State != Active {
		return fault.New(fault.Setup, "running pipeline", p.Name, fmt.Errorf("it is %s", p.State), "resume it first")
	}
	return s.set(ctx, p, `next_ms = ?, attach_ms = CASE WHEN attach_ms > 0 THEN 1 ELSE 0 END`, []any{s.now().UnixMilli()}, Active)
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

func (s *Store) transition(ctx context.Context, id, op string, to State, from ...State) error {
	p, err := s.Get(ctx, id)
	if err != nil || p.State == to {
		return err
	}
	for _, state := range from {
		if p.State == state {
			return s.set(ctx, p, `state = ?, next_ms = ?`, []any{string(to), s.now().UnixMilli()}, state)
		}
	}
	return fault.New(fault.Setup, op, p.Name, fmt.Errorf("it is %s", p.State), "")
}

// set changes columns of a pipeline that is still in the state it was read in.
func (s *Store) set(ctx context.Context, p *Pipeline, columns string, args []any, state State) error {
	res, err := s.db.Exec(ctx, `UPDATE pipeline SET `+columns+` WHERE id = ? AND state = ?`, append(args, p.ID, string(state))...)
	if err == nil {
		err = oneRow(res)
	}
	if errors.Is(err, errNoRow) {
		return fault.New(fault.Transient, "changing pipeline", p.Name, errors.New("it changed meanwhile"), "try again")
	}
	if err != nil {
		return metaFault("changing pipeline "+p.Name, err)
	}
	s.tellChanged()
	return nil
}

// Delete forgets a cancelled pipeline and its history. It fails while a run of it is not cleared away yet.
func (s *Store) Delete(ctx context.Context, id string) error {
	p, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *meta.Tx) error {
		var left int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM pipeline_run WHERE pipeline_id = ? AND is_open = 1`, id).Scan(&left); err != nil {
			return metaFault("reading runs of "+p.Name, err)
		}
		if p.State != Cancelled || left > 0 {
			return fault.New(fault.Setup, "deleting pipeline", p.Name, fmt.Errorf("it is %s with %d runs under way", p.State, left), "cancel it and wait for its runs to end")
		}
		for _, table := range []string{"pipeline_day WHERE pipeline_id", "pipeline_run WHERE pipeline_id", "pipeline WHERE id"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` = ?`, id); err != nil {
				return metaFault("deleting pipeline "+p.Name, err)
			}
		}
		return nil
	})
}

const pipelineColumns = `SELECT id, project_id, name, source, format, frequency, interval_ms, from_day, to_day, bucket, prefix, catalog_database,
	table_name, milliseconds, created_ms, state, published, target, next_ms, attached, attach_ms, attach_tries, attach_error FROM pipeline `

func onePipeline(ctx context.Context, q meta.Querier, where string, args ...any) (*Pipeline, error) {
	all, err := queryPipelines(ctx, q, where, args...)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, ErrNotFound
	}
	return all[0], nil
}

func queryPipelines(ctx context.Context, q meta.Querier, where string, args ...any) ([]*Pipeline, error) {
	rows, err := q.Query(ctx, pipelineColumns+where, args...)
	if err != nil {
		return nil, metaFault("reading pipelines", err)
	}
	defer rows.Close()
	var all []*Pipeline
	for rows.Next() {
		var p Pipeline
		var interval, from, to, milliseconds, created, published, target, next, attached int64
		err := rows.Scan(&p.ID, &p.Project, &p.Name, &p.Source, &p.Format, &p.Frequency, &interval, &from, &to, &p.Bucket, &p.Prefix, &p.Database,
			&p.Table, &milliseconds, &created, &p.State, &published, &target, &next, &attached, &p.attachMS, &p.attachTries, &p.AttachError)
		if err != nil {
			return nil, metaFault("reading a pipeline", err)
		}
		p.Interval = time.Duration(interval) * time.Millisecond
		p.From, p.To = event.Day(from), event.Day(to)
		p.Milliseconds, p.Attached = milliseconds != 0, attached != 0
		p.Created, p.Next = fromMillis(created), fromMillis(next)
		p.Published, p.Target = eventlog.Position(published), eventlog.Position(target)
		all = append(all, &p)
	}
	if err := rows.Err(); err != nil {
		return nil, metaFault("reading pipelines", err)
	}
	return all, nil
}

var errNoRow = errors.New("no row was changed")

func oneRow(res sql.Result) error {
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = errNoRow
	}
	return err
}

// metaFault makes an error of the metadata database transient: a lost connection and a busy or full disk pass.
func metaFault(op string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", op, err)
	}
	return fault.New(fault.Transient, op, "", err, "")
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// fromMillis is the inverse of UnixMilli; 0 is the zero time.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// inList returns "?, ?, ?" for n parameters.
func inList(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
