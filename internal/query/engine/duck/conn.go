package duck

import (
	"context"
	"time"

	native "github.com/duckdb/duckdb-go-bindings"
)

// Conn is a connection: one statement at a time, one goroutine at a time.
type Conn struct {
	conn native.Connection
}

// Error is an error of DuckDB. Its text may name files and internals and is not for clients.
type Error struct {
	Message string
	// Type is the error's class in DuckDB, such as "Conversion Error", the text before the first colon.
	Type native.ErrorType
}

// Error returns DuckDB's text.
func (e *Error) Error() string { return e.Message }

// Close closes the connection and rolls back its transaction. Results must be closed before.
func (c *Conn) Close() { native.Disconnect(&c.conn) }

// Exec runs statements of our own making that return nothing of interest.
func (c *Conn) Exec(sql string) error {
	var res native.Result
	defer native.DestroyResult(&res)
	if native.Query(c.conn, sql, &res) == native.StateError {
		return &Error{native.ResultError(&res), native.ResultErrorType(&res)}
	}
	return nil
}

// Query runs one statement. A detached result is computed at once and
// outlives later statements of the connection; others are computed as they are read. When ctx ends, the query is
// interrupted and its error is that of ctx.
func (c *Conn) Query(ctx context.Context, sql string, detached bool) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	r := &Result{ctx: ctx, conn: c, release: c.interruptWith(ctx)}
	if err := r.start(c, sql, detached); err != nil {
		r.Close()
		return nil, r.cause(err)
	}
	if detached {
		// The result is complete. What becomes of ctx must not disturb later statements.
		r.release()
		r.release = nil
	}
	return r, nil
}

func (r *Result) start(c *Conn, sql string, detached bool) error {
	if native.Prepare(c.conn, sql, &r.stmt) == native.StateError {
		return &Error{Message: native.PrepareError(r.stmt), Type: native.ErrorTypeInvalid}
	}
	execute := native.ExecutePreparedStreaming
	if detached {
		execute = native.ExecutePrepared
	}
	state := execute(r.stmt, &r.res)
	r.executed = true
	if state == native.StateError {
		return &Error{native.ResultError(&r.res), native.ResultErrorType(&r.res)}
	}
	return r.describe()
}

// interruptWith interrupts the connection when ctx ends, until release is called. DuckDB forgets an interrupt that comes
// before a query begins, so it is repeated.
func (c *Conn) interruptWith(ctx context.Context) (release func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			native.Interrupt(c.conn)
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		if stop() {
			return
		}
		close(done)
		<-ended
	}
}
