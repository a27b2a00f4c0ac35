package rsql

import "strings"

// Depth limits keep hostile input from exhausting the stack: maxDepth bounds
// the recursion of the parser, maxChain the length of an operator chain, whose
// tree is as deep as the chain is long.
const (
	maxDepth = 500
	maxChain = 5000
)

// parser reads statements from tokens by recursive descent. A syntax error
// ends the parse: methods panic with *Error, and Parse recovers it.
type parser struct {
	src     string
	tokens  []token
	closers []int // see matchParentheses
	next    int
	depth   int
}

// Parse splits a script at its semicolons and parses every statement. Empty
// statements are dropped. Errors are of type *Error.
func Parse(sql string) ([]Statement, error) { return parse(sql, false) }

// ParseStandard is Parse for a session that set standard_conforming_strings: a
// backslash in a plain string stands for itself.
func ParseStandard(sql string) ([]Statement, error) { return parse(sql, true) }

func parse(sql string, standard bool) (statements []Statement, err error) {
	tokens, err := lex(sql, standard)
	if err != nil {
		return nil, err
	}
	p := &parser{src: sql, tokens: tokens, closers: matchParentheses(tokens)}
	defer p.recoverError(&err)
	for {
		for p.acceptOp(";") {
		}
		if p.peek().kind == tokEOF {
			return statements, nil
		}
		statements = append(statements, p.parseScriptStatement())
		if p.peek().kind != tokEOF && !p.peek().op(";") {
			p.unexpected()
		}
	}
}

// recoverError turns the panic of fail into an error.
func (p *parser) recoverError(err *error) {
	switch e := recover().(type) {
	case nil:
	case *Error:
		*err = e
	default:
		panic(e)
	}
}

func (p *parser) parseScriptStatement() Statement {
	first := p.peek()
	s := p.parseStatement()
	last := p.tokens[p.next-1]
	s.(interface{ setSource(Pos, string) }).setSource(first.pos, p.src[first.start:last.end])
	return s
}

// statementParsers dispatches on the first word of a statement.
var statementParsers map[string]func(*parser) Statement

func init() {
	query := func(p *parser) Statement { return p.parseQuery() }
	statementParsers = map[string]func(*parser) Statement{
		"select":     query,
		"with":       query,
		"values":     query,
		"alter":      (*parser).parseAlter,
		"begin":      (*parser).parseBegin,
		"cancel":     (*parser).parseCancel,
		"close":      (*parser).parseClose,
		"commit":     (*parser).parseCommit,
		"create":     (*parser).parseCreate,
		"deallocate": (*parser).parseDeallocate,
		"declare":    (*parser).parseDeclare,
		"delete":     (*parser).parseDelete,
		"discard":    (*parser).parseDiscard,
		"drop":       (*parser).parseDrop,
		"end":        (*parser).parseCommit,
		"execute":    (*parser).parseExecute,
		"explain":    (*parser).parseExplain,
		"fetch":      (*parser).parseFetch,
		"grant":      (*parser).parseGrant,
		"insert":     (*parser).parseInsert,
		"abort":      (*parser).parseRollback,
		"prepare":    (*parser).parsePrepare,
		"reset":      (*parser).parseReset,
		"revoke":     (*parser).parseRevoke,
		"rollback":   (*parser).parseRollback,
		"set":        (*parser).parseSet,
		"show":       (*parser).parseShow,
		"start":      (*parser).parseBegin,
		"truncate":   (*parser).parseTruncate,
		"update":     (*parser).parseUpdate,
		"use":        (*parser).parseUse,
	}
}

// unsupportedStatements are the first words of Redshift statements that this
// front end doesn't know yet.
var unsupportedStatements = wordSet(`analyze analyse attach call comment copy detach lock
	merge refresh unload vacuum`)

func (p *parser) parseStatement() Statement {
	p.enter()
	defer p.leave()
	tok := p.peek()
	if tok.op("(") {
		return p.parseQuery()
	}
	if tok.kind == tokIdent && !tok.quoted {
		if parse, ok := statementParsers[tok.text]; ok {
			return parse(p)
		}
		if unsupportedStatements[tok.text] {
			p.fail(tok.pos, StateFeatureNotSupported, "%s is not supported", strings.ToUpper(tok.text))
		}
	}
	p.unexpected()
	return nil
}

