package rsql

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexer cuts a script into tokens. Comments (-- to the end of the line, and
// nested /* */) separate tokens like white space.
type lexer struct {
	src string
	off int // byte offset of the next character
	pos int // 1-based character position of the next character
	// standard makes the backslash of plain strings stand for itself.
	standard bool
}

// lex gives all tokens of src, the last one being tokEOF.
func lex(src string, standard bool) ([]token, error) {
	l := &lexer{src: src, pos: 1, standard: standard}
	tokens := make([]token, 0, len(src)/4+1)
	for {
		tok, err := l.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, tok)
		if tok.kind == tokEOF {
			return tokens, nil
		}
	}
}

func (l *lexer) peek(ahead int) byte {
	if l.off+ahead < len(l.src) {
		return l.src[l.off+ahead]
	}
	return 0
}

// advance moves over n bytes, which must end at a character boundary.
func (l *lexer) advance(n int) {
	l.pos += utf8.RuneCountInString(l.src[l.off : l.off+n])
	l.off += n
}

func (l *lexer) next() (token, error) {
	if err := l.skipSpace(); err != nil {
		return token{}, err
	}
	tok := token{pos: Pos(l.pos), start: l.off}
	if l.off >= len(l.src) {
		tok.kind, tok.end = tokEOF, l.off
		return tok, nil
	}
	err := l.scan(&tok)
	tok.end = l.off
	return tok, err
}

func (l *lexer) scan(tok *token) error {
	c := l.peek(0)
	switch {
	case c == '\'':
		return l.scanString(tok, !l.standard)
	case (c == 'e' || c == 'E') && l.peek(1) == '\'':
		l.advance(1)
		return l.scanString(tok, true)
	case c == '"':
		return l.scanQuotedIdent(tok)
	case c == '$':
		return l.scanDollar(tok)
	case isDigit(c) || c == '.' && isDigit(l.peek(1)):
		return l.scanNumber(tok)
	case isIdentStart(c):
		n := 1
		for isIdentPart(l.peek(n)) {
			n++
		}
		text := l.src[l.off : l.off+n]
		if !utf8.ValidString(text) {
			return errorAt(int(tok.pos), "22021", "invalid byte sequence for encoding \"UTF8\"")
		}
		tok.kind, tok.text = tokIdent, strings.ToLower(text)
		l.advance(n)
		return nil
	}
	return l.scanOperator(tok)
}

