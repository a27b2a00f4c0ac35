package rsql

import (
	"fmt"
	"strconv"
	"strings"
)

// context says where an expression stands and what it may hold.
type context struct {
	scope      *scope
	clause     string // for error messages
	aggregates bool
	windows    bool
	inside     bool // inside an aggregate's arguments
	constant   bool // no scope: LIMIT and OFFSET
	named      bool // grouped expressions of the select apply
}

// maxExpressionText bounds the SQL of one expression, in bytes.
const maxExpressionText = 4 << 20

// bindExpr binds an expression. A grouped expression hides the columns in it
// from the grouping check.
func (b *binder) bindExpr(x Expr, c *context) value {
	b.enter(x)
	defer b.leave()
	v := b.bindNode(x, c)
	v.weight = max(v.weight, 1)
	if v.weight > maxWeight || len(v.sql) > maxExpressionText {
		b.fail(x, StateStatementTooComplex, "the expression is too complex")
	}
	if c.named && !c.inside && c.scope != nil && c.scope.groups[v.sql] {
		v.free = nil
	}
	return v
}

func (b *binder) bindNode(x Expr, c *context) value {
	switch x := x.(type) {
	case *Literal:
		return b.bindLiteral(x)
	case *TypedLiteral:
		lit := &Literal{Pos: x.Pos, Kind: LiteralString, Text: x.Text}
		return b.cast(x, b.bindLiteral(lit), x.Type, castExplicit)
	case *Interval:
		return b.bindInterval(x)
	case *ColumnRef:
		if c.constant {
			b.fail(x, StateInvalidColumnRef, "argument of %s must not contain variables", c.clause)
		}
		return b.bindColumn(x, c)
	case *Param:
		return b.bindParam(x)
	case *Unary:
		return b.bindUnary(x, c)
	case *Binary:
		return b.bindBinary(x, c)
	case *Is:
		return b.bindIs(x, c)
	case *IsDistinct:
		l, r := b.operands(x, b.bindExpr(x.L, c), b.bindExpr(x.R, c), "IS DISTINCT FROM")
		op := " IS DISTINCT FROM "
		if x.Not {
			op = " IS NOT DISTINCT FROM "
		}
		return with("("+l.sql+op+r.sql+")", Bool, l, r)
	case *Between:
		return b.bindBetween(x, c)
	case *Like:
		return b.bindLike(x, c)
	case *In:
		return b.bindIn(x, c)
	case *Case:
		return b.bindCase(x, c)
	case *Cast:
		return b.bindCast(x, c)
	case *Func:
		return b.bindFunc(x, c)
	case *Extract:
		return b.bindExtract(x, c)
	case *Collate:
		v := b.bindExpr(x.X, c)
		switch b.fold(x.Name) {
		case "case_sensitive", "cs":
			return v
		case "case_insensitive", "ci":
			b.fail(x, StateFeatureNotSupported, "case-insensitive collation is not supported")
		case "default", "c":
			return v
		}
		b.fail(x, StateUndefinedObject, "collation \"%s\" does not exist", b.fold(x.Name))
	case *AtTimeZone:
		return b.bindAtTimeZone(x, c)
	case *Field:
		return b.attribute(x, b.bindExpr(x.X, c), x.Name)
	case *Index:
		return b.bindIndex(x, c)
	case *Star:
		b.fail(x, StateSyntax, "syntax error at or near \"*\"")
	case *DefaultValue:
		b.fail(x, StateSyntax, "DEFAULT is not allowed in this context")
	case *RowExpr:
		b.fail(x, StateFeatureNotSupported, "row expressions are only supported in comparisons and IN")
	}
	return b.bindSubqueryExpr(x, c)
}