func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.tooComplex()
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) tooComplex() {
	e := errorAt(int(p.peek().pos), StateStatementTooComplex, "stack depth limit exceeded")
	e.Hint = "Simplify the statement: it nests expressions or subqueries too deeply."
	panic(e)
}

func (p *parser) fail(pos Pos, state, format string, args ...any) {
	panic(errorAt(int(pos), state, format, args...))
}

// unexpected reports the next token as a syntax error.
func (p *parser) unexpected() {
	tok := p.peek()
	if tok.kind == tokEOF {
		p.fail(tok.pos, StateSyntax, "syntax error at end of input")
	}
	panic(syntaxNear(tok.pos, p.src[tok.start:tok.end]))
}

func (p *parser) peek() token { return p.tokens[p.next] }

// peekAt looks n tokens ahead; past the end it gives tokEOF.
func (p *parser) peekAt(n int) token {
	return p.tokens[min(p.next+n, len(p.tokens)-1)]
}

func (p *parser) advance() token {
	tok := p.tokens[p.next]
	if tok.kind != tokEOF {
		p.next++
	}
	return tok
}

func (p *parser) acceptOp(op string) bool {
	if p.peek().op(op) {
		p.next++
		return true
	}
	return false
}

func (p *parser) expectOp(op string) Pos {
	pos := p.peek().pos
	if !p.acceptOp(op) {
		p.unexpected()
	}
	return pos
}

// at reports whether the next tokens are the given keywords.
func (p *parser) at(words ...string) bool {
	for i, word := range words {
		if !p.peekAt(i).keyword(word) {
			return false
		}
	}
	return true
}

// accept consumes the given keywords if they come next, all of them.
func (p *parser) accept(words ...string) bool {
	if !p.at(words...) {
		return false
	}
	p.next += len(words)
	return true
}

// acceptAny consumes one of the given keywords and gives it, or "".
func (p *parser) acceptAny(words ...string) string {
	for _, word := range words {
		if p.accept(word) {
			return word
		}
	}
	return ""
}

func (p *parser) expect(words ...string) {
	for _, word := range words {
		if !p.accept(word) {
			p.unexpected()
		}
	}
}

// atName reports whether the next token can be an identifier.
func (p *parser) atName() bool {
	tok := p.peek()
	return tok.kind == tokIdent && (tok.quoted || !reserved[tok.text])
}

func (p *parser) parseName() Name {
	if !p.atName() {
		p.unexpected()
	}
	tok := p.advance()
	return Name{Text: tok.text, Quoted: tok.quoted}
}

// parseRelationName reads the first part of a relation's name, which is #name
// for a temporary table.
func (p *parser) parseRelationName() Name {
	if p.peek().op("#") && p.peekAt(1).kind == tokIdent && !p.peekAt(1).quoted {
		p.next++
		return Name{Text: "#" + p.advance().text}
	}
	return p.parseName()
}

// parseLabel reads an identifier where any word will do: after AS or a dot.
func (p *parser) parseLabel() Name {
	if p.peek().kind != tokIdent {
		p.unexpected()
	}
	tok := p.advance()
	return Name{Text: tok.text, Quoted: tok.quoted}
}

func (p *parser) parseNames() []Name {
	return list(p, p.parseName)
}

// parseNameList reads names in parentheses.
func (p *parser) parseNameList() []Name {
	p.expectOp("(")
	names := p.parseNames()
	p.expectOp(")")
	return names
}

// parseObjectName reads a name of up to three parts.
func (p *parser) parseObjectName() ObjectName {
	name := ObjectName{Pos: p.peek().pos, Parts: []Name{p.parseRelationName()}}
	for p.acceptOp(".") {
		name.Parts = append(name.Parts, p.parseLabel())
	}
	if len(name.Parts) > 3 {
		p.fail(name.Pos, StateSyntax, "improper qualified name (too many dotted names)")
	}
	return name
}

func (p *parser) parseString() string {
	if p.peek().kind != tokString {
		p.unexpected()
	}
	return p.advance().text
}

// list reads one or more items separated by commas.
func list[T any](p *parser, item func() T) []T {
	items := []T{item()}
	for p.acceptOp(",") {
		items = append(items, item())
	}
	return items
}
