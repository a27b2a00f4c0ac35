package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	require.NoError(t, enc.Encode(v))
	return text.Bytes()
}

func day(t *testing.T, s string) event.Day {
	t.Helper()
	d, err := event.ParseDay(s)
	require.NoError(t, err)
	return d
}

func openBucket(t *testing.T) *bucket.Local {
	t.Helper()
	b, err := bucket.OpenLocal("lake", filepath.Join(t.TempDir(), "lake"))
	require.NoError(t, err)
	return b
}

var events = Layout{Project: 2195193, Table: "mp_master_event", Pipeline: "3f9a0c55d2e1"}

func TestKeysMatchTheGoldenFile(t *testing.T) {
	var got bytes.Buffer
	w := Window{After: 41, UpTo: 672754}
	for _, l := range []Layout{events, {Prefix: "raw/mixpanel", Project: 1, Table: "mp_people_data", Pipeline: "aa"}} {
		fmt.Fprintln(&got, l.TableDir())
		fmt.Fprintln(&got, l.DayDir(day(t, "2026-08-01"))+partName(l.stem(w), 0, JSONLines))
		fmt.Fprintln(&got, l.VersionDir(w)+partName(l.stem(w), 12, JSONLines))
		fmt.Fprintln(&got, l.OversizeDir()+partName(l.stem(w), 0, JSONLines))
		fmt.Fprintln(&got, l.ManifestKey(w))
	}
	golden(t, "keys.txt", got.Bytes())
}

func writeDays(t *testing.T, b bucket.Bucket, l Layout, w Window, o WriterOptions, rows int, days ...string) ([]Object, error) {
	t.Helper()
	wr := NewWriter(context.Background(), b, l, w, o)
	position := w.After
	for _, d := range days {
		if err := wr.Begin(Folder{Dir: l.DayDir(day(t, d)), Day: d}); err != nil {
			wr.Abort()
			return nil, err
		}
		for i := range rows {
			position++
			if err := wr.Commit(fmt.Appendf(wr.Buffer(), "{\"day\":%q,\"i\":%d,\"x\":%q}\n", d, i, strings.Repeat("ab", i%50)), position); err != nil {
				wr.Abort()
				return nil, err
			}
		}
	}
	return wr.Close()
}

func TestTheManifestMatchesTheGoldenFileAndNamesTheObjects(t *testing.T) {
	b, ctx := openBucket(t), context.Background()
	w := Window{After: 10, UpTo: 20}
	data, err := writeDays(t, b, events, w, WriterOptions{}, 3, "2026-08-01", "2026-08-03")
	require.NoError(t, err)
	m := &Manifest{
		Format: ManifestFormat, RowFormat: RowFormat, Pipeline: events.Pipeline, Name: "events-continuous-json-1", Project: events.Project,
		Source: "events", Table: events.Table, Window: w, FirstDay: "2026-08-01", Data: data,
	}
	m.Sum()
	require.NoError(t, WriteManifest(ctx, b, events, m))
	body, _, err := b.Get(ctx, events.ManifestKey(w))
	require.NoError(t, err)
	defer body.Close()
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	golden(t, "manifest.json", text)
	back, err := ReadManifest(ctx, b, events, w)
	require.NoError(t, err)
	require.Equal(t, m, back)
	for _, o := range back.Data {
		rows, err := CountRows(ctx, b, o.Key)
		require.NoError(t, err)
		require.Equal(t, o.Rows, rows)
		same, err := hasContent(ctx, b, &o)
		require.NoError(t, err)
		require.True(t, same)
	}
	_, err = ReadManifest(ctx, b, events, Window{1, 2})
	require.ErrorIs(t, err, bucket.ErrNotFound)
}

func TestWritingAgainTouchesNothing(t *testing.T) {
	b, w := openBucket(t), Window{UpTo: 9}
	options := WriterOptions{PartBytes: 1, TempDir: t.TempDir()}
	first, err := writeDays(t, b, events, w, options, 4, "2026-08-01", "2026-08-02", "2026-08-05")
	require.NoError(t, err)
	require.Greater(t, len(first), 5, "parts rotate")
	tags := func() (tags []string) {
		for o, err := range b.List(context.Background(), "") {
			require.NoError(t, err)
			tags = append(tags, o.Key+o.ETag)
		}
		return tags
	}
	before := tags()
	again, err := writeDays(t, b, events, w, options, 4, "2026-08-01", "2026-08-02", "2026-08-05")
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, before, tags())
}

