package rsql

import (
	"errors"
	"fmt"
	"strings"
)

// SQLSTATE codes this package raises.
const (
	StateFeatureNotSupported = "0A000"
	StateStringTooLong       = "22001"
	StateNumericOutOfRange   = "22003"
	StateInvalidDatetime     = "22007"
	StateDivisionByZero      = "22012"
	StateInvalidParameter    = "22023"
	StateInvalidText         = "22P02"
	StateSyntax              = "42601"
	StateInsufficientPriv    = "42501"
	StateAmbiguousColumn     = "42702"
	StateUndefinedColumn     = "42703"
	StateUndefinedObject     = "42704"
	StateDuplicateAlias      = "42712"
	StateGrouping            = "42803"
	StateDatatypeMismatch    = "42804"
	StateCannotCoerce        = "42846"
	StateUndefinedFunction   = "42883"
	StateInvalidColumnRef    = "42P10"
	StateUndefinedTable      = "42P01"
	StateUndefinedParameter  = "42P02"
	StateUndefinedSchema     = "3F000"
	StateUndefinedDatabase   = "3D000"
	StateStatementTooComplex = "54001"
	StateWindowing           = "42P20"
	StateInvalidRecursion    = "42P19"
	StateInternal            = "XX000"
)

// Error is an error as Redshift reports it to a client.
type Error struct {
	SQLState string // five characters
	Message  string
	Detail   string
	Hint     string
	Position int // 1-based, in characters of the script; 0 when unknown
}

// Error gives the message as psql shows it.
func (e *Error) Error() string { return e.Message }

func errorAt(pos int, state, format string, args ...any) *Error {
	return &Error{SQLState: state, Message: fmt.Sprintf(format, args...), Position: pos}
}

// runtimeMark introduces the SQLSTATE in the text of errors that emitted SQL
// raises through DuckDB's error function or a host function.
const runtimeMark = "redshift error "

// raise is the DuckDB expression that fails with the given state and message.
func raise(state, message string) string {
	return "error(" + quoteString(runtimeMark+state+": "+message) + ")"
}

// RuntimeError finds in the text of a DuckDB error the state and message that
// emitted SQL raised. It reports false for errors of DuckDB's own making.
func RuntimeError(text string) (*Error, bool) {
	_, rest, ok := strings.Cut(text, runtimeMark)
	if input, malformed := malformedJSON(text); !ok && malformed {
		return invalidJSON(input), true
	}
	if !ok || len(rest) < 7 || rest[5:7] != ": " {
		return nil, false
	}
	message, _, _ := strings.Cut(rest[7:], "\n")
	return &Error{SQLState: rest[:5], Message: message}, true
}

// malformedJSON finds in DuckDB's error for text that is no JSON the text.
func malformedJSON(text string) (string, bool) {
	_, rest, ok := strings.Cut(text, "Malformed JSON")
	if !ok {
		return "", false
	}
	_, input, _ := strings.Cut(rest, "Input: \"")
	return strings.TrimSuffix(input, "\""), true
}

// asError finds the *Error in err's chain; other errors keep their text.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{SQLState: StateInternal, Message: err.Error()}
}
