package doctor

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// encode returns a Parquet file of rows with what every reader takes, but for the codec and what the rows' type says.
func encode[T any](codec compress.Codec, rows ...T) file {
	return file{parquet: true, content: func() ([]byte, error) {
		var b bytes.Buffer
		w := parquet.NewGenericWriter[T](&b, parquet.DataPageVersion(1), parquet.Compression(codec), parquet.DefaultEncoding(&parquet.Plain))
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

// Rows of the files. Fields are in the file's order.
type (
	swapped struct {
		B string `parquet:"b"`
		A string `parquet:"a"`
	}
	single struct {
		A string `parquet:"a"`
	}
	narrowInt struct {
		N int32 `parquet:"n"`
	}
	millis struct {
		T int64 `parquet:"t,timestamp(millisecond)"`
	}
	micros struct {
		T int64 `parquet:"t,timestamp(microsecond)"`
	}
)

var spectrumQuestions = []question{
	{
		name: "INT64 TIMESTAMP_MICROS", relied: shown, columns: []types.Column{column("t", "timestamp")}, file: encode(&parquet.Snappy, micros{instant * 1000}),
		query: "SELECT t::varchar FROM %s", answer: func(rows [][]string, err error) (string, bool) {
			got, ok := value(rows, err)
			return "it reads " + got, ok && strings.HasPrefix(got, shown)
		},
	},
	{
		name: "INT64 TIMESTAMP_MILLIS", columns: []types.Column{column("t", "timestamp")}, file: encode(&parquet.Snappy, millis{instant}),
		query: "SELECT t::varchar FROM %s", answer: open(asIs(shown + " reads ")),
	},
	{
		name: "Parquet columns by name or by position", columns: []types.Column{column("a", "string"), column("b", "string")}, file: encode(&parquet.Snappy, swapped{"B", "A"}),
		query: "SELECT a FROM %s", answer: open(func(got string) string {
			return map[string]string{"A": "by name", "B": "by position"}[got] + " (" + got + ")"
		}),
	},
	{
		name: "a column that a Parquet file lacks", relied: "NULL", columns: []types.Column{column("a", "string"), column("later", "string")}, file: encode(&parquet.Snappy, single{"x"}),
		query: "SELECT later FROM %s", answer: expect("NULL", "it is NULL"),
	},
	{
		name: "INT32 under bigint", columns: []types.Column{column("n", "bigint")}, file: encode(&parquet.Snappy, narrowInt{7}),
		query: "SELECT n FROM %s", answer: open(asIs("7 reads ")),
	},
	{
		name: "zstd pages in Parquet", columns: []types.Column{column("a", "string")}, file: encode(&parquet.Zstd, single{"x"}),
		query: "SELECT a FROM %s", answer: open(asIs("x reads ")),
	},
	{
		name: "a Parquet string of 70,000 bytes", columns: []types.Column{column("a", "string")}, file: encode(&parquet.Snappy, single{strings.Repeat("x", longParquet)}),
		query: "SELECT octet_length(a) FROM %s", answer: open(asIs("its length is ")),
	},
	{
		name: "a JSON string of 20,000 bytes", columns: []types.Column{column("a", "string")}, file: jsonLines(`{"a":"` + strings.Repeat("x", longJSON) + `"}`),
		query: "SELECT octet_length(a) FROM %s", answer: open(asIs("its length is ")),
	},
	{
		name: "properties in JSON, an escaped string", relied: `{"URL":1}`, columns: []types.Column{column("properties", "string")}, file: jsonLines(`{"properties":"{\"URL\":1}"}`),
		serde: map[string]string{"case.insensitive": "false"}, query: "SELECT properties FROM %s", answer: expect(`{"URL":1}`, "it is kept as it is"),
	},
	{
		name: "a JSON object under string", columns: []types.Column{column("properties", "string")}, file: jsonLines(`{"properties":{"URL":1}}`),
		query: "SELECT properties FROM %s", answer: open(asIs(`{"URL":1} reads `)),
	},
	{
		name: "a JSON string under bigint", columns: []types.Column{column("n", "bigint")}, file: jsonLines(`{"n":"12"}`),
		query: "SELECT n FROM %s", answer: open(asIs(`"12" reads `)),
	},
	{
		name: "the JSON SerDe's property mapping", columns: []types.Column{column("n", "bigint")}, file: jsonLines(`{"other":12}`), serde: map[string]string{"mapping.n": "other"},
		query: "SELECT n FROM %s", answer: open(func(got string) string {
			return map[bool]string{true: "it is honoured", false: "it is ignored"}[got == "12"]
		}),
	},
	{
		name: "the JSON SerDe's property ignore.malformed.json", columns: []types.Column{column("n", "bigint")}, file: jsonLines(`{"n":1}`, `{broken`), serde: map[string]string{"ignore.malformed.json": "true"},
		query: "SELECT count(n) FROM %s", answer: open(asIs("with a broken line the good rows are ")),
	},
}