// bindCondition binds an expression that must be boolean.
func (b *binder) bindCondition(x Expr, c *context, clause string) value {
	v := b.bindExpr(x, c)
	if v.typ.Kind == KindUnknown {
		v = b.coerce(x, v, Bool)
	}
	if v.typ.isSuper() {
		v = b.cast(x, v, Bool, castExplicit)
	}
	if v.typ.Kind != KindBool {
		b.fail(x, StateDatatypeMismatch, "argument of %s must be type boolean, not type %s", clause, v.typ.Name())
	}
	return v
}

func (b *binder) bindLiteral(x *Literal) value {
	v := value{constant: true}
	switch x.Kind {
	case LiteralNull:
		v.sql, v.literal = "NULL", x
	case LiteralBool:
		v.sql, v.typ = x.Text, Bool
	case LiteralString:
		v.sql, v.literal = quoteString(x.Text), x
		v.typ.Length = len(x.Text)
	case LiteralNumber:
		v.sql, v.typ = numberLiteral(x.Text)
	}
	return v
}

// numberLiteral types a number: the smallest of integer and bigint that holds
// it, else numeric with the digits written; with an exponent double precision.
func numberLiteral(text string) (string, Type) {
	if strings.Contains(text, "e") {
		return "CAST('" + text + "' AS DOUBLE)", Float8
	}
	whole, fraction, decimal := strings.Cut(text, ".")
	whole = strings.TrimLeft(whole, "0")
	if !decimal {
		if n, err := strconv.ParseInt("0"+whole, 10, 64); err == nil {
			if n <= 1<<31-1 {
				return strconv.FormatInt(n, 10), Int4
			}
			return strconv.FormatInt(n, 10), Int8
		}
	}
	precision := max(len(whole)+len(fraction), 1)
	if precision > MaxPrecision {
		return "CAST('" + text + "' AS DOUBLE)", Float8
	}
	t := Decimal(precision, len(fraction))
	return "CAST('" + text + "' AS " + t.DuckDB() + ")", t
}

func (b *binder) bindParam(x *Param) value {
	for len(b.params) < x.Number {
		b.params = append(b.params, Unknown)
	}
	t := b.params[x.Number-1]
	v := value{sql: "CAST($" + strconv.Itoa(x.Number) + " AS " + t.DuckDB() + ")", typ: t, constant: true}
	if t.Kind == KindUnknown {
		v.param = x.Number
	}
	return v
}

func (b *binder) bindIs(x *Is, c *context) value {
	v := b.bindExpr(x.X, c)
	not := ""
	if x.Not {
		not = "NOT "
	}
	what := strings.ToUpper(x.What)
	if x.What != "null" {
		if v.typ.Kind == KindUnknown {
			v = b.coerce(x.X, v, Bool)
		}
		if v.typ.Kind != KindBool {
			b.fail(x, StateDatatypeMismatch, "argument of IS %s%s must be type boolean, not type %s", not, what, v.typ.Name())
		}
		if x.What == "unknown" {
			what = "NULL"
		}
	}
	return with("("+v.sql+" IS "+not+what+")", Bool, v)
}

func (b *binder) bindBetween(x *Between, c *context) value {
	v, lo, hi := b.bindExpr(x.X, c), b.bindExpr(x.Lo, c), b.bindExpr(x.Hi, c)
	l, r := b.compare(x, ">=", v, lo), b.compare(x, "<=", v, hi)
	out := with("("+l.sql+" AND "+r.sql+")", Bool, l, r)
	if x.Symmetric {
		s, t := b.compare(x, "<=", v, lo), b.compare(x, ">=", v, hi)
		out = with("("+out.sql+" OR ("+s.sql+" AND "+t.sql+"))", Bool, out, s, t)
	}
	if x.Not {
		out.sql = "(NOT " + out.sql + ")"
	}
	return out
}

