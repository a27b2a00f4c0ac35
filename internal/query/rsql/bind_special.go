package rsql

import (
	"fmt"
	"strings"
)

// specialForms are the functions whose arguments or result types the overload
// table can't describe.
var specialForms map[string]func(*binder, *Func, *context) value

func init() {
	specialForms = map[string]func(*binder, *Func, *context) value{
		"coalesce": (*binder).bindCoalesce, "nvl": (*binder).bindCoalesce, "ifnull": (*binder).bindCoalesce, "isnull": (*binder).bindCoalesce,
		"nvl2":     (*binder).bindNVL2,
		"decode":   (*binder).bindDecode,
		"nullif":   (*binder).bindNullif,
		"greatest": func(b *binder, x *Func, c *context) value { return b.bindExtreme(x, c, "greatest") },
		"least":    func(b *binder, x *Func, c *context) value { return b.bindExtreme(x, c, "least") },
		"grouping": (*binder).bindGrouping,
		"dateadd":  (*binder).bindDateAdd, "date_add": (*binder).bindDateAdd, "timestampadd": (*binder).bindDateAdd,
		"datediff": (*binder).bindDateDiff, "date_diff": (*binder).bindDateDiff, "timestampdiff": (*binder).bindDateDiff,
		"date_part": (*binder).bindDatePart, "pgdate_part": (*binder).bindDatePart,
		"date_trunc":             (*binder).bindDateTrunc,
		"json_extract_path_text": (*binder).bindJSONPath,
		"object":                 (*binder).bindObject,
		"pg_get_userbyid":        (*binder).bindUserByID,
		"pg_table_is_visible":    (*binder).bindTableVisible,
	}
	for name := range sessionFunctions {
		specialForms[name] = (*binder).bindSession
	}
	for _, kind := range []string{"database", "schema", "table"} {
		specialForms["has_"+kind+"_privilege"] = (*binder).bindPrivilege
	}
}

func (b *binder) arity(x *Func, args []value, least, most int) {
	if len(args) < least || len(args) > most {
		b.undefinedFunction(x, args)
	}
}

func (b *binder) bindCoalesce(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	b.arity(x, args, 1, 1000)
	typ := b.common(x, args, "COALESCE")
	texts := make([]string, len(args))
	for i := range args {
		args[i] = b.coerce(x, args[i], typ)
		texts[i] = args[i].sql
	}
	return with("coalesce("+strings.Join(texts, ", ")+")", typ, args...)
}

func (b *binder) bindNVL2(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	b.arity(x, args, 3, 3)
	typ := b.common(x, args[1:], "CASE")
	yes, no := b.coerce(x, args[1], typ), b.coerce(x, args[2], typ)
	return with("CASE WHEN "+args[0].sql+" IS NOT NULL THEN "+yes.sql+" ELSE "+no.sql+" END", typ, args...)
}

// bindDecode binds DECODE, for which NULL equals NULL.
func (b *binder) bindDecode(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	b.arity(x, args, 3, 1000)
	var results []value
	for i := 2; i < len(args); i += 2 {
		results = append(results, args[i])
	}
	if len(args)%2 == 0 {
		results = append(results, args[len(args)-1])
	}
	typ := b.common(x, results, "DECODE")
	sql := "CASE"
	for i := 1; i+1 < len(args); i += 2 {
		l, r := b.operands(x, args[0], args[i], "=")
		sql += " WHEN " + l.sql + " IS NOT DISTINCT FROM " + r.sql + " THEN " + b.coerce(x, args[i+1], typ).sql
	}
	if len(args)%2 == 0 {
		sql += " ELSE " + b.coerce(x, args[len(args)-1], typ).sql
	}
	out := with(sql+" END", typ, args...)
	for range len(args) / 2 {
		out = out.copied(args[0])
	}
	return out
}

func (b *binder) bindNullif(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	b.arity(x, args, 2, 2)
	l, r := b.operands(x, args[0], args[1], "=")
	out := args[0]
	if out.typ.Kind == KindUnknown {
		out = l
	}
	return with("CASE WHEN "+l.sql+" = "+r.sql+" THEN NULL ELSE "+out.sql+" END", out.typ, args...).copied(args[0])
}

// bindExtreme binds GREATEST and LEAST, which ignore NULLs.
func (b *binder) bindExtreme(x *Func, c *context, name string) value {
	args := b.bindArgs(x, c)
	b.arity(x, args, 1, 1000)
	typ := b.common(x, args, strings.ToUpper(name))
	texts := make([]string, len(args))
	for i := range args {
		args[i] = b.coerce(x, args[i], typ)
		texts[i] = args[i].sql
	}
	return with(name+"("+strings.Join(texts, ", ")+")", typ, args...)
}

