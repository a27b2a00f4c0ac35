package rsql

import (
	"fmt"
	"strconv"
	"strings"
)

// maxBindDepth bounds the recursion of the binder. Operator chains count, so
// it is larger than the parser's limit.
const maxBindDepth = 3 * maxChain

func (b *binder) enter(at Node) {
	if b.depth++; b.depth > maxBindDepth {
		b.fail(at, StateStatementTooComplex, "stack depth limit exceeded")
	}
}

func (b *binder) leave() { b.depth-- }

// bindQuery binds a query whose outer names are in parent. Columns of unknown
// type stay so; see resolveUnknown.
func (b *binder) bindQuery(q *Query, parent *scope) *relation {
	b.enter(q)
	defer b.leave()
	outer := &scope{parent: parent, ctes: map[string]*cte{}}
	prefix := b.bindWith(q, outer)
	var out *relation
	if s, ok := q.Body.(*Select); ok {
		out = b.bindSelect(s, q, outer)
	} else {
		out = b.bindBody(q.Body, outer)
		out.sql += b.orderByOutput(q.OrderBy, out)
	}
	out.sql = prefix + out.sql + b.bindLimit(q)
	if parent != nil {
		parent.correlated = append(parent.correlated, outer.correlated...)
	}
	return out
}

// bindWith binds common table expressions and gives the WITH prefix.
func (b *binder) bindWith(q *Query, s *scope) string {
	if len(q.With) == 0 {
		return ""
	}
	parts := make([]string, len(q.With))
	recursive := ""
	for i, w := range q.With {
		name := b.fold(w.Name)
		if _, dup := s.ctes[name]; dup {
			b.fail(w, StateDuplicateAlias, "WITH query name \"%s\" specified more than once", name)
		}
		c := &cte{sql: b.alias()}
		var out *relation
		if set, ok := w.Query.Body.(*SetOperation); ok && q.Recursive && mentions(w.Query, w.Name) {
			recursive = "RECURSIVE "
			out = b.bindRecursive(w, set, c, name, s)
		} else {
			out = b.bindQuery(w.Query, s)
			b.resolveUnknown(out)
			c.columns = b.nameCTE(w, out.columns)
		}
		s.ctes[name] = c
		parts[i] = c.sql + " AS (" + out.sql + ")"
	}
	return "WITH " + recursive + strings.Join(parts, ", ") + " "
}

func (b *binder) nameCTE(w CTE, columns []outColumn) []outColumn {
	if len(w.Columns) > 0 && len(w.Columns) != len(columns) {
		b.fail(w, StateInvalidColumnRef, "WITH query \"%s\" has %d columns available but %d columns specified", b.fold(w.Name), len(columns), len(w.Columns))
	}
	columns = append([]outColumn(nil), columns...)
	for i, name := range w.Columns {
		columns[i].name = b.fold(name)
	}
	return columns
}

// bindRecursive binds anchor UNION ALL step: the anchor's types are the CTE's.
func (b *binder) bindRecursive(w CTE, set *SetOperation, c *cte, name string, s *scope) *relation {
	if set.Op != "union" || !set.All {
		b.fail(w, StateInvalidRecursion, "recursive query \"%s\" does not have the form non-recursive-term UNION ALL recursive-term", name)
	}
	if w.Columns == nil {
		b.fail(w, StateSyntax, "recursive CTE \"%s\" must have a column name list", name)
	}
	anchor := b.bindBody(set.L, s)
	b.resolveUnknown(anchor)
	c.columns = b.nameCTE(w, anchor.columns)
	inner := &scope{parent: s, ctes: map[string]*cte{name: c}}
	step := b.bindBody(set.R, inner)
	if len(step.columns) != len(anchor.columns) {
		b.fail(set, StateSyntax, "each UNION query must have the same number of columns")
	}
	types := make([]Type, len(anchor.columns))
	for i, column := range anchor.columns {
		types[i] = column.typ
	}
	return &relation{sql: anchor.sql + " UNION ALL " + b.recast(set, step, types), columns: anchor.columns}
}

