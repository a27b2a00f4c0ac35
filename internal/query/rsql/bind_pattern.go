package rsql

import (
	"regexp"
	"strings"
)

// bindLike binds LIKE, ILIKE and SIMILAR TO. The backslash escapes unless
// ESCAPE says otherwise.
func (b *binder) bindLike(x *Like, c *context) value {
	v := b.textOperand(x.X, b.bindExpr(x.X, c))
	pattern := b.textOperand(x.Pattern, b.bindExpr(x.Pattern, c))
	escape := `\`
	if x.Escape != nil {
		lit, ok := x.Escape.(*Literal)
		if !ok || lit.Kind != LiteralString || len([]rune(lit.Text)) > 1 {
			b.fail(x.Escape, StateInvalidParameter, "invalid escape string")
		}
		escape = lit.Text
	}
	if x.Op == "similar to" {
		return b.similar(x, v, pattern, escape)
	}
	op := " LIKE "
	if x.Op == "ilike" {
		op = " ILIKE "
	}
	if x.Not {
		op = " NOT" + op
	}
	sql := "(" + v.sql + op + pattern.sql
	if escape != "" {
		sql += " ESCAPE " + quoteString(escape)
	}
	return with(sql+")", Bool, v, pattern)
}

// textOperand gives a value its text form, as pattern matching takes it.
func (b *binder) textOperand(at Node, v value) value {
	if v.typ.text() {
		return v
	}
	return b.cast(at, v, Varchar(MaxVarcharLength), castExplicit)
}

// similar translates a constant SIMILAR TO pattern into a regular expression.
func (b *binder) similar(x *Like, v, pattern value, escape string) value {
	lit, ok := x.Pattern.(*Literal)
	if !ok || lit.Kind != LiteralString {
		b.fail(x.Pattern, StateFeatureNotSupported, "SIMILAR TO is only supported with a constant pattern")
	}
	expr := similarExpression(lit.Text, escape)
	if _, err := regexp.Compile(expr); err != nil {
		b.fail(x.Pattern, "2201B", "invalid regular expression: %s", lit.Text)
	}
	sql := "regexp_full_match(" + v.sql + ", " + quoteString(expr) + ", 's')"
	if x.Not {
		sql = "(NOT " + sql + ")"
	}
	return with(sql, Bool, v, pattern)
}

func similarExpression(pattern, escape string) string {
	var out strings.Builder
	inClass := false
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case escape != "" && string(r) == escape && i+1 < len(runes):
			i++
			out.WriteString(regexp.QuoteMeta(string(runes[i])))
		case inClass:
			inClass = r != ']'
			out.WriteRune(r)
		case r == '[':
			inClass = true
			out.WriteRune(r)
		case r == '%':
			out.WriteString(".*")
		case r == '_':
			out.WriteByte('.')
		case r == '.' || r == '^' || r == '$' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '(':
			out.WriteString("(?:")
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// matchPOSIX binds ~, ~*, !~ and !~*: a match anywhere in the text.
func (b *binder) matchPOSIX(x *Binary, l, r value) value {
	if !l.typ.text() && l.typ.Kind != KindUnknown && !l.typ.isSuper() {
		b.undefinedOperator(x, x.Op, l, r)
	}
	text, pattern := b.textOperand(x.L, l), b.textOperand(x.R, r)
	if lit, ok := x.R.(*Literal); ok {
		if _, err := regexp.Compile(lit.Text); err != nil {
			b.fail(x.R, "2201B", "invalid regular expression: %s", lit.Text)
		}
	}
	flags := "s"
	if strings.HasSuffix(x.Op, "*") {
		flags = "si"
	}
	sql := "regexp_matches(" + text.sql + ", " + pattern.sql + ", " + quoteString(flags) + ")"
	if strings.HasPrefix(x.Op, "!") {
		sql = "(NOT " + sql + ")"
	}
	return with(sql, Bool, text, pattern)
}
