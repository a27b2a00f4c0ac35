package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	native "github.com/duckdb/duckdb-go-bindings"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// SQLSTATE codes that the parser and binder have no use for.
const (
	stateNoActiveTransaction = "25P01"
	stateFailedTransaction   = "25P02"
	stateActiveTransaction   = "25001"
	stateSerialization       = "40001"
	stateInvalidCursor       = "34000"
	stateDuplicateCursor     = "42P03"
	stateInvalidStatement    = "26000"
	stateDuplicateStatement  = "42P05"
	stateDuplicateSchema     = "42P06"
	stateDuplicateObject     = "42710"
	stateInvalidUser         = "28000"
	stateTooManySessions     = "53300"
	stateOutOfMemory         = "53200"
	stateCanceled            = "57014"
	stateShutdown            = "57P01"
)

func failure(state, format string, args ...any) *rsql.Error {
	return &rsql.Error{SQLState: state, Message: fmt.Sprintf(format, args...)}
}

// errTimeout is the cause of a context that statement_timeout ended.
var errTimeout = errors.New("statement timeout")

// spectrumError is the form in which Redshift reports that Spectrum could not read a file. 15007 is the code it gives files whose
// content does not fit the table.
func spectrumError(context string) *rsql.Error {
	return &rsql.Error{
		SQLState: rsql.StateInternal,
		Message:  scanError,
		Detail:   "\n" + scanRule + "  error:  Spectrum Scan Error\n  code:      15007\n" + scanContext + strings.ToValidUTF8(context, "\ufffd") + "\n" + scanRule,
	}
}

const (
	scanError   = "Spectrum Scan Error"
	scanRule    = "  -----------------------------------------------\n"
	scanContext = "  context:   "
)

// scanLog is what svl_s3log keeps of a failure that reading external tables had; "" of others.
func scanLog(e *rsql.Error) string {
	if e.Message != scanError {
		return ""
	}
	_, text, _ := strings.Cut(e.Detail, scanContext)
	return strings.TrimSuffix(text, "\n"+scanRule)
}

// clientError gives an error the form that clients see. What happened inside DuckDB goes to the log, not to the client.
func (e *Engine) clientError(err error, query int64) *rsql.Error {
	if re, ok := errors.AsType[*rsql.Error](err); ok {
		return re
	}
	switch {
	case errors.Is(err, errTimeout):
		return failure(stateCanceled, "Query (%d) canceled due to statement timeout", query)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return failure(stateCanceled, "Query (%d) cancelled on user's request", query)
	case errors.Is(err, catalog.ErrAccessDenied):
		return &rsql.Error{SQLState: rsql.StateInsufficientPriv, Message: err.Error()}
	}
	if de, ok := errors.AsType[*duck.Error](err); ok {
		if known := duckError(de); known != nil {
			return known
		}
		e.log.Error("DuckDB refused a translated query", "query", query, "error", de.Message)
		return failure(rsql.StateInternal, "The query could not be executed. The server's log has the cause under query %d.", query)
	}
	if fe, ok := errors.AsType[*fault.Error](err); ok {
		return &rsql.Error{SQLState: rsql.StateInternal, Message: err.Error(), Hint: fe.Hint}
	}
	e.log.Error("query failed", "query", query, "error", err)
	return &rsql.Error{SQLState: rsql.StateInternal, Message: err.Error()}
}

var (
	notConverted = regexp.MustCompile(`(?s)Could not convert string ['"](.*?)['"] to ([A-Z0-9]+)`)
	badDatetime  = regexp.MustCompile(`(?s)(?:invalid|Could not parse) (date|timestamp|time|interval)[^"']*["'](.*?)["']`)
)

// typeNames are Redshift's names of the types that conversion errors name.
var typeNames = map[string]string{
	"BOOL": "boolean", "BOOLEAN": "boolean", "INT8": "smallint", "INT16": "smallint", "INT32": "integer", "INT64": "bigint", "INT128": "numeric",
	"FLOAT": "real", "DOUBLE": "double precision", "DECIMAL": "numeric",
}

// duckError gives the errors that data can cause in Redshift's words; nil for others.
func duckError(e *duck.Error) *rsql.Error {
	if raised, ok := rsql.RuntimeError(e.Message); ok {
		return raised
	}
	if m := notConverted.FindStringSubmatch(e.Message); m != nil {
		name := typeNames[m[2]]
		if name == "" {
			name = strings.ToLower(m[2])
		}
		return failure(rsql.StateInvalidText, "invalid input syntax for type %s: \"%s\"", name, m[1])
	}
	if m := badDatetime.FindStringSubmatch(e.Message); m != nil {
		return failure(rsql.StateInvalidDatetime, "invalid input syntax for type %s: \"%s\"", m[1], m[2])
	}
	switch e.Type {
	case native.ErrorTypeDivideByZero:
		return failure(rsql.StateDivisionByZero, "Divide by zero")
	case native.ErrorTypeOutOfRange:
		return failure(rsql.StateNumericOutOfRange, "Numeric data overflow (result precision)")
	case native.ErrorTypeConversion:
		if strings.Contains(e.Message, "out of range") || strings.Contains(e.Message, "can't be cast because") {
			return failure(rsql.StateNumericOutOfRange, "Numeric data overflow (result precision)")
		}
		return failure(rsql.StateInvalidText, "a value could not be converted to the type it is used as")
	case native.ErrorTypeOutOfMemory:
		return failure(stateOutOfMemory, "out of memory: the query needs more than the memory limit of the query engine")
	case native.ErrorTypeInterrupt:
		return failure(stateCanceled, "canceling statement due to user request")
	}
	return nil
}
