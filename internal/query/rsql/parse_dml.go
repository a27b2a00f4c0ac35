package rsql

func (p *parser) parseInsert() Statement {
	p.expect("insert", "into")
	s := &Insert{Table: p.parseObjectName()}
	if p.peek().op("(") && !p.atSubquery() {
		s.Columns = p.parseNameList()
	}
	if p.accept("default", "values") {
		s.DefaultValues = true
		return s
	}
	s.Query = p.parseQuery()
	return s
}

func (p *parser) parseUpdate() Statement {
	p.expect("update")
	s := &Update{Table: p.parseObjectName()}
	s.Alias = p.parseTargetAlias("set")
	p.expect("set")
	s.Set = list(p, func() Assignment {
		a := Assignment{Column: p.parseName()}
		p.expectOp("=")
		a.Value = p.parseExprOrDefault()
		return a
	})
	if p.accept("from") {
		s.From = list(p, p.parseTableExpr)
	}
	if p.accept("where") {
		s.Where = p.parseExpr()
	}
	return s
}

func (p *parser) parseDelete() Statement {
	p.expect("delete")
	p.accept("from")
	s := &Delete{Table: p.parseObjectName()}
	s.Alias = p.parseTargetAlias("")
	if p.accept("using") {
		s.Using = list(p, p.parseTableExpr)
	}
	if p.accept("where") {
		s.Where = p.parseExpr()
	}
	return s
}

// parseTargetAlias reads the alias of the table that a statement changes;
// follow is a word that isn't one.
func (p *parser) parseTargetAlias(follow string) *Name {
	if p.accept("as") || p.atName() && !p.at(follow) {
		name := p.parseName()
		return &name
	}
	return nil
}
