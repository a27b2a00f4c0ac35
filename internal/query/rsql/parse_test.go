package rsql

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// sameAST compares nodes without positions and source texts.
var sameAST = cmp.Options{
	cmp.Comparer(func(Pos, Pos) bool { return true }),
	cmp.Comparer(func(Source, Source) bool { return true }),
}

// canonical maps statements to their canonical text; an empty text means that
// the statement is canonical already.
var canonical = []struct{ name, sql, want string }{
	{"a select without a table", "SELECT 1", "select 1"},
	{"a select list with aliases", `select a, b.c AS "D", e f from g`, `select a, b.c as "D", e as f from g`},
	{"stars", "select *, t.*, s.t.* exclude (a, b) from s.t", ""},
	{"top and distinct", "select distinct top 5 a from t", ""},
	{"all joins", "select * from a, b inner join c on a.x = c.x left outer join d using (y) natural join e cross join f full join g on true",
		"select * from a, b inner join c on a.x = c.x left join d using (y) natural inner join e cross join f full join g on true"},
	{"nested joins", "select * from a left join b join c on b.x = c.x on a.x = b.x", "select * from a left join (b inner join c on b.x = c.x) on a.x = b.x"},
	{"joins in parentheses", "select * from (a join b on true) join c on true", "select * from a inner join b on true inner join c on true"},
	{"subqueries everywhere", "select (select 1), exists(select 2) from (select 3) x where a in (select 4) and b = any (select 5)",
		"select (select 1), exists (select 2) from (select 3) as x where (a in (select 4)) and (b = any (select 5))"},
	{"common table expressions", "with recursive a(n) as (select 1 union all select n+1 from a), b as (select 2) select * from a, b",
		"with recursive a(n) as (select 1 union all select n + 1 from a), b as (select 2) select * from a, b"},
	{"set operations bind intersect first", "select 1 union select 2 intersect select 3 minus select 4", "(select 1 union (select 2 intersect select 3)) except select 4"},
	{"a limited operand", "(select 1 order by 1 limit 2) union all select 3", ""},
	{"parentheses around everything", "((select 1))", "select 1"},
	{"order, limit and offset", "select a from t order by a desc nulls last, 2 asc limit 5 offset 10 rows", "select a from t order by a desc nulls last, 2 limit 5 offset 10"},
	{"fetch first", "select a from t fetch first 3 rows only", "select a from t limit 3"},
	{"limit all is no limit", "select a from t limit all", "select a from t"},
	{"grouping", "select a from t group by 1, rollup(a, (b, c)), cube(d), grouping sets ((a), (b), ()) having count(*) > 1",
		"select a from t group by 1, rollup((a), (b, c)), cube((d)), grouping sets((a), (b), ()) having count(*) > 1"},
	{"group by all", "select a from t group by all", ""},
	{"qualify after from needs an alias", "select a from t x qualify row_number() over (order by a) = 1", "select a from t as x qualify row_number() over (order by a) = 1"},
	{"values", "values (1, 'a'), (2, null)", ""},
	{"select into", "select a into temp t2 from t", "select a into temporary table t2 from t"},
	{"windows", "select sum(a) over (partition by b order by c rows unbounded preceding) from t",
		"select sum(a) over (partition by b order by c rows between unbounded preceding and current row) from t"},
	{"frames", "select lag(a, 1) ignore nulls over (order by c), avg(a) over (order by c rows between 3 preceding and 1 following) from t", ""},
	{"listagg", "select listagg(distinct a, ',') within group (order by b desc) from t", ""},
	{"approximate", "select approximate count(distinct a) from t", ""},
	{"precedence of or, and, not", "select a or b and not c = d", "select a or (b and (not (c = d)))"},
	{"precedence of arithmetic", "select a + b * c - -d ^ 2", "select (a + (b * c)) - ((- d) ^ 2)"},
	{"comparison of concatenations", "select a || b = c || d", "select (a || b) = (c || d)"},
	{"is after a comparison", "select a = b is true, a is null, b isnull, c notnull", "select (a = b) is true, a is null, b is null, c is not null"},
	{"casts", "select a::int, cast(b as varchar(max)), convert(decimal(10, 2), c), -1::smallint, try_cast(d as date)",
		"select cast(a as integer), cast(b as varchar(65535)), cast(c as numeric(10,2)), - cast(1 as smallint), try_cast(d as date)"},
	{"patterns", "select a like 'x' escape '!', a not ilike b, a similar to 'c', a ~ 'd', a !~* 'e', a ~~ 'f'",
		"select a like 'x' escape '!', a not ilike b, a similar to 'c', a ~ 'd', a !~* 'e', a like 'f'"},
	{"between and in", "select a between 1 and 2 and b, a not between symmetric 1 and 2, a in (1, 2), (a, b) not in ((1, 2))",
		"select (a between 1 and 2) and b, a not between symmetric 1 and 2, a in (1, 2), (a, b) not in ((1, 2))"},
	{"case", "select case a when 1 then 'x' else 'y' end, case when a then b end", ""},
	{"typed literals", "select date '2026-05-01', timestamp '2026-05-01 10:00', timestamp with time zone 'now', interval '1' day, interval '1-2' year to month",
		"select date '2026-05-01', timestamp '2026-05-01 10:00', timestamptz 'now', interval '1' day, interval '1-2' year to month"},
	{"functions with words for arguments", "select extract(year from a), trim(both 'x' from b), trim(leading from c), substring(d from 2 for 3), position('a' in b), overlay(a placing b from 1 for 2)",
		"select extract('year' from a), btrim(b, 'x'), ltrim(c), substring(d, 2, 3), position('a' in b), overlay(a placing b from 1 for 2)"},
	{"functions without parentheses", "select sysdate, current_date, current_user, user", ""},
	{"time zones and collations", "select a at time zone 'UTC', a collate case_insensitive", ""},
	{"nested values", "select a.b.c, a.b[0].c[1], (a || b).c, t.v.\"D\"", ""},
	{"iteration of nested values", "select * from t c, c.orders o at i, c.x[0].y z, unpivot c.v as val at k", "select * from t as c, c.orders as o at i, c.x[0].y as z, unpivot c.v as val at k"},
	{"operators with a schema", "select a operator(pg_catalog.~) '^x$', array(select 1), b = any(array_column), c[1]", "select a ~ '^x$', array(select 1), b = any (array_column), c[1]"},
	{"parameters", "select $1, $2::int", "select $1, cast($2 as integer)"},
	{"dollar quotes and escapes", `select $$it's$$, 'a\\b', E'\n'`, "select 'it''s', 'a\\\\b', '\n'"},
	{"a column definition list", "select * from pg_get_late_binding_view_cols() cols(view_schema name, col_num int)", "select * from pg_get_late_binding_view_cols() as cols(view_schema name, col_num integer)"},
	{"temporary table names", "select * from #t", ""},

	{"set", "SET json_serialization_enable TO true", "set json_serialization_enable to 'true'"},
	{"set with a list", "set search_path = '$user', Public", "set search_path to '$user', 'public'"},
	{"set of a session variable", "set app.tenant to 'x'", ""},
	{"set local, default, time zone", "set local timezone to default; set time zone 'UTC'; set session authorization default",
		"set local timezone to default; set timezone to 'UTC'; set session_authorization to default"},
	{"reset and show", "reset all; show all; show time zone; show search_path", "reset all; show all; show timezone; show search_path"},
	{"show of objects", `show databases like 'd%'; show schemas from database "db"; show tables from schema db.s like 'x%' limit 5; show columns from table db.s.t; show grants on table s.t`,
		`show databases like 'd%'; show schemas from database "db"; show tables from schema db.s like 'x%' limit 5; show columns from table db.s.t; show grants on table s.t`},
	{"show of constraints", "show constraints primary keys from table t; show constraints foreign keys exported from table t; show table s.t; show view v; show parameters of function f(int)",
		"show constraints primary keys from table t; show constraints foreign keys exported from table t; show table s.t; show view v; show parameters of function f"},
	{"transactions", "begin; start transaction isolation level serializable read only; commit work; end; rollback; abort",
		"begin; begin isolation level serializable read only; commit; commit; rollback; rollback"},
	{"cursors", "declare c cursor for select 1; fetch next from c; fetch all in c; fetch forward 5 from c; fetch 3 from c; close c",
		"declare c cursor for select 1; fetch forward 1 from c; fetch forward all from c; fetch forward 5 from c; fetch forward 3 from c; close c"},
	{"prepared statements", "prepare p (int, varchar(5)) as select $1; execute p(1, 'a'); deallocate prepare p; deallocate all",
		"prepare p(integer, varchar(5)) as select $1; execute p(1, 'a'); deallocate p; deallocate all"},
	{"explain", "explain verbose select 1", ""},
	{"session housekeeping", "discard all; cancel 123 'why'; use dev", ""},

	{"create external schema", "create external schema if not exists s from data catalog database 'd' region 'us-east-1' iam_role 'arn:aws:iam::1:role/r' create external database if not exists",
		"create external schema if not exists s from data catalog database 'd' region 'us-east-1' iam_role 'arn:aws:iam::1:role/r' create external database if not exists"},
	{"create external schema in any order", "create external schema s from data catalog iam_role default catalog_id '1' database 'd' catalog_role 'r'",
		"create external schema s from data catalog database 'd' iam_role default catalog_role 'r' catalog_id '1'"},
	{"federated external schemas", "create external schema s from postgres database 'd' schema 'x' uri 'h' port 5432 iam_role 'r' secret_arn 'a'; create external schema k from kinesis iam_role 'r'",
		"create external schema s from postgres database 'd' schema 'x' uri 'h' port 5432 iam_role 'r' secret_arn 'a'; create external schema k from kinesis iam_role 'r'"},
	{"create external table", `create external table s.t (a varchar(10), b struct<x:int,"Y":array<map<varchar(5),bigint>>>) partitioned by (d date) row format serde 'org.openx.data.jsonserde.JsonSerDe' with serdeproperties ('a'='b') stored as textfile location 's3://b/p/' table properties ('numRows'='5')`,
		`create external table s.t (a varchar(10), b struct<x: integer, "Y": array<map<varchar(5), bigint>>>) partitioned by (d date) row format serde 'org.openx.data.jsonserde.JsonSerDe' with serdeproperties ('a'='b') stored as textfile location 's3://b/p/' table properties ('numRows'='5')`},
	{"create external table delimited", `create external table s.t (a int) row format delimited fields terminated by '\t' stored as inputformat 'i' outputformat 'o' location 's3://b/'`,
		"create external table s.t (a integer) row format delimited fields terminated by '\t' stored as inputformat 'i' outputformat 'o' location 's3://b/'"},
	{"partitions", "alter table s.t add if not exists partition (d='2026-05-01', h=5) location 's3://a/' partition (d='x', h=6) location 's3://b/'; alter table s.t drop partition (d='x'); alter table s.t partition (d='x') set location 's3://c/'; alter table s.t set location 's3://d/'",
		"alter table s.t add if not exists partition (d='2026-05-01', h='5') location 's3://a/' partition (d='x', h='6') location 's3://b/'; alter table s.t drop partition (d='x'); alter table s.t partition (d='x') set location 's3://c/'; alter table s.t set location 's3://d/'"},
	{"other alterations", "alter table t add column a int; alter table t drop a cascade; alter table t rename to u; alter table t rename a to b; alter table t owner to x; alter table t set file format parquet; alter table t set table properties ('a'='b')",
		"alter table t add column a integer; alter table t drop column a cascade; alter table t rename to u; alter table t rename column a to b; alter table t owner to x; alter table t set file format parquet; alter table t set table properties ('a'='b')"},
	{"schemas and databases", `create schema if not exists s authorization u; drop schema if exists a, b drop external database cascade; create database d with owner = u; drop database d`,
		`create schema if not exists s authorization u; drop schema if exists a, b drop external database cascade; create database d owner u; drop database d`},
	{"create table", "create temp table if not exists t (a int identity(1, 1) not null primary key, b varchar(5) default 'x' encode zstd, c date sortkey, unique (a, b), constraint f foreign key (b) references u (x)) diststyle key distkey (a) compound sortkey (a, b)",
		"create temporary table if not exists t (a integer not null identity(1, 1) primary key, b varchar(5) default 'x' encode zstd, c date sortkey, unique (a, b), constraint f foreign key (b) references u (x)) diststyle key distkey(a) compound sortkey(a, b)"},
	{"create table as", "create table t (x) backup no as select 1; create table u (like t)", ""},
	{"views", "create or replace view v (a) as select 1 with no schema binding; drop view if exists v cascade; drop table a, b; drop materialized view m; truncate t",
		"create or replace view v(a) as select 1 with no schema binding; drop view if exists v cascade; drop table a, b; drop materialized view m; truncate table t"},
	{"insert", "insert into t (a, b) values (1, default), (2, 'x'); insert into t select * from u; insert into t default values", ""},
	{"update and delete", "update t x set a = 1, b = default from u where x.c = u.c; delete from t using u where t.a = u.a; delete t",
		"update t as x set a = 1, b = default from u where x.c = u.c; delete from t using u where t.a = u.a; delete from t"},
	{"grants", `GRANT USAGE ON SCHEMA "mp_json_export" TO "IAM:ann"; grant select (a, b), update on s.t to group g, role r with grant option; grant all privileges on database d to public; grant role r to u; grant create user to role r; revoke grant option for select on all tables in schema s from u cascade`,
		`grant usage on schema "mp_json_export" to "IAM:ann"; grant select (a, b), update on table s.t to group g, role r with grant option; grant all on database d to public; grant role r to u; grant create user to role r; revoke grant option for select on all tables in schema s from u cascade`},
}

