package rsql

import "strings"

// aggregate is an aggregate function.
type aggregate struct {
	param  paramClass
	result func(Type) Type
	// template is the DuckDB expression: $d stands for DISTINCT, $1 for the
	// argument and $o for OVER.
	template string
	ordered  bool // takes WITHIN GROUP
	window   bool // may have OVER
	star     bool // may have * for an argument
}

// sumType: sums of integers are bigint, of numeric keep the scale.
func sumType(t Type) Type {
	switch {
	case t.integer():
		return Int8
	case t.Kind == KindDecimal:
		return Decimal(MaxPrecision, t.Scale)
	}
	return Float8
}

func sameType(t Type) Type { return t }

func alwaysFloat(Type) Type { return Float8 }

// aggregates by name. The SUM and AVG types are those of the guide's pages of
// these functions: integers give bigint, AVG truncates.
var aggregates = map[string]*aggregate{
	"count":           {param: paramAny, result: func(Type) Type { return Int8 }, template: "count($d$1)$o", window: true, star: true},
	"sum":             {param: paramNumber, result: sumType, template: "sum($d$1)$o", window: true},
	"min":             {param: paramAny, result: sameType, template: "min($1)$o", window: true},
	"max":             {param: paramAny, result: sameType, template: "max($1)$o", window: true},
	"stddev":          {param: paramNumber, result: alwaysFloat, template: "stddev_samp($d$1)$o", window: true},
	"stddev_samp":     {param: paramNumber, result: alwaysFloat, template: "stddev_samp($d$1)$o", window: true},
	"stddev_pop":      {param: paramNumber, result: alwaysFloat, template: "stddev_pop($d$1)$o", window: true},
	"variance":        {param: paramNumber, result: alwaysFloat, template: "var_samp($d$1)$o", window: true},
	"var_samp":        {param: paramNumber, result: alwaysFloat, template: "var_samp($d$1)$o", window: true},
	"var_pop":         {param: paramNumber, result: alwaysFloat, template: "var_pop($d$1)$o", window: true},
	"bool_and":        {param: paramBool, result: sameType, template: "bool_and($1)$o"},
	"bool_or":         {param: paramBool, result: sameType, template: "bool_or($1)$o"},
	"bit_and":         {param: paramInt, result: sameType, template: "bit_and($1)$o"},
	"bit_or":          {param: paramInt, result: sameType, template: "bit_or($1)$o"},
	"any_value":       {param: paramAny, result: sameType, template: "any_value($1)$o"},
	"median":          {param: paramNumber, result: medianType, template: "median($1)$o", window: true},
	"avg":             {param: paramNumber, result: sumType, template: "", window: true},
	"listagg":         {param: paramText, result: func(Type) Type { return Varchar(MaxVarcharLength) }, ordered: true, window: true},
	"percentile_cont": {param: paramNumber, ordered: true, window: true, result: alwaysFloat},
	"percentile_disc": {param: paramAny, ordered: true, result: sameType},
}

func medianType(t Type) Type {
	if t.exact() {
		return Float8
	}
	return t
}

// bindAggregate binds an aggregate call without OVER.
func (b *binder) bindAggregate(x *Func, agg *aggregate, c *context) value {
	switch {
	case c.inside:
		b.fail(x, StateGrouping, "aggregate function calls may not be nested")
	case !c.aggregates:
		b.fail(x, StateGrouping, "aggregates not allowed in %s clause", c.clause)
	}
	inner := *c
	inner.inside, inner.aggregates, inner.windows = true, false, false
	v := b.aggregateCall(x, agg, &inner, "")
	// What is aggregated needs no GROUP BY.
	v.free, v.aggregate, v.constant = nil, true, false
	return v
}

