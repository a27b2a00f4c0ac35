package parquet

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestRowsAreThoseThatWereSet reads groups of all shapes by rows, and checks what a group says of itself.
func TestRowsAreThoseThatWereSet(t *testing.T) {
	var rows Rows // reused, as in a long export
	rapid.Check(t, func(t *rapid.T) {
		types := []Type{String, Int64, Double, Boolean, Timestamp}
		var g Group
		var kinds []Type
		type value struct {
			column int
			value  any
		}
		var want [][]value
		counts := map[int]int64{}
		for range rapid.IntRange(0, 200).Draw(t, "rows") {
			for rapid.IntRange(0, 20).Draw(t, "grow") == 0 || len(kinds) == 0 {
				kind := rapid.SampledFrom(types).Draw(t, "type")
				kinds = append(kinds, kind)
				g.AddColumn(kind)
			}
			var row []value
			for c, kind := range kinds {
				if rapid.IntRange(0, 2).Draw(t, "set") > 0 {
					continue
				}
				counts[c]++
				switch kind {
				case String:
					s := rapid.String().Draw(t, "s")
					g.SetString(c, []byte(s))
					row = append(row, value{c, s})
				case Double:
					f := rapid.Float64().Draw(t, "f")
					g.SetDouble(c, f)
					row = append(row, value{c, f})
				case Boolean:
					b := rapid.Bool().Draw(t, "b")
					g.SetBoolean(c, b)
					row = append(row, value{c, b})
				case Int64:
					n := rapid.Int64().Draw(t, "n")
					g.SetInt64(c, n)
					row = append(row, value{c, n})
				default:
					n := rapid.Int64Range(-1e15, 1e15).Draw(t, "ms")
					g.SetTimestamp(c, n)
					row = append(row, value{c, n * 1000})
				}
			}
			g.EndRow()
			want = append(want, row)
		}
		rows.Reset(&g)
		var got [][]value
		for rows.Next() {
			var row []value
			for _, v := range rows.Values() {
				switch kinds[v.Column] {
				case String:
					row = append(row, value{v.Column, string(v.Bytes)})
				case Double:
					row = append(row, value{v.Column, v.Double()})
				case Boolean:
					row = append(row, value{v.Column, v.Boolean()})
				default:
					row = append(row, value{v.Column, v.Int64()})
				}
			}
			got = append(got, row)
		}
		require.Equal(t, want, got)
		require.False(t, rows.Next())
		used := 0
		for c := range counts {
			used = max(used, c+1)
		}
		require.Equal(t, used, g.Used())
		total := g.AddCounts([]int64{1})
		for c := range total {
			before := int64(0)
			if c == 0 {
				before = 1
			}
			require.Equal(t, counts[c]+before, total[c])
		}
	})
}

func TestAColumnWithoutValuesIsNotInUse(t *testing.T) {
	var g Group
	g.Reserve(2)
	g.AddColumn(String)
	g.AddColumn(Double)
	g.EndRow()
	require.Zero(t, g.Used())
	require.Empty(t, g.AddCounts(nil))
	g.SetString(0, []byte("x"))
	g.EndRow()
	require.Equal(t, 1, g.Used())
	require.Equal(t, []int64{1}, g.AddCounts(nil))
	require.Greater(t, g.Held(), int64(5))
}

// TestFilesWrittenInTurnShareAnEncoder: their row groups alternate, and each file is as if it had been written alone.
func TestFilesWrittenInTurnShareAnEncoder(t *testing.T) {
	columns := []Column{{"a", String}, {"b", Double}}
	group := func(file, n int) *Group {
		g := new(Group)
		g.AddColumn(String)
		g.AddColumn(Double)
		for i := range 200 * (n + 1) {
			g.SetString(0, []byte{byte('a' + file), byte('a' + i%7)})
			if i%3 == 0 {
				g.SetDouble(1, float64(i*file))
			}
			g.EndRow()
		}
		return g
	}
	var encoder Encoder
	var together, alone [3]bytes.Buffer
	var writers [3]*Writer
	for i := range writers {
		writers[i] = encoder.NewWriter(&together[i], columns)
	}
	for n := range 4 {
		for i, w := range writers {
			require.NoError(t, w.WriteGroup(group(i, n)))
		}
	}
	for i, w := range writers {
		require.NoError(t, w.Close())
		lone := NewWriter(&alone[i], columns)
		for n := range 4 {
			require.NoError(t, lone.WriteGroup(group(i, n)))
		}
		require.NoError(t, lone.Close())
		require.True(t, bytes.Equal(alone[i].Bytes(), together[i].Bytes()))
		require.NoError(t, CheckSpectrumSafe(bytes.NewReader(together[i].Bytes()), int64(together[i].Len()), columns))
		counts, err := Count(bytes.NewReader(together[i].Bytes()), int64(together[i].Len()), "", nil)
		require.NoError(t, err)
		require.Equal(t, &Counts{2000, []string{"a", "b"}, []int64{2000, 668}}, counts)
	}
}