func (b *binder) bindIn(x *In, c *context) value {
	not := ""
	if x.Not {
		not = "NOT "
	}
	if row, ok := x.X.(*RowExpr); ok {
		return b.bindRowIn(x, row, not, c)
	}
	v := b.bindExpr(x.X, c)
	if x.Query != nil {
		if v.typ.Nested() {
			b.fail(x, StateFeatureNotSupported, "(NOT) IN is not supported over nested data")
		}
		sub, out := b.bindSubquery(x.Query, c, 1)
		alias := b.alias()
		l, r := b.operands(x, v, value{sql: alias + "." + quoteIdent(out.columns[0].sql), typ: out.columns[0].typ}, "=")
		return with("("+l.sql+" "+not+"IN (SELECT "+r.sql+" FROM ("+out.sql+") AS "+alias+"))", Bool, l, sub).variable()
	}
	values := []value{v}
	for _, item := range x.List {
		values = append(values, b.bindExpr(item, c))
	}
	values = b.unify(x, values, "=")
	list := make([]string, len(x.List))
	for i := range list {
		list[i] = values[i+1].sql
	}
	return with("("+values[0].sql+" "+not+"IN ("+strings.Join(list, ", ")+"))", Bool, values...)
}

func (b *binder) bindRowIn(x *In, row *RowExpr, not string, c *context) value {
	left := make([]value, len(row.Items))
	parts := make([]string, len(row.Items))
	for i, item := range row.Items {
		left[i] = b.bindExpr(item, c)
		if left[i].typ.Kind == KindUnknown {
			left[i] = b.coerce(item, left[i], Varchar(max(left[i].typ.Length, 1)))
		}
		parts[i] = left[i].sql
	}
	sql := "((" + strings.Join(parts, ", ") + ") " + not + "IN ("
	if x.Query != nil {
		sub, out := b.bindSubquery(x.Query, c, len(left))
		alias := b.alias()
		columns := make([]string, len(left))
		for i, column := range out.columns {
			r := value{sql: alias + "." + quoteIdent(column.sql), typ: column.typ}
			columns[i] = b.cast(x, r, left[i].typ, castImplicit).sql
		}
		return with(sql+"SELECT "+strings.Join(columns, ", ")+" FROM ("+out.sql+") AS "+alias+"))", Bool, append(left, sub)...)
	}
	list := make([]string, len(x.List))
	for i, item := range x.List {
		r, ok := item.(*RowExpr)
		if !ok || len(r.Items) != len(left) {
			b.fail(item, StateSyntax, "unequal number of entries in row expressions")
		}
		cells := make([]string, len(left))
		for n, cell := range r.Items {
			v := b.cast(cell, b.bindExpr(cell, c), left[n].typ, castImplicit)
			left = append(left[:len(parts):len(parts)], v)
			cells[n] = v.sql
		}
		list[i] = "(" + strings.Join(cells, ", ") + ")"
	}
	return with(sql+strings.Join(list, ", ")+"))", Bool, left...)
}

func (b *binder) bindCase(x *Case, c *context) value {
	var operands, results []value
	var conditions []string
	var operand value
	if x.Operand != nil {
		operand = b.bindExpr(x.Operand, c)
	}
	for _, when := range x.Whens {
		if x.Operand != nil {
			v := b.compare(when.Cond, "=", operand, b.bindExpr(when.Cond, c))
			conditions = append(conditions, v.sql)
			operands = append(operands, v)
		} else {
			v := b.bindCondition(when.Cond, c, "CASE/WHEN")
			conditions = append(conditions, v.sql)
			operands = append(operands, v)
		}
		results = append(results, b.bindExpr(when.Then, c))
	}
	if x.Else != nil {
		results = append(results, b.bindExpr(x.Else, c))
	}
	typ := b.common(x, results, "CASE")
	var sql strings.Builder
	sql.WriteString("CASE")
	for i, condition := range conditions {
		v := b.coerce(x.Whens[i].Then, results[i], typ)
		fmt.Fprintf(&sql, " WHEN %s THEN %s", condition, v.sql)
	}
	if x.Else != nil {
		sql.WriteString(" ELSE " + b.coerce(x.Else, results[len(results)-1], typ).sql)
	}
	sql.WriteString(" END")
	return with(sql.String(), typ, append(operands, results...)...)
}

