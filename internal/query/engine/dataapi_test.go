package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/query/dataapi"
	"github.com/refract-io/refract/internal/query/pgwire"
)

const reader = "arn:aws:iam::123456789012:role/reader"

// roleBook is Roles for one role that may do what it lists.
type roleBook struct {
	assumable bool
	allowed   map[string]bool
	asked     []string
}

func (b *roleBook) decide(role, action, resource string) error {
	b.asked = append(b.asked, action+" "+resource)
	if !b.assumable || role != reader {
		return &NotAssumableError{User: "arn:aws:redshift:r:a:dbuser:c/u", Role: role}
	}
	if !b.allowed[action] {
		return &policy.DeniedError{Caller: "arn:aws:sts::123456789012:assumed-role/reader/RedshiftIamRoleSession", Action: action, Resource: resource, Kind: "identity-based"}
	}
	return nil
}

func (b *roleBook) Glue(_ context.Context, role, action, database, table string) error {
	return b.decide(role, "glue:"+action, database+"/"+table)
}

func (b *roleBook) S3(_ context.Context, role, action, bucket, key string) error {
	return b.decide(role, "s3:"+action, bucket+"/"+key)
}

// apiRun runs one statement and returns its rows as text, joined by "|".
func apiRun(t *testing.T, c dataapi.Connection, sql string, parameters map[string]string) ([]string, error) {
	t.Helper()
	rows, err := c.Execute(t.Context(), sql, parameters)
	if err != nil {
		return nil, err
	}
	var out []string
	for {
		batch, err := rows.Next(t.Context())
		if err != nil {
			require.NoError(t, rows.Close())
			return nil, err
		}
		if batch == nil {
			return out, rows.Close()
		}
		for r := range batch.Len() {
			var row []string
			for c := range rows.Columns() {
				text := "NULL"
				if !batch.Null(c, r) {
					text = string(batch.AppendText(nil, c, r))
				}
				row = append(row, text)
			}
			out = append(out, strings.Join(row, "|"))
		}
	}
}

// TestTheStepsOfRedshiftSpectrum are steps 3 to 5 of Mixpanel's page and its queries.
func TestTheStepsOfRedshiftSpectrum(t *testing.T) {
	l := newLake(t)
	l.events()
	o := l.options()
	roles := &roleBook{assumable: true, allowed: map[string]bool{"glue:GetTable": true, "glue:GetTables": true, "glue:GetPartitions": true, "s3:ListBucket": true, "s3:GetObject": true}}
	o.Roles = roles
	e, err := Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	w := e.DataAPI()
	connect := func(user string) dataapi.Connection {
		t.Helper()
		c, err := w.Connect(t.Context(), user, "DEV")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		return c
	}
	must := func(c dataapi.Connection, sql string) []string {
		t.Helper()
		out, err := apiRun(t, c, sql, nil)
		require.NoError(t, err, sql)
		return out
	}
	_, err = w.Connect(t.Context(), "IAMR:reader", "dev")
	require.ErrorContains(t, err, `user "IAMR:reader" does not exist`)
	admin := connect("admin")
	require.Empty(t, must(admin, `SELECT usename FROM pg_user WHERE usename LIKE 'IAMR:reader'`))
	require.NoError(t, w.EnsureUser(t.Context(), "IAMR:reader"))
	require.NoError(t, w.EnsureUser(t.Context(), "IAMR:reader"))
	role := connect("IAMR:reader")
	require.Equal(t, []string{"1"}, must(role, "SELECT 1;"))
	require.Equal(t, []string{"IAMR:reader"}, must(admin, `SELECT usename FROM pg_user WHERE usename LIKE 'IAMR:reader'`))

	attach := fmt.Sprintf(`CREATE EXTERNAL SCHEMA IF NOT EXISTS "mp_json_export" FROM DATA CATALOG DATABASE '%s' REGION 'us-east-1' IAM_ROLE '%s'`, glueDatabase, reader)
	_, err = apiRun(t, role, attach, nil)
	require.EqualError(t, err, "ERROR: permission denied for database dev")
	must(admin, `GRANT CREATE ON DATABASE "dev" TO "IAMR:reader";`)
	require.Equal(t, []string{"t"}, must(admin, `SELECT HAS_DATABASE_PRIVILEGE('IAMR:reader', 'dev', 'CREATE');`))
	must(role, attach)
	must(role, attach)
	require.Equal(t, []string{"mp_json_export|" + glueDatabase + `|{"IAM_ROLE":"` + reader + `","REGION":"us-east-1"}`},
		must(role, "SELECT schemaname, databasename, esoptions FROM svv_external_schemas"))

	require.NoError(t, w.EnsureUser(t.Context(), "IAM:ann"))
	ann := connect("IAM:ann")
	const query = `SELECT distinct_id FROM "dev"."mp_json_export"."mp_master_event" WHERE json_extract_path_text(properties, '$city') = 'San Francisco' ORDER BY 1 LIMIT 10;`
	_, err = apiRun(t, ann, query, nil)
	require.ErrorContains(t, err, "ERROR: permission denied for schema mp_json_export")
	must(role, `GRANT USAGE ON SCHEMA "mp_json_export" TO "IAM:ann";`)
	must(ann, "SET json_serialization_enable TO true;")
	require.Equal(t, []string{"ann", "cem"}, must(ann, query))
	require.Equal(t, []string{"mp_master_event"}, must(ann, `SELECT tablename FROM svv_external_tables WHERE schemaname = 'mp_json_export'`))
	rows, err := apiRun(t, ann, `SELECT count(*) FROM mp_json_export.mp_master_event WHERE mp_date = :day AND event_name = :name`, map[string]string{"day": "2024-05-01", "name": "Sign Up"})
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, rows)

	for action, message := range map[string]string{
		"glue:GetTable":      "RedshiftIamRoleSession is not authorized to perform: glue:GetTable on resource: " + glueDatabase + "/mp_master_event",
		"glue:GetPartitions": "is not authorized to perform: glue:GetPartitions",
		"s3:ListBucket":      "code:      15007",
		"s3:GetObject":       "is not authorized to perform: s3:GetObject on resource: lake/mp_master_event/2024-05-0",
	} {
		roles.allowed[action] = false
		_, err = apiRun(t, ann, query, nil)
		require.ErrorContains(t, err, message)
		roles.allowed[action] = true
	}
	roles.allowed["glue:GetTables"] = false
	require.Empty(t, must(ann, `SELECT tablename FROM svv_external_tables WHERE schemaname = 'mp_json_export'`))
	roles.assumable = false
	_, err = apiRun(t, ann, query, nil)
	require.ErrorContains(t, err, "ERROR: User arn:aws:redshift:r:a:dbuser:c/u is not authorized to assume IAM Role "+reader)
	require.ErrorContains(t, err, "code:      8001")

	require.NoError(t, e.AttachSchema(t.Context(), "dev", "plain", glueDatabase))
	asked := len(roles.asked)
	require.Equal(t, []string{"5"}, must(admin, `SELECT count(*) FROM plain.mp_master_event`))
	require.Len(t, roles.asked, asked, "a schema without a role asks nobody")
}

