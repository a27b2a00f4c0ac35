package rsql

import (
	"fmt"
	"strings"
)

func (b *binder) undefinedOperator(at Node, op string, l, r value) {
	e := errorAt(at.Position(), StateUndefinedFunction, "operator does not exist: %s %s %s", l.typ.Name(), op, r.typ.Name())
	e.Hint = "No operator matches the given name and argument type(s). You may need to add explicit type casts."
	panic(e)
}

// operands brings two values to types that compare.
func (b *binder) operands(at Node, l, r value, op string) (value, value) {
	both := b.unify(at, []value{l, r}, op)
	return both[0], both[1]
}

// unify brings values to types that compare with each other.
func (b *binder) unify(at Node, values []value, op string) []value {
	first := -1
	target := Type{}
	for i, v := range values {
		if v.typ.Kind == KindUnknown {
			continue
		}
		if first < 0 {
			first, target = i, v.typ
			continue
		}
		t, ok := comparisonType(target, v.typ)
		if !ok {
			b.undefinedOperator(at, op, values[first], v)
		}
		target = t
	}
	if first < 0 {
		target = Varchar(MaxVarcharLength)
	}
	for _, v := range values {
		if target.isSuper() && v.literal != nil && v.literal.Kind == LiteralString {
			target = Varchar(MaxVarcharLength)
		}
	}
	if target.Kind == KindChar || target.Kind == KindVarchar {
		target.Length = MaxVarcharLength
	}
	out := make([]value, len(values))
	for i, v := range values {
		out[i] = b.comparand(at, v, target)
	}
	return out
}

// comparisonType is the type in which values of two types compare.
func comparisonType(l, r Type) (Type, bool) {
	switch {
	case l.isSuper() || r.isSuper():
		if l.isSuper() && r.isSuper() {
			return Super, true
		}
		if l.isSuper() {
			l, r = r, l
		}
		if l.numeric() {
			return Float8, true
		}
		return l, l.text() || l.Kind == KindBool || l.datetime()
	case l.numeric() && r.numeric():
		return commonNumeric(l, r), true
	case l.text() && r.text():
		if l.Kind == KindChar && r.Kind == KindChar {
			return l, true
		}
		return Varchar(MaxVarcharLength), true
	case l.datetime() && r.datetime():
		return commonDatetime(l, r), true
	case l.datetime() && r.text():
		return l, true
	case l.text() && r.datetime():
		return r, true
	case l.interval() && r.interval():
		return IntervalDS, true
	case (l.oidLike() || l.integer()) && (r.oidLike() || r.integer()):
		return OID, true
	case l.Kind == KindTime && r.Kind == KindTimeTZ, l.Kind == KindTimeTZ && r.Kind == KindTime:
		return TimeTZ, true
	}
	return l, l.Kind == r.Kind
}

// comparand brings one value to the type of a comparison. Numbers compare as
// they are; the trailing blanks of CHAR values and of literals don't count.
func (b *binder) comparand(at Node, v value, t Type) value {
	switch {
	case v.literal != nil && v.literal.Kind == LiteralString && t.text():
		lit := *v.literal
		lit.Text = strings.TrimRight(lit.Text, " ")
		v.literal = &lit
		return b.coerce(at, v, Varchar(MaxVarcharLength))
	case v.literal != nil && t.Kind == KindDecimal:
		// The text may have more digits than the other side.
		return b.coerce(at, v, literalDecimal(v.literal, t))
	case v.literal != nil || v.param != 0:
		return b.coerce(at, v, t)
	case t.Kind == KindSuper && v.typ.isSuper():
		return with("rs_super_key("+v.sql+")", Super, v)
	case v.typ.isSuper():
		return b.cast(at, v, t, castExplicit)
	case v.typ.Kind == KindChar:
		return with("rtrim("+v.sql+", ' ')", v.typ, v)
	case v.typ.numeric() && t.numeric(), v.typ.text() && t.text(), v.typ.oidLike() || t.oidLike(), v.typ.Kind == t.Kind:
		return v
	}
	return b.coerce(at, v, t)
}

// literalDecimal is the numeric type that holds a literal next to type t.
func literalDecimal(lit *Literal, t Type) Type {
	_, fraction, _ := strings.Cut(strings.TrimSpace(lit.Text), ".")
	if lit.Kind == LiteralString && len(fraction) > t.Scale && len(fraction) < MaxPrecision/2 {
		return Decimal(MaxPrecision, len(fraction))
	}
	return t
}

