package rsql

// parseQuery reads [WITH ..] body [ORDER BY ..] [LIMIT ..] [OFFSET ..].
func (p *parser) parseQuery() *Query {
	p.enter()
	defer p.leave()
	q := &Query{}
	q.Pos = p.peek().pos
	start := p.peek().start
	if p.accept("with") {
		q.Recursive = p.accept("recursive")
		q.With = list(p, p.parseCTE)
	}
	q.Body = p.parseUnion()
	if p.accept("order", "by") {
		q.OrderBy = p.parseOrderItems()
	}
	p.parseLimit(q)
	q.Text = p.src[start:p.tokens[max(p.next-1, 0)].end]
	return unwrapQuery(q)
}

// unwrapQuery drops parentheses that stand around a whole query.
func unwrapQuery(q *Query) *Query {
	inner, ok := q.Body.(*Query)
	if ok && q.With == nil && q.OrderBy == nil && q.Limit == nil && q.Offset == nil {
		return inner
	}
	return q
}

func (p *parser) parseCTE() CTE {
	cte := CTE{Pos: p.peek().pos, Name: p.parseName()}
	if p.peek().op("(") {
		cte.Columns = p.parseNameList()
	}
	p.expect("as")
	p.expectOp("(")
	cte.Query = p.parseQuery()
	p.expectOp(")")
	return cte
}

func (p *parser) parseLimit(q *Query) {
	for {
		pos := p.peek().pos
		switch {
		case p.accept("limit"):
			if q.Limit != nil {
				p.fail(pos, StateSyntax, "multiple LIMIT clauses not allowed")
			}
			if !p.accept("all") {
				q.Limit = p.parseExpr()
			}
		case p.accept("offset"):
			if q.Offset != nil {
				p.fail(pos, StateSyntax, "multiple OFFSET clauses not allowed")
			}
			q.Offset = p.parseExpr()
			if !p.accept("rows") {
				p.accept("row")
			}
		case p.at("fetch", "first") || p.at("fetch", "next"):
			p.next += 2
			q.Limit = &Literal{Pos: pos, Kind: LiteralNumber, Text: "1"}
			if p.peek().kind == tokNumber || p.peek().kind == tokParam || p.peek().op("(") {
				q.Limit = p.parseOperand()
			}
			if p.acceptAny("rows", "row") == "" {
				p.unexpected()
			}
			p.expect("only")
		default:
			return
		}
	}
}

// parseUnion reads UNION, EXCEPT and MINUS, which bind alike, over INTERSECT.
func (p *parser) parseUnion() QueryBody {
	left := p.parseIntersect()
	for n := 0; ; n++ {
		pos := p.peek().pos
		op := p.acceptAny("union", "except", "minus")
		if op == "" {
			return left
		}
		if n > maxChain {
			p.tooComplex()
		}
		if op == "minus" {
			op = "except"
		}
		all := p.parseSetQuantifier()
		left = &SetOperation{Pos: pos, Op: op, All: all, L: left, R: p.parseIntersect()}
	}
}

func (p *parser) parseIntersect() QueryBody {
	left := p.parseQueryPrimary()
	for n := 0; ; n++ {
		pos := p.peek().pos
		if !p.accept("intersect") {
			return left
		}
		if n > maxChain {
			p.tooComplex()
		}
		all := p.parseSetQuantifier()
		left = &SetOperation{Pos: pos, Op: "intersect", All: all, L: left, R: p.parseQueryPrimary()}
	}
}

func (p *parser) parseSetQuantifier() (all bool) {
	if p.accept("all") {
		return true
	}
	p.accept("distinct")
	return false
}

func (p *parser) parseQueryPrimary() QueryBody {
	tok := p.peek()
	switch {
	case tok.keyword("select"):
		return p.parseSelect()
	case tok.keyword("values"):
		return p.parseValues()
	case tok.op("("):
		p.next++
		q := p.parseQuery()
		p.expectOp(")")
		if q.With == nil && q.OrderBy == nil && q.Limit == nil && q.Offset == nil {
			return q.Body
		}
		return q
	}
	p.unexpected()
	return nil
}

func (p *parser) parseValues() *Values {
	v := &Values{Pos: p.peek().pos}
	p.expect("values")
	v.Rows = list(p, func() []Expr {
		p.expectOp("(")
		row := list(p, p.parseExprOrDefault)
		p.expectOp(")")
		return row
	})
	return v
}

func (p *parser) parseExprOrDefault() Expr {
	if pos := p.peek().pos; p.accept("default") {
		return &DefaultValue{Pos: pos}
	}
	return p.parseExpr()
}

