package parquet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestPagesDivideTheValuesOfAColumn draws columns in runs of rows with and without values, and of short and long texts, and looks at where their
// pages end. What is in the pages is read back by TestLargeColumnsAreCutIntoPages.
func TestPagesDivideTheValuesOfAColumn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type run struct{ rows, step, size int }
		g := newGroup([]Column{{"s", String}})
		a := &g.arrays[0]
		runs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) run {
			return run{rapid.IntRange(1, 40_000).Draw(t, "rows"), rapid.SampledFrom([]int{1, 1, 3, 1000, 100_000}).Draw(t, "step"), rapid.SampledFrom([]int{0, 2, 40, 65_000}).Draw(t, "size")}
		}), 1, 6).Draw(t, "runs")
		for _, r := range runs {
			if r.size > 1000 {
				r.rows /= 400
			}
			text := []byte(strings.Repeat("x", r.size))
			for i := range r.rows {
				if i%r.step == r.step-1 {
					g.SetString(0, text)
				}
				g.EndRow()
			}
		}
		values, pos, row := 0, 0, 0
		for page, from := 0, (cut{}); from.row < g.rows; page++ {
			to := a.next(page, from, g.rows)
			require.Greater(t, to.row, from.row)
			require.LessOrEqual(t, to.row-from.row, pageRows)
			require.True(t, to.row%8 == 0 || to.row == g.rows, "rows end within a byte of the bitmap")
			last := pos
			for ; row < to.row; row++ {
				if row&^7 == row {
					last = pos
				}
				if row>>3 < len(a.valid) && a.valid[row>>3]>>(row&7)&1 == 1 {
					values, pos = values+1, a.span(pos)
				}
			}
			require.Equal(t, cut{row, values, pos}, to)
			if to.row < a.rows { // no page goes on after the eight rows in which it got full, unless only nulls follow
				require.Less(t, last-from.pos, pageBytes)
			}
			from = to
		}
		require.Equal(t, len(a.data), pos)
	})
}

// TestADividedColumnIsEmptyAfterReset writes two groups of different lengths with the same buffers.
func TestADividedColumnIsEmptyAfterReset(t *testing.T) {
	columns := []Column{{"s", String}, {"i", Int64}}
	rows := func(n, every int) (all []row) {
		for i := range n {
			r := row{nil, int64(i)}
			if i%every == 0 {
				r[0] = fmt.Sprint(i)
			}
			all = append(all, r)
		}
		return all
	}
	first, second := rows(2*pageRows+9, 1), rows(pageRows+1, 7)
	got := read(t, write(t, columns, first, second, first), columns)
	require.Equal(t, printed(append(append(first, second...), first...)), printed(got))
}
