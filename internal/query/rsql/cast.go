package rsql

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// castKind tells how a conversion came about.
type castKind uint8

const (
	castImplicit castKind = iota // by an operator, function or set operation
	castExplicit                 // by CAST or ::
)

// coerce converts implicitly.
func (b *binder) coerce(at Node, v value, t Type) value { return b.cast(at, v, t, castImplicit) }

func (b *binder) bindCast(x *Cast, c *context) value {
	v := b.bindExpr(x.X, c)
	if x.Try {
		if !castable(v.typ, x.Type, castExplicit) {
			b.cannotCast(x, v.typ, x.Type)
		}
		if v.literal != nil {
			v = b.textLiteral(v)
		}
		if v.typ.text() || v.typ.numeric() {
			return with("TRY_CAST("+v.sql+" AS "+x.Type.DuckDB()+")", x.Type, v)
		}
	}
	return b.cast(x, v, x.Type, castExplicit)
}

func (b *binder) cannotCast(at Node, from, to Type) {
	b.fail(at, StateCannotCoerce, "cannot cast type %s to %s", from.Name(), to.Name())
}

// textLiteral types an unknown literal as the varchar it is.
func (b *binder) textLiteral(v value) value {
	v.typ, v.literal = Varchar(max(v.typ.Length, 1)), nil
	v.sql = "CAST(" + v.sql + " AS VARCHAR)"
	return v
}

// cast converts a value to type t, or fails if there is no such conversion.
func (b *binder) cast(at Node, v value, t Type, kind castKind) value {
	if v.param != 0 {
		return b.castParam(at, v, t)
	}
	if v.literal != nil {
		return b.castLiteral(at, v, t, kind)
	}
	if !castable(v.typ, t, kind) {
		b.cannotCast(at, v.typ, t)
	}
	out := v
	out.typ, out.jsonBase, out.jsonPointer = t, "", ""
	if v.typ.isSuper() != t.isSuper() || v.typ.text() {
		out = out.copied(v, v) // by a macro
	}
	switch {
	case t.Kind == KindRegclass && v.typ.text():
		out.sql = b.regclass(at, v.sql)
	case v.typ.Kind == KindRegclass && t.text():
		out.sql = b.regclassText(at, v.sql)
	case t.Kind == KindRegtype && v.typ.text():
		out.sql = b.regtype(at, v.sql)
	case v.typ.Kind == KindRegtype && t.text():
		out.sql = regtypeText(v.sql)
	default:
		out.sql = castSQL(v.sql, v.typ, t, kind)
	}
	return out
}

// castParam gives a parameter its type by the first use.
func (b *binder) castParam(at Node, v value, t Type) value {
	n := v.param
	if b.params[n-1].Kind == KindUnknown {
		switch t.Kind {
		case KindVarchar, KindChar, KindName, KindUnknown:
			t = Varchar(MaxVarcharLength)
		}
		b.params[n-1] = t
	}
	known := b.params[n-1]
	typed := value{sql: "CAST($" + strconv.Itoa(n) + " AS " + known.DuckDB() + ")", typ: known, constant: true}
	return b.cast(at, typed, t, castImplicit)
}

