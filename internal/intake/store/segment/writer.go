package segment

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/refract-io/refract/internal/event"
)

const (
	// pageBytes is about how much text a page set holds before compression. All columns' pages end at the same rows.
	pageBytes = 1 << 20
	// pageRows bounds a page set of short records.
	pageRows = 1 << 14
	// rowGroupRows and rowGroupBytes bound what a reader has to find its way in and a writer has to hold back.
	rowGroupRows  = 1 << 16
	rowGroupBytes = 64 << 20
	// pageBufferBytes is what the library prepares for a page of its own. Here a page is written by one call, which the library
	// does not cut, so the buffer only has to be small: there are many small files.
	pageBufferBytes = 4 << 10
)

// compression is shared: the codec pools its encoders and decoders.
var compression = &zstd.Codec{Level: zstd.SpeedFastest}

// Writer writes one segment file. It is not reused: the library's Reset loses the columns' names in the footer.
type Writer struct {
	unordered bool
	file      *parquet.GenericWriter[any]
	columns   []*parquet.ColumnWriter
	scratch   []parquet.Value

	written               int64
	groupRows, groupBytes int
	days                  []DayRange
}

// NewWriter returns a writer of a segment of one kind.
func NewWriter(out io.Writer, kind event.Kind) *Writer { return newWriter(out, kind, false) }

// NewUnorderedWriter returns a writer of a file whose rows are in another order than a segment's: it counts no days.
func NewUnorderedWriter(out io.Writer, kind event.Kind) *Writer { return newWriter(out, kind, true) }

func newWriter(out io.Writer, kind event.Kind, unordered bool) *Writer {
	w := &Writer{unordered: unordered}
	w.file = parquet.NewGenericWriter[any](out, schemaOf(kind),
		parquet.CreatedBy("refract", "1", "segment"),
		parquet.Compression(compression),
		parquet.PageBufferSize(pageBufferBytes),
		parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.DeltaLengthByteArray),
		parquet.DefaultEncodingFor(parquet.Int32, &parquet.DeltaBinaryPacked),
		parquet.DefaultEncodingFor(parquet.Int64, &parquet.DeltaBinaryPacked),
		parquet.SkipPageBounds("event_name"), parquet.SkipPageBounds("distinct_id"), parquet.SkipPageBounds("device_id"),
		parquet.SkipPageBounds("user_id"), parquet.SkipPageBounds("insert_id"), parquet.SkipPageBounds("group_key"),
		parquet.SkipPageBounds("properties"),
	)
	w.columns = w.file.ColumnWriters()
	return w
}

// Write appends the rows in the order they are sorted in.
func (w *Writer) Write(r *Rows) error {
	for from := 0; from < len(r.order); {
		to, size := from, 0
		for to < len(r.order) && size < pageBytes && to-from < pageRows {
			size += int(r.rows[r.order[to].row].ends[numTexts-1])
			to++
		}
		if err := w.writePage(r, r.order[from:to]); err != nil {
			return fmt.Errorf("writing a page of a segment: %w", err)
		}
		w.groupRows += to - from
		w.groupBytes += size
		from = to
		if w.groupRows >= rowGroupRows || w.groupBytes >= rowGroupBytes {
			if err := w.file.Flush(); err != nil {
				return fmt.Errorf("writing a row group of a segment: %w", err)
			}
			w.groupRows, w.groupBytes = 0, 0
		}
	}
	return nil
}

func (w *Writer) writePage(r *Rows, order []key) error {
	for column, cw := range w.columns {
		values := w.scratch[:0]
		switch column {
		case 0:
			for _, k := range order {
				values = append(values, parquet.Int64Value(int64(r.rows[k.row].position)))
			}
		case 1:
			for _, k := range order {
				values = append(values, parquet.Int32Value(int32(r.rows[k.row].index)))
			}
		case 2:
			for _, k := range order {
				values = append(values, parquet.Int64Value(r.rows[k.row].received))
			}
		case 3:
			for _, k := range order {
				values = append(values, parquet.Int64Value(k.time))
			}
			w.countRows(order)
		default:
			t := column - firstText
			if len(w.columns) != numColumns && t == textGroupKey {
				t = textProperties
			}
			for _, k := range order {
				values = append(values, parquet.ByteArrayValue(r.text(&r.rows[k.row], t)))
			}
		}
		w.scratch = values
		if _, err := cw.WriteRowValues(values); err != nil {
			return err
		}
		if err := cw.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) countRows(order []key) {
	if w.unordered {
		w.written += int64(len(order))
		return
	}
	for _, k := range order {
		n := len(w.days)
		if n == 0 || k.time >= w.days[n-1].Day.EndMillis() || k.time < w.days[n-1].Day.StartMillis() {
			w.days = append(w.days, DayRange{Day: event.DayOf(k.time), FirstRow: w.written, MinTime: k.time, MaxTime: k.time})
			n++
		}
		d := &w.days[n-1]
		d.Records++
		d.MinTime, d.MaxTime = min(d.MinTime, k.time), max(d.MaxTime, k.time)
		w.written++
	}
}

// Close ends the file and returns its days. A segment has at least one record, an unordered file may have none.
func (w *Writer) Close() ([]DayRange, error) {
	if err := w.file.Close(); err != nil {
		return nil, fmt.Errorf("writing the footer of a segment: %w", err)
	}
	if w.written == 0 && !w.unordered {
		return nil, errors.New("writing a segment: it has no records")
	}
	return w.days, nil
}

// Records returns the number of records written.
func (w *Writer) Records() int64 { return w.written }
