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

// external finds the external schema of a table name and the table's folded name.
func (s *Session) external(ctx context.Context, name rsql.ObjectName, what string) (*ExternalSchema, string, error) {
	if len(name.Parts) < 2 {
		return nil, "", &rsql.Error{
			SQLState: rsql.StateFeatureNotSupported, Message: what + " is supported for tables of external schemas only", Hint: "Name the table with its external schema.",
		}
	}
	if len(name.Parts) == 3 && !strings.EqualFold(name.Parts[0].Text, s.database) {
		return nil, "", failure(rsql.StateFeatureNotSupported, "cross-database reference to database \"%s\" is not supported yet", name.Parts[0].Text)
	}
	schema := s.fold(name.Parts[len(name.Parts)-2])
	if schema == publicSchema || schema == catalogSchema || schema == informationSchema {
		return nil, "", failure(rsql.StateFeatureNotSupported, "%s is supported for tables of external schemas only", what)
	}
	e, err := s.externalSchema(ctx, schema)
	if err != nil {
		return nil, "", err
	}
	if !s.user.Superuser && !strings.EqualFold(e.Owner, s.user.Name) {
		return nil, "", failure(rsql.StateInsufficientPriv, "permission denied for schema %s", schema)
	}
	return e, s.fold(name.Last()), s.outsideTransaction(what)
}

// Formats of the Hive classes that STORED AS stands for.
const (
	textInput     = "org.apache.hadoop.mapred.TextInputFormat"
	textOutput    = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
	parquetInput  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	parquetOutput = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
)

// createExternalTable is CREATE EXTERNAL TABLE for the formats that scans read: JSON by the openx SerDe, and Parquet.
func (s *Session) createExternalTable(ctx context.Context, st *rsql.CreateExternalTable) error {
	e, name, err := s.external(ctx, st.Name, "CREATE EXTERNAL TABLE")
	if err != nil {
		return err
	}
	if st.As != nil {
		return failure(rsql.StateFeatureNotSupported, "CREATE EXTERNAL TABLE AS is not supported yet")
	}
	d := catalog.StorageDescriptor{Location: st.Location, NumberOfBuckets: -1, InputFormat: st.InputFormat, OutputFormat: st.OutputFormat}
	switch {
	case st.StoredAs == "parquet" && st.SerDe == "":
		d.InputFormat, d.OutputFormat = parquetInput, parquetOutput
		d.SerdeInfo = catalog.SerDeInfo{SerializationLibrary: serdeParquet, Parameters: map[string]string{"serialization.format": "1"}}
	case st.SerDe == serdeJSON || st.SerDe == serdeParquet:
		if st.StoredAs == "textfile" {
			d.InputFormat, d.OutputFormat = textInput, textOutput
		}
		d.SerdeInfo = catalog.SerDeInfo{SerializationLibrary: st.SerDe, Parameters: map[string]string{}}
		for _, p := range st.SerDeProperties {
			d.SerdeInfo.Parameters[p.Name] = p.Value
		}
	default:
		return failure(rsql.StateFeatureNotSupported, "external tables are supported as PARQUET, and as TEXTFILE with the SerDe %s", serdeJSON)
	}
	if d.InputFormat == "" {
		return failure(rsql.StateFeatureNotSupported, "STORED AS %s is not supported yet with the SerDe %s", strings.ToUpper(st.StoredAs), st.SerDe)
	}
	if d.Columns, err = s.glueColumns(st.Columns); err != nil {
		return err
	}
	t := catalog.TableInput{
		Name: name, Owner: s.user.Name, TableType: "EXTERNAL_TABLE", StorageDescriptor: d,
		Parameters: map[string]string{"EXTERNAL": "TRUE"},
	}
	if t.PartitionKeys, err = s.glueColumns(st.Partitions); err != nil {
		return err
	}
	for _, p := range st.Properties {
		t.Parameters[p.Name] = p.Value
	}
	if err := s.engine.roleMay(ctx, e.Role(), "CreateTable", e.GlueDatabase, name); err != nil {
		return err
	}
	err = s.engine.catalog.CreateTable(ctx, e.GlueDatabase, t)
	if errors.Is(err, catalog.ErrAlreadyExists) {
		return failure("42P07", "relation \"%s\" already exists", name)
	}
	return err
}

// glueColumns gives column definitions in the catalog's words.
func (s *Session) glueColumns(defs []rsql.ColumnDef) ([]catalog.Column, error) {
	out := []catalog.Column{}
	for _, d := range defs {
		t, err := glueType(d.Type)
		if err != nil {
			return nil, err
		}
		out = append(out, catalog.Column{Name: s.fold(d.Name), Type: t})
	}
	return out, nil
}

// glueTypes are the Hive types of Redshift's plain types.
var glueTypes = map[rsql.Kind]string{
	rsql.KindBool: "boolean", rsql.KindInt2: "smallint", rsql.KindInt4: "int", rsql.KindInt8: "bigint", rsql.KindFloat4: "float", rsql.KindFloat8: "double",
	rsql.KindDate: "date", rsql.KindTimestamp: "timestamp",
}

