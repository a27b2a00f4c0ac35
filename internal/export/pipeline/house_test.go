package pipeline

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// house is everything a worker needs, with a clock that is set by hand.
type house struct {
	t       require.TestingT
	ctx     context.Context
	db      *meta.DB
	store   *Store
	reader  *memory
	bucket  *bucket.Local
	catalog *catalog.Embedded
	faults  faults
	project int64

	mu    sync.Mutex
	clock time.Time
	real  atomic.Bool // time goes by itself
	// attached counts the calls of Attach; attachErr is its answer, attaching, which may be nil, is called first.
	attached  int
	attachErr error
	attaching func()
	// refused, which may be nil, says whose catalogs cannot be opened.
	refused func(*Definition) bool

	config Config
	worker *Worker
}

var epoch = time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC)

// newHouse keeps its files below dir and closes with done.
func newHouse(t require.TestingT, dir string) (h *house, done func()) {
	template, err := migrated()
	require.NoError(t, err)
	source := filepath.Join(dir, "meta.db")
	require.NoError(t, os.WriteFile(source, template, 0o644))
	return newHouseOn(t, dir, source)
}

// newHouseOn is newHouse with a metadata database.
func newHouseOn(t require.TestingT, dir, source string) (h *house, done func()) {
	h = &house{t: t, ctx: context.Background(), reader: newMemory(), clock: epoch}
	var err error
	h.db, err = meta.Open(h.ctx, source)
	require.NoError(t, err)
	h.bucket, err = bucket.OpenLocal("lake", filepath.Join(dir, "lake"))
	require.NoError(t, err)
	h.catalog = catalog.Open(h.db)
	projects := project.NewRegistry(h.db)
	p, _, err := projects.Create(h.ctx, project.Spec{ID: 2195193, Name: "shop"})
	require.NoError(t, err)
	h.project = p.ID
	h.store = NewStore(h.db, projects)
	h.store.UseClock(h.now)
	n := 0
	h.store.newID = func() string { n++; return fmt.Sprintf("pipe%02d", n) }
	h.config = Config{
		Store: h.store, Reader: h.reader, Destinations: h, Projects: projects,
		Logger: slog.New(slog.DiscardHandler), Writer: lake.WriterOptions{Uploads: 1, TempDir: dir},
	}
	h.restart()
	return h, func() { require.NoError(t, h.db.Close()) }
}

// migrated returns an empty metadata database as a file: making the tables anew for each of hundreds of houses would take most of
// the tests' time.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "pipeline-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "meta.db")
	db, err := meta.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// restart replaces the worker as a new process would.
func (h *house) restart() {
	h.reader.dropPins()
	h.worker = NewWorker(h.config)
	require.NoError(h.t, h.worker.Recover(h.ctx))
}

