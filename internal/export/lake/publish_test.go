package lake

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/golden"
	"github.com/refract-io/refract/internal/platform/meta"
)

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
	calls, updates, moves int
	before                func()
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
	c.moves++
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

func TestPoint09TablesAndPartitionsMatchTheGoldenFile(t *testing.T) {
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
	golden.Equal(t, "testdata/tables.json", indented(t, []any{event.TableInput, partition.PartitionInput, snapshot.TableInput}))
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

func TestPoints06And07WhatUsersAddedStaysAndColumnsOnlyGrowAtTheEnd(t *testing.T) {
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

func TestPoint08PartitionsThatExistAreComparedAndPutRight(t *testing.T) {
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

func parquetTable() Table {
	t := eventTable()
	t.Format = Parquet
	t.Columns = []catalog.Column{{Name: "mp_event_name", Type: "string"}, {Name: "time", Type: "timestamp"}, {Name: "price", Type: "double"}, {Name: "paid", Type: "boolean"}}
	return t
}

func TestParquetTablesAndPartitionsMatchTheGoldenFile(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	p := NewPublisher(newClock())
	table := parquetTable()
	parts := []Partition{{day(t, "2026-08-01"), table.Location + "2026/08/01/000000000007-aa/"}}
	unpartitioned, err := p.PublishPartitions(ctx, c, table, parts)
	require.NoError(t, err)
	require.False(t, unpartitioned)
	people := Table{
		Database: "mixpanel", Name: "mp_people_data", Format: Parquet, Columns: []catalog.Column{{Name: "mp_distinct_id", Type: "string"}},
		Root: "s3://lake/1/mp_people_data/", Location: "s3://lake/1/mp_people_data/000000000007-aa/",
	}
	require.NoError(t, p.PublishVersion(ctx, c, people))
	event, err := c.GetTable(ctx, "mixpanel", "mp_master_event")
	require.NoError(t, err)
	partition, err := c.GetPartition(ctx, "mixpanel", "mp_master_event", []string{"2026-08-01"})
	require.NoError(t, err)
	snapshot, err := c.GetTable(ctx, "mixpanel", "mp_people_data")
	require.NoError(t, err)
	golden.Equal(t, "testdata/tables-parquet.json", indented(t, []any{event.TableInput, partition.PartitionInput, snapshot.TableInput}))
	for _, in := range []catalog.TableInput{event.TableInput, snapshot.TableInput} {
		for parameter := range in.Parameters {
			require.NotContains(t, parameter, "projection", "point 10: Spectrum sees registered partitions only")
		}
	}
}

// TestADayIsReplacedByMovingItsPartition also counts: an update for the partition, none for the table, nothing when nothing has changed.
func TestADayIsReplacedByMovingItsPartition(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	p := NewPublisher(newClock())
	table := parquetTable()
	version := func(upTo int) []Partition {
		var parts []Partition
		for d := range event.Day(3) {
			parts = append(parts, Partition{d, fmt.Sprintf("%s%s/%012d-aa/", table.Location, d.Path(), upTo)})
		}
		return parts
	}
	publish := func(parts []Partition) {
		t.Helper()
		c.calls, c.updates, c.moves = 0, 0, 0
		_, err := p.PublishPartitions(ctx, c, table, parts)
		require.NoError(t, err)
	}
	publish(version(1))
	publish(version(1))
	require.Equal(t, []int{2, 0, 0}, []int{c.calls, c.updates, c.moves})
	publish(append(version(2)[:1], version(1)[1:]...))
	require.Equal(t, []int{3, 0, 1}, []int{c.calls, c.updates, c.moves})
	all, err := c.Catalog.GetPartitions(ctx, "mixpanel", table.Name, "")
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, version(2)[0].Location, all[0].StorageDescriptor.Location)
	require.Equal(t, version(1)[1].Location, all[1].StorageDescriptor.Location)
}

func TestWhatWasSeenAMomentAgoIsPublishedAgainWhenItHasChanged(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	p := NewPublisher(func() time.Time { return time.Unix(0, 0) })
	table := parquetTable()
	parts := []Partition{{1, table.Location + "1970/01/02/"}}
	publish := func() {
		t.Helper()
		c.calls, c.updates, c.moves = 0, 0, 0
		_, err := p.PublishPartitions(ctx, c, table, parts)
		require.NoError(t, err)
	}
	publish()
	publish()
	require.Zero(t, c.calls)
	table.Columns = append(table.Columns, catalog.Column{Name: "plan", Type: "string"})
	publish()
	require.Equal(t, 1, c.updates, "one update of the table per real change")
	require.Equal(t, 1, c.moves, "readers that take columns from the partition see the new one too")
	one, err := c.GetPartition(ctx, "mixpanel", table.Name, []string{"1970-01-02"})
	require.NoError(t, err)
	require.Equal(t, table.Columns, one.StorageDescriptor.Columns)
	parts[0].Location += "000000000002-aa/"
	publish()
	require.Equal(t, []int{0, 1}, []int{c.updates, c.moves})
	publish()
	require.Zero(t, c.calls)
}

func TestATableOfAnotherFormatIsRefused(t *testing.T) {
	c := openCatalog(t)
	require.NoError(t, publishDays(NewPublisher(newClock()), c, eventTable(), []event.Day{1}))
	err := publishDays(NewPublisher(newClock()), c, parquetTable(), []event.Day{1})
	requireSetup(t, err, "drop that table", "it is a table of json, not of parquet")
}

func TestPublishersOfOneTableLoseNothingOfEachOther(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		group.Go(func() {
			p := NewPublisher(newClock())
			table := parquetTable()
			for d := range event.Day(5) {
				table.Columns = append(slices.Clone(table.Columns), catalog.Column{Name: fmt.Sprintf("c_%d_%d", i, d), Type: "string"})
				for {
					err := publishDays(p, c.Catalog, table, []event.Day{d, event.Day(100*i) + d})
					if fault.ClassOf(err) == fault.Transient && err != nil {
						continue // as a run does
					}
					errs[i] = errors.Join(errs[i], err)
					break
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	table, err := c.GetTable(ctx, "mixpanel", "mp_master_event")
	require.NoError(t, err)
	require.Len(t, table.StorageDescriptor.Columns, 4+4*5)
	all, err := c.Catalog.GetPartitions(ctx, "mixpanel", "mp_master_event", "")
	require.NoError(t, err)
	require.Len(t, all, 4*5)
}

// faulty damages one call to the catalog: the call fails before it has an effect, or after.
type faulty struct {
	catalog.Catalog
	left   int
	effect bool
}

var errInjected = fault.New(fault.Transient, "calling", "", errors.New("injected"), "")

func (f *faulty) call(fn func() error) error {
	f.left--
	if f.left != 0 {
		return fn()
	}
	if f.effect {
		if err := fn(); err != nil {
			return err
		}
	}
	return errInjected
}

func (f *faulty) GetTable(ctx context.Context, database, name string) (t *catalog.Table, err error) {
	err = f.call(func() error { t, err = f.Catalog.GetTable(ctx, database, name); return err })
	return t, err
}

func (f *faulty) CreateDatabase(ctx context.Context, d catalog.Database) error {
	return f.call(func() error { return f.Catalog.CreateDatabase(ctx, d) })
}

func (f *faulty) CreateTable(ctx context.Context, database string, t catalog.TableInput) error {
	return f.call(func() error { return f.Catalog.CreateTable(ctx, database, t) })
}

func (f *faulty) UpdateTable(ctx context.Context, database string, t catalog.TableInput, versionID string, skipArchive bool) error {
	return f.call(func() error { return f.Catalog.UpdateTable(ctx, database, t, versionID, skipArchive) })
}

func (f *faulty) GetPartitions(ctx context.Context, database, table, expression string) (ps []*catalog.Partition, err error) {
	err = f.call(func() error { ps, err = f.Catalog.GetPartitions(ctx, database, table, expression); return err })
	return ps, err
}

func (f *faulty) BatchCreatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	return f.call(func() error { return f.Catalog.BatchCreatePartition(ctx, database, table, ps) })
}

func (f *faulty) BatchUpdatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	return f.call(func() error { return f.Catalog.BatchUpdatePartition(ctx, database, table, ps) })
}

// TestAPublicationThatIsCutOffAtAnyCallIsCompletedByTheNext replaces a day, adds one and adds a column.
func TestAPublicationThatIsCutOffAtAnyCallIsCompletedByTheNext(t *testing.T) {
	ctx := context.Background()
	before, after := parquetTable(), parquetTable()
	after.Columns = append(after.Columns, catalog.Column{Name: "plan", Type: "string"})
	day := func(d event.Day, upTo int) Partition {
		return Partition{d, fmt.Sprintf("%s%s/%012d-aa/", before.Location, d.Path(), upTo)}
	}
	for _, effect := range []bool{false, true} {
		for _, exists := range []bool{false, true} {
			for step := 1; ; step++ {
				c := openCatalog(t)
				p := NewPublisher(newClock())
				if exists {
					_, err := p.PublishPartitions(ctx, c, before, []Partition{day(1, 1), day(2, 1)})
					require.NoError(t, err)
				}
				f := &faulty{c.Catalog, step, effect}
				parts := []Partition{day(1, 2), day(3, 2)}
				_, err := p.PublishPartitions(ctx, f, after, parts)
				if f.left > 0 {
					require.NoError(t, err)
					require.Greater(t, step, 4)
					break
				}
				if err != nil { // a call that fails by itself is left alone
					require.Equal(t, fault.Transient, fault.ClassOf(err))
				}
				unpartitioned, err := p.PublishPartitions(ctx, c.Catalog, after, parts)
				require.NoError(t, err)
				require.False(t, unpartitioned)
				all, err := c.Catalog.GetPartitions(ctx, "mixpanel", after.Name, "")
				require.NoError(t, err)
				for _, one := range all {
					if one.Values[0] != "1970-01-03" {
						require.Contains(t, one.StorageDescriptor.Location, "/000000000002-aa/")
						require.Equal(t, after.Columns, one.StorageDescriptor.Columns)
					}
				}
				require.Equal(t, exists, len(all) == 3)
			}
		}
	}
}

// TestASnapshotIsReplacedByOneUpdate moves the location and adds a column at once, and updates nothing when nothing has changed.
func TestASnapshotIsReplacedByOneUpdate(t *testing.T) {
	c, ctx := openCatalog(t), context.Background()
	p := NewPublisher(newClock())
	people := Table{
		Database: "mixpanel", Name: "mp_people_data", Format: Parquet, Columns: []catalog.Column{{Name: "mp_distinct_id", Type: "string"}},
		Root: "s3://lake/1/mp_people_data/", Location: "s3://lake/1/mp_people_data/000000000007-aa/",
	}
	require.NoError(t, p.PublishVersion(ctx, c, people))
	people.Location = "s3://lake/1/mp_people_data/000000000009-aa/"
	people.Columns = append(people.Columns, catalog.Column{Name: "mp_name", Type: "string"})
	for range 2 {
		require.NoError(t, p.PublishVersion(ctx, c, people))
		require.Equal(t, 1, c.updates)
	}
	table, err := c.GetTable(ctx, "mixpanel", people.Name)
	require.NoError(t, err)
	require.Equal(t, people.Location, table.StorageDescriptor.Location)
	require.Equal(t, people.Columns, table.StorageDescriptor.Columns)
	require.Equal(t, "1", table.VersionID)
}
