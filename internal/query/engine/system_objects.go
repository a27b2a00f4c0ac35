package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/query/rsql"
)

// namespace is a schema as the system catalog shows it.
type namespace struct {
	oid      int64
	name     string
	owner    string
	external *ExternalSchema
}

// namespaces lists the schemas of the session's database.
func (s *Session) namespaces(ctx context.Context) ([]namespace, error) {
	out := []namespace{
		{catalogSchemaOID, catalogSchema, s.engine.admin, nil},
		{informationSchemaOID, informationSchema, s.engine.admin, nil},
		{publicSchemaOID, publicSchema, s.engine.admin, nil},
	}
	external, err := s.schemas(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range external {
		out = append(out, namespace{e.oid(), e.Name, e.Owner, e})
	}
	return out, nil
}

// object is a relation as the system catalog shows it.
type object struct {
	oid       int64
	namespace namespace
	name      string
	// kind is pg_class's relkind: r for a table, v for a view.
	kind    string
	columns []rsql.Column
	// glue is the catalog's table of an external one.
	glue *catalog.Table
}

// externalTables lists the tables of the external schemas that the user may use.
func (s *Session) externalTables(ctx context.Context) ([]object, error) {
	schemas, err := s.schemas(ctx)
	if err != nil {
		return nil, err
	}
	var out []object
	for _, e := range schemas {
		if err := s.requireUsage(ctx, e); err != nil {
			if re, ok := errors.AsType[*rsql.Error](err); ok && re.SQLState == rsql.StateInsufficientPriv {
				continue
			}
			return nil, err
		}
		// A schema whose role may not list is shown without tables: one of them must not break the views of all. A query of its tables says why.
		if err := s.engine.roleMay(ctx, e.Role(), "GetTables", e.GlueDatabase, "*"); err != nil {
			if _, ok := errors.AsType[*rsql.Error](err); ok {
				continue
			}
			return nil, err
		}
		tables, err := s.engine.catalog.GetTables(ctx, e.GlueDatabase)
		if errors.Is(err, catalog.ErrNotFound) {
			continue // the schema outlived its catalog database
		}
		if err != nil {
			return nil, fmt.Errorf("listing tables of %s: %w", e.GlueDatabase, err)
		}
		for _, t := range tables {
			columns, err := glueColumns(t)
			if err != nil {
				continue // a table of types that Spectrum lacks can't be queried, nor shown
			}
			out = append(out, object{
				oid: tableOID(s.database, e.Name, t.Name), namespace: namespace{e.oid(), e.Name, e.Owner, e}, name: t.Name,
				kind: "r", columns: columns, glue: t,
			})
		}
	}
	return out, nil
}

// objects lists the relations of the session's database: those of the system catalog first.
func (s *Session) objects(ctx context.Context) ([]object, error) {
	var out []object
	for _, r := range systemOrder {
		n := namespace{catalogSchemaOID, catalogSchema, s.engine.admin, nil}
		if r.schema == informationSchema {
			n = namespace{informationSchemaOID, informationSchema, s.engine.admin, nil}
		}
		out = append(out, object{oid: r.oid, namespace: n, name: r.name, kind: "v", columns: r.columns})
	}
	external, err := s.externalTables(ctx)
	return append(out, external...), err
}

// glueColumns are a table's columns as Redshift sees them, the partition keys last.
func glueColumns(t *catalog.Table) ([]rsql.Column, error) {
	var out []rsql.Column
	add := func(columns []catalog.Column, key bool) error {
		for _, c := range columns {
			typ, err := rsql.ParseGlueType(c.Type)
			if err != nil {
				return fmt.Errorf("column %s of external table %s: %w", c.Name, t.Name, err)
			}
			out = append(out, rsql.Column{Name: strings.ToLower(c.Name), Type: typ, PartitionKey: key})
		}
		return nil
	}
	if err := add(t.StorageDescriptor.Columns, false); err != nil {
		return nil, err
	}
	return out, add(t.PartitionKeys, true)
}

// userIDs gives users' numbers in the system catalog by name, 0 for one that is gone.
func userIDs(users []*User) func(name string) int64 {
	ids := map[string]int64{}
	for _, u := range users {
		ids[strings.ToLower(u.Name)] = u.sysID()
	}
	return func(name string) int64 { return ids[strings.ToLower(name)] }
}
