package transform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/golden"
)

var bothFormats = []lake.Format{lake.Parquet, lake.JSON}

// visits are n records of some events over days, in the order in which UTC days deliver days of another time zone: each day of the
// project comes in two pieces, of two segments each.
func visits(n, events, days int) (all []dated) {
	for i := range n {
		utc := i * days / n
		quarter := i * days * 4 / n % 4
		r := record{
			name: fmt.Sprintf("event %d", i%events), distinct: fmt.Sprint("d", i%17), insert: fmt.Sprint("i", i), time: int64(i) * 60_000,
			properties: fmt.Sprintf(`{"n":%d.5,"p%d":"x\n%d","flag":true,"list":[1,"a"],"late":%t}`, i, i%40, i, i%2 == 0),
		}
		all = append(all, dated{r, event.Day(18_500 + utc + quarter%2)})
	}
	return all
}

func TestBothFormatsHaveTheSameRows(t *testing.T) {
	for _, kind := range []schema.Kind{schema.Monoschema, schema.Multischema} {
		b := newMemory()
		var all []map[string][]row
		for i, format := range bothFormats {
			m := newMapping(t, kind, 0)
			o := TablesOptions{Format: format, Window: lake.Window{UpTo: uint64(9000 + i)}, Memory: 200_000}
			data, oversize := writeTables(t, b, m, o, visits(5000, 7, 3))
			require.Empty(t, oversize)
			all = append(all, readTables(t, b, m, data))
		}
		require.Equal(t, all[0], all[1])
		require.NotEmpty(t, all[0])
	}
}

func TestADayThatComesInPiecesIsOneFile(t *testing.T) {
	for _, format := range bothFormats {
		m := newMapping(t, schema.Monoschema, 0)
		writeTables(t, newMemory(), m, TablesOptions{Format: format}, visits(4000, 1, 5))
		b := newMemory()
		data, _ := writeTables(t, b, m, TablesOptions{Format: format, Window: lake.Window{UpTo: 1}}, visits(4000, 1, 5))
		require.Len(t, data, 6)
		for i, o := range data {
			require.Equal(t, event.Day(18_500+i).String(), o.Day)
			require.Empty(t, o.Table)
		}
	}
}

func TestWritingAgainMakesTheSameBytes(t *testing.T) {
	for _, format := range bothFormats {
		b := newMemory()
		o := TablesOptions{Format: format, Window: lake.Window{UpTo: 1}, Memory: 50_000, Writer: lake.WriterOptions{PartBytes: 3000}}
		first, _ := writeTables(t, b, newMapping(t, schema.Multischema, 0), o, visits(3000, 20, 3))
		before := map[string][]byte{}
		for key, text := range b.objects {
			before[key] = text
		}
		again, _ := writeTables(t, b, newMapping(t, schema.Multischema, 0), o, visits(3000, 20, 3))
		require.Equal(t, first, again)
		require.Equal(t, before, b.objects)
	}
}

// TestObjectsMatchTheGoldenFile fixes where the objects of each layout lie and what is said of them.
func TestObjectsMatchTheGoldenFile(t *testing.T) {
	var got bytes.Buffer
	long := strings.Repeat("x", schema.MaxText+1)
	records := []dated{
		{record{name: "Sign Up", distinct: "d1", insert: "i1", time: 1_598_400_000_123, properties: `{"$city":"Paris","n":1}`}, 18_500},
		{record{name: "select", distinct: "d1", user: "d1", insert: "i2", time: 1_598_400_000_123, properties: `{"tags":["a"],"text":"` + long + `"}`}, 18_500},
		{record{name: "Sign Up", distinct: "d2", device: "D", time: 1_598_486_400_000, properties: `{"n":"two"}`}, 18_501},
	}
	print := func(name string, data, oversize []lake.Object) {
		text, err := json.MarshalIndent(map[string][]lake.Object{"data": data, "oversize": oversize}, "", " ")
		require.NoError(t, err)
		fmt.Fprintf(&got, "%s\n%s\n", name, text)
	}
	w := lake.Window{After: 41, UpTo: 672_754}
	for _, kind := range []schema.Kind{schema.Monoschema, schema.Multischema} {
		for _, versioned := range []bool{false, true} {
			for _, format := range bothFormats {
				b := newMemory()
				data, oversize := writeTables(t, b, newMapping(t, kind, 0), TablesOptions{Format: format, Window: w, Versioned: versioned}, records)
				print(fmt.Sprintf("%s, %s, versioned: %t", kind, format, versioned), data, oversize)
			}
		}
	}
	for _, format := range bothFormats {
		out := NewTables(context.Background(), newMemory(), newMapping(t, schema.People, 0), TablesOptions{Format: format, Layout: layout, Window: w, Snapshot: true})
		require.NoError(t, out.Profile([]byte("d1"), []byte(`{"$name":"Alice"}`), 1_700_000_000_000))
		data, oversize, err := out.Close()
		require.NoError(t, err)
		print("people, "+string(format), data, oversize)
		out = NewTables(context.Background(), newMemory(), newMapping(t, schema.Identities, 0), TablesOptions{Format: format, Layout: layout, Window: w, Snapshot: true})
		require.NoError(t, out.Identity([]byte("$device:D"), []byte("d1")))
		data, oversize, err = out.Close()
		require.NoError(t, err)
		print("identities, "+string(format), data, oversize)
	}
	golden.Equal(t, "testdata/objects.txt", got.Bytes())
}