// compare binds l op r for a comparison operator.
func (b *binder) compare(at Node, op string, l, r value) value {
	l, r = b.operands(at, l, r, op)
	return with("("+l.sql+" "+op+" "+r.sql+")", Bool, l, r)
}

func commonNumeric(l, r Type) Type {
	switch {
	case l.Kind == KindFloat8 || r.Kind == KindFloat8, l.Kind == KindFloat4 && r.Kind != KindFloat4, r.Kind == KindFloat4 && l.Kind != KindFloat4:
		return Float8
	case l.Kind == KindDecimal || r.Kind == KindDecimal:
		l, r = asDecimal(l), asDecimal(r)
		scale := max(l.Scale, r.Scale)
		return Decimal(min(max(l.Precision-l.Scale, r.Precision-r.Scale)+scale, MaxPrecision), scale)
	case l.Kind > r.Kind:
		return l
	}
	return r
}

// asDecimal is the numeric type an integer counts as in decimal arithmetic.
func asDecimal(t Type) Type {
	switch t.Kind {
	case KindInt2:
		return Decimal(5, 0)
	case KindInt4:
		return Decimal(10, 0)
	case KindInt8:
		return Decimal(19, 0)
	}
	return t
}

func commonDatetime(l, r Type) Type {
	if l.Kind > r.Kind {
		return l
	}
	return r
}

// common is the type of the result of CASE, COALESCE, UNION and the like.
func (b *binder) common(at Node, values []value, what string) Type {
	out := Unknown
	for _, v := range values {
		t := v.typ
		switch {
		case t.Kind == KindUnknown:
			if out.Kind == KindUnknown {
				out.Length = max(out.Length, t.Length)
			}
		case out.Kind == KindUnknown:
			out = t
		case t.isSuper() || out.isSuper():
			if !t.isSuper() && !castable(t, Super, castImplicit) || !out.isSuper() && !castable(out, Super, castImplicit) {
				b.fail(at, StateDatatypeMismatch, "%s types %s and %s cannot be matched", what, out.Name(), t.Name())
			}
			out = Super
		case t.text() && out.text():
			n := max(t.Length, out.Length)
			if t.Kind == KindName || out.Kind == KindName {
				n = max(n, 128)
			}
			if t.Kind == KindChar && out.Kind == KindChar {
				out = Char(n)
			} else if t.Kind != KindName || out.Kind != KindName {
				out = Varchar(n)
			}
		default:
			u, ok := comparisonType(out, t)
			if !ok || t.text() != out.text() {
				b.fail(at, StateDatatypeMismatch, "%s types %s and %s cannot be matched", what, out.Name(), t.Name())
			}
			out = u
		}
	}
	if out.Kind == KindUnknown && what != "UNION" && what != "INTERSECT" && what != "EXCEPT" {
		out = Varchar(max(out.Length, 1))
	}
	if out.Kind == KindVarchar || out.Kind == KindChar {
		for _, v := range values {
			if v.literal != nil {
				out.Length = max(out.Length, v.typ.Length)
			}
		}
	}
	return out
}

func (b *binder) bindUnary(x *Unary, c *context) value {
	if x.Op == "not" {
		v := b.bindCondition(x.X, c, "NOT")
		return with("(NOT "+v.sql+")", Bool, v)
	}
	if lit, ok := x.X.(*Literal); ok && lit.Kind == LiteralNumber && x.Op == "-" {
		// -2147483648 and -9223372036854775808 fit though their digits don't.
		switch strings.TrimLeft(lit.Text, "0") {
		case "2147483648":
			return value{sql: "CAST(-2147483648 AS INTEGER)", typ: Int4, constant: true}
		case "9223372036854775808":
			return value{sql: "(-9223372036854775807 - 1)", typ: Int8, constant: true}
		}
	}
	v := b.bindExpr(x.X, c)
	if v.typ.Kind == KindUnknown || v.typ.isSuper() {
		v = b.cast(x.X, v, Float8, castExplicit)
	}
	switch {
	case x.Op == "-" && (v.typ.numeric() || v.typ.interval()):
		return with("(- "+v.sql+")", v.typ, v)
	case x.Op == "+" && v.typ.numeric():
		return v
	case x.Op == "@" && v.typ.numeric():
		return with("abs("+v.sql+")", v.typ, v)
	case x.Op == "~" && v.typ.integer():
		return with("(~ "+v.sql+")", v.typ, v)
	case x.Op == "|/" && v.typ.numeric():
		return with("sqrt(CAST("+v.sql+" AS DOUBLE))", Float8, v)
	case x.Op == "||/" && v.typ.numeric():
		return with("cbrt(CAST("+v.sql+" AS DOUBLE))", Float8, v)
	}
	e := errorAt(x.Position(), StateUndefinedFunction, "operator does not exist: %s %s", x.Op, v.typ.Name())
	e.Hint = "No operator matches the given name and argument type(s). You may need to add explicit type casts."
	panic(e)
}

