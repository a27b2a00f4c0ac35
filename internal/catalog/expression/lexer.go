package expression

import "strings"

type tokenKind uint8

const (
	endToken tokenKind = iota
	wordToken
	quotedToken // a quoted name: never a keyword
	textToken
	numberToken
	symbolToken // comparison operators, parentheses and the comma
	arithmeticToken
)

type token struct {
	kind tokenKind
	// text is the name or literal without its quotes, or the symbol.
	text string
}

// lex splits an expression into tokens, ending with an endToken. It reports false for characters that start none and for quotes
// that don't close.
func lex(s string) ([]token, bool) {
	var tokens []token
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '\'' || c == '"' || c == '`':
			text, n, ok := quoted(s[i:])
			if !ok {
				return nil, false
			}
			kind := quotedToken
			if c == '\'' {
				kind = textToken
			}
			tokens = append(tokens, token{kind, text})
			i += n
		case isDigit(c) || c == '.' && i+1 < len(s) && isDigit(s[i+1]):
			n := numberLength(s[i:])
			tokens = append(tokens, token{numberToken, s[i : i+n]})
			i += n
		case isNameStart(c):
			n := 1
			for i+n < len(s) && (isNameStart(s[i+n]) || isDigit(s[i+n]) || s[i+n] == '.') {
				n++
			}
			tokens = append(tokens, token{wordToken, s[i : i+n]})
			i += n
		case strings.IndexByte("+-*/%", c) >= 0:
			tokens = append(tokens, token{arithmeticToken, s[i : i+1]})
			i++
		default:
			n := symbolLength(s[i:])
			if n == 0 {
				return nil, false
			}
			tokens = append(tokens, token{symbolToken, s[i : i+n]})
			i += n
		}
	}
	return append(tokens, token{}), true
}

// quoted reads the quoted text that s begins with, in which a doubled quote is one quote.
func quoted(s string) (text string, n int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != s[0] {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != s[0] {
			return b.String(), i + 1, true
		}
		b.WriteByte(s[0])
		i++
	}
	return "", 0, false
}

// numberLength returns the length of the number that s begins with: digits, a fraction, an exponent.
func numberLength(s string) int {
	n := digitsLength(s)
	if n < len(s) && s[n] == '.' {
		n += 1 + digitsLength(s[n+1:])
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		e := n + 1
		if e < len(s) && (s[e] == '+' || s[e] == '-') {
			e++
		}
		if d := digitsLength(s[e:]); d > 0 {
			n = e + d
		}
	}
	return n
}

func digitsLength(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func symbolLength(s string) int {
	for _, symbol := range [...]string{"<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ","} {
		if strings.HasPrefix(s, symbol) {
			return len(symbol)
		}
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isNameStart takes every byte of a non-ASCII character for a letter: Glue's names may hold almost any of them.
func isNameStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}
