package engine

import (
	"context"
	"time"

	"github.com/refract-io/refract/internal/query/rsql"
)

// Statement is one statement of a session.
type Statement struct {
	session *Session
	ast     rsql.Statement
	// params and columns are known once the statement is prepared.
	params   []rsql.Type
	columns  []rsql.ResultColumn
	prepared bool
}

// Parse splits a script into its statements. Names are looked up when they run, since a statement may depend on the ones before it.
func (s *Session) Parse(sql string) ([]*Statement, error) {
	parse := rsql.Parse
	if v, _ := s.settings.get("standard_conforming_strings"); v == "on" {
		parse = rsql.ParseStandard
	}
	parsed, err := parse(sql)
	if err != nil {
		s.Fail()
		return nil, err
	}
	out := make([]*Statement, len(parsed))
	for i, ast := range parsed {
		out[i] = &Statement{session: s, ast: ast}
	}
	return out, nil
}

// Prepare resolves the one statement in sql, with the types of leading parameters; unknown ones are inferred. An empty sql gives nil.
func (s *Session) Prepare(ctx context.Context, sql string, params []rsql.Type) (*Statement, error) {
	all, err := s.Parse(sql)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, nil
	case len(all) > 1:
		s.Fail()
		return nil, failure(rsql.StateSyntax, "cannot insert multiple commands into a prepared statement")
	}
	if err := all[0].prepare(ctx, params); err != nil {
		s.Fail()
		return nil, s.engine.clientError(err, 0)
	}
	return all[0], nil
}

func (st *Statement) prepare(ctx context.Context, params []rsql.Type) error {
	s := st.session
	if s.status == statusFailed && !endsTransaction(st.ast) {
		return errFailedTransaction()
	}
	st.params = params
	st.prepared = true
	var err error
	st.params, st.columns, err = s.describe(ctx, st.ast, params)
	return err
}

// Execute prepares the one statement in sql and runs it with the texts of its parameters; nil is NULL.
func (s *Session) Execute(ctx context.Context, sql string, params ...*string) (*Result, error) {
	st, err := s.Prepare(ctx, sql, nil)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return nil, failure(rsql.StateSyntax, "the statement is empty")
	}
	return st.Execute(ctx, params)
}

// Text is the statement as it was written.
func (st *Statement) Text() string { return st.ast.SourceText() }

// Params are the types of the parameters of a prepared statement.
func (st *Statement) Params() []rsql.Type { return st.params }

// Columns describes the rows that a prepared statement returns; nil for none.
func (st *Statement) Columns() []rsql.ResultColumn { return st.columns }

// Execute runs the statement with the texts of its parameters; nil is NULL. Errors are *rsql.Error.
func (st *Statement) Execute(ctx context.Context, params []*string) (*Result, error) {
	return st.run(ctx, params, false)
}

// ExecuteDetached is Execute with a result that is computed at once and outlives the session's later statements.
func (st *Statement) ExecuteDetached(ctx context.Context, params []*string) (*Result, error) {
	return st.run(ctx, params, true)
}

func errFailedTransaction() error {
	return failure(stateFailedTransaction, "current transaction is aborted, commands ignored until end of transaction block")
}

func (st *Statement) run(ctx context.Context, params []*string, detached bool) (*Result, error) {
	s := st.session
	if s.conn == nil {
		return nil, failure(stateShutdown, "the session is closed")
	}
	if err := s.closeActive(); err != nil {
		return nil, err
	}
	if s.status == statusFailed && !endsTransaction(st.ast) {
		return nil, errFailedTransaction()
	}
	xid := s.xid
	if s.status == statusIdle {
		xid = s.engine.nextXID()
	}
	label, _ := s.settings.get("query_group")
	if label == "unset" {
		label = "default"
	}
	id := s.engine.history.begin(QueryRecord{
		Transaction: xid, ProcessID: s.ProcessID, User: s.user, Database: s.database, Label: label, Type: queryType(st.ast), Text: st.ast.SourceText(),
		Start: time.Now(), Status: statusNameRunning,
	})
	var cancel context.CancelFunc
	if limit := s.settings.timeout(); limit > 0 {
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errTimeout)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	r := &Result{session: s, ctx: ctx, cancel: cancel, QueryID: id}
	s.setRunning(cancel)
	if err := s.dispatch(ctx, r, st.ast, params, st.params, detached); err != nil {
		s.Fail()
		return nil, r.fail(err)
	}
	if !detached {
		s.active = r
	}
	return r, nil
}

// finish enters how a statement ended into the history.
func (s *Session) finish(r *Result, failed *rsql.Error) {
	s.lastQuery = r.QueryID
	s.engine.history.update(r.QueryID, func(q *QueryRecord) {
		q.End, q.Rows, q.Status = time.Now(), r.rows, statusNameSuccess
		if failed != nil {
			q.Status, q.Error, q.Log = statusNameFailed, failed.Message, scanLog(failed)
			if failed.SQLState == stateCanceled {
				q.Status = statusNameCanceled
			}
		}
		for _, p := range r.scans {
			q.Scans = append(q.Scans, p.record())
		}
	})
}

// query binds and starts a query.
func (s *Session) query(ctx context.Context, r *Result, q *rsql.Query, params []*string, types []rsql.Type, detached bool) error {
	n := s.names(ctx)
	r.cleanup = append(r.cleanup, n.release)
	q, err := substitute(q, params, types)
	if err != nil {
		return err
	}
	bound, err := rsql.Bind(q, n, nil)
	if err != nil {
		return err
	}
	if len(bound.Params) > 0 {
		return failure(rsql.StateUndefinedParameter, "there is no parameter $%d", len(bound.Params))
	}
	text, err := bound.DuckDB(func(scan *rsql.Scan) (string, error) {
		table := n.glue[scan.Relation]
		plan, from, err := s.engine.planScan(ctx, table, n.roles[scan.Relation], scan, func(all []slice) []slice {
			return s.prune(ctx, table, scan, all)
		})
		if err != nil {
			return "", err
		}
		r.scans = append(r.scans, plan)
		return from, nil
	})
	if err != nil {
		return err
	}
	if r.format, err = s.settings.format(); err != nil {
		return err
	}
	if r.native, err = s.conn.Query(ctx, text, detached); err != nil {
		return err
	}
	r.Columns, r.tag = bound.Columns, "SELECT"
	r.types = make([]rsql.Type, len(bound.Columns))
	for i, c := range bound.Columns {
		r.types[i] = c.Type
	}
	return nil
}

// record is what the history keeps of a scan.
func (p *scanPlan) record() ScanRecord {
	out := ScanRecord{
		Schema: p.schema, Table: p.table.Name, Format: p.format, Partitioned: len(p.table.PartitionKeys) > 0, Partitions: p.pruned, Total: p.total, Files: len(p.files),
	}
	for i := range p.files {
		out.FileBytes += p.files[i].object.Size
		out.LargestBytes = max(out.LargestBytes, p.files[i].object.Size)
	}
	out.ScannedBytes = out.FileBytes
	if p.json != nil {
		out.ScannedBytes, out.ScannedRows = p.json.bytes.Load(), p.json.rows.Load()
	}
	return out
}
