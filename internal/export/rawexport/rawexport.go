// Package rawexport serves Mixpanel's reading APIs from the event store.
//
//	GET  /api/2.0/export     events as JSON lines (Mixpanel, "Download Data")
//	POST /api/query/engage   user profiles, page by page (Mixpanel, "Query Profiles")
//
// Both read what is sealed when the request begins, half a second behind what was taken in. Ids are those with which records were
// ingested; nothing is de-duplicated. Credentials are a service account's name and secret, or the project's API secret. The project's
// token is not enough: web pages and apps carry it, so whoever has it may write but not read.
//
// Errors are JSON, {"code":401,"error":"...","status":"Unauthorized"}, except that the export answers 400 with the bare text as Mixpanel
// does.
package rawexport

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/project"
)

// Paths are the patterns of what the handler of New serves. A slash at the end is taken, as on the paths of ingestion, where Mixpanel's clients
// send one.
var Paths = []string{exportPath, exportPath + slash, engagePath, engagePath + slash}

const (
	exportPath = "/api/2.0/export"
	engagePath = "/api/query/engage"
	slash      = "/{$}"
)

// Reader is the event store. It is safe for concurrent use. Errors of class transient pass by themselves; an error of fn ends a scan and
// is returned, perhaps wrapped. What fn is given is valid during the call only.
type Reader interface {
	// Sealed returns the position up to which records can be read.
	Sealed(ctx context.Context) (eventlog.Position, error)
	// Scan calls fn with all records of the window, day by day, in bounded memory.
	Scan(ctx context.Context, w store.Window, fn func(*store.Batch) error) error
	// ScanProfiles calls fn with every profile of the project as of the position, ordered by distinct_id (bytes), and when its last
	// operation arrived.
	ScanProfiles(ctx context.Context, project int64, upTo eventlog.Position, fn func(distinctID, properties []byte, received int64) error) error
}

// Projects finds projects and accounts. Methods return project.ErrNotFound for what is not there; they are safe for concurrent use.
type Projects interface {
	ByID(ctx context.Context, id int64) (*project.Project, error)
	BySecret(ctx context.Context, secret string) (*project.Project, error)
	Account(ctx context.Context, username string) (*project.ServiceAccount, error)
}

// Limits bound the requests of one project. Zero fields get the API's default, negative ones do not bound.
type Limits struct {
	PerHour, PerSecond, Concurrent int
}

// The limits that Mixpanel documents.
var (
	exportLimits = Limits{PerHour: 60, PerSecond: 3, Concurrent: 100}
	engageLimits = Limits{PerHour: 60, PerSecond: -1, Concurrent: 5}
)

// Config is what the APIs need of their surroundings. Reader and Projects are required.
type Config struct {
	Reader   Reader
	Projects Projects
	// Export and Engage bound the requests of one project (default: Mixpanel's limits).
	Export, Engage Limits
	// Parallel is how many requests read the store at a time, over all projects (default 4). Further ones wait: it bounds memory.
	Parallel int
	// Stall is how long a client may take to receive 64 KiB (default 30 s). It takes the place of the server's write timeout.
	Stall time.Duration
	// Now is the clock for days and limits (default time.Now).
	Now func() time.Time
	// Logger is told of answers that could not be finished (default slog.Default).
	Logger *slog.Logger
}

// server serves the requests.
type server struct {
	Config
	exports, engages *gate
	sessions         *sessions
	slots            chan struct{}
}

// New returns the handler of Paths.
func New(c Config) http.Handler {
	if c.Parallel <= 0 {
		c.Parallel = 4
	}
	if c.Stall <= 0 {
		c.Stall = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	s := &server{
		Config:  c,
		exports: newGate(c.Export, exportLimits, c.Now), engages: newGate(c.Engage, engageLimits, c.Now),
		sessions: newSessions(c.Now), slots: make(chan struct{}, c.Parallel),
	}
	mux := http.NewServeMux()
	for _, end := range []string{"", slash} {
		mux.HandleFunc("GET "+exportPath+end, s.export)
		mux.HandleFunc("POST "+engagePath+end, s.engage)
	}
	return mux
}

// slot waits until the request may read the store.
func (s *server) slot(ctx context.Context) (release func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
