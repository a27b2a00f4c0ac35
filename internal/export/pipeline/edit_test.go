package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
)

// named makes an event of the name at the hour after the house's epoch.
func named(name string, hours int) event.Record {
	r := visit(epoch.Add(time.Duration(hours) * time.Hour))
	r.Name = []byte(name)
	return r
}

func TestObjectsThatAreCompleteAreNotSelectedAnewAndGoToTheCatalogThatIsNamedNow(t *testing.T) {
	h := open(t)
	p := h.create(Spec{Type: TypeAWS, SchemaType: Multischema})
	h.reader.append(h.project, named("A", 0), named("B", 1))
	h.reader.seal()
	h.faults.plan(4, denied) // two objects, the manifest, the mapping file
	h.once()
	h.faults.plan(0, "")
	require.Equal(t, Failed, h.lastRun(p).State)
	require.Len(t, h.keys("2195193/_manifest/"), 1)
	names, database := []string{"A"}, "other"
	require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{Events: &names, GlueDatabase: &database}))
	h.drain()
	require.Len(t, h.tables("other"), 2, "both events")
	require.Empty(t, h.tables("mixpanel"))
	h.requireExact(p)

	h.reader.append(h.project, named("A", 2), named("B", 2))
	h.reader.seal()
	h.drain()
	require.Len(t, h.tables("other"), 3, "without the event that is not selected any more")
	h.requireExact(p)
}

// TestAnEditCuresARunThatACatalogRefuses names the catalog wrongly, before and after one has been reached, and lets it refuse for as long as it
// is named so.
func TestAnEditCuresARunThatACatalogRefuses(t *testing.T) {
	const good, typo = "arn:aws:iam::111111111111:role/catalog", "arn:aws:iam::111111111111:role/typo"
	of := func(d *Definition, role, database string) Change {
		c := Change{GlueDatabase: &database}
		if d.Glue.Role != "" {
			c.GlueRole = &role
		}
		return c
	}
	for name, spec := range map[string]Spec{
		"a column per property":     {Type: TypeAWS, Glue: Glue{Role: good, Region: "us-east-1"}},
		"days that are replaced":    {Type: TypeAWS, Sync: true, Interval: time.Second, Glue: Glue{Role: good, Region: "us-east-1"}},
		"a table per event":         {Type: TypeAWS, SchemaType: Multischema, Glue: Glue{Role: good, Region: "us-east-1"}},
		"JSON":                      {Glue: Glue{Role: good, Region: "us-east-1"}},
		"people":                    {Source: People, Glue: Glue{Role: good, Region: "us-east-1"}, Interval: time.Second},
		"JSON, embedded, database":  {},
		"table per event, embedded": {Type: TypeAWS, SchemaType: Multischema},
	} {
		for _, live := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, live %t", name, live), func(t *testing.T) {
				h := open(t)
				p := h.create(spec)
				arrive := func(hours int) {
					h.reader.append(h.project, named("A", hours), named("B", hours-24), event.Record{
						Kind: event.KindProfile, Time: epoch.UnixMilli(), DistinctID: fmt.Appendf(nil, "u%d", hours), Properties: []byte(`{}`),
					})
					h.reader.seal()
				}
				if live {
					arrive(0)
					h.drain()
					require.Equal(t, Succeeded, h.lastRun(p).State)
				}
				h.refused = func(d *Definition) bool { return d.Glue.Role == typo || d.Glue.Database == "wrong" }
				require.NoError(t, h.store.Edit(h.ctx, p.ID, of(&p.Definition, typo, "wrong")))
				arrive(1)
				h.turns(3)
				require.Equal(t, Failed, h.lastRun(p).State)
				require.Greater(t, h.lastRun(p).Attempts, 2, "its manifest is there since the first")
				require.NoError(t, h.store.Edit(h.ctx, p.ID, of(&p.Definition, good, "right")))
				h.drain()
				require.Equal(t, Succeeded, h.lastRun(p).State)
				require.NotEmpty(t, h.tables("right"))
				h.requireExact(p)
			})
		}
	}
}

func TestAnAttemptWithoutAManifestIsRepeatedAsEditedAndLeavesNothing(t *testing.T) {
	for _, spec := range []Spec{
		{Type: TypeAWS, SchemaType: Multischema}, {Type: TypeAWS, SchemaType: Multischema, Sync: true, Interval: time.Second}, {Type: TypeAWS}, {},
		{Type: TypeRaw, Frequency: Hourly, From: event.DayOfTime(epoch) - 9},
	} {
		h := open(t)
		p := h.create(spec)
		h.reader.append(h.project, named("A", 0), named("B", -24), named("C", -48))
		h.reader.seal()
		h.faults.plan(3, refuse)
		h.once()
		require.True(t, h.faults.hit)
		h.faults.plan(0, "")
		names := []string{"A"}
		require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{Events: &names}))
		h.drain()
		require.Equal(t, Succeeded, h.lastRun(p).State)
		require.EqualValues(t, 1, h.lastRun(p).Totals.Rows)
		h.requireExact(p)
	}
}

func TestADayThatIsLeftWithoutRowsIsEmpty(t *testing.T) {
	h := open(t)
	h.config.Grace = -1
	h.restart()
	p := h.create(Spec{Type: TypeAWS, SchemaType: Multischema, Sync: true, Interval: time.Second})
	h.reader.append(h.project, named("A", 0), named("B", 0), named("B", 24))
	h.reader.seal()
	h.drain()
	require.Equal(t, h.shredded(p, nil), h.read(p))
	names := []string{"A"}
	require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{Events: &names}))
	h.reader.append(h.project, named("A", 0))
	h.reader.seal()
	h.drain()
	require.Len(t, h.table("mixpanel", "a"), 2)
	require.Len(t, h.table("mixpanel", "b"), 1, "of the day that nothing has arrived for")
	h.requireExact(p)
	none := []string{}
	require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{Events: &none}))
	h.reader.append(h.project, named("B", 0))
	h.reader.seal()
	h.drain()
	require.Equal(t, h.shredded(p, nil), h.read(p), "and filled again")
	h.requireExact(p)
}