func (b *binder) bindGrouping(x *Func, c *context) value {
	if !c.aggregates {
		b.fail(x, StateGrouping, "GROUPING is not allowed in %s clause", c.clause)
	}
	args := b.bindArgs(x, &context{scope: c.scope, clause: c.clause})
	b.arity(x, args, 1, 1000)
	texts := make([]string, len(args))
	for i, arg := range args {
		texts[i] = arg.sql
		if !c.scope.groups[arg.sql] {
			b.fail(x, StateGrouping, "arguments to GROUPING must be grouping expressions of the associated query level")
		}
	}
	return value{sql: "grouping(" + strings.Join(texts, ", ") + ")", typ: Int4, aggregate: true}
}

// dateTimeArgument gives an argument a date or time type.
func (b *binder) dateTimeArgument(x *Func, args []value, n int) value {
	v := args[n]
	switch {
	case v.typ.Kind == KindUnknown || v.typ.text():
		return b.cast(x, v, Timestamp, castExplicit)
	case v.typ.datetime() || v.typ.Kind == KindTime || v.typ.Kind == KindTimeTZ:
		return v
	}
	b.undefinedFunction(x, args)
	return value{}
}

// bindDateAdd binds DATEADD: a date becomes a timestamp.
func (b *binder) bindDateAdd(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	b.arity(x, args, 3, 3)
	part := b.part(x)
	if part.interval == "" {
		b.fail(x.Args[0], StateInvalidParameter, "date part \"%s\" is not supported by DATEADD", part.name)
	}
	v := b.dateTimeArgument(x, args, 2)
	if v.typ.Kind == KindDate {
		v = b.coerce(x, v, Timestamp)
	}
	if !args[1].typ.integer() && args[1].typ.Kind != KindUnknown && !args[1].typ.numeric() {
		b.undefinedFunction(x, args)
	}
	n := b.cast(x, args[1], Int8, castExplicit)
	amount := n.sql
	if part.factor > 1 {
		amount = fmt.Sprintf("(%s * %d)", amount, part.factor)
	}
	if part.interval == "to_months" || part.interval == "to_years" || part.interval == "to_days" {
		amount = "CAST(" + amount + " AS INTEGER)"
	}
	if part.interval == "to_seconds" || part.interval == "to_milliseconds" {
		amount = "CAST(" + amount + " AS DOUBLE)"
	}
	return with("("+v.sql+" + "+part.interval+"("+amount+"))", v.typ, n, v)
}

// bindDateDiff binds DATEDIFF: the number of boundaries between two times.
func (b *binder) bindDateDiff(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	b.arity(x, args, 3, 3)
	part := b.part(x)
	if part.interval == "" {
		b.fail(x.Args[0], StateInvalidParameter, "date part \"%s\" is not supported by DATEDIFF", part.name)
	}
	from, to := b.dateTimeArgument(x, args, 1), b.dateTimeArgument(x, args, 2)
	if from.typ.datetime() != to.typ.datetime() {
		b.undefinedFunction(x, args)
	}
	if from.typ.datetime() {
		from, to = b.coerce(x, from, Timestamp), b.coerce(x, to, Timestamp)
	}
	sql := "date_diff(" + quoteString(part.name) + ", " + from.sql + ", " + to.sql + ")"
	if part.name == "week" {
		sql = "(date_diff('day', date_trunc('week', " + from.sql + "), date_trunc('week', " + to.sql + ")) // 7)"
	}
	return with(sql, Int8, from, to)
}

func (b *binder) bindDatePart(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	b.arity(x, args, 2, 2)
	return b.datePart(x, b.part(x), args, 1, Float8)
}

func (b *binder) bindExtract(x *Extract, c *context) value {
	part, ok := dateParts[x.Part]
	if !ok {
		b.fail(x, StateInvalidParameter, "date part \"%s\" is not recognized", x.Part)
	}
	f := &Func{Pos: x.Pos, Name: "date_part"}
	arg := b.bindExpr(x.X, c)
	typ := Int4
	if part.name == "epoch" || part.name == "second" || part.name == "millisecond" || part.name == "microsecond" {
		typ = Float8
	}
	return b.datePart(f, part, []value{arg}, 0, typ)
}

