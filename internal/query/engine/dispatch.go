package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/query/rsql"
)

// endsTransaction reports whether a statement may run in a failed transaction.
func endsTransaction(ast rsql.Statement) bool {
	switch ast.(type) {
	case *rsql.Commit, *rsql.Rollback:
		return true
	}
	return false
}

// queryType is the statement's query_type in sys_query_history.
func queryType(ast rsql.Statement) string {
	switch ast.(type) {
	case *rsql.Query, *rsql.FetchCursor, *rsql.Execute:
		return "SELECT"
	case *rsql.Insert:
		return "INSERT"
	case *rsql.Update:
		return "UPDATE"
	case *rsql.Delete:
		return "DELETE"
	case *rsql.CreateExternalSchema, *rsql.CreateSchema, *rsql.DropSchema, *rsql.CreateDatabase, *rsql.DropDatabase, *rsql.CreateExternalTable, *rsql.AlterTable,
		*rsql.CreateTable, *rsql.CreateView, *rsql.DropRelations, *rsql.Truncate:
		return "DDL"
	}
	return "UTILITY"
}

// describe gives the parameters and columns of a statement without running it.
func (s *Session) describe(ctx context.Context, ast rsql.Statement, params []rsql.Type) ([]rsql.Type, []rsql.ResultColumn, error) {
	if q, ok := ast.(*rsql.Query); ok {
		n := s.names(ctx)
		defer n.release()
		bound, err := rsql.Bind(q, n, params)
		if err != nil {
			return nil, nil, err
		}
		return bound.Params, bound.Columns, nil
	}
	if len(params) > 0 {
		return nil, nil, failure(rsql.StateUndefinedParameter, "there is no parameter $1")
	}
	switch st := ast.(type) {
	case *rsql.Explain:
		return nil, explainColumns, nil
	case *rsql.Show:
		return nil, showColumns(settingName(st.Name)), nil
	case *rsql.ShowObjects:
		columns, err := showObjectsColumns(st.What)
		return nil, columns, err
	case *rsql.FetchCursor:
		c, err := s.cursor(s.fold(st.Name))
		if err != nil {
			return nil, nil, err
		}
		return nil, c.result.Columns, nil
	case *rsql.Execute:
		p, err := s.preparedByName(s.fold(st.Name))
		if err != nil {
			return nil, nil, err
		}
		return nil, p.columns, nil
	}
	return nil, nil, nil
}

// fold is a name as the catalog has it.
func (s *Session) fold(n rsql.Name) string {
	if n.Quoted && s.settings.on("enable_case_sensitive_identifier") {
		return n.Text
	}
	return strings.ToLower(n.Text)
}

// dispatch runs a statement: r becomes its result.
func (s *Session) dispatch(ctx context.Context, r *Result, ast rsql.Statement, params []*string, types []rsql.Type, detached bool) error {
	if q, ok := ast.(*rsql.Query); ok {
		return s.query(ctx, r, q, params, types, detached)
	}
	if len(params) > 0 {
		return failure("08P01", "the statement has no parameters, %d were supplied", len(params))
	}
	if done, err := s.utility(ctx, r, ast); done {
		return err
	}
	tag, err := s.define(ctx, ast)
	r.tag = tag
	return err
}

// utility runs the statements that concern the session. It reports false for others.
func (s *Session) utility(ctx context.Context, r *Result, ast rsql.Statement) (bool, error) {
	switch st := ast.(type) {
	case *rsql.Begin:
		r.tag = "BEGIN"
		return true, s.begin()
	case *rsql.Commit:
		committed, err := s.end(ctx, true)
		r.tag = map[bool]string{true: "COMMIT", false: "ROLLBACK"}[committed]
		return true, err
	case *rsql.Rollback:
		r.tag = "ROLLBACK"
		_, err := s.end(ctx, false)
		return true, err
	case *rsql.Set:
		r.tag = "SET"
		return true, s.setParameter(st)
	case *rsql.SetTransaction:
		// Every transaction is serializable, the strictest mode, and so satisfies the others.
		r.tag = "SET"
		return true, nil
	case *rsql.Reset:
		r.tag = "RESET"
		return true, s.settings.reset(settingName(st.Name))
	case *rsql.Show:
		return true, s.show(r, settingName(st.Name))
	case *rsql.ShowObjects:
		return true, s.showObjects(ctx, r, st)
	case *rsql.Explain:
		q, ok := st.Statement.(*rsql.Query)
		if !ok {
			return true, failure(rsql.StateFeatureNotSupported, "EXPLAIN of statements other than queries is not supported yet")
		}
		return true, s.explain(ctx, r, q)
	case *rsql.DeclareCursor:
		r.tag = "DECLARE CURSOR"
		return true, s.declareCursor(ctx, s.fold(st.Name), st.Query, r.QueryID)
	case *rsql.FetchCursor:
		return true, s.fetch(r, s.fold(st.Name), st.Count)
	case *rsql.CloseCursor:
		r.tag = "CLOSE CURSOR"
		_, err := s.cursor(s.fold(st.Name))
		s.closeCursor(s.fold(st.Name))
		return true, err
	case *rsql.Prepare:
		r.tag = "PREPARE"
		return true, s.prepareByName(ctx, st)
	case *rsql.Execute:
		return true, s.executeByName(ctx, r, st)
	case *rsql.Deallocate:
		r.tag = "DEALLOCATE"
		return true, s.deallocate(st)
	case *rsql.Discard:
		r.tag = "DISCARD " + strings.ToUpper(st.What)
		return true, s.discard(st.What)
	case *rsql.Cancel:
		r.tag = "CANCEL"
		return true, s.cancelProcess(st.Process)
	}
	return false, nil
}

