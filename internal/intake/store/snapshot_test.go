package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store/identity"
	"github.com/refract-io/refract/internal/platform/fault"
)

// mapping is what a snapshot is read as.
type mapping struct{ id, value string }

// profilesAt and identitiesAt read a snapshot, trying until it works, and check the order and the arrivals.
func (w *world) profilesAt(projectID int64, upTo eventlog.Position) []mapping {
	last := map[string]int64{}
	for _, op := range w.upTo(group{projectID, event.KindProfile}, upTo) {
		last[string(op.DistinctID)] = op.Received
	}
	return w.collect(func(fn func(a, b []byte) error) error {
		return w.store.ScanProfiles(w.ctx, projectID, upTo, func(a, b []byte, received int64) error {
			require.Equal(w.t, last[string(a)], received, "when the last operation on %s arrived", a)
			return fn(a, b)
		})
	})
}

func (w *world) identitiesAt(projectID int64, upTo eventlog.Position) []mapping {
	return w.collect(func(fn func(a, b []byte) error) error { return w.store.ScanIdentities(w.ctx, projectID, upTo, fn) })
}

func (w *world) collect(scan func(func(a, b []byte) error) error) (all []mapping) {
	for {
		all = nil
		err := scan(func(a, b []byte) error {
			all = append(all, mapping{string(a), string(b)})
			return nil
		})
		if err != nil {
			w.injected(err)
			continue
		}
		for i := 1; i < len(all); i++ {
			require.Less(w.t, all[i-1].id, all[i].id)
		}
		return all
	}
}

// upTo returns the records of a group up to a position, in log order.
func (w *world) upTo(g group, position eventlog.Position) (all []event.Record) {
	for _, p := range w.want[g] {
		if p.position <= position {
			all = append(all, p.record)
		}
	}
	return all
}

func naiveProfiles(t require.TestingT, operations []event.Record) []mapping {
	of := map[string][]event.Record{}
	for _, op := range operations {
		of[string(op.DistinctID)] = append(of[string(op.DistinctID)], op)
	}
	var all []mapping
	for id, list := range of {
		properties, err := event.FoldProfile(nil, list)
		require.NoError(t, err)
		if properties != nil {
			all = append(all, mapping{id, string(properties)})
		}
	}
	return sortedMappings(all)
}

func sortedMappings(all []mapping) []mapping {
	slices.SortFunc(all, func(a, b mapping) int { return slices.Compare([]byte(a.id), []byte(b.id)) })
	return all
}

func naiveDevices(events []event.Record) []mapping {
	users := map[string]string{}
	for _, r := range events {
		alias := identity.DevicePrefix + string(r.DeviceID)
		if _, ok := users[alias]; !ok && len(r.DeviceID) > 0 && len(r.UserID) > 0 {
			users[alias] = string(r.UserID)
		}
	}
	var all []mapping
	for alias, user := range users {
		all = append(all, mapping{alias, user})
	}
	return sortedMappings(all)
}

// naiveClusters keeps clusters as lists whose first id is the canonical one.
func naiveClusters(events []event.Record) []mapping {
	var clusters [][]string
	find := func(id string) int {
		i := slices.IndexFunc(clusters, func(c []string) bool { return slices.Contains(c, id) })
		if i < 0 {
			clusters = append(clusters, []string{id})
			i = len(clusters) - 1
		}
		return i
	}
	var scan event.Scanner
	for _, r := range events {
		if !identity.IsVerb(r.Name) {
			continue
		}
		op, ok := identity.Parse(&scan, r.Name, r.DistinctID, r.Properties)
		if !ok {
			continue
		}
		to, from := find(op.First), find(op.Second)
		switch {
		case to == from, op.Verb != identity.Merge && len(clusters[from]) > 1, len(clusters[to])+len(clusters[from]) > identity.MaxCluster:
		default:
			clusters[to] = append(clusters[to], clusters[from]...)
			clusters = slices.Delete(clusters, from, from+1)
		}
	}
	var all []mapping
	for _, c := range clusters {
		for _, alias := range c[1:] {
			all = append(all, mapping{alias, c[0]})
		}
	}
	return sortedMappings(all)
}

func drawOperation(t *rapid.T) event.Record {
	id := rapid.SampledFrom([]string{"a", "b", "c", "ü"}).Draw(t, "id")
	op := rapid.SampledFrom([][2]string{
		{"$set", `{"$set":{"plan":"pro"}}`}, {"$set", `{"$set":{"n":1.10,"plan":null}}`}, {"$set_once", `{"$set_once":{"plan":"free"}}`},
		{"$add", `{"$add":{"n":2}}`}, {"$append", `{"$append":{"list":"x"}}`}, {"$unset", `{"$unset":["plan"]}`},
		{"$delete", `{"$delete":""}`}, {"$delete", `{"$delete":"","$ignore_alias":true}`},
	}).Draw(t, "operation")
	ms := someDay + rapid.Int64Range(-86_400_000, 86_400_000).Draw(t, "time")
	return event.Record{Kind: event.KindProfile, Time: ms, Received: ms, Name: []byte(op[0]), DistinctID: []byte(id), Properties: []byte(op[1])}
}

