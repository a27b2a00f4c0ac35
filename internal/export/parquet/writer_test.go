package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/platform/golden"
)

// row holds nil, string, int64, float64, bool, or millis for a timestamp.
type (
	row    []any
	millis int64
)

func fill(g *Group, rows []row) {
	for _, r := range rows {
		for i, v := range r {
			set(g, i, v)
		}
		g.EndRow()
	}
}

func set(g *Group, column int, v any) bool {
	switch v := v.(type) {
	case string:
		return g.SetString(column, []byte(v))
	case int64:
		return g.SetInt64(column, v)
	case float64:
		return g.SetDouble(column, v)
	case bool:
		return g.SetBoolean(column, v)
	case millis:
		return g.SetTimestamp(column, int64(v))
	}
	return true
}

func newGroup(columns []Column) *Group {
	g := &Group{}
	for _, c := range columns {
		g.AddColumn(c.Type)
	}
	return g
}

// write returns the file of the groups of rows.
func write(t require.TestingT, columns []Column, groups ...[]row) []byte {
	var out bytes.Buffer
	w := NewWriter(&out, columns)
	g := newGroup(columns)
	for _, rows := range groups {
		g.Reset()
		fill(g, rows)
		require.NoError(t, w.WriteGroup(g))
	}
	require.NoError(t, w.Close())
	require.EqualValues(t, out.Len(), w.Offset())
	return out.Bytes()
}

