package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// warehouse is an engine over the events of a JSON pipeline, with a session of its superuser.
func warehouse(t testing.TB) (*lake, *client) {
	t.Helper()
	l := newLake(t)
	l.events()
	c := login(t, openEngine(t, l), "admin")
	c.rows(createSchema)
	return l, c
}

const documentedQuery = `SET json_serialization_enable TO true;
SELECT
    distinct_id
FROM
    "dev"."mp_json_export"."mp_master_event"
WHERE
    json_extract_path_text(properties, '$city') = 'San Francisco'
LIMIT 10;`

func TestTheDocumentedQueryFindsItsUsers(t *testing.T) {
	_, c := warehouse(t)
	require.ElementsMatch(t, []string{"ann", "cem"}, c.rows(documentedQuery))
}

func TestQueriesGiveRedshiftsAnswers(t *testing.T) {
	_, c := warehouse(t)
	const from = ` FROM mp_json_export.mp_master_event `
	tests := []struct{ sql, want string }{
		{"SELECT 7/2, 1::smallint", "3|1"},
		{"SELECT version()", version},
		{"SELECT current_user, current_database(), pg_last_query_id() > 0", "admin|dev|t"},
		{"SELECT count(*)" + from, "5"},
		{"SELECT count(*), count(time)" + from + "WHERE mp_date = '2024-05-03'", "2|1"},
		{"SELECT properties" + from + "WHERE distinct_id = 'ann'", `{"$city":"San Francisco","price":1.10,"id":12345678901234567890}`},
		{"SELECT json_extract_path_text(properties, 'id')" + from + "WHERE distinct_id = 'ann'", "12345678901234567890"},
		{"SELECT json_extract_path_text(properties, 'note')" + from + "WHERE distinct_id = 'cem'", `a "quoted" word`},
		{"SELECT mp_date, count(*)" + from + "GROUP BY 1 ORDER BY 1", "2024-05-01|2\n2024-05-02|1\n2024-05-03|2"},
		{"SELECT time" + from + "ORDER BY time DESC LIMIT 2", "NULL\n2024-05-03 23:59:59"},
		{`SELECT "$path", "$size" > 0` + from + "WHERE mp_date = '2024-05-02'", "s3://lake/mp_master_event/2024-05-02/part-0.json.gz|t"},
		{"SELECT a.distinct_id" + from + "a JOIN mp_json_export.mp_master_event b ON a.distinct_id = b.distinct_id WHERE a.mp_date = '2024-05-01' ORDER BY 1", "ann\nbob"},
		{"WITH e AS (SELECT mp_date d, event_name n" + from + ") SELECT n, count(*) FROM e GROUP BY n ORDER BY n", "Page View|3\nSign Up|2"},
		{"SELECT schemaname, tablename, location FROM svv_external_tables", "mp_json_export|mp_master_event|s3://lake/mp_master_event/"},
		{"SELECT columnname, external_type, part_key FROM svv_external_columns WHERE part_key > 0", "mp_date|string|1"},
		{`SELECT "values", location FROM svv_external_partitions ORDER BY 1 LIMIT 1`, `["2024-05-01"]|s3://lake/mp_master_event/2024-05-01/`},
		{"SELECT databasename, esoptions FROM svv_external_schemas WHERE schemaname = 'mp_json_export'", `mp_glue|{"IAM_ROLE":"arn:aws:iam::123456789012:role/r"}`},
		{"SELECT usename FROM pg_user WHERE usesuper", "admin"},
		{"SELECT table_type FROM information_schema.tables WHERE table_name = 'mp_master_event'", "EXTERNAL TABLE"},
		{"SELECT column_name, data_type FROM svv_columns WHERE table_name = 'mp_master_event' AND ordinal_position = 2", "time|timestamp without time zone"},
	}
	for _, test := range tests {
		t.Run(test.sql, func(t *testing.T) {
			got, err := c.try(test.sql)
			require.NoError(t, err)
			require.Equal(t, test.want, strings.Join(got, "\n"))
		})
	}
}

