package rsql

import (
	"strconv"
	"strings"
)

// selectItem is a select list entry after the expansion of stars.
type selectItem struct {
	name  string
	expr  Expr   // nil for a column of a star
	value *value // set for a column of a star, and once bound
}

// selectBinder binds one SELECT block.
type selectBinder struct {
	*binder
	ast     *Select
	scope   *scope
	items   []selectItem
	grouped bool
	out     *relation
}

// bindSelect binds a SELECT block, with the ORDER BY of q when that is its
// query.
func (b *binder) bindSelect(s *Select, q *Query, parent *scope) *relation {
	b.enter(s)
	defer b.leave()
	if s.Into != nil {
		b.fail(s.Into.Name, StateFeatureNotSupported, "SELECT ... INTO is not supported")
	}
	if s.Top != nil && q == nil {
		b.fail(s.Top, StateFeatureNotSupported, "TOP is not supported in an operand of a set operation")
	}
	sb := &selectBinder{binder: b, ast: s, scope: &scope{parent: parent, lateral: map[string]value{}}, out: &relation{}}
	from := b.bindFrom(s.From, sb.scope)
	sb.expandItems()
	where := ""
	if s.Where != nil {
		v := b.bindCondition(s.Where, &context{scope: sb.scope, clause: "WHERE"}, "WHERE")
		where = " WHERE " + v.sql
		sb.pushPartitions()
	}
	groupBy := sb.bindGroupBy()
	list := sb.bindItems()
	having := sb.bindHaving()
	qualify := ""
	if s.Qualify != nil {
		qualify = " QUALIFY " + sb.covered(s.Qualify, b.bindCondition(s.Qualify, sb.context("QUALIFY"), "QUALIFY")).sql
	}
	var order string
	if q != nil {
		order = sb.bindOrderBy(q.OrderBy)
		sb.pushLimit(q)
	}
	distinct := ""
	if s.Distinct {
		distinct = "DISTINCT "
	}
	sb.out.sql = "SELECT " + distinct + strings.Join(list, ", ") + from + where + groupBy + having + qualify + order
	return sb.out
}

// context is that of the clauses which may hold aggregates.
func (sb *selectBinder) context(clause string) *context {
	return &context{scope: sb.scope, clause: clause, aggregates: true, windows: clause != "HAVING", named: true}
}

// expandItems replaces stars by the columns they stand for.
func (sb *selectBinder) expandItems() {
	for _, item := range sb.ast.Items {
		star, ok := item.Expr.(*Star)
		if !ok {
			name := sb.columnName(item.Expr)
			if item.Alias != nil {
				name = sb.fold(*item.Alias)
			}
			sb.items = append(sb.items, selectItem{name: name, expr: item.Expr})
			continue
		}
		sb.expandStar(star)
	}
	if len(sb.items) == 0 {
		sb.fail(sb.ast, StateSyntax, "SELECT * with no columns is not valid")
	}
}

func (sb *selectBinder) expandStar(star *Star) {
	if len(sb.scope.sources) == 0 {
		sb.fail(star, StateSyntax, "SELECT * with no tables specified is not valid")
	}
	excluded := map[string]bool{}
	for _, name := range star.Exclude {
		excluded[sb.fold(name)] = false
	}
	qualifier := sb.folded(star.Qualifier)
	found := false
	for _, src := range sb.scope.sources {
		if len(qualifier) > 0 && !src.matches(qualifier) {
			continue
		}
		found = true
		for _, c := range src.columns {
			if len(qualifier) == 0 && src.alias != "" && src.merged[c.name] {
				continue
			}
			if _, ok := excluded[c.name]; ok {
				excluded[c.name] = true
				continue
			}
			if c.typ.Nested() && !sb.serialize {
				sb.fail(star, StateFeatureNotSupported, "Nested tables do not support '*' in the SELECT clause.")
			}
			v := sb.serialized(sb.use(star, src, c))
			sb.items = append(sb.items, selectItem{name: c.name, value: &v})
		}
	}
	if !found {
		sb.fail(star, StateUndefinedTable, "relation \"%s\" does not exist", strings.Join(qualifier, "."))
	}
	for _, name := range star.Exclude {
		if !excluded[sb.fold(name)] {
			sb.fail(star, StateUndefinedColumn, "column \"%s\" in EXCLUDE does not exist", sb.fold(name))
		}
	}
}

// serialized turns a nested column into what json_serialization_enable makes
// of it: JSON text, NULL when it is longer than a VARCHAR can be.
func (b *binder) serialized(v value) value {
	if !v.typ.Nested() {
		return v
	}
	out := with("rs_serialize("+v.sql+")", Varchar(MaxVarcharLength), v)
	out.jsonBase, out.jsonPointer = v.jsonBase, v.jsonPointer
	return out
}

