package readback

import (
	"bytes"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"

	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/query/engine/duck"
)

// computed is a column whose values are a function of the row's number, told in Go and in SQL, where it is i. A value is nil for null.
type computed struct {
	kind  parquet.Type
	value func(i int) any
	sql   string
}

// settled is how many values are the same at the beginning of columns that shall get a dictionary of many entries: the writer gives one up
// that grows fast at first. maxEntries is how large it gets.
const settled, maxEntries = 5000, 1 << 16

// rowsOfLargeColumns make several pages of a column, and more entries than a dictionary takes.
const rowsOfLargeColumns = 150_000

// largeColumns are texts of dictionaries with indexes of every width, as large as a dictionary gets and larger, with nulls in every place,
// and the other types plain, in runs and with nulls.
func largeColumns() map[string]computed {
	const n = rowsOfLargeColumns
	all := map[string]computed{}
	for width := range 17 {
		for _, entries := range []int{1 << width, 1<<width + 1} {
			all[fmt.Sprintf("texts_%d", entries)] = computed{parquet.String, func(i int) any {
				if i < settled {
					return "v0"
				}
				return fmt.Sprint("v", i%entries)
			}, fmt.Sprintf("CASE WHEN i < %d THEN 'v0' ELSE 'v' || (i %% %d) END", settled, entries)}
		}
	}
	half := func(text func(int) any, when func(int) bool) func(int) any {
		return func(i int) any {
			if when(i) {
				return text(i)
			}
			return nil
		}
	}
	few := func(i int) any { return fmt.Sprint("v", i%7) }
	for name, w := range map[string]struct {
		when func(int) bool
		sql  string
	}{
		"nulls_first": {func(i int) bool { return i >= n/2 }, fmt.Sprintf("i >= %d", n/2)}, "nulls_last": {func(i int) bool { return i < n/2 }, fmt.Sprintf("i < %d", n/2)},
		"nulls_between": {func(i int) bool { return i%3 == 1 }, "i % 3 = 1"}, "only_the_last": {func(i int) bool { return i == n-1 }, fmt.Sprintf("i = %d", n-1)},
		"nulls_only": {func(int) bool { return false }, "false"}, "runs_of_nulls": {func(i int) bool { return i/1000%2 == 1 }, "i // 1000 % 2 = 1"},
	} {
		all["texts_"+name] = computed{parquet.String, half(few, w.when), "CASE WHEN " + w.sql + " THEN 'v' || (i % 7) END"}
		all["flags_"+name] = computed{parquet.Boolean, half(func(i int) any { return i%5 < 2 }, w.when), "CASE WHEN " + w.sql + " THEN i % 5 < 2 END"}
		all["doubles_"+name] = computed{parquet.Double, half(func(i int) any { return float64(i) / 8 }, w.when), "CASE WHEN " + w.sql + " THEN CAST(i AS DOUBLE) / 8 END"}
	}
	all["flags"] = computed{parquet.Boolean, func(i int) any { return bits.OnesCount(uint(i))%2 == 0 }, "bit_count(i) % 2 = 0"}
	all["prices"] = computed{parquet.Double, func(i int) any { return float64(i%300) / 4 }, "CAST(i % 300 AS DOUBLE) / 4"}
	all["settled"] = computed{parquet.Double, func(i int) any { return float64(min(i, 300)) }, "CAST(least(i, 300) AS DOUBLE)"}
	all["times"] = computed{parquet.Timestamp, func(i int) any { return int64(i) * 1001 }, "make_timestamp(CAST(i AS BIGINT) * 1001000)"}
	all["long_texts"] = computed{parquet.String, half(func(i int) any { return strings.Repeat(fmt.Sprint(i), 10_000) }, func(i int) bool { return i%10_000 == 1 }),
		"CASE WHEN i % 10000 = 1 THEN repeat(CAST(i AS VARCHAR), 10000) END"}
	return all
}

// TestDuckDBReadsLargeColumnsAsTheyWereWritten lets DuckDB compute every value of columns of several pages and compare it with the file's.
func TestDuckDBReadsLargeColumnsAsTheyWereWritten(t *testing.T) {
	dir := t.TempDir()
	db, err := duck.Open(duck.Options{Folders: []string{dir}, TempDir: dir, Threads: 2})
	require.NoError(t, err)
	defer db.Close()
	conn, err := db.Connect()
	require.NoError(t, err)
	defer conn.Close()
	for name, c := range largeColumns() {
		columns := []parquet.Column{{Name: "i", Type: parquet.Int64}, {Name: "x", Type: c.kind}}
		var file bytes.Buffer
		w := parquet.NewWriter(&file, columns)
		g := &parquet.Group{MaxRows: rowsOfLargeColumns + 1}
		for _, column := range columns {
			g.AddColumn(column.Type)
		}
		for i := range rowsOfLargeColumns {
			g.SetInt64(0, int64(i))
			switch v := c.value(i).(type) {
			case string:
				g.SetString(1, []byte(v))
			case bool:
				g.SetBoolean(1, v)
			case float64:
				g.SetDouble(1, v)
			case int64:
				g.SetTimestamp(1, v)
			}
			g.EndRow()
		}
		require.NoError(t, w.WriteGroup(g), name)
		require.NoError(t, w.Close(), name)
		require.NoError(t, parquet.CheckSpectrumSafe(bytes.NewReader(file.Bytes()), int64(file.Len()), columns), name)
		var entries int
		if n, err := fmt.Sscanf(name, "texts_%d", &entries); n == 1 && err == nil {
			f, err := parquetgo.OpenFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
			require.NoError(t, err)
			require.Equal(t, entries <= maxEntries, f.Metadata().RowGroups[0].Columns[1].MetaData.DictionaryPageOffset != 0, "%s has a dictionary", name)
		}
		path := filepath.Join(dir, name+".parquet")
		require.NoError(t, os.WriteFile(path, file.Bytes(), 0o644))
		read, err := conn.Query(t.Context(), "SELECT count(*) || ' rows, ' || count(*) FILTER (x IS DISTINCT FROM ("+c.sql+")) || ' others' FROM read_parquet("+duck.Quote(path)+")", true)
		require.NoError(t, err, name)
		chunk, err := read.Next()
		require.NoError(t, err, name)
		require.Equal(t, fmt.Sprint(rowsOfLargeColumns, " rows, 0 others"), string(chunk.Columns[0].Bytes(0)), name)
		read.Close()
		require.NoError(t, os.Remove(path))
	}
}