func TestPrunedPartitionsAreNotOpened(t *testing.T) {
	l, c := warehouse(t)
	require.NoError(t, l.bucket.Delete(t.Context(), "mp_master_event/2024-05-01/part-0.json.gz"))
	l.put("mp_master_event/2024-05-01/part-0.json.gz", []byte("this would fail"))
	require.Contains(t, c.state("SELECT count(*) FROM mp_json_export.mp_master_event"), "XX000: Spectrum Scan Error")
	for _, where := range []string{"mp_date > '2024-05-01'", "mp_date IN ('2024-05-02', '2024-05-03')", "mp_date BETWEEN '2024-05-02' AND '2024-05-09'", "mp_date::date > '2024-05-01'::date", "mp_date LIKE '2024-05-0[23]' OR mp_date > '2024-05-01'"} {
		require.Equal(t, []string{"3"}, c.rows("SELECT count(*) FROM mp_json_export.mp_master_event WHERE "+where), where)
	}
	require.Equal(t, []string{"3"}, c.rows("SELECT count(*) FROM mp_json_export.mp_master_event WHERE mp_date > $1", "2024-05-01"))
	plan := strings.Join(c.rows("EXPLAIN SELECT count(*) FROM mp_json_export.mp_master_event WHERE mp_date > '2024-05-01'"), "\n")
	require.Contains(t, plan, "S3 Seq Scan mp_json_export.mp_master_event location:\"s3://lake/mp_master_event/\" format:JSON")
	require.Contains(t, plan, "Partitions: 2/3")
	require.Contains(t, plan, "Files: 2")
}

func TestQueriesAreRememberedWithWhatTheyRead(t *testing.T) {
	_, c := warehouse(t)
	c.rows("SELECT distinct_id FROM mp_json_export.mp_master_event WHERE mp_date >= '2024-05-02'")
	require.Equal(t, []string{"JSON|t|2|3"}, c.rows("SELECT trim(file_format), trim(is_partitioned), files, s3_scanned_rows FROM svl_s3query_summary WHERE query = pg_last_query_id()"))
	c.state("SELECT no_such_column FROM mp_json_export.mp_master_event")
	require.Equal(t, []string{"failed|0"}, c.rows("SELECT trim(status), returned_rows FROM sys_query_history WHERE query_text LIKE 'SELECT no_such%'"))
	require.Equal(t, []string{"success|3"}, c.rows("SELECT trim(status), returned_rows FROM sys_query_history WHERE query_text LIKE 'SELECT distinct_id%'"))
	require.NoError(t, c.engine.EnsureUser(t.Context(), "carl"))
	carl := login(t, c.engine, "carl")
	require.Equal(t, []string{"0"}, carl.rows("SELECT count(*) FROM stl_query"), "users see their own queries")
	require.Contains(t, carl.state("SELECT 1 FROM mp_json_export.mp_master_event"), "42501: permission denied for schema mp_json_export")
}

func TestErrorsSpeakRedshift(t *testing.T) {
	_, c := warehouse(t)
	for sql, want := range map[string]string{
		"SELECT 1/0": "22012: ",
		"SELECT 'abc'::int FROM mp_json_export.mp_master_event":       "22P02: ",
		"SELECT distinct_id::int FROM mp_json_export.mp_master_event": "22P02: ",
		"SELECT 1 FROM nowhere":                           "42P01: relation \"nowhere\" does not exist",
		"SELECT 1 FROM mp_json_export.nowhere":            "42P01: relation \"mp_json_export.nowhere\" does not exist",
		"SELECT 1 FROM nowhere.nothing":                   "3F000: schema \"nowhere\" does not exist",
		"SELECT 1 FROM nodb.public.t":                     "3D000: database \"nodb\" does not exist",
		"SELECT nope FROM mp_json_export.mp_master_event": "42703: ",
		"SELECT FROM WHERE":                               "42601: ",
	} {
		got := c.state(sql)
		require.Contains(t, got, want, sql)
		require.NotContains(t, got, "DuckDB", sql)
		require.NotContains(t, got, "/", sql)
	}
}

func TestUserTextDoesNotReachDuckDB(t *testing.T) {
	l, c := warehouse(t)
	secret := l.dir + "/meta.db"
	for _, sql := range []string{
		"SELECT * FROM read_csv('/etc/passwd')",
		"SELECT * FROM read_text('" + secret + "')",
		"SELECT * FROM '/etc/passwd'",
		`SELECT * FROM "/etc/passwd"`,
		"SELECT read_text('/etc/passwd')",
		"SELECT * FROM glob('/*')",
		"SELECT * FROM duckdb_settings()",
		"SELECT getenv('HOME')",
		"SELECT current_setting('home_directory')",
		"SELECT * FROM refract_source(1)",
		"SELECT * FROM information_schema.schemata; COPY (SELECT 1) TO '/tmp/out'",
		"COPY x FROM '/etc/passwd'",
		"ATTACH '/tmp/x.db'",
		"PRAGMA database_list",
		"INSTALL httpfs",
		"LOAD httpfs",
		"EXPORT DATABASE '/tmp/x'",
		"CALL pragma_version()",
		"SET enable_external_access = true",
		"SELECT [1, 2, 3]",
		"SELECT list_transform([1], x -> x)",
		"SELECT {'a': 1}",
		"FROM range(3)",
		"SELECT * FROM range(3)",
		"CREATE MACRO m() AS 1",
		"SELECT 1; PRAGMA version",
		"SELECT '1'';SELECT 2",
		"SELECT query('SELECT 1')",
		"SELECT * FROM query_table('x')",
	} {
		_, err := c.try(sql)
		require.Error(t, err, sql)
		require.NotContains(t, err.Error(), "Catalog Error", sql)
	}
	require.Equal(t, []string{`'; DROP TABLE x; --|"q"`}, c.rows(`SELECT '''; DROP TABLE x; --', '"q"'`))
}

