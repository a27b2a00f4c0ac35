package rawexport

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/where"
	"github.com/refract-io/refract/internal/platform/fault"
)

// refusal is an error that is the client's to mend, or the answer to one that is not.
type refusal struct {
	code    int
	message string
	retry   time.Duration
}

// Error implements error.
func (r *refusal) Error() string { return r.message }

func bad(format string, args ...any) *refusal {
	return &refusal{code: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

// refusalOf returns the answer to an error.
func refusalOf(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if e, ok := errors.AsType[*where.Error](err); ok {
		return bad("where is invalid: %v", e)
	}
	if fault.ClassOf(err) == fault.Transient {
		return &refusal{http.StatusServiceUnavailable, "The data cannot be read at the moment. Please retry the request.", 2 * time.Second}
	}
	return &refusal{code: http.StatusInternalServerError, message: "The data cannot be read. The server's log says why."}
}

// refuse answers with an error before anything else was written, and logs those that are not the client's.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to be told
	}
	answer := refusalOf(err)
	if answer.code >= http.StatusInternalServerError {
		s.Logger.Error("a read of the store failed", "path", r.URL.Path, "error", err)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if answer.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(answer.retry.Seconds()))))
	}
	body := []byte(answer.message)
	if strings.TrimSuffix(r.URL.Path, "/") == exportPath && answer.code == http.StatusBadRequest {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	} else {
		h.Set("Content-Type", "application/json")
		body = event.AppendIntMember([]byte{'{'}, "code", int64(answer.code))
		body = event.AppendStringMember(body, "error", answer.message)
		body = event.AppendStringMember(body, "status", http.StatusText(answer.code))
		body = append(body, '}')
	}
	w.WriteHeader(answer.code)
	_, _ = w.Write(body) // a client that is gone cannot be told anything
}