// mentions reports whether a query's text names the CTE in a FROM clause.
func mentions(q *Query, name Name) bool {
	found := false
	var table func(TableExpr)
	var body func(QueryBody)
	table = func(t TableExpr) {
		switch t := t.(type) {
		case *TableRef:
			found = found || len(t.Names) == 1 && strings.EqualFold(t.Names[0].Text, name.Text)
		case *Join:
			table(t.L)
			table(t.R)
		case *SubqueryRef:
			body(t.Query.Body)
		}
	}
	body = func(q QueryBody) {
		switch q := q.(type) {
		case *Select:
			for _, t := range q.From {
				table(t)
			}
		case *SetOperation:
			body(q.L)
			body(q.R)
		case *Query:
			body(q.Body)
		}
	}
	body(q.Body)
	return found
}

func (b *binder) bindBody(body QueryBody, s *scope) *relation {
	b.enter(body)
	defer b.leave()
	switch body := body.(type) {
	case *Select:
		return b.bindSelect(body, nil, s)
	case *Query:
		out := b.bindQuery(body, s)
		out.sql = "(" + out.sql + ")"
		return out
	case *Values:
		return b.bindValues(body, s)
	case *SetOperation:
		return b.bindSetOperation(body, s)
	}
	panic(fmt.Sprintf("rsql: binding query body %T", body))
}

func (b *binder) bindSetOperation(set *SetOperation, s *scope) *relation {
	if set.All && set.Op != "union" {
		b.fail(set, StateFeatureNotSupported, "%s ALL is not supported", strings.ToUpper(set.Op))
	}
	l, r := b.bindBody(set.L, s), b.bindBody(set.R, s)
	if len(l.columns) != len(r.columns) {
		b.fail(set, StateSyntax, "each %s query must have the same number of columns", strings.ToUpper(set.Op))
	}
	types := make([]Type, len(l.columns))
	columns := make([]outColumn, len(l.columns))
	for i := range types {
		types[i] = b.common(set, []value{{typ: l.columns[i].typ}, {typ: r.columns[i].typ}}, strings.ToUpper(set.Op))
		columns[i] = l.columns[i]
		columns[i].typ = types[i]
	}
	all := ""
	if set.All {
		all = "ALL "
	}
	left, right := b.recast(set.L, l, types), b.recast(set.R, r, types)
	if _, nested := set.L.(*SetOperation); nested {
		left = "(" + left + ")"
	}
	if _, nested := set.R.(*SetOperation); nested {
		right = "(" + right + ")"
	}
	return &relation{sql: left + " " + strings.ToUpper(set.Op) + " " + all + right, columns: columns}
}

// recast wraps a relation so that its columns have the given types.
func (b *binder) recast(at Node, r *relation, types []Type) string {
	same := true
	for i, c := range r.columns {
		same = same && c.typ.DuckDB() == types[i].DuckDB() && c.typ.Kind != KindUnknown
	}
	if same {
		return r.sql
	}
	alias := b.alias()
	items := make([]string, len(r.columns))
	for i, c := range r.columns {
		v := value{sql: alias + "." + quoteIdent(c.sql), typ: c.typ}
		if c.typ.Kind == KindUnknown {
			v.sql, v.typ = "CAST("+v.sql+" AS "+types[i].DuckDB()+")", types[i]
		}
		items[i] = b.cast(at, v, types[i], castImplicit).sql + " AS " + quoteIdent(c.sql)
	}
	return "SELECT " + strings.Join(items, ", ") + " FROM (" + r.sql + ") AS " + alias
}

// resolveUnknown gives columns of unknown type, which are literals, the type
// varchar with the length that Redshift reports for them.
func (b *binder) resolveUnknown(r *relation) {
	for i := range r.columns {
		if r.columns[i].typ.Kind == KindUnknown {
			r.columns[i].typ = Varchar(max(r.columns[i].typ.Length, 1))
		}
	}
}