func TestTheCatalogGetsOneUpdateForEachRealChange(t *testing.T) {
	for _, sync := range []bool{false, true} {
		h := open(t)
		p := h.create(Spec{Type: TypeAWS, Sync: sync, Interval: time.Second})
		changes := func(records ...event.Record) map[string]int {
			h.faults.counts = map[string]int{}
			h.reader.append(h.project, records...)
			h.reader.seal()
			h.advance(2 * time.Minute)
			require.Equal(t, 1, h.once())
			require.Equal(t, Succeeded, h.lastRun(p).State)
			return h.faults.counts
		}
		plain := func(hours int) event.Record {
			r := named("A", hours)
			r.Properties = []byte(`{"n":1}`)
			return r
		}
		wide := plain(0)
		wide.Properties = []byte(`{"n":1,"m":2,"k":"x"}`)
		moved := 0
		if sync {
			moved = 1 // the day's new version
		}
		require.Equal(t, map[string]int{"create database": 1, "create table": 2, "create partitions": 2}, changes(plain(0), plain(24)),
			"one call each finds out that there is no database, and that partitions are allowed")
		require.Equal(t, nonZero(map[string]int{"update partitions": moved}), changes(plain(0)), "nothing is new")
		got := changes(wide)
		require.Equal(t, 1, got["update table"], "two columns at once")
		require.Equal(t, nonZero(map[string]int{"create partitions": 1}), changes(plain(48)), "a new day")
		h.requireExact(p)
	}
}

func TestWithoutPartitionsReplacedDaysGoAtOnceAndThePipelineWarns(t *testing.T) {
	for _, sync := range []bool{false, true} {
		h := open(t)
		h.faults.unpartitioned = true
		p := h.create(Spec{Type: TypeAWS, Sync: sync, Interval: time.Second})
		for round := range 3 {
			h.reader.append(h.project, named("A", 0), named("A", -24*round))
			h.reader.seal()
			h.advance(time.Minute)
			for h.once() > 0 { // no grace period passes
			}
			require.Equal(t, Succeeded, h.lastRun(p).State)
			require.Contains(t, h.get(p).Warning, "mixpanel.mp_master_event has no partitions")
			require.Len(t, h.table("mixpanel", "mp_master_event"), 2*(round+1), "each row once")
		}
		h.requireExact(p)
	}
}

func nonZero(counts map[string]int) map[string]int {
	for k, n := range counts {
		if n == 0 {
			delete(counts, k)
		}
	}
	return counts
}

func TestMappingFilesAreWrittenWhenSomethingWasAssigned(t *testing.T) {
	h := open(t)
	p := h.create(Spec{Type: TypeAWS})
	people := h.create(Spec{Type: TypeAWS, Source: People})
	file := func(source string) string {
		return h.image()[p.Layout().SchemaKey(source)]
	}
	h.reader.append(h.project, named("A", 0), event.Record{
		Kind: event.KindProfile, Time: epoch.UnixMilli(), DistinctID: []byte("u1"), Properties: []byte(`{"$Email":"a@example.com"}`),
	})
	h.reader.seal()
	h.drain()
	require.Contains(t, file("events"), `"city"`)
	require.Contains(t, file("people"), `"mp_email"`)
	require.Contains(t, file("identities"), `"resolved_distinct_id"`)
	h.requireExact(people)
	first := file("events")
	b := named("A", 1)
	b.Properties = []byte(`{"City":"Bern"}`)
	h.reader.append(h.project, b)
	h.reader.seal()
	h.drain()
	require.Equal(t, first, file("events"))
	b.Properties = []byte(`{"City":7,"new":true}`)
	h.reader.append(h.project, b)
	h.reader.seal()
	h.drain()
	require.Contains(t, file("events"), `"city_number"`)
	tables, err := h.store.Schema(h.ctx, p.ID)
	require.NoError(t, err)
	require.Len(t, tables, 1)
	for _, c := range tables[0].Columns {
		if c.Name == "city_number" {
			require.EqualValues(t, 1, c.Rows)
			require.Equal(t, "City", c.Property)
			require.NotNil(t, c.FirstSeen)
		}
	}
	require.Equal(t, lake.SchematizedJSON, h.manifest(p).RowFormat)
}

// TestAnotherRoleForTheCatalogPublishesAllDays lets the role lead to another account, whose catalog knows nothing yet.
func TestAnotherRoleForTheCatalogPublishesAllDays(t *testing.T) {
	h := open(t)
	p := h.create(Spec{Type: TypeAWS, Glue: Glue{Role: "arn:aws:iam::111111111111:role/a", Region: "us-east-1"}})
	h.reader.append(h.project, named("A", 0), named("A", -24))
	h.reader.seal()
	h.once()
	require.Len(t, h.tables("mixpanel"), 2)
	require.NoError(t, h.catalog.DeleteTable(h.ctx, "mixpanel", p.CatalogTable(p.table())))
	role := "arn:aws:iam::222222222222:role/b"
	require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{GlueRole: &role}))
	h.reader.append(h.project, named("A", 0))
	h.reader.seal()
	h.advance(2 * time.Second)
	h.once()
	require.Len(t, h.tables("mixpanel"), 3)
}
