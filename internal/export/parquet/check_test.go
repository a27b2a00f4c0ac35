package parquet

import (
	"bytes"
	"encoding/binary"
	"testing"

	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/stretchr/testify/require"
)

// foreign writes a file of one column with the library, whose defaults are not Spectrum's.
func foreign(t *testing.T, node parquetgo.Node, options ...parquetgo.WriterOption) []byte {
	schema := parquetgo.NewSchema("export", parquetgo.Group{"a": node})
	var out bytes.Buffer
	w := parquetgo.NewGenericWriter[any](&out, append([]parquetgo.WriterOption{schema}, options...)...)
	b := parquetgo.NewRowBuilder(schema)
	if node.Type().Kind() == parquetgo.ByteArray {
		b.Add(0, parquetgo.ByteArrayValue([]byte("x")))
	} else {
		b.Add(0, parquetgo.Int64Value(1))
	}
	_, err := w.WriteRows([]parquetgo.Row{b.Row()})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// TestPoints01And02EveryDeviationIsFound tries the parts of a file one by one. The footer's version of the library's files is always 2, so it is
// put right before.
func TestPoints01And02EveryDeviationIsFound(t *testing.T) {
	safe := func(codec compress.Codec, version int, encoding parquetgo.WriterOption) []parquetgo.WriterOption {
		return []parquetgo.WriterOption{parquetgo.Compression(codec), parquetgo.DataPageVersion(version), encoding}
	}
	plain := parquetgo.DefaultEncoding(&parquetgo.Plain)
	text := parquetgo.Optional(parquetgo.String())
	tests := map[string]struct {
		node    parquetgo.Node
		options []parquetgo.WriterOption
		want    Type
		err     string
	}{
		"pages of version 2":    {text, safe(&parquetgo.Snappy, 2, plain), String, "DATA_PAGE_V2"},
		"delta encoding":        {parquetgo.Encoded(text, &parquetgo.DeltaLengthByteArray), safe(&parquetgo.Snappy, 1, plain), String, "encoding is DELTA_LENGTH_BYTE_ARRAY"},
		"another codec":         {text, safe(&parquetgo.Zstd, 1, plain), String, "codec is ZSTD"},
		"no ConvertedType":      {parquetgo.Optional(parquetgo.Timestamp(parquetgo.Nanosecond)), safe(&parquetgo.Snappy, 1, plain), Timestamp, "ConvertedType"},
		"another ConvertedType": {parquetgo.Optional(parquetgo.Timestamp(parquetgo.Millisecond)), safe(&parquetgo.Snappy, 1, plain), Timestamp, "ConvertedType"},
		"a required column":     {parquetgo.String(), safe(&parquetgo.Snappy, 1, plain), String, "REQUIRED"},
		"another type":          {parquetgo.Optional(parquetgo.Int(64)), safe(&parquetgo.Snappy, 1, plain), Double, "is stored as"},
		"a page index":          {text, safe(&parquetgo.Snappy, 1, plain), String, "page index"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			file := foreign(t, tt.node, tt.options...)
			require.ErrorContains(t, check(file, Column{"a", tt.want}), "footer version is 2")
			at := len(file) - 8 - int(binary.LittleEndian.Uint32(file[len(file)-8:])) // the footer: field 1, i32
			require.Equal(t, []byte{0x15, 4}, file[at:at+2])
			file[at+1] = 2
			require.ErrorContains(t, check(file, Column{"a", tt.want}), tt.err)
		})
	}
}

func check(file []byte, columns ...Column) error {
	return CheckSpectrumSafe(bytes.NewReader(file), int64(len(file)), columns)
}

func TestColumnsMustBeThoseAskedFor(t *testing.T) {
	file := write(t, []Column{{"a", String}, {"b", String}}, []row{{"x", "y"}})
	require.NoError(t, check(file, Column{"a", String}, Column{"b", String}))
	require.ErrorContains(t, check(file, Column{"b", String}, Column{"a", String}), `column 0 is "a", not "b"`)
	require.ErrorContains(t, check(file, Column{"a", String}), "file has 2 columns, not 1")
	require.ErrorContains(t, check(file, Column{"a", String}, Column{"b", Int64}), "not bigint")
	require.Error(t, check(file[:len(file)-1], Column{"a", String}, Column{"b", String}))
}
