package rsql

import (
	"fmt"
	"strings"
)

// bindSubquery binds a query inside an expression. The value holds the columns
// of the outer query that the inner one uses.
func (b *binder) bindSubquery(q *Query, c *context, width int) (value, *relation) {
	s := c.scope
	if s == nil {
		s = &scope{}
	}
	mark := len(s.correlated)
	out := b.bindQuery(q, s)
	b.resolveUnknown(out)
	v := value{free: append([]freeColumn(nil), s.correlated[mark:]...)}
	s.correlated = s.correlated[:mark]
	if width > 0 && len(out.columns) != width {
		if width == 1 {
			b.fail(q, StateSyntax, "subquery must return only one column")
		}
		b.fail(q, StateSyntax, "subquery has %d columns, %d expected", len(out.columns), width)
	}
	return v, out
}

// bindSubqueryExpr binds the expressions that hold a query.
func (b *binder) bindSubqueryExpr(x Expr, c *context) value {
	switch x := x.(type) {
	case *Subquery:
		v, out := b.bindSubquery(x.Query, c, 1)
		return with("("+out.sql+")", out.columns[0].typ, v).variable()
	case *Exists:
		v, out := b.bindSubquery(x.Query, c, 0)
		return with("EXISTS ("+out.sql+")", Bool, v).variable()
	case *ArrayQuery:
		v, out := b.bindSubquery(x.Query, c, 1)
		return with("ARRAY("+out.sql+")", CatalogArray(out.columns[0].typ), v).variable()
	case *Quantified:
		return b.bindQuantified(x, c)
	}
	panic(fmt.Sprintf("rsql: binding expression %T", x))
}

// variable marks a value that isn't constant though no column shows in it.
func (v value) variable() value {
	v.constant = false
	return v
}

func (b *binder) bindQuantified(x *Quantified, c *context) value {
	v := b.bindExpr(x.X, c)
	word := " ANY "
	if x.All {
		word = " ALL "
	}
	if x.Query != nil {
		sub, out := b.bindSubquery(x.Query, c, 1)
		alias := b.alias()
		r := value{sql: alias + "." + quoteIdent(out.columns[0].sql), typ: out.columns[0].typ}
		if _, ok := glueComparisons[x.Op]; !ok {
			b.fail(x, StateFeatureNotSupported, "operator %s with ANY or ALL is not supported", x.Op)
		}
		l, r := b.operands(x, v, r, x.Op)
		return with("("+l.sql+" "+x.Op+word+"(SELECT "+r.sql+" FROM ("+out.sql+") AS "+alias+"))", Bool, l, sub).variable()
	}
	array := b.bindExpr(x.Array, c)
	switch {
	case array.literal != nil && array.literal.Kind == LiteralString:
		// '{a,b}': the text form of an array of the left side's type.
		items := strings.Split(strings.Trim(array.literal.Text, "{}"), ",")
		list := make([]string, len(items))
		for i, item := range items {
			lit := &Literal{Pos: Pos(x.Array.Position()), Kind: LiteralString, Text: strings.Trim(strings.TrimSpace(item), `"`)}
			_, r := b.operands(x.Array, v, b.bindLiteral(lit), x.Op)
			list[i] = r.sql
		}
		array = value{sql: "[" + strings.Join(list, ", ") + "]", typ: CatalogArray(v.typ), constant: true}
	case array.typ.Kind != KindCatalogArray:
		b.fail(x.Array, StateDatatypeMismatch, "op ANY/ALL (array) requires array on right side")
	}
	if v.typ.Kind == KindUnknown {
		v = b.coerce(x.X, v, *array.typ.Elem)
	}
	switch {
	case x.Op == "=" && !x.All:
		return with("list_contains("+array.sql+", "+v.sql+")", Bool, v, array)
	case x.Op == "<>" && x.All:
		return with("(NOT list_contains("+array.sql+", "+v.sql+"))", Bool, v, array)
	}
	b.fail(x, StateFeatureNotSupported, "operator %s with ANY or ALL of an array is not supported", x.Op)
	return value{}
}