// setParameter is SET.
func (s *Session) setParameter(st *rsql.Set) error {
	name := settingName(st.Name)
	if name == "session_authorization" {
		return failure(rsql.StateFeatureNotSupported, "SET SESSION AUTHORIZATION is not supported yet")
	}
	if st.Default {
		return s.settings.reset(name)
	}
	return s.settings.set(name, strings.Join(st.Values, ", "), st.Local)
}

// discard is DISCARD: what a session has gathered is dropped.
func (s *Session) discard(what string) error {
	if strings.EqualFold(what, "all") {
		if s.status != statusIdle {
			return failure(stateActiveTransaction, "DISCARD ALL cannot run inside a transaction block")
		}
		clear(s.prepared)
		return s.settings.reset("all")
	}
	return nil
}

// cancelProcess cancels what another session of the same user runs; superusers can cancel any.
func (s *Session) cancelProcess(process int64) error {
	for _, other := range s.engine.openSessions() {
		if int64(other.ProcessID) != process || other == s {
			continue
		}
		if !s.user.Superuser && other.user.ID != s.user.ID {
			return failure(rsql.StateInsufficientPriv, "must be superuser to cancel the queries of another user")
		}
		other.Cancel()
		return nil
	}
	return failure(rsql.StateInvalidParameter, "process %d is not a session of the engine", process)
}

// prepareByName is PREPARE.
func (s *Session) prepareByName(ctx context.Context, st *rsql.Prepare) error {
	name := s.fold(st.Name)
	if _, taken := s.prepared[name]; taken {
		return failure(stateDuplicateStatement, "prepared statement \"%s\" already exists", name)
	}
	p := &Statement{session: s, ast: st.Statement}
	if err := p.prepare(ctx, st.Types); err != nil {
		return err
	}
	s.prepared[name] = p
	return nil
}

func (s *Session) preparedByName(name string) (*Statement, error) {
	p, ok := s.prepared[name]
	if !ok {
		return nil, failure(stateInvalidStatement, "prepared statement \"%s\" does not exist", name)
	}
	return p, nil
}

// executeByName is EXECUTE: r becomes the result of the prepared statement.
func (s *Session) executeByName(ctx context.Context, r *Result, st *rsql.Execute) error {
	name := s.fold(st.Name)
	p, err := s.preparedByName(name)
	if err != nil {
		return err
	}
	if len(st.Args) != len(p.params) {
		return failure(rsql.StateSyntax, "wrong number of parameters for prepared statement \"%s\": expected %d parameters but got %d", name, len(p.params), len(st.Args))
	}
	if _, nested := p.ast.(*rsql.Execute); nested {
		return failure(rsql.StateFeatureNotSupported, "EXECUTE of an EXECUTE statement is not supported")
	}
	args, err := s.evaluate(ctx, st.Args)
	if err != nil {
		return err
	}
	return s.dispatch(ctx, r, p.ast, args, p.params, false)
}

// evaluate gives the texts of constant expressions.
func (s *Session) evaluate(ctx context.Context, exprs []rsql.Expr) ([]*string, error) {
	if len(exprs) == 0 {
		return nil, nil
	}
	body := &rsql.Select{}
	for _, x := range exprs {
		body.Items = append(body.Items, rsql.SelectItem{Expr: x})
	}
	r := &Result{session: s, ctx: ctx, cancel: func() {}}
	defer r.release()
	if err := s.query(ctx, r, &rsql.Query{Body: body}, nil, nil, true); err != nil {
		return nil, err
	}
	chunk, err := r.native.Next()
	if err != nil {
		return nil, err
	}
	if chunk == nil || chunk.Len() != 1 {
		return nil, fmt.Errorf("evaluating arguments: no single row")
	}
	v := &vectors{chunk, r.types, r.format}
	out := make([]*string, len(exprs))
	for i := range out {
		if !v.Null(i, 0) {
			text := string(v.AppendText(nil, i, 0))
			out[i] = &text
		}
	}
	return out, nil
}

// deallocate is DEALLOCATE.
func (s *Session) deallocate(st *rsql.Deallocate) error {
	if st.All {
		clear(s.prepared)
		return nil
	}
	name := s.fold(st.Name)
	_, err := s.preparedByName(name)
	delete(s.prepared, name)
	return err
}

// notSupported are the statements that the parser reads and the engine has no way to run yet.
func notSupported(ast rsql.Statement) error {
	words := strings.Fields(strings.ToUpper(ast.SourceText()))
	text := strings.Join(words[:min(2, len(words))], " ")
	if len(words) > 0 && slices.Contains([]string{"INSERT", "UPDATE", "DELETE", "TRUNCATE", "USE"}, words[0]) {
		text = words[0]
	}
	return &rsql.Error{
		SQLState: rsql.StateFeatureNotSupported, Message: text + " is not supported yet",
		Hint: "The query engine reads external tables; tables of its own can't be written.",
	}
}
