package rsql

import "strings"

func (p *parser) parseGrant() Statement {
	p.expect("grant")
	g := &Grant{}
	g.Privileges, g.On, g.Roles = p.parseGranted()
	p.expect("to")
	g.To = list(p, p.parseGrantee)
	g.GrantOpt = p.accept("with", "grant", "option") || p.accept("with", "admin", "option")
	return g
}

func (p *parser) parseRevoke() Statement {
	p.expect("revoke")
	r := &Revoke{GrantOptionFor: p.accept("grant", "option", "for") || p.accept("admin", "option", "for")}
	r.Privileges, r.On, r.Roles = p.parseGranted()
	p.expect("from")
	r.From = list(p, p.parseGrantee)
	r.Cascade = p.acceptAny("cascade", "restrict") == "cascade"
	return r
}

// parseGranted reads privileges with their objects, or roles.
func (p *parser) parseGranted() (privileges []Privilege, on GrantTarget, roles []Name) {
	if p.accept("role") {
		return nil, GrantTarget{}, p.parseNames()
	}
	privileges = list(p, p.parsePrivilege)
	if !p.accept("on") {
		return privileges, GrantTarget{Kind: "system"}, nil
	}
	return privileges, p.parseGrantTarget(), nil
}

// parsePrivilege reads the words of one privilege: SELECT (a, b), ALL
// PRIVILEGES, CREATE USER.
func (p *parser) parsePrivilege() Privilege {
	var words []string
	for p.peek().kind == tokIdent && !p.at("on") && !p.at("to") && !p.at("from") {
		words = append(words, p.advance().text)
	}
	if len(words) == 0 {
		p.unexpected()
	}
	if len(words) == 2 && words[0] == "all" && words[1] == "privileges" {
		words = words[:1]
	}
	privilege := Privilege{Name: strings.Join(words, " ")}
	if !knownPrivileges[privilege.Name] {
		p.next -= len(words)
		p.unexpected()
	}
	if p.peek().op("(") {
		privilege.Columns = p.parseNameList()
	}
	return privilege
}

// knownPrivileges are those of the GRANT page of the Redshift guide.
var knownPrivileges = func() map[string]bool {
	set := wordSet("select insert update delete drop references alter truncate usage create temporary temp execute all rule trigger assumerole explain")
	for _, words := range []string{
		"create user", "drop user", "alter user", "create schema", "drop schema", "alter default privileges", "create table",
		"drop table", "alter table", "create or replace function", "create or replace external function", "drop function",
		"create or replace procedure", "drop procedure", "create or replace view", "drop view", "create model", "drop model",
		"create datashare", "alter datashare", "drop datashare", "create library", "drop library", "create role", "drop role",
		"truncate table", "vacuum", "analyze", "cancel", "ignore rls", "explain rls", "explain masking", "access system table", "access catalog",
	} {
		set[words] = true
	}
	return set
}()

func (p *parser) parseGrantTarget() GrantTarget {
	t := GrantTarget{Kind: "table"}
	for _, kind := range []string{"tables", "functions", "procedures"} {
		if p.accept("all", kind, "in", "schema") {
			t.Kind = "all " + kind + " in schema"
			t.Names = list(p, p.parseObjectName)
			return t
		}
	}
	switch word := p.acceptAny("schema", "database", "function", "procedure", "language"); word {
	case "":
		p.accept("table")
	default:
		t.Kind = word
	}
	t.Names = list(p, func() ObjectName {
		name := p.parseObjectName()
		if (t.Kind == "function" || t.Kind == "procedure") && p.acceptOp("(") {
			p.skipToClose()
		}
		return name
	})
	return t
}

func (p *parser) parseGrantee() Grantee {
	switch {
	case p.accept("public"):
		return Grantee{Kind: "public"}
	case p.accept("group"):
		return Grantee{Kind: "group", Name: p.parseName()}
	case p.accept("role"):
		return Grantee{Kind: "role", Name: p.parseName()}
	}
	return Grantee{Kind: "user", Name: p.parseName()}
}
