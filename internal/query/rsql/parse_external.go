package rsql

// parseCreateExternalSchema reads what follows CREATE EXTERNAL SCHEMA.
func (p *parser) parseCreateExternalSchema() Statement {
	s := &CreateExternalSchema{IfNotExists: p.accept("if", "not", "exists"), Name: p.parseName()}
	p.expect("from")
	s.From = p.parseExternalSource()
	for p.parseExternalSchemaOption(s) {
	}
	return s
}

func (p *parser) parseExternalSource() string {
	switch {
	case p.accept("data", "catalog"):
		return "data catalog"
	case p.accept("hive", "metastore"):
		return "hive metastore"
	case p.at("database"):
		return "data catalog" // the default
	}
	source := p.acceptAny("postgres", "mysql", "kinesis", "msk", "kafka", "redshift")
	if source == "" {
		p.unexpected()
	}
	return source
}

func (p *parser) parseExternalSchemaOption(s *CreateExternalSchema) bool {
	switch {
	case p.accept("create", "external", "database", "if", "not", "exists"):
		s.CreateDatabase = true
	case p.accept("database"):
		s.Database = p.parseString()
	case p.accept("schema"):
		s.Schema = p.parseString()
	case p.accept("region"):
		s.Region = p.parseString()
	case p.accept("uri"):
		s.URI = p.parseString()
	case p.accept("port"):
		tok := p.advance()
		if tok.kind != tokNumber {
			p.next--
			p.unexpected()
		}
		s.Port = tok.text
	case p.accept("iam_role"):
		if p.accept("default") {
			s.IAMRole = "default"
		} else {
			s.IAMRole = p.parseString()
		}
	case p.accept("secret_arn"):
		s.SecretARN = p.parseString()
	case p.accept("authentication_arn"):
		s.SecretARN = p.parseString()
	case p.accept("authentication"):
		if s.Authentication = p.acceptAny("none", "iam", "mtls"); s.Authentication == "" {
			p.unexpected()
		}
	case p.accept("cluster_arn"):
		s.ClusterARN = p.parseString()
	case p.accept("catalog_role"):
		s.CatalogRole = p.parseString()
	case p.accept("catalog_id"):
		s.CatalogID = p.parseString()
	default:
		return false
	}
	return true
}

// parseCreateExternalTable reads what follows CREATE EXTERNAL TABLE.
func (p *parser) parseCreateExternalTable() Statement {
	t := &CreateExternalTable{Name: p.parseObjectName()}
	if p.acceptOp("(") {
		t.Columns = list(p, p.parseExternalColumn)
		p.expectOp(")")
	}
	if p.accept("partitioned", "by") {
		p.expectOp("(")
		t.Partitions = list(p, func() ColumnDef {
			if after := p.peekAt(1); after.op(",") || after.op(")") {
				return ColumnDef{Pos: p.peek().pos, Name: p.parseName()} // CREATE .. AS names columns only
			}
			return p.parseExternalColumn()
		})
		p.expectOp(")")
	}
	if p.accept("row", "format") {
		p.parseRowFormat(t)
	}
	p.expect("stored", "as")
	if p.accept("inputformat") {
		t.InputFormat = p.parseString()
		p.expect("outputformat")
		t.OutputFormat = p.parseString()
	} else if t.StoredAs = p.acceptAny("parquet", "rcfile", "sequencefile", "textfile", "orc", "avro"); t.StoredAs == "" {
		p.unexpected()
	}
	p.expect("location")
	t.Location = p.parseString()
	if p.accept("table", "properties") || p.accept("tblproperties") {
		t.Properties = p.parseProperties()
	}
	if p.accept("as") {
		t.As = p.parseQuery()
	} else if t.Columns == nil {
		p.unexpected()
	}
	return t
}

func (p *parser) parseExternalColumn() ColumnDef {
	c := ColumnDef{Pos: p.peek().pos, Name: p.parseName()}
	p.acceptOp(":")
	c.Type = p.parseType()
	return c
}

