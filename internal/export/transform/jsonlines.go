package transform

import (
	"context"

	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/platform/bucket"
)

const (
	// lineGroupRows and lineGroupBytes bound the rows of a table that are turned into lines together.
	lineGroupRows  = 1024
	lineGroupBytes = 64 << 10
	// openLines is how many folders are open at the same time.
	openLines = 512
)

// jsonLines writes JSON lines. Rows pass through groups like those of Parquet files, so that both have the same columns and values.
type jsonLines struct {
	writer *lake.Writer
	rows   parquet.Rows
	values []int64
	longs  int64
}

func newJSONLines(ctx context.Context, b bucket.Bucket, o TablesOptions) *jsonLines {
	o.Writer.Open = openLines
	return &jsonLines{writer: lake.NewWriter(ctx, b, o.Layout, o.Window, o.Writer)}
}

func (j *jsonLines) limit(g *parquet.Group) *parquet.Group {
	g.MaxRows, g.MaxBytes = lineGroupRows, lineGroupBytes
	return g
}

func (j *jsonLines) waits() bool { return false }

func (j *jsonLines) spare(int) *parquet.Group { return new(parquet.Group) }

func (j *jsonLines) keep(int, *parquet.Group) {} // the table has one already

func (j *jsonLines) write(g *rowGroup) error {
	if err := j.writer.Begin(g.folder); err != nil {
		return err
	}
	columns := g.schema.Columns()
	j.values = append(j.values[:0], make([]int64, len(columns))...)
	buf := j.writer.Buffer()
	for j.rows.Reset(g.Group); j.rows.Next(); {
		values := j.rows.Values()
		long := false
		for i := range values {
			j.values[values[i].Column]++
			long = long || len(values[i].Bytes) > LongProperties
		}
		if long {
			j.longs++
		}
		buf = g.schema.AppendRow(buf, values)
	}
	rows := lake.Rows{Count: int64(g.Rows()), MinPosition: g.min, MaxPosition: g.max, Values: j.values}
	g.Reset()
	return j.writer.CommitRows(buf, &rows)
}

func (j *jsonLines) end(g *rowGroup) error { return j.writer.End(g.folder.Dir) }

func (j *jsonLines) close() ([]lake.Object, error) { return j.writer.Close() }

func (j *jsonLines) abort() { j.writer.Abort() }

func (j *jsonLines) long() int64 { return j.longs }
