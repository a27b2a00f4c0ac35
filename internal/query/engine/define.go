package engine

import (
	"context"
	"errors"
	"strings"

	"github.com/refract-io/refract/internal/query/rsql"
)

// attempts bounds how often a statement is run that other sessions' changes get in the way of.
const attempts = 5

// define runs the statements that change the warehouse: databases, schemas, external tables and grants. It gives the command tag. Outside a
// transaction block a statement is a transaction of its own, and run anew after a conflict: then it sees what the other one did.
func (s *Session) define(ctx context.Context, ast rsql.Statement) (tag string, err error) {
	if s.status != statusIdle {
		return s.change(ctx, ast)
	}
	notices := len(s.notices)
	for range attempts {
		s.changes, s.notices = nil, s.notices[:notices]
		if tag, err = s.change(ctx, ast); err == nil {
			err = s.engine.commit(ctx, s.changes)
		}
		s.changes = nil
		if !isConflict(err) {
			break
		}
	}
	return tag, err
}

// change runs a statement within the session's transaction.
func (s *Session) change(ctx context.Context, ast rsql.Statement) (string, error) {
	switch st := ast.(type) {
	case *rsql.CreateExternalSchema:
		return "CREATE SCHEMA", s.createExternalSchema(ctx, st)
	case *rsql.DropSchema:
		return "DROP SCHEMA", s.dropSchemas(ctx, st)
	case *rsql.CreateDatabase:
		return "CREATE DATABASE", s.createDatabase(ctx, st)
	case *rsql.CreateExternalTable:
		return "CREATE EXTERNAL TABLE", s.createExternalTable(ctx, st)
	case *rsql.AlterTable:
		return "ALTER EXTERNAL TABLE", s.alterExternalTable(ctx, st)
	case *rsql.DropRelations:
		return "DROP TABLE", s.dropTables(ctx, st)
	case *rsql.Grant:
		return "GRANT", s.grant(ctx, grantChange{st.Privileges, st.On, st.Roles, st.To, st.GrantOpt, false})
	case *rsql.Revoke:
		return "REVOKE", s.grant(ctx, grantChange{st.Privileges, st.On, st.Roles, st.From, st.GrantOptionFor, true})
	}
	return "", notSupported(ast)
}

// outsideTransaction refuses a statement within a transaction block.
func (s *Session) outsideTransaction(what string) error {
	if s.status != statusIdle {
		return failure(stateActiveTransaction, "%s cannot run inside a transaction block", what)
	}
	return nil
}

func (s *Session) createExternalSchema(ctx context.Context, st *rsql.CreateExternalSchema) error {
	if err := s.requireCreate(ctx); err != nil {
		return err
	}
	switch {
	case st.From != "data catalog":
		return failure(rsql.StateFeatureNotSupported, "CREATE EXTERNAL SCHEMA FROM %s is not supported yet", strings.ToUpper(st.From))
	case st.Database == "":
		return failure(rsql.StateSyntax, "an external schema needs DATABASE, the name of a database in the data catalog")
	}
	options, err := schemaOptions(st.IAMRole, st.Region)
	if err != nil {
		return err
	}
	name := s.fold(st.Name)
	if err := checkSchemaName(name); err != nil {
		return err
	}
	if st.CreateDatabase {
		if err := s.engine.roleMay(ctx, st.IAMRole, "CreateDatabase", st.Database, ""); err != nil {
			return err
		}
	}
	_, err = s.externalSchema(ctx, name)
	switch re, ok := errors.AsType[*rsql.Error](err); {
	case err == nil && st.IfNotExists:
		s.notice(stateDuplicateSchema, "schema \"%s\" already exists, skipping", name)
		return nil
	case err == nil:
		return failure(stateDuplicateSchema, "schema \"%s\" already exists", name)
	case !ok || re.SQLState != rsql.StateUndefinedSchema:
		return err
	}
	s.changes = append(s.changes, schemaCreation{&ExternalSchema{
		ID: unstored + int64(len(s.changes)), Database: s.database, Name: name, GlueDatabase: strings.ToLower(st.Database), Owner: s.user.Name, Options: options,
	}, st.CreateDatabase})
	return nil
}

func (s *Session) dropSchemas(ctx context.Context, st *rsql.DropSchema) error {
	for _, n := range st.Names {
		name := s.fold(n)
		if name == catalogSchema || name == informationSchema || name == publicSchema {
			return failure(rsql.StateInsufficientPriv, "schema \"%s\" can't be dropped: it belongs to every database", name)
		}
		e, err := s.externalSchema(ctx, name)
		if re, ok := errors.AsType[*rsql.Error](err); ok && re.SQLState == rsql.StateUndefinedSchema && st.IfExists {
			s.notice(rsql.StateUndefinedSchema, "Schema \"%s\" does not exist and will be skipped", name)
			continue
		}
		if err != nil {
			return err
		}
		if !s.user.Superuser && !strings.EqualFold(e.Owner, s.user.Name) {
			return failure(rsql.StateInsufficientPriv, "must be owner of schema %s", name)
		}
		if st.ExternalDatabase {
			if err := s.engine.roleMay(ctx, e.Role(), "DeleteDatabase", e.GlueDatabase, ""); err != nil {
				return err
			}
			if err := s.engine.requireEmpty(ctx, e.GlueDatabase, st.Cascade); err != nil {
				return err
			}
		}
		s.changes = append(s.changes, schemaDrop{e, st.ExternalDatabase})
	}
	return nil
}

