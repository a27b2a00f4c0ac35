package control

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/project"
)

// Failure is the body of every answer that is no success.
type Failure struct {
	Message string `json:"error"`
	// Class is the fault class: setup, transient, poison or bug.
	Class string `json:"class"`
	Hint  string `json:"hint,omitempty"`
	// Parameter is the pipelines API's parameter that is to change.
	Parameter string `json:"parameter,omitempty"`
}

// Error returns the message with the hint.
func (f *Failure) Error() string {
	if f.Hint != "" {
		return f.Message + " (" + f.Hint + ")"
	}
	return f.Message
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Debug("writing an answer", "error", err) // the client went away
	}
}

// writeError answers with the status that fits the error's class.
func writeError(w http.ResponseWriter, err error) {
	class := fault.ClassOf(err)
	f := Failure{Message: err.Error(), Class: class.String()}
	if typed, ok := errors.AsType[*fault.Error](err); ok {
		plain := *typed
		plain.Hint = ""
		f.Message, f.Hint = plain.Error(), typed.Hint
	}
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, project.ErrNotFound), errors.Is(err, quarantine.ErrNotFound):
		status = http.StatusNotFound
		f.Class = fault.Setup.String()
	case class == fault.Setup, class == fault.Poison:
		status = http.StatusBadRequest
	case class == fault.Transient:
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, f)
}

// handle turns a function that returns its answer into a handler.
func handle[T any](status int, fn func(*http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := fn(r)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, status, body)
	}
}

// maxBody bounds request bodies: they name things, they do not carry data.
const maxBody = 1 << 20

func readJSON[T any](r *http.Request) (T, error) {
	var body T
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return body, fault.New(fault.Setup, "reading the request body", "", err, "send a JSON object as the reference shows")
	}
	return body, nil
}
