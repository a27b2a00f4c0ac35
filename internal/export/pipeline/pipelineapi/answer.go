package pipelineapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/project"
)

// refusal is an answer that is no success.
type refusal struct {
	status int
	// parameter is the one to change, if it is one.
	parameter string
	message   string
}

// Error returns the message.
func (r *refusal) Error() string { return r.message }

// bad refuses a parameter's value; the parameter may be "".
func bad(parameter, format string, args ...any) *refusal {
	r := &refusal{status: http.StatusBadRequest, parameter: parameter, message: fmt.Sprintf(format, args...)}
	if parameter != "" {
		r.message = parameter + ": " + r.message
	}
	return r
}

// notFound names the pipeline that is not there.
func notFound(name string, err error) error {
	if errors.Is(err, pipeline.ErrNotFound) {
		return &refusal{status: http.StatusNotFound, parameter: "name", message: fmt.Sprintf("name: the project has no pipeline %q", name)}
	}
	return err
}

// refusalOf returns the answer to an error, and whether the error is the service's own and belongs in its log.
func refusalOf(err error) (r *refusal, log bool) {
	if errors.As(err, &r) {
		return r, false
	}
	if denied, ok := errors.AsType[*project.Denied](err); ok {
		return &refusal{status: denied.Status, message: denied.Message}, false
	}
	if errors.Is(err, pipeline.ErrNotFound) {
		return &refusal{status: http.StatusNotFound, parameter: "name", message: "there is no such pipeline"}, false
	}
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case ok && f.Class == fault.Setup:
		if Named(f.Object) != nil {
			text := fmt.Sprint(f.Err)
			if f.Hint != "" {
				text += " (" + f.Hint + ")"
			}
			return bad(f.Object, "%s", text), false
		}
		return bad("", "%v", f), false
	case fault.ClassOf(err) == fault.Transient:
		return &refusal{status: http.StatusServiceUnavailable, message: "the pipelines cannot be reached at the moment: try again"}, true
	}
	return &refusal{status: http.StatusInternalServerError, message: "an error in Refract: the service's log says more"}, true
}

// failure is the body of a refusal. Class and Parameter are Refract's additions.
type failure struct {
	Error     string `json:"error"`
	Status    string `json:"status"`
	Class     string `json:"class"`
	Parameter string `json:"parameter,omitempty"`
}

func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to be told
	}
	refused, log := refusalOf(err)
	if log {
		s.Logger.Error("a call of the pipelines API failed", "path", r.URL.Path, "error", err)
	}
	class := fault.Setup
	switch refused.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="refract", charset="UTF-8"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "2")
		class = fault.Transient
	case http.StatusInternalServerError:
		class = fault.Bug
	}
	s.answer(w, refused.status, failure{refused.message, "error", class.String(), refused.parameter})
}

func (s *server) answer(w http.ResponseWriter, status int, body any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // errors are read by people
	if err := e.Encode(body); err != nil {
		s.Logger.Error("encoding an answer of the pipelines API", "error", err)
		http.Error(w, `{"error":"an error in Refract: the service's log says more","status":"error"}`, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimRight(b.Bytes(), "\n")) // a client that is gone misses nothing
}

// oneOf joins words as a sentence does: "a, b or c".
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
