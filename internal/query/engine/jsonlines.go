package engine

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// maxLine bounds a line of a JSON file, in bytes.
const maxLine = 64 << 20

// jsonScan reads files of one JSON object a line, as the SerDe org.openx.data.jsonserde.JsonSerDe does. It is a duck.Source.
//
// Values are taken from the text: a string gives its characters, any other value its text as it is written, so that numbers keep
// their digits. What doesn't fit the column's type is NULL.
type jsonScan struct {
	ctx     context.Context
	files   []dataFile
	slices  []slice
	columns []scanColumn
	serde   jsonSerDe
	// limit ends the scan after so many rows; 0 reads all.
	limit int64

	// rows and bytes count what was read, by all readings.
	rows  atomic.Int64
	bytes atomic.Int64
	// failure is the first error, in the form clients see it. DuckDB reports its own text of it.
	failure struct {
		sync.Once
		err error
	}
}

// scanColumn is a column that a scan gives.
type scanColumn struct {
	name string
	typ  rsql.Type
	kind duck.Kind
	// key is the index of the partition key that the column is, or -1.
	key int
	// pseudo is $path or $size, or empty.
	pseudo string
}

// jsonSerDe holds the SerDe's parameters that change how a file is read.
type jsonSerDe struct {
	foldKeys        bool
	ignoreMalformed bool
	dotsInKeys      bool
	// columnOf leads from keys, folded if foldKeys, to indexes of the scan's columns.
	columnOf map[string]int
}

func newJSONSerDe(params map[string]string, columns []scanColumn) (jsonSerDe, error) {
	on := func(name string, otherwise bool) bool {
		if v, ok := params[name]; ok {
			return strings.EqualFold(v, "true")
		}
		return otherwise
	}
	if on("strip.outer.array", false) {
		return jsonSerDe{}, &rsql.Error{SQLState: rsql.StateFeatureNotSupported, Message: "the SerDe property strip.outer.array is not supported yet"}
	}
	s := jsonSerDe{
		foldKeys: on("case.insensitive", true), ignoreMalformed: on("ignore.malformed.json", false),
		dotsInKeys: on("dots.in.keys", false), columnOf: map[string]int{},
	}
	for i, c := range columns {
		if c.key >= 0 || c.pseudo != "" {
			continue
		}
		key := c.name
		if mapped, ok := params["mapping."+c.name]; ok {
			key = mapped
		}
		if s.foldKeys {
			key = strings.ToLower(key)
		}
		s.columnOf[key] = i
	}
	return s, nil
}

// Columns implements duck.Source. A scan of no columns, as count(*) is, counts rows by a column of its own.
func (s *jsonScan) Columns() []duck.SourceColumn {
	out := make([]duck.SourceColumn, 0, len(s.columns)+1)
	for _, c := range s.columns {
		out = append(out, duck.SourceColumn{Name: c.name, Kind: c.kind})
	}
	if len(out) == 0 {
		out = append(out, duck.SourceColumn{Name: "$row", Kind: duck.Bool})
	}
	return out
}

// Open implements duck.Source.
func (s *jsonScan) Open() (duck.Rows, error) { return &jsonReading{scan: s}, nil }

// jsonReading is one reading of the files. A reader works on a file at a time, since a compressed file can't be split.
type jsonReading struct {
	scan *jsonScan
	next atomic.Int64 // file
}

// Readers implements duck.Rows.
func (g *jsonReading) Readers() int {
	if g.scan.limit > 0 {
		return 1
	}
	return len(g.scan.files)
}

// Reader implements duck.Rows.
func (g *jsonReading) Reader() (duck.Reader, error) {
	return &jsonReader{scan: g.scan, reading: g}, nil
}

// fail keeps the scan's first error for the client.
func (s *jsonScan) fail(err error) error {
	s.failure.Do(func() { s.failure.err = err })
	return err
}

// jsonReader reads files one after the other.
type jsonReader struct {
	scan    *jsonScan
	reading *jsonReading
	given   int64 // rows
	file    *dataFile
	line    int
	body    io.Closer
	counted *countingReader
	lines   *bufio.Reader
	zip     *gzip.Reader
	long    []byte
	scanner event.Scanner
	key     []byte
	text    []byte
	seen    []bool
	// fixed holds the file's values of partition keys and pseudo-columns, nil for NULL.
	fixed [][]byte
}

// Read implements duck.Reader.
func (r *jsonReader) Read(b *duck.Block) (int, error) {
	s := r.scan
	if r.seen == nil {
		r.seen = make([]bool, len(s.columns))
	}
	rows := 0
	for rows < duck.BlockSize {
		if s.limit > 0 && r.given+int64(rows) >= s.limit {
			break
		}
		if r.file == nil {
			if err := s.ctx.Err(); err != nil {
				return 0, s.fail(context.Cause(s.ctx))
			}
			ok, err := r.open()
			if err != nil {
				return 0, s.fail(err)
			}
			if !ok {
				break
			}
		}
		line, err := r.nextLine()
		if errors.Is(err, io.EOF) {
			r.Close()
			continue
		}
		if err == nil {
			err = r.row(b, rows, line)
		}
		if err != nil {
			return 0, s.fail(err)
		}
		rows++
	}
	r.given += int64(rows)
	s.rows.Add(int64(rows))
	return rows, nil
}

