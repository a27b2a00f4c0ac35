package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/refract-io/refract/internal/catalog"
)

// The svv views of external schemas, tables, columns and partitions.
func init() {
	system(catalogSchema, "svv_external_schemas", "esoid oid, eskind int2, schemaname name, esowner int4, databasename text, esoptions text", svvExternalSchemas)
	system(catalogSchema, "svv_external_databases", "eskind int4, databasename text, location text, parameters text", svvExternalDatabases)
	system(catalogSchema, "svv_external_tables", `redshift_database_name text, schemaname text, tablename text, tabletype text, location text, input_format text,
		output_format text, serialization_lib text, serde_parameters text, compressed int4, parameters text`, svvExternalTables)
	system(catalogSchema, "svv_external_columns", `redshift_database_name text, schemaname text, tablename text, columnname text, external_type text, columnnum int4,
		part_key int4, is_nullable text`, svvExternalColumns)
	system(catalogSchema, "svv_external_partitions", `schemaname text, tablename text, values text, location text, input_format text, output_format text,
		serialization_lib text, serde_parameters text, compressed int4, parameters text`, svvExternalPartitions)
}

// kindDataCatalog is eskind's value for the AWS Glue Data Catalog.
const kindDataCatalog = 1

func svvExternalSchemas(ctx context.Context, s *Session) ([][]any, error) {
	schemas, err := s.schemas(ctx)
	if err != nil {
		return nil, err
	}
	users, err := s.engine.users(ctx)
	ids := userIDs(users)
	var out [][]any
	for _, e := range schemas {
		out = append(out, []any{e.oid(), kindDataCatalog, e.Name, ids(e.Owner), e.GlueDatabase, e.Options})
	}
	return out, err
}

func svvExternalDatabases(ctx context.Context, s *Session) ([][]any, error) {
	databases, err := s.engine.catalog.GetDatabases(ctx)
	var out [][]any
	for _, d := range databases {
		out = append(out, []any{kindDataCatalog, d.Name, d.LocationURI, jsonText(d.Parameters)})
	}
	return out, err
}

// jsonText is how the views print parameters; none is an empty text.
func jsonText(params map[string]string) string {
	if len(params) == 0 {
		return ""
	}
	text, err := json.Marshal(params)
	if err != nil {
		panic(err) // a map of strings can't fail
	}
	return string(text)
}

// storage are the columns that tables and partitions share.
func storage(d *catalog.StorageDescriptor) []any {
	compressed := 0
	if d.Compressed {
		compressed = 1
	}
	return []any{d.InputFormat, d.OutputFormat, d.SerdeInfo.SerializationLibrary, jsonText(d.SerdeInfo.Parameters), compressed}
}

func svvExternalTables(ctx context.Context, s *Session) ([][]any, error) {
	tables, err := s.externalTables(ctx)
	var out [][]any
	for _, o := range tables {
		row := []any{s.database, o.namespace.name, o.name, "TABLE", o.glue.StorageDescriptor.Location}
		out = append(out, append(append(row, storage(&o.glue.StorageDescriptor)...), jsonText(o.glue.Parameters)))
	}
	return out, err
}

func svvExternalColumns(ctx context.Context, s *Session) ([][]any, error) {
	tables, err := s.externalTables(ctx)
	var out [][]any
	for _, o := range tables {
		columns := append(o.glue.StorageDescriptor.Columns[:len(o.glue.StorageDescriptor.Columns):len(o.glue.StorageDescriptor.Columns)], o.glue.PartitionKeys...)
		for i, c := range columns {
			key := max(0, i+1-len(o.glue.StorageDescriptor.Columns))
			out = append(out, []any{s.database, o.namespace.name, o.name, c.Name, c.Type, i + 1, key, ""})
		}
	}
	return out, err
}

// locationCut is where svv_external_partitions cuts locations.
const locationCut = 128

func svvExternalPartitions(ctx context.Context, s *Session) ([][]any, error) {
	tables, err := s.externalTables(ctx)
	if err != nil {
		return nil, err
	}
	var out [][]any
	for _, o := range tables {
		if len(o.glue.PartitionKeys) == 0 {
			continue
		}
		partitions, err := s.engine.catalog.GetPartitions(ctx, o.glue.DatabaseName, o.glue.Name, "")
		if err != nil {
			return nil, fmt.Errorf("listing partitions of %s: %w", o.name, err)
		}
		for _, p := range partitions {
			values, err := json.Marshal(p.Values)
			if err != nil {
				return nil, fmt.Errorf("writing partition values: %w", err)
			}
			location := p.StorageDescriptor.Location
			row := []any{o.namespace.name, o.name, string(values), location[:min(len(location), locationCut)]}
			out = append(out, append(append(row, storage(&p.StorageDescriptor)...), jsonText(p.Parameters)))
		}
	}
	return out, nil
}