func TestStatementsTimeOutAndAreCancelled(t *testing.T) {
	_, c := warehouse(t)
	const long = "SELECT count(*) FROM pg_attribute a, pg_attribute b, pg_attribute c, pg_attribute d WHERE a.attnum + b.attnum + c.attnum + d.attnum = -1"
	c.rows("SET statement_timeout TO 100")
	require.Contains(t, c.state(long), "57014: ")
	c.rows("RESET statement_timeout")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	r, err := c.Execute(ctx, long)
	if err == nil {
		_, err = r.Next(ctx)
		r.Close()
	}
	require.ErrorContains(t, err, "cancelled on user's request")
	require.Equal(t, []string{"1"}, c.rows("SELECT 1"))
}

func TestCursorsFetchInPieces(t *testing.T) {
	_, c := warehouse(t)
	require.Contains(t, c.state("DECLARE c CURSOR FOR SELECT 1"), "25P01")
	c.rows("BEGIN; DECLARE c CURSOR FOR SELECT distinct_id FROM mp_json_export.mp_master_event ORDER BY 1")
	require.Equal(t, []string{"ann", "bob"}, c.rows("FETCH 2 FROM c"))
	require.Equal(t, []string{"cem"}, c.rows("SELECT 1; FETCH NEXT FROM c"))
	require.Equal(t, []string{"dag", "eve"}, c.rows("FETCH ALL FROM c"))
	require.Empty(t, c.rows("FETCH ALL FROM c"))
	c.rows("CLOSE c")
	require.Contains(t, c.state("FETCH 1 FROM c"), "34000")
	c.rows("ROLLBACK")
}

func TestPreparedStatementsTakeArguments(t *testing.T) {
	_, c := warehouse(t)
	c.rows("PREPARE q (varchar, int) AS SELECT distinct_id, $2 + 1 FROM mp_json_export.mp_master_event WHERE event_name = $1 ORDER BY 1")
	require.Equal(t, []string{"ann|42", "eve|42"}, c.rows("EXECUTE q ('Sign ' || 'Up', 41)"))
	require.Contains(t, c.state("EXECUTE q ('x')"), "wrong number of parameters")
	c.rows("DEALLOCATE q")
	require.Contains(t, c.state("EXECUTE q ('x', 1)"), "26000")
	require.Equal(t, []string{"bob"}, c.rows("SELECT distinct_id FROM mp_json_export.mp_master_event WHERE distinct_id = $1", "bob"))
	require.Empty(t, c.rows("SELECT distinct_id FROM mp_json_export.mp_master_event WHERE distinct_id = $1", "x' OR '1'='1"))
}

func TestWhatPsqlAsksTheCatalog(t *testing.T) {
	_, c := warehouse(t)
	for sql, want := range map[string]string{
		"SELECT 'pg_catalog.trigger'::pg_catalog.regtype, 'int4'::regtype = 23, 23::regtype::text, 0::regtype::varchar":                                 "2279|t|integer|-",
		"SELECT array_to_string(array(SELECT 'x' || x FROM pg_catalog.unnest(current_schemas(true)) x) || current_schemas(true), ' ')":                  "xpg_catalog xpublic pg_catalog public",
		"SELECT count(*) FROM pg_class c, pg_catalog.unnest(c.reloptions) AS o":                                                                         "0",
		"SELECT pg_size_pretty(10239::bigint), pg_size_pretty(10240::bigint), pg_size_pretty(-20000000::bigint), pg_size_pretty(1099511627776::bigint)": "10239 bytes|10 kB|-19 MB|1024 GB",
		"SELECT pg_table_size('mp_json_export.mp_master_event'::regclass)":                                                                              "NULL",
	} {
		require.Equal(t, []string{want}, c.rows(sql), sql)
	}
	require.Contains(t, c.state("SELECT 'nonsense'::regtype"), "42704: type does not exist")
}