// castLiteral types an unknown literal. What can be checked here fails here,
// with the message of the server's input functions.
func (b *binder) castLiteral(at Node, v value, t Type, kind castKind) value {
	out := value{typ: t, constant: true}
	if v.literal.Kind == LiteralNull {
		out.sql = "CAST(NULL AS " + t.DuckDB() + ")"
		return out
	}
	text := v.literal.Text
	trimmed := strings.TrimSpace(text)
	invalid := func(what string) {
		b.fail(v.literal, StateInvalidText, "invalid input syntax for %s: \"%s\"", what, text)
	}
	switch t.Kind {
	case KindUnknown:
		return v
	case KindInt2, KindInt4, KindInt8, KindOID:
		n, err := strconv.ParseInt(trimmed, 10, 64)
		if err != nil {
			if _, float := strconv.ParseFloat(trimmed, 64); float == nil && !strings.ContainsAny(trimmed, ".eEnN") {
				b.fail(v.literal, StateNumericOutOfRange, "value \"%s\" is out of range for type %s", text, t.Name())
			}
			invalid("integer")
		}
		if t.Kind == KindInt2 && n != int64(int16(n)) || t.Kind == KindInt4 && n != int64(int32(n)) {
			b.fail(v.literal, StateNumericOutOfRange, "value \"%s\" is out of range for type %s", text, t.Name())
		}
		out.sql = "CAST(" + strconv.FormatInt(n, 10) + " AS " + t.DuckDB() + ")"
		return out
	case KindDecimal, KindFloat4, KindFloat8:
		if _, err := strconv.ParseFloat(trimmed, 64); err != nil || strings.ContainsAny(trimmed, "xX_") {
			invalid("type " + t.Name())
		}
		text = trimmed
	case KindBool:
		word := strings.ToLower(trimmed)
		switch word {
		case "t", "true", "y", "yes", "1", "on":
			out.sql = "true"
		case "f", "false", "n", "no", "0", "off":
			out.sql = "false"
		default:
			invalid("type boolean")
		}
		return out
	case KindDate, KindTimestamp, KindTimestampTZ:
		parsed, ok := datetimeLiteral(trimmed, t.Kind)
		if !ok {
			b.fail(v.literal, StateInvalidDatetime, "invalid input syntax for type %s: \"%s\"", literalName(t), text)
		}
		if parsed == "" {
			out.sql = datetimeWord(trimmed, t)
			return out
		}
		text = parsed
	case KindIntervalYM, KindIntervalDS:
		iv := b.bindInterval(&Interval{Pos: v.literal.Pos, Text: text})
		return iv
	case KindVarchar, KindChar:
		if kind == castImplicit {
			// An operator or function takes the text as it is.
			out.typ.Length = max(len(text), 1)
		}
		out.sql = quoteString(truncateBytes(text, out.typ))
		return out
	case KindSuper, KindStruct, KindArray, KindMap:
		out.sql = "rs_super_string(" + quoteString(text) + ")"
		return out
	case KindRegclass:
		out.sql = b.regclass(at, quoteString(text))
		return out.variable()
	case KindRegtype:
		out.sql = b.regtype(at, quoteString(text))
		return out.variable()
	case KindName:
		out.sql = quoteString(text)
		return out
	case KindCatalogArray:
		out.sql = "CAST(" + quoteString("["+strings.Trim(text, "{}")+"]") + " AS " + t.DuckDB() + ")"
		return out
	case KindTime, KindTimeTZ, KindVarbyte:
	default:
		b.cannotCast(at, v.typ, t)
	}
	out.sql = "CAST(" + quoteString(text) + " AS " + t.DuckDB() + ")"
	return out
}

// truncateBytes cuts text to the length of a character type, at a character's
// boundary; a char loses its trailing blanks, which don't count.
func truncateBytes(text string, t Type) string {
	if t.Kind == KindChar {
		text = strings.TrimRight(text, " ")
	}
	if t.Length == 0 || len(text) <= t.Length {
		return text
	}
	return strings.ToValidUTF8(text[:t.Length], "")
}

// datetimeLayouts are the forms of date and time texts that have one meaning
// under every date style.
var datetimeLayouts = []string{
	"2006-1-2", "20060102", "2006/1/2", "2006.1.2", "January 2, 2006", "Jan 2, 2006", "2 January 2006", "2 Jan 2006", "Jan-02-2006", "02-Jan-2006",
	"1/2/2006", "1-2-2006",
	"2006-1-2 15:4:5.999999999", "2006-1-2T15:4:5.999999999", "2006-1-2 15:4", "2006-1-2T15:4", "20060102 150405", "20060102 15:4:5", "1/2/2006 15:4:5",
	"2006-1-2 3:4:5 PM", "2006-1-2 15:4:5.999999999 MST", "2006-1-2 15:4:5.999999999-07", "2006-1-2 15:4:5.999999999 -07",
	"2006-1-2 15:4:5.999999999-07:00", "2006-1-2 15:4:5.999999999-0700", "2006-1-2T15:4:5.999999999Z07:00", "2006-1-2T15:4:5.999999999-07", "2006-1-2 15:4:5.999999999Z07:00",
}

// datetimeLiteral brings a date or timestamp text into ISO form. An empty
// result with true stands for a word such as now.
func datetimeLiteral(text string, kind Kind) (string, bool) {
	switch strings.ToLower(text) {
	case "now", "today", "tomorrow", "yesterday":
		return "", true
	case "epoch":
		text = "1970-01-01 00:00:00+00"
		if kind != KindTimestampTZ {
			text = "1970-01-01"
		}
	}
	for _, layout := range datetimeLayouts {
		at, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		zoned := strings.Contains(layout, "07") || strings.Contains(layout, "MST")
		switch {
		case kind == KindDate:
			return at.Format(time.DateOnly), true
		case kind == KindTimestampTZ && zoned:
			if _, offset := at.Zone(); offset == 0 && strings.Contains(layout, "MST") && !strings.HasSuffix(text, "UTC") && !strings.HasSuffix(text, "GMT") {
				return "", false // an abbreviation without a known offset
			}
			return at.UTC().Format("2006-01-02 15:04:05.999999") + "+00", true
		default:
			return at.Format("2006-01-02 15:04:05.999999"), true
		}
	}
	return "", false
}

