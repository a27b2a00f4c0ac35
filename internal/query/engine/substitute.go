package engine

import (
	"fmt"
	"reflect"

	"github.com/refract-io/refract/internal/query/rsql"
)

// substitute gives a query with its parameters replaced by their values, as constants of the parameters' types. As constants they take
// part in pruning, which is decided before the query runs. The query itself is left alone.
func substitute(q *rsql.Query, params []*string, types []rsql.Type) (*rsql.Query, error) {
	if len(params) != len(types) {
		return nil, failure("08P01", "the statement has %d parameters, %d were supplied", len(types), len(params))
	}
	if len(params) == 0 {
		return q, nil
	}
	text := rsql.Print(q)
	parsed, err := rsql.Parse(text)
	if err != nil || len(parsed) != 1 {
		return nil, fmt.Errorf("copying the query %q: %w", text, err)
	}
	walk(reflect.ValueOf(parsed[0]), func(x reflect.Value) bool {
		p, ok := x.Interface().(*rsql.Param)
		if !ok || !x.CanSet() || p.Number < 1 || p.Number > len(params) {
			return !ok
		}
		value := &rsql.Literal{Pos: p.Pos, Kind: rsql.LiteralNull}
		if text := params[p.Number-1]; text != nil {
			value.Kind, value.Text = rsql.LiteralString, *text
		}
		x.Set(reflect.ValueOf(&rsql.Cast{Pos: p.Pos, X: value, Type: types[p.Number-1]}))
		return false
	})
	return parsed[0].(*rsql.Query), nil
}

// walk visits the nodes of an AST: the fields that hold pointers and interfaces. It goes into those for which visit is true.
func walk(v reflect.Value, visit func(reflect.Value) bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && visit(v) {
			walk(v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walk(v.Field(i), visit)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	}
}
