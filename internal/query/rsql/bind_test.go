package rsql

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/golden"
)

// testEnv is a catalog of a plain table t, an external table ext.events and
// the system relations that functions read.
type testEnv map[string]string

func (e testEnv) Setting(name string) string { return e[name] }

func (e testEnv) Relation(database, schema, name string) (*Relation, error) {
	if database != "" && database != "dev" {
		return nil, &Error{SQLState: StateUndefinedDatabase, Message: "database \"" + database + "\" does not exist"}
	}
	switch schema + "." + name {
	case ".t", "public.t":
		return &Relation{Database: "dev", Schema: "public", Name: "t", DuckDB: `"t"`, Columns: []Column{
			{Name: "a", Type: Int4}, {Name: "big", Type: Int8}, {Name: "small", Type: Int2}, {Name: "b", Type: Varchar(10)}, {Name: "c", Type: Char(5)},
			{Name: "d", Type: Date}, {Name: "ts", Type: Timestamp}, {Name: "tz", Type: TimestampTZ}, {Name: "p", Type: Decimal(10, 2)}, {Name: "f", Type: Float8},
			{Name: "ok", Type: Bool}, {Name: "v", Type: Super},
		}}, nil
	case ".u":
		return &Relation{Database: "dev", Schema: "public", Name: "u", DuckDB: `"u"`, Columns: []Column{{Name: "a", Type: Int8}, {Name: "x", Type: Varchar(20)}}}, nil
	case ".mixed":
		return &Relation{Database: "dev", Schema: "public", Name: "mixed", DuckDB: `"mixed"`, Columns: []Column{{Name: "Upper", Type: Int4}, {Name: "upper", Type: Int8}}}, nil
	case "ext.events":
		properties, err := ParseGlueType("struct<$city:string,price:double,tags:array<string>>")
		if err != nil {
			return nil, err
		}
		items, err := ParseGlueType("array<struct<sku:string,qty:int>>")
		if err != nil {
			return nil, err
		}
		return &Relation{Database: "dev", Schema: "ext", Name: "events", External: true, Columns: []Column{
			{Name: "event_name", Type: Varchar(MaxVarcharLength)}, {Name: "distinct_id", Type: Varchar(MaxVarcharLength)}, {Name: "time", Type: Timestamp},
			{Name: "props", Type: Varchar(MaxVarcharLength)}, {Name: "properties", Type: properties}, {Name: "items", Type: items},
			{Name: "mp_date", Type: Varchar(MaxVarcharLength), PartitionKey: true}, {Name: "hour", Type: Int4, PartitionKey: true}, {Name: "day", Type: Date, PartitionKey: true},
		}}, nil
	case "pg_catalog.pg_class", "pg_catalog.pg_user", "pg_catalog.pg_namespace":
		return &Relation{Schema: schema, Name: name, DuckDB: name, Columns: []Column{{Name: "oid", Type: OID}, {Name: "relname", Type: NameType}, {Name: "relowner", Type: Int4}}}, nil
	}
	if schema != "" && schema != "public" && schema != "ext" && schema != "pg_catalog" {
		return nil, &Error{SQLState: StateUndefinedSchema, Message: "schema \"" + schema + "\" does not exist"}
	}
	return nil, &Error{SQLState: StateUndefinedTable, Message: "relation \"" + name + "\" does not exist"}
}

func (e testEnv) HasPrivilege(kind, user, object, privilege string) (bool, error) {
	return kind == "database" && user == "IAMR:r" && object == "dev" && privilege == "CREATE", nil
}

func bind(t testing.TB, sql string, env testEnv, params ...Type) (*Bound, error) {
	t.Helper()
	parsed, err := Parse(sql)
	require.NoError(t, err, sql)
	require.Len(t, parsed, 1)
	return Bind(parsed[0].(*Query), env, params)
}

func bound(t testing.TB, sql string, env testEnv) *Bound {
	t.Helper()
	b, err := bind(t, sql, env)
	require.NoError(t, err, sql)
	return b
}