func drawIdentityEvent(t *rapid.T, id *rapid.Generator[string]) event.Record {
	r := track(id.Draw(t, "distinct_id"), someDay+rapid.Int64Range(-86_400_000, 86_400_000).Draw(t, "time"))
	a, b := id.Draw(t, "first"), id.Draw(t, "second")
	switch rapid.IntRange(0, 4).Draw(t, "verb") {
	case 0:
		r.Name, r.Properties = []byte("$identify"), fmt.Appendf(nil, `{"$identified_id":%q,"$anon_id":%q}`, a, b)
	case 1:
		r.Name, r.Properties = []byte("$identify"), fmt.Appendf(nil, `{"$anon_distinct_id":%q}`, b)
	case 2:
		r.Name, r.Properties = []byte("$create_alias"), fmt.Appendf(nil, `{"alias":%q}`, b)
	case 3:
		r.Name, r.Properties = []byte("$merge"), fmt.Appendf(nil, `{"$distinct_ids":[%q,%q]}`, a, b)
	}
	if rapid.Bool().Draw(t, "device") {
		r.DeviceID = []byte(b)
	}
	if rapid.Bool().Draw(t, "user") {
		r.UserID = []byte(a)
	}
	return r
}

// Profiles and identities are those of a naive replay of the log, as of any position, whatever snapshots were made before.
func TestSnapshotsAreWhatANaiveReplayGives(t *testing.T) {
	db := openDB(t)
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{0, 0.1}).Draw(t, "fault rate")
		w := newWorld(t, dir, db, Options{
			SealBytes: rapid.SampledFrom([]int{500, 1 << 20}).Draw(t, "seal bytes"),
			Merge:     Merge{Fanout: 2, MaxRecords: rapid.Int64Range(10, 100).Draw(t, "max records")},
		})
		w.start(1, rate)
		id := rapid.Map(rapid.IntRange(0, rapid.SampledFrom([]int{3, 40}).Draw(t, "ids")), func(n int) string { return fmt.Sprintf("id%02d", n) })
		compare := func(upTo eventlog.Position) {
			for projectID := int64(1); projectID <= 2; projectID++ {
				require.Equal(t, naiveProfiles(t, w.upTo(group{projectID, event.KindProfile}, upTo)), w.profilesAt(projectID, upTo))
				events := w.upTo(group{projectID, event.KindEvent}, upTo)
				want := naiveDevices(events)
				if projectID == 2 {
					want = naiveClusters(events)
				}
				require.Equal(t, want, w.identitiesAt(projectID, upTo))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 6).Draw(t, "blocks") {
					var records []event.Record
					for range rapid.IntRange(1, 4).Draw(t, "records") {
						records = append(records, drawOperation(t), drawIdentityEvent(t, id))
					}
					w.append(rapid.Int64Range(1, 2).Draw(t, "project"), "", true, records...)
				}
			},
			"seal":  func(*rapid.T) { w.seal() },
			"merge": func(*rapid.T) { w.merge() },
			"die":   func(t *rapid.T) { w.start(rapid.Uint64().Draw(t, "seed"), rate) },
			"clean": func(*rapid.T) {
				w.time = w.time.Add(2 * time.Hour)
				if err := w.store.cleanOnce(w.ctx); err != nil {
					w.injected(err)
				}
			},
			"read now": func(*rapid.T) { compare(w.sealed()) },
			"read history": func(t *rapid.T) {
				compare(eventlog.Position(rapid.Uint64Range(0, uint64(w.sealed())).Draw(t, "up to")))
			},
		})
		w.start(0, 0)
		w.seal()
		compare(w.sealed())
		w.checkNoLeftovers()
		var n int
		require.NoError(t, db.QueryRow(w.ctx, `SELECT count(*) FROM store_snapshot`).Scan(&n))
		require.LessOrEqual(t, n, 4*keepSnapshots)
	})
}

func TestASnapshotOfWhatIsNotSealedIsATransientError(t *testing.T) {
	w := newTestWorld(t, Options{})
	w.append(1, "", true, track("a", someDay))
	err := w.store.ScanProfiles(w.ctx, 1, 1, func(_, _ []byte, _ int64) error { return nil })
	require.Equal(t, fault.Transient, fault.ClassOf(err))
}

func TestAProfileRecordThatIsNoOperationIsSkipped(t *testing.T) {
	w := newTestWorld(t, Options{})
	op := event.Record{Kind: event.KindProfile, Time: someDay, Name: []byte("$set"), DistinctID: []byte("a"), Properties: []byte(`{"$set":{"x":1},"$ignore_time":true}`)}
	bad := op
	bad.Properties = []byte(`{"$unknown":1}`)
	w.append(1, "", true, bad, op, bad)
	w.seal()
	require.Equal(t, []mapping{{"a", `{"x":1}`}}, w.profilesAt(1, 1))
}

func TestASnapshotIsReusedUntilSomethingNewComes(t *testing.T) {
	w := newTestWorld(t, Options{})
	w.append(1, "", true, event.Record{Kind: event.KindProfile, Name: []byte("$set"), DistinctID: []byte("a"), Properties: []byte(`{"$set":{"x":1}}`)})
	w.append(1, "", true, track("a", someDay))
	w.seal()
	first := w.profilesAt(1, 2)
	objects := w.objects.keys()
	w.append(1, "", true, track("a", someDay))
	w.seal()
	require.Equal(t, first, w.profilesAt(1, 3))
	require.Len(t, w.objects.keys(), len(objects)+1, "only the segment is new")
}

func TestManyOperationsAreSortedOutsideOfMemory(t *testing.T) {
	w := newTestWorld(t, Options{SealBytes: 20_000})
	const blocks, perBlock, users = 40, 250, 700
	for b := range blocks {
		records := make([]event.Record, perBlock)
		for i := range records {
			n := b*perBlock + i
			records[i] = event.Record{Kind: event.KindProfile, Time: someDay, Name: []byte("$append"), DistinctID: fmt.Appendf(nil, "u%d", n*7919%users),
				Properties: fmt.Appendf(nil, `{"$append":{"list":%d}}`, n)}
		}
		w.append(1, "", true, records...)
	}
	w.seal()
	require.Equal(t, naiveProfiles(t, w.upTo(group{1, event.KindProfile}, blocks)), w.profilesAt(1, blocks))
}
