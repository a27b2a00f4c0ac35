package rsql

import "strings"

// parseCreate dispatches CREATE.
func (p *parser) parseCreate() Statement {
	p.expect("create")
	switch {
	case p.accept("external", "schema"):
		return p.parseCreateExternalSchema()
	case p.accept("external", "table"):
		return p.parseCreateExternalTable()
	case p.accept("schema"):
		return p.parseCreateSchema()
	case p.accept("database"):
		return p.parseCreateDatabase()
	case p.accept("view"):
		return p.parseCreateView(false)
	case p.accept("or", "replace", "view"):
		return p.parseCreateView(true)
	}
	if p.acceptAny("local", "global") != "" && !p.at("temp") && !p.at("temporary") {
		p.unexpected()
	}
	temporary := p.acceptAny("temporary", "temp") != ""
	if temporary || p.at("table") {
		p.expect("table")
		return p.parseCreateTable(temporary)
	}
	if p.peek().kind == tokIdent && !p.peek().quoted {
		switch p.peek().text {
		case "user", "group", "role", "function", "procedure", "or", "materialized", "library", "datashare", "model", "masking", "rls", "identity", "external":
			p.fail(p.peek().pos, StateFeatureNotSupported, "this CREATE command is not supported")
		}
	}
	p.unexpected()
	return nil
}

func (p *parser) parseCreateSchema() Statement {
	s := &CreateSchema{IfNotExists: p.accept("if", "not", "exists")}
	if p.accept("authorization") {
		owner := p.parseName()
		s.Name, s.Owner = owner, &owner
		return s
	}
	s.Name = p.parseName()
	if p.accept("authorization") {
		owner := p.parseName()
		s.Owner = &owner
	}
	return s
}

func (p *parser) parseCreateDatabase() Statement {
	d := &CreateDatabase{Name: p.parseName()}
	p.accept("with")
	if p.accept("owner") {
		p.acceptOp("=")
		owner := p.parseName()
		d.Owner = &owner
	}
	return d
}

func (p *parser) parseCreateView(replace bool) Statement {
	v := &CreateView{Replace: replace, Name: p.parseObjectName()}
	if p.peek().op("(") {
		v.Columns = p.parseNameList()
	}
	p.expect("as")
	v.Query = p.parseQuery()
	v.NoSchemaBinding = p.accept("with", "no", "schema", "binding")
	return v
}

func (p *parser) parseCreateTable(temporary bool) Statement {
	t := &CreateTable{Temporary: temporary, IfNotExists: p.accept("if", "not", "exists")}
	t.Name = p.parseObjectName()
	if strings.HasPrefix(t.Name.Parts[0].Text, "#") && !t.Name.Parts[0].Quoted {
		t.Temporary = true
	}
	if p.peek().op("(") && p.columnNamesOnly() {
		t.Names = p.parseNameList()
	} else if p.acceptOp("(") {
		list(p, func() struct{} { p.parseTableElement(t); return struct{}{} })
		p.expectOp(")")
	}
	p.parseTableAttributes(&t.Attributes)
	if p.accept("as") {
		t.As = p.parseQuery()
	}
	if t.As == nil && (t.Columns == nil && t.Like == nil || t.Names != nil) || t.As != nil && t.Columns != nil {
		p.unexpected()
	}
	return t
}

// columnNamesOnly reports whether the list that opens here is that of CREATE
// TABLE (a, b) AS.
func (p *parser) columnNamesOnly() bool {
	after := p.peekAt(2)
	return p.peekAt(1).kind == tokIdent && (after.op(",") || after.op(")"))
}

func (p *parser) parseTableElement(t *CreateTable) {
	switch {
	case p.accept("like"):
		name := p.parseObjectName()
		t.Like = &name
		if p.acceptAny("including", "excluding") != "" {
			p.expect("defaults")
		}
	case p.at("constraint"), p.at("primary"), p.at("unique"), p.at("foreign"):
		t.Constraints = append(t.Constraints, p.parseTableConstraint())
	default:
		t.Columns = append(t.Columns, p.parseColumnDef())
	}
}

func (p *parser) parseTableConstraint() TableConstraint {
	var c TableConstraint
	if p.accept("constraint") {
		name := p.parseName()
		c.Name = &name
	}
	switch {
	case p.accept("primary", "key"):
		c.Kind = "primary key"
	case p.accept("unique"):
		c.Kind = "unique"
	default:
		p.expect("foreign", "key")
		c.Kind = "foreign key"
	}
	c.Columns = p.parseNameList()
	if c.Kind == "foreign key" {
		p.expect("references")
		c.References, c.RefColumns = p.parseReference()
	}
	return c
}

