package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

const someDay = 20_000 * 86_400_000

func drawRecord(t *rapid.T) event.Record {
	text := func(label string) []byte {
		return []byte(rapid.SampledFrom([]string{"", "a", "b", "long " + label, "\x00ü"}).Draw(t, label))
	}
	r := event.Record{
		Kind: rapid.SampledFrom([]event.Kind{event.KindEvent, event.KindEvent, event.KindProfile, event.KindGroup}).Draw(t, "kind"),
		Time: someDay + rapid.Int64Range(-3*86_400_000, 86_400_000).Draw(t, "time"), Received: someDay,
		Name: text("name"), DistinctID: text("distinct_id"), DeviceID: text("device"), UserID: text("user"), InsertID: text("insert"),
		Properties: []byte(`{}`),
	}
	if r.Kind == event.KindGroup {
		r.GroupKey = text("group")
	}
	return r
}

// pinned is a range that is pinned, and what it held when it was.
type pinned struct {
	window  Window
	release func()
	held    []placed
}

// However the records are cut into blocks, seals and segments, and wherever a process dies, the store has each of them once.
func TestAnyBatchingGivesTheSameTable(t *testing.T) {
	db := openDB(t)
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{0, 0.1, 0.3}).Draw(t, "fault rate")
		w := newWorld(t, dir, db, Options{
			SealBytes: rapid.SampledFrom([]int{500, 5000, 1 << 20}).Draw(t, "seal bytes"),
			MaxOpen:   rapid.IntRange(1, 3).Draw(t, "max open"),
			Merge:     Merge{Fanout: rapid.IntRange(2, 4).Draw(t, "fanout"), MaxRecords: rapid.Int64Range(10, 200).Draw(t, "max records")},
		})
		crash := func() { w.start(rapid.Uint64().Draw(t, "seed"), rate) }
		crash()
		var keys []blockKey
		var pins []pinned
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "blocks") {
					records := make([]event.Record, rapid.IntRange(1, 6).Draw(t, "records"))
					for i := range records {
						records[i] = drawRecord(t)
					}
					k := blockKey{project: rapid.Int64Range(1, 2).Draw(t, "project")}
					if rapid.IntRange(0, 3).Draw(t, "keyed") == 0 {
						k.key = fmt.Sprint("key ", len(keys))
						keys = append(keys, k)
					}
					w.append(k.project, k.key, true, records...)
				}
			},
			"send a key again that the log has forgotten": func(t *rapid.T) {
				if len(keys) == 0 {
					t.Skip("no keys")
				}
				k := rapid.SampledFrom(keys).Draw(t, "key")
				w.append(k.project, k.key, false, drawRecord(t))
			},
			"a corrupt block": func(t *rapid.T) {
				_, err := w.log.Append(w.ctx, eventlog.Block{Project: 1, Count: 3, Data: []byte("not a block")})
				require.NoError(t, err)
			},
			"read without sealing": func(*rapid.T) {
				if _, err := w.sealer.read(w.ctx); err != nil {
					w.injected(err)
				}
			},
			"die before the commit": func(t *rapid.T) {
				if _, err := w.sealer.read(w.ctx); err != nil {
					w.injected(err)
				}
				if _, err := w.sealer.writeAll(w.ctx); err != nil {
					w.injected(err)
				}
				for _, p := range pins {
					p.release()
				}
				pins = nil
				crash()
			},
			"seal":  func(*rapid.T) { w.seal() },
			"merge": func(*rapid.T) { w.merge() },
			"clean": func(*rapid.T) {
				w.time = w.time.Add(2 * time.Hour)
				if err := w.store.cleanOnce(w.ctx); err != nil {
					w.injected(err)
				}
			},
			"pin": func(t *rapid.T) {
				window := Window{Project: rapid.Int64Range(1, 2).Draw(t, "project"), Kind: event.KindEvent}
				window.UpTo = eventlog.Position(rapid.Uint64Range(0, uint64(w.sealed())).Draw(t, "up to"))
				window.After = eventlog.Position(rapid.Uint64Range(0, uint64(window.UpTo)).Draw(t, "after"))
				release := w.store.Pin(window.Project, window.After, window.UpTo)
				pins = append(pins, pinned{window, release, w.scan(window)})
			},
			"read the pinned again": func(*rapid.T) {
				for _, p := range pins {
					requireRecords(t, p.held, w.scan(p.window))
				}
			},
			"unpin": func(*rapid.T) {
				for _, p := range pins {
					requireRecords(t, p.held, w.scan(p.window))
					p.release()
				}
				pins = nil
			},
			"": func(*rapid.T) {},
		})
		for _, p := range pins {
			requireRecords(t, p.held, w.scan(p.window))
			p.release()
		}
		w.start(0, 0)
		w.seal()
		w.check()
		w.merge()
		w.check()
		w.checkFewSegments()
		w.checkNoLeftovers()
	})
}

