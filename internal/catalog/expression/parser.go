package expression

import (
	"fmt"
	"strings"
)

type operator uint8

const (
	opAnd operator = iota
	opOr
	opNot
	opEqual
	opNotEqual
	opLess
	opGreaterEqual
	opGreater
	opLessEqual
	opIn
	opNotIn
	opBetween
	opNotBetween
	opLike
	opNotLike
	opIsNull
	opIsNotNull
)

var comparisons = map[string]operator{
	"=": opEqual, "<>": opNotEqual, "!=": opNotEqual, "<": opLess, "<=": opLessEqual, ">": opGreater, ">=": opGreaterEqual,
}

// negated returns the operator of the opposite test.
func (o operator) negated() operator {
	if o >= opEqual {
		return (o - opEqual) ^ 1 + opEqual // tests stand in pairs
	}
	return o
}

// node is a condition: a connective with children, or a test of a key against literals. The fields in the second group are
// filled by bind.
type node struct {
	op          operator
	left, right *node // right is nil for opNot
	key         string
	literals    []string

	index   int // of the key
	kind    kind
	values  []value
	pattern pattern // of opLike and opNotLike
}

// parser is a recursive descent over the tokens. Its methods report failure by panicking with *Error, which parse recovers.
type parser struct {
	text   string
	tokens []token
	at     int
}

func parse(text string) (root *node, err error) {
	p := &parser{text: text}
	defer func() {
		if failure := recover(); failure != nil {
			refusal, ok := failure.(*Error)
			if !ok {
				panic(failure)
			}
			root, err = nil, refusal
		}
	}()
	var ok bool
	if p.tokens, ok = lex(text); !ok {
		p.unsupported()
	}
	root = p.or()
	if p.peek().kind != endToken {
		p.unsupported()
	}
	return root, nil
}

func (p *parser) unsupported() {
	// Glue's parser takes an unquoted 2024-05-01 for a subtraction, which it knows but refuses.
	if p.peek().kind == arithmeticToken {
		panic(errInvalid())
	}
	panic(&Error{fmt.Sprintf("Unsupported expression '%s'", p.text)})
}

func errInvalid() *Error { return &Error{"Invalid partition expression!"} }

func (p *parser) peek() token {
	if p.at >= len(p.tokens) {
		return token{}
	}
	return p.tokens[p.at]
}

func (p *parser) or() *node {
	left := p.and()
	for p.connective("OR") {
		left = &node{op: opOr, left: left, right: p.and()}
	}
	return left
}

func (p *parser) and() *node {
	left := p.term()
	for p.connective("AND") {
		left = &node{op: opAnd, left: left, right: p.term()}
	}
	return left
}

// connective takes the word, which may stand in parentheses. After a complete condition an open parenthesis can be nothing else.
func (p *parser) connective(word string) bool {
	at, depth := p.at, 0
	for p.symbol("(") {
		depth++
	}
	if !p.word(word) {
		p.at = at
		return false
	}
	for range depth {
		p.need(p.symbol(")"))
	}
	return true
}

func (p *parser) term() *node {
	if p.word("NOT") {
		return &node{op: opNot, left: p.term()}
	}
	if p.peek() == (token{symbolToken, "("}) && !p.keyInParentheses() {
		p.at++
		inner := p.or()
		p.need(p.symbol(")"))
		return inner
	}
	return p.test()
}

// keyInParentheses tells "((k)) = 1", where the parentheses belong to the key, from "((k) = 1)", where the first is a group's.
func (p *parser) keyInParentheses() bool {
	at := p.at
	opened := 0
	for p.tokens[at] == (token{symbolToken, "("}) {
		opened++
		at++
	}
	if kind := p.tokens[at].kind; kind != wordToken && kind != quotedToken {
		return false
	}
	closed := 0
	for at++; p.tokens[at] == (token{symbolToken, ")"}); at++ {
		closed++
	}
	return closed >= opened
}

func (p *parser) test() *node {
	n := &node{key: p.key()}
	if op, ok := comparisons[p.peek().text]; ok && p.peek().kind == symbolToken {
		p.at++
		n.op, n.literals = op, []string{p.literal()}
		return n
	}
	if p.word("IS") {
		n.op = opIsNull
		if p.word("NOT") {
			n.op = opIsNotNull
		}
		p.need(p.word("NULL"))
		return n
	}
	not := p.word("NOT")
	switch {
	case p.word("IN"):
		n.op = opIn
		p.need(p.symbol("("))
		n.literals = append(n.literals, p.literal())
		for p.symbol(",") {
			n.literals = append(n.literals, p.literal())
		}
		p.need(p.symbol(")"))
	case p.word("BETWEEN"):
		n.op = opBetween
		low := p.literal()
		p.need(p.connective("AND"))
		n.literals = []string{low, p.literal()}
	case p.word("LIKE"):
		n.op = opLike
		n.literals = []string{p.literal()}
	default:
		p.unsupported()
	}
	if not {
		n.op = n.op.negated()
	}
	return n
}

func (p *parser) key() string {
	if p.symbol("(") {
		name := p.key()
		p.need(p.symbol(")"))
		return name
	}
	t := p.peek()
	if t.kind != quotedToken && (t.kind != wordToken || keyword(t.text)) {
		p.unsupported()
	}
	p.at++
	return t.text
}

// literal returns a literal's text: a number as it is written, with its sign.
func (p *parser) literal() string {
	if p.symbol("(") {
		text := p.literal()
		p.need(p.symbol(")"))
		return text
	}
	sign := ""
	if t := p.peek(); t.kind == arithmeticToken && (t.text == "-" || t.text == "+") && p.tokens[p.at+1].kind == numberToken {
		sign = t.text
		p.at++
	}
	t := p.peek()
	switch t.kind {
	case textToken, numberToken:
		p.at++
		return sign + t.text
	case wordToken, quotedToken:
		// A comparison of two keys, or with a function: Glue's parser knows it, its evaluation does not.
		if !keyword(t.text) {
			panic(errInvalid())
		}
	}
	p.unsupported()
	return ""
}

func (p *parser) symbol(s string) bool {
	if p.peek() != (token{symbolToken, s}) {
		return false
	}
	p.at++
	return true
}

func (p *parser) word(w string) bool {
	if t := p.peek(); t.kind != wordToken || !strings.EqualFold(t.text, w) {
		return false
	}
	p.at++
	return true
}

func (p *parser) need(ok bool) {
	if !ok {
		p.unsupported()
	}
}

func keyword(s string) bool {
	switch strings.ToUpper(s) {
	case "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS", "NULL":
		return true
	}
	return false
}
