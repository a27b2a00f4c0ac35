package segment

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// readBytes is how much of a column is read from the file at a time.
const readBytes = 64 << 10

// File is a segment file that is open for reading. It serves any number of cursors at the same time.
type File struct {
	file *parquet.File
}

// Open reads the footer of a segment file.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.ReadBufferSize(readBytes))
	if err != nil {
		return nil, fmt.Errorf("reading the footer of a segment: %w", err)
	}
	if n := len(f.Schema().Columns()); n != numColumns && n != numColumns-1 {
		return nil, fmt.Errorf("reading the footer of a segment: it has %d columns", n)
	}
	return &File{file: f}, nil
}

// Records returns the number of records.
func (f *File) Records() int64 { return f.file.NumRows() }

// Cursor reads chosen columns of a segment from front to back, page by page.
type Cursor struct {
	groups  []parquet.RowGroup
	choice  Columns
	group   int   // index of the row group being read
	next    int64 // row in the file
	start   int64 // first row of the row group
	columns [numColumns]column
	opened  bool
	zeros   []uint32
}

// column is one column of a row group: its pages, and what is left of the page last read.
type column struct {
	pages parquet.Pages
	page  parquet.Page
	rows  int // of the page
	at    int // rows of the page that are done
	u64   []uint64
	u32   []uint32
	i64   []int64
	text  Text
}

// Cursor returns a cursor at the first row. Columns that are not chosen stay empty in its batches. Close it.
func (f *File) Cursor(choice Columns) *Cursor {
	return &Cursor{groups: f.file.RowGroups(), choice: choice}
}

// SeekRow goes to a row, counted from the start of the file.
func (c *Cursor) SeekRow(row int64) error {
	if row == c.next {
		return nil
	}
	start, group := int64(0), 0
	for group < len(c.groups) && row >= start+c.groups[group].NumRows() {
		start += c.groups[group].NumRows()
		group++
	}
	if !c.opened || group != c.group {
		if err := c.closeGroup(); err != nil {
			return err
		}
		c.group, c.start, c.next = group, start, row
		return nil
	}
	for i := range c.columns {
		k := &c.columns[i]
		if k.pages == nil {
			continue
		}
		if ahead := row - c.next; k.page != nil && ahead >= 0 && int64(k.at)+ahead <= int64(k.rows) {
			k.at += int(ahead)
			continue
		}
		k.release()
		if err := k.pages.SeekToRow(row - start); err != nil {
			return fmt.Errorf("seeking row %d of a segment: %w", row, err)
		}
	}
	c.next = row
	return nil
}

// Next fills b with at least one and at most limit rows, from the cursor's row on, or returns io.EOF. They are valid until the
// next call. It does not set b.Day.
func (c *Cursor) Next(limit int64, b *Batch) error {
	if c.opened && c.next == c.start+c.groups[c.group].NumRows() {
		c.start += c.groups[c.group].NumRows()
		c.group++
		if err := c.closeGroup(); err != nil {
			return err
		}
	}
	if c.group >= len(c.groups) {
		return io.EOF
	}
	if !c.opened {
		if err := c.openGroup(); err != nil {
			return err
		}
	}
	n := min(limit, c.start+c.groups[c.group].NumRows()-c.next)
	for i := range c.columns {
		k := &c.columns[i]
		if k.pages == nil {
			continue
		}
		for k.page == nil || k.at == k.rows {
			if err := k.read(i); err != nil {
				return err
			}
		}
		n = min(n, int64(k.rows-k.at))
	}
	c.fill(b, int(n))
	c.next += n
	return nil
}

func (c *Cursor) openGroup() error {
	chunks := c.groups[c.group].ColumnChunks()
	c.opened = true
	for i := range c.columns {
		leaf := leafOf(i, len(chunks))
		if c.choice&(1<<i) == 0 || leaf < 0 {
			continue
		}
		pages := chunks[leaf].Pages()
		c.columns[i].pages = pages
		if c.next > c.start {
			if err := pages.SeekToRow(c.next - c.start); err != nil {
				return fmt.Errorf("seeking row %d of a segment: %w", c.next, err)
			}
		}
	}
	return nil
}

func (k *column) read(index int) error {
	k.release()
	page, err := k.pages.ReadPage()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("reading a page of a segment's column %d: %w", index, err)
	}
	k.page, k.rows, k.at = page, int(page.NumRows()), 0
	values := page.Data()
	switch {
	case index == 0:
		k.u64 = values.Uint64()
	case index == 1:
		k.u32 = values.Uint32()
	case index < firstText:
		k.i64 = values.Int64()
	default:
		k.text.Data, k.text.Offsets = values.ByteArray()
	}
	return nil
}

// release gives the page's memory back to the library.
func (k *column) release() {
	if k.page != nil {
		parquet.Release(k.page)
		k.page = nil
	}
	k.rows, k.at = 0, 0
}

func (c *Cursor) fill(b *Batch, n int) {
	*b = Batch{Len: n}
	for i := range c.columns {
		k := &c.columns[i]
		if k.pages == nil {
			continue
		}
		from, to := k.at, k.at+n
		k.at = to
		switch i {
		case 0:
			b.Position = k.u64[from:to]
		case 1:
			b.Index = k.u32[from:to]
		case 2:
			b.Received = k.i64[from:to]
		case 3:
			b.Time = k.i64[from:to]
		default:
			*b.text(i - firstText) = k.text.slice(from, to)
		}
	}
	if b.GroupKey.Offsets == nil && c.choice&GroupKey != 0 {
		for len(c.zeros) <= n {
			c.zeros = append(c.zeros, 0)
		}
		b.GroupKey.Offsets = c.zeros[:n+1]
	}
}

func (b *Batch) text(t int) *Text {
	switch t {
	case textName:
		return &b.Name
	case textDistinctID:
		return &b.DistinctID
	case textDeviceID:
		return &b.DeviceID
	case textUserID:
		return &b.UserID
	case textInsertID:
		return &b.InsertID
	case textGroupKey:
		return &b.GroupKey
	default:
		return &b.Properties
	}
}

func (c *Cursor) closeGroup() error {
	var errs []error
	for i := range c.columns {
		k := &c.columns[i]
		k.release()
		if k.pages != nil {
			errs = append(errs, k.pages.Close())
			k.pages = nil
		}
	}
	c.opened = false
	return errors.Join(errs...)
}

// Close releases the cursor's memory. The last batch is no longer valid.
func (c *Cursor) Close() error {
	c.group = len(c.groups)
	return c.closeGroup()
}
