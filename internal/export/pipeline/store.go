package pipeline

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

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

// Get returns the pipeline with the id, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (*Pipeline, error) {
	return onePipeline(ctx, s.db, `WHERE id = ?`, id)
}

// Find returns the project's pipeline with the name or id, or ErrNotFound. A cancelled pipeline is found by its name while no other one
// has it.
func (s *Store) Find(ctx context.Context, projectID int64, nameOrID string) (*Pipeline, error) {
	return onePipeline(ctx, s.db, `WHERE project_id = ? AND (name = ? OR id = ?) ORDER BY CASE WHEN state = 'cancelled' THEN 1 ELSE 0 END, created_ms DESC`,
		projectID, nameOrID, nameOrID)
}

// List returns a project's pipelines, oldest first; those of all projects for 0.
func (s *Store) List(ctx context.Context, projectID int64) ([]*Pipeline, error) {
	if projectID == 0 {
		return queryPipelines(ctx, s.db, `ORDER BY created_ms, name`)
	}
	return queryPipelines(ctx, s.db, `WHERE project_id = ? ORDER BY created_ms, name`, projectID)
}

const pipelineColumns = `SELECT id, definition, state, created_ms, leader_id, revision, cataloged, warning, published, target, backfill, cycle_ms, marked_ms, next_ms, attached, attach_ms,
	attach_tries, attach_error, attachment FROM pipeline `

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
		var definition, attachment string
		var created, published, target, backfill, cycle, marked, next, attached int64
		err := rows.Scan(&p.ID, &definition, &p.State, &created, &p.Leader, &p.Revision, &p.cataloged, &p.Warning, &published, &target, &backfill, &cycle, &marked,
			&next, &attached, &p.attachMS, &p.attachTries, &p.AttachError, &attachment)
		if err != nil {
			return nil, metaFault("reading a pipeline", err)
		}
		if err := json.Unmarshal([]byte(definition), &p.Spec); err != nil {
			return nil, fmt.Errorf("reading the definition of pipeline %s: %w", p.ID, err)
		}
		if p.Attachment, err = decodeAttachment(attachment); err != nil {
			return nil, fmt.Errorf("reading pipeline %s: %w", p.ID, err)
		}
		p.Attached = attached != 0
		p.Created, p.Next, p.Cycle, p.Marked = fromMillis(created), fromMillis(next), fromMillis(cycle), fromMillis(marked)
		p.Published, p.Target, p.Backfill = eventlog.Position(published), eventlog.Position(target), eventlog.Position(backfill)
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

// metadata is the object of such faults.
const metadata = "in the metadata database"

// metaFault makes an error of the metadata database transient: a lost connection and a busy or full disk pass.
func metaFault(op string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", op, err)
	}
	return fault.New(fault.Transient, op, metadata, err, "")
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

// toMillis is UnixMilli with 0 for the zero time.
func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// inList returns "?, ?, ?" for n parameters.
func inList(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
