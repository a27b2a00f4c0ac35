package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/pgwire"
	"github.com/refract-io/refract/internal/query/rsql"
)

// Options configure an Engine.
type Options struct {
	// Dir takes the engine's temporary files: what queries spill, and copies of objects. One process uses it at a time.
	Dir string
	// MemoryLimit bounds the memory of queries in bytes; beyond it they spill to Dir. 0 means 80 % of the machine's.
	MemoryLimit int64
	// Threads bounds the threads of queries; 0 means one per core.
	Threads int
	// MaxSessions bounds the open sessions; 0 means 500.
	MaxSessions int
	// Database is created if need be, with the superuser Admin. The defaults are dev and admin.
	Database, Admin string
	// AdminPassword is the superuser's; empty leaves one that is set already, and sets none for a new user.
	AdminPassword string
	// Catalog holds the external tables.
	Catalog catalog.Catalog
	// Buckets opens the bucket of a name, as it stands in s3://name/key.
	Buckets func(name string) (bucket.Bucket, error)
	// Folders are those of the local buckets: the only places where DuckDB may open files.
	Folders []string
	// Roles evaluates the roles of external schemas; nil takes them as names only.
	Roles Roles
	Meta  *meta.DB
	// Log takes what an operator should see; nil means slog.Default.
	Log *slog.Logger
}

// Engine is a warehouse. It is safe for concurrent use.
type Engine struct {
	db      *duck.DB
	catalog catalog.Catalog
	buckets func(name string) (bucket.Bucket, error)
	roles   Roles
	meta    *meta.DB
	log     *slog.Logger
	admin   string
	// stageDir takes copies of objects that must be files for a while.
	stageDir string
	history  history

	mu          sync.Mutex
	sessions    map[*Session]struct{}
	maxSessions int
	lastXID     int64
	lastProcess uint32 // of the Data API's sessions
	closed      bool
	// left is told when a session ends.
	left chan struct{}
}

// Open opens the warehouse in o.Dir.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.Database == "" {
		o.Database = "dev"
	}
	if o.Admin == "" {
		o.Admin = "admin"
	}
	if o.MaxSessions == 0 {
		o.MaxSessions = 500
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fault.New(fault.Setup, "finding the folder", o.Dir, err, "")
	}
	spill, stageDir := filepath.Join(dir, "spill"), filepath.Join(dir, "stage")
	err = os.RemoveAll(stageDir) // what a crash left behind
	for _, d := range []string{spill, stageDir} {
		err = errors.Join(err, os.MkdirAll(d, 0o700))
	}
	if err != nil {
		return nil, fault.New(fault.Setup, "creating the query engine's folder", dir, err, "choose a folder that can be written")
	}
	folders := []string{stageDir}
	for _, f := range o.Folders {
		abs, err := filepath.Abs(f)
		if err != nil {
			return nil, fault.New(fault.Setup, "finding the folder", f, err, "")
		}
		folders = append(folders, abs)
	}
	settings := []string{
		"SET GLOBAL integer_division = true",
		"SET GLOBAL default_null_order = 'nulls_last_on_asc_first_on_desc'",
		"SET GLOBAL TimeZone = 'UTC'",
		"SET GLOBAL preserve_insertion_order = false",
	}
	e := &Engine{
		catalog: o.Catalog, buckets: o.Buckets, roles: o.Roles, meta: o.Meta, log: o.Log, admin: o.Admin, stageDir: stageDir,
		sessions: map[*Session]struct{}{}, maxSessions: o.MaxSessions, left: make(chan struct{}, 1),
	}
	e.db, err = duck.Open(duck.Options{
		TempDir: spill, MemoryLimit: o.MemoryLimit, Threads: o.Threads,
		Folders: folders, Settings: settings, Macros: rsql.Prelude(), Functions: hostFunctions(),
	})
	if err != nil {
		return nil, fault.New(fault.Setup, "opening the query engine", dir, err, "")
	}
	if err := e.bootstrap(ctx, o); err != nil {
		e.db.Close()
		return nil, err
	}
	return e, nil
}

// hostFunctions are the Go functions that translated queries call.
func hostFunctions() []duck.Function {
	var out []duck.Function
	for _, f := range rsql.HostFunctions() {
		out = append(out, duck.Function{Name: f.Name, Parameters: f.Parameters, Call: func(args []string) (*string, error) {
			v, err := f.Call(args)
			if err != nil {
				return nil, errors.New(rsql.RuntimeText(err))
			}
			return v, nil
		}})
	}
	return out
}

// bootstrap makes sure of the first superuser and database.
func (e *Engine) bootstrap(ctx context.Context, o Options) error {
	_, err := e.user(ctx, o.Admin)
	if errors.Is(err, pgwire.ErrNoUser) || err == nil && o.AdminPassword != "" {
		err = e.CreateUser(ctx, o.Admin, o.AdminPassword, true, time.Time{})
	}
	if err != nil {
		return err
	}
	return e.createDatabase(ctx, o.Database, o.Admin)
}

// closeWait is how long Close waits for sessions to end.
const closeWait = 10 * time.Second

// Close cancels what runs, waits until the owners of the open sessions have closed them, and closes the engine. Sessions that stay
// open are an error, and then the engine is left as it is: DuckDB can't be taken from under them.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	for _, s := range e.openSessions() {
		s.Cancel()
	}
	timeout := time.After(closeWait)
	for {
		open := len(e.openSessions())
		if open == 0 {
			e.db.Close()
			return nil
		}
		select {
		case <-e.left:
		case <-timeout:
			return fmt.Errorf("closing the query engine: %d sessions are still open", open)
		}
	}
}

// Session opens a session of the user in the database. Both must exist.
func (e *Engine) Session(ctx context.Context, user, database string) (*Session, error) {
	u, err := e.user(ctx, user)
	if errors.Is(err, pgwire.ErrNoUser) {
		return nil, failure(stateInvalidUser, "user \"%s\" does not exist", user)
	}
	if err != nil {
		return nil, err
	}
	databases, err := e.databases(ctx)
	if err != nil {
		return nil, err
	}
	name, ok := findDatabase(databases, database)
	if !ok {
		return nil, failure(rsql.StateUndefinedDatabase, "database \"%s\" does not exist", database)
	}
	s := newSession(e, u, name)
	if err := e.enter(s); err != nil {
		return nil, err
	}
	// The session is entered first, so that the engine is not closed meanwhile.
	if s.conn, err = e.db.Connect(); err != nil {
		e.forget(s)
		return nil, err
	}
	return s, nil
}

// enter adds a session to the open ones.
func (e *Engine) enter(s *Session) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return failure(stateShutdown, "the query engine is shutting down")
	case len(e.sessions) >= e.maxSessions:
		return failure(stateTooManySessions, "connection limit \"%d\" exceeded", e.maxSessions)
	}
	e.sessions[s] = struct{}{}
	return nil
}

func (e *Engine) openSessions() []*Session {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.sessions))
}

func (e *Engine) forget(s *Session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.sessions, s)
	select {
	case e.left <- struct{}{}:
	default:
	}
}

// Databases lists the names of the databases, the oldest first.
func (e *Engine) Databases(ctx context.Context) ([]string, error) {
	all, err := e.databases(ctx)
	out := make([]string, len(all))
	for i, d := range all {
		out[i] = d.name
	}
	return out, err
}

// Queries returns the remembered queries of all users, the oldest first.
func (e *Engine) Queries() []QueryRecord {
	return e.history.all(func(*QueryRecord) bool { return true })
}

// nextXID numbers transactions.
func (e *Engine) nextXID() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastXID++
	return e.lastXID
}
