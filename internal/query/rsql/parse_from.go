package rsql

// parseTableExpr reads one entry of FROM with the joins that follow it.
func (p *parser) parseTableExpr() TableExpr {
	p.enter()
	defer p.leave()
	left := p.parseTablePrimary()
	for n := 0; ; n++ {
		if n > maxChain {
			p.tooComplex()
		}
		pos := p.peek().pos
		natural := p.accept("natural")
		kind, ok := p.parseJoinKind()
		if !ok {
			if natural {
				p.unexpected()
			}
			return left
		}
		join := &Join{Pos: pos, Kind: kind, Natural: natural, L: left, R: p.parseTablePrimary()}
		if !natural && kind != "cross" {
			switch {
			case p.accept("on"):
				join.On = p.parseExpr()
			case p.accept("using"):
				join.Using = p.parseNameList()
			case p.atJoin():
				// a JOIN b JOIN c ON .. ON ..: the inner join binds first.
				join.R = p.parseJoinTail(join.R)
				if p.accept("using") {
					join.Using = p.parseNameList()
				} else {
					p.expect("on")
					join.On = p.parseExpr()
				}
			default:
				p.unexpected()
			}
		}
		left = join
	}
}

func (p *parser) atJoin() bool {
	for _, word := range []string{"join", "inner", "left", "right", "full", "cross", "natural"} {
		if p.at(word) {
			return true
		}
	}
	return false
}

// parseJoinTail reads the one join that follows left inside another join.
func (p *parser) parseJoinTail(left TableExpr) TableExpr {
	p.enter()
	defer p.leave()
	pos := p.peek().pos
	natural := p.accept("natural")
	kind, ok := p.parseJoinKind()
	if !ok {
		p.unexpected()
	}
	join := &Join{Pos: pos, Kind: kind, Natural: natural, L: left, R: p.parseTablePrimary()}
	if natural || kind == "cross" {
		return join
	}
	if p.atJoin() {
		join.R = p.parseJoinTail(join.R)
	}
	if p.accept("using") {
		join.Using = p.parseNameList()
	} else {
		p.expect("on")
		join.On = p.parseExpr()
	}
	return join
}

func (p *parser) parseJoinKind() (string, bool) {
	kind := "inner"
	switch word := p.acceptAny("inner", "cross", "left", "right", "full"); word {
	case "":
		if !p.at("join") {
			return "", false
		}
	case "left", "right", "full":
		p.accept("outer")
		kind = word
	default:
		kind = word
	}
	p.expect("join")
	return kind, true
}

func (p *parser) parseTablePrimary() TableExpr {
	p.enter()
	defer p.leave()
	pos := p.peek().pos
	switch {
	case p.peek().op("("):
		if p.atSubquery() {
			p.next++
			q := p.parseQuery()
			p.expectOp(")")
			return &SubqueryRef{Pos: pos, Query: q, Alias: p.parseTableAlias()}
		}
		p.next++
		inner := p.parseTableExpr()
		p.expectOp(")")
		if _, joined := inner.(*Join); !joined && p.atName() && !unlabelled[p.peek().text] {
			p.unexpected()
		}
		return inner
	case p.at("unpivot"):
		return p.parseUnpivot()
	case p.accept("lateral"):
		p.fail(pos, StateFeatureNotSupported, "LATERAL is not supported")
	case p.accept("only"):
		p.fail(pos, StateFeatureNotSupported, "ONLY is not supported")
	}
	if p.atFunctionTable() {
		f, ok := p.parsePrimary().(*Func)
		if !ok {
			p.unexpected()
		}
		ref := &FuncRef{Pos: pos, Func: f}
		ref.Alias = p.parseFunctionAlias()
		p.rejectPivot()
		return ref
	}
	names := []Name{p.parseRelationName()}
	for p.acceptOp(".") {
		names = append(names, p.parseLabel())
	}
	if p.peek().op("[") {
		ref := &PathRef{Pos: pos, X: p.parsePostfix(&ColumnRef{Pos: pos, Names: names})}
		ref.Alias, ref.At = p.parseNestedAlias()
		return ref
	}
	ref := &TableRef{Pos: pos, Names: names}
	ref.Alias, ref.At = p.parseNestedAlias()
	p.rejectPivot()
	return ref
}

