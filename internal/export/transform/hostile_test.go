package transform

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/export/hostile"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/schema"
)

func hostileRecords(t *rapid.T) (all []dated) {
	for _, r := range hostile.Records(t, 60, hostile.Values) {
		all = append(all, dated{record{name: r.Name, time: r.Time, distinct: r.DistinctID, insert: r.InsertID, properties: r.Properties}, r.Day})
	}
	return all
}

// TestHostileRowsAreTheSameInBothFormatsAndInOneRunOrMany is what users rely on who change the format of a pipeline, or whose history comes
// in windows of another size.
func TestHostileRowsAreTheSameInBothFormatsAndInOneRunOrMany(t *testing.T) {
	b := newMemory()
	positions := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		records := hostileRecords(t)
		kind := rapid.SampledFrom([]schema.Kind{schema.Monoschema, schema.Multischema}).Draw(t, "kind")
		limit := rapid.SampledFrom([]int{0, 0, 5}).Draw(t, "limit")
		var want map[string][]row
		var mapping string
		for _, format := range []lake.Format{lake.Parquet, lake.JSON} {
			for _, runs := range []int{1, rapid.IntRange(2, 5).Draw(t, "runs")} {
				m := newMapping(t, kind, limit)
				got := map[string][]row{}
				for i := range runs {
					positions += 1000
					part := records[i*len(records)/runs : (i+1)*len(records)/runs]
					stored := new(schema.Mapping)
					text, err := json.Marshal(m)
					require.NoError(t, err)
					require.NoError(t, json.Unmarshal(text, stored))
					m = stored
					o := TablesOptions{
						Format: format, Window: lake.Window{After: positions, UpTo: positions + 1000},
						Memory: rapid.SampledFrom([]int64{1, 5000, 0}).Draw(t, "memory"),
						Writer: lake.WriterOptions{PartBytes: rapid.SampledFrom([]int64{1, 3000, 0}).Draw(t, "part")},
					}
					data, oversize := writeTables(t, b, m, o, part)
					require.Empty(t, oversize)
					for dir, rows := range readTables(t, b, m, data) {
						got[dir] = append(got[dir], rows...)
					}
				}
				text, err := json.Marshal(m)
				require.NoError(t, err)
				if want == nil {
					want, mapping = got, string(text)
				}
				require.Equal(t, want, got)
				require.JSONEq(t, mapping, string(text))
			}
		}
	})
}
