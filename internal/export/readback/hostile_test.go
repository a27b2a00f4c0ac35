package readback

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/export/hostile"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/query/engine/duck"
)

// hostileLists is how many lists of records are drawn. Each takes a tenth of a second.
const hostileLists = 12

// TestHostileRowsAreReadTheSameFromBothFormatsAndFromOneRunOrMany takes names and types that are unkind to tables through the catalog and
// the SQL plane: every column of every table is there in both formats, whether the rows came in one run or in several, with the same values.
func TestHostileRowsAreReadTheSameFromBothFormatsAndFromOneRunOrMany(t *testing.T) {
	records := rapid.Custom(func(t *rapid.T) []hostile.Record { return hostile.Records(t, 40, hostile.Values) })
	for seed := range hostileLists {
		kind, limit := []schema.Kind{schema.Monoschema, schema.Multischema}[seed%2], []int{0, 0, 5}[seed%3]
		list := records.Example(seed)
		t.Run(fmt.Sprintf("%d, %s, limit %d", seed, kind, limit), func(t *testing.T) {
			var all []record
			for _, r := range list {
				all = append(all, record{r.Day, r.Name, r.Properties})
			}
			w := open(t, kind, limit)
			w.export(false, all...)
			one := w.contents()
			require.Equal(t, len(all), len(one))
			many := open(t, kind, limit)
			runs := 2 + seed%4
			for i := range runs {
				first := i * len(all) / runs
				many.exportFrom(first, false, all[first:(i+1)*len(all)/runs]...)
			}
			require.Equal(t, one, many.contents())
		})
	}
}

// contents returns the rows of all tables, each with its table and the names and types of its columns in front of the values.
func (w *warehouse) contents() (all []string) {
	w.Helper()
	for _, table := range w.mappings[formats[0]].Tables() {
		var names, described []string
		for _, c := range table.Columns() {
			names = append(names, duck.QuoteName(c.Name))
			described = append(described, fmt.Sprintf("%s %s", c.Name, c.Type))
		}
		rows := w.query("SELECT mp_date, " + strings.Join(names, ", ") + " FROM %s." + duck.QuoteName(table.Name) + " ORDER BY mp_insert_id")
		for _, row := range rows {
			all = append(all, table.Name+" ("+strings.Join(described, ", ")+"): "+row)
		}
	}
	slices.Sort(all)
	return all
}