func (p *parser) rejectPivot() {
	if p.at("pivot") || p.at("unpivot") {
		p.fail(p.peek().pos, StateFeatureNotSupported, "PIVOT and UNPIVOT of a relation are not supported")
	}
}

// atFunctionTable reports whether a possibly qualified function call follows.
func (p *parser) atFunctionTable() bool {
	n := 0
	for p.peekAt(n).kind == tokIdent && p.peekAt(n+1).op(".") {
		n += 2
	}
	return p.peekAt(n).kind == tokIdent && p.peekAt(n+1).op("(")
}

// atSubquery reports whether the parentheses that open here hold a query
// rather than an expression or a join.
func (p *parser) atSubquery() bool {
	n := 0
	for n <= maxDepth && p.peekAt(n).op("(") {
		n++
	}
	tok := p.peekAt(n)
	if !tok.keyword("select") && !tok.keyword("with") && !tok.keyword("values") {
		return false
	}
	// ((select ..) join ..) and ((select ..) + 1) open with a parenthesis
	// that belongs to the join or expression: a query begins the outermost
	// one only if what follows the inner ones continues a query.
	for ; n > 1; n-- {
		end := p.closing(n - 1)
		tok := p.peekAt(end + 1)
		if !tok.op(")") && !tok.keyword("union") && !tok.keyword("except") && !tok.keyword("minus") &&
			!tok.keyword("intersect") && !tok.keyword("order") && !tok.keyword("limit") && !tok.keyword("offset") && !tok.keyword("fetch") {
			return false
		}
	}
	return true
}

// closing gives how far ahead the parenthesis stands that closes the one n
// tokens ahead.
func (p *parser) closing(n int) int { return p.closers[p.next+n] - p.next }

// matchParentheses gives for every opening parenthesis the index of the token
// that closes it, or of the last token when none does.
func matchParentheses(tokens []token) []int {
	closers := make([]int, len(tokens))
	var open []int
	for i, tok := range tokens {
		switch {
		case tok.op("("):
			closers[i] = len(tokens) - 1
			open = append(open, i)
		case tok.op(")") && len(open) > 0:
			closers[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	return closers
}

func (p *parser) parseTableAlias() *Alias {
	explicit := p.accept("as")
	if !explicit && (!p.atName() || !p.peek().quoted && unlabelled[p.peek().text]) {
		return nil
	}
	alias := &Alias{Name: p.parseName()}
	if p.peek().op("(") {
		alias.Columns = p.parseNameList()
	}
	return alias
}

// parseNestedAlias reads an alias and the AT variable of an iteration.
func (p *parser) parseNestedAlias() (*Alias, *Name) {
	alias := p.parseTableAlias()
	if alias == nil || !p.accept("at") {
		return alias, nil
	}
	at := p.parseName()
	return alias, &at
}

// parseFunctionAlias reads an alias that may carry a column definition list.
func (p *parser) parseFunctionAlias() *Alias {
	explicit := p.accept("as")
	alias := &Alias{}
	if explicit && p.peek().op("(") {
		p.parseColumnDefinitions(alias)
		return alias
	}
	if !explicit && (!p.atName() || unlabelled[p.peek().text]) {
		return nil
	}
	alias.Name = p.parseName()
	if p.peek().op("(") {
		if after := p.peekAt(2); after.op(",") || after.op(")") {
			alias.Columns = p.parseNameList()
		} else {
			p.parseColumnDefinitions(alias)
		}
	}
	return alias
}

func (p *parser) parseColumnDefinitions(alias *Alias) {
	p.expectOp("(")
	list(p, func() Name {
		name := p.parseName()
		alias.Columns = append(alias.Columns, name)
		alias.Types = append(alias.Types, p.parseType())
		return name
	})
	p.expectOp(")")
}

func (p *parser) parseUnpivot() TableExpr {
	ref := &UnpivotRef{Pos: p.peek().pos}
	p.expect("unpivot")
	ref.X = p.parseOperand()
	if p.accept("as") {
		name := p.parseName()
		ref.Value = &name
	}
	if p.accept("at") {
		name := p.parseName()
		ref.At = &name
	}
	return ref
}
