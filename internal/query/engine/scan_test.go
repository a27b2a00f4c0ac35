package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// scanner reads tables of a lake without a session, as a query of the given columns would.
type scanner struct {
	*lake
	engine *Engine
	conn   *duck.Conn
}

func newScanner(t testing.TB) *scanner {
	t.Helper()
	l := newLake(t)
	o := l.options()
	db, err := duck.Open(duck.Options{Folders: []string{l.dir}, Threads: 2, Settings: []string{"SET GLOBAL TimeZone = 'UTC'"}})
	require.NoError(t, err)
	conn, err := db.Connect()
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(); db.Close() })
	return &scanner{l, &Engine{catalog: l.catalog, buckets: o.Buckets, meta: l.meta, log: o.Log, stageDir: l.dir}, conn}
}

// rows gives the columns of a table as text, one row a line, in the order of the rows' text.
func (s *scanner) rows(table string, names ...string) ([]string, error) {
	return s.read(table, "", names...)
}

// aggregate gives expressions over columns of a table.
func (s *scanner) aggregate(table, expressions string, names ...string) (string, error) {
	got, err := s.read(table, expressions, names...)
	return strings.Join(got, "\n"), err
}

func (s *scanner) read(table, items string, names ...string) ([]string, error) {
	glue, err := s.catalog.GetTable(context.Background(), glueDatabase, table)
	require.NoError(s.t, err)
	cols, err := glueColumns(glue)
	require.NoError(s.t, err)
	scan := &rsql.Scan{Relation: &rsql.Relation{Schema: "lake", Name: table, Columns: cols, External: true}}
	for _, n := range names {
		switch n {
		case pseudoPath:
			scan.NeedsPath = true
		case pseudoSize:
			scan.NeedsSize = true
		default:
			scan.Columns = append(scan.Columns, n)
		}
	}
	plan, from, err := s.engine.planScan(context.Background(), glue, "", scan, func(all []slice) []slice { return all })
	if err != nil {
		return nil, err
	}
	defer plan.close()
	if items == "" {
		for i, n := range names {
			if i > 0 {
				items += ", "
			}
			items += "coalesce(" + duck.QuoteName(n) + "::VARCHAR, 'NULL')"
		}
		if len(names) == 0 {
			items = "count(*)::VARCHAR"
		}
	}
	r, err := s.conn.Query(context.Background(), "SELECT concat_ws('|', "+items+") FROM "+from, false)
	if err != nil {
		return nil, first(plan.failure(err), err)
	}
	defer r.Close()
	var out []string
	for {
		chunk, err := r.Next()
		if err != nil {
			return nil, first(plan.failure(err), err)
		}
		if chunk == nil {
			slices.Sort(out)
			return out, nil
		}
		for row := range chunk.Len() {
			out = append(out, string(chunk.Columns[0].Bytes(row)))
		}
	}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestJSONValuesKeepTheirText(t *testing.T) {
	s := newScanner(t)
	tests := []struct{ typ, json, want string }{
		{"string", `"plain"`, "plain"},
		{"string", `"{\"a\":1.10,\"b\":[\"x\"]}"`, `{"a":1.10,"b":["x"]}`},
		{"string", `"\u00e9\n\ud83d\ude00"`, "é\n😀"},
		{"string", `1.10`, "1.10"},
		{"string", `12345678901234567890123`, "12345678901234567890123"},
		{"string", `1e2`, "1e2"},
		{"string", `true`, "true"},
		{"string", `{"a": 1.0, "b" : [1, 2]}`, `{"a": 1.0, "b" : [1, 2]}`},
		{"string", `[1.50]`, `[1.50]`},
		{"string", `""`, ""},
		{"string", `null`, "NULL"},
		{"string", "\"bad \xff byte\"", "bad \ufffd byte"},
		{"string", `"` + strings.Repeat("x", 65535) + `"`, strings.Repeat("x", 65535)},
		{"string", `"` + strings.Repeat("x", 65536) + `"`, "NULL"},
		{"varchar(3)", `"héy"`, "NULL"},
		{"varchar(4)", `"héy"`, "héy"},
		{"bigint", `9223372036854775807`, "9223372036854775807"},
		{"bigint", `9223372036854775808`, "NULL"},
		{"bigint", `"-42"`, "-42"},
		{"bigint", `1.5`, "NULL"},
		{"int", `2147483648`, "NULL"},
		{"smallint", `-32768`, "-32768"},
		{"boolean", `true`, "true"},
		{"boolean", `"TRUE"`, "true"},
		{"boolean", `"yes"`, "false"},
		{"double", `0.1`, "0.1"},
		{"double", `"x"`, "NULL"},
		{"decimal(10,2)", `12345678.90`, "12345678.90"},
		{"decimal(10,2)", `"no"`, "NULL"},
		{"date", `"2024-02-29"`, "2024-02-29"},
		{"date", `"2023-02-29"`, "NULL"},
		{"timestamp", `"2024-05-01T12:34:56.789Z"`, "2024-05-01 12:34:56.789"},
		{"timestamp", `"2024-05-01 12:34:56"`, "2024-05-01 12:34:56"},
		{"timestamp", `"2024-05-01T12:34:56+02:00"`, "2024-05-01 10:34:56"},
		{"timestamp", `"2024-05-01T12:34:56.123456-0330"`, "2024-05-01 16:04:56.123456"},
		{"timestamp", `"yesterday"`, "NULL"},
		{"timestamp", `1714567890`, "NULL"},
		{"struct<a:int>", `{"a":1.0}`, `{"a":1.0}`},
		{"array<string>", `["a"]`, `["a"]`},
	}
	for i, test := range tests {
		t.Run(fmt.Sprintf("%s as %s", test.json[:min(len(test.json), 40)], test.typ), func(t *testing.T) {
			name := "flat" + strconv.Itoa(i)
			s.table(name, serdeJSON, nil, "v "+test.typ)
			s.put(name+"/a.json", []byte(`{"v":`+test.json+`}`))
			got, err := s.rows(name, "v")
			require.NoError(t, err)
			require.Equal(t, []string{test.want}, got)
		})
	}
}

func TestKeysMatchColumnsAsTheSerDeSays(t *testing.T) {
	s := newScanner(t)
	line := `{"A":"upper","b":"lower","x.y":"dotted","\u0063":"escaped","other":"mapped"}`
	tests := []struct {
		name   string
		params map[string]string
		want   string
	}{
		{"without regard to case by default", nil, "upper|lower|NULL|escaped|NULL"},
		{"exactly when told so", map[string]string{"case.insensitive": "false"}, "NULL|lower|NULL|escaped|NULL"},
		{"with dots as underscores", map[string]string{"dots.in.keys": "true"}, "upper|lower|dotted|escaped|NULL"},
		{"by their mapping", map[string]string{"mapping.m": "other"}, "upper|lower|NULL|escaped|mapped"},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			name := "flat" + strconv.Itoa(i)
			s.table(name, serdeJSON, test.params, "a string", "b string", "x_y string", "c string", "m string")
			s.put(name+"/a.json", []byte(line))
			got, err := s.rows(name, "a", "b", "x_y", "c", "m")
			require.NoError(t, err)
			require.Equal(t, []string{test.want}, got)
		})
	}
}

