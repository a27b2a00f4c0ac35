package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// plant is the way from the log to the lake inside the test, so that what it stands on can be made to fail.
type plant struct {
	t   require.TestingT
	dir string
	// wrap makes the bucket that the pipelines see of the lake. It, config and store may be changed between close and open.
	wrap   func(bucket.Bucket) bucket.Bucket
	config pipeline.Config
	store  store.Options

	lake      bucket.Bucket
	catalog   *catalog.Embedded
	db        *meta.DB
	log       *eventlog.JetStream
	segments  *store.Store
	pipelines *pipeline.Store
	project   int64
	wanted    []string        // rows
	events    *harness.Ledger // by insert id

	stop context.CancelFunc
	work sync.WaitGroup
}

const plantProject = 2195193

// newPlant returns a plant over an empty folder, which is not open.
func newPlant(t require.TestingT, dir string) *plant {
	return &plant{
		t: t, dir: dir, project: plantProject, events: harness.NewLedger(), wrap: func(b bucket.Bucket) bucket.Bucket { return b },
		config: pipeline.Config{
			Owner: "plant", Poll: 20 * time.Millisecond, Backoff: func(int) time.Duration { return 10 * time.Millisecond },
			FailedPause: 10 * time.Millisecond,
		},
		store: store.Options{SealAfter: time.Millisecond},
	}
}

// open starts everything, as a process would.
func (p *plant) open() {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	quiet := slog.New(slog.DiscardHandler)
	var err error
	p.db, err = meta.Open(ctx, filepath.Join(p.dir, "meta.db"))
	require.NoError(p.t, err)
	projects := project.NewRegistry(p.db)
	if _, err := projects.ByID(ctx, p.project); err != nil {
		_, _, err := projects.Create(ctx, project.Spec{ID: p.project, Name: "shop"})
		require.NoError(p.t, err)
	}
	p.log, err = eventlog.Open(ctx, filepath.Join(p.dir, "log"), eventlog.Options{Logger: quiet, Reserve: -1})
	require.NoError(p.t, err)
	segments, err := bucket.OpenLocal("store", filepath.Join(p.dir, "store"))
	require.NoError(p.t, err)
	opts := p.store
	opts.DB, opts.Bucket, opts.Projects, opts.Log, opts.Logger, opts.Dir = p.db, segments, projects, p.log, quiet, p.dir
	p.segments, err = store.Open(ctx, opts)
	require.NoError(p.t, err)
	p.lake, err = bucket.OpenLocal("lake", filepath.Join(p.dir, "lake"))
	require.NoError(p.t, err)
	p.catalog = catalog.Open(p.db)
	p.pipelines = pipeline.NewStore(p.db, projects)
	config := p.config
	config.Store, config.Reader, config.Destinations, config.Projects, config.Logger = p.pipelines, p.segments, p, projects, quiet
	config.Writer.TempDir = p.dir
	worker := pipeline.NewWorker(config)
	require.NoError(p.t, worker.Recover(ctx))
	p.work.Go(func() { _ = p.segments.Run(ctx) }) // it ends with its context
	p.work.Go(func() { _ = worker.Run(ctx) })
}

// close ends everything in order.
func (p *plant) close() {
	p.stop()
	p.work.Wait()
	require.NoError(p.t, p.log.Close())
	require.NoError(p.t, p.db.Close())
}

func (p *plant) restart() {
	p.close()
	p.open()
}

// Bucket implements pipeline.Destinations.
func (p *plant) Bucket(context.Context, *pipeline.Definition) (bucket.Bucket, error) {
	return p.wrap(p.lake), nil
}

// Catalog implements pipeline.Destinations.
func (p *plant) Catalog(context.Context, *pipeline.Definition) (catalog.Catalog, error) {
	return p.catalog, nil
}

// create makes a continuous pipeline, or a daily one of raw events.
func (p *plant) create(s pipeline.Spec) *pipeline.Pipeline {
	s.Project, s.Frequency, s.Interval, s.S3.Bucket = p.project, pipeline.Continuous, 100*time.Millisecond, "lake"
	if s.Type == pipeline.TypeRaw {
		s.Frequency, s.Interval = pipeline.Daily, 0 // raw pipelines are not continuous, and have no table
	} else {
		s.Glue.Use, s.Glue.Database = true, "mixpanel"
	}
	made, err := p.pipelines.Create(context.Background(), s)
	require.NoError(p.t, err)
	return made
}

// append stores the records in the log as one block and remembers the rows that they must become.
func (p *plant) append(records ...event.Record) {
	var enc eventlog.Encoder
	for i := range records {
		require.NoError(p.t, enc.Append(&records[i]))
		if records[i].Kind == event.KindEvent {
			p.wanted = append(p.wanted, rowOf(&records[i]))
			p.events.Acknowledged(string(records[i].InsertID)) // or else the test ends here
		}
	}
	data, err := enc.Finish(nil)
	require.NoError(p.t, err)
	_, err = p.log.Append(context.Background(), eventlog.Block{Project: p.project, Count: len(records), Data: data})
	require.NoError(p.t, err)
}

