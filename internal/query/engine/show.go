package engine

import (
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/query/rsql"
)

// textColumns describes rows that the engine makes itself.
func textColumns(names ...string) []rsql.ResultColumn {
	out := make([]rsql.ResultColumn, len(names))
	for i, n := range names {
		out[i] = rsql.ResultColumn{Name: n, Type: rsql.Varchar(rsql.MaxVarcharLength)}
	}
	return out
}

// give makes r a result of the rows.
func (r *Result) give(tag string, columns []rsql.ResultColumn, rows [][]string) {
	r.Columns, r.tag = columns, tag
	if len(rows) > 0 {
		r.made = []textRows{rows}
	}
}

// showColumns describes what SHOW gives for a parameter, or for all.
func showColumns(name string) []rsql.ResultColumn {
	if name == "all" {
		return textColumns("name", "setting")
	}
	return textColumns(shownName(name))
}

// shownName is how SHOW heads a parameter's column.
func shownName(name string) string {
	switch name {
	case "timezone":
		return "TimeZone"
	case "datestyle":
		return "DateStyle"
	}
	return name
}

// show gives the value of a parameter, or of all of them.
func (s *Session) show(r *Result, name string) error {
	if name != "all" {
		v, ok := s.settings.get(name)
		if !ok {
			return failure(rsql.StateUndefinedObject, "unrecognized configuration parameter \"%s\"", name)
		}
		r.give("SHOW", showColumns(name), [][]string{{v}})
		return nil
	}
	var rows [][]string
	for _, n := range slices.Sorted(slices.Values(sortedParameters)) {
		v, _ := s.settings.get(n)
		rows = append(rows, []string{n, v})
	}
	r.give("SHOW", showColumns(name), rows)
	return nil
}

// settingName is a parameter's name as it is kept. TIME ZONE and the like are other ways to write some.
func settingName(name string) string {
	name = strings.ToLower(name)
	switch name {
	case "time zone":
		return "timezone"
	case "names":
		return "client_encoding"
	case "transaction isolation level":
		return "transaction_isolation"
	case "session authorization":
		return "session_authorization"
	}
	return name
}