func printAll(statements []Statement) string {
	texts := make([]string, len(statements))
	for i, s := range statements {
		texts[i] = Print(s)
	}
	return strings.Join(texts, "; ")
}

func TestStatementsPrintCanonically(t *testing.T) {
	for _, test := range canonical {
		t.Run(test.name, func(t *testing.T) {
			parsed, err := Parse(test.sql)
			require.NoError(t, err)
			want := test.want
			if want == "" {
				want = test.sql
			}
			require.Equal(t, want, printAll(parsed))
			again, err := Parse(want)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(parsed, again, sameAST))
		})
	}
}

func TestCatalogQueriesOfPsqlParse(t *testing.T) {
	for _, sql := range []string{
		`SELECT n.nspname as "Schema", c.relname as "Name", CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END as "Type", pg_catalog.pg_get_userbyid(c.relowner) as "Owner"
FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r','p','v','m','S','f','') AND n.nspname !~ '^pg_toast' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2;`,
		`SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname OPERATOR(pg_catalog.~) '^(t)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 2, 3;`,
		`SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT substring(pg_catalog.pg_get_expr(d.adbin, d.adrelid) for 128) FROM pg_catalog.pg_attrdef d
WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef), a.attnotnull FROM pg_catalog.pg_attribute a WHERE a.attrelid = '16384' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;`,
		`SELECT d.datname as "Name", pg_catalog.array_to_string(d.datacl, E'\n') AS "Access privileges" FROM pg_catalog.pg_database d ORDER BY 1;`,
		`SELECT r.rolname, ARRAY(SELECT b.rolname FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles b ON (m.roleid = b.oid) WHERE m.member = r.oid) as memberof FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1;`,
	} {
		parsed, err := Parse(sql)
		require.NoError(t, err, sql)
		again, err := Parse(Print(parsed[0]))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(parsed, again, sameAST))
	}
}