func (b *binder) bindIndex(x *Index, c *context) value {
	v, i := b.bindExpr(x.X, c), b.bindExpr(x.I, c)
	if v.typ.Kind == KindCatalogArray {
		i = b.coerce(x.I, i, Int8)
		return with("("+v.sql+")["+i.sql+"]", *v.typ.Elem, v, i)
	}
	if !v.typ.isSuper() {
		b.fail(x, StateDatatypeMismatch, "cannot subscript type %s because it is not an array", v.typ.Name())
	}
	result := Super
	if v.typ.Kind == KindArray || v.typ.Kind == KindMap {
		result = *v.typ.Elem
	}
	lit, ok := x.I.(*Literal)
	if !ok {
		b.fail(x.I, StateFeatureNotSupported, "the subscript of a SUPER value must be a constant")
	}
	if lit.Kind == LiteralString {
		return b.step(v, pointerKey(lit.Text), result)
	}
	if i.typ.Kind != KindInt4 {
		b.fail(x.I, StateDatatypeMismatch, "array subscript must have type integer")
	}
	return b.step(v, "/"+strings.TrimLeft(i.sql, "+"), result)
}

// bindInterval reads an interval literal with a unit or units in its text.
func (b *binder) bindInterval(x *Interval) value {
	text := strings.ToLower(strings.TrimSpace(x.Text))
	unit := x.Unit
	switch unit {
	case "":
	case "year to month":
		years, months, ok := strings.Cut(strings.TrimPrefix(text, "-"), "-")
		if !ok {
			b.fail(x, StateInvalidDatetime, "invalid input syntax for type interval: \"%s\"", x.Text)
		}
		if strings.HasPrefix(text, "-") {
			years, months = "-"+years, "-"+months
		}
		text = years + " years " + months + " months"
	default:
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			first, _, _ := strings.Cut(unit, " ")
			text += " " + first
		}
	}
	if !intervalText(text) {
		b.fail(x, StateInvalidDatetime, "invalid input syntax for type interval: \"%s\"", x.Text)
	}
	typ := IntervalDS
	if strings.Contains(text, "mon") || strings.Contains(text, "year") {
		typ = IntervalYM
	}
	return value{sql: "CAST(" + quoteString(text) + " AS INTERVAL)", typ: typ, constant: true}
}

// intervalText reports whether text is a list of numbers with units, or ends
// with a clock time.
func intervalText(text string) bool {
	words := strings.Fields(text)
	if len(words) == 0 {
		return false
	}
	for i := 0; i < len(words); i++ {
		if strings.Contains(words[i], ":") {
			continue
		}
		if _, err := strconv.ParseFloat(words[i], 64); err != nil {
			return false
		}
		if i++; i == len(words) || !intervalUnits[words[i]] && words[i] != "mons" && words[i] != "mon" {
			return false
		}
	}
	return true
}

func (b *binder) bindAtTimeZone(x *AtTimeZone, c *context) value {
	v, zone := b.bindExpr(x.X, c), b.coerce(x.Zone, b.bindExpr(x.Zone, c), Varchar(MaxVarcharLength))
	if v.typ.Kind == KindUnknown || v.typ.Kind == KindDate {
		v = b.coerce(x.X, v, Timestamp)
	}
	typ := TimestampTZ
	switch v.typ.Kind {
	case KindTimestamp:
	case KindTimestampTZ:
		typ = Timestamp
	default:
		b.fail(x, StateUndefinedFunction, "function timezone(%s, %s) does not exist", zone.typ.Name(), v.typ.Name())
	}
	return with("timezone("+zone.sql+", "+v.sql+")", typ, v, zone)
}
