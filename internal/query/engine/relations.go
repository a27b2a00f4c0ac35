package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/query/rsql"
)

// names resolves the names in one statement. It implements rsql.Environment.
type names struct {
	ctx     context.Context
	session *Session
	// glue holds the catalog's table of every external relation that was found, roles the role that reads it.
	glue  map[*rsql.Relation]*catalog.Table
	roles map[*rsql.Relation]string
	// found keeps a relation that is named twice from being made twice.
	found   map[string]*rsql.Relation
	cleanup []func()
}

func (s *Session) names(ctx context.Context) *names {
	return &names{ctx: ctx, session: s, glue: map[*rsql.Relation]*catalog.Table{}, roles: map[*rsql.Relation]string{}, found: map[string]*rsql.Relation{}}
}

// release lets go of the relations. The statement that used them must have ended.
func (n *names) release() {
	for _, f := range n.cleanup {
		f()
	}
	n.cleanup = nil
}

// Setting implements rsql.Environment. Besides the parameters it knows what functions of the session give.
func (n *names) Setting(name string) string {
	s := n.session
	switch name {
	case "current_user":
		return s.user.Name
	case "current_user_id":
		return strconv.FormatInt(s.user.sysID(), 10)
	case "current_database":
		return s.database
	case "current_schema":
		return publicSchema
	case "version":
		return version
	case "pg_backend_pid":
		return strconv.FormatUint(uint64(s.ProcessID), 10)
	case "pg_last_query_id":
		return strconv.FormatInt(s.lastQuery, 10)
	}
	v, _ := s.settings.get(name)
	return v
}

// Relation implements rsql.Environment.
func (n *names) Relation(database, schema, name string) (*rsql.Relation, error) {
	if database != "" && !strings.EqualFold(database, n.session.database) {
		return nil, n.otherDatabase(database, schema, name)
	}
	key := schema + "\x00" + name
	if r := n.found[key]; r != nil {
		return r, nil
	}
	r, err := n.lookup(schema, name)
	if err == nil {
		n.found[key] = r
	}
	return r, err
}

// otherDatabase explains why a table of another database can't be had.
func (n *names) otherDatabase(database, schema, name string) error {
	all, err := n.session.engine.databases(n.ctx)
	if err != nil {
		return err
	}
	if _, ok := findDatabase(all, database); !ok {
		return failure(rsql.StateUndefinedDatabase, "database \"%s\" does not exist", database)
	}
	return &rsql.Error{
		SQLState: rsql.StateFeatureNotSupported, Message: fmt.Sprintf("cross-database reference to \"%s.%s.%s\" is not supported yet", database, schema, name),
		Hint: fmt.Sprintf("Connect to the database \"%s\".", database),
	}
}

func (n *names) lookup(schema, name string) (*rsql.Relation, error) {
	s := n.session
	switch schema {
	case "":
		return n.search(name)
	case catalogSchema, informationSchema:
		if r, ok := systemRelations[schema][name]; ok {
			return n.system(r)
		}
		return nil, noRelation(schema, name)
	case publicSchema:
		return nil, noRelation(schema, name)
	}
	external, err := s.externalSchema(n.ctx, schema)
	if err != nil {
		return nil, err
	}
	if err := s.requireUsage(n.ctx, external); err != nil {
		return nil, err
	}
	role := external.Role()
	if err := s.engine.roleMay(n.ctx, role, "GetTable", external.GlueDatabase, name); err != nil {
		return nil, err
	}
	t, err := s.engine.catalog.GetTable(n.ctx, external.GlueDatabase, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, noRelation(schema, name)
	}
	if err != nil {
		return nil, fmt.Errorf("looking up the external table %s.%s: %w", schema, name, err)
	}
	columns, err := glueColumns(t)
	if err != nil {
		return nil, failure(rsql.StateFeatureNotSupported, "%s", err)
	}
	r := &rsql.Relation{Database: s.database, Schema: schema, Name: t.Name, Columns: columns, External: true}
	n.glue[r], n.roles[r] = t, role
	return r, nil
}

// search finds a table without a schema: in the system catalog first, then along search_path, which external schemas can't be in.
func (n *names) search(name string) (*rsql.Relation, error) {
	if r, ok := systemRelations[catalogSchema][name]; ok {
		return n.system(r)
	}
	return nil, failure(rsql.StateUndefinedTable, "relation \"%s\" does not exist", name)
}

func (n *names) system(r *systemRelation) (*rsql.Relation, error) {
	rel, remove, err := r.relation(n.ctx, n.session)
	if err != nil {
		return nil, err
	}
	n.cleanup = append(n.cleanup, remove)
	return rel, nil
}

func noRelation(schema, name string) error {
	return failure(rsql.StateUndefinedTable, "relation \"%s.%s\" does not exist", schema, name)
}
