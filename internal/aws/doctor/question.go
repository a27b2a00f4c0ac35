package doctor

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// encode returns a Parquet file of rows with what every reader takes, but for what the options and the rows' type say.
func encode[T any](row T, options ...parquet.WriterOption) file {
	return file{parquet: true, content: func() ([]byte, error) {
		var b bytes.Buffer
		w := parquet.NewGenericWriter[T](&b, append([]parquet.WriterOption{
			parquet.DataPageVersion(1), parquet.Compression(&parquet.Snappy), parquet.DefaultEncoding(&parquet.Plain),
		}, options...)...)
		rows := []T{row}
		if _, err := w.Write(rows); err != nil {
			return nil, err
		}
		err := w.Close()
		return b.Bytes(), err
	}}
}

// jsonLines returns a gzip-compressed file of lines.
func jsonLines(lines ...string) file {
	return file{content: func() ([]byte, error) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
			return nil, err
		}
		err := w.Close()
		return b.Bytes(), err
	}}
}

const (
	instant = 1_700_000_000_123 // ms
	shown   = "2023-11-14 22:13:20.123"
	// longJSON is more than the 16 KB to which Spectrum once cut strings in JSON, longParquet more than a varchar holds.
	longJSON, longParquet = 20_000, 70_000
)

// expect is an answer that is one value: the wanted one, or whatever else came.
func expect(want, meaning string) func([][]string, error) (string, bool) {
	return func(rows [][]string, err error) (string, bool) {
		got, ok := value(rows, err)
		if ok && got == want {
			return meaning, true
		}
		return got, false
	}
}

// open is an answer on which nothing depends.
func open(tell func(got string) string) func([][]string, error) (string, bool) {
	return func(rows [][]string, err error) (string, bool) {
		got, ok := value(rows, err)
		if ok {
			got = tell(got)
		}
		return got, true
	}
}

func asIs(meaning string) func(string) string {
	return func(got string) string { return meaning + got }
}

// value is a result's only row as text. ok is false if there was an error or another number of rows.
func value(rows [][]string, err error) (got string, ok bool) {
	switch {
	case err != nil:
		return "it is an error: " + plain(err), false
	case len(rows) != 1:
		return fmt.Sprintf("it has %d rows", len(rows)), false
	}
	return strings.Join(rows[0], ", "), true
}