// TestJSONRowsMatchTheGoldenFile fixes the form aws-json/1.
func TestJSONRowsMatchTheGoldenFile(t *testing.T) {
	properties := `{"text":"quotes \" and \\ and\nbreaks \u2028 ü","whole":3,"small":1e-7,"large":1e21,"long":12345678901234567890,"tenth":0.1,"zero":-0.0,` +
		`"yes":true,"no":false,"list":[1,{"URL":1.10}],"object":{"URL":1,"Url":"x"},"nothing":null,"$os":"Linux","user":"reserved"}`
	records := []dated{
		{record{name: "Sign Up", distinct: "d1", user: "u", device: "D", insert: "i1", time: 1_714_567_890_123, properties: properties}, 19_844},
		{record{name: "only required", time: -1, properties: `{"whole":"three","no":null}`}, 19_844},
	}
	b, m := newMemory(), newMapping(t, schema.Monoschema, 18)
	data, _ := writeTables(t, b, m, TablesOptions{Format: lake.JSON, Window: lake.Window{UpTo: 1}}, records)
	golden.Equal(t, "testdata/aws-json.ndjson", unzip(t, read(t, b, data[0].Key)))
}

func TestAFileEndsWhenColumnsComeThatItHasNot(t *testing.T) {
	b, m := newMemory(), newMapping(t, schema.Monoschema, 0)
	out := NewTables(context.Background(), b, m, TablesOptions{Format: lake.Parquet, Layout: layout, Window: lake.Window{UpTo: 1}, Memory: 1})
	require.NoError(t, out.Day(18_500))
	for i, properties := range []string{`{"a":1}`, `{}`, `{"a":2}`, `{"b":1}`, `{"a":3,"b":2}`, `{"a":null,"c":null}`} {
		in := batch(record{name: "e", properties: properties})
		in.Position[0] = uint64(i + 1)
		require.NoError(t, out.Event(in, 0)) // each row is a row group
	}
	data, _, err := out.Close()
	require.NoError(t, err)
	var rows []int64
	for _, o := range data {
		rows = append(rows, o.Rows)
	}
	require.Equal(t, []int64{3, 3}, rows)
	require.Equal(t, []int64{2, 2}, []int64{data[0].Values[6], data[1].Values[7]})
	require.Equal(t, []uint64{1, 3, 4, 6}, []uint64{data[0].MinPosition, data[0].MaxPosition, data[1].MinPosition, data[1].MaxPosition})
	require.Len(t, readTables(t, b, m, data)["raw/7/mp_master_event/2020/08/26"], 6)
}

func TestRowsThatWereReducedAreKeptWhole(t *testing.T) {
	long := strings.Repeat("é", schema.MaxText)
	for _, format := range bothFormats {
		for _, versioned := range []bool{false, true} {
			b, m := newMemory(), newMapping(t, schema.Multischema, 0)
			out := NewTables(context.Background(), b, m, TablesOptions{Format: format, Layout: layout, Window: lake.Window{UpTo: 1}, Versioned: versioned})
			for day := range event.Day(2) {
				require.NoError(t, out.Day(day))
				require.NoError(t, out.Event(batch(record{name: "Long", distinct: "d", properties: `{"a":"` + long + `","n":1.10}`, time: 1234}), 0))
				require.NoError(t, out.Event(batch(record{name: "Short", properties: `{"a":"x"}`}), 0))
			}
			data, oversize, err := out.Close()
			require.NoError(t, err)
			require.EqualValues(t, 2, out.Reduced())
			rows := 0
			for _, o := range oversize {
				require.Equal(t, "long", o.Table)
				require.True(t, strings.HasPrefix(o.Key, "raw/7/_oversize/long/"))
				require.Equal(t, versioned, o.Day != "")
				for _, line := range bytes.Split(bytes.TrimSuffix(unzip(t, read(t, b, o.Key)), []byte{'\n'}), []byte{'\n'}) {
					rows++
					var whole map[string]any
					require.NoError(t, json.Unmarshal(line, &whole))
					require.Equal(t, `{"a":"`+long+`","n":1.10}`, whole["properties"])
					require.Equal(t, 1234.0, whole["time_ms"])
				}
			}
			require.Equal(t, 2, rows)
			for dir, rows := range readTables(t, b, m, data) {
				if strings.Contains(dir, "/long/") {
					require.Len(t, rows[0]["a"], schema.MaxText-1)
				}
			}
			require.Equal(t, format == lake.JSON, out.Long() == 2)
		}
	}
}

