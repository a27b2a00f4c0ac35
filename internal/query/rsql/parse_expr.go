package rsql

import "strings"

// Binding strength of the infix operators, weakest first.
const (
	precOr = iota + 1
	precAnd
	precNot
	precIs
	precCompare
	precMatch // LIKE, BETWEEN, IN
	precOther // ||, &, ~ and every other operator
	precAdd
	precMultiply
	precPower
	precZone
	precUnary
	precPostfix
)

var binaryPrec = map[string]int{
	"=": precCompare, "<": precCompare, ">": precCompare, "<=": precCompare, ">=": precCompare, "<>": precCompare, "!=": precCompare,
	"+": precAdd, "-": precAdd, "*": precMultiply, "/": precMultiply, "%": precMultiply, "^": precPower,
	"||": precOther, "&": precOther, "|": precOther, "#": precOther, "<<": precOther, ">>": precOther,
	"~": precOther, "~*": precOther, "!~": precOther, "!~*": precOther,
	"~~": precMatch, "!~~": precMatch, "~~*": precMatch, "!~~*": precMatch,
}

func (p *parser) parseExpr() Expr { return p.parseBinary(precOr) }

// parseBinary reads operators that bind at least as strongly as least.
func (p *parser) parseBinary(least int) Expr {
	p.enter()
	defer p.leave()
	left := p.parseUnary(least)
	for n := 0; ; n++ {
		if n > maxChain {
			p.tooComplex()
		}
		next := p.parseInfix(left, least)
		if next == nil {
			return left
		}
		left = next
	}
}

// parseUnary reads prefix operators.
func (p *parser) parseUnary(least int) Expr {
	tok := p.peek()
	switch {
	case tok.keyword("not"):
		p.next++
		return &Unary{Pos: tok.pos, Op: "not", X: p.parseBinary(precNot)}
	case tok.op("-"), tok.op("+"):
		p.next++
		return &Unary{Pos: tok.pos, Op: tok.text, X: p.parseBinary(precUnary)}
	case tok.op("~"), tok.op("@"), tok.op("|/"), tok.op("||/"):
		p.next++
		return &Unary{Pos: tok.pos, Op: tok.text, X: p.parseBinary(precAdd)}
	}
	return p.parseOperand()
}

// parseOperand reads an operand without infix operators.
func (p *parser) parseOperand() Expr { return p.parsePostfix(p.parsePrimary()) }

// parseInfix reads one infix operator and its right side, or gives nil when
// none that binds strongly enough follows.
func (p *parser) parseInfix(left Expr, least int) Expr {
	tok := p.peek()
	if tok.kind == tokOp {
		prec := binaryPrec[tok.text]
		if prec == 0 || prec < least {
			return nil
		}
		p.next++
		return p.parseOperator(left, tok.pos, tok.text, prec)
	}
	if tok.kind != tokIdent || tok.quoted {
		return nil
	}
	switch tok.text {
	case "or":
		return p.infix(left, least, precOr)
	case "and":
		return p.infix(left, least, precAnd)
	case "is":
		if least > precIs {
			return nil
		}
		p.next++
		return p.parseIs(left, tok.pos)
	case "isnull", "notnull":
		if least > precIs {
			return nil
		}
		p.next++
		return &Is{Pos: tok.pos, X: left, What: "null", Not: tok.text == "notnull"}
	case "operator":
		if least > precOther || !p.peekAt(1).op("(") {
			return nil
		}
		p.next++
		return p.parseOperator(left, tok.pos, p.parseQualifiedOperator(), precOther)
	case "at":
		if least > precZone || !p.at("at", "time", "zone") {
			return nil
		}
		p.next += 3
		return &AtTimeZone{Pos: tok.pos, X: left, Zone: p.parseBinary(precZone + 1)}
	case "collate":
		if least > precPostfix {
			return nil
		}
		p.next++
		name := p.parseLabel()
		if p.acceptOp(".") {
			name = p.parseLabel() // pg_catalog.default, as psql writes it
		}
		name.Quoted = name.Quoted || reserved[name.Text]
		return &Collate{Pos: tok.pos, X: left, Name: name}
	case "not", "like", "ilike", "similar", "between", "in":
		if least > precMatch {
			return nil
		}
		return p.parseMatch(left)
	}
	return nil
}