func (h *house) now() time.Time {
	if h.real.Load() {
		return time.Now()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

func (h *house) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(d)
}

// Bucket implements Destinations.
func (h *house) Bucket(context.Context, *Definition) (bucket.Bucket, error) {
	return faultyBucket{h.bucket, &h.faults}, nil
}

// Catalog implements Destinations.
func (h *house) Catalog(_ context.Context, d *Definition) (catalog.Catalog, error) {
	if h.refused != nil && h.refused(d) {
		return nil, fault.New(fault.Setup, "assuming role", d.Glue.Role, errInjected, "name another")
	}
	return faultyCatalog{h.catalog, &h.faults}, nil
}

// Attach implements Attacher.
func (h *house) Attach(_ context.Context, d *Definition, database string) (*Attachment, error) {
	if h.attaching != nil {
		h.attaching()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attached++
	if database != d.Glue.Database {
		return nil, errors.New("wrong database")
	}
	if h.attachErr != nil {
		return nil, h.attachErr
	}
	return &Attachment{Schema: "mp_json_export", User: "IAMR:reader", Tables: 2, Table: "mp_master_event", Rows: 1}, nil
}

func (h *house) create(s Spec) *Pipeline {
	if s.Project == 0 {
		s.Project = h.project
	}
	if s.Source == "" {
		s.Source = Events
	}
	if s.Frequency == "" {
		s.Frequency = Continuous
	}
	s.S3.Bucket = "lake"
	if s.Glue.Database == "none" {
		s.Glue.Database = ""
	} else if s.Type != TypeRaw {
		s.Glue.Use = true
		if s.Glue.Database == "" {
			s.Glue.Database = "mixpanel"
		}
	}
	p, err := h.store.Create(h.ctx, s)
	require.NoError(h.t, err)
	return p
}

func (h *house) get(p *Pipeline) *Pipeline {
	p, err := h.store.Get(h.ctx, p.ID)
	require.NoError(h.t, err)
	return p
}

func (h *house) lastRun(p *Pipeline) *Run {
	runs, err := h.store.Runs(h.ctx, p.ID, 1)
	require.NoError(h.t, err)
	require.NotEmpty(h.t, runs)
	return runs[0]
}

// once gives every due pipeline a turn.
func (h *house) once() int {
	n, err := h.worker.RunOnce(h.ctx)
	require.NoError(h.t, err)
	return n
}

// turns gives every pipeline, failed ones too, n turns.
func (h *house) turns(n int) {
	for range n {
		h.advance(6 * time.Minute)
		h.once()
	}
}

// drain lets the clock go on until nothing is left to do.
func (h *house) drain() {
	for quiet, turns := 0, 0; quiet < 3; turns++ {
		require.Less(h.t, turns, 1000, "the pipelines do not come to rest")
		h.advance(6 * time.Minute)
		if h.once() > 0 {
			quiet = 0
		} else {
			quiet++
		}
	}
}

// table returns the rows that a reader of the catalog sees, sorted, each with its partition in front.
func (h *house) table(database, name string) []string {
	table, err := h.catalog.GetTable(h.ctx, database, name)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil
	}
	require.NoError(h.t, err)
	if len(table.PartitionKeys) == 0 {
		return h.rowsBelow(table.StorageDescriptor.Location, "", table.StorageDescriptor.Columns...)
	}
	partitions, err := h.catalog.GetPartitions(h.ctx, database, name, "")
	require.NoError(h.t, err)
	var rows []string
	for _, p := range partitions {
		rows = append(rows, h.rowsBelow(p.StorageDescriptor.Location, p.Values[0]+" ", table.StorageDescriptor.Columns...)...)
	}
	slices.Sort(rows)
	return rows
}

// rowsBelow reads as Athena and Spectrum do: everything below the location that is not hidden. Parquet files must be ones that Spectrum
// reads as the table's columns say.
func (h *house) rowsBelow(location, front string, columns ...catalog.Column) []string {
	prefix := strings.TrimPrefix(location, h.bucket.Location(""))
	require.True(h.t, strings.HasSuffix(prefix, "/"), "%s must end with a slash", location)
	var rows []string
	for o, err := range h.bucket.List(h.ctx, prefix) {
		require.NoError(h.t, err)
		if name := "/" + strings.TrimPrefix(o.Key, prefix); strings.Contains(name, "/_") || strings.HasPrefix(name, "/schema/") || strings.HasSuffix(name, "/complete") {
			continue
		}
		require.NotZero(h.t, o.Size)
		for _, row := range h.lines(o.Key, columns...) {
			rows = append(rows, front+row)
		}
	}
	slices.Sort(rows)
	return rows
}

func (h *house) lines(key string, columns ...catalog.Column) []string {
	if strings.HasSuffix(key, ".parquet") {
		return h.parquetLines(key, columns)
	}
	body, _, err := h.bucket.Get(h.ctx, key)
	require.NoError(h.t, err)
	defer body.Close()
	zip, err := gzip.NewReader(body)
	require.NoError(h.t, err)
	var lines []string
	sc := bufio.NewScanner(zip)
	sc.Buffer(nil, 8<<20)
	for sc.Scan() {
		lines = append(lines, sc.Text())
	}
	require.NoError(h.t, sc.Err())
	require.NotEmpty(h.t, lines, "%s is empty", key)
	return lines
}

// parquetTypes are the types of columns in files by their names in Glue.
var parquetTypes = map[string]parquet.Type{
	"string": parquet.String, "double": parquet.Double, "boolean": parquet.Boolean, "timestamp": parquet.Timestamp,
}

// parquetLines returns the rows of a Parquet file as the JSON lines of a table in that format. The file has the first of the table's columns.
func (h *house) parquetLines(key string, table []catalog.Column) []string {
	body, _, err := h.bucket.Get(h.ctx, key)
	require.NoError(h.t, err)
	defer body.Close()
	content, err := io.ReadAll(body)
	require.NoError(h.t, err)
	f, err := parquetgo.OpenFile(bytes.NewReader(content), int64(len(content)))
	require.NoError(h.t, err)
	columns := f.Schema().Fields()
	require.LessOrEqual(h.t, len(columns), len(table), "%s has columns that the catalog does not know", key)
	var safe []parquet.Column
	for _, c := range table[:len(columns)] {
		safe = append(safe, parquet.Column{Name: c.Name, Type: parquetTypes[c.Type]})
	}
	require.NoError(h.t, parquet.CheckSpectrumSafe(bytes.NewReader(content), int64(len(content)), safe), key)
	var lines []string
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buf := make([]parquetgo.Row, 16)
		for err == nil {
			var n int
			n, err = rows.ReadRows(buf)
			for _, row := range buf[:n] {
				var members []string
				for _, v := range row {
					if v.IsNull() {
						continue
					}
					var value any
					switch v.Kind() {
					case parquetgo.ByteArray:
						value = string(v.ByteArray())
					case parquetgo.Int64:
						value = time.UnixMicro(v.Int64()).UTC().Format("2006-01-02T15:04:05.000Z")
					case parquetgo.Boolean:
						value = v.Boolean()
					default:
						value = v.Double()
					}
					text, err := json.Marshal(value)
					require.NoError(h.t, err)
					members = append(members, fmt.Sprintf("%q:%s", columns[v.Column()].Name(), text))
				}
				lines = append(lines, "{"+strings.Join(members, ",")+"}")
			}
		}
		require.ErrorIs(h.t, err, io.EOF)
		err = nil
		require.NoError(h.t, rows.Close())
	}
	return lines
}

