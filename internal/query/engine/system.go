package engine

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// Schemas that every database has.
const (
	catalogSchema     = "pg_catalog"
	informationSchema = "information_schema"
	publicSchema      = "public"
)

// Numbers of objects in the system catalog. Those of PostgreSQL's own are PostgreSQL's, since clients know them by heart.
const (
	catalogSchemaOID     = 11
	publicSchemaOID      = 2200
	informationSchemaOID = 11188
	firstSystemOID       = 11200
	firstDatabaseOID     = 90_000
	firstSchemaOID       = 100_000
	tableOIDs            = 1 << 30 // set in the numbers of tables, which are hashes of their names
)

// systemRelation is a table or view of the system catalog. Its rows are made anew for every query that names it.
type systemRelation struct {
	schema, name string
	oid          int64
	columns      []rsql.Column
	// rows gives the rows: per column nil, bool, int, int64, float64, string, time.Time, or []string for arrays.
	rows func(ctx context.Context, s *Session) ([][]any, error)
}

var (
	systemRelations = map[string]map[string]*systemRelation{catalogSchema: {}, informationSchema: {}}
	systemOrder     []*systemRelation
)

// wellKnownOIDs are the relations that clients name by number.
var wellKnownOIDs = map[string]int64{
	"pg_type": 1247, "pg_attribute": 1249, "pg_proc": 1255, "pg_class": 1259, "pg_shadow": 1260, "pg_group": 1261, "pg_database": 1262,
	"pg_namespace": 2615, "pg_constraint": 2606, "pg_index": 2610, "pg_description": 2609, "pg_attrdef": 2604,
}

// system enters a relation. columns lists "name type" pairs.
func system(schema, name, columns string, rows func(ctx context.Context, s *Session) ([][]any, error)) {
	r := &systemRelation{schema: schema, name: name, rows: rows, oid: wellKnownOIDs[name]}
	if r.oid == 0 {
		r.oid = firstSystemOID + int64(len(systemOrder))
	}
	for spec := range strings.SplitSeq(columns, ",") {
		column, typ, _ := strings.Cut(strings.TrimSpace(spec), " ")
		r.columns = append(r.columns, rsql.Column{Name: column, Type: systemType(typ)})
	}
	systemRelations[schema][name] = r
	systemOrder = append(systemOrder, r)
}

var systemTypes = map[string]rsql.Type{
	"bool": rsql.Bool, "int2": rsql.Int2, "int4": rsql.Int4, "int8": rsql.Int8, "float4": rsql.Float4, "float8": rsql.Float8,
	"oid": {Kind: rsql.KindOID}, "name": {Kind: rsql.KindName}, "text": rsql.Varchar(rsql.MaxVarcharLength), "timestamp": rsql.Timestamp,
}

func systemType(spec string) rsql.Type {
	if elem, ok := strings.CutSuffix(spec, "[]"); ok {
		return rsql.CatalogArray(systemType(elem))
	}
	if t, ok := systemTypes[spec]; ok {
		return t
	}
	name, length, _ := strings.Cut(strings.TrimSuffix(spec, ")"), "(")
	n, err := strconv.Atoi(length)
	if err != nil {
		panic("system relation: unknown type " + spec)
	}
	if name == "char" {
		return rsql.Char(n)
	}
	return rsql.Varchar(n)
}

// relation makes the rows readable by SQL until remove is called.
func (r *systemRelation) relation(ctx context.Context, s *Session) (rel *rsql.Relation, remove func(), err error) {
	rows, err := r.rows(ctx, s)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s.%s: %w", r.schema, r.name, err)
	}
	source := &systemSource{relation: r, rows: rows}
	items := make([]string, len(r.columns))
	for i, c := range r.columns {
		name := duck.QuoteName(c.Name)
		items[i] = name
		if c.Type.Kind == rsql.KindCatalogArray {
			items[i] = fmt.Sprintf("CAST(%s AS %s) AS %[1]s", name, c.Type.DuckDB())
		}
		source.columns = append(source.columns, duck.SourceColumn{Name: c.Name, Kind: systemKind(c.Type)})
	}
	expr, remove := duck.AddSource(source)
	return &rsql.Relation{
		Database: s.database, Schema: r.schema, Name: r.name, Columns: r.columns,
		DuckDB: "(SELECT " + strings.Join(items, ", ") + " FROM " + expr + ")",
	}, remove, nil
}

func systemKind(t rsql.Type) duck.Kind {
	switch t.Kind {
	case rsql.KindBool:
		return duck.Bool
	case rsql.KindInt2:
		return duck.Int16
	case rsql.KindInt4:
		return duck.Int32
	case rsql.KindInt8, rsql.KindOID, rsql.KindRegclass, rsql.KindRegtype:
		return duck.Int64
	case rsql.KindFloat4:
		return duck.Float32
	case rsql.KindFloat8:
		return duck.Float64
	case rsql.KindTimestamp:
		return duck.Timestamp
	}
	return duck.String
}

// systemSource gives the rows of a system relation to DuckDB.
type systemSource struct {
	relation *systemRelation
	columns  []duck.SourceColumn
	rows     [][]any
}

func (s *systemSource) Columns() []duck.SourceColumn { return s.columns }

func (s *systemSource) Open() (duck.Rows, error) { return &systemReading{source: s}, nil }

// systemReading is one reading of the rows, by one reader.
type systemReading struct {
	source *systemSource
	next   int
}

func (r *systemReading) Readers() int { return 1 }

func (r *systemReading) Reader() (duck.Reader, error) { return r, nil }

func (r *systemReading) Close() {}

func (r *systemReading) Read(b *duck.Block) (int, error) {
	n := min(duck.BlockSize, len(r.source.rows)-r.next)
	for row := range n {
		values := r.source.rows[r.next+row]
		if len(values) != len(r.source.columns) {
			return 0, fmt.Errorf("a row of %s has %d values for %d columns", r.source.relation.name, len(values), len(r.source.columns))
		}
		for col, v := range values {
			setSystem(b, col, row, r.source.columns[col].Kind, v)
		}
	}
	r.next += n
	return n, nil
}

func setSystem(b *duck.Block, col, row int, kind duck.Kind, v any) {
	switch v := v.(type) {
	case nil:
	case bool:
		b.SetBool(col, row, v)
	case string:
		b.SetString(col, row, []byte(strings.ToValidUTF8(v, "\ufffd")))
	case []string:
		b.SetString(col, row, []byte("["+strings.Join(v, ", ")+"]"))
	case float64:
		if kind == duck.Float32 {
			b.SetFloat32(col, row, float32(v))
			return
		}
		b.SetFloat64(col, row, v)
	case time.Time:
		if !v.IsZero() {
			b.SetInt64(col, row, v.UTC().UnixMicro())
		}
	case int:
		setSystem(b, col, row, kind, int64(v))
	case int64:
		switch kind {
		case duck.Int16:
			b.SetInt16(col, row, int16(v))
		case duck.Int32:
			b.SetInt32(col, row, int32(v))
		default:
			b.SetInt64(col, row, v)
		}
	default:
		panic(fmt.Sprintf("value of type %T in a system relation", v))
	}
}

// tableOID is the number of a table in pg_class: the same in every query, and without a place to store it.
func tableOID(database, schema, table string) int64 {
	h := fnv.New32a()
	for _, part := range []string{database, schema, table} {
		h.Write([]byte(part)) // a hash does not fail
		h.Write([]byte{0})
	}
	return int64(h.Sum32()&(tableOIDs-1) | tableOIDs)
}
