package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/refract-io/refract/internal/platform/fault"
)

// ErrInvalidState answers an expression that needs a partition's value which is not of its key's type.
var ErrInvalidState = errors.New("InvalidStateException")

// Error is a refusal in Glue's words: Code is one of this package's Err values and Message is what Glue says.
type Error struct {
	Code    error
	Message string
}

// Error returns "Code: Message", as Glue's SDKs print it.
func (e *Error) Error() string { return e.Code.Error() + ": " + e.Message }

// Unwrap returns the code.
func (e *Error) Unwrap() error { return e.Code }

func refuse(code error, format string, args ...any) error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

func noDatabase(name string) error { return refuse(ErrNotFound, "Database %s not found.", name) }

func noTable(name string) error { return refuse(ErrNotFound, "Table %s not found.", name) }

var (
	errNoPartition     = &Error{ErrNotFound, "Cannot find partition."}
	errPartitionExists = &Error{ErrAlreadyExists, "Partition already exists."}
)

// classed gives err, met while doing op to object, the class that Catalog promises: refusals and cancellations are passed on, all
// else is a failure of the metadata database.
func classed(op, object string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Errorf("%s %s: %w", op, object, err)
	}
	return fault.New(fault.Transient, op, object, err, "")
}