func (p *parser) parseSelect() *Select {
	p.enter()
	defer p.leave()
	s := &Select{Pos: p.peek().pos}
	p.expect("select")
	if !p.accept("all") {
		s.Distinct = p.accept("distinct")
	}
	if p.at("top") {
		p.next++
		s.Top = p.parseOperand()
	}
	if p.at("distinct") && s.Top != nil && !s.Distinct {
		p.next++
		s.Distinct = true
	}
	s.Items = list(p, p.parseSelectItem)
	if p.accept("into") {
		s.Into = &IntoTable{Temporary: p.acceptAny("temporary", "temp") != ""}
		p.accept("table")
		s.Into.Name = p.parseObjectName()
	}
	if p.accept("from") {
		s.From = list(p, p.parseTableExpr)
	}
	if p.at("qualify") {
		p.parseQualify(s)
	}
	if p.accept("where") {
		s.Where = p.parseExpr()
	}
	if pos := p.peek().pos; p.accept("group", "by") {
		s.GroupBy = p.parseGroupBy(pos)
	}
	if p.accept("having") {
		s.Having = p.parseExpr()
	}
	if p.at("qualify") && s.Qualify == nil {
		p.parseQualify(s)
	}
	return s
}

// parseQualify reads QUALIFY. Directly after FROM the relation before it must
// have an alias, as the Redshift guide demands: else the word is its alias.
func (p *parser) parseQualify(s *Select) {
	if p.tokens[p.next-1].kind == tokIdent && len(s.From) > 0 && s.Where == nil && s.GroupBy == nil && s.Having == nil {
		if ref, ok := s.From[len(s.From)-1].(*TableRef); ok && ref.Alias == nil {
			p.next++
			p.unexpected()
		}
	}
	p.expect("qualify")
	s.Qualify = p.parseExpr()
}

func (p *parser) parseSelectItem() SelectItem {
	item := SelectItem{Expr: p.parseStarOrExpr()}
	if _, star := item.Expr.(*Star); star {
		return item
	}
	switch {
	case p.accept("as"):
		name := p.parseLabel()
		item.Alias = &name
	case p.atName() && (p.peek().quoted || !unlabelled[p.peek().text]):
		name := p.parseName()
		item.Alias = &name
	}
	return item
}

// parseStarOrExpr reads *, t.*, s.t.* or an expression.
func (p *parser) parseStarOrExpr() Expr {
	n := 0
	for p.peekAt(n).kind == tokIdent && p.peekAt(n+1).op(".") {
		n += 2
	}
	if !p.peekAt(n).op("*") {
		return p.parseExpr()
	}
	star := &Star{Pos: p.peek().pos}
	for ; n > 0; n -= 2 {
		star.Qualifier = append(star.Qualifier, p.parseLabel())
		p.expectOp(".")
	}
	p.expectOp("*")
	if p.accept("exclude") {
		if p.peek().op("(") {
			star.Exclude = p.parseNameList()
		} else {
			star.Exclude = []Name{p.parseName()}
		}
	}
	return star
}

func (p *parser) parseGroupBy(pos Pos) *GroupBy {
	if p.accept("all") {
		return &GroupBy{Pos: pos, All: true}
	}
	return &GroupBy{Pos: pos, Items: list(p, p.parseGroupItem)}
}

func (p *parser) parseGroupItem() GroupItem {
	p.enter()
	defer p.leave()
	switch {
	case (p.at("rollup") || p.at("cube")) && p.peekAt(1).op("("):
		item := GroupItem{Kind: p.advance().text}
		p.expectOp("(")
		item.Nested = list(p, p.parseGroupSet)
		p.expectOp(")")
		return item
	case p.at("grouping", "sets"):
		p.next += 2
		item := GroupItem{Kind: "grouping sets"}
		p.expectOp("(")
		item.Nested = list(p, func() GroupItem {
			if p.at("rollup") || p.at("cube") || p.at("grouping", "sets") {
				return p.parseGroupItem()
			}
			return p.parseGroupSet()
		})
		p.expectOp(")")
		return item
	case p.peek().op("(") && p.peekAt(1).op(")"):
		p.next += 2
		return GroupItem{Kind: "set"}
	}
	return GroupItem{Exprs: []Expr{p.parseExpr()}}
}

// parseGroupSet reads an expression or several in parentheses.
func (p *parser) parseGroupSet() GroupItem {
	if p.peek().op("(") && p.peekAt(1).op(")") {
		p.next += 2
		return GroupItem{Kind: "set"}
	}
	x := p.parseExpr()
	if row, ok := x.(*RowExpr); ok {
		return GroupItem{Kind: "set", Exprs: row.Items}
	}
	return GroupItem{Kind: "set", Exprs: []Expr{x}}
}

func (p *parser) parseOrderItems() []OrderItem {
	return list(p, func() OrderItem {
		item := OrderItem{Expr: p.parseExpr()}
		if !p.accept("asc") {
			item.Desc = p.accept("desc")
		}
		if p.accept("nulls") {
			if item.Nulls = p.acceptAny("first", "last"); item.Nulls == "" {
				p.unexpected()
			}
		}
		return item
	})
}
