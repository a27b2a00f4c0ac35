package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
)

const magic = "PAR1"

// createdBy has the form that readers parse to know the mistakes of writers.
const createdBy = "refract version 1.0.0 (build 1)"

// groupOverhead is more than page headers and the headers of runs add to a group.
const groupOverhead = 4 << 20

// ErrGroupTooLarge refuses a group that would take more than MaxGroupBytes.
var ErrGroupTooLarge = errors.New("row group is larger than 128 MB")

// Writer writes one file. It serves one goroutine; after an error every further call fails with it.
type Writer struct {
	out     io.Writer
	columns []Column
	groups  []groupMeta
	offset  int64
	rows    int64
	err     error
	*buffers
}

// Encoder holds what writers work in, some megabytes. The files of one goroutine share one.
type Encoder struct{ buffers }

type buffers struct {
	dictionary dictionary
	page       []byte
	packed     []byte
	header     compact
}

// groupMeta and chunkMeta are what the footer says of a row group and of a column of it.
type groupMeta struct {
	chunks       []chunkMeta
	rows         int64
	offset       int64
	uncompressed int64
	compressed   int64
}

type chunkMeta struct {
	dictionary   int64 // offset of the dictionary page, 0 for none
	data         int64
	uncompressed int64
	compressed   int64
	nulls        int64
	bounds       bounds
}

// NewWriter begins a file of the columns in that order. Nothing is written before the first group.
func NewWriter(out io.Writer, columns []Column) *Writer { return new(Encoder).NewWriter(out, columns) }

// NewWriter begins a file that is written with the encoder. Files may be written in turn, a row group of one and then of another.
func (e *Encoder) NewWriter(out io.Writer, columns []Column) *Writer {
	w := &Writer{buffers: &e.buffers}
	w.Reset(out, columns)
	return w
}

// Reset begins another file with the writer's buffers.
func (w *Writer) Reset(out io.Writer, columns []Column) {
	w.out, w.columns = out, append(w.columns[:0], columns...)
	w.groups, w.offset, w.rows, w.err = w.groups[:0], 0, 0, nil
}

// Offset returns the bytes written so far.
func (w *Writer) Offset() int64 { return w.offset }

// Rows returns the rows written so far.
func (w *Writer) Rows() int64 { return w.rows }

// Columns returns the number of the file's columns.
func (w *Writer) Columns() int { return len(w.columns) }

// WriteGroup writes the group's rows as one row group; a group without rows is no row group. The group's columns must be the first of
// the file's; those that it lacks are null. A group with values in columns that the file has not needs another file (see Group.Used). The
// group is not changed.
func (w *Writer) WriteGroup(g *Group) error {
	if w.err == nil && g.rows > 0 {
		w.err = w.writeGroup(g)
	}
	return w.err
}

func (w *Writer) writeGroup(g *Group) error {
	if used := g.Used(); used > len(w.columns) {
		return fmt.Errorf("writing row group %d: it has %d columns, the file %d", len(w.groups), used, len(w.columns))
	}
	if g.Bytes() > MaxGroupBytes-groupOverhead {
		return fmt.Errorf("writing row group %d of %d bytes: %w", len(w.groups), g.Bytes(), ErrGroupTooLarge)
	}
	if w.offset == 0 {
		if err := w.write([]byte(magic)); err != nil {
			return err
		}
	}
	meta := groupMeta{rows: int64(g.rows), offset: w.offset, chunks: make([]chunkMeta, len(w.columns))}
	for i, c := range w.columns {
		a := &array{kind: c.Type}
		if i < len(g.arrays) {
			a = &g.arrays[i]
		}
		if a.kind != c.Type {
			return fmt.Errorf("writing column %s of row group %d: it is %s, in the file %s", c.Name, len(w.groups), a.kind, c.Type)
		}
		if err := w.writeChunk(&meta.chunks[i], a, g.rows); err != nil {
			return fmt.Errorf("writing column %s of row group %d: %w", c.Name, len(w.groups), err)
		}
		meta.uncompressed += meta.chunks[i].uncompressed
		meta.compressed += meta.chunks[i].compressed
	}
	w.groups = append(w.groups, meta)
	w.rows += meta.rows
	return nil
}

func (w *Writer) writeChunk(m *chunkMeta, a *array, rows int) error {
	m.nulls = int64(rows - a.count)
	indexed := w.dictionary.build(a)
	if indexed {
		d := &w.dictionary
		m.bounds = boundsOf(a.kind, d.page, len(d.entries))
		m.dictionary = w.offset
		if err := w.writePage(m, pageDictionary, len(d.entries), encodingPlain, d.page); err != nil {
			return err
		}
	} else {
		m.bounds = boundsOf(a.kind, a.data, a.count)
	}
	m.data = w.offset
	for page, from := 0, (cut{}); from.row < rows; page++ {
		to := a.next(page, from, rows)
		w.page = a.appendLevels(w.page[:0], from, to)
		encoding := encodingPlain
		if indexed {
			encoding = encodingRLEDictionary
			w.page = appendIndexes(w.page, w.dictionary.indexes[from.value:to.value], w.dictionary.width())
		} else {
			w.page = a.appendPlain(w.page, from, to)
		}
		if err := w.writePage(m, pageData, to.row-from.row, encoding, w.page); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// writePage compresses and writes a page of n values, nulls included.
func (w *Writer) writePage(m *chunkMeta, kind, n, encoding int, page []byte) error {
	if need := s2.MaxEncodedLen(len(page)); cap(w.packed) < need {
		w.packed = make([]byte, need)
	}
	w.packed = s2.EncodeSnappy(w.packed[:cap(w.packed)], page)
	h := &w.header
	h.reset()
	h.i32(1, int64(kind))
	h.i32(2, int64(len(page)))
	h.i32(3, int64(len(w.packed)))
	if kind == pageData {
		h.begin(5)
		h.i32(1, int64(n))
		h.i32(2, int64(encoding))
		h.i32(3, encodingRLE)
		h.i32(4, encodingRLE)
		h.end()
	} else {
		h.begin(7)
		h.i32(1, int64(n))
		h.i32(2, int64(encoding))
		h.end()
	}
	h.stop()
	m.uncompressed += int64(len(h.buf) + len(page))
	m.compressed += int64(len(h.buf) + len(w.packed))
	if err := w.write(h.buf); err != nil {
		return err
	}
	return w.write(w.packed)
}

func (w *Writer) write(b []byte) error {
	n, err := w.out.Write(b)
	w.offset += int64(n)
	return err
}

// Close writes the footer. A file without groups is a valid file without rows. The underlying writer is not closed.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.err = w.close()
	if w.err != nil {
		return fmt.Errorf("writing the footer: %w", w.err)
	}
	w.err = errClosed
	return nil
}

var errClosed = errors.New("file is closed")

func (w *Writer) close() error {
	if w.offset == 0 {
		if err := w.write([]byte(magic)); err != nil {
			return err
		}
	}
	w.appendFooter()
	if err := w.write(w.header.buf); err != nil {
		return err
	}
	tail := binary.LittleEndian.AppendUint32(nil, uint32(len(w.header.buf)))
	return w.write(append(tail, magic...))
}
