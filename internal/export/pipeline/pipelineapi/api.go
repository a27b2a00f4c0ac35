// Package pipelineapi serves the management of pipelines over HTTP.
//
//	POST   /api/refract/pipelines                 create; 201 and the pipeline
//	GET    /api/refract/pipelines?project_id=1    list
//	GET    /api/refract/pipelines/{id}            show
//	POST   /api/refract/pipelines/{id}/run        make it due now; 202
//	POST   /api/refract/pipelines/{id}/pause      and /resume and /cancel
//	GET    /api/refract/pipelines/{id}/runs       run history, newest first; ?limit=100, at most 1000
//	DELETE /api/refract/pipelines/{id}            forget a cancelled one; 204
//
// Bodies and answers are JSON. Errors are {"status":"error","error":text,"class":class} with "hint" and "field" where there are any, and 400 for
// what the user can mend, 404, 413, or 503 for what passes by itself.
package pipelineapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/fault"
)

const (
	maxBody      = 64 << 10
	defaultLimit = 100
	maxLimit     = 1000
)

// Config is what the API needs of its surroundings.
type Config struct {
	Store *pipeline.Store
	// Auth wraps every route. It answers requests itself that carry no valid credentials.
	Auth func(http.Handler) http.Handler
	// Allowed reports whether the request, which Auth let through, may manage the project; 0 asks for all projects. What is not
	// allowed looks as if it did not exist.
	Allowed func(ctx context.Context, project int64) bool
}

// New returns the handler of everything below /api/refract/pipelines.
func New(c Config) http.Handler {
	mux := http.NewServeMux()
	const root = "/api/refract/pipelines"
	mux.HandleFunc("POST "+root, c.create)
	mux.HandleFunc("GET "+root, c.list)
	mux.HandleFunc("GET "+root+"/{id}", c.one(c.show))
	mux.HandleFunc("GET "+root+"/{id}/runs", c.one(c.runs))
	mux.HandleFunc("POST "+root+"/{id}/run", c.one(c.change(c.Store.RunNow, http.StatusAccepted)))
	mux.HandleFunc("POST "+root+"/{id}/pause", c.one(c.change(c.Store.Pause, http.StatusOK)))
	mux.HandleFunc("POST "+root+"/{id}/resume", c.one(c.change(c.Store.Resume, http.StatusOK)))
	mux.HandleFunc("POST "+root+"/{id}/cancel", c.one(c.change(c.Store.Cancel, http.StatusOK)))
	mux.HandleFunc("DELETE "+root+"/{id}", c.one(c.remove))
	return c.Auth(mux)
}

type handler func(w http.ResponseWriter, r *http.Request, p *pipeline.Pipeline)

// one finds the pipeline that the path names.
func (c Config) one(next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := c.Store.Get(r.Context(), r.PathValue("id"))
		if err == nil && !c.Allowed(r.Context(), p.Project) {
			err = pipeline.ErrNotFound
		}
		if err != nil {
			fail(w, err)
			return
		}
		next(w, r, p)
	}
}

func (c Config) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, err)
		return
	}
	spec, err := pipeline.ParseSpec(body)
	if err != nil {
		fail(w, fault.New(fault.Setup, "reading the pipeline", "", err, "see the documentation for the fields of a pipeline"))
		return
	}
	if !c.Allowed(r.Context(), spec.Project) {
		fail(w, fault.New(fault.Setup, "creating a pipeline", "project_id", errors.New("there is no such project for these credentials"), ""))
		return
	}
	p, err := c.Store.Create(r.Context(), spec)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusCreated, p)
}

func (c Config) list(w http.ResponseWriter, r *http.Request) {
	project := int64(0)
	if text := r.FormValue("project_id"); text != "" {
		var err error
		if project, err = strconv.ParseInt(text, 10, 64); err != nil {
			fail(w, fault.New(fault.Setup, "listing pipelines", "project_id", errors.New("it is not a number"), ""))
			return
		}
	}
	all, err := c.Store.List(r.Context(), project)
	if err != nil {
		fail(w, err)
		return
	}
	allowed := []*pipeline.Pipeline{}
	for _, p := range all {
		if c.Allowed(r.Context(), p.Project) {
			allowed = append(allowed, p)
		}
	}
	answer(w, http.StatusOK, map[string]any{"pipelines": allowed})
}

func (c Config) show(w http.ResponseWriter, _ *http.Request, p *pipeline.Pipeline) {
	answer(w, http.StatusOK, p)
}

func (c Config) runs(w http.ResponseWriter, r *http.Request, p *pipeline.Pipeline) {
	limit := defaultLimit
	if text := r.FormValue("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLimit {
			fail(w, fault.New(fault.Setup, "listing runs", "limit", errors.New("it is not a number from 1 to 1000"), ""))
			return
		}
		limit = n
	}
	runs, err := c.Store.Runs(r.Context(), p.ID, limit)
	if err != nil {
		fail(w, err)
		return
	}
	if runs == nil {
		runs = []*pipeline.Run{}
	}
	answer(w, http.StatusOK, map[string]any{"pipeline": p.Name, "runs": runs})
}

func (c Config) change(do func(context.Context, string) error, status int) handler {
	return func(w http.ResponseWriter, r *http.Request, p *pipeline.Pipeline) {
		err := do(r.Context(), p.ID)
		if err == nil {
			p, err = c.Store.Get(r.Context(), p.ID)
		}
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, status, p)
	}
}

func (c Config) remove(w http.ResponseWriter, r *http.Request, p *pipeline.Pipeline) {
	if err := c.Store.Delete(r.Context(), p.ID); err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that is gone misses nothing
}

func fail(w http.ResponseWriter, err error) {
	body := struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Class  string `json:"class"`
		Hint   string `json:"hint,omitempty"`
		Field  string `json:"field,omitempty"`
	}{Status: "error", Error: err.Error(), Class: fault.ClassOf(err).String()}
	status := http.StatusInternalServerError
	f, isFault := errors.AsType[*fault.Error](err)
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
		status, body.Class = http.StatusNotFound, fault.Setup.String()
	case errors.As(err, new(*http.MaxBytesError)):
		status, body.Class = http.StatusRequestEntityTooLarge, fault.Setup.String()
	case isFault:
		body.Error = strings.Replace(body.Error, " ("+f.Hint+")", "", 1) // it has a member of its own
		body.Hint, body.Field = f.Hint, f.Object
		switch f.Class {
		case fault.Setup:
			status = http.StatusBadRequest
		case fault.Transient:
			status = http.StatusServiceUnavailable
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
