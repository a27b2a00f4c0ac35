package dataapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Warehouse is the SQL engine behind the API. It is safe for concurrent use. What it says to users is a *SQLError.
type Warehouse interface {
	// Parameters returns the names of the named parameters (:name) of a statement, each once, in their order.
	Parameters(sql string) ([]string, error)
	// ControlsTransaction reports whether a statement begins or ends a transaction, or prepares the one that does.
	ControlsTransaction(sql string) bool
	// EnsureUser makes sure of a database user, as Redshift makes the user of an IAM identity at its first connection.
	EnsureUser(ctx context.Context, name string) error
	// SetLogin lets clients log in on the warehouse's port as a database user, by a name and a password that expire.
	SetLogin(ctx context.Context, name, user, password string, expires time.Time) error
	// Authenticate returns an error unless the database user has the password; a *SQLError says that it has another one.
	Authenticate(ctx context.Context, user, password string) error
	// Connect opens a connection of a database user to a database.
	Connect(ctx context.Context, user, database string) (Connection, error)
}

// Connection is one connection. It is used by one goroutine at a time.
type Connection interface {
	// PID is what pg_backend_pid() gives.
	PID() int64
	// Execute runs the one statement in sql with the values of its named parameters. Its rows are read or closed before the next one.
	Execute(ctx context.Context, sql string, parameters map[string]string) (Rows, error)
	// Close ends the connection and rolls back its transaction.
	Close() error
}

// Rows is the outcome of a statement.
type Rows interface {
	// Columns is nil for a statement without a result set.
	Columns() []Column
	// QueryID is the statement's number in the system views.
	QueryID() int64
	// Next returns the next rows, nil at the end. They are valid until the next call.
	Next(ctx context.Context) (Batch, error)
	Close() error
}

// Batch is a run of rows. AppendText appends a value that is not NULL in PostgreSQL's text format.
type Batch interface {
	Len() int
	Null(column, row int) bool
	AppendText(dst []byte, column, row int) []byte
}

// Kind is the member of a Field that a column's values are in.
type Kind uint8

const (
	Text    Kind = iota // stringValue
	Boolean             // booleanValue
	Long                // longValue
	Double              // doubleValue
	Blob                // blobValue; the text is hexadecimal
)

// Column describes a column of a result.
type Column struct {
	Name string
	// Type is the type's name in pg_type: int4, varchar.
	Type string
	Kind Kind
	// Precision is in digits, or in bytes for text; Scale is the digits behind the point.
	Precision, Scale int
	// Signed is true for numbers, CaseSensitive for text.
	Signed, CaseSensitive bool
}

// SQLError is what the warehouse says of a statement that failed.
type SQLError struct {
	SQLState, Message, Detail, Hint string
	// Position is that of the character in the statement, from 1; 0 is unknown.
	Position int
}

// Error is the text as Redshift's JDBC driver, which the Data API works with, gives it.
func (e *SQLError) Error() string {
	var b strings.Builder
	b.WriteString("ERROR: " + e.Message)
	for _, part := range [][2]string{{"Detail", e.Detail}, {"Hint", e.Hint}} {
		if part[1] != "" {
			b.WriteString("\n  " + part[0] + ": " + part[1])
		}
	}
	if e.Position > 0 {
		fmt.Fprintf(&b, "\n  Position: %d", e.Position)
	}
	return b.String()
}

// stateInvalidUser and its kin are the SQLSTATEs of connections that are refused.
var connectionStates = map[string]bool{"28000": true, "3D000": true, "53300": true, "57P01": true}

// errorText is the text of a statement's Error member.
func errorText(err error) string {
	e, ok := errors.AsType[*SQLError](err)
	if !ok {
		return "ERROR: " + err.Error()
	}
	if connectionStates[e.SQLState] {
		return "FATAL: " + e.Message
	}
	return e.Error()
}
