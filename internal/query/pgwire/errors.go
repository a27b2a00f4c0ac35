package pgwire

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Error is an error or notice with the fields a client sees.
type Error struct {
	// Severity is ERROR when empty.
	Severity string
	// Code is the SQLSTATE.
	Code                  string
	Message, Detail, Hint string
	// Position counts characters from 1; 0 means unknown.
	Position int
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// SQLSTATE codes the server itself raises.
const (
	codeProtocol     = "08P01"
	codeUnsupported  = "0A000"
	codeAuth         = "28000"
	codeNoStatement  = "26000"
	codeNoPortal     = "34000"
	codeDuplicate    = "42P05"
	codeDuplicateCur = "42P03"
	codeTooMany      = "53300"
	codeTooLarge     = "54000"
	codeCanceled     = "57014"
	codeShutdown     = "57P01"
	codeInternal     = "XX000"
)

func newError(code, message string) *Error { return &Error{Code: code, Message: message} }

func fatal(code, message string) *Error {
	return &Error{Severity: "FATAL", Code: code, Message: message}
}

// asError gives any error the form clients know.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) {
		return newError(codeCanceled, "canceling statement due to user request")
	}
	return newError(codeInternal, err.Error())
}

func (e *Error) response() *pgproto3.ErrorResponse {
	severity := e.Severity
	if severity == "" {
		severity = "ERROR"
	}
	return &pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity, Code: e.Code, Message: e.Message,
		Detail: e.Detail, Hint: e.Hint, Position: int32(e.Position),
	}
}
