package dataapi

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// live is a statement that has not ended.
type live struct {
	session *session // nil if it has a connection of its own
	cancel  context.CancelCauseFunc
	ended   chan struct{} // closed once the end is written down
	waiting int           // requests that wait for it, under the service's lock

	mu        sync.Mutex
	statement *statement
}

// snapshot is the statement as it is now.
func (l *live) snapshot() *statement {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.statement.clone()
}

func (l *live) change(f func(st *statement, now time.Time)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	f(l.statement, now)
	l.statement.Updated = now
}

// run takes a statement to its end.
func (s *Service) run(ctx context.Context, l *live) {
	connection, err := s.execute(ctx, l)
	status, text := Finished, ""
	switch cause := context.Cause(ctx); {
	case err == nil:
	case errors.Is(cause, errCanceled), errors.Is(cause, errShutdown):
		status, text = Aborted, capital(cause.Error())+"."
	default:
		status, text = Failed, errorText(err)
		if batch := (*batchError)(nil); errors.As(err, &batch) {
			text = failedPart(batch.n, errorText(batch.err))
		}
	}
	// Nobody sees the end before the session is free again: who does may send the next statement at once.
	ended := l.snapshot()
	ended.end(status, text, time.Now())
	s.finish(l, ended, connection)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// finish writes the end of a statement down, then lets go of it and of its connection.
func (s *Service) finish(l *live, st *statement, connection Connection) {
	// The caller's patience, and the service's, may be over; the end is written all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.base), 30*time.Second)
	defer cancel()
	if err := update(ctx, s.Meta, st); err != nil {
		// The next start finds the statement open and says that it was lost.
		s.Log.Error("the end of a statement could not be stored", "statement", st.ID, "status", st.Status, "error", err)
	}
	s.mu.Lock()
	delete(s.live, st.ID)
	close(l.ended)
	if l.session != nil {
		connection = s.release(l.session, st)
	}
	s.mu.Unlock()
	if connection != nil {
		if err := connection.Close(); err != nil {
			s.Log.Warn("a connection of the Data API did not end well", "statement", st.ID, "error", err)
		}
	}
}

// execute waits for a slot, connects and runs the parts. It returns the connection, which the session keeps if there is one.
func (s *Service) execute(ctx context.Context, l *live) (Connection, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.change(func(st *statement, _ time.Time) { st.Status = Picked })
	st := l.snapshot()
	connection, err := s.connection(ctx, l.session, st)
	if err != nil {
		return nil, err
	}
	l.change(func(st *statement, _ time.Time) { st.Status, st.PID = Started, connection.PID() })
	switch {
	case !st.Batch:
		return connection, s.runPart(ctx, l, connection, 1)
	case st.AutoCommit:
		return connection, s.runEach(ctx, l, connection, len(st.Parts))
	}
	return connection, s.runBatch(ctx, l, connection, len(st.Parts))
}

func (s *Service) connection(ctx context.Context, o *session, st *statement) (Connection, error) {
	if o == nil {
		return s.Warehouse.Connect(ctx, st.Target.User, st.Target.Database)
	}
	// The session is this statement's until it is released.
	if o.connection == nil {
		c, err := s.Warehouse.Connect(ctx, st.Target.User, st.Target.Database)
		if err != nil {
			return nil, err
		}
		o.connection = c
	}
	return o.connection, nil
}

// batchError is the failure of a part of a batch.
type batchError struct {
	n   int
	err error
}

func (e *batchError) Error() string { return failedPart(e.n, e.err.Error()) }

func (e *batchError) Unwrap() error { return e.err }

// runBatch runs all parts in one transaction.
func (s *Service) runBatch(ctx context.Context, l *live, c Connection, n int) error {
	if err := command(ctx, c, "BEGIN"); err != nil {
		return err
	}
	sqls := l.snapshot().Parts
	for i := 1; i <= n; i++ {
		err := error(nil)
		if s.Warehouse.ControlsTransaction(sqls[i-1].SQL) {
			// It would end the batch's transaction, and the parts before it could not be taken back.
			err = &SQLError{SQLState: "25001", Message: "a batch is one transaction: BEGIN, COMMIT and ROLLBACK can't be parts of it", Hint: "Leave them out, or send the batch with the ExecutionMode AUTO_COMMIT."}
			l.change(func(st *statement, now time.Time) { st.Parts[i-1].fail(Failed, errorText(err), now) })
		} else {
			err = s.runPart(ctx, l, c, i)
		}
		if err != nil {
			// A rollback that fails leaves a connection that is closed, or a session whose next statement says so.
			undone, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			return errors.Join(&batchError{i, err}, command(undone, c, "ROLLBACK"))
		}
	}
	return command(ctx, c, "COMMIT")
}

// runEach runs all parts, each as a transaction of its own, also those behind one that fails. It returns the first failure.
func (s *Service) runEach(ctx context.Context, l *live, c Connection, n int) error {
	var first error
	for i := 1; i <= n && ctx.Err() == nil; i++ {
		if err := s.runPart(ctx, l, c, i); err != nil && first == nil {
			first = &batchError{i, err}
		}
	}
	return cmp.Or(first, ctx.Err())
}

// command runs a statement whose outcome is of no interest.
func command(ctx context.Context, c Connection, sql string) error {
	rows, err := c.Execute(ctx, sql, nil)
	if err != nil {
		return err
	}
	return rows.Close()
}

// runPart runs the n-th statement and keeps its rows.
func (s *Service) runPart(ctx context.Context, l *live, c Connection, n int) error {
	l.change(func(st *statement, now time.Time) { st.Parts[n-1].Status, st.Parts[n-1].Updated = Started, now })
	st := l.snapshot()
	parameters := map[string]string{}
	for _, p := range st.Parameters {
		parameters[p.Name] = p.Value
	}
	began := time.Now()
	done := part{Rows: -1, Size: -1}
	rows, err := c.Execute(ctx, st.Parts[n-1].SQL, parameters)
	if err == nil {
		done.QueryID = rows.QueryID()
		if columns := rows.Columns(); columns != nil {
			done.Columns = metadata(columns)
			done.Rows, done.Size, err = s.keepRows(ctx, st, n, rows)
		} else {
			err = drain(ctx, rows)
		}
		err = errors.Join(err, rows.Close())
	}
	l.change(func(st *statement, now time.Time) {
		p := &st.Parts[n-1]
		p.Duration, p.QueryID, p.Updated = time.Since(began), done.QueryID, now
		switch {
		case err == nil:
			p.Status, p.Columns, p.Rows, p.Size = Finished, done.Columns, done.Rows, done.Size
		case ctx.Err() == nil:
			p.fail(Failed, errorText(err), now)
		}
	})
	return err
}

// drain lets a statement without a result set come to its end.
func drain(ctx context.Context, rows Rows) error {
	for {
		batch, err := rows.Next(ctx)
		if err != nil || batch == nil {
			return err
		}
	}
}
