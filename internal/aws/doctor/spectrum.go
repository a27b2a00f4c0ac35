package doctor

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/parquet-go/parquet-go"
)

// Rows of the files. Fields are in the file's order.
type (
	swapped struct {
		B string `parquet:"b"`
		A string `parquet:"a"`
	}
	single struct {
		A string `parquet:"a"`
	}
	integer struct {
		N int64 `parquet:"n"`
	}
	float struct {
		F float64 `parquet:"f"`
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

// spectrumQuestions are what AWS's documents do not say of how Redshift Spectrum reads files and tables.
var spectrumQuestions = []question{
	{
		name: "INT64 TIMESTAMP_MICROS", relied: shown, columns: []types.Column{column("t", "timestamp")}, file: encode(micros{instant * 1000}),
		query: "SELECT t::varchar FROM %s", answer: func(rows [][]string, err error) (string, bool) {
			got, ok := value(rows, err)
			return "it reads " + got, ok && strings.HasPrefix(got, shown)
		},
	},
	{
		name: "INT64 TIMESTAMP_MILLIS", columns: []types.Column{column("t", "timestamp")}, file: encode(millis{instant}),
		query: "SELECT t::varchar FROM %s", answer: open(asIs(shown + " reads ")),
	},
	{
		name: "Parquet columns by name or by position", columns: []types.Column{column("a", "string"), column("b", "string")}, file: encode(swapped{"B", "A"}),
		query: "SELECT a FROM %s", answer: open(func(got string) string {
			return map[string]string{"A": "by name", "B": "by position"}[got] + " (" + got + ")"
		}),
	},
	{
		name: "a column that a Parquet file lacks", relied: "NULL", columns: []types.Column{column("a", "string"), column("later", "string")}, file: encode(single{"x"}),
		query: "SELECT later FROM %s", answer: expect("NULL", "it is NULL"),
	},
	{
		name: "INT32 under bigint", columns: []types.Column{column("n", "bigint")}, file: encode(narrowInt{7}),
		query: "SELECT n FROM %s", answer: open(asIs("7 reads ")),
	},
	{
		name: "zstd pages in Parquet", columns: []types.Column{column("a", "string")}, file: encode(single{"x"}, parquet.Compression(&parquet.Zstd)),
		query: "SELECT a FROM %s", answer: open(asIs("x reads ")),
	},
	{
		name: "Parquet pages of version 2", columns: []types.Column{column("a", "string")}, file: encode(single{"x"}, parquet.DataPageVersion(2)),
		query: "SELECT a FROM %s", answer: open(asIs("x reads ")),
	},
	{
		name: "DELTA_BINARY_PACKED in Parquet", columns: []types.Column{column("n", "bigint")}, file: encode(integer{7}, parquet.DefaultEncodingFor(parquet.Int64, &parquet.DeltaBinaryPacked)),
		query: "SELECT n FROM %s", answer: open(asIs("7 reads ")),
	},
	{
		name: "DELTA_LENGTH_BYTE_ARRAY in Parquet", columns: []types.Column{column("a", "string")}, file: encode(single{"x"}, parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.DeltaLengthByteArray)),
		query: "SELECT a FROM %s", answer: open(asIs("x reads ")),
	},
	{
		name: "DELTA_BYTE_ARRAY in Parquet", columns: []types.Column{column("a", "string")}, file: encode(single{"x"}, parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.DeltaByteArray)),
		query: "SELECT a FROM %s", answer: open(asIs("x reads ")),
	},
	{
		name: "BYTE_STREAM_SPLIT in Parquet", columns: []types.Column{column("f", "double")}, file: encode(float{0.5}, parquet.DefaultEncodingFor(parquet.Double, &parquet.ByteStreamSplit)),
		query: "SELECT f FROM %s", answer: open(asIs("0.5 reads ")),
	},
	{
		name: "a Parquet table without parameters", columns: []types.Column{column("a", "string")}, file: encode(single{"x"}), bare: true,
		query: "SELECT a FROM %s", answer: open(asIs("x reads ")),
	},
	{
		name: "a JSON table without parameters", columns: []types.Column{column("a", "string")}, file: jsonLines(`{"a":"x"}`), bare: true,
		query: "SELECT a FROM %s", answer: open(asIs("x reads ")),
	},
	{
		name: "a Parquet string of 70,000 bytes", columns: []types.Column{column("a", "string")}, file: encode(single{strings.Repeat("x", longParquet)}),
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
		name: "a JSON text under bigint", columns: []types.Column{column("n", "bigint")}, file: jsonLines(`{"n":"twelve"}`),
		query: "SELECT n FROM %s", answer: open(asIs(`"twelve" reads `)),
	},
	{
		name: "a JSON fraction under bigint", columns: []types.Column{column("n", "bigint")}, file: jsonLines(`{"n":1.5}`),
		query: "SELECT n FROM %s", answer: open(asIs("1.5 reads ")),
	},
	{
		name: "a JSON number under string", columns: []types.Column{column("a", "string")}, file: jsonLines(`{"a":1.50}`),
		query: "SELECT a FROM %s", answer: open(asIs("1.50 reads ")),
	},
	{
		name: "the JSON SerDe's property case.insensitive", columns: []types.Column{column("a", "string")}, file: jsonLines(`{"A":"x"}`), serde: map[string]string{"case.insensitive": "false"},
		query: "SELECT a FROM %s", answer: open(func(got string) string {
			return map[bool]string{true: "false is ignored: a key in upper case is read", false: "false is honoured: a key in upper case is another column's"}[got == "x"]
		}),
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
