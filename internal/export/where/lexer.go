package where

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenText
	tokenNumber
	tokenSign
)

// token is a word, a sign or a number as it is written, or a text with its escapes resolved.
type token struct {
	kind tokenKind
	pos  int
	text string
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the expression"
	case tokenText:
		return "a text"
	default:
		return strconv.Quote(t.text)
	}
}

// lexer cuts an expression into tokens.
type lexer struct {
	src string
	pos int
}

func fail(pos int, format string, args ...any) *Error {
	return &Error{pos, fmt.Sprintf(format, args...)}
}

func (l *lexer) next() (token, error) {
	for l.pos < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.pos]) >= 0 {
		l.pos++
	}
	start := l.pos
	if start == len(l.src) {
		return token{tokenEnd, start, ""}, nil
	}
	switch c := l.src[start]; {
	case c == '"' || c == '\'':
		return l.quoted(c)
	case isDigit(c) || c == '.':
		return l.number()
	case isLetter(c):
		for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || isDigit(l.src[l.pos])) {
			l.pos++
		}
		return token{tokenWord, start, l.src[start:l.pos]}, nil
	}
	for _, sign := range [...]string{"==", "!=", ">=", "<=", ">", "<", "+", "-", "*", "/", "%", "(", ")", "[", "]", ","} {
		if strings.HasPrefix(l.src[start:], sign) {
			l.pos += len(sign)
			return token{tokenSign, start, sign}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(l.src[start:])
	if r == '=' {
		return token{}, fail(start, "unexpected \"=\" (equality is ==)")
	}
	return token{}, fail(start, "unexpected character %q", r)
}

func isDigit(c byte) bool  { return c-'0' <= 9 }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func (l *lexer) number() (token, error) {
	start := l.pos
	for ; l.pos < len(l.src); l.pos++ {
		c := l.src[l.pos]
		signed := (c == '+' || c == '-') && l.pos > start && l.src[l.pos-1]|0x20 == 'e'
		if !isDigit(c) && !isLetter(c) && c != '.' && !signed {
			break
		}
	}
	text := l.src[start:l.pos]
	if _, ok := parseNumber([]byte(text)); !ok {
		return token{}, fail(start, "%q is not a number", text)
	}
	return token{tokenNumber, start, text}, nil
}

// quoted reads a text whose opening quote is at the position, with the escapes of JSON and \'.
func (l *lexer) quoted(quote byte) (token, error) {
	start := l.pos
	var b strings.Builder
	for l.pos++; l.pos < len(l.src); {
		switch c := l.src[l.pos]; c {
		case quote:
			l.pos++
			return token{tokenText, start, b.String()}, nil
		case '\\':
			r, err := l.escape()
			if err != nil {
				return token{}, err
			}
			b.WriteRune(r)
		default:
			b.WriteByte(c)
			l.pos++
		}
	}
	return token{}, fail(start, "the text that begins with %c has no end", quote)
}

// escape reads the escape sequence at the position. Half a surrogate pair is U+FFFD.
func (l *lexer) escape() (rune, error) {
	start := l.pos
	if start+1 == len(l.src) {
		return 0, fail(start, "unfinished escape")
	}
	c := l.src[start+1]
	l.pos += 2
	switch c {
	case '"', '\'', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
	default:
		return 0, fail(start, "unknown escape in a text (write a backslash as \\\\)")
	}
	r, ok := l.hex4()
	if !ok {
		return 0, fail(start, "expected four hexadecimal digits after \\u")
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if strings.HasPrefix(l.src[l.pos:], `\u`) {
		after := l.pos
		l.pos += 2
		if low, ok := l.hex4(); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, nil
			}
		}
		l.pos = after
	}
	return utf8.RuneError, nil
}

func (l *lexer) hex4() (rune, bool) {
	if l.pos+4 > len(l.src) {
		return 0, false
	}
	n, err := strconv.ParseUint(l.src[l.pos:l.pos+4], 16, 16)
	if err != nil {
		return 0, false
	}
	l.pos += 4
	return rune(n), true
}
