package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/query/pgwire"
	"github.com/refract-io/refract/internal/query/rsql"
)

// client is a session in a test.
type client struct {
	t testing.TB
	*Session
}

func openEngine(t testing.TB, l *lake) *Engine {
	t.Helper()
	e, err := Open(context.Background(), l.options())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func login(t testing.TB, e *Engine, user string) *client {
	t.Helper()
	s, err := e.Session(context.Background(), user, "dev")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &client{t, s}
}

// try runs a script and gives the rows of its last statement as text, values separated by |.
func (c *client) try(sql string, params ...string) ([]string, error) {
	all, err := c.Parse(sql)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, st := range all {
		var texts []*string
		for i := range params {
			texts = append(texts, &params[i])
		}
		if len(params) > 0 {
			if st, err = c.Prepare(context.Background(), sql, nil); err != nil {
				return nil, err
			}
		}
		r, err := st.Execute(context.Background(), texts)
		if err != nil {
			return nil, err
		}
		if out, err = rowsOf(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func rowsOf(r *Result) ([]string, error) {
	defer r.Close()
	var out []string
	for {
		chunk, err := r.Next(context.Background())
		if err != nil || chunk == nil {
			return out, err
		}
		for row := range chunk.Len() {
			var line []string
			for col := range r.Columns {
				text := "NULL"
				if !chunk.Null(col, row) {
					text = string(chunk.AppendText(nil, col, row))
				}
				line = append(line, text)
			}
			out = append(out, strings.Join(line, "|"))
		}
	}
}

func (c *client) rows(sql string, params ...string) []string {
	c.t.Helper()
	out, err := c.try(sql, params...)
	require.NoError(c.t, err, sql)
	return out
}

// state is the SQLSTATE that a script fails with.
func (c *client) state(sql string) string {
	c.t.Helper()
	_, err := c.try(sql)
	require.Error(c.t, err, sql)
	e, ok := errors.AsType[*rsql.Error](err)
	require.True(c.t, ok, "%T: %v", err, err)
	return e.SQLState + ": " + e.Message
}

const createSchema = `CREATE EXTERNAL SCHEMA mp_json_export FROM DATA CATALOG DATABASE 'mp_glue' IAM_ROLE 'arn:aws:iam::123456789012:role/r'`

func TestParametersHaveDefaultsAndChecks(t *testing.T) {
	c := login(t, openEngine(t, newLake(t)), "admin")
	require.Equal(t, []string{"off"}, c.rows("SHOW json_serialization_enable"))
	require.Equal(t, []string{"on"}, c.rows("SET json_serialization_enable TO true; SHOW json_serialization_enable"))
	require.Equal(t, []string{"off"}, c.rows("RESET json_serialization_enable; SHOW json_serialization_enable"))
	require.Equal(t, []string{"UTC"}, c.rows("SHOW timezone"))
	require.Equal(t, []string{"Europe/Oslo"}, c.rows("SET TIME ZONE 'Europe/Oslo'; SHOW timezone"))
	require.Equal(t, []string{"8.0.2"}, c.rows("SHOW server_version"))
	require.Equal(t, []string{"nightly"}, c.rows("SET query_group TO 'nightly'; SHOW query_group"))
	require.Equal(t, []string{"a, b"}, c.rows("SET search_path TO a, b; SHOW search_path"))
	require.Equal(t, "42704: unrecognized configuration parameter \"nonsense\"", c.state("SET nonsense TO 1"))
	require.Equal(t, `22023: invalid value for parameter "statement_timeout": "soon"`, c.state("SET statement_timeout TO 'soon'"))
	require.Equal(t, `55P02: parameter "server_version" cannot be changed`, c.state("SET server_version TO '16'"))
	require.Contains(t, c.rows("SHOW ALL"), "datestyle|ISO, MDY")
}

func TestTransactionsTakeBackTheirSettings(t *testing.T) {
	c := login(t, openEngine(t, newLake(t)), "admin")
	c.rows("SET query_group TO 'before'")
	c.rows("BEGIN; SET query_group TO 'within'; SET statement_timeout TO 5000; ROLLBACK")
	require.Equal(t, []string{"before"}, c.rows("SHOW query_group"))
	require.Equal(t, []string{"0"}, c.rows("SHOW statement_timeout"))
	c.rows("BEGIN; SET LOCAL query_group TO 'within'; SET statement_timeout TO 5000; COMMIT")
	require.Equal(t, []string{"before"}, c.rows("SHOW query_group"))
	require.Equal(t, []string{"5000"}, c.rows("SHOW statement_timeout"))
}

func TestAFailedTransactionTakesNothingButItsEnd(t *testing.T) {
	c := login(t, openEngine(t, newLake(t)), "admin")
	c.rows("BEGIN")
	require.Equal(t, byte('T'), c.Status())
	c.state("SET nonsense TO 1")
	require.Equal(t, byte('E'), c.Status())
	require.Contains(t, c.state("SHOW query_group"), "25P02")
	all, err := c.Parse("COMMIT")
	require.NoError(t, err)
	r, err := all[0].Execute(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "ROLLBACK", r.Tag())
	require.NoError(t, r.Close())
	require.Equal(t, byte('I'), c.Status())
	c.rows("COMMIT")
	require.Equal(t, "there is no transaction in progress", c.Notices()[0].Message)
}

func TestExternalSchemasSurviveARestart(t *testing.T) {
	l := newLake(t)
	l.events()
	o := l.options()
	e, err := Open(t.Context(), o)
	require.NoError(t, err)
	c := login(t, e, "admin")
	c.rows(createSchema)
	require.Equal(t, `42P06: schema "mp_json_export" already exists`, c.state(createSchema))
	c.rows(strings.Replace(createSchema, "SCHEMA ", "SCHEMA IF NOT EXISTS ", 1))
	require.Equal(t, `schema "mp_json_export" already exists, skipping`, c.Notices()[0].Message)
	require.NoError(t, c.Close())
	require.NoError(t, e.Close())

	c = login(t, openEngine(t, l), "admin")
	require.Contains(t, strings.Join(c.rows("SHOW SCHEMAS FROM DATABASE dev"), "\n"), "dev|mp_json_export|100|external||mp_glue|{\"IAM_ROLE\":\"arn:aws:iam::123456789012:role/r\"}")
	require.Equal(t, []string{"dev|mp_json_export|mp_master_event||EXTERNAL TABLE|"}, c.rows("SHOW TABLES FROM SCHEMA dev.mp_json_export"))
	require.Len(t, c.rows("SHOW COLUMNS FROM TABLE dev.mp_json_export.mp_master_event LIKE '%e%'"), 4)
	c.rows("DROP SCHEMA mp_json_export")
	require.Equal(t, `3F000: schema "mp_json_export" does not exist`, c.state("DROP SCHEMA mp_json_export"))
	c.rows("DROP SCHEMA IF EXISTS mp_json_export")
	_, err = l.catalog.GetTable(t.Context(), glueDatabase, "mp_master_event")
	require.NoError(t, err, "the catalog keeps its tables")
}

func TestAttachSchemaIsIdempotent(t *testing.T) {
	l := newLake(t)
	e := openEngine(t, l)
	for range 2 {
		require.NoError(t, e.AttachSchema(t.Context(), "Your-Database", "mp_json_export", "fresh_glue"))
	}
	require.ErrorContains(t, e.AttachSchema(t.Context(), "your-database", "mp_json_export", "other"), "already exists over the catalog database \"fresh_glue\"")
	schemas, err := e.Schemas(t.Context(), "your-database")
	require.NoError(t, err)
	require.Len(t, schemas, 1)
	_, err = l.catalog.GetDatabase(t.Context(), "fresh_glue")
	require.NoError(t, err)
	s, err := e.Session(t.Context(), "admin", "your-database")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = e.Session(t.Context(), "admin", "missing")
	require.ErrorContains(t, err, `database "missing" does not exist`)
}

func TestRightsAreGrantedAndRevoked(t *testing.T) {
	l := newLake(t)
	l.events()
	e := openEngine(t, l)
	admin := login(t, e, "admin")
	admin.rows(createSchema)
	require.NoError(t, e.EnsureUser(t.Context(), "IAM:Ann"))
	require.NoError(t, e.EnsureUser(t.Context(), "iam:ann"))
	ann := login(t, e, "IAM:ann")
	const table = "SHOW TABLES FROM SCHEMA dev.mp_json_export"
	require.Empty(t, ann.rows(table))
	require.Contains(t, ann.state(createSchema), "42501: permission denied for database dev")
	require.Contains(t, ann.state("DROP SCHEMA mp_json_export"), "42501")
	require.Contains(t, ann.state(`GRANT USAGE ON SCHEMA mp_json_export TO "IAM:Ann"`), "42501")

	admin.rows(`GRANT USAGE ON SCHEMA "mp_json_export" TO "IAM:Ann"`)
	require.Len(t, ann.rows(table), 1)
	admin.rows(`REVOKE USAGE ON SCHEMA mp_json_export FROM "IAM:Ann"`)
	require.Empty(t, ann.rows(table))
	admin.rows(`GRANT ALL ON SCHEMA mp_json_export TO PUBLIC`)
	require.Len(t, ann.rows(table), 1)

	admin.rows(`GRANT CREATE ON DATABASE dev TO "IAM:Ann"`)
	ann.rows("CREATE EXTERNAL SCHEMA hers FROM DATA CATALOG DATABASE 'mp_glue' IAM_ROLE default")
	ann.rows("DROP SCHEMA hers")
	require.Contains(t, admin.state(`GRANT USAGE ON SCHEMA mp_json_export TO nobody`), `42704: user "nobody" does not exist`)
	require.Contains(t, admin.state(`GRANT SELECT ON SCHEMA mp_json_export TO "IAM:Ann"`), "0LP01")
}

func TestExternalTablesAreDefinedInTheCatalog(t *testing.T) {
	l := newLake(t)
	c := login(t, openEngine(t, l), "admin")
	c.rows(createSchema)
	c.rows(`CREATE EXTERNAL TABLE mp_json_export.sales (id bigint, what varchar(20), amount decimal(10,2), tags array<varchar(10)>)
		PARTITIONED BY (day date) ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' WITH SERDEPROPERTIES ('case.insensitive'='false')
		STORED AS TEXTFILE LOCATION 's3://lake/sales/' TABLE PROPERTIES ('numRows'='7')`)
	table, err := l.catalog.GetTable(t.Context(), glueDatabase, "sales")
	require.NoError(t, err)
	require.Equal(t, columns("id bigint", "what varchar(20)", "amount decimal(10,2)", "tags array<varchar(10)>"), table.StorageDescriptor.Columns)
	require.Equal(t, "7", table.Parameters["numRows"])
	require.Equal(t, "false", table.StorageDescriptor.SerdeInfo.Parameters["case.insensitive"])
	c.rows(`ALTER TABLE mp_json_export.sales ADD PARTITION (day='2024-05-01') LOCATION 's3://lake/sales/1/' PARTITION (day='2024-05-02') LOCATION 's3://lake/sales/2/'`)
	require.Contains(t, c.state(`ALTER TABLE mp_json_export.sales ADD PARTITION (day='2024-05-01') LOCATION 's3://lake/x/'`), "already exists")
	c.rows(`ALTER TABLE mp_json_export.sales ADD IF NOT EXISTS PARTITION (day='2024-05-01') LOCATION 's3://lake/x/'`)
	c.rows(`ALTER TABLE mp_json_export.sales DROP PARTITION (day='2024-05-02')`)
	left, err := l.catalog.GetPartitions(t.Context(), glueDatabase, "sales", "")
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Contains(t, c.state(`BEGIN; DROP TABLE mp_json_export.sales`), "cannot run inside a transaction block")
	c.rows("ROLLBACK; DROP TABLE mp_json_export.sales")
	require.Contains(t, c.state("DROP TABLE mp_json_export.sales"), `42P01: Table "sales" does not exist`)
	c.rows("DROP TABLE IF EXISTS mp_json_export.sales")
}

func TestWhatTheEngineCannotDoIsRefusedByName(t *testing.T) {
	c := login(t, openEngine(t, newLake(t)), "admin")
	for sql, want := range map[string]string{
		"CREATE TABLE t (a int)":   "0A000: CREATE TABLE is not supported yet",
		"INSERT INTO t VALUES (1)": "0A000: INSERT is not supported yet",
		"DROP VIEW v":              "0A000: DROP VIEW is not supported yet",
		"CREATE EXTERNAL SCHEMA s FROM POSTGRES DATABASE 'd' URI 'h' IAM_ROLE 'arn:aws:iam::123456789012:role/r' SECRET_ARN 'arn:x'": "0A000: CREATE EXTERNAL SCHEMA FROM POSTGRES is not supported yet",
	} {
		require.Equal(t, want, c.state(sql))
	}
}

func TestPasswordsExpire(t *testing.T) {
	e := openEngine(t, newLake(t))
	require.NoError(t, e.CreateUser(t.Context(), "IAM:bob", "short-lived", false, time.Now().Add(time.Hour)))
	login, err := e.Wire().Login(t.Context(), "IAM:bob")
	require.NoError(t, err)
	require.Equal(t, pgwire.Login{User: "IAM:bob", Secret: pgwire.HashPassword("IAM:bob", "short-lived")}, login)
	require.NoError(t, e.CreateUser(t.Context(), "IAM:bob", "short-lived", false, time.Now().Add(-time.Second)))
	_, err = e.Wire().Login(t.Context(), "IAM:bob")
	require.ErrorIs(t, err, pgwire.ErrNoUser)
	require.NoError(t, e.EnsureUser(t.Context(), "IAMR:role"))
	_, err = e.Wire().Login(t.Context(), "IAMR:role")
	require.ErrorIs(t, err, pgwire.ErrNoUser, "users of IAM identities have no password")
}

func TestSessionsAreBounded(t *testing.T) {
	l := newLake(t)
	o := l.options()
	o.MaxSessions = 1
	e, err := Open(t.Context(), o)
	require.NoError(t, err)
	s, err := e.Session(t.Context(), "admin", "dev")
	require.NoError(t, err)
	_, err = e.Session(t.Context(), "admin", "dev")
	require.ErrorContains(t, err, `connection limit "1" exceeded`)
	require.NoError(t, s.Close())
	s, err = e.Session(t.Context(), "admin", "dev")
	require.NoError(t, err)
	closed := make(chan error)
	go func() { closed <- e.Close() }()
	require.NoError(t, s.Close())
	require.NoError(t, <-closed, "the engine waits for its sessions")
	_, err = e.Session(t.Context(), "admin", "dev")
	require.Error(t, err)
}

func TestLikeMatchesPatterns(t *testing.T) {
	for _, test := range []struct {
		text, pattern string
		want          bool
	}{{"abc", "abc", true}, {"abc", "a%", true}, {"abc", "%c", true}, {"abc", "a_c", true}, {"abc", "a_", false}, {"", "%", true}, {"abcabd", "%ab_", true}, {"é", "_", true}} {
		require.Equal(t, test.want, like(test.text, test.pattern), "%s like %s", test.text, test.pattern)
	}
}