func (p *parser) parseReference() (*ObjectName, []Name) {
	name := p.parseObjectName()
	if p.peek().op("(") {
		return &name, p.parseNameList()
	}
	return &name, nil
}

func (p *parser) parseColumnDef() ColumnDef {
	c := ColumnDef{Pos: p.peek().pos, Name: p.parseName(), Type: p.parseType()}
	for p.parseColumnOption(&c) {
	}
	return c
}

func (p *parser) parseColumnOption(c *ColumnDef) bool {
	switch {
	case p.accept("not", "null"):
		c.NotNull = true
	case p.accept("null"):
	case p.accept("default"):
		c.Default = p.parseBinary(precIs + 1)
	case p.accept("identity"):
		c.Identity = p.parseIdentity(false)
	case p.accept("generated", "by", "default", "as", "identity"):
		c.Identity = p.parseIdentity(true)
	case p.accept("encode"):
		c.Encode = p.parseLabel().Text
	case p.accept("distkey"):
		c.DistKey = true
	case p.accept("sortkey"):
		c.SortKey = true
	case p.accept("primary", "key"):
		c.PrimaryKey = true
	case p.accept("unique"):
		c.Unique = true
	case p.accept("references"):
		c.References, c.RefColumns = p.parseReference()
	case p.accept("collate"):
		c.Collate = p.parseName().Text
	default:
		return false
	}
	return true
}

func (p *parser) parseIdentity(byDefault bool) *Identity {
	p.expectOp("(")
	id := &Identity{Seed: p.parseInteger(), ByDefault: byDefault}
	p.expectOp(",")
	id.Step = p.parseInteger()
	p.expectOp(")")
	return id
}

func (p *parser) parseTableAttributes(a *TableAttributes) {
	for {
		switch {
		case p.accept("backup"):
			if a.Backup = p.acceptAny("yes", "no"); a.Backup == "" {
				p.unexpected()
			}
		case p.accept("diststyle"):
			if a.DistStyle = p.acceptAny("auto", "even", "key", "all"); a.DistStyle == "" {
				p.unexpected()
			}
		case p.accept("distkey"):
			p.expectOp("(")
			name := p.parseName()
			a.DistKey = &name
			p.expectOp(")")
		case p.accept("sortkey", "auto"):
			a.SortStyle = "auto"
		case p.at("compound"), p.at("interleaved"), p.at("sortkey"):
			if a.SortStyle = p.acceptAny("compound", "interleaved"); a.SortStyle == "" {
				a.SortStyle = "compound"
			}
			p.expect("sortkey")
			a.SortKeys = p.parseNameList()
		case p.accept("encode", "auto"):
			a.Encode = true
		default:
			return
		}
	}
}

// parseDrop dispatches DROP.
func (p *parser) parseDrop() Statement {
	p.expect("drop")
	switch {
	case p.accept("schema"):
		s := &DropSchema{IfExists: p.accept("if", "exists"), Names: p.parseNames()}
		s.ExternalDatabase = p.accept("drop", "external", "database")
		s.Cascade = p.acceptAny("cascade", "restrict") == "cascade"
		return s
	case p.accept("database"):
		return &DropDatabase{Name: p.parseName()}
	case p.accept("table"):
		return p.parseDropRelations("table")
	case p.accept("view"):
		return p.parseDropRelations("view")
	case p.accept("materialized", "view"):
		return p.parseDropRelations("materialized view")
	}
	if p.peek().kind == tokIdent && !p.peek().quoted {
		switch p.peek().text {
		case "user", "group", "role", "function", "procedure", "library", "datashare", "model", "masking", "rls", "identity":
			p.fail(p.peek().pos, StateFeatureNotSupported, "this DROP command is not supported")
		}
	}
	p.unexpected()
	return nil
}

func (p *parser) parseDropRelations(what string) Statement {
	d := &DropRelations{What: what, IfExists: p.accept("if", "exists"), Names: list(p, p.parseObjectName)}
	d.Cascade = p.acceptAny("cascade", "restrict") == "cascade"
	return d
}

func (p *parser) parseTruncate() Statement {
	p.expect("truncate")
	p.accept("table")
	return &Truncate{Name: p.parseObjectName()}
}
