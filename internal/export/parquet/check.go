package parquet

import (
	"fmt"
	"io"

	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// maxPageHeaderBytes is more than a page header with statistics takes.
const maxPageHeaderBytes = 64 << 10

// CheckSpectrumSafe reads the footer and all page headers of the file of size bytes and returns an error that names the first thing in
// them that is outside the dialect of this package, or that is not as the columns say: their names, order and types. It reads with
// another implementation of the format than the one that writes. Values are not read.
func CheckSpectrumSafe(r io.ReaderAt, size int64, columns []Column) error {
	f, err := parquetgo.OpenFile(r, size, parquetgo.SkipPageIndex(true), parquetgo.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("opening the file: %w", err)
	}
	m := f.Metadata()
	if m.Version != 1 {
		return fmt.Errorf("footer version is %d, not 1", m.Version)
	}
	if err := checkSchema(m.Schema, columns); err != nil {
		return err
	}
	if len(m.ColumnOrders) != len(columns) {
		return fmt.Errorf("column orders are given for %d of %d columns", len(m.ColumnOrders), len(columns))
	}
	var rows int64
	for i := range m.RowGroups {
		g := &m.RowGroups[i]
		rows += g.NumRows
		if err := checkGroup(r, g, columns); err != nil {
			return fmt.Errorf("row group %d: %w", i, err)
		}
	}
	if rows != m.NumRows {
		return fmt.Errorf("the footer counts %d rows, its row groups %d", m.NumRows, rows)
	}
	return nil
}

func checkSchema(elements []format.SchemaElement, columns []Column) error {
	if len(elements) != len(columns)+1 {
		return fmt.Errorf("file has %d columns, not %d", len(elements)-1, len(columns))
	}
	for i, c := range columns {
		e := &elements[i+1]
		if e.Name != c.Name {
			return fmt.Errorf("column %d is %q, not %q", i, e.Name, c.Name)
		}
		if e.NumChildren.V != 0 {
			return fmt.Errorf("column %s is nested", c.Name)
		}
		if e.RepetitionType.V != format.Optional {
			return fmt.Errorf("column %s is %s, not optional", c.Name, e.RepetitionType.V)
		}
		physical, converted := c.Type.physical()
		if !e.Type.Valid || e.Type.V != format.Type(physical) {
			return fmt.Errorf("column %s is stored as %s, which is not %s", c.Name, e.Type.V, c.Type)
		}
		if got, ok := e.ConvertedType.Get(); ok != (converted != convertedNone) || ok && int32(got) != converted {
			return fmt.Errorf("column %s has the ConvertedType %d (set: %t), which is not that of %s", c.Name, got, ok, c.Type)
		}
	}
	return nil
}

func checkGroup(r io.ReaderAt, g *format.RowGroup, columns []Column) error {
	if len(g.Columns) != len(columns) {
		return fmt.Errorf("it has %d columns, not %d", len(g.Columns), len(columns))
	}
	if g.TotalByteSize > MaxGroupBytes {
		return fmt.Errorf("it takes %d bytes, more than 128 MB", g.TotalByteSize)
	}
	next := int64(0)
	for i := range g.Columns {
		c := &g.Columns[i]
		start, err := checkChunk(r, &c.MetaData, g.NumRows)
		if err != nil {
			return fmt.Errorf("column %s: %w", columns[i].Name, err)
		}
		if c.ColumnIndexOffset != 0 || c.OffsetIndexOffset != 0 {
			return fmt.Errorf("column %s has a page index", columns[i].Name)
		}
		if start < next {
			return fmt.Errorf("column %s lies before the column it follows", columns[i].Name)
		}
		next = start + c.MetaData.TotalCompressedSize
	}
	return nil
}

// checkChunk walks the pages of a column chunk and returns where it starts.
func checkChunk(r io.ReaderAt, m *format.ColumnMetaData, rows int64) (start int64, err error) {
	if m.Codec != format.Snappy {
		return 0, fmt.Errorf("codec is %s, not SNAPPY", m.Codec)
	}
	if m.BloomFilterOffset != 0 {
		return 0, fmt.Errorf("it has a bloom filter")
	}
	for _, e := range m.Encoding {
		if e != format.Plain && e != format.RLE && e != format.RLEDictionary {
			return 0, fmt.Errorf("encoding is %s", e)
		}
	}
	start = m.DataPageOffset
	if m.DictionaryPageOffset != 0 {
		start = m.DictionaryPageOffset
	}
	var values int64
	dictionary := false
	buf := make([]byte, maxPageHeaderBytes)
	for at := start; at < start+m.TotalCompressedSize; {
		n, err := r.ReadAt(buf[:min(maxPageHeaderBytes, start+m.TotalCompressedSize-at)], at)
		if n == 0 {
			return 0, fmt.Errorf("reading the page at %d: %w", at, err)
		}
		var h format.PageHeader
		reader := new(thrift.CompactProtocol).NewReaderFromBytes(buf[:n])
		if err := thrift.NewDecoder(reader).Decode(&h); err != nil {
			return 0, fmt.Errorf("reading the header of the page at %d: %w", at, err)
		}
		if err := checkPage(&h, at == start, dictionary); err != nil {
			return 0, fmt.Errorf("page at %d: %w", at, err)
		}
		if h.Type == format.DictionaryPage {
			dictionary = true
		} else {
			values += int64(h.DataPageHeader.V.NumValues)
		}
		at += int64(reader.BytesRead()) + int64(h.CompressedPageSize)
	}
	if values != m.NumValues || values != rows {
		return 0, fmt.Errorf("pages hold %d values, the column chunk %d, the row group %d rows", values, m.NumValues, rows)
	}
	return start, nil
}

func checkPage(h *format.PageHeader, first, dictionary bool) error {
	switch {
	case h.Type == format.DictionaryPage && first && h.DictionaryPageHeader.V.Encoding == format.Plain:
		return nil
	case h.Type != format.DataPage:
		return fmt.Errorf("is a %s, not a DATA_PAGE", h.Type)
	}
	d := &h.DataPageHeader.V
	if d.DefinitionLevelEncoding != format.RLE {
		return fmt.Errorf("definition levels are %s, not RLE", d.DefinitionLevelEncoding)
	}
	if d.Encoding != format.Plain && (d.Encoding != format.RLEDictionary || !dictionary) {
		return fmt.Errorf("encoding is %s (dictionary: %t)", d.Encoding, dictionary)
	}
	return nil
}
