package rsql

import (
	"strconv"
	"strings"
)

// bindGroupBy binds GROUP BY and decides whether the select is grouped: by the
// clause, by HAVING, or by an aggregate in the select list.
func (sb *selectBinder) bindGroupBy() string {
	g := sb.ast.GroupBy
	if g == nil {
		sb.grouped = sb.ast.Having != nil
		for _, item := range sb.items {
			sb.grouped = sb.grouped || item.expr != nil && sb.hasAggregate(item.expr)
		}
		if sb.grouped {
			sb.scope.groups = map[string]bool{}
		}
		return ""
	}
	sb.grouped = true
	groups := map[string]bool{}
	var parts []string
	if g.All {
		for _, item := range sb.items {
			switch {
			case item.expr == nil:
				groups[item.value.sql] = true
				parts = append(parts, item.value.sql)
			case !sb.hasAggregate(item.expr):
				parts = append(parts, sb.groupKey(item.expr, groups))
			}
		}
	} else {
		for _, item := range g.Items {
			parts = append(parts, sb.groupItem(item, groups))
		}
	}
	sb.scope.groups = groups
	return clause(" GROUP BY ", parts, ", ")
}

func (sb *selectBinder) groupItem(item GroupItem, groups map[string]bool) string {
	sb.enter(sb.ast)
	defer sb.leave()
	switch item.Kind {
	case "":
		return sb.groupKey(item.Exprs[0], groups)
	case "set":
		keys := make([]string, len(item.Exprs))
		for i, x := range item.Exprs {
			keys[i] = sb.groupKey(x, groups)
		}
		return "(" + strings.Join(keys, ", ") + ")"
	}
	nested := make([]string, len(item.Nested))
	for i, n := range item.Nested {
		nested[i] = sb.groupItem(n, groups)
	}
	return strings.ToUpper(item.Kind) + " (" + strings.Join(nested, ", ") + ")"
}

// groupKey binds one grouping expression: a position in the select list, the
// alias of an item where no input column has the name, or an expression.
func (sb *selectBinder) groupKey(x Expr, groups map[string]bool) string {
	c := &context{scope: sb.scope, clause: "GROUP BY"}
	target := x
	switch x := x.(type) {
	case *Literal:
		if x.Kind != LiteralNumber {
			break
		}
		n, err := strconv.Atoi(x.Text)
		if err != nil || n < 1 || n > len(sb.items) {
			sb.fail(x, StateInvalidColumnRef, "GROUP BY position %s is not in select list", x.Text)
		}
		item := sb.items[n-1]
		if item.expr == nil {
			groups[item.value.sql] = true
			return item.value.sql
		}
		target = item.expr
	case *ColumnRef:
		if len(x.Names) == 1 && !sb.visible(x) {
			for _, item := range sb.items {
				if item.expr != nil && item.name == sb.fold(x.Names[0]) {
					target = item.expr
					break
				}
			}
		}
	}
	v := sb.bindExpr(target, c)
	if v.typ.Nested() {
		v = sb.serialized(v)
	}
	if v.typ.Kind == KindUnknown {
		v = sb.coerce(target, v, Varchar(max(v.typ.Length, 1)))
	}
	groups[v.sql] = true
	if v.constant {
		// DuckDB takes a bare number for a position.
		return "CAST(" + v.sql + " AS " + v.typ.DuckDB() + ")"
	}
	return v.sql
}

// visible reports whether a plain name is an input column.
func (sb *selectBinder) visible(ref *ColumnRef) bool {
	_, _, ok := sb.findColumn(ref, sb.folded(ref.Names), sb.scope)
	return ok
}

// hasAggregate reports whether an expression calls an aggregate outside of
// window functions and subqueries.
func (b *binder) hasAggregate(x Expr) bool {
	found := false
	walk(x, func(x Expr) bool {
		f, ok := x.(*Func)
		if ok && f.Over == nil && aggregates[f.Name] != nil {
			found = true
		}
		return !found
	})
	return found
}