func TestColumnsGetRedshiftsNamesAndTypes(t *testing.T) {
	tests := []struct{ expr, want string }{
		{"a", "a integer"},
		{"7/2", "?column? integer"},
		{"a + big", "?column? bigint"},
		{"small + 1", "?column? integer"},
		{"p + a", "?column? numeric(13,2)"},
		{"p * p", "?column? numeric(21,4)"},
		{"p / a", "?column? numeric(21,13)"},
		{"p / 3.0", "?column? numeric(13,4)"},
		{"f + p", "?column? double precision"},
		{"1.50", "?column? numeric(3,2)"},
		{"2147483648", "?column? bigint"},
		{"'abc'", "?column? character varying(3)"},
		{"null", "?column? character varying(1)"},
		{"count(*)", "count bigint"},
		{"sum(a)", "sum bigint"},
		{"sum(big)", "sum bigint"},
		{"sum(p)", "sum numeric(38,2)"},
		{"sum(f)", "sum double precision"},
		{"avg(a)", "avg bigint"},
		{"avg(p)", "avg numeric(38,2)"},
		{"min(b)", "min character varying(10)"},
		{"max(a) + 1", "?column? integer"},
		{"approximate count(distinct a)", "count bigint"},
		{"listagg(b, ',') within group (order by a)", "listagg character varying(65535)"},
		{"median(a)", "median double precision"},
		{"dateadd(day, 1, d)", "date_add timestamp without time zone"},
		{"datediff(day, d, ts)", "date_diff bigint"},
		{"date_trunc('month', tz)", "date_trunc timestamp with time zone"},
		{"extract(year from ts)", "date_part integer"},
		{"date_part(year, ts)", "pgdate_part double precision"},
		{"getdate()", "getdate timestamp without time zone"},
		{"sysdate", "timestamp timestamp without time zone"},
		{"current_date", "date date"},
		{"trunc(ts)", "trunc date"},
		{"trunc(p)", "trunc numeric(10,0)"},
		{"ts - ts", "?column? interval day to second"},
		{"d - d", "?column? integer"},
		{"d + 1", "?column? date"},
		{"d + interval '1 day'", "?column? timestamp without time zone"},
		{"b || c", "?column? character varying(15)"},
		{"b || 'xyz'", "?column? character varying(13)"},
		{"nvl(b, 'x')", "coalesce character varying(10)"},
		{"decode(a, 1, 'one', 'other')", "case character varying(5)"},
		{"nvl2(a, 1.5, 2)", "case numeric(11,1)"},
		{"case when ok then 1 else 2 end", "case integer"},
		{"case when ok then 1 else a end", "a integer"},
		{"cast(a as varchar(5))", "a character varying(5)"},
		{"1::smallint", "int2 smallint"},
		{"'x'::varchar", "varchar character varying(256)"},
		{"len(b)", "len integer"},
		{"upper(b)", "upper character varying(10)"},
		{"trim(b)", "btrim character varying(10)"},
		{"json_extract_path_text(b, 'k')", "json_extract_path_text character varying(65535)"},
		{"v.x.y", "y super"},
		{"v.x[0]::int", "x integer"},
		{"json_typeof(v)", "json_typeof character varying(16)"},
		{"exists (select 1)", "?column? boolean"},
		{"(select 1)", "?column? integer"},
		{"a in (1, 2)", "?column? boolean"},
		{"current_user", "current_user character varying(128)"},
		{"row_number() over (order by a)", "row_number bigint"},
		{"lag(b) over (order by a)", "lag character varying(10)"},
		{"ratio_to_report(a) over ()", "ratio_to_report double precision"},
		{"has_database_privilege('IAMR:r', 'dev', 'CREATE')", "has_database_privilege boolean"},
		{"array(select relname from pg_catalog.pg_class)", "?column? name[]"},
	}
	for _, test := range tests {
		t.Run(test.expr, func(t *testing.T) {
			c := bound(t, "select "+test.expr+" from t", testEnv{"current_user": "ann"}).Columns
			require.Len(t, c, 1)
			require.Equal(t, test.want, c[0].Name+" "+c[0].Type.String())
		})
	}
}

