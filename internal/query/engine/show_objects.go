package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/query/rsql"
)

// shownObjects are the SHOW commands over the catalog: their columns, and the system view that has the rows.
var shownObjects = map[string]struct {
	columns []rsql.ResultColumn
	query   string
	// name is the column that LIKE matches; database, schema and table are those that FROM limits.
	name string
}{
	"databases": {
		textColumns("database_name", "database_owner", "database_type", "database_acl", "parameters", "database_isolation_level"),
		"svv_redshift_databases", "database_name",
	},
	"schemas": {
		textColumns("database_name", "schema_name", "schema_owner", "schema_type", "schema_acl", "source_database", "schema_option"),
		"svv_all_schemas", "schema_name",
	},
	"tables": {
		textColumns("database_name", "schema_name", "table_name", "table_acl", "table_type", "remarks"),
		"svv_all_tables", "table_name",
	},
	"columns": {
		textColumns("database_name", "schema_name", "table_name", "column_name", "ordinal_position", "column_default", "is_nullable", "data_type",
			"character_maximum_length", "numeric_precision", "numeric_scale", "remarks"),
		"svv_all_columns", "column_name",
	},
}

func showObjectsColumns(what string) ([]rsql.ResultColumn, error) {
	o, ok := shownObjects[what]
	if !ok {
		return nil, failure(rsql.StateFeatureNotSupported, "SHOW %s is not supported yet", strings.ToUpper(what))
	}
	return o.columns, nil
}

// showObjects gives rows of a system view, limited to what FROM and LIKE name.
func (s *Session) showObjects(ctx context.Context, r *Result, st *rsql.ShowObjects) error {
	columns, err := showObjectsColumns(st.What)
	if err != nil {
		return err
	}
	o := shownObjects[st.What]
	view := systemRelations[catalogSchema][o.query]
	rows, err := view.rows(ctx, s)
	if err != nil {
		return fmt.Errorf("reading %s: %w", view.name, err)
	}
	limits := map[string]string{}
	if st.Name != nil {
		parts := make([]string, len(st.Name.Parts))
		for i, p := range st.Name.Parts {
			parts[i] = s.fold(p)
		}
		levels := []string{"database_name", "schema_name", "table_name"}[:map[string]int{"schemas": 1, "tables": 2, "columns": 3}[st.What]]
		for i, p := range parts {
			if at := len(levels) - len(parts) + i; at >= 0 {
				limits[levels[at]] = p
			}
		}
	}
	var out [][]string
rows:
	for _, row := range rows {
		texts := make([]string, len(view.columns))
		for i, v := range row {
			if v != nil {
				texts[i] = fmt.Sprint(v)
			}
			name := view.columns[i].Name
			if want, ok := limits[name]; ok && want != texts[i] {
				continue rows
			}
			if name == o.name && st.Pattern != nil && !like(texts[i], *st.Pattern) {
				continue rows
			}
		}
		out = append(out, texts)
	}
	r.give("SHOW", columns, out)
	return nil
}

// like matches text with a pattern of LIKE: % for any text, _ for one character.
func like(text, pattern string) bool {
	t, p := []rune(text), []rune(pattern)
	var i, j, star, mark int
	star = -1
	for i < len(t) {
		switch {
		case j < len(p) && p[j] == '%':
			star, mark = j, i
			j++
		case j < len(p) && (p[j] == '_' || p[j] == t[i]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return false
		}
	}
	for j < len(p) && p[j] == '%' {
		j++
	}
	return j == len(p)
}