func TestScriptsSplitAtSemicolonsOutsideOfTexts(t *testing.T) {
	parsed, err := Parse("; select ';' ; -- a; b\n select \"a;b\" /* ; */ ;;  ")
	require.NoError(t, err)
	require.Len(t, parsed, 2)
	require.Equal(t, "select ';'", parsed[0].SourceText())
	require.Equal(t, `select "a;b"`, parsed[1].SourceText())
	require.Equal(t, 3, parsed[0].Position())
	empty, err := Parse("-- nothing")
	require.NoError(t, err)
	require.Empty(t, empty)
}

func TestSyntaxErrorsNameTheTokenAndItsPosition(t *testing.T) {
	tests := []struct {
		sql, state, want string
		pos              int
	}{
		{"selec 1", "42601", `syntax error at or near "selec"`, 1},
		{"select 1 +", "42601", "syntax error at end of input", 11},
		{"select 1;\nselect from t", "42601", `syntax error at or near "from"`, 18},
		{"select 'é', a b c from t", "42601", `syntax error at or near "c"`, 17},
		{"select (1, 2", "42601", "syntax error at end of input", 13},
		{"select 1 2", "42601", `syntax error at or near "2"`, 10},
		{"select * from select", "42601", `syntax error at or near "select"`, 15},
		{"select [1]", "42601", `syntax error at or near "["`, 8},
		{"select x -> x", "42601", `syntax error at or near ">"`, 11},
		{"select a from t qualify a = 1", "42601", `syntax error at or near "a"`, 25},
		{"select count(*) filter (where true)", "42601", `syntax error at or near "("`, 24},
		{"select a::nonsense", "42704", `type "nonsense" does not exist`, 11},
		{"select a::varchar(70000)", "22023", "length for type character varying cannot exceed 65535", 18},
		{"select a::decimal(39, 2)", "22023", "DECIMAL precision 39 must be between 1 and 38", 18},
		{"from t", "42601", `syntax error at or near "from"`, 1},
		{"create index i on t (a)", "42601", `syntax error at or near "index"`, 8},
		{"pragma version", "42601", `syntax error at or near "pragma"`, 1},
		{"copy t from 's3://x'", "0A000", "COPY is not supported", 1},
		{"grant fly on t to u", "42601", `syntax error at or near "fly"`, 7},
		{"create external schema s from data catalog databse 'd'", "42601", `syntax error at or near "databse"`, 44},
		{"select $0", "42P02", "there is no parameter $0", 8},
		{"select 1 limit 1 limit 2", "42601", "multiple LIMIT clauses not allowed", 18},
		{"fetch backward 1 from c", "0A000", "cursors can only move forward", 7},
	}
	for _, test := range tests {
		t.Run(test.sql, func(t *testing.T) {
			_, err := Parse(test.sql)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.want, e.Message)
			require.Equal(t, test.state, e.SQLState)
			require.Equal(t, test.pos, e.Position)
		})
	}
}

func TestDeepNestingFailsCleanly(t *testing.T) {
	for name, sql := range map[string]string{
		"parentheses": "select " + strings.Repeat("(", 100_000) + "1",
		"brackets":    "select a" + strings.Repeat("[a", 100_000),
		"not":         "select " + strings.Repeat("not ", 100_000) + "a",
		"minus":       "select " + strings.Repeat("- ", 100_000) + "1",
		"case":        "select " + strings.Repeat("case when ", 100_000),
		"chain":       "select 1" + strings.Repeat(" + 1", 100_000),
		"casts":       "select 1" + strings.Repeat("::int", 100_000),
		"queries":     "select * from " + strings.Repeat("(select * from ", 100_000) + "t",
		"unions":      "select 1" + strings.Repeat(" union select 1", 100_000),
		"joins":       "select * from t" + strings.Repeat(" cross join t", 100_000),
		"types":       "create external table t (a " + strings.Repeat("array<", 100_000),
		"explains":    strings.Repeat("explain ", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(sql)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, StateStatementTooComplex, e.SQLState)
		})
	}
}