// Close implements duck.Reader.
func (r *jsonReader) Close() {
	if r.file != nil {
		r.scan.bytes.Add(r.counted.n)
		r.body.Close()
		r.file = nil
	}
}

// open opens the next file. It reports false when there is none left.
func (r *jsonReader) open() (bool, error) {
	s := r.scan
	i := int(r.reading.next.Add(1)) - 1
	if i >= len(s.files) {
		return false, nil
	}
	f := &s.files[i]
	body, _, err := f.bucket.Get(s.ctx, f.object.Key)
	if err != nil {
		return false, fmt.Errorf("reading %s: %w", f.location(), err)
	}
	r.file, r.line, r.body, r.counted = f, 0, body, &countingReader{r: body}
	r.constants()
	var text io.Reader = r.counted
	switch {
	case strings.HasSuffix(f.object.Key, ".gz"):
		if r.zip == nil {
			r.zip = new(gzip.Reader)
		}
		if err := r.zip.Reset(r.counted); err != nil {
			return false, r.broken(err.Error())
		}
		text = r.zip
	case strings.HasSuffix(f.object.Key, ".bz2"):
		text = bzip2.NewReader(r.counted)
	case strings.HasSuffix(f.object.Key, ".snappy"):
		return false, &rsql.Error{SQLState: rsql.StateFeatureNotSupported, Message: "JSON files compressed with Snappy are not supported yet: " + f.location()}
	}
	if r.lines == nil {
		r.lines = bufio.NewReaderSize(text, 256<<10)
	} else {
		r.lines.Reset(text)
	}
	return true, nil
}

// nextLine returns the next line without its end, valid until the next call.
func (r *jsonReader) nextLine() ([]byte, error) {
	line, err := r.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		r.long = append(r.long[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(r.long) > maxLine {
				return nil, r.broken(fmt.Sprintf("a line is longer than %d bytes", maxLine))
			}
			line, err = r.lines.ReadSlice('\n')
			r.long = append(r.long, line...)
		}
		line = r.long
	}
	r.line++
	switch {
	case errors.Is(err, io.EOF) && len(line) > 0:
		return line, nil
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, r.broken(err.Error())
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// broken is the error of a file that can't be read.
func (r *jsonReader) broken(why string) error {
	return spectrumError(fmt.Sprintf("Error parsing JSON file '%s', line %d: %s.", r.file.location(), r.line, why))
}

// row sets one row from a line. An empty line is a row of NULLs, as the SerDe has it.
func (r *jsonReader) row(b *duck.Block, row int, line []byte) error {
	for i, text := range r.fixed {
		if text != nil {
			setText(b, i, row, r.scan.columns[i].typ, text)
		}
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	end, err := r.scanner.Object(line, 0)
	if err == nil && len(bytes.TrimSpace(line[end:])) > 0 {
		err = fmt.Errorf("text after the object at byte %d", end)
	}
	if err != nil {
		if r.scan.serde.ignoreMalformed {
			return nil
		}
		return r.broken("Row is not a valid JSON Object: " + err.Error())
	}
	clear(r.seen)
	for i := range r.scanner.Members {
		m := &r.scanner.Members[i]
		col, ok := r.column(m, line)
		if !ok {
			continue
		}
		if r.seen[col] {
			return r.broken(fmt.Sprintf("Duplicate key \"%s\"", r.scan.columns[col].name))
		}
		r.seen[col] = true
		if m.Kind != event.Null {
			r.text = setJSON(b, col, row, r.scan.columns[col].typ, m, line, r.text)
		}
	}
	return nil
}

// column finds the column that a member belongs to.
func (r *jsonReader) column(m *event.Field, line []byte) (int, bool) {
	s := &r.scan.serde
	key := m.RawKey(line)
	if m.Flags&event.KeyEscaped != 0 || s.foldKeys || s.dotsInKeys {
		r.key = m.AppendKey(r.key[:0], line)
		if s.foldKeys {
			r.key = lower(r.key)
		}
		if s.dotsInKeys {
			for i, c := range r.key {
				if c == '.' {
					r.key[i] = '_'
				}
			}
		}
		key = r.key
	}
	col, ok := s.columnOf[string(key)]
	return col, ok
}

// lower folds text in place where it is ASCII.
func lower(text []byte) []byte {
	for i, c := range text {
		if c >= utf8.RuneSelf {
			return bytes.ToLower(text)
		}
		if 'A' <= c && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
	return text
}

// constants notes the columns that are the same for all rows of the file.
func (r *jsonReader) constants() {
	r.fixed = make([][]byte, len(r.scan.columns))
	for i := range r.scan.columns {
		c := &r.scan.columns[i]
		switch {
		case c.key >= 0:
			if v := r.scan.slices[r.file.partition].values[c.key]; v != hiveNull {
				r.fixed[i] = []byte(v)
			}
		case c.pseudo == pseudoPath:
			r.fixed[i] = []byte(r.file.location())
		case c.pseudo == pseudoSize:
			r.fixed[i] = strconv.AppendInt(nil, r.file.object.Size, 10)
		}
	}
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
