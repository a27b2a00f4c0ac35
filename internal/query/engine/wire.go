package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/query/pgwire"
	"github.com/refract-io/refract/internal/query/rsql"
)

// Wire is the engine as the backend of a PostgreSQL server.
func (e *Engine) Wire() pgwire.Backend { return wireBackend{e} }

type wireBackend struct{ engine *Engine }

// Login implements pgwire.Backend. A temporary login goes before the password of a user of its name. Users without a password, or with one
// that has expired, can't log in.
func (b wireBackend) Login(ctx context.Context, name string) (pgwire.Login, error) {
	user, password, err := b.engine.login(ctx, name)
	if err != nil || password != "" {
		return pgwire.Login{User: user, Secret: password}, err
	}
	password, err = b.engine.password(ctx, name)
	return pgwire.Login{User: name, Secret: password}, err
}

// password is the stored form of a user's own password, or pgwire.ErrNoUser for one who can't log in by it.
func (e *Engine) password(ctx context.Context, user string) (string, error) {
	u, err := e.user(ctx, user)
	if err != nil {
		return "", err
	}
	if u.password == noPassword || !u.Expires.IsZero() && time.Now().After(u.Expires) {
		return "", pgwire.ErrNoUser
	}
	return u.password, nil
}

// unsetParameters are keys of the start-up message that drivers send about themselves; they are no session parameters.
var unsetParameters = []string{
	"options", "replication", "driver_version", "os_version", "plugin_name", "client_protocol_version", "driver_discovery_version", "idp_type", "provider_name",
	"token_type", "identity_namespace", "idc_client_display_name",
}

// Open implements pgwire.Backend.
func (b wireBackend) Open(ctx context.Context, st pgwire.Startup) (pgwire.Session, error) {
	s, err := b.engine.Session(ctx, st.User, strings.ToLower(st.Database))
	if err != nil {
		return nil, b.engine.wireError(err)
	}
	s.ProcessID = st.ProcessID
	for _, name := range slices.Sorted(maps.Keys(st.Parameters)) {
		folded := strings.ToLower(name)
		if slices.Contains(unsetParameters, folded) || strings.HasPrefix(folded, "_pq_.") {
			continue
		}
		if err := s.Set(folded, st.Parameters[name]); err != nil {
			return nil, errors.Join(b.engine.wireError(err), s.Close())
		}
	}
	return &wireSession{s}, nil
}

// wireError gives an error the form of the protocol.
func (e *Engine) wireError(err error) error {
	re := e.clientError(err, 0)
	return &pgwire.Error{Code: re.SQLState, Message: re.Message, Detail: re.Detail, Hint: re.Hint, Position: re.Position}
}

type wireSession struct{ *Session }

func (s *wireSession) Parse(sql string) ([]pgwire.Statement, error) {
	statements, err := s.Session.Parse(sql)
	if err != nil {
		return nil, s.engine.wireError(err)
	}
	out := make([]pgwire.Statement, len(statements))
	for i, st := range statements {
		out[i] = &wireStatement{s.Session, st}
	}
	return out, nil
}

func (s *wireSession) Prepare(ctx context.Context, sql string, params []uint32) (pgwire.Statement, error) {
	types := make([]rsql.Type, len(params))
	for i, oid := range params {
		types[i] = typeOfOID(oid)
	}
	st, err := s.Session.Prepare(ctx, sql, types)
	if err != nil {
		return nil, s.engine.wireError(err)
	}
	if st == nil {
		return nil, nil
	}
	return &wireStatement{s.Session, st}, nil
}

func (s *wireSession) Pending() ([]*pgwire.Error, []pgwire.Parameter) {
	var notices []*pgwire.Error
	for _, n := range s.Notices() {
		severity := "NOTICE"
		if strings.HasPrefix(n.SQLState, "25") {
			severity = "WARNING"
		}
		notices = append(notices, &pgwire.Error{Severity: severity, Code: n.SQLState, Message: n.Message, Detail: n.Detail, Hint: n.Hint})
	}
	changed := s.Changed()
	var params []pgwire.Parameter
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		params = append(params, pgwire.Parameter{Name: name, Value: changed[name]})
	}
	return notices, params
}

type wireStatement struct {
	session   *Session
	statement *Statement
}

func (st *wireStatement) Params() []uint32 {
	types := st.statement.Params()
	out := make([]uint32, len(types))
	for i, t := range types {
		out[i] = uint32(t.OID())
	}
	return out
}

func (st *wireStatement) Columns() []pgwire.Column { return wireColumns(st.statement.Columns()) }

func wireColumns(columns []rsql.ResultColumn) []pgwire.Column {
	if columns == nil {
		return nil
	}
	out := make([]pgwire.Column, len(columns))
	for i, c := range columns {
		out[i] = pgwire.Column{Name: c.Name, OID: uint32(c.Type.OID()), Size: int16(c.Type.Size()), Modifier: int32(c.Type.Modifier())}
	}
	return out
}

func (st *wireStatement) Execute(ctx context.Context, params []pgwire.Value, detached bool) (pgwire.Rows, error) {
	e := st.session.engine
	texts, err := paramTexts(st.statement.Params(), params)
	if err != nil {
		return nil, e.wireError(err)
	}
	execute := st.statement.Execute
	if detached {
		execute = st.statement.ExecuteDetached
	}
	r, err := execute(ctx, texts)
	if err != nil {
		return nil, e.wireError(err)
	}
	return &wireRows{e, r}, nil
}

type wireRows struct {
	engine *Engine
	result *Result
}

func (r *wireRows) Columns() []pgwire.Column { return wireColumns(r.result.Columns) }

func (r *wireRows) Next(ctx context.Context) (pgwire.Batch, error) {
	c, err := r.result.Next(ctx)
	if err != nil {
		return nil, r.engine.wireError(err)
	}
	if c == nil {
		return nil, nil
	}
	return c, nil
}

func (r *wireRows) Tag() string { return r.result.Tag() }

func (r *wireRows) Close() error { return r.result.Close() }