func (b *binder) bindBinary(x *Binary, c *context) value {
	switch x.Op {
	case "and", "or":
		l, r := b.bindCondition(x.L, c, strings.ToUpper(x.Op)), b.bindCondition(x.R, c, strings.ToUpper(x.Op))
		return with("("+l.sql+" "+strings.ToUpper(x.Op)+" "+r.sql+")", Bool, l, r)
	}
	if _, ok := glueComparisons[x.Op]; ok {
		if row, ok := x.L.(*RowExpr); ok {
			return b.compareRows(x, row, c)
		}
		return b.compare(x, x.Op, b.bindExpr(x.L, c), b.bindExpr(x.R, c))
	}
	l, r := b.bindExpr(x.L, c), b.bindExpr(x.R, c)
	switch x.Op {
	case "||":
		return b.concat(x, l, r)
	case "~", "!~", "~*", "!~*":
		return b.matchPOSIX(x, l, r)
	case "&", "|", "#", "<<", ">>":
		return b.bitwise(x, l, r)
	}
	return b.arithmetic(x, x.Op, l, r)
}

// compareRows compares (a, b) with (c, d): equality by parts.
func (b *binder) compareRows(x *Binary, left *RowExpr, c *context) value {
	right, ok := x.R.(*RowExpr)
	if !ok || len(right.Items) != len(left.Items) {
		b.fail(x.R, StateSyntax, "unequal number of entries in row expressions")
	}
	if x.Op != "=" && x.Op != "<>" {
		b.fail(x, StateFeatureNotSupported, "operator %s is not supported between row expressions", x.Op)
	}
	parts := make([]string, len(left.Items))
	var operands []value
	for i := range left.Items {
		v := b.compare(x, "=", b.bindExpr(left.Items[i], c), b.bindExpr(right.Items[i], c))
		parts[i] = v.sql
		operands = append(operands, v)
	}
	sql := "(" + strings.Join(parts, " AND ") + ")"
	if x.Op == "<>" {
		sql = "(NOT " + sql + ")"
	}
	return with(sql, Bool, operands...)
}

// concat joins texts, or the arrays of the system catalog; other types but boolean take their text form.
func (b *binder) concat(at Node, l, r value) value {
	if l.typ.Kind == KindCatalogArray && r.typ.Kind == KindCatalogArray {
		return with("list_concat("+l.sql+", "+r.sql+")", l.typ, l, r)
	}
	if l.typ.isSuper() && r.typ.isSuper() || l.typ.Kind == KindBool || r.typ.Kind == KindBool {
		b.undefinedOperator(at, "||", l, r)
	}
	sides := []value{l, r}
	length := 0
	for i, v := range sides {
		if !v.typ.text() || v.literal != nil {
			v = b.cast(at, v, Varchar(MaxVarcharLength), castExplicit)
			if !sides[i].typ.text() && sides[i].literal == nil {
				v.typ.Length = 64
			}
		}
		length += max(v.typ.Length, 1)
		sides[i] = v
	}
	if l.literal != nil {
		length += l.typ.Length - sides[0].typ.Length
	}
	if r.literal != nil {
		length += r.typ.Length - sides[1].typ.Length
	}
	return with("("+sides[0].sql+" || "+sides[1].sql+")", Varchar(min(max(length, 1), MaxVarcharLength)), sides...)
}