func TestBrokenFilesFailWithTheirPlace(t *testing.T) {
	s := newScanner(t)
	good := `{"v":"1"}`
	tests := []struct {
		name, file string
		body       []byte
		want       string
	}{
		{"cut object", "a.json", []byte(good + "\n{\"v\":\n" + good), "line 2: Row is not a valid JSON Object"},
		{"array", "a.json", []byte("[1]\n"), "line 1: Row is not a valid JSON Object"},
		{"two objects", "a.json", []byte(good + good), "text after the object"},
		{"byte order mark", "a.json", []byte("\ufeff" + good), "Row is not a valid JSON Object"},
		{"repeated key", "a.json", []byte(`{"v":1,"V":2}`), `Duplicate key "v"`},
		{"not gzip", "a.json.gz", []byte(good), "line 0"},
		{"cut gzip", "a.json.gz", gz(t, good, good)[:20], "a.json.gz"},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			name := "flat" + strconv.Itoa(i)
			s.table(name, serdeJSON, nil, "v string")
			s.put(name+"/"+test.file, test.body)
			_, err := s.rows(name, "v")
			e := s.engine.clientError(err, 1)
			require.Equal(t, "Spectrum Scan Error", e.Message)
			require.Contains(t, e.Detail, test.want)
			require.Contains(t, e.Detail, "s3://lake/"+name+"/"+test.file)
			require.NotContains(t, e.Detail, s.dir, "no path of this machine")
		})
	}
	s.table("flat_lenient", serdeJSON, map[string]string{"ignore.malformed.json": "true"}, "v string")
	s.put("flat_lenient/a.json", []byte(good+"\nnonsense\n\n"))
	got, err := s.rows("flat_lenient", "v")
	require.NoError(t, err)
	require.Equal(t, []string{"1", "NULL", "NULL"}, got, "broken and empty lines are rows of NULLs")
}