func TestBindErrorsSpeakRedshift(t *testing.T) {
	tests := []struct {
		sql, state, want string
		pos              int
	}{
		{"select nope(1, 'a', 2.5)", "42883", `function nope(integer, "unknown", numeric) does not exist`, 8},
		{"select * from read_csv('/etc/passwd')", "42883", `function read_csv("unknown") does not exist`, 15},
		{"select read_text('x')", "42883", `function read_text("unknown") does not exist`, 8},
		{"select x.f(1)", "42883", "function x.f(integer) does not exist", 8},
		{"select z from t", "42703", `column "z" does not exist in t`, 8},
		{"select t.z from t", "42703", `column "z" does not exist in t`, 8},
		{"select z", "42703", `column "z" does not exist`, 8},
		{"select q.z from t", "42P01", `relation "q" does not exist`, 8},
		{"select q.* from t", "42P01", `relation "q" does not exist`, 8},
		{"select * from missing", "42P01", `relation "missing" does not exist`, 15},
		{"select * from nowhere.t", "3F000", `schema "nowhere" does not exist`, 15},
		{"select * from other.public.t", "3D000", `database "other" does not exist`, 15},
		{"select a from t, u", "42702", `column reference "a" is ambiguous`, 8},
		{"select 1 from t, t", "42712", `table name "t" specified more than once`, 18},
		{"select *", "42601", "SELECT * with no tables specified is not valid", 8},
		{"select a, count(*) from t", "42803", `column "t.a" must appear in the GROUP BY clause or be used in an aggregate function`, 8},
		{"select x.b from t x group by x.a", "42803", `column "x.b" must appear in the GROUP BY clause or be used in an aggregate function`, 8},
		{"select a from t having a > 1", "42803", `column "t.a" must appear in the GROUP BY clause or be used in an aggregate function`, 8},
		{"select a from t group by a order by b", "42803", `column "t.b" must appear in the GROUP BY clause or be used in an aggregate function`, 37},
		{"select sum(sum(a)) from t", "42803", "aggregate function calls may not be nested", 12},
		{"select a from t where sum(a) > 1", "42803", "aggregates not allowed in WHERE clause", 23},
		{"select sum(a) over (order by a) from t", "42P20", "Aggregate window functions with an ORDER BY clause require a frame clause", 8},
		{"select rank() from t", "42P20", "window function rank requires an OVER clause", 8},
		{"select b = 1 from t", "42883", "operator does not exist: character varying = integer", 10},
		{"select ok + 1 from t", "42883", "operator does not exist: boolean + integer", 11},
		{"select 1 from t where a", "42804", "argument of WHERE must be type boolean, not type integer", 23},
		{"select ok::varchar from t", "42846", "cannot cast type boolean to character varying", 10},
		{"select 'x'::int", "22P02", `invalid input syntax for integer: "x"`, 8},
		{"select 1 from t where a = 'x'", "22P02", `invalid input syntax for integer: "x"`, 27},
		{"select '70000'::smallint", "22003", `value "70000" is out of range for type smallint`, 8},
		{"select date '2026-02-30'", "22007", `invalid input syntax for type date: "2026-02-30"`, 8},
		{"select a from t union select a, b from t", "42601", "each UNION query must have the same number of columns", 17},
		{"select a from t union select b from t", "42804", "UNION types integer and character varying cannot be matched", 17},
		{"select a from t union select a from u order by a + 1", "0A000", "ORDER BY on a UNION/INTERSECT/EXCEPT result must be on one of the result columns", 50},
		{"select a from t order by 2", "42P10", "ORDER BY position 2 is not in select list", 26},
		{"select distinct a from t order by b", "42P10", "for SELECT DISTINCT, ORDER BY expressions must appear in select list", 35},
		{"select a from t where a in (select a, b from t)", "42601", "subquery must return only one column", 29},
		{"select a from t limit b", "42P10", "argument of LIMIT must not contain variables", 23},
		{"select * from ext.events", "0A000", "Nested tables do not support '*' in the SELECT clause.", 8},
		{"select properties from ext.events", "42703", `column "properties" does not exist in events`, 8},
		{"select dateadd(fortnight, 1, d) from t", "42703", `column "fortnight" does not exist in t`, 16},
		{"select datediff('fortnight', d, d) from t", "22023", `date part "fortnight" is not recognized`, 17},
		{"with x as (select 1), x as (select 2) select * from x", "42712", `WITH query name "x" specified more than once`, 23},
		{"with recursive x as (select 1 union all select 1 from x) select * from x", "42601", `recursive CTE "x" must have a column name list`, 16},
		{`select "$path" from t`, "42703", `column "$path" does not exist in t`, 8},
		{"select json_extract_path_text(b, '1', '2', '3', '4', '5', '6') from t", "22023", "JSON_EXTRACT_PATH_TEXT takes at most 5 path elements", 8},
		{"select a ~ 'x' from t", "42883", `operator does not exist: integer ~ "unknown"`, 10},
		{"select b ~ '(' from t", "2201B", "invalid regular expression: (", 12},
		{"select current_setting('nope')", "42704", `unrecognized configuration parameter "nope"`, 24},
	}
	for _, test := range tests {
		t.Run(test.sql, func(t *testing.T) {
			_, err := bind(t, test.sql, testEnv{})
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.want, e.Message)
			require.Equal(t, test.state, e.SQLState)
			require.Equal(t, test.pos, e.Position)
		})
	}
}

func TestNamesFoldUnlessIdentifiersAreCaseSensitive(t *testing.T) {
	for _, sql := range []string{`select "A" from T`, `select "T"."A" from "T"`, `select x.a from t "X"`} {
		require.Equal(t, "a", bound(t, sql, testEnv{}).Columns[0].Name, sql)
	}
	sensitive := testEnv{"enable_case_sensitive_identifier": "on"}
	require.Equal(t, Int4, bound(t, `select "Upper" from mixed`, sensitive).Columns[0].Type)
	require.Equal(t, Int8, bound(t, `select Upper from mixed`, sensitive).Columns[0].Type)
	_, err := bind(t, `select "A" from t`, sensitive)
	require.EqualError(t, err, `column "A" does not exist in t`)
}

