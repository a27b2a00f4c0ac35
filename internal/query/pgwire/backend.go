package pgwire

import (
	"context"
	"errors"
)

// ErrNoUser is Backend.Secret's answer for a user that does not exist.
var ErrNoUser = errors.New("no such user")

// Backend authenticates users and opens their sessions. It is safe for concurrent use.
type Backend interface {
	// Login looks up the name that a client wants to log in by. It fails with ErrNoUser if there is none.
	Login(ctx context.Context, name string) (Login, error)
	// Open opens a session for an authenticated login. Its errors are shown to the client, *Error as it is.
	Open(ctx context.Context, s Startup) (Session, error)
}

// Login is a name and a password that give a session. Temporary ones are another's than the user's own, and may be replaced at any time:
// a session is the user's whose password was checked.
type Login struct {
	// User is the database user of the session.
	User string
	// Secret is the password in PostgreSQL's stored form: "md5" followed by the hex MD5 of password and login name.
	Secret string
}

// Startup is what the client said about itself. User is the database user that it has logged in as. Parameters holds the run-time parameters of the start-up message, such as
// application_name, without user and database.
type Startup struct {
	User, Database, Address string
	Parameters              map[string]string
	// ProcessID is the number the client knows the session by (pg_backend_pid).
	ProcessID uint32
}

// Session is one client's session. The server calls it from one goroutine at a time.
type Session interface {
	// Parse splits a script into its statements without looking at the catalog; none means an empty query.
	Parse(sql string) ([]Statement, error)
	// Prepare resolves the one statement in sql. params gives the types of leading parameters, 0 for those the server is to
	// infer. An empty sql gives nil and no error.
	Prepare(ctx context.Context, sql string, params []uint32) (Statement, error)
	// Status is the transaction status: 'I' idle, 'T' in a transaction, 'E' in a failed one.
	Status() byte
	// Fail tells the session that a statement failed, which fails the transaction it may be in.
	Fail()
	// Pending returns the notices and changed parameters that have come up since the last call.
	Pending() ([]*Error, []Parameter)
	// Close ends the session and rolls back its transaction.
	Close() error
}

// Parameter is a run-time parameter as reported to clients.
type Parameter struct{ Name, Value string }

// Statement is one statement of a session.
type Statement interface {
	// Params is the type of each parameter. It is empty before the statement has been resolved.
	Params() []uint32
	// Columns describes the result, or is nil for a statement that returns no rows. It may be called only on prepared ones.
	Columns() []Column
	// Execute starts the statement. detached results stay valid while other statements run, at the price of being held in
	// memory; others are valid until the session's next call.
	Execute(ctx context.Context, params []Value, detached bool) (Rows, error)
}

// Value is a parameter value as the client sent it. A nil Data is NULL.
type Value struct {
	Data   []byte
	Binary bool
}

// Column describes a result column as RowDescription does.
type Column struct {
	Name     string
	OID      uint32
	Size     int16
	Modifier int32
}

// Rows is the result of a statement.
type Rows interface {
	// Columns is nil for a statement that returns no rows.
	Columns() []Column
	// Next returns the next rows, or nil at the end. The batch is valid until the next call.
	Next(ctx context.Context) (Batch, error)
	// Tag is the command tag, complete once Next has returned nil.
	Tag() string
	Close() error
}

// Batch is a run of rows. Values are appended in PostgreSQL's text or binary format of the column's type.
type Batch interface {
	Len() int
	Null(column, row int) bool
	AppendText(dst []byte, column, row int) []byte
	AppendBinary(dst []byte, column, row int) []byte
}
