package rsql

import "strings"

// bareFunctions are called without parentheses.
var bareFunctions = wordSet(`sysdate current_date current_time current_timestamp current_user
	current_user_id session_user user localtime localtimestamp`)

// parseKeywordPrimary reads the operands that begin with a key word, or gives
// nil when tok is an ordinary name.
func (p *parser) parseKeywordPrimary(tok token) Expr {
	pos := tok.pos
	calls := p.peekAt(1).op("(")
	switch tok.text {
	case "null":
		p.next++
		return &Literal{Pos: pos, Kind: LiteralNull}
	case "true", "false":
		p.next++
		return &Literal{Pos: pos, Kind: LiteralBool, Text: tok.text}
	case "case":
		return p.parseCase()
	case "exists":
		if calls {
			p.next++
			return &Exists{Pos: pos, Query: p.parseSubquery()}
		}
	case "cast", "try_cast":
		if calls {
			return p.parseCast()
		}
	case "interval":
		return p.parseInterval()
	case "timestamp", "time":
		if x := p.parseTimeLiteral(); x != nil {
			return x
		}
	case "approximate":
		if p.peekAt(1).kind == tokIdent && p.peekAt(2).op("(") {
			p.next++
			f, ok := p.parseNameOrCall().(*Func)
			if !ok {
				p.unexpected()
			}
			f.Pos, f.Approximate = pos, true
			return f
		}
	case "array":
		if calls && (p.peekAt(2).keyword("select") || p.peekAt(2).keyword("with")) {
			p.next++
			return &ArrayQuery{Pos: pos, Query: p.parseSubquery()}
		}
	}
	if calls {
		if parse, ok := specialCalls[tok.text]; ok {
			p.next += 2
			x := parse(p, pos)
			p.expectOp(")")
			return x
		}
	}
	if bareFunctions[tok.text] && !(calls && p.peekAt(2).op(")") && tok.text == "user") {
		p.next++
		if p.peek().op("(") && p.peekAt(1).op(")") {
			p.next += 2
		}
		return &Func{Pos: pos, Name: tok.text, Bare: true}
	}
	return nil
}

// specialCalls are the functions whose arguments have a syntax of their own.
var specialCalls map[string]func(*parser, Pos) Expr

func init() {
	specialCalls = map[string]func(*parser, Pos) Expr{
		"convert":   (*parser).parseConvert,
		"extract":   (*parser).parseExtract,
		"overlay":   (*parser).parseOverlay,
		"position":  (*parser).parsePosition,
		"substring": (*parser).parseSubstring,
		"trim":      (*parser).parseTrim,
	}
}

// parseCall reads the arguments and what follows a function call.
func (p *parser) parseCall(f *Func) Expr {
	p.enter()
	defer p.leave()
	p.expectOp("(")
	switch {
	case p.peek().op("*") && p.peekAt(1).op(")"):
		f.Args = []Expr{&Star{Pos: p.advance().pos}}
	case !p.peek().op(")"):
		if !p.accept("all") {
			f.Distinct = p.accept("distinct")
		}
		f.Args = list(p, p.parseExpr)
		p.parseNullTreatment(f)
	}
	p.expectOp(")")
	if p.accept("within", "group") {
		p.expectOp("(")
		p.expect("order", "by")
		f.WithinGroup = p.parseOrderItems()
		p.expectOp(")")
	}
	p.parseNullTreatment(f)
	if pos := p.peek().pos; p.accept("over") {
		f.Over = p.parseWindow(pos)
	}
	return f
}

func (p *parser) parseNullTreatment(f *Func) {
	if f.Nulls == "" && (p.at("ignore", "nulls") || p.at("respect", "nulls")) {
		f.Nulls = p.advance().text
		p.next++
	}
}

func (p *parser) parseWindow(pos Pos) *Window {
	w := &Window{Pos: pos}
	p.expectOp("(")
	if p.accept("partition", "by") {
		w.PartitionBy = list(p, p.parseExpr)
	}
	if p.accept("order", "by") {
		w.OrderBy = p.parseOrderItems()
	}
	if unit := p.acceptAny("rows", "range"); unit != "" {
		w.Frame = p.parseFrame(unit)
	}
	p.expectOp(")")
	return w
}

func (p *parser) parseFrame(unit string) *Frame {
	f := &Frame{Unit: unit}
	if p.accept("between") {
		f.Start = p.parseFrameBound()
		p.expect("and")
		f.End = p.parseFrameBound()
		return f
	}
	f.Start = p.parseFrameBound()
	f.End = FrameBound{Kind: "current row"}
	return f
}

func (p *parser) parseFrameBound() FrameBound {
	switch {
	case p.accept("unbounded", "preceding"):
		return FrameBound{Kind: "unbounded preceding"}
	case p.accept("unbounded", "following"):
		return FrameBound{Kind: "unbounded following"}
	case p.accept("current", "row"):
		return FrameBound{Kind: "current row"}
	}
	bound := FrameBound{Offset: p.parseOperand()}
	if bound.Kind = p.acceptAny("preceding", "following"); bound.Kind == "" {
		p.unexpected()
	}
	return bound
}

