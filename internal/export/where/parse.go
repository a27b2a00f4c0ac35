package where

import (
	"strings"
	"unicode/utf8"
)

var (
	binaryOps = map[string]op{}
	functions = map[string]op{}
	sources   = map[string]op{"properties": opProperty, "user": opUser, "event": opEvent}
)

func init() {
	for o := opOr; o <= opRemainder; o++ {
		if o.binary() {
			binaryOps[spelling[o]] = o
		}
	}
	for o := opFloor; o <= opDatetime; o++ {
		functions[spelling[o]] = o
	}
}

// parser is a recursive-descent parser with one token of look-ahead.
type parser struct {
	lexer lexer
	tok   token
	depth int
}

func parse(text string) (*node, error) {
	if len(text) > MaxText {
		return nil, fail(MaxText, "the expression is longer than %d bytes", MaxText)
	}
	if !utf8.ValidString(text) {
		return nil, fail(0, "the expression is not UTF-8")
	}
	p := &parser{lexer: lexer{src: text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.expression(levelOr)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokenEnd {
		return nil, fail(p.tok.pos, "unexpected %v after the expression", p.tok)
	}
	return n, nil
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lexer.next()
	return err
}

func (p *parser) is(sign string) bool { return p.tok.kind == tokenSign && p.tok.text == sign }

func (p *parser) expect(sign string) error {
	if !p.is(sign) {
		return fail(p.tok.pos, "expected %q instead of %v", sign, p.tok)
	}
	return p.advance()
}

// expression reads operations that bind at least as tightly as the level.
func (p *parser) expression(level int) (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fail(p.tok.pos, "the expression is nested deeper than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	for err == nil {
		o, ok := binaryOps[p.tok.text]
		if !ok || p.tok.kind != tokenWord && p.tok.kind != tokenSign || o.level() < level {
			return left, nil
		}
		n := &node{op: o, pos: p.tok.pos, left: left}
		if err = p.advance(); err == nil {
			n.right, err = p.expression(o.level() + 1)
			left = n
		}
	}
	return nil, err
}

// operand reads a literal, a property, a function, a unary operation or an expression in parentheses.
func (p *parser) operand() (*node, error) {
	t := p.tok
	switch t.kind {
	case tokenEnd:
		return nil, fail(t.pos, "expected a value instead of %v", t)
	case tokenText:
		return &node{op: opLiteral, pos: t.pos, value: textValue([]byte(t.text))}, p.advance()
	case tokenNumber:
		n, _ := parseNumber([]byte(t.text)) // checked by the lexer
		return &node{op: opLiteral, pos: t.pos, value: numberValue(n)}, p.advance()
	case tokenWord:
		return p.word()
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch t.text {
	case "(":
		n, err := p.expression(levelOr)
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	case "[":
		return p.list(t.pos)
	case "-":
		n, err := p.expression(levelPrimary)
		if err != nil {
			return nil, err
		}
		if n.op == opLiteral && n.value.kind == kindNumber {
			return &node{op: opLiteral, pos: t.pos, value: numberValue(n.value.number.negate())}, nil
		}
		return &node{op: opNegate, pos: t.pos, left: n}, nil
	}
	return nil, fail(t.pos, "expected a value instead of %v", t)
}

func (p *parser) word() (*node, error) {
	t := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch t.text {
	case "true", "false":
		return &node{op: opLiteral, pos: t.pos, value: booleanValue(t.text == "true")}, nil
	case "not":
		n, err := p.expression(levelNot)
		return &node{op: opNot, pos: t.pos, left: n}, err
	}
	if o, ok := sources[t.text]; ok {
		return p.property(o, t.pos)
	}
	o, ok := functions[t.text]
	if !ok {
		return nil, unknown(t)
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	n, err := p.expression(levelOr)
	if err != nil {
		return nil, err
	}
	if o == opDatetime && n.op == opLiteral {
		if _, ok := n.value.moment(); !ok {
			return nil, fail(n.pos, "datetime takes a date such as \"2006-01-02\", a date and time such as \"2006-01-02T15:04:05\", or seconds since 1970")
		}
	}
	return &node{op: o, pos: t.pos, left: n}, p.expect(")")
}

func unknown(t token) error {
	if lower := strings.ToLower(t.text); lower != t.text {
		_, function := functions[lower]
		_, source := sources[lower]
		_, operator := binaryOps[lower]
		if function || source || operator || lower == "not" || lower == "true" || lower == "false" {
			return fail(t.pos, "unknown word %v (write %s)", t, lower)
		}
	}
	return fail(t.pos, "unknown word %v (texts stand in quotes, properties are written properties[\"name\"])", t)
}

func (p *parser) property(o op, pos int) (*node, error) {
	if err := p.expect("["); err != nil {
		return nil, err
	}
	if p.tok.kind != tokenText {
		return nil, fail(p.tok.pos, "expected the name of a property in quotes instead of %v", p.tok)
	}
	n := &node{op: o, pos: pos, name: p.tok.text}
	if n.field = fields[n.name]; o == opUser {
		n.field = fieldNone
	} else if o == opEvent && n.name == "$event_name" {
		n.field = fieldName
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	return n, p.expect("]")
}

// list reads literals up to the bracket.
func (p *parser) list(pos int) (*node, error) {
	elements := []value{}
	for !p.is("]") {
		if len(elements) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		at := p.tok.pos
		n, err := p.expression(levelPrimary)
		if err != nil {
			return nil, err
		}
		if n.op != opLiteral || n.value.kind == kindList {
			return nil, fail(at, "a list holds numbers, texts and booleans only")
		}
		elements = append(elements, n.value)
	}
	return &node{op: opLiteral, pos: pos, value: value{kind: kindList, elements: elements}}, p.advance()
}
