package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// Result is the result of a statement. It is read to its end or closed before the session runs the next statement, unless it was
// asked for as detached.
type Result struct {
	// Columns is nil for a statement that returns no rows.
	Columns []rsql.ResultColumn
	// QueryID is the statement's number in the system views.
	QueryID int64

	session *Session
	ctx     context.Context
	cancel  context.CancelFunc
	tag     string
	rows    int64
	// countTag appends the number of rows to the tag, as for FETCH.
	countTag bool

	native  *duck.Result // nil for rows made by the engine
	format  format
	types   []rsql.Type
	made    []textRows
	fetch   *fetching
	scans   []*scanPlan
	cleanup []func()
	closed  bool
}

// Next returns the next rows, or nil at the end.
func (r *Result) Next(ctx context.Context) (Chunk, error) {
	if r.closed {
		return nil, errors.New("the result is closed")
	}
	if r.fetch != nil {
		chunk, err := r.fetch.next(ctx)
		if err != nil || chunk == nil {
			return nil, err
		}
		r.rows += int64(chunk.Len())
		return chunk, nil
	}
	if r.native == nil {
		if len(r.made) == 0 {
			return nil, nil
		}
		rows := r.made[0]
		r.made = r.made[1:]
		r.rows += int64(len(rows))
		return rows, nil
	}
	chunk, err := r.native.Next()
	if err != nil {
		err = r.fail(err)
		return nil, err
	}
	if chunk == nil {
		return nil, nil
	}
	r.rows += int64(chunk.Len())
	return &vectors{chunk, r.types, r.format}, nil
}

// Rows is how many rows have been read.
func (r *Result) Rows() int64 { return r.rows }

// Tag is the command tag, complete once Next has returned nil: SELECT, FETCH 10, SET.
func (r *Result) Tag() string {
	if r.countTag {
		return fmt.Sprintf("%s %d", r.tag, r.rows)
	}
	return r.tag
}

// fail ends the result with an error, which it returns in the form clients see.
func (r *Result) fail(err error) error {
	for _, p := range r.scans {
		if f := p.failure(err); f != nil && r.ctx.Err() == nil {
			err = f
			break
		}
	}
	shown := r.session.engine.clientError(err, r.QueryID)
	r.session.finish(r, shown)
	r.release()
	return shown
}

// Close ends the result. A query that was not read to its end counts as successful: the client wanted no more.
func (r *Result) Close() error {
	if !r.closed {
		r.session.finish(r, nil)
		r.release()
	}
	return nil
}

func (r *Result) release() {
	if r.closed {
		return
	}
	r.closed = true
	if r.native != nil {
		r.native.Close()
	}
	for _, p := range r.scans {
		p.close()
	}
	for _, f := range r.cleanup {
		f()
	}
	r.cancel()
	if r.session.active == r {
		r.session.active = nil
	}
}
