package engine

import (
	"context"

	"github.com/refract-io/refract/internal/query/rsql"
)

// cursor is an open cursor. Its result is complete from the start, as Redshift materializes cursors on the leader node.
type cursor struct {
	result *Result
	chunk  Chunk
	next   int // row of chunk
}

// declareCursor opens a cursor over a query.
func (s *Session) declareCursor(ctx context.Context, name string, q *rsql.Query, id int64) error {
	if s.status == statusIdle {
		return failure(stateNoActiveTransaction, "DECLARE CURSOR may only be used in transaction blocks")
	}
	if _, taken := s.cursors[name]; taken {
		return failure(stateDuplicateCursor, "cursor \"%s\" already exists", name)
	}
	r := &Result{session: s, ctx: ctx, cancel: func() {}, QueryID: id}
	if err := s.query(ctx, r, q, nil, nil, true); err != nil {
		r.release()
		return err
	}
	s.cursors[name] = &cursor{result: r}
	return nil
}

func (s *Session) cursor(name string) (*cursor, error) {
	c, ok := s.cursors[name]
	if !ok {
		return nil, failure(stateInvalidCursor, "cursor \"%s\" does not exist", name)
	}
	return c, nil
}

// fetch makes r the next limit rows of a cursor; a negative limit means all.
func (s *Session) fetch(r *Result, name string, limit int64) error {
	c, err := s.cursor(name)
	if err != nil {
		return err
	}
	r.Columns, r.tag, r.countTag = c.result.Columns, "FETCH", true
	r.fetch = &fetching{c, limit}
	return nil
}

// fetching is a FETCH in progress.
type fetching struct {
	cursor *cursor
	left   int64 // negative for all
}

func (f *fetching) next(ctx context.Context) (Chunk, error) {
	c := f.cursor
	if f.left == 0 {
		return nil, nil
	}
	if c.chunk == nil || c.next == c.chunk.Len() {
		chunk, err := c.result.Next(ctx)
		if err != nil || chunk == nil {
			c.chunk = nil
			return nil, err
		}
		c.chunk, c.next = chunk, 0
	}
	n := c.chunk.Len() - c.next
	if f.left >= 0 {
		n = int(min(int64(n), f.left))
		f.left -= int64(n)
	}
	part := &rowRange{c.chunk, c.next, n}
	c.next += n
	return part, nil
}

// rowRange is a part of a chunk.
type rowRange struct {
	chunk       Chunk
	first, rows int
}

func (r *rowRange) Len() int { return r.rows }

func (r *rowRange) Null(column, row int) bool { return r.chunk.Null(column, r.first+row) }

func (r *rowRange) AppendText(dst []byte, column, row int) []byte {
	return r.chunk.AppendText(dst, column, r.first+row)
}

func (r *rowRange) AppendBinary(dst []byte, column, row int) []byte {
	return r.chunk.AppendBinary(dst, column, r.first+row)
}

// closeCursor closes a cursor, if there is one of that name.
func (s *Session) closeCursor(name string) {
	if c, ok := s.cursors[name]; ok {
		delete(s.cursors, name)
		c.result.release()
	}
}
