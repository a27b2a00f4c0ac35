package rsql

import "strings"

// bindFunc binds a call: an aggregate, a window function, a function with a
// form of its own, or a scalar function of the table.
func (b *binder) bindFunc(x *Func, c *context) value {
	if schema := b.fold(x.Schema); schema != "" && schema != "pg_catalog" && schema != "information_schema" {
		b.undefinedFunction(x, b.bindArgs(x, c))
	}
	if x.Approximate && x.Name != "count" && x.Name != "percentile_disc" {
		b.fail(x, StateSyntax, "APPROXIMATE is only allowed with COUNT(DISTINCT) and PERCENTILE_DISC")
	}
	if x.Over != nil {
		return b.bindWindowCall(x, c)
	}
	if agg := aggregates[x.Name]; agg != nil {
		return b.bindAggregate(x, agg, c)
	}
	if windowFunctions[x.Name] != nil {
		b.fail(x, StateWindowing, "window function %s requires an OVER clause", x.Name)
	}
	if x.Distinct || x.WithinGroup != nil || x.Nulls != "" {
		b.fail(x, StateDatatypeMismatch, "%s is not an aggregate function", x.Name)
	}
	for _, arg := range x.Args {
		if star, ok := arg.(*Star); ok {
			b.fail(star, StateSyntax, "syntax error at or near \"*\"")
		}
	}
	if bind, ok := specialForms[x.Name]; ok {
		return bind(b, x, c)
	}
	args := b.bindArgs(x, c)
	f := b.resolve(x, args)
	if f == nil {
		b.undefinedFunction(x, args)
	}
	return b.call(x, f, args)
}

// bindArgs binds arguments, whatever they are.
func (b *binder) bindArgs(x *Func, c *context) []value {
	args := make([]value, 0, len(x.Args))
	for i, arg := range x.Args {
		if _, star := arg.(*Star); star {
			continue
		}
		if i == 0 && datePartFirst[x.Name] {
			if word, ok := datePartWord(arg); ok {
				lit := &Literal{Pos: Pos(arg.Position()), Kind: LiteralString, Text: word}
				args = append(args, b.bindLiteral(lit))
				continue
			}
		}
		args = append(args, b.bindExpr(arg, c))
	}
	return args
}

func (b *binder) undefinedFunction(x *Func, args []value) {
	types := make([]string, len(args))
	for i, arg := range args {
		types[i] = arg.typ.Name()
	}
	name := x.Name
	if x.Schema.Text != "" {
		name = b.fold(x.Schema) + "." + name
	}
	e := errorAt(x.Position(), StateUndefinedFunction, "function %s(%s) does not exist", name, strings.Join(types, ", "))
	e.Hint = "No function matches the given name and argument types. You may need to add explicit type casts."
	panic(e)
}

// resolve finds the overload for the arguments: the first that takes their
// types as they are, with literals of any type, else the first they convert to.
func (b *binder) resolve(x *Func, args []value) *function {
	var convertible *function
	overloads := functions[x.Name]
	for i := range overloads {
		f := &overloads[i]
		if len(args) < f.required || len(args) > len(f.params) && !f.variadic {
			continue
		}
		exact, possible := true, true
		for n, arg := range args {
			p := f.param(n)
			if !p.takes(arg.typ) && arg.typ.Kind != KindUnknown {
				exact = false
			}
			if !p.accepts(arg) {
				possible = false
			}
		}
		if exact {
			return f
		}
		if possible && convertible == nil {
			convertible = f
		}
	}
	return convertible
}

// call writes the call of an overload.
func (b *binder) call(x *Func, f *function, args []value) value {
	types := make([]Type, len(args))
	cast := make([]value, len(args))
	for i, arg := range args {
		v := f.param(i).convert(b, x, arg)
		cast[i], types[i] = v, v.typ
		if arg.literal != nil {
			types[i].Length = arg.typ.Length
		}
	}
	v := with(f.sql(cast), f.result(types), cast...)
	v.constant = v.constant && !f.volatile
	// Macros use an argument up to three times.
	return v.copied(cast...).copied(cast...)
}

