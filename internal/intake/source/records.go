package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/refract-io/refract/internal/event"
)

// MaxRecordBytes bounds one record: ten times what Mixpanel takes, so that an oversize one is still read, refused and kept.
const MaxRecordBytes = 10 << 20

// records yields a file's records one by one as JSON text, io.EOF after the last. The text is valid until the next call.
type records interface {
	next() ([]byte, error)
}

// openRecords looks at the first bytes and returns the reader that fits. name decides only between CSV and the rest.
func openRecords(r io.Reader, name string, csvText bool) (records, error) {
	plain, err := decompress(r)
	if err != nil {
		return nil, err
	}
	br := bufio.NewReaderSize(plain, 1<<20)
	if bom, _ := br.Peek(3); bytes.Equal(bom, []byte("\ufeff")) {
		if _, err := br.Discard(3); err != nil {
			return nil, fmt.Errorf("reading: %w", err)
		}
	}
	first, err := skipSpace(br)
	switch {
	case errors.Is(err, io.EOF):
		return noRecords{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading: %w", err)
	case first == '[':
		return &elements{br: br}, nil
	case first == '{':
		line, err := br.Peek(br.Size())
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("reading: %w", err)
		}
		if isWrapped(line) {
			return &elements{br: br, bare: true}, nil
		}
		return &lines{br: br}, nil
	case hasCSVName(name):
		return newCSVRecords(br, name, csvText)
	default:
		return nil, fmt.Errorf("the file begins with %q: it is neither JSON ('{' or '[') nor named .csv or .tsv", first)
	}
}

// decompress reads gzip, zstd and bzip2, told by their first bytes, and anything else as it is.
func decompress(r io.Reader) (io.Reader, error) {
	br := bufio.NewReader(r)
	magic, err := br.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading: %w", err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(br)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("reading zstd: %w", err)
		}
		return d.IOReadCloser(), nil
	case bytes.HasPrefix(magic, []byte("BZh")):
		return bzip2.NewReader(br), nil
	}
	return br, nil
}

// isWrapped reports whether the first object goes over several lines.
func isWrapped(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	var s event.Scanner
	_, err := s.Object(line, 0)
	if err == nil || len(line) == len(head) {
		return false
	}
	_, err = s.Object(head, 0)
	return err == nil
}

type noRecords struct{}

func (noRecords) next() ([]byte, error) { return nil, io.EOF }

// lines reads NDJSON. A line that is no JSON is a record like any other: the server refuses and keeps it.
type lines struct {
	br  *bufio.Reader
	buf []byte
}

func (l *lines) next() ([]byte, error) {
	for {
		l.buf = l.buf[:0]
		for {
			part, err := l.br.ReadSlice('\n')
			l.buf = append(l.buf, part...)
			if len(l.buf) > MaxRecordBytes {
				return nil, fmt.Errorf("a line is longer than %d bytes", MaxRecordBytes)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && (!errors.Is(err, io.EOF) || len(l.buf) == 0) {
				return nil, err
			}
			break
		}
		if line := bytes.TrimSpace(l.buf); len(line) > 0 {
			return line, nil
		}
	}
}

// elements reads a JSON array, or objects one after the other (bare), without holding more than one of them.
type elements struct {
	br     *bufio.Reader
	bare   bool
	opened bool
	buf    []byte
}

func (e *elements) next() ([]byte, error) {
	if !e.bare && !e.opened {
		e.opened = true
		if _, err := e.br.Discard(1); err != nil {
			return nil, err
		}
	}
	c, err := skipSpace(e.br)
	if err == nil && c == ',' && !e.bare {
		if _, err = e.br.Discard(1); err == nil {
			c, err = skipSpace(e.br)
		}
	}
	switch {
	case errors.Is(err, io.EOF) && e.bare:
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		return nil, errors.New("the array is not closed: the file is cut short")
	case err != nil:
		return nil, err
	case c == ']' && !e.bare:
		return nil, e.end()
	case c != '{':
		return nil, fmt.Errorf("found %q where an object should begin", c)
	}
	return e.object()
}

// end checks that nothing follows the array.
func (e *elements) end() error {
	if _, err := e.br.Discard(1); err != nil {
		return err
	}
	c, err := skipSpace(e.br)
	if err == nil {
		return fmt.Errorf("found %q after the end of the array", c)
	}
	return err
}

// object reads up to the brace that closes the object before it.
func (e *elements) object() ([]byte, error) {
	e.buf = e.buf[:0]
	depth, inText, escaped := 0, false, false
	for {
		c, err := e.br.ReadByte()
		if err != nil {
			return nil, fmt.Errorf("reading an object that began with %.60q: %w", e.buf, io.ErrUnexpectedEOF)
		}
		if len(e.buf) >= MaxRecordBytes {
			return nil, fmt.Errorf("an object is longer than %d bytes", MaxRecordBytes)
		}
		if c == '\n' || c == '\r' {
			c = ' ' // chunks are NDJSON
		}
		e.buf = append(e.buf, c)
		switch {
		case escaped:
			escaped = false
		case inText:
			inText, escaped = c != '"', c == '\\'
		case c == '"':
			inText = true
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return e.buf, nil
			}
		}
	}
}

// skipSpace returns the next byte that is no white space, without consuming it.
func skipSpace(br *bufio.Reader) (byte, error) {
	for {
		c, err := br.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, br.UnreadByte()
		}
	}
}

// csvRecords turns rows into objects: the header names the members.
type csvRecords struct {
	r      *csv.Reader
	header []string
	text   bool
	buf    []byte
}

func newCSVRecords(br *bufio.Reader, name string, text bool) (*csvRecords, error) {
	r := csv.NewReader(br)
	r.ReuseRecord = true
	if isTSV(name) {
		r.Comma = '\t'
	}
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	return &csvRecords{r: r, header: append([]string(nil), header...), text: text}, nil
}

// next writes cells that are written exactly as JSON writes a number, true or false as that, all others as text; empty ones are left
// out. "007" and "1e5 " stay text, so nothing is lost.
func (c *csvRecords) next() ([]byte, error) {
	row, err := c.r.Read()
	if err != nil {
		return nil, err
	}
	c.buf = append(c.buf[:0], '{')
	for i, cell := range row {
		if cell == "" {
			continue
		}
		c.buf = event.AppendKey(c.buf, c.header[i])
		if !c.text && isScalar(cell) {
			c.buf = append(c.buf, cell...)
		} else {
			c.buf = event.AppendString(c.buf, cell)
		}
	}
	c.buf = append(c.buf, '}')
	return c.buf, nil
}

func isScalar(cell string) bool {
	if cell == "true" || cell == "false" {
		return true
	}
	if c := cell[0]; c != '-' && (c < '0' || c > '9') {
		return false
	}
	var s event.Scanner
	f, err := s.Value([]byte(cell), 0)
	return err == nil && f.Kind == event.Number && int(f.ValEnd) == len(cell)
}