func TestAnObjectOfAnotherContentIsReplacedAndLeftoversAreSwept(t *testing.T) {
	b, ctx, w := openBucket(t), context.Background(), Window{UpTo: 9}
	other := Window{After: 9, UpTo: 12}
	kept, err := writeDays(t, b, events, other, WriterOptions{}, 2, "2026-08-01")
	require.NoError(t, err)
	old, err := writeDays(t, b, events, w, WriterOptions{PartBytes: 1}, 4, "2026-08-01", "2026-08-02")
	require.NoError(t, err)
	data, err := writeDays(t, b, events, w, WriterOptions{}, 4, "2026-08-01", "2026-08-02")
	require.NoError(t, err)
	require.Greater(t, len(old), len(data))
	require.NoError(t, Sweep(ctx, b, events, w, events.Folders(w, []event.Day{day(t, "2026-08-01"), day(t, "2026-08-02")}, false), &Manifest{Data: data}))
	var keys, want []string
	for o, err := range b.List(ctx, "") {
		require.NoError(t, err)
		keys = append(keys, o.Key)
	}
	for _, o := range append(kept, data...) {
		want = append(want, o.Key)
		same, err := hasContent(ctx, b, &o)
		require.NoError(t, err)
		require.True(t, same, o.Key)
	}
	require.ElementsMatch(t, want, keys)
}

func TestObjectsThatOutgrowMemoryGoThroughAFile(t *testing.T) {
	s := newSpool(t.TempDir())
	defer s.Close()
	want := make([]byte, 3*spoolMemory)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	for at := 0; at < len(want); at += 1 << 20 {
		_, err := s.Write(want[at : at+1<<20])
		require.NoError(t, err)
	}
	require.NotNil(t, s.file)
	for range 2 {
		got, err := io.ReadAll(s.reader())
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
	}
}

// failing is a bucket whose Put fails.
type failing struct {
	bucket.Bucket
	err error
}

func (f failing) Put(context.Context, string, io.ReadSeeker, int64, bucket.PutOptions) (bucket.Object, error) {
	return bucket.Object{}, f.err
}

func TestAFailedUploadEndsTheWriterWithItsError(t *testing.T) {
	boom := errors.New("boom")
	_, err := writeDays(t, failing{openBucket(t), boom}, events, Window{UpTo: 1}, WriterOptions{PartBytes: 1, Uploads: 1}, 1000, "2026-08-01", "2026-08-02")
	require.ErrorIs(t, err, boom)
}

func TestCountingNoticesDamage(t *testing.T) {
	b, ctx := openBucket(t), context.Background()
	data, err := writeDays(t, b, events, Window{UpTo: 1}, WriterOptions{}, 100, "2026-08-01")
	require.NoError(t, err)
	body, _, err := b.Get(ctx, data[0].Key)
	require.NoError(t, err)
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	body.Close()
	_, err = b.Put(ctx, "cut.json.gz", bytes.NewReader(text[:len(text)-20]), int64(len(text)-20), bucket.PutOptions{})
	require.NoError(t, err)
	_, err = CountRows(ctx, b, "cut.json.gz")
	require.ErrorContains(t, err, "damaged")
}

func openCatalog(t *testing.T) *counting {
	t.Helper()
	db, err := meta.Open(context.Background(), filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return &counting{Catalog: catalog.Open(db)}
}

// counting counts calls, and before an update or creation does what before says.
type counting struct {
	catalog.Catalog
	calls, updates int
	before         func()
}

func (c *counting) interfere() {
	if do := c.before; do != nil {
		c.before = nil
		do()
	}
}

func (c *counting) GetTable(ctx context.Context, database, name string) (*catalog.Table, error) {
	c.calls++
	return c.Catalog.GetTable(ctx, database, name)
}

func (c *counting) UpdateTable(ctx context.Context, database string, t catalog.TableInput, versionID string, skipArchive bool) error {
	c.interfere()
	c.calls++
	c.updates++
	if !skipArchive || versionID == "" {
		return errors.New("updates send the version and skip the archive")
	}
	return c.Catalog.UpdateTable(ctx, database, t, versionID, skipArchive)
}

func (c *counting) GetPartitions(ctx context.Context, database, table, expression string) ([]*catalog.Partition, error) {
	c.calls++
	if len(expression) > 2048 {
		return nil, catalog.ErrInvalidInput
	}
	return c.Catalog.GetPartitions(ctx, database, table, expression)
}

func (c *counting) BatchCreatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	c.interfere()
	c.calls++
	return c.Catalog.BatchCreatePartition(ctx, database, table, ps)
}

func (c *counting) BatchUpdatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	c.calls++
	return c.Catalog.BatchUpdatePartition(ctx, database, table, ps)
}