func TestParametersTakeTheirTypeFromTheirSurroundings(t *testing.T) {
	b := bound(t, "select $1 + a, b || $2, $3::date, $4 from t where ts > $5 and a in ($6, $7) limit $8", testEnv{})
	require.Equal(t, []Type{Int4, Varchar(MaxVarcharLength), Date, Varchar(MaxVarcharLength), Timestamp, Int4, Int4, Int8}, b.Params)
	given, err := bind(t, "select $1, $2 = a from t", testEnv{}, Int8)
	require.NoError(t, err)
	require.Equal(t, []Type{Int8, Int4}, given.Params)
	require.Equal(t, Int8, given.Columns[0].Type)
}

func TestNestedColumnsSerializeWhenAsked(t *testing.T) {
	on := testEnv{"json_serialization_enable": "on"}
	b := bound(t, "select * from ext.events", on)
	for _, c := range b.Columns {
		require.False(t, c.Type.Nested(), c.Name)
	}
	require.Equal(t, Varchar(MaxVarcharLength), bound(t, "select properties from ext.events", on).Columns[0].Type)
	require.Equal(t, Float8, bound(t, "select e.properties.price from ext.events e", testEnv{}).Columns[0].Type)
	require.Equal(t, Int4, bound(t, "select i.qty from ext.events e, e.items i", testEnv{}).Columns[0].Type)
	require.Equal(t, Varchar(MaxVarcharLength), bound(t, "select json_extract_path_text(properties, '$city') from ext.events", testEnv{}).Columns[0].Type)
}

func TestScansAskForWhatTheQueryNeeds(t *testing.T) {
	b := bound(t, `select e.event_name, "$path" from ext.events e where props like '%x%' and mp_date > '2026-05-01'`, testEnv{})
	require.Len(t, b.Scans, 1)
	require.Equal(t, []string{"event_name", "props", "mp_date"}, b.Scans[0].Columns)
	require.True(t, b.Scans[0].NeedsPath)
	require.False(t, b.Scans[0].NeedsSize)
	require.Empty(t, bound(t, "select count(*) from ext.events", testEnv{}).Scans[0].Columns)
	star := bound(t, "select * from ext.events", testEnv{"json_serialization_enable": "on"})
	require.Len(t, star.Columns, 9, "pseudo-columns are not in *")
	require.False(t, star.Scans[0].NeedsPath)
	require.Len(t, bound(t, "select a.hour from ext.events a, ext.events b where a.hour = b.hour", testEnv{}).Scans, 2)
}

func TestLimitsReachOnlyScansThatMayBeCut(t *testing.T) {
	limit := func(sql string) *int64 { return bound(t, sql, testEnv{}).Scans[0].Limit }
	require.EqualValues(t, 5, *limit("select event_name from ext.events limit 5"))
	require.EqualValues(t, 5, *limit("select top 5 upper(event_name) from ext.events"))
	for _, sql := range []string{
		"select count(*) from ext.events limit 5",
		"select event_name from ext.events where hour = 1 limit 5",
		"select event_name from ext.events order by 1 limit 5",
		"select distinct event_name from ext.events limit 5",
		"select event_name from ext.events limit 5 offset 5",
		"select event_name from ext.events group by 1 limit 5",
		"select row_number() over (order by hour) from ext.events limit 5",
		"select 1 from ext.events, t limit 5",
		"select event_name from ext.events union all select 'x' limit 5",
		"select event_name from ext.events qualify rank() over (order by hour) = 1 limit 5",
	} {
		if strings.Contains(sql, "qualify") {
			sql = strings.Replace(sql, "ext.events", "ext.events e", 1)
		}
		require.Nil(t, limit(sql), sql)
	}
}

// TestTranslations compares the DuckDB SQL with the golden file, in which a
// line with a query is followed by its translation.
func TestTranslations(t *testing.T) {
	const path = "testdata/translate.golden"
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "=> ") {
			continue
		}
		out.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		sql, err := bound(t, line, testEnv{"current_user": "ann", "json_serialization_enable": "on"}).DuckDB(func(s *Scan) (string, error) {
			return "scan(" + strings.Join(s.Columns, ", ") + ")", nil
		})
		require.NoError(t, err)
		out.WriteString("=> " + strings.ReplaceAll(sql, "\n", " ") + "\n")
	}
	golden.Equal(t, path, []byte(out.String()))
}