// read returns the file's rows as another implementation sees them.
func read(t require.TestingT, file []byte, columns []Column) (rows []row) {
	f, err := parquetgo.OpenFile(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	for _, group := range f.RowGroups() {
		in := group.Rows()
		buf := make([]parquetgo.Row, 64)
		for {
			n, err := in.ReadRows(buf)
			for _, values := range buf[:n] {
				r := make(row, len(columns))
				for _, v := range values {
					if v.IsNull() {
						continue
					}
					switch columns[v.Column()].Type {
					case String:
						r[v.Column()] = string(v.ByteArray())
					case Int64:
						r[v.Column()] = v.Int64()
					case Double:
						r[v.Column()] = v.Double()
					case Boolean:
						r[v.Column()] = v.Boolean()
					case Timestamp:
						require.Zero(t, v.Int64()%1000, "whole milliseconds")
						r[v.Column()] = millis(v.Int64() / 1000)
					}
				}
				rows = append(rows, r)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		require.NoError(t, in.Close())
	}
	return rows
}

// printed shows rows such that equal texts are equal rows, NaN and -0 included.
func printed(rows []row) string {
	var b strings.Builder
	for _, r := range rows {
		for _, v := range r {
			if f, ok := v.(float64); ok {
				v = math.Float64bits(f)
			}
			fmt.Fprintf(&b, "%T:%q|", v, fmt.Sprint(v))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var allTypes = []Column{{"s", String}, {"i", Int64}, {"d", Double}, {"b", Boolean}, {"t", Timestamp}}

// values draws a generator of a column's values: from few or many, with or without nulls.
func values(t *rapid.T, kind Type) *rapid.Generator[any] {
	var g *rapid.Generator[any]
	switch kind {
	case String:
		text := rapid.Map(rapid.String(), func(s string) string { return strings.ToValidUTF8(s, "?") })
		long := rapid.Map(rapid.IntRange(0, 300), func(n int) string { return strings.Repeat("\U0010ffff\ud7ffé", n) })
		g = rapid.OneOf(text.AsAny(), long.AsAny(), rapid.Just("").AsAny())
	case Int64:
		g = rapid.Int64().AsAny()
	case Double:
		g = rapid.OneOf(rapid.Float64().AsAny(), rapid.SampledFrom([]float64{math.NaN(), 0, math.Copysign(0, -1), math.Inf(1), math.MaxFloat64}).AsAny())
	case Boolean:
		g = rapid.Bool().AsAny()
	case Timestamp:
		g = rapid.Map(rapid.Int64Range(-1e15, 1e15), func(v int64) millis { return millis(v) }).AsAny()
	}
	switch rapid.IntRange(0, 4).Draw(t, "spread") {
	case 0:
		return rapid.Just[any](nil)
	case 1:
		return rapid.Just(g.Draw(t, "only value"))
	case 2:
		few := rapid.SliceOfN(g, 1, 5).Draw(t, "few values")
		return rapid.SampledFrom(append(few, nil))
	case 3:
		return g
	default:
		return rapid.OneOf(g, rapid.Just[any](nil))
	}
}

func TestAnotherReaderSeesTheSameRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var groups [][]row
		var all []row
		for range rapid.IntRange(0, 2).Draw(t, "groups") {
			gens := make([]*rapid.Generator[any], len(allTypes))
			for i, c := range allTypes {
				gens[i] = values(t, c.Type)
			}
			// Few draws, repeated with a period that is no multiple of 8, make long columns cheap.
			drawn := make([]row, rapid.IntRange(1, 13).Draw(t, "drawn"))
			for i := range drawn {
				for _, g := range gens {
					drawn[i] = append(drawn[i], g.Draw(t, "value"))
				}
			}
			rows := make([]row, rapid.SampledFrom([]int{0, 1, 7, 8, 9, 503, 504, 505, 517}).Draw(t, "rows"))
			for i := range rows {
				rows[i] = drawn[i%len(drawn)]
			}
			groups = append(groups, rows)
			all = append(all, rows...)
		}
		file := write(t, allTypes, groups...)
		require.NoError(t, CheckSpectrumSafe(bytes.NewReader(file), int64(len(file)), allTypes))
		require.Equal(t, printed(all), printed(read(t, file, allTypes)))
		checkBounds(t, file, groups)
		require.True(t, bytes.Equal(file, write(t, allTypes, groups...)), "the same rows give the same file")
	})
}

// checkBounds compares the statistics of each row group with its values.
func checkBounds(t require.TestingT, file []byte, groups [][]row) {
	f, err := parquetgo.OpenFile(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	n := 0
	for _, rows := range groups {
		if len(rows) == 0 {
			continue
		}
		g := &f.Metadata().RowGroups[n]
		n++
		require.EqualValues(t, len(rows), g.NumRows)
		for i, c := range allTypes {
			s := &g.Columns[i].MetaData.Statistics
			nulls := 0
			for _, r := range rows {
				v := r[i]
				if v == nil {
					nulls++
					continue
				}
				if s.MaxValue == nil {
					continue
				}
				switch c.Type {
				case String:
					require.LessOrEqual(t, string(s.MinValue), v)
					require.GreaterOrEqual(t, string(s.MaxValue), v)
					require.LessOrEqual(t, len(s.MaxValue), maxBoundBytes+utf8.UTFMax)
					require.True(t, utf8.Valid(s.MinValue) && utf8.Valid(s.MaxValue))
					require.Nil(t, s.Max, "the old bounds are not for text")
				case Double:
					require.LessOrEqual(t, math.Float64frombits(binary.LittleEndian.Uint64(s.MinValue)), v)
					require.GreaterOrEqual(t, math.Float64frombits(binary.LittleEndian.Uint64(s.MaxValue)), v)
				case Int64:
					require.LessOrEqual(t, int64(binary.LittleEndian.Uint64(s.MinValue)), v)
					require.GreaterOrEqual(t, int64(binary.LittleEndian.Uint64(s.Max)), v)
				case Timestamp:
					require.LessOrEqual(t, millis(int64(binary.LittleEndian.Uint64(s.MinValue))/1000), v)
					require.GreaterOrEqual(t, millis(int64(binary.LittleEndian.Uint64(s.MaxValue))/1000), v)
				case Boolean:
					require.True(t, (s.MinValue[0] == 1) == v.(bool) || (s.MaxValue[0] == 1) == v.(bool))
				}
			}
			require.EqualValues(t, nulls, s.NullCount)
			if nulls == len(rows) {
				require.Nil(t, s.MaxValue)
			}
			if c.Type == Int64 && nulls < len(rows) {
				require.NotNil(t, s.MaxValue)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	plain := func(texts ...string) (data []byte) {
		for _, s := range texts {
			data = append(binary.LittleEndian.AppendUint32(data, uint32(len(s))), s...)
		}
		return data
	}
	x := strings.Repeat("x", 70)
	tests := map[string]struct {
		texts    []string
		min, max string
		exact    bool
	}{
		"short texts are kept":                        {[]string{"b", "", "abcdefghij", "abcdefghik"}, "", "b", true},
		"long texts are cut, the greatest raised":     {[]string{x}, x[:64], x[:63] + "y", false},
		"characters are not split":                    {[]string{x[:63] + "é" + x}, x[:63], x[:62] + "y", false},
		"a character that cannot be raised is left":   {[]string{"a" + strings.Repeat("\U0010ffff", 40)}, "a" + strings.Repeat("\U0010ffff", 15), "b", false},
		"surrogates are skipped":                      {[]string{x[:61] + "\ud7ff" + x}, x[:61] + "\ud7ff", x[:61] + "\ue000", false},
		"a text that nothing is greater than: no max": {[]string{"a", strings.Repeat("\U0010ffff", 40)}, "", "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := boundsOf(String, plain(tt.texts...), len(tt.texts))
			require.Equal(t, tt.min, string(b.min))
			require.Equal(t, tt.max, string(b.max))
			require.Equal(t, tt.exact, b.maxExact)
		})
	}
	word := func(v float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)) }
	b := boundsOf(Double, append(word(0), word(math.NaN())...), 2)
	require.Nil(t, b.max, "NaN has no place in an order")
	b = boundsOf(Double, append(word(0), word(0)...), 2)
	require.Equal(t, word(math.Copysign(0, -1)), b.min, "-0 may be read as less than 0")
}

func TestADictionaryIsChosenByDistinctValues(t *testing.T) {
	columns := []Column{{"few", String}, {"many", String}, {"times", Timestamp}, {"prices", Double}, {"flags", Boolean}, {"late", String}}
	rows := make([]row, 10_000)
	for i := range rows {
		late := "same"
		if i > dictionaryTrial {
			late = fmt.Sprint(i)
		}
		rows[i] = row{fmt.Sprint("plan", i%300), fmt.Sprint("id", i), millis(i), float64(i % 10), i%2 == 0, late}
	}
	file := write(t, columns, rows, rows[:1])
	f, err := parquetgo.OpenFile(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	var got []bool
	for _, c := range f.Metadata().RowGroups[0].Columns {
		got = append(got, c.MetaData.DictionaryPageOffset != 0)
	}
	require.Equal(t, []bool{true, false, false, true, false, true}, got)
	for _, c := range f.Metadata().RowGroups[1].Columns {
		require.Zero(t, c.MetaData.DictionaryPageOffset, "one value needs none")
	}
	require.Equal(t, printed(append(rows, rows[0])), printed(read(t, file, columns)))
}

func TestLargeColumnsAreCutIntoPages(t *testing.T) {
	columns := []Column{{"big", String}, {"sparse", String}, {"n", Int64}, {"settled", Double}}
	rows := make([]row, pageRows+11)
	for i := range rows {
		rows[i] = row{nil, nil, int64(i) * 7919, float64(min(i, 300))} // a run of one index of nine bits in the second page
		if i%1000 == 1 {
			rows[i][0] = strings.Repeat(fmt.Sprint(i), 10_000)
		}
		if i == 5 || i == pageRows {
			rows[i][1] = fmt.Sprint(i)
		}
	}
	file := write(t, columns, rows)
	require.NoError(t, CheckSpectrumSafe(bytes.NewReader(file), int64(len(file)), columns))
	require.Equal(t, printed(rows), printed(read(t, file, columns)))
}

func TestAGroupMayLackTheLastColumnsButHaveNoMore(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, allTypes)
	g := newGroup(allTypes[:1])
	fill(g, []row{{"a"}})
	require.NoError(t, w.WriteGroup(g))
	require.NoError(t, w.Close())
	require.Equal(t, []row{{"a", nil, nil, nil, nil}}, read(t, out.Bytes(), allTypes))
	require.ErrorIs(t, w.WriteGroup(g), errClosed)

	w.Reset(io.Discard, nil)
	require.ErrorContains(t, w.WriteGroup(g), "it has 1 columns, the file 0")
	require.Error(t, w.Close(), "an error stays")
	w.Reset(io.Discard, []Column{{"a", Double}})
	require.ErrorContains(t, w.WriteGroup(g), "it is string, in the file double")
}

func TestAColumnIsSetOncePerRow(t *testing.T) {
	g := newGroup(allTypes)
	values := row{"a", int64(1), 1.5, true, millis(1)}
	for i, v := range values {
		require.True(t, set(g, i, v))
		require.False(t, set(g, i, v))
	}
	g.EndRow()
	size := g.Bytes()
	require.Equal(t, int64(5+8+8+1+8), size)
	require.True(t, set(g, 0, "b"))
}

func TestAGroupIsFullByRowsOrBytesAndRefusedBeyondTheLimit(t *testing.T) {
	g := &Group{MaxRows: 2, MaxBytes: 100}
	g.AddColumn(String)
	g.EndRow()
	require.False(t, g.Full())
	g.EndRow()
	require.True(t, g.Full())
	g.Reset()
	g.SetString(0, make([]byte, 100))
	require.True(t, g.Full())
	g.EndRow()
	g.bytes = MaxGroupBytes + 1
	require.ErrorIs(t, NewWriter(io.Discard, []Column{{"a", String}}).WriteGroup(g), ErrGroupTooLarge)
}

func TestWriteErrorsAreReturned(t *testing.T) {
	columns := []Column{{"a", String}}
	g := newGroup(columns)
	fill(g, []row{{"a"}, {"b"}})
	whole := len(write(t, columns, []row{{"a"}, {"b"}}))
	for n := range whole {
		w := NewWriter(&full{n}, columns)
		require.ErrorIs(t, errors.Join(w.WriteGroup(g), w.Close()), errFull)
	}
}

var errFull = errors.New("full")

// full is a writer that takes so many bytes.
type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.left {
		return f.left, errFull
	}
	f.left -= len(b)
	return len(b), nil
}

func TestATinyFileMatchesTheGoldenFile(t *testing.T) {
	rows := []row{{"a", int64(-1), 0.5, true, millis(1_600_000_000_123)}, {nil, nil, nil, nil, nil}, {"é", int64(9007199254740993), -1e300, false, millis(0)}}
	got := write(t, allTypes, rows)
	golden.Equal(t, "testdata/tiny.parquet", got)
	require.Equal(t, rows, read(t, got, allTypes))
}

func TestSteadyStateAllocatesNothingPerRow(t *testing.T) {
	rows := make([]row, 1000)
	for i := range rows {
		rows[i] = row{fmt.Sprint(i), int64(i), float64(i), true, millis(i)}
	}
	g := newGroup(allTypes)
	w := NewWriter(io.Discard, allTypes)
	fill(g, rows)
	require.NoError(t, w.WriteGroup(g))
	text := []byte("text")
	allocs := testing.AllocsPerRun(10, func() {
		g.Reset()
		for i := range 1000 {
			g.SetString(0, text)
			g.SetInt64(1, int64(i))
			g.SetDouble(2, float64(i))
			g.SetBoolean(3, true)
			g.SetTimestamp(4, int64(i))
			g.EndRow()
		}
		_ = w.WriteGroup(g)
	})
	require.Less(t, allocs, 40.0, "only the footer's notes of the row group")
}