func (b *binder) bitwise(x *Binary, l, r value) value {
	if l.typ.Kind == KindUnknown {
		l = b.coerce(x, l, Int8)
	}
	if r.typ.Kind == KindUnknown {
		r = b.coerce(x, r, Int4)
	}
	if !l.typ.integer() || !r.typ.integer() {
		b.undefinedOperator(x, x.Op, l, r)
	}
	typ := commonNumeric(l.typ, r.typ)
	if x.Op == "#" {
		return with("xor("+l.sql+", "+r.sql+")", typ, l, r)
	}
	if x.Op == "<<" || x.Op == ">>" {
		typ = l.typ
	}
	return with("("+l.sql+" "+x.Op+" "+r.sql+")", typ, l, r)
}

// arithmetic binds + - * / % ^.
func (b *binder) arithmetic(at Node, op string, l, r value) value {
	l, r = b.arithmeticOperands(at, l, r, op)
	if v, ok := b.datetimeArithmetic(at, op, l, r); ok {
		return v
	}
	if !l.typ.numeric() || !r.typ.numeric() {
		b.undefinedOperator(at, op, l, r)
	}
	typ := commonNumeric(l.typ, r.typ)
	if op == "^" {
		return with("pow(CAST("+l.sql+" AS DOUBLE), CAST("+r.sql+" AS DOUBLE))", Float8, l, r)
	}
	switch {
	case typ.Kind == KindDecimal:
		return decimalArithmetic(op, l, r)
	case typ.integer() && op == "/" && nonZero(r.sql):
		return with("("+widen(l, typ)+" // "+widen(r, typ)+")", typ, l, r)
	case typ.integer() && op == "%" && nonZero(r.sql):
		return with("("+widen(l, typ)+" % "+widen(r, typ)+")", typ, l, r)
	case op == "/" && typ.float():
		return with("rs_div_float("+widen(l, Float8)+", "+widen(r, Float8)+")", typ, l, r).copied(r)
	case op == "/":
		return with("rs_div("+widen(l, typ)+", "+widen(r, typ)+")", typ, l, r).copied(r)
	case op == "%":
		return with("rs_mod("+widen(l, typ)+", "+widen(r, typ)+")", typ, l, r).copied(r)
	}
	return with("("+widen(l, typ)+" "+op+" "+widen(r, typ)+")", typ, l, r)
}

// nonZero reports whether the SQL is a whole number other than zero, as which
// a divisor needs no check.
func nonZero(sql string) bool {
	return sql != "" && sql[0] != '0' && strings.Trim(sql, "0123456789") == ""
}

// widen casts a value to a wider type, so that DuckDB computes in it.
func widen(v value, t Type) string {
	if v.typ.DuckDB() == t.DuckDB() {
		return v.sql
	}
	return "CAST(" + v.sql + " AS " + t.DuckDB() + ")"
}

// arithmeticOperands types literals, parameters and SUPER values by the other
// side.
func (b *binder) arithmeticOperands(at Node, l, r value, op string) (value, value) {
	settle := func(v, other value) value {
		t := other.typ
		switch {
		case v.typ.isSuper():
			t = Float8
		case v.typ.Kind != KindUnknown:
			return v
		case other.typ.Kind == KindUnknown:
			t = Float8
		case other.typ.datetime() && op == "+":
			t = IntervalDS
		case other.typ.interval():
			t = Timestamp
		}
		return b.cast(at, v, t, castExplicit)
	}
	return settle(l, r), settle(r, l)
}

// datetimeArithmetic binds the sums and differences of dates and intervals.
func (b *binder) datetimeArithmetic(at Node, op string, l, r value) (value, bool) {
	lt, rt := l.typ, r.typ
	plain := "(" + l.sql + " " + op + " " + r.sql + ")"
	switch {
	case op == "+" && (lt.integer() || lt.interval()) && (rt.datetime() || rt.Kind == KindTime):
		return b.datetimeArithmetic(at, op, r, l)
	case (op == "+" || op == "-") && lt.Kind == KindDate && rt.integer():
		return with("("+l.sql+" "+op+" CAST("+r.sql+" AS INTEGER))", Date, l, r), true
	case (op == "+" || op == "-") && lt.datetime() && rt.interval():
		typ := lt
		if typ.Kind == KindDate {
			typ = Timestamp
		}
		return with(plain, typ, l, r), true
	case (op == "+" || op == "-") && lt.Kind == KindTime && rt.interval():
		return with(plain, lt, l, r), true
	case op == "-" && lt.Kind == KindDate && rt.Kind == KindDate:
		return with("CAST("+plain+" AS INTEGER)", Int4, l, r), true
	case op == "-" && lt.datetime() && rt.datetime():
		t := commonDatetime(lt, rt)
		l, r = b.coerce(at, l, t), b.coerce(at, r, t)
		return with("("+l.sql+" - "+r.sql+")", IntervalDS, l, r), true
	case (op == "+" || op == "-") && lt.interval() && rt.interval():
		return with(plain, lt, l, r), true
	case op == "*" && lt.interval() && rt.numeric():
		return with("("+l.sql+" * CAST("+r.sql+" AS DOUBLE))", lt, l, r), true
	case op == "*" && lt.numeric() && rt.interval():
		return with("("+r.sql+" * CAST("+l.sql+" AS DOUBLE))", rt, l, r), true
	case op == "/" && lt.interval() && rt.numeric():
		return with("("+l.sql+" / CAST("+r.sql+" AS DOUBLE))", lt, l, r), true
	}
	return value{}, false
}

