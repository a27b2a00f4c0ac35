package rsql

import "slices"

// parseShow reads SHOW of a session parameter and of catalog objects.
func (p *parser) parseShow() Statement {
	p.expect("show")
	s := &ShowObjects{}
	switch {
	case p.accept("databases"):
		s.What = "databases"
		if p.accept("from", "data", "catalog") {
			s.On = "data catalog"
		}
	case p.accept("schemas"):
		p.showFrom(s, "schemas", "database")
	case p.accept("tables"):
		p.showFrom(s, "tables", "schema")
	case p.accept("views"):
		p.showFrom(s, "views", "schema")
	case p.accept("procedures"):
		p.showFrom(s, "procedures", "schema")
	case p.accept("functions"):
		p.showFrom(s, "functions", "schema")
	case p.accept("columns"):
		p.showFrom(s, "columns", "table")
	case p.accept("constraints", "primary", "keys"):
		p.showFrom(s, "primary keys", "table")
	case p.accept("constraints", "foreign", "keys", "exported"):
		p.showFrom(s, "exported keys", "table")
	case p.accept("constraints", "foreign", "keys"):
		p.showFrom(s, "foreign keys", "table")
	case p.accept("column", "grants"):
		p.showOn(s, "column grants", "table")
	case p.accept("grants", "for"):
		s.What, s.On = "grants", "for"
		p.acceptAny("user", "role", "group")
		name := p.parseObjectName()
		s.Name = &name
	case p.accept("grants"):
		p.showOn(s, "grants", "database", "schema", "table", "function", "procedure")
	case p.accept("parameters"):
		p.expect("of")
		p.showTarget(s, "parameters", "procedure", "function")
		if p.acceptOp("(") {
			p.skipToClose()
		}
	case p.accept("datashares"):
		s.What = "datashares"
	case p.accept("external", "table"):
		s.What = "external table"
		name := p.parseObjectName()
		s.Name = &name
	case p.at("table") || p.at("view") && p.peekAt(1).kind == tokIdent:
		s.What = p.advance().text
		name := p.parseObjectName()
		s.Name = &name
	default:
		return p.parseShowSetting()
	}
	if p.accept("like") {
		pattern := p.parseString()
		s.Pattern = &pattern
	}
	if p.accept("limit") {
		s.Limit = p.parseOperand()
	}
	return s
}

func (p *parser) parseShowSetting() Statement {
	switch {
	case p.accept("time", "zone"):
		return &Show{Name: "timezone"}
	case p.accept("session", "authorization"):
		return &Show{Name: "session_authorization"}
	case p.accept("transaction", "isolation", "level"):
		return &Show{Name: "transaction_isolation"}
	}
	return &Show{Name: p.parseSettingName()}
}

// showFrom reads [FROM [DATABASE|SCHEMA|TABLE] name].
func (p *parser) showFrom(s *ShowObjects, what, on string) {
	s.What = what
	if p.acceptAny("from", "in") == "" {
		return
	}
	p.accept(on)
	s.On = on
	name := p.parseObjectName()
	s.Name = &name
}

// showOn reads ON kind name.
func (p *parser) showOn(s *ShowObjects, what string, kinds ...string) {
	p.expect("on")
	p.showTarget(s, what, kinds...)
}

func (p *parser) showTarget(s *ShowObjects, what string, kinds ...string) {
	s.What = what
	if s.On = p.acceptAny(kinds...); s.On == "" {
		if !slices.Contains(kinds, "table") {
			p.unexpected()
		}
		s.On = "table"
	}
	name := p.parseObjectName()
	s.Name = &name
}

// skipToClose moves behind the parenthesis that closes the one just read: an
// argument list, which names one of the overloads.
func (p *parser) skipToClose() {
	if !p.peek().op(")") {
		list(p, p.parseType)
	}
	p.expectOp(")")
}
