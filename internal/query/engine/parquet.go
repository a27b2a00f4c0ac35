package engine

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/refract-io/refract/internal/query/engine/duck"
)

// parquetFrom is the table expression that reads Parquet files: columns by name, whatever the case, in their declared types, NULL
// where a file lacks one. paths are the files of the objects. Values that files do not hold come from a list of the files, joined by name.
func parquetFrom(files []dataFile, paths []string, slices []slice, columns []scanColumn) string {
	quoted := make([]string, len(paths))
	for i, p := range paths {
		quoted[i] = duck.Quote(p)
	}
	var items, schema, fixed []string
	for i, c := range columns {
		name := duck.QuoteName(c.name)
		if c.key < 0 && c.pseudo == "" {
			t := c.typ.DuckDB()
			item := "p." + name
			if c.typ.Nested() {
				t, item = "JSON", item+"::VARCHAR AS "+name
			}
			schema = append(schema, fmt.Sprintf("%s: {name: %[1]s, type: '%s', default_value: NULL}", duck.Quote(c.name), t))
			items = append(items, item)
			continue
		}
		items = append(items, fmt.Sprintf("TRY_CAST(f.c%d AS %s) AS %s", i, c.typ.DuckDB(), name))
		fixed = append(fixed, "c"+strconv.Itoa(i))
	}
	if len(items) == 0 {
		items = []string{"true"}
	}
	options := ""
	if len(schema) > 0 {
		options = ", schema = MAP {" + strings.Join(schema, ", ") + "}"
	}
	from := "read_parquet([" + strings.Join(quoted, ", ") + "], filename = 'refract file'" + options + ") p"
	if len(fixed) > 0 {
		from += " JOIN " + fileValues(files, slices, columns, quoted) + " f(file, " + strings.Join(fixed, ", ") + `) ON p."refract file" = f.file`
	}
	return "(SELECT " + strings.Join(items, ", ") + " FROM " + from + ")"
}

// fileValues is the list of the files with their values of partition keys and pseudo-columns.
func fileValues(files []dataFile, slices []slice, columns []scanColumn, paths []string) string {
	var b strings.Builder
	b.WriteString("(VALUES ")
	for i := range files {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + paths[i])
		for _, c := range columns {
			value := ""
			switch {
			case c.key >= 0:
				value = slices[files[i].partition].values[c.key]
			case c.pseudo == pseudoPath:
				value = files[i].location()
			case c.pseudo == pseudoSize:
				value = strconv.FormatInt(files[i].object.Size, 10)
			default:
				continue
			}
			b.WriteString(", ")
			if value == hiveNull {
				b.WriteString("NULL")
			} else {
				b.WriteString(duck.Quote(value))
			}
		}
		b.WriteByte(')')
	}
	b.WriteByte(')')
	return b.String()
}
