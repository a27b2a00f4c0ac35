package transform

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/schema"
)

// The tests of this file and others named TestPointNN are of what first versions of exporters to S3, Glue and Redshift Spectrum usually
// get wrong. Points 1 and 2 (what of Parquet is used) are in package parquet; 6 to 10 and 12 to 15 (the catalog, and where objects lie)
// in package lake.

// drift are three runs whose events change types and gain properties.
var drift = [][]dated{
	{{record{name: "e", properties: `{"n":1,"s":"x","b":true}`}, 18_500}, {record{name: "e", properties: `{"n":1.5}`}, 18_501}},
	{{record{name: "e", properties: `{"n":"one","new":1}`}, 18_500}},
	{{record{name: "e", properties: `{"n":[1],"new":{},"b":1}`}, 18_500}, {record{name: "e", properties: `{"n":2,"more":"x"}`}, 18_501}},
}

// TestPoints03To05ColumnsKeepTypeAndPlace: a type is one of few, all integers and fractions are doubles, none changes, and the columns of
// each file are the first of the table's, in its order.
func TestPoints03To05ColumnsKeepTypeAndPlace(t *testing.T) {
	b, m := newMemory(), newMapping(t, schema.Monoschema, 0)
	before := []schema.Column{}
	for i, records := range drift {
		data, _ := writeTables(t, b, m, TablesOptions{Format: lake.Parquet, Window: lake.Window{After: uint64(i), UpTo: uint64(i + 1)}}, records)
		columns := m.Tables()[0].Columns()
		require.Equal(t, before, columns[:len(before)], "columns only come at the end")
		before = slices.Clone(columns)
		for _, o := range data {
			counts, err := parquet.Count(bytes.NewReader(b.objects[o.Key]), o.Bytes, "", nil)
			require.NoError(t, err)
			require.Equal(t, o.Values, counts.Values)
			for j, name := range counts.Columns {
				require.Equal(t, columns[j].Name, name)
				require.NotEqual(t, lake.PartitionKey, name, "the partition column is not in the file")
			}
			require.NoError(t, parquet.CheckSpectrumSafe(bytes.NewReader(b.objects[o.Key]), o.Bytes, schema.ParquetColumns(columns[:len(counts.Columns)])))
		}
	}
	for i, c := range m.Tables()[0].CatalogColumns() {
		require.Contains(t, []string{"string", "double", "boolean", "timestamp"}, c.Type)
		require.Equal(t, before[i].Name, c.Name)
	}
}

func TestPoint16LinesAreGzipAndNothingIsEmpty(t *testing.T) {
	b := newMemory()
	data, _ := writeTables(t, b, newMapping(t, schema.Monoschema, 0), TablesOptions{Format: lake.JSON}, drift[0])
	for _, o := range data {
		require.True(t, strings.HasSuffix(o.Key, ".json.gz"))
		text := unzip(t, b.objects[o.Key])
		require.Equal(t, byte('{'), text[0], "no byte order mark")
		for line := range bytes.Lines(text) {
			require.True(t, json.Valid(line))
			require.Greater(t, len(line), len("{}\n"))
		}
	}
	for _, format := range bothFormats {
		data, oversize := writeTables(t, b, newMapping(t, schema.Monoschema, 0), TablesOptions{Format: format}, nil)
		require.Empty(t, data)
		require.Empty(t, oversize)
	}
	for _, text := range b.objects {
		require.NotEmpty(t, text)
	}
}

func TestPoint17LongValuesAreTold(t *testing.T) {
	for size, want := range map[int][2]int64{LongProperties: {0, 0}, LongProperties + 1: {1, 0}, schema.MaxText: {1, 0}, schema.MaxText + 1: {1, 1}} {
		for _, format := range bothFormats {
			out := NewTables(t.Context(), newMemory(), newMapping(t, schema.Monoschema, 0), TablesOptions{Format: format, Layout: layout})
			require.NoError(t, out.Event(batch(record{name: "e", properties: `{"a":"` + strings.Repeat("x", size) + `"}`}), 0))
			_, _, err := out.Close()
			require.NoError(t, err)
			require.Equal(t, want[1], out.Reduced())
			require.Equal(t, format == lake.JSON && want[0] == 1, out.Long() == 1)
		}
	}
}

// TestPoints18And19LinesHoldWhatEverySerDeReads: values are flat, objects are strings, keys repeat under no folding of case, and times
// have exactly three digits of fraction.
func TestPoints18And19LinesHoldWhatEverySerDeReads(t *testing.T) {
	b := newMemory()
	time := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	var records []dated
	for _, ms := range []int64{0, 1, 999, 1000, -1, 1_714_567_890_000, 253_402_300_799_999} {
		records = append(records, dated{record{name: "e", properties: `{"URL":{"Url":1,"URL":2},"url":[{}],"uRl":"x"}`, time: ms}, 18_500})
	}
	data, _ := writeTables(t, b, newMapping(t, schema.Monoschema, 0), TablesOptions{Format: lake.JSON}, records)
	for line := range bytes.Lines(unzip(t, b.objects[data[0].Key])) {
		var row map[string]any
		require.NoError(t, json.Unmarshal(line, &row))
		folded := map[string]bool{}
		for key, v := range row {
			require.False(t, folded[strings.ToLower(key)])
			folded[strings.ToLower(key)] = true
			require.Equal(t, strings.ToLower(key), key)
			require.NotContains(t, []any{nil}, v, "nulls are left out")
			if _, flat := v.(string); !flat {
				t.Fatalf("%s is %v", key, v)
			}
		}
		require.Regexp(t, time, row["time"])
	}
}