// bindItems binds the select list and gives its SQL.
func (sb *selectBinder) bindItems() []string {
	list := make([]string, len(sb.items))
	taken := map[string]bool{}
	for i := range sb.items {
		item := &sb.items[i]
		if item.value == nil {
			v := sb.scalar(item.expr, sb.bindExpr(item.expr, sb.context("SELECT")))
			item.value = &v
		}
		v := sb.covered(sb.ast, *item.value)
		item.value = &v
		column := outColumn{name: item.name, sql: item.name, typ: v.typ}
		for n := 2; taken[strings.ToLower(column.sql)]; n++ {
			column.sql = item.name + "_" + strconv.Itoa(n)
		}
		taken[strings.ToLower(column.sql)] = true
		sb.out.columns = append(sb.out.columns, column)
		list[i] = sb.output(v) + " AS " + quoteIdent(column.sql)
		if item.expr != nil && v.typ.Kind != KindUnknown {
			sb.scope.lateral[item.name] = v
		}
	}
	return list
}

// scalar rejects what can't be a result column.
func (b *binder) scalar(x Expr, v value) value {
	if !v.typ.Nested() {
		return v
	}
	if b.serialize {
		return b.serialized(v)
	}
	if ref, ok := x.(*ColumnRef); ok && len(v.free) == 1 {
		name := b.fold(ref.Names[len(ref.Names)-1])
		table, _, qualified := strings.Cut(v.free[0].name, ".")
		if qualified {
			b.fail(x, StateUndefinedColumn, "column \"%s\" does not exist in %s", name, table)
		}
		b.fail(x, StateUndefinedColumn, "column \"%s\" does not exist", name)
	}
	b.fail(x, StateDatatypeMismatch, "a value of type %s can't be a result column", v.typ.Name())
	return value{}
}

// output writes a result column with its DuckDB type made explicit, since
// DuckDB's own result types differ from Redshift's.
func (b *binder) output(v value) string {
	if v.param != 0 {
		v = b.coerce(&Param{}, v, Varchar(MaxVarcharLength))
	}
	if strings.HasPrefix(v.sql, "CAST(") && strings.HasSuffix(v.sql, " AS "+v.typ.DuckDB()+")") {
		return v.sql
	}
	// A plain column has its type already.
	if len(v.free) == 1 && v.free[0].sql == v.sql {
		return v.sql
	}
	return "CAST(" + v.sql + " AS " + v.typ.DuckDB() + ")"
}

// covered raises the grouping error for a column that is neither grouped nor
// aggregated.
func (sb *selectBinder) covered(at Node, v value) value {
	if !sb.grouped {
		return v
	}
	for _, f := range v.free {
		if sb.scope.groups[f.sql] {
			continue
		}
		panic(errorAt(int(f.pos), StateGrouping, "column \"%s\" must appear in the GROUP BY clause or be used in an aggregate function", f.name))
	}
	return v
}

func (sb *selectBinder) bindHaving() string {
	if sb.ast.Having == nil {
		return ""
	}
	v := sb.covered(sb.ast.Having, sb.bindCondition(sb.ast.Having, sb.context("HAVING"), "HAVING"))
	return " HAVING " + v.sql
}

// bindOrderBy sorts by output column, or by any expression over the input.
func (sb *selectBinder) bindOrderBy(items []OrderItem) string {
	keys := make([]string, len(items))
	for i, item := range items {
		if n := sb.outputPosition(item.Expr, sb.out.columns); n > 0 {
			keys[i] = strconv.Itoa(n) + direction(item)
			continue
		}
		c := sb.context("ORDER BY")
		v := sb.covered(item.Expr, sb.bindExpr(item.Expr, c))
		if sb.ast.Distinct {
			n := sb.selected(v.sql)
			if n == 0 {
				sb.fail(item.Expr, StateInvalidColumnRef, "for SELECT DISTINCT, ORDER BY expressions must appear in select list")
			}
			keys[i] = strconv.Itoa(n) + direction(item)
			continue
		}
		if v.constant {
			// A constant doesn't order anything, and DuckDB would take it for
			// a position.
			v.sql = "CAST(NULL AS INTEGER)"
		}
		keys[i] = v.sql + direction(item)
	}
	return clause(" ORDER BY ", keys, ", ")
}

// selected finds the select item with the given SQL: 1-based, 0 for none.
func (sb *selectBinder) selected(sql string) int {
	for i, item := range sb.items {
		if item.value.sql == sql {
			return i + 1
		}
	}
	return 0
}

