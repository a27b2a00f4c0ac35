// Package pipelineapi serves Mixpanel's Data Pipelines API, and what Refract adds to it.
//
//	POST     /api/2.0/nessie/pipeline/create     make a pipeline
//	POST     /api/2.0/nessie/pipeline/edit       change what it selects, and a schematized one's catalog
//	POST     /api/2.0/nessie/pipeline/cancel     end it
//	POST     /api/2.0/nessie/pipeline/pause      stop its jobs
//	POST     /api/2.0/nessie/pipeline/resume     go on
//	GET POST /api/2.0/nessie/pipeline/status     its jobs by state
//	GET POST /api/2.0/nessie/pipeline/jobs       the project's pipelines
//	GET POST /api/2.0/nessie/pipeline/timeline   when each day was synced
//
// Refract's additions, in the same style:
//
//	GET POST /api/2.0/nessie/pipeline/list       all pipelines with all they are made of, cancelled ones too
//	GET POST /api/2.0/nessie/pipeline/show       one of them
//	GET POST /api/2.0/nessie/pipeline/runs       its runs with windows, counts and errors, newest first
//	GET POST /api/2.0/nessie/pipeline/schema     the columns that properties became
//	POST     /api/2.0/nessie/pipeline/run        make it due now
//	POST     /api/2.0/nessie/pipeline/delete     forget a cancelled one
//
// Parameters come in the query or in a form-encoded body; docs/pipelines.md, which Docs writes, describes each. Credentials are Basic:
// a service account (owner or admin, with project_id), or the project's secret alone; or the installation's admin token as Bearer.
//
// Answers are JSON. Errors are {"error":text,"status":"error"} with "class" (setup, transient or bug) and, where one is to change,
// "parameter": 400 for what is wrong with the request, 401, 403, 404 for a pipeline that is not there, 413, 500, or 503 for what passes
// by itself.
package pipelineapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/project"
)

// Root is the path that all calls are below.
const Root = "/api/2.0/nessie/pipeline/"

// Config is what the API needs of its surroundings. Store, Projects and Lake are required.
type Config struct {
	Store    *pipeline.Store
	Projects Projects
	// Lake is the bucket of the installation's own lake, where pipelines go that name no destination.
	Lake string
	// Preset says that the installation has a way to buckets of its own (destination.region, destination.endpoint_url), so that
	// pipelines need not name region and role.
	Preset bool
	// Arrived waits, not for long, until what has arrived can be exported, so that a pipeline that is made or run at once exports
	// it now and not at its next turn, which may be tomorrow (default: waits for nothing).
	Arrived func(ctx context.Context) error
	// AdminToken, as a bearer token, may manage the pipelines of all projects. Empty for none.
	AdminToken string
	// Now is the clock that accounts expire by (default time.Now).
	Now func() time.Time
	// Logger is told of the service's own errors (default slog.Default).
	Logger *slog.Logger
}

type server struct{ Config }

// request is a request that may manage the project.
type request struct {
	form    form
	project *project.Project
}

// call is one call of the API.
type call struct {
	name string
	// changes says that it is a POST only.
	changes bool
	// ours says that Mixpanel has no such call.
	ours       bool
	parameters []*Parameter
	// first, if set, looks at the form before its parameters are compared with those that the call has.
	first func(form) error
	// doc says what it does, for the documentation; answers shows an answer.
	doc, answers string
	serve        func(*server, context.Context, *request) (any, error)
}

// New returns the handler of everything below Root.
func New(c Config) http.Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Arrived == nil {
		c.Arrived = func(context.Context) error { return nil }
	}
	s := &server{c}
	mux := http.NewServeMux()
	for _, c := range calls() {
		mux.HandleFunc(Root+c.name, s.handle(c))
		mux.HandleFunc(Root+c.name+"/{$}", s.handle(c))
	}
	mux.HandleFunc(Root, func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, &refusal{status: http.StatusNotFound, message: fmt.Sprintf("there is no call %q of the pipelines API", strings.TrimPrefix(r.URL.Path, Root))})
	})
	return mux
}

func (s *server) handle(c *call) http.HandlerFunc {
	allowed := []string{http.MethodPost}
	if !c.changes {
		allowed = append(allowed, http.MethodGet)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost && (c.changes || r.Method != http.MethodGet) {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			s.refuse(w, r, &refusal{status: http.StatusMethodNotAllowed, message: fmt.Sprintf("%s is not called with %s: use %s", c.name, r.Method, oneOf(allowed))})
			return
		}
		answer, err := s.do(w, r, c)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		s.answer(w, http.StatusOK, answer)
	}
}

// do reads the request, lets it in, and serves the call. Who may not in learns nothing but that.
func (s *server) do(w http.ResponseWriter, r *http.Request, c *call) (any, error) {
	f, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	p, err := s.authorize(r.Context(), r.Header.Get("Authorization"), f.one("project_id"))
	if err != nil {
		return nil, err
	}
	if c.first != nil {
		if err := c.first(f); err != nil {
			return nil, err
		}
	}
	if err := f.allow(c.name, c.parameters); err != nil {
		return nil, err
	}
	return c.serve(s, r.Context(), &request{f, p})
}