func datetimeWord(word string, t Type) string {
	shift := map[string]string{"today": "", "tomorrow": " + 1", "yesterday": " - 1"}
	if s, ok := shift[strings.ToLower(word)]; ok {
		return "CAST((current_date" + s + ") AS " + t.DuckDB() + ")"
	}
	return "CAST(now() AS " + t.DuckDB() + ")"
}

// castable reports whether Redshift converts between the types.
func castable(from, to Type, kind castKind) bool {
	if from.Kind == to.Kind || from.Kind == KindUnknown || to.Kind == KindUnknown {
		return true
	}
	switch {
	case from.isSuper():
		return kind == castExplicit || to.isSuper()
	case to.isSuper():
		return from.numeric() || from.text() || from.Kind == KindBool
	case from.text():
		return to.text() || kind == castExplicit && to.Kind != KindCatalogArray || to.datetime() || to.Kind == KindTime || to.Kind == KindTimeTZ
	case to.text():
		return from.Kind != KindBool && from.Kind != KindCatalogArray && (kind == castExplicit || from.numeric() || from.datetime() || from.Kind == KindTime || from.oidLike())
	case from.numeric() && to.numeric():
		return true
	case from.Kind == KindBool:
		return to.integer() && kind == castExplicit
	case to.Kind == KindBool:
		return from.integer() && kind == castExplicit
	case from.datetime() && to.datetime():
		return true
	case from.datetime() && (to.Kind == KindTime || to.Kind == KindTimeTZ):
		return kind == castExplicit && from.Kind != KindDate
	case from.integer() && to.oidLike(), from.oidLike() && to.integer(), from.oidLike() && to.oidLike():
		return true
	case from.interval() && to.interval():
		return true
	}
	return false
}

// castSQL writes a conversion that castable allows.
func castSQL(sql string, from, to Type, kind castKind) string {
	plain := "CAST(" + sql + " AS " + to.DuckDB() + ")"
	switch {
	case from.isSuper() && to.isSuper():
		return sql
	case from.isSuper():
		return superTo(sql, to)
	case to.isSuper():
		if from.text() {
			return "rs_super_string(" + sql + ")"
		}
		return "CAST(" + sql + " AS VARCHAR)"
	case to.text():
		return toText(sql, from, to, kind)
	case from.text():
		return fromText(sql, to)
	case to.Kind == KindBool && from.integer():
		return "(" + sql + " <> 0)"
	case from.DuckDB() == to.DuckDB():
		return sql
	}
	return plain
}

// toText converts to a character type. An explicit cast cuts what is too long.
func toText(sql string, from, to Type, kind castKind) string {
	switch {
	case from.float():
		sql = "rs_float_text(" + sql + ")"
	case !from.text():
		sql = "CAST(" + sql + " AS VARCHAR)"
	}
	if to.Kind == KindChar && from.Kind != KindChar {
		sql = "rtrim(" + sql + ", ' ')"
	}
	if kind == castExplicit && to.Kind != KindName && (!from.text() && to.Length < 64 || from.text() && (from.Length > to.Length || from.Kind == KindName)) {
		sql = fmt.Sprintf("rs_truncate(%s, %d)", sql, to.Length)
	}
	return sql
}

// fromText converts text, failing on what isn't a value of the type.
func fromText(sql string, to Type) string {
	switch {
	case to.integer() || to.oidLike():
		return "CAST(rs_integer(" + sql + ") AS " + to.DuckDB() + ")"
	case to.Kind == KindDate:
		return "CAST(CAST(" + sql + " AS TIMESTAMP) AS DATE)"
	case to.isSuper():
		return "rs_super_string(" + sql + ")"
	}
	return "CAST(" + sql + " AS " + to.DuckDB() + ")"
}

// superTo converts a SUPER value. By default a value that doesn't fit gives
// NULL (cast_super_null_on_error).
func superTo(sql string, to Type) string {
	switch {
	case to.Kind == KindVarchar || to.Kind == KindChar || to.Kind == KindName:
		if to.Kind == KindName || to.Length >= MaxVarcharLength {
			return "rs_super_text(" + sql + ")"
		}
		return fmt.Sprintf("rs_truncate(rs_super_text(%s), %d)", sql, to.Length)
	case to.Kind == KindDate:
		return "CAST(TRY_CAST(rs_super_text(" + sql + ") AS TIMESTAMP) AS DATE)"
	}
	return "TRY_CAST(rs_super_text(" + sql + ") AS " + to.DuckDB() + ")"
}
