// Package fault gives an error the class that decides what happens next.
//
// A caller that acts on an error asks for its class with ClassOf: setup errors are shown to the user with the hint and
// are not retried, transient ones are retried with backoff, poison goes to the quarantine, and a bug is reported. An
// error without a class is a bug: nobody foresaw it.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Class says who can mend an error.
type Class uint8

const (
	// Bug is an error nobody foresaw. It is the class of an error that carries none.
	Bug Class = iota
	// Setup is mended by the user: credentials, permissions, names, configuration.
	Setup
	// Transient passes by itself: retry with backoff.
	Transient
	// Poison is one input that can never be taken: quarantine it and go on.
	Poison
)

// String returns the class as it is shown in run histories and JSON answers.
func (c Class) String() string {
	switch c {
	case Setup:
		return "setup"
	case Transient:
		return "transient"
	case Poison:
		return "poison"
	default:
		return "bug"
	}
}

// Error is an error with a class, the operation that failed, the object it concerns and what to do about it.
type Error struct {
	Class Class
	// Op is the operation as a gerund: "creating the external schema".
	Op string
	// Object names what the operation worked on: a bucket key, a table, a file and line.
	Object string
	// Hint tells the user what to do. It may be empty.
	Hint string
	// Err is the cause.
	Err error
}

// Error joins operation, object, cause and hint into one sentence.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Object != "" {
		fmt.Fprintf(&b, " %s", e.Object)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of the outermost Error in err's chain. A cancelled or expired context is Transient.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Transient
	}
	return Bug
}

// New returns an Error of the given class.
func New(class Class, op, object string, err error, hint string) *Error {
	return &Error{Class: class, Op: op, Object: object, Hint: hint, Err: err}
}