// check compares the store with what was appended.
func (w *world) check() {
	sealed := w.sealed()
	last, err := w.log.Last(w.ctx)
	require.NoError(w.t, err)
	require.Equal(w.t, last, sealed)
	for projectID := int64(1); projectID <= 2; projectID++ {
		for kind := event.KindEvent; kind <= event.KindGroup; kind++ {
			for _, window := range []Window{
				{UpTo: sealed},
				{After: sealed / 3, UpTo: sealed / 2},
				{UpTo: sealed, FirstDay: 19_998, LastDay: 19_999},
				{UpTo: sealed, FirstDay: 19_999},
				{UpTo: sealed, LastDay: 19_998},
			} {
				window.Project, window.Kind = projectID, kind
				got := w.scan(window)
				slices.SortStableFunc(got, byDayAndPlace)
				want := w.within(window)
				requireRecords(w.t, want, got)
				var counts []DayCount
				for _, p := range want {
					if n := len(counts); n == 0 || counts[n-1].Day != p.record.Day() {
						counts = append(counts, DayCount{Day: p.record.Day()})
					}
					counts[len(counts)-1].Records++
				}
				days, err := w.store.Counts(w.ctx, window)
				require.NoError(w.t, err)
				require.ElementsMatch(w.t, counts, days)
			}
		}
	}
	totals, err := w.store.Totals(w.ctx)
	require.NoError(w.t, err)
	have := map[group]int64{}
	for _, total := range totals {
		require.Zero(w.t, total.Unsealed)
		have[group{total.Project, total.Kind}] = total.Sealed
	}
	for g, want := range w.want {
		require.EqualValues(w.t, len(want), have[g])
	}
}

// checkFewSegments checks the bound that Merge states.
func (w *world) checkFewSegments() {
	m := w.store.opts.Merge
	for g := range w.want {
		all, err := w.store.neighbours(w.ctx, g)
		require.NoError(w.t, err)
		run := 0
		for i := range all {
			if i > 0 {
				require.LessOrEqual(w.t, all[i-1].UpTo, all[i].After)
			}
			if run++; m.weight(&all[i]) >= 0.5 {
				run = 0
			}
			require.Less(w.t, run, m.Fanout, "neighbours below full size")
		}
	}
}

// checkNoLeftovers checks that only indexed objects are there once all has been cleaned up.
func (w *world) checkNoLeftovers() {
	w.time = w.time.Add(2 * time.Hour)
	w.start(0, 0)
	require.NoError(w.t, w.store.cleanOnce(w.ctx))
	known, err := w.store.keys(w.ctx, `SELECT object_key FROM segment UNION ALL SELECT object_key FROM store_snapshot
		UNION ALL SELECT object_key FROM poison_block`)
	require.NoError(w.t, err)
	require.Len(w.t, w.objects.keys(), len(known))
	for _, key := range w.objects.keys() {
		require.True(w.t, known[key], key)
	}
}

func newTestWorld(t *testing.T, opts Options) *world {
	return newWorld(t, t.TempDir(), openDB(t), opts)
}

func track(user string, ms int64) event.Record {
	return event.Record{Kind: event.KindEvent, Time: ms, Received: ms, Name: []byte("Signed up"), DistinctID: []byte(user), Properties: []byte("{}")}
}

func TestACorruptBlockIsKeptAsideAndSealingGoesOn(t *testing.T) {
	w := newTestWorld(t, Options{})
	w.append(1, "", true, track("a", someDay))
	_, err := w.log.Append(w.ctx, eventlog.Block{Project: 1, Count: 7, Data: []byte("not a block")})
	require.NoError(t, err)
	w.append(1, "", true, track("b", someDay))
	w.seal()
	w.check()
	require.Equal(t, []byte("not a block"), w.objects.objects[poisonKey(2)])
	var records int64
	var reason string
	require.NoError(t, w.opts.DB.QueryRow(w.ctx, `SELECT records, reason FROM poison_block WHERE position = 2`).Scan(&records, &reason))
	require.EqualValues(t, 7, records)
	require.Contains(t, reason, "corrupt log block")
	require.EqualValues(t, 1, w.store.Stats().PoisonBlocks)
}

