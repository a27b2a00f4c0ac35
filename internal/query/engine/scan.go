package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// The formats that scans read, by the SerDe that the table or partition names.
const (
	serdeJSON    = "org.openx.data.jsonserde.JsonSerDe"
	serdeParquet = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
)

// scanPlan is one scan of an external table in a query: what it will read, and once it ran, what it did read.
type scanPlan struct {
	table  *catalog.Table
	schema string
	// pruned are the partitions selected, total those there are; both are 0 for a table without partitions.
	pruned, total int
	files         []dataFile
	format        string
	json          *jsonScan
	// paths are the files of Parquet objects.
	paths []string
	close func()
}

// planScan prunes partitions, by the catalog and then by keep, lists the files of the rest, and gives the table expression that reads them, all as the role may ("" is nobody). Nothing is
// opened before DuckDB asks for rows. The plan must be closed after the query.
func (e *Engine) planScan(ctx context.Context, table *catalog.Table, role string, scan *rsql.Scan, keep func([]slice) []slice) (*scanPlan, string, error) {
	p := &scanPlan{table: table, schema: scan.Relation.Schema, close: func() {}}
	columns, err := scanColumns(table, scan)
	if err != nil {
		return nil, "", err
	}
	if len(table.PartitionKeys) > 0 {
		if err := e.roleMay(ctx, role, "GetPartitions", table.DatabaseName, table.Name); err != nil {
			return nil, "", err
		}
	}
	slices, err := e.slices(ctx, table, scan.Expression())
	if err != nil {
		return nil, "", err
	}
	if len(table.PartitionKeys) > 0 {
		slices = keep(slices)
		p.pruned = len(slices)
	}
	if p.files, err = e.files(ctx, slices); err != nil {
		return nil, "", err
	}
	if err := e.roleReads(ctx, role, slices, p.files); err != nil {
		return nil, "", err
	}
	if len(p.files) == 0 {
		return p, emptyRelation(columns), nil
	}
	serde, err := oneSerDe(table, slices, p.files)
	if err != nil {
		return nil, "", err
	}
	switch serde.SerializationLibrary {
	case serdeParquet:
		p.format = "Parquet"
		paths, remove, err := e.localPaths(ctx, p.files)
		if err != nil {
			return nil, "", err
		}
		p.close, p.paths = remove, paths
		return p, parquetFrom(p.files, paths, slices, columns), nil
	case serdeJSON:
		p.format = "JSON"
		if err := p.planJSON(ctx, slices, columns, serde.Parameters, scan.Limit); err != nil {
			return nil, "", err
		}
		return p, p.from(), nil
	}
	return nil, "", &rsql.Error{
		SQLState: rsql.StateFeatureNotSupported,
		Message:  fmt.Sprintf("SerDe %q of external table %s.%s is not supported yet", serde.SerializationLibrary, p.schema, table.Name),
	}
}

// scanColumns are the columns a scan gives, with where their values come from.
func scanColumns(t *catalog.Table, scan *rsql.Scan) ([]scanColumn, error) {
	var out []scanColumn
	for _, name := range scan.Columns {
		c := scanColumn{name: name, key: -1}
		for _, col := range scan.Relation.Columns {
			if col.Name == name {
				c.typ = col.Type
			}
		}
		for i, key := range t.PartitionKeys {
			if strings.EqualFold(key.Name, name) {
				c.key = i
			}
		}
		out = append(out, c)
	}
	if scan.NeedsPath {
		out = append(out, scanColumn{name: pseudoPath, typ: rsql.Varchar(rsql.MaxVarcharLength), key: -1, pseudo: pseudoPath})
	}
	if scan.NeedsSize {
		out = append(out, scanColumn{name: pseudoSize, typ: rsql.Int8, key: -1, pseudo: pseudoSize})
	}
	return out, nil
}

// oneSerDe is the SerDe of the files' partitions, which must agree.
func oneSerDe(t *catalog.Table, slices []slice, files []dataFile) (catalog.SerDeInfo, error) {
	serde := slices[files[0].partition].descriptor.SerdeInfo
	for i := range files {
		if other := slices[files[i].partition].descriptor.SerdeInfo.SerializationLibrary; other != serde.SerializationLibrary {
			return serde, &rsql.Error{
				SQLState: rsql.StateFeatureNotSupported,
				Message:  fmt.Sprintf("partitions of table %s in different formats (%s, %s) are not supported yet", t.Name, serde.SerializationLibrary, other),
			}
		}
	}
	return serde, nil
}

// planJSON prepares the scan of JSON files.
func (p *scanPlan) planJSON(ctx context.Context, slices []slice, columns []scanColumn, params map[string]string, limit *int64) error {
	for i := range columns {
		kind, err := sourceKind(columns[i].typ)
		if err != nil {
			return err
		}
		columns[i].kind = kind
	}
	serde, err := newJSONSerDe(params, columns)
	if err != nil {
		return err
	}
	p.json = &jsonScan{ctx: ctx, files: p.files, slices: slices, columns: columns, serde: serde}
	if limit != nil {
		p.json.limit = *limit
	}
	return nil
}

// from makes the JSON scan readable by SQL and gives its table expression.
func (p *scanPlan) from() string {
	expr, remove := duck.AddSource(p.json)
	p.close = remove
	items := []string{"true"}
	for i, c := range p.json.columns {
		item := scanCast(duck.QuoteName(c.name), c.typ)
		if i == 0 {
			items = items[:0]
		}
		items = append(items, item)
	}
	return "(SELECT " + strings.Join(items, ", ") + " FROM " + expr + ")"
}

// emptyRelation is a relation of the columns without rows.
func emptyRelation(columns []scanColumn) string {
	items := []string{}
	for _, c := range columns {
		items = append(items, fmt.Sprintf("NULL::%s AS %s", c.typ.DuckDB(), duck.QuoteName(c.name)))
	}
	if len(items) == 0 {
		items = append(items, "true")
	}
	return "(SELECT " + strings.Join(items, ", ") + " WHERE false)"
}

// failure is the scan's own form of the error that its query ended with; nil when the scan did not cause it.
func (p *scanPlan) failure(err error) error {
	if p.json != nil {
		return p.json.failure.err
	}
	de, ok := errors.AsType[*duck.Error](err)
	if !ok {
		return nil
	}
	for i, path := range p.paths {
		if strings.Contains(de.Message, path) {
			reason, _, _ := strings.Cut(de.Message, "\n")
			_, reason, _ = strings.Cut(reason, ": ")
			return spectrumError("Error reading Parquet file: " + strings.ReplaceAll(reason, path, p.files[i].location()))
		}
	}
	return nil
}
