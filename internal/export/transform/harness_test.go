package transform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// memory is a bucket in memory.
type memory struct {
	bucket.Bucket
	mu      sync.Mutex
	objects map[string][]byte
}

func newMemory() *memory { return &memory{objects: map[string][]byte{}} }

func (m *memory) Location(key string) string { return "s3://lake/" + key }

func (m *memory) Put(_ context.Context, key string, body io.ReadSeeker, size int64, o bucket.PutOptions) (bucket.Object, error) {
	text, err := io.ReadAll(body)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects[key] != nil && o.IfAbsent {
		return bucket.Object{}, bucket.ErrExists
	}
	m.objects[key] = text
	return bucket.Object{Key: key, Size: size}, err
}

func (m *memory) Get(_ context.Context, key string) (io.ReadCloser, bucket.Object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, ok := m.objects[key]
	if !ok {
		return nil, bucket.Object{}, bucket.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(text)), bucket.Object{Key: key, Size: int64(len(text))}, nil
}

func (m *memory) Head(ctx context.Context, key string) (bucket.Object, error) {
	_, o, err := m.Get(ctx, key)
	return o, err
}

func newMapping(t require.TestingT, kind schema.Kind, limit int) *schema.Mapping {
	m, err := schema.New(kind, limit)
	require.NoError(t, err)
	return m
}

var layout = lake.Layout{Prefix: "raw", Project: 7, Pipeline: "3f9a0c55d2e1"}

// row is what a reader sees of a row: values by column, without nulls.
type row map[string]any

// dated is a record and the mp_date that it belongs to.
type dated struct {
	record
	day event.Day
}

// usedGroups has the buffers of the runs of all tests: none must see what another has left behind.
var usedGroups = &parquet.Pool{MaxHeld: 16 << 20}

// writeTables writes records as one run and returns the objects.
func writeTables(t require.TestingT, b bucket.Bucket, m *schema.Mapping, o TablesOptions, records []dated) (data, oversize []lake.Object) {
	if o.Layout == (lake.Layout{}) {
		o.Layout = layout
	}
	o.Groups = usedGroups
	out := NewTables(context.Background(), b, m, o)
	for i, r := range records {
		require.NoError(t, out.Day(r.day))
		in := batch(r.record)
		in.Position[0] = o.Window.After + uint64(i) + 1
		require.NoError(t, out.Event(in, 0))
	}
	data, oversize, err := out.Close()
	require.NoError(t, err)
	return data, oversize
}

func read(t require.TestingT, b bucket.Bucket, key string) []byte {
	body, _, err := b.Get(context.Background(), key)
	require.NoError(t, err)
	defer body.Close()
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	return text
}

// readObject returns the rows of a file, whatever its format, and the number of values per column in the order of the table.
func readObject(t require.TestingT, b bucket.Bucket, o lake.Object, columns []schema.Column) []row {
	text := read(t, b, o.Key)
	if filepath.Ext(o.Key) == ".parquet" {
		return readParquet(t, text, columns[:len(o.Values)])
	}
	return readLines(t, text, columns)
}

// unzip returns the content of the first gzip member, which is all that some readers see.
func unzip(t require.TestingT, text []byte) []byte {
	zip, err := gzip.NewReader(bytes.NewReader(text))
	require.NoError(t, err)
	zip.Multistream(false)
	text, err = io.ReadAll(zip)
	require.NoError(t, err)
	return text
}

func readLines(t require.TestingT, text []byte, columns []schema.Column) (rows []row) {
	return parseLines(t, unzip(t, text), columns)
}

func parseLines(t require.TestingT, text []byte, columns []schema.Column) (rows []row) {
	require.Equal(t, byte('\n'), text[len(text)-1])
	for _, line := range bytes.Split(text[:len(text)-1], []byte{'\n'}) {
		in := json.NewDecoder(bytes.NewReader(line))
		in.UseNumber()
		var values map[string]any
		require.NoError(t, in.Decode(&values), "%s", line)
		out := row{}
		for _, c := range columns {
			v, ok := values[c.Name]
			if !ok {
				continue
			}
			delete(values, c.Name)
			var err error
			switch c.Type.Parquet() {
			case parquet.Double:
				v, err = strconv.ParseFloat(string(v.(json.Number)), 64)
				require.NoError(t, err)
			case parquet.Boolean:
				v = v.(bool)
			case parquet.Timestamp:
				at, err := time.Parse("2006-01-02T15:04:05.000Z", v.(string))
				require.NoError(t, err)
				v = at.UnixMilli()
			default:
				v = v.(string)
			}
			out[c.Name] = v
		}
		require.Empty(t, values, "keys that are no columns")
		rows = append(rows, out)
	}
	return rows
}

func readParquet(t require.TestingT, text []byte, columns []schema.Column) (rows []row) {
	require.NoError(t, parquet.CheckSpectrumSafe(bytes.NewReader(text), int64(len(text)), schema.ParquetColumns(columns)))
	f, err := parquetgo.OpenFile(bytes.NewReader(text), int64(len(text)))
	require.NoError(t, err)
	for _, g := range f.RowGroups() {
		in := g.Rows()
		buf := make([]parquetgo.Row, 16)
		for {
			n, err := in.ReadRows(buf)
			for _, values := range buf[:n] {
				out := row{}
				for _, v := range values {
					c := columns[v.Column()]
					switch {
					case v.IsNull():
					case c.Type.Parquet() == parquet.Double:
						out[c.Name] = v.Double()
					case c.Type.Parquet() == parquet.Boolean:
						out[c.Name] = v.Boolean()
					case c.Type.Parquet() == parquet.Timestamp:
						out[c.Name] = v.Int64() / 1000
					default:
						out[c.Name] = string(v.ByteArray())
					}
				}
				rows = append(rows, out)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		require.NoError(t, in.Close())
	}
	return rows
}

// readTables returns the rows of all tables by the folder that holds them, and checks what the objects say of themselves.
func readTables(t require.TestingT, b bucket.Bucket, m *schema.Mapping, objects []lake.Object) map[string][]row {
	all := map[string][]row{}
	for _, o := range objects {
		table := m.Tables()[0]
		for _, candidate := range m.Tables() {
			if candidate.Name == o.Table {
				table = candidate
			}
		}
		rows := readObject(t, b, o, table.Columns())
		require.Len(t, rows, int(o.Rows))
		counts := make([]int64, len(o.Values))
		for _, r := range rows {
			for i := range counts {
				if _, ok := r[table.Columns()[i].Name]; ok {
					counts[i]++
				}
			}
		}
		require.Equal(t, counts, o.Values, o.Key)
		dir := filepath.Dir(o.Key)
		all[dir] = append(all[dir], rows...)
	}
	return all
}