func TestHiddenAndEmptyFilesAreLeftOut(t *testing.T) {
	s := newScanner(t)
	s.table("flat", serdeJSON, nil, "v string")
	for _, key := range []string{"a.json", "deep/er/b.json.gz"} {
		body := []byte(`{"v":"` + key + `"}`)
		if strings.HasSuffix(key, ".gz") {
			body = gz(t, string(body))
		}
		s.put("flat/"+key, body)
	}
	for _, key := range []string{"_SUCCESS", ".hidden", "#tmp", "backup~", "_tmp/c.json", "deep/.x/d.json"} {
		s.put("flat/"+key, []byte("not JSON"))
	}
	s.put("flat/empty.json.gz", nil)
	s.put("flatter/x.json", []byte("not JSON"))
	got, err := s.rows("flat", "v", pseudoPath, pseudoSize)
	require.NoError(t, err)
	size := len(s.get("flat/deep/er/b.json.gz"))
	require.Equal(t, []string{"a.json|s3://lake/flat/a.json|14", fmt.Sprintf("deep/er/b.json.gz|s3://lake/flat/deep/er/b.json.gz|%d", size)}, got)
}

func TestLongLinesAndManyRowsAreRead(t *testing.T) {
	s := newScanner(t)
	s.table("flat", serdeJSON, nil, "v string", "n bigint", "big string")
	var lines []string
	for i := range 10_000 {
		lines = append(lines, fmt.Sprintf(`{"n":%d,"v":"value number %d"}`, i, i))
	}
	lines = append(lines, `{"n":-1,"big":"`+strings.Repeat("y", 3<<20)+`","v":"after a long value"}`)
	s.put("flat/a.json.gz", gz(t, lines...))
	got, err := s.rows("flat", "v")
	require.NoError(t, err)
	require.Len(t, got, 10_001)
	require.Equal(t, "after a long value", got[0])
	got, err = s.rows("flat")
	require.NoError(t, err)
	require.Equal(t, []string{"10001"}, got, "rows are counted without columns")
}

func TestPartitionValuesAreTheirTypes(t *testing.T) {
	for _, serde := range []string{serdeJSON, serdeParquet} {
		t.Run(serde, func(t *testing.T) {
			s := newScanner(t)
			s.table("events", serde, nil, "v string")
			for _, folder := range []string{"one", "two", "none"} {
				s.file(serde, "events/"+folder+"/f", "SELECT '"+folder+"' AS v", `{"v":"`+folder+`"}`)
			}
			s.partition("events", map[string]string{"2024-05-01": "events/one/", "2024-05-02": "events/two", hiveNull: "events/none/"})
			got, err := s.rows("events", "v", "mp_date")
			require.NoError(t, err)
			require.Equal(t, []string{"none|NULL", "one|2024-05-01", "two|2024-05-02"}, got)
			got, err = s.rows("events", "mp_date")
			require.NoError(t, err)
			require.Equal(t, []string{"2024-05-01", "2024-05-02", "NULL"}, got)
			got, err = s.rows("events")
			require.NoError(t, err)
			require.Equal(t, []string{"3"}, got)
		})
	}
}

// file writes a file in the SerDe's format: Parquet from a query, JSON from lines.
func (s *scanner) file(serde, key, query, lines string) {
	s.t.Helper()
	if serde == serdeJSON {
		s.put(key+".json", []byte(lines))
		return
	}
	tmp := filepath.Join(s.dir, "tmp.parquet")
	require.NoError(s.t, s.conn.Exec("COPY ("+query+") TO "+duck.Quote(tmp)+" (FORMAT parquet)"))
	body, err := os.ReadFile(tmp)
	require.NoError(s.t, err)
	s.put(key+".parquet", body)
}