func TestARecordThatNoSegmentCanHoldMakesItsBlockPoison(t *testing.T) {
	w := newTestWorld(t, Options{})
	w.append(1, "", false, track("a", someDay), track("b", 1<<62))
	w.append(1, "", false, event.Record{Kind: 9})
	w.append(1, "", true, track("c", someDay))
	w.seal()
	w.check()
	require.EqualValues(t, 2, w.store.Stats().PoisonBlocks)
}

func TestABlockWithASealedKeyIsSkipped(t *testing.T) {
	w := newTestWorld(t, Options{})
	w.append(1, "import 1", true, track("a", someDay))
	w.seal()
	p, known, err := w.store.KnownKey(w.ctx, 1, "import 1")
	require.NoError(t, err)
	require.True(t, known)
	require.EqualValues(t, 1, p)
	_, known, err = w.store.KnownKey(w.ctx, 2, "import 1")
	require.NoError(t, err)
	require.False(t, known, "keys are a project's own")

	w.time = w.time.Add(KeepKeys + time.Hour)
	require.NoError(t, w.store.cleanOnce(w.ctx))
	_, known, err = w.store.KnownKey(w.ctx, 1, "import 1")
	require.NoError(t, err)
	require.False(t, known, "keys are forgotten in the end")
}

func TestScansReadWhatWasReplacedUntilTheyEnd(t *testing.T) {
	w := newTestWorld(t, Options{Merge: Merge{Fanout: 2, MaxRecords: 100}, MaxOpen: 1})
	for i := range 6 {
		w.append(1, "", true, track(fmt.Sprint("u", i), someDay), track("late", someDay-86_400_000))
		w.seal()
	}
	n := 0
	err := w.store.Scan(w.ctx, Window{Project: 1, Kind: event.KindEvent, UpTo: w.sealed()}, func(b *Batch) error {
		n += b.Len
		w.merge()
		w.time = w.time.Add(2 * time.Hour)
		return w.store.cleanOnce(w.ctx)
	})
	require.NoError(t, err)
	require.Equal(t, 12, n)
	require.Greater(t, len(w.objects.keys()), 1, "what is read was kept")
	w.time = w.time.Add(2 * time.Hour)
	require.NoError(t, w.store.cleanOnce(w.ctx))
	require.Len(t, w.objects.keys(), 1)
}

func TestAScanHoldsFewSegmentsOpen(t *testing.T) {
	w := newTestWorld(t, Options{MaxOpen: 2})
	w.objects.local = true
	w.opts.Bucket = w.objects
	w.store.opts.Bucket = w.objects
	const segments, days = 10, 4
	for range segments {
		for day := range int64(days) {
			w.append(1, "", true, track("u", someDay+day*86_400_000))
		}
		w.seal()
	}
	window := Window{Project: 1, Kind: event.KindEvent, UpTo: w.sealed()}
	got := w.scan(window)
	slices.SortStableFunc(got, byDayAndPlace)
	requireRecords(t, w.within(window), got)
	require.Equal(t, 3, w.objects.most, "two that are kept and one that is read")
	require.Zero(t, w.objects.open)
	require.Equal(t, 2+(segments-2)*days, w.objects.gets, "the kept ones are opened once")
}

