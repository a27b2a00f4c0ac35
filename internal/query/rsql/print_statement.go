package rsql

import (
	"fmt"
	"strings"
)

func (p *printer) statement(s Statement) {
	switch s := s.(type) {
	case *Query:
		p.query(s)
	case *Explain:
		p.write("explain ")
		p.when(s.Verbose, "verbose ")
		p.statement(s.Statement)
	case *Insert, *Update, *Delete:
		p.change(s)
	case *Grant:
		p.write("grant ")
		p.granted(s.Privileges, s.On, s.Roles)
		p.write(" to ")
		commas(p, s.To, p.grantee)
		switch {
		case s.GrantOpt && s.Roles != nil:
			p.write(" with admin option")
		case s.GrantOpt:
			p.write(" with grant option")
		}
	case *Revoke:
		p.write("revoke ")
		if s.GrantOptionFor && s.Roles != nil {
			p.write("admin option for ")
		} else if s.GrantOptionFor {
			p.write("grant option for ")
		}
		p.granted(s.Privileges, s.On, s.Roles)
		p.write(" from ")
		commas(p, s.From, p.grantee)
		p.when(s.Cascade, " cascade")
	case *CreateExternalSchema, *CreateExternalTable, *CreateSchema, *CreateDatabase, *CreateTable, *CreateView, *AlterTable,
		*DropSchema, *DropDatabase, *DropRelations, *Truncate:
		p.definition(s)
	default:
		p.sessionStatement(s)
	}
}

func (p *printer) sessionStatement(s Statement) {
	switch s := s.(type) {
	case *Set:
		p.write("set ")
		p.when(s.Local, "local ")
		p.write(settingName(s.Name), " to ")
		p.when(s.Default, "default")
		commas(p, s.Values, p.string)
	case *SetTransaction:
		if s.Session {
			p.write("set session characteristics as transaction")
		} else {
			p.write("set transaction")
		}
		p.modes(s.Modes)
	case *Reset:
		p.write("reset ", settingName(s.Name))
	case *Show:
		p.write("show ", settingName(s.Name))
	case *ShowObjects:
		p.show(s)
	case *Use:
		p.write("use ")
		p.name(s.Database)
	case *Begin:
		p.write("begin")
		p.modes(s.Modes)
	case *Commit:
		p.write("commit")
	case *Rollback:
		p.write("rollback")
	case *DeclareCursor:
		p.write("declare ")
		p.name(s.Name)
		p.write(" cursor for ")
		p.query(s.Query)
	case *FetchCursor:
		p.write("fetch forward ")
		if s.Count < 0 {
			p.write("all")
		} else {
			p.int(s.Count)
		}
		p.write(" from ")
		p.name(s.Name)
	case *CloseCursor:
		p.write("close ")
		p.name(s.Name)
	case *Prepare:
		p.write("prepare ")
		p.name(s.Name)
		if s.Types != nil {
			p.write("(")
			commas(p, s.Types, func(t Type) { p.write(t.syntax()) })
			p.write(")")
		}
		p.write(" as ")
		p.statement(s.Statement)
	case *Execute:
		p.write("execute ")
		p.name(s.Name)
		if s.Args != nil {
			p.write("(")
			p.exprs(s.Args)
			p.write(")")
		}
	case *Deallocate:
		p.write("deallocate ")
		if s.All {
			p.write("all")
		} else {
			p.name(s.Name)
		}
	case *Discard:
		p.write("discard ", s.What)
	case *Cancel:
		p.write("cancel ")
		p.int(s.Process)
		if s.Message != "" {
			p.write(" ")
			p.string(s.Message)
		}
	default:
		panic(fmt.Sprintf("rsql: printing statement %T", s))
	}
}

// settingName quotes the parts of a parameter's name that need it.
func settingName(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if part != "all" && !plainIdent(part) {
			parts[i] = quoteIdent(part)
		}
	}
	return strings.Join(parts, ".")
}

func (p *printer) modes(m TransactionModes) {
	p.when(m.Isolation != "", " isolation level ", m.Isolation)
	p.when(m.Access != "", " ", m.Access)
}

// showWords are the texts of the SHOW commands whose words differ from What.
var showWords = map[string]string{
	"primary keys": "constraints primary keys", "foreign keys": "constraints foreign keys", "exported keys": "constraints foreign keys exported",
}

func (p *printer) show(s *ShowObjects) {
	words := s.What
	if w, ok := showWords[words]; ok {
		words = w
	}
	p.write("show ", words)
	switch {
	case s.On == "data catalog":
		p.write(" from data catalog")
	case s.Name == nil:
	case s.On == "for":
		p.write(" for ")
		p.objectName(*s.Name)
	default:
		switch s.What {
		case "grants", "column grants":
			p.write(" on ", s.On, " ")
		case "parameters":
			p.write(" of ", s.On, " ")
		case "table", "view", "external table":
			p.write(" ")
		default:
			p.write(" from ", s.On, " ")
		}
		p.objectName(*s.Name)
	}
	if s.Pattern != nil {
		p.write(" like ")
		p.string(*s.Pattern)
	}
	if s.Limit != nil {
		p.write(" limit ")
		p.operand(s.Limit)
	}
}

func (p *printer) change(s Statement) {
	switch s := s.(type) {
	case *Insert:
		p.write("insert into ")
		p.objectName(s.Table)
		if s.Columns != nil {
			p.write(" ")
			p.nameList(s.Columns)
		}
		p.write(" ")
		if s.DefaultValues {
			p.write("default values")
		} else {
			p.query(s.Query)
		}
	case *Update:
		p.write("update ")
		p.objectName(s.Table)
		p.targetAlias(s.Alias)
		p.write(" set ")
		commas(p, s.Set, func(a Assignment) {
			p.name(a.Column)
			p.write(" = ")
			p.expr(a.Value)
		})
		if s.From != nil {
			p.write(" from ")
			commas(p, s.From, p.table)
		}
		p.clause(" where ", s.Where)
	case *Delete:
		p.write("delete from ")
		p.objectName(s.Table)
		p.targetAlias(s.Alias)
		if s.Using != nil {
			p.write(" using ")
			commas(p, s.Using, p.table)
		}
		p.clause(" where ", s.Where)
	}
}

func (p *printer) targetAlias(alias *Name) {
	if alias != nil {
		p.write(" as ")
		p.name(*alias)
	}
}

func (p *printer) granted(privileges []Privilege, on GrantTarget, roles []Name) {
	if roles != nil {
		p.write("role ")
		p.names(roles)
		return
	}
	commas(p, privileges, func(privilege Privilege) {
		p.write(privilege.Name)
		if privilege.Columns != nil {
			p.write(" ")
			p.nameList(privilege.Columns)
		}
	})
	if on.Kind != "system" {
		p.write(" on ", on.Kind, " ")
		commas(p, on.Names, p.objectName)
	}
}

func (p *printer) grantee(g Grantee) {
	if g.Kind == "public" {
		p.write("public")
		return
	}
	p.when(g.Kind != "user", g.Kind, " ")
	p.name(g.Name)
}
