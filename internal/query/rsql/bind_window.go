package rsql

import "strings"

// windowFunction is a function that needs OVER.
type windowFunction struct {
	min, max int
	result   func([]Type) Type
	frame    bool // takes a frame
	nulls    bool // takes IGNORE NULLS
}

var windowFunctions = map[string]*windowFunction{
	"row_number":      {result: returns(Int8)},
	"rank":            {result: returns(Int8)},
	"dense_rank":      {result: returns(Int8)},
	"percent_rank":    {result: returns(Float8)},
	"cume_dist":       {result: returns(Float8)},
	"ntile":           {min: 1, max: 1, result: returns(Int8)},
	"lag":             {min: 1, max: 3, result: argument(0), nulls: true},
	"lead":            {min: 1, max: 3, result: argument(0), nulls: true},
	"first_value":     {min: 1, max: 1, result: argument(0), frame: true, nulls: true},
	"last_value":      {min: 1, max: 1, result: argument(0), frame: true, nulls: true},
	"nth_value":       {min: 2, max: 2, result: argument(0), frame: true, nulls: true},
	"ratio_to_report": {min: 1, max: 1, result: returns(Float8)},
}

// bindWindowCall binds a call with OVER.
func (b *binder) bindWindowCall(x *Func, c *context) value {
	switch {
	case c.inside:
		b.fail(x, StateWindowing, "window function calls may not be nested in aggregates or other window functions")
	case !c.windows:
		b.fail(x, StateWindowing, "window functions not allowed in %s clause", c.clause)
	}
	inner := *c
	inner.windows = false
	w := b.bindWindow(x.Over, &inner)
	if agg := aggregates[x.Name]; agg != nil {
		return b.windowAggregate(x, agg, w, &inner)
	}
	f := windowFunctions[x.Name]
	if f == nil {
		b.fail(x, StateWindowing, "%s is not a window function", x.Name)
	}
	if x.Distinct {
		b.fail(x, StateFeatureNotSupported, "DISTINCT is not supported for window functions")
	}
	args := b.bindArgs(x, &inner)
	if len(args) < f.min || len(args) > f.max {
		b.undefinedFunction(x, args)
	}
	if x.Over.Frame != nil && !f.frame {
		b.fail(x.Over, StateWindowing, "a frame clause is not allowed with %s", x.Name)
	}
	if f.frame && len(x.Over.OrderBy) > 0 && x.Over.Frame == nil {
		b.frameRequired(x)
	}
	return b.windowValue(x, f, w, args)
}

// windowValue writes the call of a window function.
func (b *binder) windowValue(x *Func, f *windowFunction, w value, args []value) value {
	types := make([]Type, len(args))
	texts := make([]string, len(args))
	for i := range args {
		switch {
		case i == 2:
			args[i] = b.coerce(x.Args[i], args[i], types[0])
		case i == 1 || x.Name == "ntile":
			args[i] = b.coerce(x.Args[i], args[i], Int8)
		case x.Name == "ratio_to_report":
			args[i] = b.coerce(x.Args[i], args[i], Float8)
		case args[i].typ.Kind == KindUnknown:
			args[i] = b.coerce(x.Args[i], args[i], Varchar(max(args[i].typ.Length, 1)))
		}
		types[i], texts[i] = args[i].typ, args[i].sql
	}
	call := strings.Join(texts, ", ")
	if x.Nulls != "" {
		if !f.nulls {
			b.fail(x, StateSyntax, "%s NULLS is not allowed with %s", strings.ToUpper(x.Nulls), x.Name)
		}
		call += " " + strings.ToUpper(x.Nulls) + " NULLS"
	}
	sql := x.Name + "(" + call + ")" + w.sql
	if x.Name == "ratio_to_report" {
		sql = "(" + call + " / nullif(sum(" + call + ")" + w.sql + ", 0))"
	}
	v := with(sql, f.result(types), append(args, w)...)
	v.window, v.constant = true, false
	return v
}

func (b *binder) frameRequired(x *Func) {
	b.fail(x, StateWindowing, "Aggregate window functions with an ORDER BY clause require a frame clause")
}

// windowAggregate binds sum(..) OVER (..) and its like.
func (b *binder) windowAggregate(x *Func, agg *aggregate, w value, c *context) value {
	if !agg.window {
		b.fail(x, StateWindowing, "%s is not a window function", x.Name)
	}
	if x.Distinct && x.Name != "listagg" {
		b.fail(x, StateFeatureNotSupported, "DISTINCT is not supported for window functions")
	}
	if len(x.Over.OrderBy) > 0 && x.Over.Frame == nil && !agg.ordered && x.Name != "median" {
		b.frameRequired(x)
	}
	v := b.aggregateCall(x, agg, c, w.sql)
	out := with(v.sql, v.typ, v, w)
	out.window, out.constant = true, false
	return out
}

// bindWindow writes OVER (..).
func (b *binder) bindWindow(w *Window, c *context) value {
	var operands []value
	var parts []string
	keys := make([]string, len(w.PartitionBy))
	for i, x := range w.PartitionBy {
		v := b.bindExpr(x, c)
		operands = append(operands, v)
		keys[i] = v.sql
	}
	if len(keys) > 0 {
		parts = append(parts, "PARTITION BY "+strings.Join(keys, ", "))
	}
	order := make([]string, len(w.OrderBy))
	for i, item := range w.OrderBy {
		v := b.bindExpr(item.Expr, c)
		if v.typ.isSuper() {
			v = with("rs_super_key("+v.sql+")", Super, v)
		}
		operands = append(operands, v)
		order[i] = v.sql + direction(item)
	}
	if len(order) > 0 {
		parts = append(parts, "ORDER BY "+strings.Join(order, ", "))
	}
	if w.Frame != nil {
		parts = append(parts, b.bindFrame(w, c))
	}
	return with(" OVER ("+strings.Join(parts, " ")+")", Unknown, operands...)
}

func (b *binder) bindFrame(w *Window, c *context) string {
	f := w.Frame
	bound := func(fb FrameBound) string {
		if fb.Offset == nil {
			return strings.ToUpper(fb.Kind)
		}
		if f.Unit == "range" {
			b.fail(fb.Offset, StateFeatureNotSupported, "RANGE PRECEDING and FOLLOWING are only supported with UNBOUNDED")
		}
		v := b.coerce(fb.Offset, b.bindExpr(fb.Offset, c), Int8)
		if !v.constant {
			b.fail(fb.Offset, StateWindowing, "the offset of a frame must be a constant")
		}
		return v.sql + " " + strings.ToUpper(fb.Kind)
	}
	return strings.ToUpper(f.Unit) + " BETWEEN " + bound(f.Start) + " AND " + bound(f.End)
}
