// Package hostile makes events for tests whose names, properties and types are as unkind to tables as senders can be: names that become
// the same column, that are reserved or are columns already, types that drift, numbers that no double holds, texts that break files.
// All of them are stored as they are here; what intake refuses is not among them.
package hostile

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
)

// Names are names of properties that clean to the same, to reserved words, to names of columns that are there, to nothing, or to too much.
var Names = []string{
	"plan", "Plan", "PLAN", "plan_1", "plan_number", "$plan", "mp_plan", "p lan", "p.lan", "p$lan", "user", "User", "$user", "select", "res_select",
	"time", "distinct_id", "mp_event_name", "$event_name", "mp_date", "mp_properties", "$insert_id_", "2fa", "_2fa", "", "$", "_", "价格", "größe",
	"a\"b", "a\\b", "a\nb", "😀", "İ", "\u0000",
	strings.Repeat("x", 128), strings.Repeat("x", 127) + "y", strings.Repeat("x", 200), "$" + strings.Repeat("X", 200), strings.Repeat("é", 200),
}

// Values are the JSON texts of values of all types, with numbers that doubles do not keep and texts that files must not be broken by.
// All fit into a varchar.
var Values = []string{
	`null`, `1`, `1.0`, `-0`, `-0.0`, `1e400`, `-1e400`, `1e-400`, `9007199254740993`, `123456789012345678`, `0.1`, `1.10`, `5e-324`, `1.7976931348623157e308`, `1e21`, `1e-7`,
	`true`, `false`, `""`, `"a"`, `"1"`, `"true"`, `"2026-05-01T00:00:00"`, `"\u0000"`, `"line\nbreak"`, `"quote\" slash\\ \u2028"`, `"\ud83d\ude00 é"`,
	`[]`, `[1,[2,{"x":null}]]`, `{}`, `{"URL":1,"Url":2,"n":1.10}`, `"` + strings.Repeat("long ", 4000) + `"`,
}

// LongValues are values around the size of the largest varchar, 65,535 bytes, and spelt in ways that count otherwise when written.
var LongValues = []string{
	`"` + strings.Repeat("x", 65_535) + `"`, `"` + strings.Repeat("x", 65_536) + `"`, `"` + strings.Repeat("é", 40_000) + `"`, `"` + strings.Repeat(`\u00e9`, 30_000) + `"`,
	`["` + strings.Repeat("x", 65_531) + `"]`, `["` + strings.Repeat("x", 65_532) + `"]`, `[ "` + strings.Repeat("x", 65_531) + `" ]`, `{"a":"` + strings.Repeat("x", 70_000) + `"}`,
	`1` + strings.Repeat("0", 300) + `.5`, `0.` + strings.Repeat("1", 70_000), `"` + strings.Repeat("y", 30_000) + `"`,
}

// EventNames are names of events that clean to the same table, to a reserved word, to another kind of table, to nothing, or to too much.
var EventNames = []string{"Sign Up", "sign up", "SIGN-UP", "$mp_web_page_view", "2fa", "table", "schema", "", "mp_people_data", strings.Repeat("e", 300)}

// Record is an event. Its day need not be that of its time.
type Record struct {
	Name, DistinctID, InsertID, Properties string
	// Time is in milliseconds since 1970-01-01 UTC, and no two records of a list have the same.
	Time int64
	Day  event.Day
}

// FirstDay is the first of the three days that records are of.
const FirstDay = event.Day(18_500)

// Records draws at least one record and at most max, with properties of Names and the values.
func Records(t *rapid.T, max int, values []string) (all []Record) {
	name, value := rapid.SampledFrom(Names), rapid.SampledFrom(values)
	for i := range rapid.IntRange(1, max).Draw(t, "records") {
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
		all = append(all, Record{
			Name: rapid.SampledFrom(EventNames).Draw(t, "event"), DistinctID: fmt.Sprint("d", i), InsertID: fmt.Sprint("i", i),
			Properties: string(append(properties, '}')), Time: 1_600_000_000_000 + int64(i), Day: FirstDay + event.Day(rapid.IntRange(0, 2).Draw(t, "day")),
		})
	}
	return all
}
