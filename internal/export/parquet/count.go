package parquet

import (
	"errors"
	"fmt"
	"io"

	parquetgo "github.com/parquet-go/parquet-go"
)

// Counts is what a file holds.
type Counts struct {
	Rows int64
	// Columns are the names of the columns in their order, Values the number of values of each that are not null.
	Columns []string
	Values  []int64
}

// Count reads all pages of the file of size bytes, with another implementation of the format than the one that writes, and counts what
// they hold. Statistics are not believed. A page that cannot be decoded is an error.
func Count(r io.ReaderAt, size int64) (*Counts, error) {
	f, err := parquetgo.OpenFile(r, size, parquetgo.SkipPageIndex(true), parquetgo.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	c := &Counts{}
	for _, path := range f.Schema().Columns() {
		c.Columns = append(c.Columns, path[0])
	}
	c.Values = make([]int64, len(c.Columns))
	for i, g := range f.RowGroups() {
		c.Rows += g.NumRows()
		for j, chunk := range g.ColumnChunks() {
			rows, values, err := countPages(chunk)
			if err == nil && rows != g.NumRows() {
				err = fmt.Errorf("its pages hold %d of %d rows", rows, g.NumRows())
			}
			if err != nil {
				return nil, fmt.Errorf("reading column %s of row group %d: %w", c.Columns[j], i, err)
			}
			c.Values[j] += values
		}
	}
	return c, nil
}

func countPages(chunk parquetgo.ColumnChunk) (rows, values int64, err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return rows, values, nil
		}
		if err != nil {
			return 0, 0, err
		}
		rows += page.NumRows()
		values += page.NumValues() - page.NumNulls()
		parquetgo.Release(page)
	}
}
