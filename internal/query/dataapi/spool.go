package dataapi

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The rows of a result lie in a file of pages, one a line: in JSON the Records member of GetStatementResult's answer, in CSV a JSON string with lines that
// end in CR LF. A page is full at pageSize bytes.
const pageSize = 1 << 20

func (s *Service) rowsPath(id string, n int) string {
	return filepath.Join(s.Dir, fmt.Sprintf("%s-%d", id, n)+rowsSuffix)
}

func (s *Service) removeRows(st *statement) error {
	var all error
	for n := range st.Parts {
		all = errors.Join(all, s.room.remove(s.rowsPath(st.ID, n+1)))
	}
	return all
}

func metadata(columns []Column) []columnMetadata {
	out := make([]columnMetadata, len(columns))
	for i, c := range columns {
		out[i] = columnMetadata{
			IsCaseSensitive: c.CaseSensitive, IsSigned: c.Signed, Label: c.Name, Name: c.Name, Nullable: 1, Precision: c.Precision, Scale: c.Scale, TypeName: c.Type,
		}
	}
	return out
}

// errTooLarge is a row or a result beyond the API's limits.
type errTooLarge struct{ text string }

func (e *errTooLarge) Error() string { return e.text }

// keepRows writes the rows of the n-th part to its file. It returns how many there are, and their bytes as values.
func (s *Service) keepRows(ctx context.Context, st *statement, n int, rows Rows) (count, size int64, err error) {
	f, err := os.OpenFile(s.rowsPath(st.ID, n), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, 0, fmt.Errorf("keeping the result: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), s.room.remove(f.Name()))
		}
	}()
	p := &pages{out: bufio.NewWriterSize(growing{f, s.room}, 64<<10), csv: st.Format == formatCSV, columns: rows.Columns()}
	for {
		batch, err := rows.Next(ctx)
		if err != nil {
			return 0, 0, err
		}
		if batch == nil {
			break
		}
		for row := range batch.Len() {
			if err := p.add(batch, row); err != nil {
				return 0, 0, err
			}
		}
	}
	if err := p.flush(); err != nil {
		return 0, 0, fmt.Errorf("keeping the result: %w", err)
	}
	// The record says that the rows are there; it must not outlive them.
	if err := errors.Join(p.out.Flush(), f.Sync()); err != nil {
		return 0, 0, fmt.Errorf("keeping the result: %w", err)
	}
	if err := f.Close(); err != nil {
		return 0, 0, fmt.Errorf("keeping the result: %w", err)
	}
	s.room.done(f.Name())
	return p.rows, p.size, nil
}

// pages writes rows to a file of pages.
type pages struct {
	out     *bufio.Writer
	csv     bool
	columns []Column
	page    []byte
	value   []byte
	rows    int64
	size    int64 // of the values
}

func (p *pages) add(batch Batch, row int) error {
	begin, size := len(p.page), 0
	if p.csv {
		for c := range p.columns {
			if c > 0 {
				p.page = append(p.page, ',')
			}
			if !batch.Null(c, row) {
				p.value = batch.AppendText(p.value[:0], c, row)
				size += len(p.value)
				p.page = appendCSV(p.page, p.columns[c].Kind, p.value)
			}
		}
		p.page = append(p.page, '\r', '\n')
	} else {
		p.page = append(p.page, map[bool]string{true: "[[", false: ",["}[begin == 0]...)
		for c := range p.columns {
			if c > 0 {
				p.page = append(p.page, ',')
			}
			if batch.Null(c, row) {
				p.page = append(p.page, `{"isNull":true}`...)
				continue
			}
			p.value = batch.AppendText(p.value[:0], c, row)
			size += len(p.value)
			var err error
			if p.page, err = appendField(p.page, p.columns[c].Kind, p.value); err != nil {
				return err
			}
		}
		p.page = append(p.page, ']')
	}
	p.rows++
	p.size += int64(size)
	switch {
	case size > MaxRow:
		return &errTooLarge{fmt.Sprintf("Row %d of the result has %d bytes, more than the limit of %d: select fewer or shorter columns.", p.rows, size, MaxRow)}
	case p.size > MaxResult:
		return &errTooLarge{fmt.Sprintf("The result has more than %d MB: limit it, or use UNLOAD.", MaxResult>>20)}
	case len(p.page) >= pageSize:
		return p.flush()
	}
	return nil
}

// flush ends the page.
func (p *pages) flush() error {
	if len(p.page) == 0 {
		return nil
	}
	line := append(p.page, ']')
	if p.csv {
		var err error
		if line, err = json.Marshal(string(p.page)); err != nil {
			return err
		}
	}
	p.page = p.page[:0]
	_, err := p.out.Write(append(line, '\n'))
	return err
}

// appendField appends a value as a Field.
func appendField(dst []byte, kind Kind, text []byte) ([]byte, error) {
	switch kind {
	case Boolean:
		return append(append(append(dst, `{"booleanValue":`...), boolean(text)...), '}'), nil
	case Long:
		return append(append(append(dst, `{"longValue":`...), text...), '}'), nil
	case Double:
		v, err := strconv.ParseFloat(string(text), 64)
		if err != nil {
			return dst, fmt.Errorf("reading %q as a number: %w", text, err)
		}
		var number any = v
		if math.IsNaN(v) || math.IsInf(v, 0) {
			number = string(text) // the protocol writes NaN, Infinity and -Infinity as strings, spelt as PostgreSQL does
		}
		encoded, err := json.Marshal(number)
		return append(append(append(dst, `{"doubleValue":`...), encoded...), '}'), err
	case Blob:
		raw, err := hex.DecodeString(string(text))
		if err != nil {
			return dst, fmt.Errorf("reading a varbyte: %w", err)
		}
		dst = append(dst, `{"blobValue":"`...)
		return append(base64.StdEncoding.AppendEncode(dst, raw), `"}`...), nil
	}
	quoted, err := json.Marshal(string(text))
	dst = append(dst, `{"stringValue":`...)
	return append(append(dst, quoted...), '}'), err
}

func boolean(text []byte) string { return strconv.FormatBool(len(text) > 0 && text[0] == 't') }

// appendCSV appends a value as a field of RFC 4180. NULL is an empty field, an empty text is "".
func appendCSV(dst []byte, kind Kind, text []byte) []byte {
	if kind == Boolean {
		return append(dst, boolean(text)...)
	}
	if len(text) > 0 && !strings.ContainsAny(string(text), "\",\r\n") {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// readPage returns the page of the n-th part that begins at offset, and where the next one begins; 0 behind the last. The error of a result that made
// room for others is os.ErrNotExist.
func (s *Service) readPage(id string, n int, offset int64) (json.RawMessage, int64, error) {
	f, err := os.Open(s.rowsPath(id, n))
	if err != nil {
		return nil, 0, fmt.Errorf("reading the result: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("reading the result: %w", err)
	}
	if offset >= info.Size() {
		return nil, 0, nil
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, offset, info.Size()-offset), 64<<10)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return nil, 0, fmt.Errorf("reading the result: %w", err)
	}
	next := offset + int64(len(line))
	if next == info.Size() {
		next = 0
	}
	if !utf8.Valid(line) {
		return nil, 0, errors.New("reading the result: a page is not UTF-8")
	}
	return line, next, nil
}