// glueType writes a type as the Glue Data Catalog holds it.
func glueType(t rsql.Type) (string, error) {
	if name, ok := glueTypes[t.Kind]; ok {
		return name, nil
	}
	switch t.Kind {
	case rsql.KindVarchar:
		return "varchar(" + strconv.Itoa(t.Length) + ")", nil
	case rsql.KindChar:
		return "char(" + strconv.Itoa(t.Length) + ")", nil
	case rsql.KindDecimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale), nil
	case rsql.KindArray:
		elem, err := glueType(*t.Elem)
		return "array<" + elem + ">", err
	case rsql.KindMap:
		key, err := glueType(*t.Key)
		if err != nil {
			return "", err
		}
		elem, err := glueType(*t.Elem)
		return "map<" + key + "," + elem + ">", err
	case rsql.KindStruct:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			inner, err := glueType(f.Type)
			if err != nil {
				return "", err
			}
			parts[i] = strings.ToLower(f.Name) + ":" + inner
		}
		return "struct<" + strings.Join(parts, ",") + ">", nil
	}
	return "", failure(rsql.StateFeatureNotSupported, "external tables can't have columns of type %s", t)
}

// alterExternalTable is ALTER TABLE for the partitions of external tables.
func (s *Session) alterExternalTable(ctx context.Context, st *rsql.AlterTable) error {
	e, name, err := s.external(ctx, st.Name, "ALTER TABLE")
	if err != nil {
		return err
	}
	change := map[bool]string{true: "BatchCreatePartition", false: "BatchDeletePartition"}
	_, adds := st.Action.(*rsql.AddPartitions)
	for _, action := range []string{"GetTable", change[adds]} {
		if err := s.engine.roleMay(ctx, e.Role(), action, e.GlueDatabase, name); err != nil {
			return err
		}
	}
	t, err := s.engine.catalog.GetTable(ctx, e.GlueDatabase, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return noRelation(e.Name, name)
	}
	if err != nil {
		return err
	}
	switch action := st.Action.(type) {
	case *rsql.AddPartitions:
		return s.addPartitions(ctx, t, action)
	case *rsql.DropPartition:
		values, err := s.partitionValues(t, action.Values)
		if err != nil {
			return err
		}
		return s.engine.catalog.BatchDeletePartition(ctx, t.DatabaseName, t.Name, [][]string{values})
	}
	return notSupported(st)
}

func (s *Session) addPartitions(ctx context.Context, t *catalog.Table, action *rsql.AddPartitions) error {
	if len(action.Partitions) > catalog.MaxBatchCreate {
		return failure(rsql.StateFeatureNotSupported, "at most %d partitions can be added by one statement", catalog.MaxBatchCreate)
	}
	var batch []catalog.PartitionInput
	for _, p := range action.Partitions {
		values, err := s.partitionValues(t, p.Values)
		if err != nil {
			return err
		}
		d := t.StorageDescriptor
		d.Location = p.Location
		batch = append(batch, catalog.PartitionInput{Values: values, StorageDescriptor: d})
	}
	err := s.engine.catalog.BatchCreatePartition(ctx, t.DatabaseName, t.Name, batch)
	failed, ok := errors.AsType[*catalog.BatchError](err)
	if !ok {
		return err
	}
	for _, p := range failed.Failed {
		if !errors.Is(p.Err, catalog.ErrAlreadyExists) {
			return err
		}
		if !action.IfNotExists {
			return failure(stateDuplicateObject, "partition (%s) of table \"%s\" already exists", strings.Join(p.Values, ", "), t.Name)
		}
	}
	return nil
}

// partitionValues puts the values of a partition into the order of the table's keys.
func (s *Session) partitionValues(t *catalog.Table, given []rsql.PartitionValue) ([]string, error) {
	values := make([]string, len(t.PartitionKeys))
	for i, key := range t.PartitionKeys {
		found := false
		for _, v := range given {
			if strings.EqualFold(v.Key.Text, key.Name) {
				values[i], found = v.Value, true
			}
		}
		if !found || len(given) != len(values) {
			return nil, failure(rsql.StateUndefinedColumn, "the partition must have a value for each of the keys of table \"%s\", and no others", t.Name)
		}
	}
	return values, nil
}

// dropTables is DROP TABLE for external tables: the definitions go, the data stays.
func (s *Session) dropTables(ctx context.Context, st *rsql.DropRelations) error {
	if st.What != "table" {
		return notSupported(st)
	}
	for _, n := range st.Names {
		e, name, err := s.external(ctx, n, "DROP TABLE")
		if err != nil {
			return err
		}
		if err := s.engine.roleMay(ctx, e.Role(), "DeleteTable", e.GlueDatabase, name); err != nil {
			return err
		}
		err = s.engine.catalog.DeleteTable(ctx, e.GlueDatabase, name)
		switch {
		case errors.Is(err, catalog.ErrNotFound) && st.IfExists:
			s.notice(rsql.StateUndefinedTable, "Table \"%s\" does not exist and will be skipped", name)
		case errors.Is(err, catalog.ErrNotFound):
			return failure(rsql.StateUndefinedTable, "Table \"%s\" does not exist", name)
		case err != nil:
			return err
		}
	}
	return nil
}