func (p *parser) infix(left Expr, least, prec int) Expr {
	if prec < least {
		return nil
	}
	tok := p.advance()
	return &Binary{Pos: tok.pos, Op: tok.text, L: left, R: p.parseBinary(prec + 1)}
}

// parseQualifiedOperator reads (pg_catalog.~) after OPERATOR.
func (p *parser) parseQualifiedOperator() string {
	p.expectOp("(")
	if p.at("pg_catalog") {
		p.next++
		p.expectOp(".")
	}
	tok := p.advance()
	if tok.kind != tokOp || binaryPrec[tok.text] == 0 {
		p.next--
		p.unexpected()
	}
	p.expectOp(")")
	return tok.text
}

// likeOperators maps the operator spelling of LIKE to its keyword.
var likeOperators = map[string]struct {
	op  string
	not bool
}{"~~": {"like", false}, "!~~": {"like", true}, "~~*": {"ilike", false}, "!~~*": {"ilike", true}}

func (p *parser) parseOperator(left Expr, pos Pos, op string, prec int) Expr {
	if op == "!=" {
		op = "<>"
	}
	if word := p.acceptAny("any", "some", "all"); word != "" {
		q := &Quantified{Pos: pos, X: left, Op: op, All: word == "all"}
		if p.atSubquery() {
			q.Query = p.parseSubquery()
			return q
		}
		p.expectOp("(")
		q.Array = p.parseExpr()
		p.expectOp(")")
		return q
	}
	right := p.parseBinary(prec + 1)
	if like, ok := likeOperators[op]; ok {
		return &Like{Pos: pos, Op: like.op, X: left, Pattern: right, Not: like.not}
	}
	return &Binary{Pos: pos, Op: op, L: left, R: right}
}

func (p *parser) parseIs(left Expr, pos Pos) Expr {
	not := p.accept("not")
	if p.accept("distinct", "from") {
		return &IsDistinct{Pos: pos, L: left, R: p.parseBinary(precIs + 1), Not: not}
	}
	what := p.acceptAny("null", "true", "false", "unknown")
	if what == "" {
		p.unexpected()
	}
	return &Is{Pos: pos, X: left, What: what, Not: not}
}

// parseMatch reads [NOT] LIKE, ILIKE, SIMILAR TO, BETWEEN or IN.
func (p *parser) parseMatch(left Expr) Expr {
	pos := p.peek().pos
	not := p.accept("not")
	switch {
	case p.accept("like"):
		return p.parseLike(left, pos, "like", not)
	case p.accept("ilike"):
		return p.parseLike(left, pos, "ilike", not)
	case p.accept("similar", "to"):
		return p.parseLike(left, pos, "similar to", not)
	case p.accept("between"):
		b := &Between{Pos: pos, X: left, Not: not, Symmetric: p.accept("symmetric")}
		b.Lo = p.parseBinary(precOther)
		p.expect("and")
		b.Hi = p.parseBinary(precOther)
		return b
	case p.accept("in"):
		in := &In{Pos: pos, X: left, Not: not}
		if p.atSubquery() {
			in.Query = p.parseSubquery()
			return in
		}
		p.expectOp("(")
		in.List = list(p, p.parseExpr)
		p.expectOp(")")
		return in
	}
	p.unexpected()
	return nil
}

func (p *parser) parseLike(left Expr, pos Pos, op string, not bool) Expr {
	like := &Like{Pos: pos, Op: op, X: left, Not: not, Pattern: p.parseBinary(precOther)}
	if p.accept("escape") {
		like.Escape = p.parseBinary(precOther)
	}
	return like
}

func (p *parser) parseSubquery() *Query {
	p.expectOp("(")
	q := p.parseQuery()
	p.expectOp(")")
	return q
}