// aggregateCall writes the call; over is the OVER clause of a window aggregate.
func (b *binder) aggregateCall(x *Func, agg *aggregate, c *context, over string) value {
	if agg.ordered {
		return b.orderedAggregate(x, agg, c, over)
	}
	if x.WithinGroup != nil {
		b.fail(x, StateSyntax, "WITHIN GROUP is not allowed with %s", x.Name)
	}
	if len(x.Args) == 1 {
		if star, ok := x.Args[0].(*Star); ok {
			if !agg.star || len(star.Qualifier) > 0 || x.Distinct {
				b.fail(star, StateSyntax, "syntax error at or near \"*\"")
			}
			return value{sql: "count(*)" + over, typ: Int8}
		}
	}
	args := b.bindArgs(x, c)
	if len(args) != 1 || !agg.param.accepts(args[0]) || args[0].typ.Nested() {
		b.undefinedFunction(x, args)
	}
	arg := agg.param.convert(b, x, args[0])
	if arg.typ.Kind == KindBool && (x.Name == "min" || x.Name == "max") {
		b.undefinedFunction(x, args)
	}
	typ := agg.result(arg.typ)
	if x.Approximate {
		if !x.Distinct {
			b.fail(x, StateSyntax, "APPROXIMATE is only allowed with COUNT(DISTINCT) and PERCENTILE_DISC")
		}
		// DuckDB's sketch errs by far more than the 2 percent Redshift states:
		// the exact count is always within.
		return with("count(DISTINCT "+arg.sql+")"+over, typ, arg)
	}
	distinct := ""
	if x.Distinct {
		distinct = "DISTINCT "
	}
	if x.Name == "avg" {
		return with(average(distinct, arg, typ, over), typ, arg)
	}
	if arg.typ.isSuper() && (x.Name == "min" || x.Name == "max") {
		b.undefinedFunction(x, args)
	}
	sql := strings.NewReplacer("$d", distinct, "$1", arg.sql, "$o", over).Replace(agg.template)
	return with(sql, typ, arg)
}

// average truncates the mean of integers, and keeps that of numeric exact to
// its scale: both divide the exact sum.
func average(distinct string, arg value, typ Type, over string) string {
	switch {
	case arg.typ.integer():
		return "(sum(" + distinct + "CAST(" + arg.sql + " AS HUGEINT))" + over + " // count(" + distinct + arg.sql + ")" + over + ")"
	case arg.typ.Kind == KindDecimal:
		return "rs_avg_decimal(" + unscaled("sum("+distinct+arg.sql+")"+over, typ) + ", count(" + distinct + arg.sql + ")" + over + ", " + power(typ.Scale) + ")"
	}
	return "avg(" + distinct + "CAST(" + arg.sql + " AS DOUBLE))" + over
}

// orderedAggregate binds LISTAGG and the percentile functions.
func (b *binder) orderedAggregate(x *Func, agg *aggregate, c *context, over string) value {
	args := b.bindArgs(x, c)
	var keys []value
	order := make([]string, len(x.WithinGroup))
	for i, item := range x.WithinGroup {
		v := b.bindExpr(item.Expr, c)
		if v.typ.Kind == KindUnknown {
			v = b.coerce(item.Expr, v, Varchar(MaxVarcharLength))
		}
		keys = append(keys, v)
		order[i] = v.sql + direction(item)
	}
	orderBy := clause(" ORDER BY ", order, ", ")
	operands := append(append([]value(nil), args...), keys...)
	if x.Name == "listagg" {
		if len(args) < 1 || len(args) > 2 || !agg.param.accepts(args[0]) {
			b.undefinedFunction(x, args)
		}
		arg := agg.param.convert(b, x, args[0])
		separator := "''"
		if len(args) == 2 {
			separator = b.coerce(x.Args[1], args[1], Varchar(MaxVarcharLength)).sql
		}
		// Empty strings are skipped as NULLs are.
		element := "nullif(" + arg.sql + ", '')"
		if x.Distinct {
			for i, key := range keys {
				if key.sql != args[0].sql {
					b.fail(x.WithinGroup[i].Expr, StateInvalidColumnRef, "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list")
				}
				order[i] = element + direction(x.WithinGroup[i])
			}
			element, orderBy = "DISTINCT "+element, clause(" ORDER BY ", order, ", ")
		}
		sql := "string_agg(" + element + ", " + separator + orderBy + ")"
		return with("rs_listagg("+sql+over+")", agg.result(arg.typ), operands...)
	}
	if len(args) != 1 || len(keys) != 1 {
		b.fail(x, StateSyntax, "%s takes one fraction and WITHIN GROUP (ORDER BY one expression)", x.Name)
	}
	if !agg.param.accepts(keys[0]) {
		b.undefinedFunction(x, keys)
	}
	fraction := b.coerce(x.Args[0], args[0], Float8)
	if !fraction.constant {
		b.fail(x.Args[0], StateInvalidParameter, "the fraction of %s must be a constant", x.Name)
	}
	key := agg.param.convert(b, x, keys[0])
	if over != "" {
		// DuckDB takes WITHIN GROUP and OVER not together.
		if x.WithinGroup[0].Desc {
			fraction.sql = "(1 - " + fraction.sql + ")"
		}
		return with("quantile_cont("+key.sql+", "+fraction.sql+")"+over, agg.result(key.typ), operands...)
	}
	sql := x.Name + "(" + fraction.sql + ") WITHIN GROUP (ORDER BY " + key.sql
	if x.WithinGroup[0].Desc {
		sql += " DESC"
	}
	return with(sql+")", agg.result(key.typ), operands...)
}
