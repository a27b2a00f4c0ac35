package policy

import (
	"strings"
	"unicode/utf8"
)

// pattern is a text with wildcards. A wildcard that came out of a variable's value is a plain character.
type pattern []element

type element struct {
	char rune
	kind kind
}

type kind uint8

const (
	plain kind = iota
	one        // ?
	run        // *
)

func plainPattern(text string) pattern {
	p, _ := compile(text, nil, false)
	return p
}

// compile reads a pattern and puts values in the place of its variables: ${aws:userid}, ${aws:username, 'nobody'} with a default,
// and ${*}, ${?} and ${$} for these characters. ok is false if a variable has no value.
func compile(text string, context map[string][]string, variables bool) (p pattern, ok bool) {
	for text != "" {
		if variables && strings.HasPrefix(text, "${") {
			if name, rest, closed := strings.Cut(text[2:], "}"); closed {
				value, known := variable(name, context)
				if !known {
					return nil, false
				}
				for _, r := range value {
					p = append(p, element{r, plain})
				}
				text = rest
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(text)
		switch r {
		case '*':
			p = append(p, element{kind: run})
		case '?':
			p = append(p, element{kind: one})
		default:
			p = append(p, element{r, plain})
		}
		text = text[size:]
	}
	return p, true
}

func variable(name string, context map[string][]string) (string, bool) {
	switch name {
	case "*", "?", "$":
		return name, true
	}
	name, fallback, hasDefault := strings.Cut(name, ",")
	if values := context[strings.ToLower(strings.TrimSpace(name))]; len(values) == 1 {
		return values[0], true
	}
	fallback = strings.TrimSpace(fallback)
	if hasDefault && len(fallback) >= 2 && fallback[0] == '\'' && fallback[len(fallback)-1] == '\'' {
		return fallback[1 : len(fallback)-1], true
	}
	return "", false
}

// matches reports whether p is the whole of text. It takes time proportional to the product of their lengths at most.
func (p pattern) matches(text string) bool {
	s := []rune(text)
	i, j, star, from := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i].kind == run:
			star, from = i, j
			i++
		case i < len(p) && (p[i].kind == one || p[i].kind == plain && p[i].char == s[j]):
			i, j = i+1, j+1
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i].kind == run {
		i++
	}
	return i == len(p)
}

// arnParts is the number of components of an ARN; the last one may hold colons itself.
const arnParts = 6

// matchesARN matches component by component, so that a wildcard doesn't reach over a colon, but in the last one. Components that the
// pattern lacks are anything.
func (p pattern) matchesARN(arn string) bool {
	parts := strings.SplitN(arn, ":", arnParts)
	for i, part := range parts {
		if i == len(parts)-1 {
			return p.matches(part)
		}
		end := p.colon()
		if end < 0 {
			return p.matches(part)
		}
		if !p[:end].matches(part) {
			return false
		}
		p = p[end+1:]
	}
	return false
}

// colon returns the place of the first colon, or -1.
func (p pattern) colon() int {
	for i, e := range p {
		if e.kind == plain && e.char == ':' {
			return i
		}
	}
	return -1
}