// parsePostfix reads ::type, [index] and .field after a primary.
func (p *parser) parsePostfix(x Expr) Expr {
	for n := 0; ; n++ {
		if n > maxChain {
			p.tooComplex()
		}
		pos := p.peek().pos
		switch {
		case p.acceptOp("::"):
			x = &Cast{Pos: pos, X: x, Type: p.parseType()}
		case p.acceptOp("["):
			x = &Index{Pos: pos, X: x, I: p.parseExpr()}
			p.expectOp("]")
		case p.peek().op(".") && p.peekAt(1).kind == tokIdent:
			p.next++
			x = &Field{Pos: pos, X: x, Name: p.parseLabel()}
		default:
			return x
		}
	}
}

// parsePrimary reads an operand without prefix or postfix operators.
func (p *parser) parsePrimary() Expr {
	tok := p.peek()
	switch tok.kind {
	case tokNumber:
		p.next++
		return &Literal{Pos: tok.pos, Kind: LiteralNumber, Text: tok.text}
	case tokString:
		p.next++
		return &Literal{Pos: tok.pos, Kind: LiteralString, Text: tok.text}
	case tokParam:
		p.next++
		n := 0
		for _, c := range tok.text {
			n = n*10 + int(c-'0')
			if n > 65535 {
				break
			}
		}
		if n < 1 || n > 32767 {
			p.fail(tok.pos, StateUndefinedParameter, "there is no parameter $%s", tok.text)
		}
		return &Param{Pos: tok.pos, Number: n}
	case tokOp:
		if tok.text == "(" {
			return p.parseParenthesis()
		}
	case tokIdent:
		if !tok.quoted {
			if x := p.parseKeywordPrimary(tok); x != nil {
				return x
			}
		}
		return p.parseNameOrCall()
	}
	p.unexpected()
	return nil
}

// parseParenthesis reads a subquery, a row or an expression in parentheses.
func (p *parser) parseParenthesis() Expr {
	p.enter()
	defer p.leave()
	pos := p.peek().pos
	if p.atSubquery() {
		return &Subquery{Pos: pos, Query: p.parseSubquery()}
	}
	p.expectOp("(")
	items := list(p, p.parseExpr)
	p.expectOp(")")
	if len(items) > 1 {
		return &RowExpr{Pos: pos, Items: items}
	}
	return items[0]
}

// parseNameOrCall reads a column reference or a function call.
func (p *parser) parseNameOrCall() Expr {
	pos := p.peek().pos
	names := []Name{p.parseCallableName()}
	for p.peek().op(".") && p.peekAt(1).kind == tokIdent {
		p.next++
		names = append(names, p.parseLabel())
	}
	if !p.peek().op("(") {
		if p.peek().kind == tokString && len(names) <= 2 && !names[len(names)-1].Quoted {
			if t, ok := p.literalType(names); ok {
				return &TypedLiteral{Pos: pos, Type: t, Text: p.parseString()}
			}
		}
		return &ColumnRef{Pos: pos, Names: names}
	}
	f := &Func{Pos: pos}
	switch len(names) {
	case 1:
		f.Name = strings.ToLower(names[0].Text)
	case 2:
		f.Schema, f.Name = names[0], strings.ToLower(names[1].Text)
	default:
		p.fail(pos, StateFeatureNotSupported, "cross-database references to functions are not supported")
	}
	return p.parseCall(f)
}

// parseCallableName reads a name; a few reserved words name functions.
func (p *parser) parseCallableName() Name {
	tok := p.peek()
	if tok.kind == tokIdent && !tok.quoted && p.peekAt(1).op("(") && callableWords[tok.text] {
		p.next++
		return Name{Text: tok.text}
	}
	return p.parseName()
}

// callableWords are reserved words that are functions when called.
var callableWords = wordSet("left right array isnull timestamp user")

// literalType gives the type a string literal may follow: DATE '2026-05-01'.
func (p *parser) literalType(names []Name) (Type, bool) {
	if len(names) == 2 && names[0].Text != "pg_catalog" {
		return Type{}, false
	}
	switch names[len(names)-1].Text {
	case "date", "time", "timetz", "timestamptz", "bool", "boolean", "int", "int4", "int8", "bigint", "numeric", "decimal",
		"float8", "varchar", "text", "name", "regclass", "oid", "super", "geometry", "geography", "varbyte":
		return typeNames[names[len(names)-1].Text], true
	}
	return Type{}, false
}
