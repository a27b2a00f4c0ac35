package duck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func open(t *testing.T, o Options) *Conn {
	t.Helper()
	db, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	c, err := db.Connect()
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// strings reads a result with text columns only.
func texts(t *testing.T, c *Conn, sql string) []string {
	t.Helper()
	r, err := c.Query(t.Context(), sql, false)
	require.NoError(t, err)
	defer r.Close()
	var out []string
	for {
		chunk, err := r.Next()
		require.NoError(t, err)
		if chunk == nil {
			return out
		}
		for row := range chunk.Len() {
			var line []string
			for i := range chunk.Columns {
				if chunk.Columns[i].Null(row) {
					line = append(line, "NULL")
					continue
				}
				line = append(line, string(chunk.Columns[i].Bytes(row)))
			}
			out = append(out, strings.Join(line, "|"))
		}
	}
}

// counter is a Source of the numbers up to n, cut into parts.
type counter struct {
	n, parts int
	open     atomic.Int64
	fail     error
}

func (c *counter) Columns() []SourceColumn {
	return []SourceColumn{{"n", Int64}, {"short", String}, {"long", String}, {"none", Float64}}
}
func (c *counter) Open() (Rows, error) { return &counting{counter: c}, nil }

type counting struct {
	*counter
	next atomic.Int64
}

func (c *counting) Readers() int            { return c.parts }
func (c *counting) Reader() (Reader, error) { c.open.Add(1); return &countReader{c}, nil }

type countReader struct{ c *counting }

func (r *countReader) Close() { r.c.open.Add(-1) }
func (r *countReader) Read(b *Block) (int, error) {
	if r.c.fail != nil {
		return 0, r.c.fail
	}
	size := min(BlockSize, 1000)
	first := int(r.c.next.Add(int64(size))) - size
	n := min(size, r.c.n-first)
	for row := range max(n, 0) {
		b.SetInt64(0, row, int64(first+row))
		b.SetString(1, row, strconv.AppendInt(nil, int64(first+row), 10))
		b.SetString(2, row, fmt.Appendf(nil, "a text longer than its header: %d", first+row))
	}
	return max(n, 0), nil
}

func TestSourceGivesItsRowsToSQL(t *testing.T) {
	c := open(t, Options{})
	s := &counter{n: 100_000, parts: 4}
	expr, remove := AddSource(s)
	got := texts(t, c, `SELECT count(*)::VARCHAR, sum(n)::VARCHAR, count(DISTINCT long)::VARCHAR, max(short), count(none)::VARCHAR FROM `+expr)
	require.Equal(t, []string{"100000|4999950000|100000|99999|0"}, got)
	require.Equal(t, []string{"100000"}, texts(t, c, `WITH s AS NOT MATERIALIZED (SELECT n FROM `+expr+`) SELECT count(*)::VARCHAR FROM s a JOIN s b USING (n)`))
	require.Zero(t, s.open.Load(), "every reader is closed")
	remove()
	_, err := c.Query(t.Context(), "SELECT * FROM "+expr, false)
	require.ErrorContains(t, err, "there is no source")
}

func TestSourceErrorsEndTheQuery(t *testing.T) {
	c := open(t, Options{})
	expr, remove := AddSource(&counter{n: 10, parts: 1, fail: errors.New("file 7 is broken")})
	defer remove()
	r, err := c.Query(t.Context(), "SELECT * FROM "+expr, false)
	if err == nil {
		defer r.Close()
		_, err = r.Next()
	}
	require.ErrorContains(t, err, "file 7 is broken")
}

func TestLimitLeavesTheRestOfASourceUnread(t *testing.T) {
	c := open(t, Options{Threads: 2})
	s := &counter{n: 1 << 40, parts: 2}
	expr, remove := AddSource(s)
	defer remove()
	require.Len(t, texts(t, c, "SELECT short FROM "+expr+" LIMIT 10"), 10)
	require.Zero(t, s.open.Load())
}

func TestContextInterruptsAQuery(t *testing.T) {
	c := open(t, Options{})
	reason := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, reason)
	defer cancel()
	r, err := c.Query(ctx, "SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE a.range*3 = b.range", false)
	if err == nil {
		_, err = r.Next()
		r.Close()
	}
	require.ErrorIs(t, err, reason)
	require.Equal(t, []string{"alive"}, texts(t, c, "SELECT 'alive'"))
}

func TestDetachedResultsOutliveLaterStatements(t *testing.T) {
	c := open(t, Options{})
	r, err := c.Query(t.Context(), "SELECT range FROM range(10000)", true)
	require.NoError(t, err)
	defer r.Close()
	texts(t, c, "SELECT 'between'")
	rows := 0
	for {
		chunk, err := r.Next()
		require.NoError(t, err)
		if chunk == nil {
			break
		}
		require.EqualValues(t, rows, chunk.Columns[0].Int(0))
		rows += chunk.Len()
	}
	require.Equal(t, 10000, rows)
}

func TestScalarFunctionsSkipNull(t *testing.T) {
	double := Function{Name: "twice", Parameters: 2, Call: func(a []string) (*string, error) {
		n, err := strconv.Atoi(a[1])
		if err != nil || n < 0 {
			return nil, errors.New("negative count")
		}
		if n == 0 {
			return nil, nil
		}
		out := strings.Repeat(a[0], n)
		return &out, nil
	}}
	c := open(t, Options{Functions: []Function{double}})
	require.Equal(t, []string{"abab", "NULL", "NULL"}, texts(t, c, "SELECT twice(x, n) FROM (VALUES ('ab', '2'), ('x', '0'), (NULL, '1')) v(x, n)"))
	_, err := c.Query(t.Context(), "SELECT twice('x', '-1')", false)
	require.ErrorContains(t, err, "negative count")
}

func TestConfigurationIsLockedAndFilesAreOutOfReach(t *testing.T) {
	inside, outside := t.TempDir(), t.TempDir()
	for _, dir := range []string{inside, outside} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "f.csv"), []byte("a\n1\n"), 0o600))
	}
	c := open(t, Options{Folders: []string{inside}})
	require.Equal(t, []string{"1"}, texts(t, c, "SELECT a::VARCHAR FROM read_csv("+Quote(filepath.Join(inside, "f.csv"))+")"))
	for _, sql := range []string{
		"SELECT * FROM read_csv(" + Quote(filepath.Join(outside, "f.csv")) + ")",
		"SELECT * FROM read_text('/etc/passwd')",
		"SELECT * FROM read_csv(" + Quote(filepath.Join(inside, "..", filepath.Base(outside), "f.csv")) + ")",
		"COPY (SELECT 1) TO " + Quote(filepath.Join(outside, "out.csv")),
		"ATTACH " + Quote(filepath.Join(outside, "x.db")),
		"SET enable_external_access = true",
		"SET GLOBAL allowed_directories = ['/']",
		"SET lock_configuration = false",
		"INSTALL httpfs",
		"LOAD httpfs",
		"SELECT * FROM 's3://bucket/key.parquet'",
	} {
		r, err := c.Query(t.Context(), sql, false)
		if err == nil {
			_, err = r.Next()
			r.Close()
		}
		require.Error(t, err, sql)
	}
}
