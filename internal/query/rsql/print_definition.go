package rsql

// definition writes the statements that define and drop objects.
func (p *printer) definition(s Statement) {
	switch s := s.(type) {
	case *CreateExternalSchema:
		p.externalSchema(s)
	case *CreateExternalTable:
		p.externalTable(s)
	case *CreateSchema:
		p.write("create schema ")
		p.when(s.IfNotExists, "if not exists ")
		p.name(s.Name)
		if s.Owner != nil {
			p.write(" authorization ")
			p.name(*s.Owner)
		}
	case *CreateDatabase:
		p.write("create database ")
		p.name(s.Name)
		if s.Owner != nil {
			p.write(" owner ")
			p.name(*s.Owner)
		}
	case *CreateTable:
		p.createTable(s)
	case *CreateView:
		p.write("create ")
		p.when(s.Replace, "or replace ")
		p.write("view ")
		p.objectName(s.Name)
		if s.Columns != nil {
			p.nameList(s.Columns)
		}
		p.write(" as ")
		p.query(s.Query)
		p.when(s.NoSchemaBinding, " with no schema binding")
	case *AlterTable:
		p.write("alter table ")
		p.objectName(s.Name)
		p.alterAction(s.Action)
	case *DropSchema:
		p.write("drop schema ")
		p.when(s.IfExists, "if exists ")
		p.names(s.Names)
		p.when(s.ExternalDatabase, " drop external database")
		p.when(s.Cascade, " cascade")
	case *DropDatabase:
		p.write("drop database ")
		p.name(s.Name)
	case *DropRelations:
		p.write("drop ", s.What, " ")
		p.when(s.IfExists, "if exists ")
		commas(p, s.Names, p.objectName)
		p.when(s.Cascade, " cascade")
	case *Truncate:
		p.write("truncate table ")
		p.objectName(s.Name)
	}
}

// text writes a word followed by a string literal, unless the string is empty.
func (p *printer) text(word, value string) {
	if value != "" {
		p.write(" ", word, " ")
		p.string(value)
	}
}

func (p *printer) externalSchema(s *CreateExternalSchema) {
	p.write("create external schema ")
	p.when(s.IfNotExists, "if not exists ")
	p.name(s.Name)
	p.write(" from ", s.From)
	p.text("database", s.Database)
	p.text("schema", s.Schema)
	p.text("region", s.Region)
	p.text("uri", s.URI)
	p.when(s.Port != "", " port ", s.Port)
	if s.IAMRole == "default" {
		p.write(" iam_role default")
	} else {
		p.text("iam_role", s.IAMRole)
	}
	p.text("secret_arn", s.SecretARN)
	p.when(s.Authentication != "", " authentication ", s.Authentication)
	p.text("cluster_arn", s.ClusterARN)
	p.text("catalog_role", s.CatalogRole)
	p.when(s.CreateDatabase, " create external database if not exists")
	p.text("catalog_id", s.CatalogID)
}

func (p *printer) externalTable(t *CreateExternalTable) {
	p.write("create external table ")
	p.objectName(t.Name)
	if t.Columns != nil {
		p.write(" (")
		commas(p, t.Columns, p.column)
		p.write(")")
	}
	if t.Partitions != nil {
		p.write(" partitioned by (")
		commas(p, t.Partitions, p.column)
		p.write(")")
	}
	switch {
	case t.SerDe != "":
		p.write(" row format serde ")
		p.string(t.SerDe)
		if t.SerDeProperties != nil {
			p.write(" with serdeproperties ")
			p.properties(t.SerDeProperties)
		}
	case t.Delimited:
		p.write(" row format delimited")
		if t.FieldsBy != nil {
			p.write(" fields terminated by ")
			p.string(*t.FieldsBy)
		}
		if t.LinesBy != nil {
			p.write(" lines terminated by ")
			p.string(*t.LinesBy)
		}
	}
	p.write(" stored as ")
	if t.StoredAs != "" {
		p.write(t.StoredAs)
	} else {
		p.write("inputformat ")
		p.string(t.InputFormat)
		p.write(" outputformat ")
		p.string(t.OutputFormat)
	}
	p.write(" location ")
	p.string(t.Location)
	if t.Properties != nil {
		p.write(" table properties ")
		p.properties(t.Properties)
	}
	if t.As != nil {
		p.write(" as ")
		p.query(t.As)
	}
}

func (p *printer) properties(properties []Property) {
	p.write("(")
	commas(p, properties, func(property Property) {
		p.string(property.Name)
		p.write("=")
		p.string(property.Value)
	})
	p.write(")")
}