func (s *Session) createDatabase(ctx context.Context, st *rsql.CreateDatabase) error {
	if err := s.outsideTransaction("CREATE DATABASE"); err != nil {
		return err
	}
	if !s.user.Superuser {
		return failure(rsql.StateInsufficientPriv, "permission denied to create database")
	}
	name := s.fold(st.Name)
	all, err := s.engine.databases(ctx)
	if err != nil {
		return err
	}
	if _, exists := findDatabase(all, name); exists {
		return failure("42P04", "database \"%s\" already exists", name)
	}
	owner := s.user.Name
	if st.Owner != nil {
		owner = st.Owner.Text
	}
	return s.engine.createDatabase(ctx, name, owner)
}

// grantChange is a GRANT or REVOKE.
type grantChange struct {
	privileges []rsql.Privilege
	on         rsql.GrantTarget
	roles      []rsql.Name
	grantees   []rsql.Grantee
	option     bool
	revoke     bool
}

// grantable are the privileges on databases and schemas; ALL stands for those of the kind.
var grantable = map[string][]string{
	"database": {"create", "temporary", "usage"},
	"schema":   {"create", "usage"},
}

// grant records or removes privileges on databases and schemas. External tables have none of their own.
func (s *Session) grant(ctx context.Context, c grantChange) error {
	known := grantable[c.on.Kind]
	if len(c.roles) > 0 || known == nil {
		return failure(rsql.StateFeatureNotSupported, "GRANT and REVOKE are supported on schemas and databases only")
	}
	var names []string
	for _, p := range c.privileges {
		name := strings.ToLower(p.Name)
		switch {
		case name == "all" || name == "all privileges":
			names = append(names, known...)
		case name == "temp":
			names = append(names, "temporary")
		default:
			ok := false
			for _, k := range known {
				ok = ok || k == name
			}
			if !ok {
				return failure("0LP01", "invalid privilege type %s for %s", strings.ToUpper(name), c.on.Kind)
			}
			names = append(names, name)
		}
	}
	grantees, err := s.grantees(ctx, c.grantees)
	if err != nil {
		return err
	}
	for _, object := range c.on.Names {
		target, err := s.grantTarget(ctx, c.on.Kind, s.fold(object.Last()))
		if err != nil {
			return err
		}
		for _, g := range grantees {
			for _, privilege := range names {
				target.grant.grantee, target.grant.privilege = g, privilege
				target.grant.grantable, target.revoke, target.optionOnly = c.option && !c.revoke, c.revoke, c.revoke && c.option
				s.changes = append(s.changes, target)
			}
		}
	}
	return nil
}

// grantees are the folded names of those who get or lose a privilege.
func (s *Session) grantees(ctx context.Context, list []rsql.Grantee) ([]string, error) {
	var out []string
	for _, g := range list {
		switch g.Kind {
		case "public":
			out = append(out, public)
		case "user":
			u, err := s.engine.user(ctx, g.Name.Text)
			if err != nil {
				return nil, failure(rsql.StateUndefinedObject, "user \"%s\" does not exist", g.Name.Text)
			}
			out = append(out, strings.ToLower(u.Name))
		default:
			return nil, failure(rsql.StateUndefinedObject, "%s \"%s\" does not exist", g.Kind, g.Name.Text)
		}
	}
	return out, nil
}

// grantTarget finds the object of a grant, which the session's user must own.
func (s *Session) grantTarget(ctx context.Context, kind, name string) (privilegeChange, error) {
	if kind == "database" {
		all, err := s.engine.databases(ctx)
		if err != nil {
			return privilegeChange{}, err
		}
		found, ok := findDatabase(all, name)
		switch {
		case !ok:
			return privilegeChange{}, failure(rsql.StateUndefinedDatabase, "database \"%s\" does not exist", name)
		case !s.user.Superuser:
			return privilegeChange{}, failure(rsql.StateInsufficientPriv, "permission denied for database %s", name)
		}
		return privilegeChange{grant: grant{database: found}}, nil
	}
	e, err := s.externalSchema(ctx, name)
	if err != nil {
		return privilegeChange{}, err
	}
	if !s.user.Superuser && !strings.EqualFold(e.Owner, s.user.Name) {
		return privilegeChange{}, failure(rsql.StateInsufficientPriv, "permission denied for schema %s", name)
	}
	return privilegeChange{grant: grant{database: s.database, schema: name}, schema: e}, nil
}