func eventTable() Table {
	return Table{
		Database: "mixpanel", Name: "mp_master_event", Partitioned: true,
		Columns: []catalog.Column{{Name: "event_name", Type: "string"}, {Name: "properties", Type: "string", Comment: "JSON text"}, {Name: "time", Type: "bigint"}},
		Root:    "s3://lake/1/mp_master_event/", Location: "s3://lake/1/mp_master_event/",
	}
}

// publishDays publishes partitions that lie in the folders of their days.
func publishDays(p *Publisher, c catalog.Catalog, t Table, days []event.Day) error {
	var parts []Partition
	for _, d := range days {
		parts = append(parts, Partition{d, t.Location + d.Path() + "/"})
	}
	unpartitioned, err := p.PublishPartitions(context.Background(), c, t, parts)
	if unpartitioned {
		return errors.New("the table has no partitions")
	}
	return err
}

func newClock() func() time.Time {
	now := time.Unix(0, 0)
	return func() time.Time { now = now.Add(2 * time.Minute); return now }
}

func TestTablesAndPartitionsMatchTheGoldenFile(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	p := NewPublisher(newClock())
	require.NoError(t, publishDays(p, c, eventTable(), []event.Day{day(t, "2026-08-01")}))
	people := Table{
		Database: "mixpanel", Name: "mp_people_data", Columns: []catalog.Column{{Name: "distinct_id", Type: "string"}},
		Root: "s3://lake/1/mp_people_data/", Location: "s3://lake/1/mp_people_data/000000000007-aa/",
	}
	require.NoError(t, p.PublishVersion(ctx, c, people))
	event, err := c.GetTable(ctx, "mixpanel", "mp_master_event")
	require.NoError(t, err)
	partition, err := c.GetPartition(ctx, "mixpanel", "mp_master_event", []string{"2026-08-01"})
	require.NoError(t, err)
	snapshot, err := c.GetTable(ctx, "mixpanel", "mp_people_data")
	require.NoError(t, err)
	golden(t, "tables.json", indented(t, []any{event.TableInput, partition.PartitionInput, snapshot.TableInput}))
}

func TestPublishingCostsAConstantNumberOfCalls(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	now := time.Unix(0, 0)
	p := NewPublisher(func() time.Time { return now })
	var days []event.Day
	for i := range 250 {
		days = append(days, day(t, "2026-01-01")+event.Day(i))
	}
	require.NoError(t, publishDays(p, c, eventTable(), days))
	all, err := c.Catalog.GetPartitions(ctx, "mixpanel", "mp_master_event", "")
	require.NoError(t, err)
	require.Len(t, all, 250)

	c.calls = 0
	require.NoError(t, publishDays(p, c, eventTable(), days[:100]))
	require.Zero(t, c.calls, "all was seen just now")
	require.NoError(t, publishDays(p, c, eventTable(), append(days[:5:5], days[249]+1)))
	require.Equal(t, 3, c.calls, "table, partitions, creation")
	now = now.Add(time.Hour)
	c.calls = 0
	require.NoError(t, publishDays(p, c, eventTable(), days[:100]))
	require.Equal(t, 2, c.calls, "table, partitions")
	require.Zero(t, c.updates)
}

func TestWhatUsersAddedStaysAndColumnsOnlyGrowAtTheEnd(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	p := NewPublisher(newClock())
	d := []event.Day{day(t, "2026-08-01")}
	require.NoError(t, publishDays(p, c, eventTable(), d))
	table, err := c.GetTable(ctx, "mixpanel", "mp_master_event")
	require.NoError(t, err)
	in := table.TableInput
	in.Parameters["numRows"] = "7"
	in.Description = "ours"
	in.StorageDescriptor.Columns[0].Comment = "what happened"
	in.StorageDescriptor.Columns = append(in.StorageDescriptor.Columns, catalog.Column{Name: "Extra", Type: "string"})
	require.NoError(t, c.Catalog.UpdateTable(ctx, "mixpanel", in, table.VersionID, true))

	wider := eventTable()
	wider.Columns = append(wider.Columns, catalog.Column{Name: "extra", Type: "string"}, catalog.Column{Name: "time_ms", Type: "bigint"})
	// Someone else updates the table between our reading and our writing: theirs must survive too.
	c.before = func() {
		in.Parameters["owner"] = "bi"
		require.NoError(t, c.Catalog.UpdateTable(ctx, "mixpanel", in, "", true))
	}
	require.NoError(t, publishDays(p, c, wider, []event.Day{d[0] + 1}))
	require.Equal(t, 2, c.updates, "the first met the other one")
	table, err = c.GetTable(ctx, "mixpanel", "mp_master_event")
	require.NoError(t, err)
	in.StorageDescriptor.Columns = append(in.StorageDescriptor.Columns, catalog.Column{Name: "time_ms", Type: "bigint"})
	require.Equal(t, in, table.TableInput)
	partition, err := c.GetPartition(ctx, "mixpanel", "mp_master_event", []string{"2026-08-02"})
	require.NoError(t, err)
	require.Equal(t, in.StorageDescriptor.Columns, partition.StorageDescriptor.Columns, "a new partition is a copy of the table")
}