// in makes the house's project one of the time zone.
func (h *house) in(zone string) *house {
	p, _, err := project.NewRegistry(h.db).Create(h.ctx, project.Spec{Name: "zoned", TimeZone: zone})
	require.NoError(h.t, err)
	h.project = p.ID
	return h
}

// tables returns the rows of all tables of a database, each with its table in front.
func (h *house) tables(database string) []string {
	all, err := h.catalog.GetTables(h.ctx, database)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil
	}
	require.NoError(h.t, err)
	var rows []string
	for _, t := range all {
		for _, row := range h.table(database, t.Name) {
			rows = append(rows, t.Name+" "+row)
		}
	}
	slices.Sort(rows)
	return rows
}

// keys lists the bucket.
func (h *house) keys(prefix string) []string {
	var keys []string
	for o, err := range h.bucket.List(h.ctx, prefix) {
		require.NoError(h.t, err)
		keys = append(keys, o.Key)
	}
	return keys
}

// image maps all keys to their bytes.
func (h *house) image() map[string]string {
	image := map[string]string{}
	for _, key := range h.keys("") {
		body, _, err := h.bucket.Get(h.ctx, key)
		require.NoError(h.t, err)
		text, err := io.ReadAll(body)
		require.NoError(h.t, err)
		require.NoError(h.t, body.Close())
		image[key] = string(text)
	}
	return image
}

// wanted is what the table shall hold, made with encoding/json from the records, independently of the code under test.
func (h *house) wanted(from, to event.Day) []string {
	var rows []string
	for _, r := range h.reader.records {
		d := r.Day()
		if r.project != h.project || r.Kind != event.KindEvent || r.position > h.reader.sealed || d < from || to != 0 && d > to {
			continue
		}
		row := struct {
			DeviceID   *string `json:"device_id"`
			DistinctID string  `json:"distinct_id"`
			EventName  string  `json:"event_name"`
			InsertID   *string `json:"insert_id"`
			Properties string  `json:"properties"`
			Time       int64   `json:"time"`
			UserID     *string `json:"user_id"`
		}{nullable(r.DeviceID), string(r.DistinctID), string(r.Name), nullable(r.InsertID), string(r.Properties), r.Time / 1000, nullable(r.UserID)}
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(row); err != nil {
			panic(err)
		}
		rows = append(rows, d.String()+" "+strings.TrimSuffix(text.String(), "\n"))
	}
	slices.Sort(rows)
	return rows
}

func nullable(text []byte) *string {
	if len(text) == 0 {
		return nil
	}
	s := string(text)
	return &s
}

var serial atomic.Int64

// click makes an event that is like no other, days after (or before) 2026-08-01.
func click(days int) event.Record {
	serial := serial.Add(1)
	at := epoch.AddDate(0, 0, days).UnixMilli() + serial%1000
	return event.Record{
		Kind: event.KindEvent, Time: at, Received: epoch.UnixMilli(), Name: []byte("Clicked \"x\""), DistinctID: []byte("u1"),
		InsertID:   fmt.Appendf(nil, "i%d", serial),
		Properties: fmt.Appendf(nil, `{"$city":"Zürich","n":%d,"path":"C:\\x","nested":{"a":[1.10,"\u20ac"]}}`, serial),
	}
}

func clicks(days ...int) []event.Record {
	var all []event.Record
	for _, d := range days {
		all = append(all, click(d))
	}
	return all
}

// manifest returns the pipeline's newest manifest.
func (h *house) manifest(p *Pipeline) *lake.Manifest {
	var newest *lake.Manifest
	require.NoError(h.t, lake.Manifests(h.ctx, h.bucket, p.Layout(), func(m *lake.Manifest) error {
		newest = m
		return nil
	}))
	require.NotNil(h.t, newest)
	return newest
}