// decimalArithmetic computes with numeric operands by the rules of the Redshift
// guide, "Computations with numeric values".
func decimalArithmetic(op string, l, r value) value {
	lt, rt := asDecimal(l.typ), asDecimal(r.typ)
	typ := decimalResult(op, lt, rt)
	left, right := widen(l, lt), widen(r, rt)
	switch op {
	case "+", "-":
		// Both sides in the result's type: DuckDB then adds without a carry
		// beyond 38 digits.
		return with("CAST(("+castDecimal(left, lt, typ)+" "+op+" "+castDecimal(right, rt, typ)+") AS "+typ.DuckDB()+")", typ, l, r)
	case "*":
		if lt.Precision+rt.Precision > MaxPrecision && lt.Scale+rt.Scale > typ.Scale {
			return with(fmt.Sprintf("CAST((CAST(%s AS DOUBLE) * CAST(%s AS DOUBLE)) AS %s)", left, right, typ.DuckDB()), typ, l, r)
		}
		return with("CAST(("+left+" * "+right+") AS "+typ.DuckDB()+")", typ, l, r)
	case "/":
		// q = l/r with typ.Scale digits, by integer division of the unscaled
		// values.
		shift := typ.Scale - lt.Scale + rt.Scale
		sql := fmt.Sprintf("rs_div_decimal(%s, %s, %s, %s, %s)", unscaled(left, lt), unscaled(right, rt), power(max(shift, 0)), power(max(-shift, 0)), power(typ.Scale))
		return with("CAST("+sql+" AS "+typ.DuckDB()+")", typ, l, r).copied(l, l, l, r, r, r, r)
	}
	return with("CAST(rs_mod("+left+", "+right+") AS "+typ.DuckDB()+")", typ, l, r).copied(r)
}

func castDecimal(sql string, from, to Type) string {
	if from.Scale == to.Scale && from.Precision == to.Precision {
		return sql
	}
	return "CAST(" + sql + " AS " + to.DuckDB() + ")"
}

// unscaled is the integer a decimal stores: its value without the point.
func unscaled(sql string, t Type) string {
	if t.Scale == 0 {
		return "CAST(" + sql + " AS HUGEINT)"
	}
	return "CAST(replace(CAST(" + sql + " AS VARCHAR), '.', '') AS HUGEINT)"
}

func power(n int) string {
	return "CAST('1" + strings.Repeat("0", n) + "' AS HUGEINT)"
}

// decimalResult is the type of a numeric operation.
func decimalResult(op string, l, r Type) Type {
	var precision, scale int
	switch op {
	case "*":
		precision, scale = l.Precision+r.Precision+1, l.Scale+r.Scale
	case "/":
		scale = max(4, l.Scale+r.Precision-r.Scale+1)
		precision = l.Precision - l.Scale + r.Scale + scale
	case "%":
		scale = max(l.Scale, r.Scale)
		precision = max(l.Precision-l.Scale, r.Precision-r.Scale) + scale
	default:
		scale = max(l.Scale, r.Scale)
		precision = max(l.Precision-l.Scale, r.Precision-r.Scale) + scale + 1
	}
	if precision > MaxPrecision {
		if op == "*" || op == "/" {
			scale = max(MaxPrecision+scale-precision, min(4, max(l.Scale, r.Scale)))
		}
		precision = MaxPrecision
	}
	return Decimal(precision, min(scale, precision))
}