func (p *parser) parseCase() Expr {
	p.enter()
	defer p.leave()
	c := &Case{Pos: p.peek().pos}
	p.expect("case")
	if !p.at("when") {
		c.Operand = p.parseExpr()
	}
	for p.accept("when") {
		when := When{Cond: p.parseExpr()}
		p.expect("then")
		when.Then = p.parseExpr()
		c.Whens = append(c.Whens, when)
	}
	if len(c.Whens) == 0 {
		p.unexpected()
	}
	if p.accept("else") {
		c.Else = p.parseExpr()
	}
	p.expect("end")
	return c
}

func (p *parser) parseCast() Expr {
	tok := p.advance()
	c := &Cast{Pos: tok.pos, Try: tok.text == "try_cast"}
	p.expectOp("(")
	c.X = p.parseExpr()
	p.expect("as")
	c.Type = p.parseType()
	p.expectOp(")")
	return c
}

// parseConvert reads CONVERT(type, x).
func (p *parser) parseConvert(pos Pos) Expr {
	c := &Cast{Pos: pos, Type: p.parseType()}
	p.expectOp(",")
	c.X = p.parseExpr()
	return c
}

// intervalUnits are the fields of an interval literal.
var intervalUnits = wordSet("year years month months day days hour hours minute minutes second seconds week weeks quarter quarters")

func (p *parser) parseInterval() Expr {
	x := &Interval{Pos: p.peek().pos}
	p.expect("interval")
	x.Text = p.parseString()
	if p.peek().kind == tokIdent && !p.peek().quoted && intervalUnits[p.peek().text] {
		x.Unit = strings.TrimSuffix(p.advance().text, "s")
		if p.at("to") {
			p.next++
			if !intervalUnits[p.peek().text] {
				p.unexpected()
			}
			x.Unit += " to " + strings.TrimSuffix(p.advance().text, "s")
		}
	}
	return x
}

// parseTimeLiteral reads TIMESTAMP [WITH[OUT] TIME ZONE] 'text' and the same
// for TIME, or gives nil when another use of the word follows.
func (p *parser) parseTimeLiteral() Expr {
	mark := p.next
	pos := p.peek().pos
	if p.peekAt(1).kind == tokString || p.peekAt(1).keyword("with") || p.peekAt(1).keyword("without") {
		t := p.parseType()
		if p.peek().kind == tokString {
			return &TypedLiteral{Pos: pos, Type: t, Text: p.parseString()}
		}
	}
	p.next = mark
	return nil
}

// parseExtract reads EXTRACT(part FROM x), part being a word or a string.
func (p *parser) parseExtract(pos Pos) Expr {
	x := &Extract{Pos: pos}
	switch tok := p.peek(); tok.kind {
	case tokIdent, tokString:
		x.Part = strings.ToLower(p.advance().text)
	default:
		p.unexpected()
	}
	p.expect("from")
	x.X = p.parseExpr()
	return x
}

// parseSubstring reads SUBSTRING(x FROM a [FOR b]) and the plain call.
func (p *parser) parseSubstring(pos Pos) Expr {
	f := &Func{Pos: pos, Name: "substring", Args: []Expr{p.parseExpr()}}
	if p.acceptOp(",") {
		f.Args = append(f.Args, list(p, p.parseExpr)...)
		return f
	}
	if p.accept("from") {
		f.Args = append(f.Args, p.parseExpr())
	}
	if p.accept("for") {
		if len(f.Args) == 1 {
			f.Args = append(f.Args, &Literal{Pos: pos, Kind: LiteralNumber, Text: "1"})
		}
		f.Args = append(f.Args, p.parseExpr())
	}
	return f
}

// parseTrim reads TRIM([BOTH|LEADING|TRAILING] [chars FROM] x) as the function
// it stands for: btrim, ltrim or rtrim.
func (p *parser) parseTrim(pos Pos) Expr {
	f := &Func{Pos: pos, Name: "btrim"}
	switch p.acceptAny("both", "leading", "trailing") {
	case "leading":
		f.Name = "ltrim"
	case "trailing":
		f.Name = "rtrim"
	}
	if p.accept("from") {
		f.Args = list(p, p.parseExpr)
		return f
	}
	f.Args = list(p, p.parseExpr)
	if p.accept("from") {
		if len(f.Args) != 1 {
			p.next--
			p.unexpected()
		}
		f.Args = []Expr{p.parseExpr(), f.Args[0]}
	}
	return f
}

// parsePosition reads POSITION(a IN b) as position(b, a), strpos's order.
func (p *parser) parsePosition(pos Pos) Expr {
	needle := p.parseBinary(precOther)
	p.expect("in")
	return &Func{Pos: pos, Name: "position", Args: []Expr{p.parseBinary(precOther), needle}}
}

// parseOverlay reads OVERLAY(x PLACING y FROM a [FOR b]).
func (p *parser) parseOverlay(pos Pos) Expr {
	f := &Func{Pos: pos, Name: "overlay", Args: []Expr{p.parseExpr()}}
	p.expect("placing")
	f.Args = append(f.Args, p.parseExpr())
	p.expect("from")
	f.Args = append(f.Args, p.parseExpr())
	if p.accept("for") {
		f.Args = append(f.Args, p.parseExpr())
	}
	return f
}
