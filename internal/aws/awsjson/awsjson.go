// Package awsjson serves AWS's JSON 1.1 protocol.
//
// A request is a POST whose X-Amz-Target header is "<target>.<Operation>" and whose body is a JSON object. The answer is a JSON
// object with status 200, or an error: status 400, or 500 if the service is at fault, and the object
// {"__type": code, "Message": text}. Instants are numbers of seconds since 1970 with milliseconds as the fraction. Members that an
// operation doesn't know are ignored, as AWS ignores them. (AWS JSON 1.1 protocol, Smithy specification.)
package awsjson

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/aws/policy"
)

// MaxBody is the greatest size of a request's body in bytes. It holds 100 partitions of 1,600 columns.
const MaxBody = 32 << 20

const contentType = "application/x-amz-json-1.1"

// Error is the answer to a request that fails.
type Error struct {
	// Code is the exception's name: EntityNotFoundException.
	Code    string
	Message string
	// Status is the HTTP status; 0 is 400.
	Status int
	// Members holds what the exception's shape has besides the message: ResourceId.
	Members map[string]string
}

// Error returns "Code: Message", as AWS's SDKs print it.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// AccessDenied is the code that answers a caller whom a policy does not allow a call.
const AccessDenied = "AccessDeniedException"

// Operation answers the body of one request. An error that holds a *policy.DeniedError answers AccessDenied with its text; one that holds neither
// that nor an *Error is the service's own failure.
type Operation func(ctx context.Context, body []byte) (any, error)

// Handle makes an Operation of a function from a request's shape to an answer's shape.
func Handle[In, Out any](f func(context.Context, *In) (Out, error)) Operation {
	return func(ctx context.Context, body []byte) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			message := err.Error()
			if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
				message = fmt.Sprintf("The member %s can't be a JSON %s.", wrong.Field, wrong.Value) // without the names of Go's types
			}
			return nil, &Error{Code: "SerializationException", Message: message}
		}
		return f(ctx, &in)
	}
}

// Service is an http.Handler for one service's operations. It is immutable and safe for concurrent use.
type Service struct {
	// Target is what stands before the operation in X-Amz-Target: AWSGlue.
	Target string
	// Operations holds what is answered, by name.
	Operations map[string]Operation
	// Internal is the code that answers the service's own failures: InternalServiceException. Their text goes to Log, not to the caller.
	Internal string
	Log      *slog.Logger
}

// ServeHTTP answers one request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.answer(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	write(w, http.StatusOK, answer)
}

func (s *Service) answer(r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, &Error{Code: "UnknownOperationException", Message: "This endpoint answers POST requests with an X-Amz-Target header."}
	}
	target := r.Header.Get("X-Amz-Target")
	name, ok := strings.CutPrefix(target, s.Target+".")
	operation := s.Operations[name]
	if !ok || operation == nil {
		return nil, &Error{Code: "UnknownOperationException", Message: fmt.Sprintf("The operation %q is not implemented by this endpoint.", target)}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, MaxBody))
	if err != nil {
		if _, is := errors.AsType[*http.MaxBytesError](err); is {
			return nil, &Error{
				Code: "RequestEntityTooLargeException", Message: fmt.Sprintf("The request is larger than %d bytes.", MaxBody), Status: http.StatusRequestEntityTooLarge,
			}
		}
		return nil, &Error{Code: "SerializationException", Message: "The request's body could not be read: " + err.Error()}
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	out, err := operation(r.Context(), body)
	if err != nil {
		return nil, err
	}
	answer, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	return answer, nil
}

func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*Error](Refusal(err))
	if !ok {
		if r.Context().Err() == nil {
			s.Log.ErrorContext(r.Context(), "request failed", "operation", r.Header.Get("X-Amz-Target"), "error", err)
		}
		e = &Error{Code: s.Internal, Message: "The service failed; its log says why.", Status: http.StatusInternalServerError}
	}
	WriteError(w, e)
}

// Refusal gives the denial of a call the form in which it is answered. Other errors are returned as they are.
func Refusal(err error) error {
	if denied, ok := errors.AsType[*policy.DeniedError](err); ok {
		return &Error{Code: AccessDenied, Message: denied.Error()}
	}
	return err
}

// WriteError answers a request with an error. It also serves what refuses a request before its service sees it.
func WriteError(w http.ResponseWriter, e *Error) {
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	members := map[string]string{}
	maps.Copy(members, e.Members)
	members["__type"], members["Message"] = e.Code, e.Message
	body, _ := json.Marshal(members) // texts always encode
	w.Header().Set("X-Amzn-ErrorType", e.Code)
	write(w, status, body)
}

// write sends an answer. Nobody is left to tell when the client has gone.
func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	// As AWS does, also for answers that net/http would send in chunks.
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
