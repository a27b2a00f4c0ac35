package catalog

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/catalog/expression"
	"github.com/refract-io/refract/internal/platform/meta"
)

var anyValue = rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 2, 'a', 'b', 0xff, 'é', '日'}), 0, 4, -1)

func TestSortKeysOrderAsTheirValuesDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3).Draw(t, "n")
		a := rapid.SliceOfN(anyValue, n, n).Draw(t, "a")
		b := rapid.SliceOfN(anyValue, n, n).Draw(t, "b")
		want := 0
		for i := range a {
			if want == 0 {
				want = strings.Compare(a[i], b[i])
			}
		}
		require.Equal(t, want, bytes.Compare(sortKey(a), sortKey(b)))
		back, err := parseSortKey(sortKey(a), n)
		require.NoError(t, err)
		require.Equal(t, a, back)
		_, err = parseSortKey(sortKey(a)[:len(sortKey(a))-1], n)
		require.Error(t, err)
	})
}

func TestRangesOfKeysHoldTheRangesOfTheFirstValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := expression.KeyRange{From: anyValue.Draw(t, "from"), To: anyValue.Draw(t, "to"), NoEnd: rapid.Bool().Draw(t, "no end")}
		values := []string{anyValue.Draw(t, "first"), anyValue.Draw(t, "second")}
		after := []string{anyValue.Draw(t, "after first"), anyValue.Draw(t, "after second")}
		in := func(ranges []keyRange) bool {
			for _, k := range ranges {
				if key := sortKey(values); bytes.Compare(key, k.from) >= 0 && (k.to == nil || bytes.Compare(key, k.to) < 0) {
					return true
				}
			}
			return false
		}
		require.Equal(t, r.Contains(values[0]), in(sortKeyRanges([]expression.KeyRange{r}, nil)))
		behind := bytes.Compare(sortKey(values), sortKey(after)) > 0
		require.Equal(t, r.Contains(values[0]) && behind, in(sortKeyRanges([]expression.KeyRange{r}, after)))
	})
}

// The plan shows that a range is read through the primary key, without a sort.
func TestARangeIsReadFromTheIndex(t *testing.T) {
	db, err := meta.Open(t.Context(), t.TempDir()+"/meta.db")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	filter, err := expression.Compile("dt = '2024-05-01' OR dt LIKE '2024-06-%'", []expression.Key{{Name: "dt", Type: "string"}})
	require.NoError(t, err)
	query, args := rangeQuery(1, sortKeyRanges(filter.LeadingRanges(), nil), bucketsOf(0, 1))
	rows, err := db.Query(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	require.NoError(t, err)
	defer rows.Close()
	searches := 0
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		require.NotContains(t, detail, "SCAN")
		require.NotContains(t, detail, "TEMP B-TREE")
		if strings.Contains(detail, "SEARCH") {
			require.Contains(t, detail, "sort_key>? AND sort_key<?")
			searches++
		}
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 2, searches)
}