func TestColumnsHaveTheDriversFacts(t *testing.T) {
	l := newLake(t)
	e, err := Open(t.Context(), l.options())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	c, err := e.DataAPI().Connect(t.Context(), "admin", "dev")
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.GreaterOrEqual(t, c.PID(), int64(apiProcesses))
	rows, err := c.Execute(t.Context(), `SELECT true AS b, 1::int2 AS s, 1 AS i, 1::int8 AS l, 0.1::float8 AS d, 0.1::real AS r, 1.10::decimal(10,2) AS n, 'x'::varchar(7) AS v, 'x'::char(3) AS c,
		'2024-05-01'::date AS dt, '2024-05-01 10:00:00'::timestamp AS ts`, nil)
	require.NoError(t, err)
	require.Equal(t, []dataapi.Column{
		{Name: "b", Type: "bool", Kind: dataapi.Boolean, Precision: 1},
		{Name: "s", Type: "int2", Kind: dataapi.Long, Precision: 5, Signed: true},
		{Name: "i", Type: "int4", Kind: dataapi.Long, Precision: 10, Signed: true},
		{Name: "l", Type: "int8", Kind: dataapi.Long, Precision: 19, Signed: true},
		{Name: "d", Type: "float8", Kind: dataapi.Double, Precision: 17, Scale: 17, Signed: true},
		{Name: "r", Type: "float4", Kind: dataapi.Double, Precision: 8, Scale: 8, Signed: true},
		{Name: "n", Type: "numeric", Precision: 10, Scale: 2, Signed: true},
		{Name: "v", Type: "varchar", Precision: 7, CaseSensitive: true},
		{Name: "c", Type: "bpchar", Precision: 3, CaseSensitive: true},
		{Name: "dt", Type: "date", Precision: 13},
		{Name: "ts", Type: "timestamp", Precision: 29, Scale: 6},
	}, rows.Columns())
	require.NoError(t, rows.Close())
	out, err := apiRun(t, c, "SELECT 0.1::float8 + 0.2::float8, 'a' AS x", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"0.30000000000000004|a"}, out, "doubles travel in full")
	_, err = apiRun(t, c, "SELECT 1; SELECT 2", nil)
	require.ErrorContains(t, err, "cannot insert multiple commands into a prepared statement")
	_, err = apiRun(t, c, "SELECT :a + 1", map[string]string{"b": "1"})
	require.ErrorContains(t, err, "there is no parameter :a")
}

func TestTemporaryLoginsExpire(t *testing.T) {
	l := newLake(t)
	e, err := Open(t.Context(), l.options())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	w := e.DataAPI()
	wire := e.Wire()
	login := func(name, password string) string {
		l, err := wire.Login(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, pgwire.HashPassword(name, password), l.Secret)
		s, err := wire.Open(t.Context(), pgwire.Startup{User: l.User, Database: "dev"})
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		return s.(*wireSession).user.Name
	}
	require.NoError(t, w.SetLogin(t.Context(), "IAM:admin", "admin", "once", time.Now().Add(time.Hour)))
	require.Equal(t, "admin", login("IAM:admin", "once"), "the name stands for another user")
	require.Equal(t, "admin", login("admin", "secret"))
	require.NoError(t, w.Authenticate(t.Context(), "admin", "secret"), "the user's own password stays")
	require.Error(t, w.Authenticate(t.Context(), "admin", "once"))
	require.NoError(t, w.SetLogin(t.Context(), "IAM:admin", "admin", "once", time.Now().Add(-time.Second)))
	_, err = wire.Login(t.Context(), "IAM:admin")
	require.ErrorIs(t, err, pgwire.ErrNoUser)
	require.Error(t, w.Authenticate(t.Context(), "nobody", ""))
}