// pushPartitions gives every scan the WHERE conjuncts that only touch its
// partition keys; see walkPure for what may be pushed below an outer join.
func (sb *selectBinder) pushPartitions() {
	for _, x := range conjuncts(sb.ast.Where) {
		src := sb.partitionSource(x)
		if src == nil {
			continue
		}
		if src.scan.Partition == nil {
			src.scan.Partition = x
		} else {
			src.scan.Partition = &Binary{Pos: Pos(x.Position()), Op: "and", L: src.scan.Partition, R: x}
		}
	}
}

// partitionSource gives the external table whose partition keys are all that
// the condition reads besides constants, or nil.
func (sb *selectBinder) partitionSource(x Expr) *source {
	var found *source
	ok := walkPure(x, hasOuterJoin(sb.ast.From), func(ref *ColumnRef) bool {
		if len(ref.Names) == 1 && !ref.Names[0].Quoted && dateParts[ref.Names[0].Text].name != "" && !sb.visible(ref) {
			return true // the date part argument of DATEADD and its like
		}
		names := sb.folded(ref.Names)
		src := sb.pureColumn(names)
		if src == nil || found != nil && found != src {
			return false
		}
		found = src
		return true
	})
	if !ok {
		return nil
	}
	return found
}

// pureColumn gives the external source of this very SELECT of which the name
// is a partition key.
func (sb *selectBinder) pureColumn(names []string) *source {
	column := names[len(names)-1]
	var found *source
	for _, src := range sb.scope.sources {
		if len(names) > 1 && !src.matches(names[:len(names)-1]) {
			continue
		}
		for _, c := range src.columns {
			if c.name != column {
				continue
			}
			if found != nil || src.scan == nil || src.merged[column] {
				return nil
			}
			if _, key := src.scan.key(column); !key {
				return nil
			}
			found = src
		}
	}
	return found
}

// walkPure visits the columns of a condition and reports whether its value
// follows from them alone. With outer set it must also follow from a NULL key
// being unknown: comparisons, NOT, AND and OR hand that on, so that a condition
// true for NULL is true for every key; functions and IS don't.
func walkPure(x Expr, outer bool, column func(*ColumnRef) bool) bool {
	switch x := x.(type) {
	case *ColumnRef:
		return column(x)
	case *Subquery, *ArrayQuery, *Exists, *Quantified, *Star, *Collate, *Field, *Index, *RowExpr:
		return false
	case *In:
		if x.Query != nil {
			return false
		}
	case *Func:
		if x.Over != nil || aggregates[x.Name] != nil || windowFunctions[x.Name] != nil || x.Name == "random" ||
			strings.HasPrefix(x.Name, "pg_") || strings.HasPrefix(x.Name, "has_") {
			return false
		}
		return walkPureOpaque(x, outer, column)
	case *Is, *IsDistinct, *Case, *Extract, *AtTimeZone:
		return walkPureOpaque(x, outer, column)
	}
	for _, child := range children(x) {
		if !walkPure(child, outer, column) {
			return false
		}
	}
	return true
}

// walkPureOpaque visits a construct that may turn NULL into something else.
func walkPureOpaque(x Expr, outer bool, column func(*ColumnRef) bool) bool {
	for _, child := range children(x) {
		pure := walkPure(child, outer, func(ref *ColumnRef) bool { return !outer && column(ref) })
		if !pure {
			return false
		}
	}
	return true
}

// hasOuterJoin reports whether an entry of FROM may be extended with NULLs.
func hasOuterJoin(entries []TableExpr) bool {
	for _, entry := range entries {
		if j, ok := entry.(*Join); ok {
			if j.Kind != "inner" && j.Kind != "cross" || hasOuterJoin([]TableExpr{j.L, j.R}) {
				return true
			}
		}
	}
	return false
}

// pushLimit tells the one scan of SELECT .. FROM t LIMIT n how many rows are
// enough.
func (sb *selectBinder) pushLimit(q *Query) {
	s := sb.ast
	limit := q.Limit
	if s.Top != nil {
		limit = s.Top
	}
	lit, ok := limit.(*Literal)
	if !ok || lit.Kind != LiteralNumber || q.Offset != nil || len(q.OrderBy) > 0 {
		return
	}
	if s.Distinct || s.Where != nil || sb.grouped || s.Having != nil || s.Qualify != nil || len(sb.scope.sources) != 1 || sb.scope.sources[0].scan == nil {
		return
	}
	for _, item := range sb.items {
		if item.value.window {
			return
		}
	}
	if n, err := strconv.ParseInt(lit.Text, 10, 64); err == nil {
		sb.scope.sources[0].scan.Limit = &n
	}
}