func (l *lexer) skipSpace() error {
	for l.off < len(l.src) {
		c := l.src[l.off]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			l.advance(1)
		case c == '-' && l.peek(1) == '-':
			n := strings.IndexByte(l.src[l.off:], '\n')
			if n < 0 {
				n = len(l.src) - l.off
			}
			l.advance(n)
		case c == '/' && l.peek(1) == '*':
			if err := l.skipBlockComment(); err != nil {
				return err
			}
		case c >= utf8.RuneSelf:
			// No-break spaces and byte order marks come in with pasted text.
			r, size := utf8.DecodeRuneInString(l.src[l.off:])
			if r != '\ufeff' && !unicode.IsSpace(r) {
				return nil
			}
			l.advance(size)
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) skipBlockComment() error {
	start, depth := l.pos, 0
	for l.off < len(l.src) {
		switch {
		case l.peek(0) == '/' && l.peek(1) == '*':
			depth++
			l.advance(2)
		case l.peek(0) == '*' && l.peek(1) == '/':
			depth--
			l.advance(2)
			if depth == 0 {
				return nil
			}
		default:
			_, size := utf8.DecodeRuneInString(l.src[l.off:])
			l.advance(size)
		}
	}
	return errorAt(start, StateSyntax, "unterminated /* comment")
}

// scanString reads a quoted string. The backslash escapes in plain strings as
// it does in E” strings, unless the session asked for standard strings:
// Redshift keeps PostgreSQL 8.0's rule, and its guide writes patterns as '\\d'
// and '%\\_%' accordingly.
func (l *lexer) scanString(tok *token, escapes bool) error {
	tok.kind = tokString
	var value strings.Builder
	for {
		if err := l.scanStringPart(tok, &value, escapes); err != nil {
			return err
		}
		// Strings separated only by white space with a line break are one.
		mark := *l
		if err := l.skipSpace(); err != nil {
			return err
		}
		if l.peek(0) != '\'' || !strings.Contains(l.src[mark.off:l.off], "\n") {
			*l = mark
			tok.text = value.String()
			if !utf8.ValidString(tok.text) || strings.IndexByte(tok.text, 0) >= 0 {
				return errorAt(int(tok.pos), "22021", "invalid byte sequence for encoding \"UTF8\"")
			}
			return nil
		}
	}
}

func (l *lexer) scanStringPart(tok *token, value *strings.Builder, escapes bool) error {
	l.advance(1)
	for l.off < len(l.src) {
		switch c := l.peek(0); {
		case c == '\'' && l.peek(1) == '\'':
			value.WriteByte('\'')
			l.advance(2)
		case c == '\'':
			l.advance(1)
			return nil
		case c == '\\' && escapes && l.off+1 < len(l.src):
			l.advance(1)
			l.scanEscape(value)
		default:
			_, size := utf8.DecodeRuneInString(l.src[l.off:])
			value.WriteString(l.src[l.off : l.off+size])
			l.advance(size)
		}
	}
	return errorAt(int(tok.pos), StateSyntax, "unterminated quoted string at or near %s", quoteNear(l.src[tok.start:]))
}

// scanEscape reads what follows a backslash: \b \f \n \r \t, up to three octal
// or, after x, two hexadecimal digits; any other character stands for itself.
func (l *lexer) scanEscape(value *strings.Builder) {
	c := l.peek(0)
	if i := strings.IndexByte("bfnrt", c); i >= 0 {
		value.WriteByte("\b\f\n\r\t"[i])
		l.advance(1)
		return
	}
	base, most := 8, 3
	if c == 'x' && digitValue(l.peek(1)) < 16 {
		base, most = 16, 2
		l.advance(1)
	}
	if digitValue(l.peek(0)) < base {
		code, n := 0, 0
		for n < most && digitValue(l.peek(n)) < base {
			code = code*base + digitValue(l.peek(n))
			n++
		}
		value.WriteByte(byte(code))
		l.advance(n)
		return
	}
	_, size := utf8.DecodeRuneInString(l.src[l.off:])
	value.WriteString(l.src[l.off : l.off+size])
	l.advance(size)
}

func (l *lexer) scanQuotedIdent(tok *token) error {
	tok.kind, tok.quoted = tokIdent, true
	var value strings.Builder
	l.advance(1)
	for l.off < len(l.src) {
		c := l.peek(0)
		if c == '"' && l.peek(1) == '"' {
			value.WriteByte('"')
			l.advance(2)
			continue
		}
		if c == '"' {
			l.advance(1)
			tok.text = value.String()
			switch {
			case tok.text == "":
				return errorAt(int(tok.pos), StateSyntax, "zero-length delimited identifier at or near \"\"\"\"")
			case !utf8.ValidString(tok.text) || strings.IndexByte(tok.text, 0) >= 0:
				return errorAt(int(tok.pos), "22021", "invalid byte sequence for encoding \"UTF8\"")
			}
			return nil
		}
		_, size := utf8.DecodeRuneInString(l.src[l.off:])
		value.WriteString(l.src[l.off : l.off+size])
		l.advance(size)
	}
	return errorAt(int(tok.pos), StateSyntax, "unterminated quoted identifier at or near %s", quoteNear(l.src[tok.start:]))
}

// scanDollar reads a parameter ($1) or a dollar-quoted string ($tag$...$tag$).
func (l *lexer) scanDollar(tok *token) error {
	if isDigit(l.peek(1)) {
		n := 1
		for isDigit(l.peek(n)) {
			n++
		}
		tok.kind, tok.text = tokParam, l.src[l.off+1:l.off+n]
		l.advance(n)
		return nil
	}
	n := 1
	for c := l.peek(n); c != '$' && isIdentPart(c); c = l.peek(n) {
		n++
	}
	if l.peek(n) != '$' {
		return syntaxNear(tok.pos, "$")
	}
	tag := l.src[l.off : l.off+n+1]
	body := l.src[l.off+n+1:]
	end := strings.Index(body, tag)
	if end < 0 {
		return errorAt(int(tok.pos), StateSyntax, "unterminated dollar-quoted string at or near %s", quoteNear(l.src[tok.start:]))
	}
	if !utf8.ValidString(body[:end]) || strings.IndexByte(body[:end], 0) >= 0 {
		return errorAt(int(tok.pos), "22021", "invalid byte sequence for encoding \"UTF8\"")
	}
	tok.kind, tok.text = tokString, body[:end]
	l.advance(2*len(tag) + end)
	return nil
}

func (l *lexer) scanNumber(tok *token) error {
	n := 0
	for isDigit(l.peek(n)) {
		n++
	}
	if l.peek(n) == '.' {
		n++
		for isDigit(l.peek(n)) {
			n++
		}
	}
	if c := l.peek(n); c == 'e' || c == 'E' {
		m := n + 1
		if c := l.peek(m); c == '+' || c == '-' {
			m++
		}
		if isDigit(l.peek(m)) {
			for isDigit(l.peek(m)) {
				m++
			}
			n = m
		}
	}
	tok.kind, tok.text = tokNumber, strings.ToLower(l.src[l.off:l.off+n])
	l.advance(n)
	return nil
}

// operators lists the operators longer than one character, longest first.
var operators = []string{
	"!~~*", "!~~", "!~*", "~~*", "||/", "::", "<=", ">=", "<>", "!=", "!~", "~~", "~*", "||", "|/", "<<", ">>",
}

func (l *lexer) scanOperator(tok *token) error {
	tok.kind = tokOp
	rest := l.src[l.off:]
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			tok.text = op
			l.advance(len(op))
			return nil
		}
	}
	if strings.IndexByte("+-*/%^<>=~|&#@()[],.;:", rest[0]) >= 0 {
		tok.text = rest[:1]
		l.advance(1)
		return nil
	}
	r, size := utf8.DecodeRuneInString(rest)
	if r == utf8.RuneError && size == 1 {
		return errorAt(int(tok.pos), "22021", "invalid byte sequence for encoding \"UTF8\"")
	}
	return syntaxNear(tok.pos, rest[:size])
}

func syntaxNear(pos Pos, text string) *Error {
	return errorAt(int(pos), StateSyntax, "syntax error at or near \"%s\"", text)
}

// quoteNear shortens the raw text that an error message quotes.
func quoteNear(text string) string {
	const most = 64
	text = strings.ToValidUTF8(text, "?")
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most])
	}
	return `"` + text + `"`
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isIdentStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

func isIdentPart(c byte) bool { return isIdentStart(c) || isDigit(c) || c == '$' }

func digitValue(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 99
}