func (b *binder) bindValues(v *Values, s *scope) *relation {
	c := &context{scope: s, clause: "VALUES"}
	width := len(v.Rows[0])
	cells := make([][]value, width)
	for _, row := range v.Rows {
		if len(row) != width {
			b.fail(row[0], StateSyntax, "VALUES lists must all be the same length")
		}
		for i, x := range row {
			if _, def := x.(*DefaultValue); def {
				b.fail(x, StateSyntax, "DEFAULT can only appear in a VALUES list within INSERT")
			}
			cells[i] = append(cells[i], b.bindExpr(x, c))
		}
	}
	out := &relation{}
	types := make([]Type, width)
	names := make([]string, width)
	for i := range cells {
		types[i] = b.common(v, cells[i], "VALUES")
		name := "column" + strconv.Itoa(i+1)
		out.columns = append(out.columns, outColumn{name: name, sql: name, typ: types[i]})
		names[i] = name
	}
	rows := make([]string, len(v.Rows))
	for r := range v.Rows {
		row := make([]string, width)
		for i := range row {
			row[i] = b.coerce(v, cells[i][r], types[i]).sql
		}
		rows[r] = "(" + strings.Join(row, ", ") + ")"
	}
	out.sql = "SELECT * FROM (VALUES " + strings.Join(rows, ", ") + ") AS " + b.alias() + "(" + strings.Join(names, ", ") + ")"
	return out
}

// bindLimit gives the LIMIT and OFFSET clauses.
func (b *binder) bindLimit(q *Query) string {
	sql := ""
	limit := q.Limit
	if s, ok := q.Body.(*Select); ok && s.Top != nil {
		if limit != nil {
			b.fail(q.Limit, StateSyntax, "TOP and LIMIT can't be used together")
		}
		limit = s.Top
	}
	if limit != nil {
		sql += " LIMIT " + b.bindCount(limit, "LIMIT")
	}
	if q.Offset != nil {
		sql += " OFFSET " + b.bindCount(q.Offset, "OFFSET")
	}
	return sql
}

func (b *binder) bindCount(x Expr, clause string) string {
	v := b.bindExpr(x, &context{clause: clause, constant: true})
	if lit, ok := x.(*Literal); ok && lit.Kind == LiteralNull {
		return "NULL"
	}
	v = b.coerce(x, v, Int8)
	if u, ok := x.(*Unary); ok && u.Op == "-" {
		b.fail(x, "2201W", "%s must not be negative", clause)
	}
	if !v.constant {
		b.fail(x, StateInvalidColumnRef, "argument of %s must not contain variables", clause)
	}
	return "(" + v.sql + ")"
}

// orderByOutput sorts the result of a set operation or VALUES by its columns.
func (b *binder) orderByOutput(items []OrderItem, out *relation) string {
	keys := make([]string, len(items))
	for i, item := range items {
		n := b.outputPosition(item.Expr, out.columns)
		if n == 0 {
			b.fail(item.Expr, StateFeatureNotSupported, "ORDER BY on a UNION/INTERSECT/EXCEPT result must be on one of the result columns")
		}
		keys[i] = strconv.Itoa(n) + direction(item)
	}
	return clause(" ORDER BY ", keys, ", ")
}

// outputPosition finds the output column that an ORDER BY item names by
// ordinal or by name: 1-based, 0 for none.
func (b *binder) outputPosition(x Expr, columns []outColumn) int {
	switch x := x.(type) {
	case *Literal:
		if x.Kind != LiteralNumber {
			return 0
		}
		n, err := strconv.Atoi(x.Text)
		if err != nil || n < 1 || n > len(columns) {
			b.fail(x, StateInvalidColumnRef, "ORDER BY position %s is not in select list", x.Text)
		}
		return n
	case *ColumnRef:
		if len(x.Names) != 1 {
			return 0
		}
		found := 0
		for i, c := range columns {
			if c.name != b.fold(x.Names[0]) {
				continue
			}
			if found != 0 {
				b.fail(x, StateAmbiguousColumn, "ORDER BY \"%s\" is ambiguous", c.name)
			}
			found = i + 1
		}
		return found
	}
	return 0
}

// direction writes the order with the place of NULLs: they sort as the largest
// value.
func direction(item OrderItem) string {
	nulls := item.Nulls
	sql := " ASC"
	if item.Desc {
		sql = " DESC"
		if nulls == "" {
			nulls = "first"
		}
	}
	if nulls == "first" {
		return sql + " NULLS FIRST"
	}
	return sql + " NULLS LAST"
}

// clause writes a keyword and a list, or nothing for an empty list.
func clause(word string, items []string, sep string) string {
	if len(items) == 0 {
		return ""
	}
	return word + strings.Join(items, sep)
}
