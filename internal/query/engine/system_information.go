package engine

import (
	"context"

	"github.com/refract-io/refract/internal/query/rsql"
)

// The views of information_schema and the svv views that list the same objects.
func init() {
	system(informationSchema, "schemata", "catalog_name name, schema_name name, schema_owner name, default_character_set_name name", informationSchemata)
	tables := "table_catalog name, table_schema name, table_name name, table_type varchar(64)"
	system(informationSchema, "tables", tables, informationTables)
	columns := `table_catalog name, table_schema name, table_name name, column_name name, ordinal_position int4, column_default text, is_nullable varchar(3),
		data_type text, character_maximum_length int4, character_octet_length int4, numeric_precision int4, numeric_precision_radix int4, numeric_scale int4,
		datetime_precision int4, interval_type text, interval_precision text, udt_name name`
	system(informationSchema, "columns", columns, informationColumns)
	system(informationSchema, "views", "table_catalog name, table_schema name, table_name name, view_definition text", informationViews)
	system(catalogSchema, "svv_tables", tables+", remarks text", func(ctx context.Context, s *Session) ([][]any, error) {
		return withNull(informationTables(ctx, s))
	})
	system(catalogSchema, "svv_columns", columns+", remarks text", func(ctx context.Context, s *Session) ([][]any, error) {
		return withNull(informationColumns(ctx, s))
	})
	system(catalogSchema, "svv_all_schemas", "database_name varchar(128), schema_name varchar(128), schema_owner int4, schema_type varchar(128), schema_acl varchar(128), source_database varchar(128), schema_option varchar(128)", svvAllSchemas)
	system(catalogSchema, "svv_all_tables", "database_name varchar(128), schema_name varchar(128), table_name varchar(128), table_acl varchar(128), table_type varchar(128), remarks varchar(128)", svvAllTables)
	system(catalogSchema, "svv_all_columns", `database_name varchar(128), schema_name varchar(128), table_name varchar(128), column_name varchar(128), ordinal_position int4,
		column_default varchar(4000), is_nullable varchar(3), data_type varchar(128), character_maximum_length int4, numeric_precision int4, numeric_scale int4, remarks varchar(256)`, svvAllColumns)
	system(catalogSchema, "svv_redshift_databases", "database_name varchar(128), database_owner int4, database_type varchar(32), database_acl varchar(128), database_options varchar(128), database_isolation_level varchar(128)", svvRedshiftDatabases)
}

// withNull appends a column of NULLs to rows.
func withNull(rows [][]any, err error) ([][]any, error) {
	for i := range rows {
		rows[i] = append(rows[i], nil)
	}
	return rows, err
}

func informationSchemata(ctx context.Context, s *Session) ([][]any, error) {
	spaces, err := s.namespaces(ctx)
	var out [][]any
	for _, n := range spaces {
		out = append(out, []any{s.database, n.name, n.owner, nil})
	}
	return out, err
}

// tableType is how the information schema calls an object.
func (o *object) tableType() string {
	switch {
	case o.glue != nil:
		return "EXTERNAL TABLE"
	case o.kind == "v":
		return "VIEW"
	}
	return "BASE TABLE"
}

func informationTables(ctx context.Context, s *Session) ([][]any, error) {
	objects, err := s.objects(ctx)
	var out [][]any
	for _, o := range objects {
		out = append(out, []any{s.database, o.namespace.name, o.name, o.tableType()})
	}
	return out, err
}

func informationViews(ctx context.Context, s *Session) ([][]any, error) {
	objects, err := s.objects(ctx)
	var out [][]any
	for _, o := range objects {
		if o.kind == "v" {
			out = append(out, []any{s.database, o.namespace.name, o.name, nil})
		}
	}
	return out, err
}

// typeFacts are the lengths and precisions of a type as the information schema gives them, nil where they don't apply.
func typeFacts(t rsql.Type) (length, precision, radix, scale, datetime any) {
	switch t.Kind {
	case rsql.KindChar, rsql.KindVarchar:
		length = t.Length
	case rsql.KindDecimal:
		precision, radix, scale = t.Precision, 10, t.Scale
	case rsql.KindInt2:
		precision, radix, scale = 16, 2, 0
	case rsql.KindInt4:
		precision, radix, scale = 32, 2, 0
	case rsql.KindInt8:
		precision, radix, scale = 64, 2, 0
	case rsql.KindFloat4:
		precision, radix = 24, 2
	case rsql.KindFloat8:
		precision, radix = 53, 2
	case rsql.KindTimestamp, rsql.KindTimestampTZ, rsql.KindTime, rsql.KindTimeTZ:
		datetime = 6
	}
	return
}

func informationColumns(ctx context.Context, s *Session) ([][]any, error) {
	objects, err := s.objects(ctx)
	var out [][]any
	for _, o := range objects {
		for i, c := range o.columns {
			length, precision, radix, scale, datetime := typeFacts(c.Type)
			out = append(out, []any{
				s.database, o.namespace.name, o.name, c.Name, i + 1, nil, "YES", c.Type.Name(), length, length, precision, radix, scale, datetime, nil, nil, c.Type.Name(),
			})
		}
	}
	return out, err
}

func svvAllSchemas(ctx context.Context, s *Session) ([][]any, error) {
	spaces, err := s.namespaces(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.engine.users(ctx)
	ids := userIDs(users)
	var out [][]any
	for _, n := range spaces {
		kind, source, options := "local", any(nil), any(nil)
		if n.external != nil {
			kind, source, options = "external", n.external.GlueDatabase, n.external.Options
		}
		out = append(out, []any{s.database, n.name, ids(n.owner), kind, nil, source, options})
	}
	return out, err
}

func svvAllTables(ctx context.Context, s *Session) ([][]any, error) {
	objects, err := s.objects(ctx)
	var out [][]any
	for _, o := range objects {
		kind := o.tableType()
		if o.glue == nil {
			kind = map[string]string{"VIEW": "VIEW", "BASE TABLE": "TABLE"}[kind]
		}
		out = append(out, []any{s.database, o.namespace.name, o.name, nil, kind, nil})
	}
	return out, err
}

func svvAllColumns(ctx context.Context, s *Session) ([][]any, error) {
	objects, err := s.objects(ctx)
	var out [][]any
	for _, o := range objects {
		for i, c := range o.columns {
			length, precision, _, scale, _ := typeFacts(c.Type)
			out = append(out, []any{s.database, o.namespace.name, o.name, c.Name, i + 1, nil, "YES", c.Type.Name(), length, precision, scale, nil})
		}
	}
	return out, err
}

func svvRedshiftDatabases(ctx context.Context, s *Session) ([][]any, error) {
	databases, err := s.engine.databases(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.engine.users(ctx)
	ids := userIDs(users)
	var out [][]any
	for _, d := range databases {
		out = append(out, []any{d.name, ids(d.owner), "local", nil, nil, "Snapshot Isolation"})
	}
	return out, err
}