func (p *parser) parseRowFormat(t *CreateExternalTable) {
	if p.accept("serde") {
		t.SerDe = p.parseString()
		if p.accept("with", "serdeproperties") {
			t.SerDeProperties = p.parseProperties()
		}
		return
	}
	p.expect("delimited")
	t.Delimited = true
	for {
		switch {
		case p.accept("fields", "terminated", "by"):
			by := p.parseString()
			t.FieldsBy = &by
		case p.accept("lines", "terminated", "by"):
			by := p.parseString()
			t.LinesBy = &by
		default:
			return
		}
	}
}

func (p *parser) parseProperties() []Property {
	p.expectOp("(")
	properties := list(p, func() Property {
		name := p.parseString()
		p.expectOp("=")
		return Property{Name: name, Value: p.parseString()}
	})
	p.expectOp(")")
	return properties
}

// parsePartitionValues reads (k=v, ...).
func (p *parser) parsePartitionValues() []PartitionValue {
	p.expectOp("(")
	values := list(p, func() PartitionValue {
		v := PartitionValue{Key: p.parseName()}
		p.expectOp("=")
		switch tok := p.peek(); tok.kind {
		case tokString:
			v.Value = p.parseString()
		default:
			v.Value = p.parseSetValue()
		}
		return v
	})
	p.expectOp(")")
	return values
}

// maxAddPartitions is Spectrum's limit of partitions in one ALTER TABLE with
// the Glue Data Catalog.
const maxAddPartitions = 100

// parseAlter reads ALTER TABLE.
func (p *parser) parseAlter() Statement {
	p.expect("alter")
	if !p.at("table") && p.peek().kind == tokIdent {
		p.fail(p.peek().pos, StateFeatureNotSupported, "only ALTER TABLE is supported")
	}
	p.expect("table")
	return &AlterTable{Name: p.parseObjectName(), Action: p.parseAlterAction()}
}

func (p *parser) parseAlterAction() AlterAction {
	switch {
	case p.at("add", "partition"), p.at("add", "if", "not", "exists", "partition"):
		return p.parseAddPartitions()
	case p.accept("drop", "partition"):
		return &DropPartition{Values: p.parsePartitionValues()}
	case p.accept("partition"):
		a := &SetLocation{Partition: p.parsePartitionValues()}
		p.expect("set", "location")
		a.Location = p.parseString()
		return a
	case p.accept("set", "location"):
		return &SetLocation{Location: p.parseString()}
	case p.accept("set", "file", "format"):
		format := p.acceptAny("parquet", "rcfile", "sequencefile", "textfile", "orc", "avro")
		if format == "" {
			p.unexpected()
		}
		return &SetFileFormat{Format: format}
	case p.accept("set", "table", "properties"):
		return &SetTableProperties{Properties: p.parseProperties()}
	case p.accept("add"):
		p.accept("column")
		return &AddColumn{Column: p.parseColumnDef()}
	case p.accept("drop"):
		p.accept("column")
		a := &DropColumn{Name: p.parseName()}
		a.Cascade = p.acceptAny("cascade", "restrict") == "cascade"
		return a
	case p.accept("rename", "to"):
		return &RenameTable{Name: p.parseName()}
	case p.accept("rename"):
		p.accept("column")
		a := &RenameColumn{From: p.parseName()}
		p.expect("to")
		a.To = p.parseName()
		return a
	case p.accept("owner", "to"):
		return &SetOwner{Owner: p.parseName()}
	}
	p.unexpected()
	return nil
}

func (p *parser) parseAddPartitions() AlterAction {
	p.expect("add")
	a := &AddPartitions{IfNotExists: p.accept("if", "not", "exists")}
	for p.accept("partition") {
		if len(a.Partitions) == maxAddPartitions {
			p.fail(p.peek().pos, "54000", "cannot add more than %d partitions in one statement", maxAddPartitions)
		}
		spec := PartitionSpec{Values: p.parsePartitionValues()}
		p.expect("location")
		spec.Location = p.parseString()
		a.Partitions = append(a.Partitions, spec)
	}
	if len(a.Partitions) == 0 {
		p.unexpected()
	}
	return a
}
