package engine

import (
	"context"
	"reflect"
	"strconv"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// Names of the relation that a partition condition is evaluated over.
const (
	partitionRelation = "refract_partitions"
	partitionIndex    = "refract_index"
)

// prune leaves the partitions for which the scan's condition on partition keys is true. The catalog's own expressions can't hold
// all conditions: casts and patterns are decided here, by the same translation that the query has. A condition that can't be
// evaluated prunes nothing, and the query itself reports why.
func (s *Session) prune(ctx context.Context, table *catalog.Table, scan *rsql.Scan, slices []slice) []slice {
	if scan.Partition == nil || len(slices) == 0 {
		return slices
	}
	parsed, err := rsql.Parse("SELECT " + partitionIndex + " FROM " + partitionRelation + " WHERE " + rsql.Print(scan.Partition))
	if err != nil || len(parsed) != 1 {
		return slices
	}
	q, ok := parsed[0].(*rsql.Query)
	if !ok {
		return slices
	}
	unqualify(q.Body)
	n := &partitionNames{names: s.names(ctx), relation: &rsql.Relation{Name: partitionRelation}}
	source := &partitionSource{slices: slices}
	n.relation.Columns = []rsql.Column{{Name: partitionIndex, Type: rsql.Int8}}
	source.columns = []duck.SourceColumn{{Name: partitionIndex, Kind: duck.Int64}}
	for _, c := range scan.Relation.Columns {
		kind, err := sourceKind(c.Type)
		if c.PartitionKey {
			if err != nil || c.Type.Kind == rsql.KindDecimal {
				return slices
			}
			n.relation.Columns = append(n.relation.Columns, c)
			source.columns = append(source.columns, duck.SourceColumn{Name: c.Name, Kind: kind})
			source.types = append(source.types, c.Type)
		}
	}
	if len(source.types) != len(table.PartitionKeys) {
		return slices
	}
	var remove func()
	n.relation.DuckDB, remove = duck.AddSource(source)
	defer remove()
	kept, err := s.evaluateIndexes(ctx, q, n)
	if err != nil {
		return slices
	}
	out := make([]slice, len(kept))
	for i, index := range kept {
		out[i] = slices[index]
	}
	return out
}

func (s *Session) evaluateIndexes(ctx context.Context, q *rsql.Query, n *partitionNames) ([]int64, error) {
	bound, err := rsql.Bind(q, n, nil)
	if err != nil {
		return nil, err
	}
	text, err := bound.DuckDB(nil) // no external table is named
	if err != nil {
		return nil, err
	}
	r, err := s.conn.Query(ctx, text, false)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []int64
	for {
		chunk, err := r.Next()
		if err != nil || chunk == nil {
			return out, err
		}
		for row := range chunk.Len() {
			out = append(out, chunk.Columns[0].Int(row))
		}
	}
}

// unqualify leaves only the last part of every column name in an AST that nobody else holds.
func unqualify(ast any) {
	walk(reflect.ValueOf(ast), func(x reflect.Value) bool {
		ref, ok := x.Interface().(*rsql.ColumnRef)
		if ok {
			ref.Names = ref.Names[len(ref.Names)-1:]
		}
		return !ok
	})
}

// partitionNames resolves the one relation of partitions.
type partitionNames struct {
	*names
	relation *rsql.Relation
}

// Relation implements rsql.Environment.
func (n *partitionNames) Relation(_, schema, name string) (*rsql.Relation, error) {
	if schema != "" || name != partitionRelation {
		return nil, noRelation(schema, name)
	}
	return n.relation, nil
}

// partitionSource gives the partition values and their indexes to DuckDB.
type partitionSource struct {
	slices  []slice
	columns []duck.SourceColumn
	types   []rsql.Type
}

func (p *partitionSource) Columns() []duck.SourceColumn { return p.columns }

func (p *partitionSource) Open() (duck.Rows, error) { return &partitionReading{source: p}, nil }

type partitionReading struct {
	source *partitionSource
	next   int
}

func (r *partitionReading) Readers() int { return 1 }

func (r *partitionReading) Reader() (duck.Reader, error) { return r, nil }

func (r *partitionReading) Close() {}

func (r *partitionReading) Read(b *duck.Block) (int, error) {
	n := min(duck.BlockSize, len(r.source.slices)-r.next)
	for row := range n {
		setText(b, 0, row, rsql.Int8, strconv.AppendInt(nil, int64(r.next+row), 10))
		for i, v := range r.source.slices[r.next+row].values {
			if v != hiveNull {
				setText(b, i+1, row, r.source.types[i], []byte(v))
			}
		}
	}
	r.next += n
	return n, nil
}
