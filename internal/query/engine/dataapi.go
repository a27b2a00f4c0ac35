package engine

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/query/dataapi"
	"github.com/refract-io/refract/internal/query/pgwire"
	"github.com/refract-io/refract/internal/query/rsql"
)

// DataAPI is the engine as the warehouse behind the Redshift Data API.
func (e *Engine) DataAPI() dataapi.Warehouse { return apiWarehouse{e} }

type apiWarehouse struct{ engine *Engine }

// Parameters implements dataapi.Warehouse.
func (w apiWarehouse) Parameters(sql string) ([]string, error) {
	_, names, err := rsql.PositionalParameters(sql)
	if err != nil {
		return nil, w.engine.apiError(err)
	}
	return names, nil
}

// ControlsTransaction implements dataapi.Warehouse.
func (w apiWarehouse) ControlsTransaction(sql string) bool {
	all, err := rsql.Parse(sql)
	return err == nil && slices.ContainsFunc(all, controlsTransaction)
}

func controlsTransaction(ast rsql.Statement) bool {
	switch st := ast.(type) {
	case *rsql.Begin, *rsql.Commit, *rsql.Rollback:
		return true
	case *rsql.Prepare:
		return controlsTransaction(st.Statement)
	}
	return false
}

// EnsureUser implements dataapi.Warehouse.
func (w apiWarehouse) EnsureUser(ctx context.Context, name string) error {
	return w.engine.EnsureUser(ctx, name)
}

// SetLogin implements dataapi.Warehouse.
func (w apiWarehouse) SetLogin(ctx context.Context, name, user, password string, expires time.Time) error {
	return w.engine.SetLogin(ctx, name, user, password, expires)
}

// Authenticate implements dataapi.Warehouse.
func (w apiWarehouse) Authenticate(ctx context.Context, user, password string) error {
	secret, err := w.engine.password(ctx, user)
	if err == nil && subtle.ConstantTimeCompare([]byte(secret), []byte(pgwire.HashPassword(user, password))) == 1 {
		return nil
	}
	if err == nil || errors.Is(err, pgwire.ErrNoUser) {
		return &dataapi.SQLError{SQLState: stateInvalidUser, Message: "password authentication failed for user \"" + user + "\""}
	}
	return err
}

// Connect implements dataapi.Warehouse. The session prints doubles in full, as the driver behind the Data API asks for.
func (w apiWarehouse) Connect(ctx context.Context, user, database string) (dataapi.Connection, error) {
	s, err := w.engine.Session(ctx, user, strings.ToLower(database))
	if err != nil {
		return nil, w.engine.apiError(err)
	}
	s.ProcessID = w.engine.nextProcess()
	for name, value := range map[string]string{"extra_float_digits": "2", "application_name": "Amazon Redshift Data API"} {
		if err := s.Set(name, value); err != nil {
			return nil, errors.Join(w.engine.apiError(err), s.Close())
		}
	}
	return &apiConnection{s}, nil
}

// apiError gives an error the form of the Data API.
func (e *Engine) apiError(err error) error {
	re := e.clientError(err, 0)
	return &dataapi.SQLError{SQLState: re.SQLState, Message: re.Message, Detail: re.Detail, Hint: re.Hint, Position: re.Position}
}

// apiProcesses is where the numbers of the Data API's sessions begin; those of the wire protocol begin at 1.
const apiProcesses = 1 << 30

func (e *Engine) nextProcess() uint32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastProcess = (e.lastProcess + 1) % apiProcesses
	return apiProcesses + e.lastProcess
}

type apiConnection struct{ session *Session }

// PID implements dataapi.Connection.
func (c *apiConnection) PID() int64 { return int64(c.session.ProcessID) }

// Close implements dataapi.Connection.
func (c *apiConnection) Close() error { return c.session.Close() }

// Execute implements dataapi.Connection.
func (c *apiConnection) Execute(ctx context.Context, sql string, parameters map[string]string) (dataapi.Rows, error) {
	e := c.session.engine
	var texts []*string
	if len(parameters) > 0 {
		positional, names, err := rsql.PositionalParameters(sql)
		if err != nil {
			return nil, e.apiError(err)
		}
		for _, name := range names {
			value, ok := parameters[name]
			if !ok {
				return nil, e.apiError(failure(rsql.StateUndefinedParameter, "there is no parameter :%s", name))
			}
			texts = append(texts, &value)
		}
		sql = positional
	}
	r, err := c.session.Execute(ctx, sql, texts...)
	if err != nil {
		return nil, e.apiError(err)
	}
	return &apiRows{e, r}, nil
}

type apiRows struct {
	engine *Engine
	result *Result
}

// QueryID implements dataapi.Rows.
func (r *apiRows) QueryID() int64 { return r.result.QueryID }

// Close implements dataapi.Rows.
func (r *apiRows) Close() error { return r.result.Close() }

// Next implements dataapi.Rows.
func (r *apiRows) Next(ctx context.Context) (dataapi.Batch, error) {
	chunk, err := r.result.Next(ctx)
	if err != nil {
		return nil, r.engine.apiError(err)
	}
	if chunk == nil {
		return nil, nil
	}
	return chunk, nil
}

// Columns implements dataapi.Rows.
func (r *apiRows) Columns() []dataapi.Column {
	if r.result.Columns == nil {
		return nil
	}
	out := make([]dataapi.Column, len(r.result.Columns))
	for i, c := range r.result.Columns {
		out[i] = apiColumn(c)
	}
	return out
}

// apiPrecisions are what Redshift's JDBC driver, which the Data API works with, gives for types without a length.
var apiPrecisions = map[rsql.Kind]int{
	rsql.KindBool: 1, rsql.KindInt2: 5, rsql.KindInt4: 10, rsql.KindInt8: 19, rsql.KindOID: 10, rsql.KindFloat4: 8, rsql.KindFloat8: 17, rsql.KindName: 64,
	rsql.KindDate: 13, rsql.KindTime: 15, rsql.KindTimeTZ: 21, rsql.KindTimestamp: 29, rsql.KindTimestampTZ: 35,
}

func apiColumn(c rsql.ResultColumn) dataapi.Column {
	t := c.Type
	out := dataapi.Column{Name: c.Name, Type: t.Name(), Precision: apiPrecisions[t.Kind]}
	for _, known := range pgTypes {
		if known.typ.OID() == t.OID() {
			out.Type = known.name
		}
	}
	switch t.Kind {
	case rsql.KindBool:
		out.Kind = dataapi.Boolean
	case rsql.KindInt2, rsql.KindInt4, rsql.KindInt8:
		out.Kind, out.Signed = dataapi.Long, true
	case rsql.KindOID:
		out.Kind = dataapi.Long
	case rsql.KindFloat4, rsql.KindFloat8:
		out.Kind, out.Scale, out.Signed = dataapi.Double, apiPrecisions[t.Kind], true
	case rsql.KindDecimal:
		out.Precision, out.Scale, out.Signed = t.Precision, t.Scale, true
	case rsql.KindVarbyte:
		out.Kind, out.Precision = dataapi.Blob, t.Length
	case rsql.KindChar, rsql.KindVarchar:
		out.Precision, out.CaseSensitive = t.Length, true
	case rsql.KindTime, rsql.KindTimeTZ, rsql.KindTimestamp, rsql.KindTimestampTZ:
		out.Scale = 6
	default:
		out.CaseSensitive = !slices.Contains([]rsql.Kind{rsql.KindDate, rsql.KindIntervalYM, rsql.KindIntervalDS}, t.Kind)
	}
	return out
}