func TestParquetColumnsAreReadByNameInTheirDeclaredTypes(t *testing.T) {
	s := newScanner(t)
	s.table("flat", serdeParquet, nil, "a bigint", "b string", "added double", "s struct<x:int,y:string>", "at timestamp")
	s.file(serdeParquet, "flat/1", "SELECT 1::INT AS A, 'x' AS b, {'x': 7, 'y': 'z'} AS s, TIMESTAMPTZ '2024-05-01 00:00:00+00' AS at, 9 AS unknown", "")
	s.file(serdeParquet, "flat/2", "SELECT 'y' AS b, 2.5 AS added", "")
	got, err := s.rows("flat", "a", "b", "added", "s", "at", pseudoPath)
	require.NoError(t, err)
	require.Equal(t, []string{
		`1|x|NULL|{"x":7,"y":"z"}|2024-05-01 00:00:00|s3://lake/flat/1.parquet`,
		"NULL|y|2.5|NULL|NULL|s3://lake/flat/2.parquet",
	}, got)
}

func TestManyPartitionsArePlannedFast(t *testing.T) {
	s := newScanner(t)
	s.table("events", serdeJSON, nil, "v string")
	folders := map[string]string{}
	day := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 500 {
		folder := fmt.Sprintf("events/%03d/", i)
		folders[day.AddDate(0, 0, i).Format(time.DateOnly)] = folder
		path, err := s.bucket.LocalPath(folder + "f.json")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(`{"v":"x"}`), 0o600))
	}
	s.partition("events", folders)
	began := time.Now()
	got, err := s.rows("events")
	require.NoError(t, err)
	require.Equal(t, []string{"500"}, got)
	t.Logf("500 partitions were read in %s", time.Since(began))
}

func TestBrokenParquetFailsWithItsPlace(t *testing.T) {
	s := newScanner(t)
	s.table("flat", serdeParquet, nil, "n bigint")
	s.put("flat/a.parquet", []byte("this is not a Parquet file at all"))
	_, err := s.rows("flat", "n")
	e := s.engine.clientError(err, 1)
	require.Equal(t, "Spectrum Scan Error", e.Message)
	require.Contains(t, e.Detail, "s3://lake/flat/a.parquet")
	require.NotContains(t, e.Detail, s.dir)
}

// remote is a bucket without files on this machine.
type remote struct{ bucket.Bucket }

func TestParquetInARemoteBucketIsReadFromCopies(t *testing.T) {
	s := newScanner(t)
	s.engine.buckets = func(string) (bucket.Bucket, error) { return remote{s.bucket}, nil }
	s.table("flat", serdeParquet, nil, "n bigint")
	for i := range 20 {
		s.file(serdeParquet, fmt.Sprintf("flat/%d", i), fmt.Sprintf("SELECT %d AS n", i), "")
	}
	got, err := s.aggregate("flat", "sum(n), count(*)", "n")
	require.NoError(t, err)
	require.Equal(t, "190|20", got)
	left, err := filepath.Glob(filepath.Join(s.dir, "query-*"))
	require.NoError(t, err)
	require.Empty(t, left, "copies go with the query")
}

func TestTheLogHasTheWholeTextOfAScanError(t *testing.T) {
	l := newLake(t)
	l.events()
	folder := "mp_master_event/" + strings.Repeat(strings.Repeat("é", 100)+"/", 3)
	l.put(folder+"a.json.gz", gz(t, "{"))
	l.partition("mp_master_event", map[string]string{"2024-06-01": folder})
	c := login(t, openEngine(t, l), "admin")
	c.rows(createSchema)
	const log = "SELECT step, trim(message) FROM svl_s3log WHERE query = pg_last_query_id() ORDER BY step"
	require.Contains(t, c.state("SELECT distinct_id FROM mp_json_export.mp_master_event"), "Spectrum Scan Error")
	rows := c.rows(log)
	require.Len(t, rows, 2)
	require.True(t, strings.HasPrefix(rows[0], "0|Error parsing JSON file 's3://lake/"+folder[:20]), rows[0])
	require.Contains(t, rows[1], "a.json.gz', line 1")
	require.Equal(t, 300, strings.Count(strings.Join(rows, ""), "é"))
	require.Empty(t, c.rows("SELECT 1 WHERE false; "+log), "of the last query only")
}