func (b *binder) datePart(x *Func, part datePart, args []value, n int, typ Type) value {
	v := args[n]
	if v.typ.interval() {
		return with("date_part("+quoteString(part.name)+", "+v.sql+")", typ, v)
	}
	v = b.dateTimeArgument(x, args, n)
	if part.name == "epoch" && typ.Kind == KindFloat8 && v.typ.Kind == KindDate {
		v = b.coerce(x, v, Timestamp)
	}
	if strings.HasPrefix(part.name, "timezone") && v.typ.Kind != KindTimestampTZ {
		b.undefinedFunction(x, args)
	}
	sql := "date_part(" + quoteString(part.name) + ", " + v.sql + ")"
	if part.name == "second" && typ.Kind == KindFloat8 && v.typ.Kind != KindDate {
		// Seconds with their fraction, as PostgreSQL gives them.
		sql = "(date_part('microsecond', " + v.sql + ") / 1000000.0)"
	}
	return with(sql, typ, v)
}

func (b *binder) bindDateTrunc(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	b.arity(x, args, 2, 2)
	part := b.part(x)
	if part.interval == "" {
		b.fail(x.Args[0], StateInvalidParameter, "date part \"%s\" is not supported by DATE_TRUNC", part.name)
	}
	if args[1].typ.interval() {
		return with("date_trunc("+quoteString(part.name)+", "+args[1].sql+")", args[1].typ, args[1])
	}
	v := b.dateTimeArgument(x, args, 1)
	if v.typ.Kind == KindDate {
		v = b.coerce(x, v, Timestamp)
	}
	return with("date_trunc("+quoteString(part.name)+", "+v.sql+")", v.typ, v)
}

// maxJSONPath is how many levels JSON_EXTRACT_PATH_TEXT descends.
const maxJSONPath = 5

// bindJSONPath binds JSON_EXTRACT_PATH_TEXT. A path element is a literal key,
// whatever characters it has. A missing key gives NULL, as the guide says.
func (b *binder) bindJSONPath(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	lenient := "false"
	if n := len(args) - 1; n >= 2 && args[n].typ.Kind == KindBool {
		lenient = args[n].sql
		args = args[:n]
	}
	if len(args) > maxJSONPath+1 {
		b.fail(x, StateInvalidParameter, "JSON_EXTRACT_PATH_TEXT takes at most %d path elements", maxJSONPath)
	}
	if len(args) < 2 || !paramJSON.accepts(args[0]) {
		b.undefinedFunction(x, args)
	}
	operands := []value{paramJSON.convert(b, x, args[0])}
	pointer := ""
	dynamic := make([]string, 0, len(args))
	constant := true
	for _, arg := range args[1:] {
		if !paramText.accepts(arg) {
			b.undefinedFunction(x, args)
		}
		if arg.literal != nil && arg.literal.Kind == LiteralString {
			pointer += pointerKey(arg.literal.Text)
			dynamic = append(dynamic, quoteString(pointerKey(arg.literal.Text)))
			continue
		}
		constant = false
		v := paramText.convert(b, x, arg)
		operands = append(operands, v)
		dynamic = append(dynamic, "rs_json_pointer("+v.sql+")")
	}
	path := quoteString(pointer)
	if !constant {
		path = "(" + strings.Join(dynamic, " || ") + ")"
	}
	sql := "rs_json_path_text(" + operands[0].sql + ", " + path + ")"
	if lenient != "false" {
		sql = "rs_json_path_text_if(" + operands[0].sql + ", " + path + ", " + lenient + ")"
	}
	return with(sql, Varchar(MaxVarcharLength), operands...).copied(operands...).copied(operands...)
}

// bindObject binds OBJECT(key, value, ...).
func (b *binder) bindObject(x *Func, c *context) value {
	args := b.bindArgs(x, c)
	if len(args)%2 != 0 {
		b.undefinedFunction(x, args)
	}
	parts := make([]string, 0, len(args)/2)
	for i := 0; i < len(args); i += 2 {
		key := b.coerce(x.Args[i], args[i], Varchar(MaxVarcharLength))
		parts = append(parts, "rs_super_string("+key.sql+") || ':' || coalesce("+b.coerce(x.Args[i+1], args[i+1], Super).sql+", 'null')")
	}
	if len(parts) == 0 {
		return value{sql: "'{}'", typ: Super, constant: true}
	}
	return with("('{' || "+strings.Join(parts, " || ',' || ")+" || '}')", Super, args...)
}
