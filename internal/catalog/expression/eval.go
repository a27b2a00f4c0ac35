package expression

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// bind finds the keys and casts the literals of a condition.
func (n *node) bind(keys []Key) error {
	if n.op < opEqual {
		if err := n.left.bind(keys); err != nil || n.right == nil {
			return err
		}
		return n.right.bind(keys)
	}
	n.index = -1
	for i, key := range keys {
		if strings.EqualFold(key.Name, n.key) {
			n.index = i
			break
		}
	}
	if n.index < 0 {
		return errInvalid()
	}
	var err error
	if n.kind, err = kindOf(keys[n.index].Type); err != nil {
		return err
	}
	if n.op == opLike || n.op == opNotLike {
		if n.kind != kindString {
			return &Error{fmt.Sprintf("%s data type doesn't support operation 'LIKE'", n.kind.likeName())}
		}
		n.pattern = compilePattern(n.literals[0])
		return nil
	}
	for _, literal := range n.literals {
		v, message := n.kind.cast(literal)
		if message != "" {
			return &Error{message}
		}
		n.values = append(n.values, v)
	}
	return nil
}

// truth is SQL's: AND is the least of two, OR the greatest, NOT the negative.
type truth int8

const (
	no      truth = -1
	unknown truth = 0
	yes     truth = 1
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (n *node) eval(values []string) (truth, error) {
	switch n.op {
	case opAnd, opOr:
		decisive := no
		if n.op == opOr {
			decisive = yes
		}
		left, err := n.left.eval(values)
		if err != nil || left == decisive {
			return left, err
		}
		right, err := n.right.eval(values)
		if n.op == opOr {
			return max(left, right), err
		}
		return min(left, right), err
	case opNot:
		t, err := n.left.eval(values)
		return -t, err
	default:
		return n.test(values[n.index])
	}
}

func (n *node) test(text string) (truth, error) {
	switch n.op {
	case opIsNull:
		return truthOf(text == NullValue), nil
	case opIsNotNull:
		return truthOf(text != NullValue), nil
	case opLike:
		return truthOf(n.pattern.matches(text)), nil
	case opNotLike:
		return truthOf(!n.pattern.matches(text)), nil
	}
	if n.kind != kindString && text == NullValue {
		return unknown, nil
	}
	v, message := n.kind.cast(text)
	if message != "" {
		return unknown, &ValueError{message}
	}
	switch n.op {
	case opEqual, opIn:
		return truthOf(n.among(v)), nil
	case opNotEqual, opNotIn:
		return truthOf(!n.among(v)), nil
	case opBetween, opNotBetween:
		inside := n.kind.compare(n.values[0], v) <= 0 && n.kind.compare(v, n.values[1]) <= 0
		return truthOf(inside == (n.op == opBetween)), nil
	}
	order := n.kind.compare(v, n.values[0])
	switch n.op {
	case opLess:
		return truthOf(order < 0), nil
	case opLessEqual:
		return truthOf(order <= 0), nil
	case opGreater:
		return truthOf(order > 0), nil
	default: // opGreaterEqual
		return truthOf(order >= 0), nil
	}
}

func (n *node) among(v value) bool {
	for _, w := range n.values {
		if n.kind.compare(v, w) == 0 {
			return true
		}
	}
	return false
}

// pattern is a LIKE pattern: the pieces between its % signs. Glue's LIKE has no escape.
type pattern []string

func compilePattern(s string) pattern { return strings.Split(s, "%") }

// matches runs in time linear in the text for each piece: the first piece is anchored to the start, the last to the end, and
// those between are found leftmost.
func (p pattern) matches(text string) bool {
	n, ok := matchPiece(text, p[0])
	if !ok {
		return false
	}
	text = text[n:]
	if len(p) == 1 {
		return text == ""
	}
	for _, piece := range p[1 : len(p)-1] {
		for {
			if n, ok := matchPiece(text, piece); ok {
				text = text[n:]
				break
			}
			if text == "" {
				return false
			}
			text = text[runeLength(text):]
		}
	}
	last := p[len(p)-1]
	for {
		if n, ok := matchPiece(text, last); ok && n == len(text) {
			return true
		}
		if text == "" {
			return false
		}
		text = text[runeLength(text):]
	}
}

// matchPiece matches piece, in which _ is any character, at the start of text and returns the length of what it matched.
func matchPiece(text, piece string) (int, bool) {
	n := 0
	for i := 0; i < len(piece); {
		if n == len(text) {
			return 0, false
		}
		if piece[i] == '_' {
			n += runeLength(text[n:])
			i++
			continue
		}
		if piece[i] != text[n] {
			return 0, false
		}
		i++
		n++
	}
	return n, true
}

func runeLength(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}