func TestAPinHoldsAMergeBack(t *testing.T) {
	w := newTestWorld(t, Options{Merge: Merge{Fanout: 2, MaxRecords: 100}})
	for range 4 {
		w.append(1, "", true, track("u", someDay))
		w.seal()
	}
	release := w.store.Pin(1, 1, 3)
	w.merge()
	all, err := w.store.Segments(w.ctx, Window{Project: 1, Kind: event.KindEvent, UpTo: 4})
	require.NoError(t, err)
	require.Len(t, all, 4, "no two neighbours are free")
	release()
	release()
	w.merge()
	all, err = w.store.Segments(w.ctx, Window{Project: 1, Kind: event.KindEvent, UpTo: 4})
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestAPinThatComesDuringAMergeUndoesIt(t *testing.T) {
	w := newTestWorld(t, Options{Merge: Merge{Fanout: 2, MaxRecords: 100}})
	for range 2 {
		w.append(1, "", true, track("u", someDay))
		w.seal()
	}
	inputs, err := w.store.neighbours(w.ctx, group{1, event.KindEvent})
	require.NoError(t, err)
	merged := Segment{Project: 1, Kind: event.KindEvent, UpTo: 2, Key: "segments/x"}
	defer w.store.Pin(1, 0, 1)()
	done, err := w.store.replace(w.ctx, &merged, inputs)
	require.NoError(t, err)
	require.False(t, done)
	w.check()
}

func TestASecondSealerIsNoticed(t *testing.T) {
	w := newTestWorld(t, Options{})
	other, err := w.store.newSealer(w.ctx)
	require.NoError(t, err)
	w.append(1, "", true, track("a", someDay))
	_, err = other.read(w.ctx)
	require.NoError(t, err)
	w.append(1, "", true, track("b", someDay))
	w.seal()
	_, err = other.seal(w.ctx)
	require.ErrorIs(t, err, errOtherSealer)
	w.check()
}

func TestACommitWhoseAnswerWasLostIsNotRepeated(t *testing.T) {
	w := newTestWorld(t, Options{})
	w.append(1, "k", true, track("a", someDay))
	_, err := w.sealer.read(w.ctx)
	require.NoError(t, err)
	segments, err := w.sealer.writeAll(w.ctx)
	require.NoError(t, err)
	require.NoError(t, w.store.commitSeal(w.ctx, w.sealer.pending, segments))
	w.seal()
	w.check()
}

func TestALogThatWasLostIsASetupError(t *testing.T) {
	w := newTestWorld(t, Options{})
	w.append(1, "", true, track("a", someDay))
	w.seal()
	w.opts.Log = logtest.NewMemory()
	s, err := Open(w.ctx, w.opts)
	require.NoError(t, err)
	err = s.Run(w.ctx)
	require.Equal(t, fault.Setup, fault.ClassOf(err), "%v", err)
}

func TestASealHoldsManyProjects(t *testing.T) {
	w := newTestWorld(t, Options{})
	for id := range int64(300) {
		w.append(3+id, "", true, track("a", someDay))
	}
	_, err := w.sealer.read(w.ctx)
	require.NoError(t, err)
	w.seal()
	totals, err := w.store.Totals(w.ctx)
	require.NoError(t, err)
	require.Len(t, totals, 300)
}

func TestTotalsCountUnsealedRecordsToo(t *testing.T) {
	w := newTestWorld(t, Options{})
	w.append(1, "", true, track("a", someDay), track("b", someDay))
	w.seal()
	w.append(1, "", true, track("c", someDay))
	w.append(2, "", true, track("d", someDay))
	totals, err := w.store.Totals(w.ctx)
	require.NoError(t, err)
	require.Len(t, totals, 2)
	require.EqualValues(t, 2, totals[0].Sealed)
	require.EqualValues(t, 1, totals[0].Unsealed)
	require.EqualValues(t, 1, totals[1].Unsealed)
}

func TestSealedAfterIsClosedWhenThePositionIsPassed(t *testing.T) {
	w := newTestWorld(t, Options{})
	first, second := w.store.SealedAfter(0), w.store.SealedAfter(1)
	w.append(1, "", true, track("a", someDay))
	w.seal()
	<-first
	<-w.store.SealedAfter(0)
	select {
	case <-second:
		t.Fatal("position 2 is not sealed")
	default:
	}
}

func TestAMissingObjectIsATransientError(t *testing.T) {
	w := newTestWorld(t, Options{})
	w.append(1, "", true, track("a", someDay))
	w.seal()
	for _, key := range w.objects.keys() {
		require.NoError(t, w.objects.Delete(w.ctx, key))
	}
	err := w.store.Scan(w.ctx, Window{Project: 1, Kind: event.KindEvent, UpTo: 1}, func(*Batch) error { return nil })
	require.ErrorIs(t, err, bucket.ErrNotFound)
}

func TestAnErrorOfTheCallbackEndsAScan(t *testing.T) {
	w := newTestWorld(t, Options{})
	w.append(1, "", true, track("a", someDay))
	w.seal()
	boom := errors.New("boom")
	err := w.store.Scan(w.ctx, Window{Project: 1, Kind: event.KindEvent, UpTo: 1}, func(*Batch) error { return boom })
	require.ErrorIs(t, err, boom)
}