func (p *printer) createTable(t *CreateTable) {
	p.write("create ")
	p.when(t.Temporary, "temporary ")
	p.write("table ")
	p.when(t.IfNotExists, "if not exists ")
	p.objectName(t.Name)
	switch {
	case t.Names != nil:
		p.write(" ")
		p.nameList(t.Names)
	case t.Columns != nil || t.Like != nil:
		p.write(" (")
		commas(p, t.Columns, p.column)
		if t.Like != nil {
			p.when(t.Columns != nil, ", ")
			p.write("like ")
			p.objectName(*t.Like)
		}
		for _, c := range t.Constraints {
			p.write(", ")
			p.constraint(c)
		}
		p.write(")")
	}
	p.attributes(t.Attributes)
	if t.As != nil {
		p.write(" as ")
		p.query(t.As)
	}
}

func (p *printer) attributes(a TableAttributes) {
	p.when(a.Backup != "", " backup ", a.Backup)
	p.when(a.DistStyle != "", " diststyle ", a.DistStyle)
	if a.DistKey != nil {
		p.write(" distkey(")
		p.name(*a.DistKey)
		p.write(")")
	}
	if a.SortStyle == "auto" {
		p.write(" sortkey auto")
	} else if a.SortStyle != "" {
		p.write(" ", a.SortStyle, " sortkey")
		p.nameList(a.SortKeys)
	}
	p.when(a.Encode, " encode auto")
}

func (p *printer) constraint(c TableConstraint) {
	if c.Name != nil {
		p.write("constraint ")
		p.name(*c.Name)
		p.write(" ")
	}
	p.write(c.Kind, " ")
	p.nameList(c.Columns)
	p.references(c.References, c.RefColumns)
}

func (p *printer) references(name *ObjectName, columns []Name) {
	if name == nil {
		return
	}
	p.write(" references ")
	p.objectName(*name)
	if columns != nil {
		p.write(" ")
		p.nameList(columns)
	}
}

func (p *printer) column(c ColumnDef) {
	p.name(c.Name)
	if c.Type.Kind == KindUnknown {
		return // a partition column of CREATE EXTERNAL TABLE AS
	}
	p.write(" ", c.Type.syntax())
	p.when(c.NotNull, " not null")
	if c.Default != nil {
		p.write(" default ")
		p.operand(c.Default)
	}
	if c.Identity != nil {
		if c.Identity.ByDefault {
			p.write(" generated by default as identity(")
		} else {
			p.write(" identity(")
		}
		p.int(c.Identity.Seed)
		p.write(", ")
		p.int(c.Identity.Step)
		p.write(")")
	}
	p.when(c.Encode != "", " encode ", quoteUnlessPlain(c.Encode))
	p.when(c.DistKey, " distkey")
	p.when(c.SortKey, " sortkey")
	p.when(c.PrimaryKey, " primary key")
	p.when(c.Unique, " unique")
	p.references(c.References, c.RefColumns)
	p.when(c.Collate != "", " collate ", quoteUnlessPlain(c.Collate))
}

func quoteUnlessPlain(name string) string {
	if plainIdent(name) {
		return name
	}
	return quoteIdent(name)
}

func (p *printer) partition(values []PartitionValue) {
	p.write("partition (")
	commas(p, values, func(v PartitionValue) {
		p.name(v.Key)
		p.write("=")
		p.string(v.Value)
	})
	p.write(")")
}

func (p *printer) alterAction(a AlterAction) {
	switch a := a.(type) {
	case *AddPartitions:
		p.write(" add")
		p.when(a.IfNotExists, " if not exists")
		for _, spec := range a.Partitions {
			p.write(" ")
			p.partition(spec.Values)
			p.write(" location ")
			p.string(spec.Location)
		}
	case *DropPartition:
		p.write(" drop ")
		p.partition(a.Values)
	case *SetLocation:
		if a.Partition != nil {
			p.write(" ")
			p.partition(a.Partition)
		}
		p.write(" set location ")
		p.string(a.Location)
	case *SetFileFormat:
		p.write(" set file format ", a.Format)
	case *SetTableProperties:
		p.write(" set table properties ")
		p.properties(a.Properties)
	case *AddColumn:
		p.write(" add column ")
		p.column(a.Column)
	case *DropColumn:
		p.write(" drop column ")
		p.name(a.Name)
		p.when(a.Cascade, " cascade")
	case *RenameTable:
		p.write(" rename to ")
		p.name(a.Name)
	case *RenameColumn:
		p.write(" rename column ")
		p.name(a.From)
		p.write(" to ")
		p.name(a.To)
	case *SetOwner:
		p.write(" owner to ")
		p.name(a.Owner)
	}
}
