package transform

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/schema"
)

// hostileNames are names that clean to the same, to reserved words, to names of columns that are there, to nothing, or to too much.
var hostileNames = []string{
	"plan", "Plan", "PLAN", "plan_1", "plan_number", "$plan", "mp_plan", "p lan", "p.lan", "p$lan", "user", "User", "$user", "select", "res_select",
	"time", "distinct_id", "mp_event_name", "$event_name", "mp_date", "mp_properties", "$insert_id_", "2fa", "_2fa", "", "$", "_", "价格", "größe",
	"a\"b", "a\\b", "a\nb", "😀", "İ", "\u0000",
	strings.Repeat("x", 128), strings.Repeat("x", 127) + "y", strings.Repeat("x", 200), "$" + strings.Repeat("X", 200), strings.Repeat("é", 200),
}

// hostileValues are values of all types, with numbers that doubles do not keep and texts that files must not be broken by.
var hostileValues = []string{
	`null`, `1`, `1.0`, `-0`, `-0.0`, `1e400`, `-1e400`, `1e-400`, `9007199254740993`, `123456789012345678`, `0.1`, `1.10`, `5e-324`, `1.7976931348623157e308`, `1e21`, `1e-7`,
	`true`, `false`, `""`, `"a"`, `"1"`, `"true"`, `"2026-05-01T00:00:00"`, `"\u0000"`, `"line\nbreak"`, `"quote\" slash\\ \u2028"`, `"\ud83d\ude00 é"`,
	`[]`, `[1,[2,{"x":null}]]`, `{}`, `{"URL":1,"Url":2,"n":1.10}`, `"` + strings.Repeat("long ", 4000) + `"`,
}

func hostileRecords(t *rapid.T) (all []dated) {
	name := rapid.SampledFrom(hostileNames)
	value := rapid.SampledFrom(hostileValues)
	for i := range rapid.IntRange(1, 60).Draw(t, "records") {
		properties := []byte{'{'}
		seen := map[string]bool{}
		for range rapid.IntRange(0, 8).Draw(t, "properties") {
			key := name.Draw(t, "property")
			if seen[key] {
				continue
			}
			seen[key] = true
			properties = event.AppendRawMember(properties, key, []byte(value.Draw(t, "value")))
		}
		r := record{
			name: rapid.SampledFrom([]string{"Sign Up", "sign up", "SIGN-UP", "$mp_web_page_view", "2fa", "table", "schema", "", "mp_people_data", strings.Repeat("e", 300)}).Draw(t, "event"),
			time: 1_600_000_000_000 + int64(i), distinct: fmt.Sprint("d", i), insert: fmt.Sprint("i", i), properties: string(append(properties, '}')),
		}
		all = append(all, dated{r, event.Day(18_500 + rapid.IntRange(0, 2).Draw(t, "day"))})
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