// param is the class of the nth argument; a variadic function repeats its last.
func (f *function) param(n int) paramClass {
	return f.params[min(n, len(f.params)-1)]
}

// takes reports whether a type belongs to the class without conversion.
func (p paramClass) takes(t Type) bool {
	switch p {
	case paramAny:
		return true
	case paramText:
		return t.text()
	case paramInt:
		return t.integer()
	case paramOID:
		return t.oidLike() || t.integer()
	case paramExact:
		return t.exact()
	case paramDecimal:
		return t.Kind == KindDecimal
	case paramFloat:
		return t.float()
	case paramNumber:
		return t.numeric()
	case paramDate:
		return t.Kind == KindDate
	case paramTimestamp:
		return t.Kind == KindTimestamp
	case paramTimestampTZ:
		return t.Kind == KindTimestampTZ
	case paramTime:
		return t.Kind == KindTime
	case paramBool:
		return t.Kind == KindBool
	case paramSuper:
		return t.isSuper()
	case paramJSON:
		return t.text() || t.Nested()
	case paramInterval:
		return t.interval()
	case paramArray:
		return t.Kind == KindCatalogArray
	case paramBytes:
		return t.Kind == KindVarbyte
	}
	return false
}

// accepts reports whether an argument converts to the class.
func (p paramClass) accepts(v value) bool {
	if v.typ.Kind == KindUnknown || p.takes(v.typ) {
		return true
	}
	switch p {
	case paramText, paramJSON:
		return v.typ.numeric() || v.typ.datetime() || v.typ.Kind == KindSuper
	case paramInt:
		return v.typ.Kind == KindSuper || v.typ.oidLike()
	case paramFloat, paramNumber, paramDecimal:
		return v.typ.numeric() || v.typ.Kind == KindSuper
	case paramDate, paramTimestamp, paramTimestampTZ:
		return v.typ.datetime() || v.typ.text()
	case paramBool:
		return v.typ.Kind == KindSuper
	case paramSuper:
		return v.typ.numeric() || v.typ.text() || v.typ.Kind == KindBool
	}
	return false
}

// target is the type that an argument of another class converts to.
func (p paramClass) target(t Type) Type {
	switch p {
	case paramText, paramJSON, paramAny:
		return Varchar(MaxVarcharLength)
	case paramInt:
		return Int8
	case paramOID:
		return OID
	case paramDecimal, paramExact:
		return asDecimalArgument(t)
	case paramFloat, paramNumber:
		return Float8
	case paramDate:
		return Date
	case paramTimestamp:
		return Timestamp
	case paramTimestampTZ:
		return TimestampTZ
	case paramTime:
		return Time
	case paramBool:
		return Bool
	case paramSuper:
		return Super
	case paramInterval:
		return IntervalDS
	case paramBytes:
		return Type{Kind: KindVarbyte, Length: 64000}
	}
	return t
}

func asDecimalArgument(t Type) Type {
	if t = asDecimal(t); t.Kind == KindDecimal {
		return t
	}
	return Decimal(MaxPrecision, 10)
}

// convert gives an argument the class's form.
func (p paramClass) convert(b *binder, at Node, v value) value {
	if v.typ.Kind != KindUnknown && p.takes(v.typ) {
		if p == paramJSON && v.typ.Nested() {
			// A JSON function over a nested column reads its serialization.
			return with("rs_serialize("+v.sql+")", Varchar(MaxVarcharLength), v)
		}
		return v
	}
	if v.typ.Kind == KindUnknown && p == paramAny {
		return b.cast(at, v, Varchar(MaxVarcharLength), castImplicit)
	}
	return b.cast(at, v, p.target(v.typ), castExplicit)
}
