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
// they hold. Statistics are not believed. A page that cannot be decoded is an error. If there is a column of texts called text, each is
// called with its values that are not null; they are valid during the call only.
func Count(r io.ReaderAt, size int64, text string, each func(value []byte) error) (*Counts, error) {
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
			read := each
			if c.Columns[j] != text {
				read = nil
			}
			rows, values, err := countPages(chunk, read)
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

func countPages(chunk parquetgo.ColumnChunk, each func(value []byte) error) (rows, values int64, err error) {
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
		if each != nil {
			err = eachValue(page, each)
		}
		parquetgo.Release(page)
		if err != nil {
			return 0, 0, err
		}
	}
}

// eachValue calls fn with the values of a page of texts that are not null.
func eachValue(page parquetgo.Page, fn func(value []byte) error) error {
	in := page.Values()
	var buf [64]parquetgo.Value
	for {
		n, err := in.ReadValues(buf[:])
		for _, v := range buf[:n] {
			if v.IsNull() {
				continue
			}
			if err := fn(v.ByteArray()); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
