package transform

import (
	"context"
	"fmt"

	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// columnar writes Parquet files. Groups go to a goroutine that encodes them one after the other; the caller fills others meanwhile.
type columnar struct {
	parts  *lake.Parts
	groups *parquet.Pool
	work   chan *encoding
	back   chan *encoding
	// spares are empty groups by table, which take held bytes of memory with those that were spare and are open now.
	spares [][]*parquet.Group
	taken  map[*parquet.Group]int64
	held   int64
	most   int64 // that held may be
}

// encoding is a row group on its way into a file.
type encoding struct {
	folder  lake.Folder
	table   int
	columns []schema.Column
	group   *parquet.Group // nil for none
	rows    lake.Rows
	end     bool // of the folder
}

// file is a Parquet file that is being written.
type file struct {
	part   *lake.Part
	writer *parquet.Writer
}

func newColumnar(ctx context.Context, b bucket.Bucket, o TablesOptions) *columnar {
	c := &columnar{
		parts: lake.NewParts(ctx, b, o.Layout, o.Window, lake.Columnar, o.Writer), groups: o.Groups,
		work: make(chan *encoding), back: make(chan *encoding, 2),
		taken: map[*parquet.Group]int64{}, most: o.Memory * 3 / 2, // two groups of the usual size, with what their buffers have in reserve
	}
	c.parts.Go(c.encode)
	return c
}

func (c *columnar) limit(g *parquet.Group) *parquet.Group { return g }

func (c *columnar) waits() bool { return true }

func (c *columnar) long() int64 { return 0 }

// spare prefers a group that the table has had before: its buffers fit.
func (c *columnar) spare(table int) *parquet.Group {
	if g := c.kept(table); g != nil {
		return g
	}
	return c.groups.Get()
}

// kept returns a group that was kept for the table, nil for none.
func (c *columnar) kept(table int) *parquet.Group {
	if table >= len(c.spares) || len(c.spares[table]) == 0 {
		return nil
	}
	last := len(c.spares[table]) - 1
	g := c.spares[table][last]
	c.spares[table] = c.spares[table][:last]
	return g
}

func (c *columnar) keep(table int, g *parquet.Group) {
	for len(c.spares) <= table {
		c.spares = append(c.spares, nil)
	}
	c.spares[table] = append(c.spares[table], g)
}

func (c *columnar) write(g *rowGroup) error {
	full, sizes := g.Group, g.Sizes()
	err := c.send(&encoding{
		folder: g.folder, table: g.table, columns: g.schema.Columns(), group: full,
		rows: lake.Rows{Count: int64(full.Rows()), MinPosition: g.min, MaxPosition: g.max},
	})
	if err != nil {
		return err
	}
	c.collect()
	g.Group = c.another(g.table, sizes)
	return nil
}

// another returns an empty group for further rows like those of one that had columns of such sizes.
func (c *columnar) another(table int, sizes []int) *parquet.Group {
	if g := c.kept(table); g != nil {
		return g
	}
	g, expected := c.groups.Get(), int64(0)
	for _, size := range sizes {
		expected += int64(size)
	}
	if c.held+expected <= c.most {
		g.Expect(sizes)
		c.held += expected
		c.taken[g] = expected
	}
	return g
}

// collect takes back groups that are encoded. Those that would hold too much memory are let go.
func (c *columnar) collect() {
	for {
		select {
		case e := <-c.back:
			c.held -= c.taken[e.group]
			delete(c.taken, e.group)
			held := e.group.Held()
			if c.held+held > c.most {
				continue
			}
			c.held += held
			c.taken[e.group] = held
			c.keep(e.table, e.group)
		default:
			return
		}
	}
}

func (c *columnar) end(g *rowGroup) error {
	return c.send(&encoding{folder: g.folder, end: true})
}

func (c *columnar) send(e *encoding) error {
	select {
	case c.work <- e:
		return nil
	case <-c.parts.Done():
		return c.parts.Err()
	}
}

func (c *columnar) close() ([]lake.Object, error) {
	close(c.work)
	objects, err := c.parts.Close()
	if err != nil {
		return nil, err
	}
	c.collect()
	for _, spares := range c.spares {
		for _, g := range spares {
			c.groups.Put(g)
		}
	}
	return objects, nil
}

func (c *columnar) abort() { c.parts.Abort() }

// encode is the goroutine that fills files.
func (c *columnar) encode() error {
	var encoder parquet.Encoder
	open := map[string]*file{}
	end := func(dir string) error {
		f := open[dir]
		delete(open, dir)
		if err := f.writer.Close(); err != nil {
			return fmt.Errorf("encoding %s: %w", f.part.Key, err)
		}
		return c.parts.End(f.part)
	}
	for {
		var e *encoding
		var more bool
		select {
		case e, more = <-c.work:
		case <-c.parts.Done():
			return nil // with the error that ended the parts
		}
		if !more {
			return nil
		}
		dir := e.folder.Dir
		if e.group != nil {
			if f := open[dir]; f != nil && e.group.Used() > f.writer.Columns() {
				if err := end(dir); err != nil {
					return err
				}
			}
			if open[dir] == nil {
				if most := c.parts.Crowded(); most != nil {
					if err := end(most.Folder()); err != nil {
						return err
					}
				}
				part := c.parts.Begin(e.folder)
				open[dir] = &file{part, encoder.NewWriter(part, schema.ParquetColumns(e.columns))}
			}
			f := open[dir]
			if err := f.writer.WriteGroup(e.group); err != nil {
				return fmt.Errorf("encoding %s: %w", f.part.Key, err)
			}
			e.rows.Values = e.group.AddCounts(make([]int64, len(e.columns)))[:f.writer.Columns()]
			f.part.Add(&e.rows)
			e.group.Reset()
			select {
			case c.back <- e:
			default:
			}
		}
		if f := open[dir]; f != nil && (e.end || f.part.Full()) {
			if err := end(dir); err != nil {
				return err
			}
		}
	}
}
