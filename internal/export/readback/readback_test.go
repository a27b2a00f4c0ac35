package readback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/query/engine"
)

// warehouse is a lake with a pipeline for each format, and the SQL plane over it. The schemas are named after the formats.
type warehouse struct {
	*testing.T
	bucket    *bucket.Local
	catalog   *catalog.Embedded
	publisher *lake.Publisher
	engine    *engine.Engine
	mappings  map[lake.Format]*schema.Mapping
	upTo      uint64
}

var formats = []lake.Format{lake.Parquet, lake.JSON}

// open opens an empty one. A limit of 0 is the default.
func open(t *testing.T, kind schema.Kind, limit int) *warehouse {
	dir := t.TempDir()
	db, err := meta.Open(t.Context(), filepath.Join(dir, "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	b, err := bucket.OpenLocal("lake", filepath.Join(dir, "lake"))
	require.NoError(t, err)
	w := &warehouse{T: t, bucket: b, catalog: catalog.Open(db), publisher: lake.NewPublisher(time.Now), mappings: map[lake.Format]*schema.Mapping{}}
	w.engine, err = engine.Open(t.Context(), engine.Options{
		Dir: filepath.Join(dir, "engine"), Threads: 2, MemoryLimit: 1 << 30, Catalog: w.catalog, Meta: db, Folders: []string{filepath.Join(dir, "lake")},
		Buckets: func(string) (bucket.Bucket, error) { return b, nil }, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.engine.Close()) })
	for _, f := range formats {
		w.mappings[f], err = schema.New(kind, limit)
		require.NoError(t, err)
		require.NoError(t, w.catalog.CreateDatabase(t.Context(), catalog.Database{Name: string(f)}))
		require.NoError(t, w.engine.AttachSchema(t.Context(), "dev", string(f), string(f)))
	}
	return w
}

type record struct {
	day              event.Day
	name, properties string
}

// at is the time of the i-th record of a day.
func (r record) at(i int) int64 { return r.day.StartMillis() + int64(i)*1001 }

func batch(r record, i int) *store.Batch {
	text := func(s string) store.Text { return store.Text{Data: []byte(s), Offsets: []uint32{0, uint32(len(s))}} }
	return &store.Batch{
		Len: 1, Position: []uint64{uint64(i + 1)}, Received: []int64{r.at(i)}, Time: []int64{r.at(i)}, Name: text(r.name),
		DistinctID: text(fmt.Sprint("d", i)), DeviceID: text(""), UserID: text("u"), InsertID: text(fmt.Sprint("i", i)), Properties: text(r.properties),
	}
}

// export is a run of both pipelines. With versioned it replaces the days of the records.
func (w *warehouse) export(versioned bool, records ...record) {
	w.Helper()
	w.exportFrom(0, versioned, records...)
}

// exportFrom is export with records that are numbered from first.
func (w *warehouse) exportFrom(first int, versioned bool, records ...record) {
	w.Helper()
	window := lake.Window{After: w.upTo, UpTo: w.upTo + 10}
	w.upTo += 10
	for _, f := range formats {
		m := w.mappings[f]
		layout := lake.Layout{Prefix: string(f), Project: 1, Pipeline: "aa"}
		out := transform.NewTables(w.Context(), w.bucket, m, transform.TablesOptions{Format: f, Layout: layout, Window: window, Versioned: versioned})
		for i, r := range records {
			require.NoError(w, out.Day(r.day))
			require.NoError(w, out.Event(batch(r, first+i), 0))
		}
		data, _, err := out.Close()
		require.NoError(w, err)
		for _, table := range m.Tables() {
			layout.Table = table.Name
			w.requireSpectrumSafe(layout, table, data)
			root := w.bucket.Location(layout.TableDir())
			days := map[string]bool{}
			var parts []lake.Partition
			for _, o := range data {
				if days[o.Day] || !strings.HasPrefix(o.Key, layout.TableDir()) {
					continue
				}
				days[o.Day] = true
				day, err := event.ParseDay(o.Day)
				require.NoError(w, err)
				parts = append(parts, lake.Partition{Day: day, Location: w.bucket.Location(o.Key[:strings.LastIndexByte(o.Key, '/')+1])})
			}
			_, err := w.publisher.PublishPartitions(w.Context(), w.catalog, lake.Table{
				Database: string(f), Name: table.Name, Format: f, Columns: table.CatalogColumns(), Partitioned: true, Root: root, Location: root,
			}, parts)
			require.NoError(w, err)
		}
	}
}

// requireSpectrumSafe checks the Parquet files of a table, which have the first of its columns.
func (w *warehouse) requireSpectrumSafe(l lake.Layout, table *schema.Table, data []lake.Object) {
	w.Helper()
	for _, o := range data {
		if !strings.HasPrefix(o.Key, l.TableDir()) || !strings.HasSuffix(o.Key, ".parquet") {
			continue
		}
		body, _, err := w.bucket.Get(w.Context(), o.Key)
		require.NoError(w, err)
		content, err := io.ReadAll(body)
		require.NoError(w, errors.Join(err, body.Close()))
		require.NoError(w, parquet.CheckSpectrumSafe(bytes.NewReader(content), o.Bytes, table.ParquetColumns()[:len(o.Values)]), o.Key)
	}
}

// query runs a statement in the schema of each format, named by %s, requires that both answer the same, and returns the rows, values
// joined by "|".
func (w *warehouse) query(sql string) (rows []string) {
	w.Helper()
	for i, f := range formats {
		got := w.one(fmt.Sprintf(sql, f))
		if i > 0 {
			require.Equal(w, rows, got, "%s, %s", f, sql)
		}
		rows = got
	}
	return rows
}

func (w *warehouse) one(sql string) (out []string) {
	w.Helper()
	c, err := w.engine.DataAPI().Connect(w.Context(), "admin", "dev")
	require.NoError(w, err)
	defer func() { require.NoError(w, c.Close()) }()
	rows, err := c.Execute(w.Context(), sql, nil)
	require.NoError(w, err, sql)
	for {
		page, err := rows.Next(context.Background())
		require.NoError(w, err, sql)
		if page == nil {
			require.NoError(w, rows.Close())
			return out
		}
		for r := range page.Len() {
			var row []string
			for c := range rows.Columns() {
				value := "NULL"
				if !page.Null(c, r) {
					value = string(page.AppendText(nil, c, r))
				}
				row = append(row, value)
			}
			out = append(out, strings.Join(row, "|"))
		}
	}
}

const day = event.Day(18_500) // 2020-08-26

func TestFilesOfEverySchemaVersionAreQueriedTogether(t *testing.T) {
	w := open(t, schema.Monoschema, 0)
	w.export(false, record{day, "Sign Up", `{"plan":"free","amount":1.5,"$city":"Paris"}`}, record{day, "Click", `{"plan":null}`}, record{day + 1, "Click", `{"paid":true}`})
	const totals = `SELECT mp_date, count(*), count(plan), sum(amount), min("time"), max("time"), count(paid) FROM %s.mp_master_event GROUP BY mp_date ORDER BY mp_date`
	require.Equal(t, []string{
		"2020-08-26|2|1|1.5|2020-08-26 00:00:00|2020-08-26 00:00:01.001|0",
		"2020-08-27|1|0|NULL|2020-08-27 00:00:02.002|2020-08-27 00:00:02.002|1",
	}, w.query(totals))

	// A type drifts, columns come, and a late event adds to a day of before.
	w.export(false, record{day, "Sign Up", `{"plan":3,"amount":"a lot","tags":["a",{"URL":1}]}`}, record{day + 2, "Sign Up", `{"plan":"pro","id":9007199254740993}`})
	require.Equal(t, []string{
		"2020-08-26|3|1|1.5|2020-08-26 00:00:00|2020-08-26 00:00:01.001|0",
		"2020-08-27|1|0|NULL|2020-08-27 00:00:02.002|2020-08-27 00:00:02.002|1",
		"2020-08-28|1|1|NULL|2020-08-28 00:00:01.001|2020-08-28 00:00:01.001|0",
	}, w.query(totals))
	require.Equal(t, []string{"a lot"}, w.query(`SELECT amount_string FROM %s.mp_master_event WHERE amount_string IS NOT NULL`))
	require.Equal(t, []string{`3|["a",{"URL":1}]|Sign Up`}, w.query(`SELECT plan_number, tags, mp_event_name FROM %s.mp_master_event WHERE plan_number = 3`))
	require.Equal(t, []string{"9007199254740993"}, w.query(`SELECT id_exact FROM %s.mp_master_event WHERE id_exact IS NOT NULL`))
	require.Equal(t, []string{"Paris"}, w.query(`SELECT mp_city FROM %s.mp_master_event WHERE mp_date = '2020-08-26' AND mp_city <> ''`))
	require.Equal(t, []string{"5"}, w.query(`SELECT count(*) FROM %s.mp_master_event WHERE mp_user_id = 'u'`))
}

func TestADayThatIsReplacedIsReadInOneVersion(t *testing.T) {
	w := open(t, schema.Multischema, 0)
	for version := range 3 {
		var records []record
		for i := range version + 1 {
			records = append(records, record{day, "Sign Up", fmt.Sprintf(`{"v":%d,"only %d":%d}`, version, version, i)})
		}
		if version == 0 {
			records = append(records, record{day + 1, "Sign Up", `{"v":7}`})
		}
		w.export(true, records...)
		require.Equal(t, []string{fmt.Sprintf("%d|%d|%d", version+1, version, version), "1|7|7"},
			w.query(`SELECT count(*), min(v), max(v) FROM %s.sign_up GROUP BY mp_date ORDER BY mp_date`))
	}
}

// TestValuesAreWhatTheEventsHeld reads all columns of rows with hostile names and values.
func TestValuesAreWhatTheEventsHeld(t *testing.T) {
	w := open(t, schema.Monoschema, 0)
	w.export(false,
		record{day, "e", `{"user":"a","User":1,"$user":true,"select":"x\ny \"q\" \\ \u2028 é 😀","2fa":[1.10],"":{"URL":1,"Url":2},"value":0.1}`},
		record{day, "e", `{"user":5e-324,"User":1.7976931348623157e308,"value":-1e21,"tiny":1e-7,"date":"2020-01-01T00:00:00"}`},
		record{day, "e", `{"User":"text","value":12345678901234567890,"tiny":123456789,"select":"` + strings.Repeat("x", 20_000) + `"}`},
		record{day, "e", `{}`},
	)
	for _, c := range w.mappings[lake.Parquet].Tables()[0].Columns() {
		w.query(`SELECT "` + c.Name + `" FROM %s.mp_master_event ORDER BY mp_insert_id`)
	}
	require.Equal(t, []string{"a|1|t|[1.10]|{\"URL\":1,\"Url\":2}|0.10000000000000001"},
		w.query(`SELECT res_user, res_user_1, mp_user, _2fa, _, value FROM %s.mp_master_event WHERE mp_insert_id = 'i0'`))
	require.Equal(t, []string{"x\ny \"q\" \\ \u2028 é 😀", "NULL", strings.Repeat("x", 20_000), "NULL"}, w.query(`SELECT res_select FROM %s.mp_master_event ORDER BY mp_insert_id`))
	require.Equal(t, []string{"12345678901234567168|12345678901234567890"},
		w.query(`SELECT CAST(value AS decimal(20,0)), value_exact FROM %s.mp_master_event WHERE value_exact IS NOT NULL`))
}