func TestManyTablesAreWrittenBeforeMemoryIsFull(t *testing.T) {
	for _, format := range bothFormats {
		b, m := newMemory(), newMapping(t, schema.Multischema, 0)
		records := visits(6000, 700, 2) // more folders than may be open
		data, _ := writeTables(t, b, m, TablesOptions{Format: format, Window: lake.Window{UpTo: 1}, Memory: 30_000}, records)
		rows := 0
		for _, all := range readTables(t, b, m, data) {
			rows += len(all)
		}
		require.Equal(t, len(records), rows)
		keys := map[string]bool{}
		for _, o := range data {
			require.False(t, keys[o.Key], o.Key)
			keys[o.Key] = true
		}
		require.True(t, slices.IsSortedFunc(data, func(a, b lake.Object) int { return strings.Compare(a.Key, b.Key) }))
	}
}

// failing is a bucket whose uploads fail after the first ones.
type failing struct {
	*memory
	left int
	err  error
}

func (f *failing) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, o bucket.PutOptions) (bucket.Object, error) {
	f.mu.Lock()
	f.left--
	left := f.left
	f.mu.Unlock()
	if left < 0 {
		return bucket.Object{}, f.err
	}
	return f.memory.Put(ctx, key, body, size, o)
}

func TestAFailedUploadEndsTheTablesWithItsError(t *testing.T) {
	boom := errors.New("boom")
	before := runtime.NumGoroutine()
	for _, format := range bothFormats {
		for left := range 4 {
			b := &failing{newMemory(), left, boom}
			out := NewTables(context.Background(), b, newMapping(t, schema.Multischema, 0), TablesOptions{Format: format, Layout: layout, Window: lake.Window{UpTo: 1}, Memory: 1000})
			err := func() error {
				for _, r := range visits(2000, 10, 6) {
					if err := out.Day(r.day); err != nil {
						return err
					}
					if err := out.Event(batch(r.record), 0); err != nil {
						return err
					}
				}
				_, _, err := out.Close()
				return err
			}()
			require.ErrorIs(t, err, boom)
			out.Abort()
		}
	}
	out := NewTables(context.Background(), newMemory(), newMapping(t, schema.Monoschema, 0), TablesOptions{Format: lake.Parquet, Layout: layout})
	require.NoError(t, out.Day(1))
	require.NoError(t, out.Event(batch(samples...), 0))
	out.Abort()
	_, _, err := out.Close()
	require.ErrorIs(t, err, context.Canceled)
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), "goroutines are left behind")
	}
}

// TestMemoryIsBoundedWhateverTheTablesColumnsAndDays writes hundreds of tables with many columns over a hundred days.
func TestMemoryIsBoundedWhateverTheTablesColumnsAndDays(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 150,000 rows")
	}
	const (
		days, tables, rows = 100, 300, 150_000
		limit              = 512 << 20
	)
	value := strings.Repeat("v", 100)
	for _, format := range bothFormats {
		out := NewTables(context.Background(), sinkhole{}, newMapping(t, schema.Multischema, 0), TablesOptions{
			Format: format, Layout: layout, Window: lake.Window{UpTo: 1}, Writer: lake.WriterOptions{TempDir: t.TempDir()},
		})
		var properties []byte
		var peak uint64
		var stats runtime.MemStats
		for i := range rows {
			d := i * days / rows
			require.NoError(t, out.Day(event.Day(d)))
			properties = append(properties[:0], '{')
			for c := range 12 {
				properties = event.AppendStringMember(properties, fmt.Sprintf("property %d", (i/tables*12+c)%120), value)
			}
			// A different event dominates each day, so that each table has large groups once.
			name := fmt.Sprint("event ", i%tables)
			if i%3 == 0 {
				name = fmt.Sprint("event ", d)
			}
			require.NoError(t, out.Event(batch(record{name: name, distinct: "d", properties: string(append(properties, '}'))}), 0))
			if i%1000 == 0 {
				runtime.ReadMemStats(&stats)
				peak = max(peak, stats.HeapInuse)
			}
		}
		_, _, err := out.Close()
		require.NoError(t, err)
		t.Logf("%s: at most %d MiB of heap", format, peak>>20)
		require.Less(t, peak, uint64(limit))
	}
}

// TestGroupsAreUsedAgainDayAfterDay counts the groups that hold memory: those of the open days, one on its way into a file, one spare.
func TestGroupsAreUsedAgainDayAfterDay(t *testing.T) {
	m := newMapping(t, schema.Multischema, 0)
	out := NewTables(context.Background(), sinkhole{}, m, TablesOptions{Format: lake.Parquet, Layout: layout, Window: lake.Window{UpTo: 1}})
	sink := out.sink.(*columnar)
	const tables = 3
	for i, r := range visits(6000, tables, 60) {
		if (int(r.day)+i)%tables == 0 {
			continue // a table has rows on some days only
		}
		if i%tables == 0 && r.day%2 == 0 {
			continue
		}
		require.NoError(t, out.Day(r.day))
		require.NoError(t, out.Event(batch(r.record), 0))
		var held int64
		for _, n := range sink.taken {
			held += n
		}
		require.Equal(t, held, sink.held)
		require.LessOrEqual(t, held, sink.most)
		require.LessOrEqual(t, len(sink.taken), 5*tables)
	}
	require.NotEmpty(t, sink.taken)
	_, _, err := out.Close()
	require.NoError(t, err)
}