func TestPartitionsThatExistAreComparedAndPutRight(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	p := NewPublisher(newClock())
	table := eventTable()
	d := day(t, "2026-08-01")
	require.NoError(t, publishDays(p, c, table, []event.Day{d}))
	one, err := c.GetPartition(ctx, "mixpanel", table.Name, []string{d.String()})
	require.NoError(t, err)
	in := one.PartitionInput
	in.Parameters = map[string]string{"mine": "1"}
	in.StorageDescriptor.Location = "s3://elsewhere/"
	require.NoError(t, c.Catalog.BatchUpdatePartition(ctx, "mixpanel", table.Name, []catalog.PartitionInput{in}))
	// Another writer makes one of the partitions while we do.
	c.before = func() {
		other := in
		other.Values = []string{(d + 1).String()}
		require.NoError(t, c.Catalog.BatchCreatePartition(ctx, "mixpanel", table.Name, []catalog.PartitionInput{other}))
	}
	require.NoError(t, publishDays(p, c, table, []event.Day{d, d + 1, d + 2}))
	all, err := c.Catalog.GetPartitions(ctx, "mixpanel", table.Name, "")
	require.NoError(t, err)
	require.Len(t, all, 3)
	for i, got := range all {
		require.Equal(t, table.Location+(d+event.Day(i)).Path()+"/", got.StorageDescriptor.Location)
	}
	require.Equal(t, in.Parameters, all[0].Parameters, "what was added to the partition stays")
}

func TestATableThatIsNotOursIsRefused(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	require.NoError(t, publishDays(NewPublisher(newClock()), c, eventTable(), []event.Day{1}))
	for name, change := range map[string]func(*Table){
		"s3://lake/1/mp_master_event/, not in": func(t *Table) { t.Root, t.Location = "s3://lake/2/mp_master_event/", "s3://lake/2/mp_master_event/" },
		"not below":                            func(t *Table) { t.Partitioned, t.Root = false, "s3://lake/1/mp_people_data/" },
		"partition keys":                       func(t *Table) { t.Partitioned = false },
	} {
		table := eventTable()
		change(&table)
		_, err := ensureTable(ctx, c, table)
		require.ErrorContains(t, err, name)
	}
}

// governed answers as Lake Formation does: a table that does not exist is denied like one that may not be seen.
type governed struct {
	*counting
	sealedOff bool
}

func (g governed) GetTable(ctx context.Context, database, name string) (*catalog.Table, error) {
	t, err := g.counting.GetTable(ctx, database, name)
	if err != nil || g.sealedOff {
		return nil, fmt.Errorf("Insufficient Lake Formation permission(s): %w", catalog.ErrAccessDenied)
	}
	return t, nil
}

func (g governed) BatchCreatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	if len(ps) == 2 {
		return &catalog.BatchError{Failed: []catalog.PartitionError{{Values: ps[0].Values, Err: fmt.Errorf("Insufficient Lake Formation permission(s): Required Alter on t: %w", catalog.ErrAccessDenied)}}}
	}
	return g.counting.BatchCreatePartition(ctx, database, table, ps)
}

func TestDeniedAccessToATableThatDoesNotExistIsNoBrokenRole(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	p := NewPublisher(newClock())
	require.NoError(t, publishDays(p, governed{c, false}, eventTable(), []event.Day{1}))
	_, err := c.GetPartition(ctx, "mixpanel", "mp_master_event", []string{"1970-01-02"})
	require.NoError(t, err)
	for _, denied := range []error{
		publishDays(p, governed{c, true}, eventTable(), []event.Day{2}),
		publishDays(p, governed{c, false}, eventTable(), []event.Day{3, 4}),
	} {
		f, ok := errors.AsType[*fault.Error](denied)
		require.True(t, ok, denied)
		require.Equal(t, fault.Setup, f.Class)
		require.Contains(t, f.Hint, "Lake Formation")
	}
}