// drain waits until every pipeline has published all that is in the log.
func (p *plant) drain() {
	ctx, done := context.WithTimeout(context.Background(), 2*time.Minute)
	defer done()
	last, err := p.log.Last(ctx)
	require.NoError(p.t, err)
	for {
		all, err := p.pipelines.List(ctx, p.project)
		require.NoError(p.t, err)
		waiting := slices.DeleteFunc(all, func(x *pipeline.Pipeline) bool { return x.Published >= last })
		for _, x := range waiting {
			if x.Frequency == pipeline.Daily { // else it waits for its day
				require.NoError(p.t, p.pipelines.RunNow(ctx, x.ID))
			}
		}
		if len(waiting) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			runs, _ := p.pipelines.Runs(context.Background(), waiting[0].ID, 3) // for the message only
			text, _ := json.Marshal(runs)
			require.FailNow(p.t, "the pipelines do not come to rest", "%+v of %d: %s", waiting[0].Progress, last, text)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// table returns the rows that a reader of the catalog finds, sorted, each with its partition in front.
func (p *plant) table(name string) []string {
	ctx := context.Background()
	partitions, err := p.catalog.GetPartitions(ctx, "mixpanel", name, "")
	require.NoError(p.t, err)
	var rows []string
	for _, partition := range partitions {
		prefix := strings.TrimPrefix(partition.StorageDescriptor.Location, p.lake.Location(""))
		for o, err := range p.lake.List(ctx, prefix) {
			require.NoError(p.t, err)
			for _, row := range p.lines(o.Key) {
				rows = append(rows, partition.Values[0]+" "+row)
			}
		}
	}
	slices.Sort(rows)
	return rows
}

func (p *plant) lines(key string) []string {
	body, _, err := p.lake.Get(context.Background(), key)
	require.NoError(p.t, err)
	defer body.Close()
	zip, err := gzip.NewReader(body)
	require.NoError(p.t, err)
	text, err := io.ReadAll(bufio.NewReader(zip))
	require.NoError(p.t, err)
	require.True(p.t, strings.HasSuffix(string(text), "\n"), "%s must end with a line break", key)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// requireReconciled compares the table with what was appended row for row, and the objects with the manifests.
func (p *plant) requireReconciled(x *pipeline.Pipeline) {
	want := slices.Clone(p.wanted)
	slices.Sort(want)
	require.Equal(p.t, want, p.table(x.Table))
	now, err := p.pipelines.Get(context.Background(), x.ID)
	require.NoError(p.t, err)
	counts, err := pipeline.Verify(context.Background(), p.pipelines, p.lake, now, true)
	require.NoError(p.t, err)
	require.Empty(p.t, counts.Stray)
	var rows int64
	for _, d := range counts.Days {
		require.Equal(p.t, d.Runs, d.Manifests, d.Day)
		require.Equal(p.t, d.Runs, d.Objects, d.Day)
		rows += d.Objects
	}
	require.EqualValues(p.t, len(want), rows)
	entries, err := os.ReadDir(filepath.Join(p.dir, "lake", ".staging"))
	require.NoError(p.t, err)
	require.Empty(p.t, entries, "half-written objects are cleared away")
}

// requireExact compares each day of each table of a schematized pipeline, and each column, from the store to the objects.
func (p *plant) requireExact(x *pipeline.Pipeline) {
	now, err := p.pipelines.Get(context.Background(), x.ID)
	require.NoError(p.t, err)
	counts, err := pipeline.Verify(context.Background(), p.pipelines, p.lake, now, true)
	require.NoError(p.t, err)
	require.Empty(p.t, counts.Stray)
	expected, err := pipeline.Expect(context.Background(), p.pipelines, p.segments, now, counts)
	require.NoError(p.t, err)
	require.Len(p.t, expected, len(counts.Days))
	require.Equal(p.t, counts.Oversize.Manifests, counts.Oversize.Objects)
	for _, d := range counts.Days {
		want := expected[d.Place]
		require.NotNil(p.t, want, d.Place)
		require.Equal(p.t, [3]int64{want.Rows, want.Rows, want.Rows}, [3]int64{d.Runs, d.Manifests, d.Objects}, d.Place)
		require.Equal(p.t, want.Members, d.ObjectMembers, d.Place)
		for i, n := range want.Values {
			require.Equal(p.t, [3]int64{n, n, n}, [3]int64{d.RunValues[i], d.ManifestValues[i], d.ObjectValues[i]}, "%v, column %d", d.Place, i)
		}
	}
}

// rowOf is the row that an event must become, made with encoding/json and not by the code under test.
func rowOf(r *event.Record) string {
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
		panic(err) // the row holds text and numbers
	}
	return time.UnixMilli(r.Time).UTC().Format(time.DateOnly) + " " + strings.TrimSuffix(text.String(), "\n")
}

func nullable(text []byte) *string {
	if len(text) == 0 {
		return nil
	}
	s := string(text)
	return &s
}

// happening returns the n-th event of a made-up stream, days before 2026-08-01.
func happening(n, days int) event.Record {
	at := time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC).AddDate(0, 0, -days).UnixMilli() + int64(n)
	r := event.Record{
		Kind: event.KindEvent, Time: at, Received: at, Name: []byte("Clicked \"x\""), DistinctID: fmt.Appendf(nil, "u%d", n%7),
		InsertID:   fmt.Appendf(nil, "i%d", n),
		Properties: fmt.Appendf(nil, `{"$city":"Zürich","n":%d,"big":9007199254740993,"amount":403.30,"path":"C:\\x","nested":{"a":[1.10,"\u20ac"]}}`, n),
	}
	if n%3 == 0 {
		r.DeviceID, r.UserID = fmt.Appendf(nil, "d%d", n%7), fmt.Appendf(nil, "u%d", n%7)
	}
	return r
}
