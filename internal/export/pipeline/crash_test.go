package pipeline

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
)

// TestAnyFailedCallLeavesExactlyTheRowsOnceAfterARetry damages each call of a run in turn, in each way, with the worker surviving
// and with it dying.
func TestAnyFailedCallLeavesExactlyTheRowsOnceAfterARetry(t *testing.T) {
	for name, spec := range map[string]Spec{
		"events":                   {Source: Events},
		"people":                   {Source: People},
		"identities":               {Source: Identities},
		"schematized events":       {Type: TypeAWS},
		"schematized events, sync": {Type: TypeAWS, Format: Parquet, Sync: true, Interval: time.Second},
		"a table for each event":   {Type: TypeAWS, Format: Parquet, SchemaType: Multischema},
		"tables of events, sync":   {Type: TypeAWS, SchemaType: Multischema, Sync: true, Interval: time.Second},
		"schematized people":       {Type: TypeAWS, Source: People, Format: Parquet},
		"days without a catalog":   {Type: TypeAWS, Sync: true, Interval: time.Second, Glue: Glue{Database: "none"}},
		"raw events":               {Type: TypeRaw, Frequency: Hourly, From: event.DayOfTime(epoch)},
		"selected events":          {Selection: Selection{Where: `properties["n"] != 4`, ExcludeProperties: []string{"odd"}}},
	} {
		want := exportWithFault(t, spec, 0, refuse, false)
		require.Greater(t, want.calls, 8)
		for _, how := range []damage{refuse, lose, stall, denied} {
			for _, dies := range []bool{false, true} {
				if dies && how != lose {
					continue // how the call failed makes no difference to the next worker but for this
				}
				if (how == stall || how == denied) && !slices.Contains([]string{"events", "people", "schematized events", "days without a catalog", "raw events"}, name) {
					continue // what is done about these is the same for the others
				}
				t.Run(fmt.Sprintf("%s, a call %s, worker dies %v", name, how, dies), func(t *testing.T) {
					t.Parallel()
					for step := 1; step <= want.calls; step++ {
						got := exportWithFault(t, spec, step, how, dies)
						require.Equal(t, want.rows, got.rows, "call %d", step)
						require.Equal(t, want.image, got.image, "call %d: stale or different objects", step)
					}
				})
			}
		}
	}
}

type exported struct {
	rows  []string
	image map[string]string
	calls int
}

// exportWithFault exports a backfill and then a second window, one call of which is damaged, until all is quiet.
func exportWithFault(t *testing.T, spec Spec, step int, how damage, dies bool) exported {
	h, done := newHouse(t, t.TempDir())
	defer done()
	h.config.MaxRecords = 4
	h.config.Writer.PartBytes = 1
	h.config.Grace = -1
	if how == stall {
		h.config.AttemptTimeout = 200 * time.Millisecond
	}
	h.restart()
	records := clicks(0, -1, 0, -400, 1, 0, 0)
	for i := range records {
		records[i].InsertID = fmt.Appendf(nil, "i%d", i)
		records[i].Properties = fmt.Appendf(nil, `{"n":%d}`, i)
		records[i].Time = epoch.AddDate(0, 0, -i%3).UnixMilli()
		records[i].DistinctID = fmt.Appendf(nil, "d%d", i)
		records[i].UserID = fmt.Appendf(nil, "u%d", i/2)
		if i%2 == 1 {
			records[i].Name = []byte("Signed Up")
			records[i].Properties = fmt.Appendf(nil, `{"n":"%d","odd":true}`, i)
		}
		if spec.Source == People {
			records[i].Kind = 2
		}
	}
	h.reader.append(h.project, records[:3]...)
	h.reader.seal()
	p := h.create(spec)
	h.faults.plan(step, how)
	h.once()
	if h.faults.hit && dies {
		h.restart()
	}
	h.reader.append(h.project, records[3:5]...)
	h.reader.append(h.project, records[5:]...)
	h.reader.seal()
	h.advance(65 * time.Minute)
	h.once()
	if h.faults.hit && dies {
		h.restart()
	}
	calls := h.faults.calls
	h.faults.plan(0, "")
	if how == denied { // the user has mended it, and does not wait for the next turn
		require.NoError(t, h.store.RunNow(h.ctx, p.ID))
	}
	h.drain()
	require.Equal(t, h.reader.sealed, h.get(p).Published)
	counts, err := Verify(h.ctx, h.store, h.bucket, h.get(p), true)
	require.NoError(t, err)
	require.Empty(t, counts.Stray)
	for _, d := range counts.Days {
		require.Equal(t, d.Runs, d.Manifests, d.Day)
		require.Equal(t, d.Runs, d.Objects, d.Day)
	}
	if spec.Type == TypeRaw { // its markers follow the clock, not the runs
		for done := false; !done; {
			h.advance(epoch.Add(12*time.Hour + markAfter).Sub(h.now()))
			done = h.once() == 0
		}
	}
	rows := h.tables("mixpanel")
	if !p.Glue.Use {
		rows = h.rowsBelow(h.bucket.Location(p.Layout().TableDir()), "")
	}
	return exported{rows, h.image(), calls}
}

// TestAWorkerThatDiesAfterAnyCallIsFollowedByOneThatFinishes kills the worker for real: the attempt's result is never recorded.
func TestAWorkerThatDiesAfterAnyCallIsFollowedByOneThatFinishes(t *testing.T) {
	for step := 1; ; step++ {
		h, done := newHouse(t, t.TempDir())
		h.reader.append(h.project, clicks(0, -1, -2)...)
		h.reader.seal()
		p := h.create(Spec{})
		due, err := h.store.candidates(h.ctx, "w", h.now(), h.now(), h.now())
		require.NoError(t, err)
		require.Len(t, due, 1)
		run, cycle, err := h.worker.plan(h.ctx, due[0].Pipeline, h.reader.sealed)
		require.NoError(t, err)
		require.NoError(t, h.store.begin(h.ctx, due[0].Pipeline, run, cycle.target, cycle.at, "dead", h.now().Add(time.Minute)))
		owner := h.worker.Owner
		h.worker.Owner = "dead"
		h.faults.plan(step, refuse)
		_, err = h.worker.write(h.ctx, due[0].Pipeline, run, func() {})
		h.worker.Owner = owner
		hit := h.faults.hit
		require.Equal(t, hit, err != nil)
		h.faults.plan(0, "")

		require.Zero(t, h.once(), "the lease of the dead worker still holds")
		h.restart()
		require.Equal(t, Running, h.lastRun(p).State)
		h.drain()
		require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
		require.Equal(t, 2, h.lastRun(p).Attempts)
		done()
		if !hit {
			break
		}
	}
}

// TestALongFirstRunOfReplacedDaysGoesOnWhereItWasCut exports a long past in one attempt, which takes far longer than an attempt may stand
// still, dies in the middle, and stores nothing again that is there.
func TestALongFirstRunOfReplacedDaysGoesOnWhereItWasCut(t *testing.T) {
	t.Parallel()
	for _, spec := range []Spec{
		{Type: TypeAWS, Sync: true, Format: Parquet, Interval: time.Second},
		{Type: TypeAWS, Sync: true, SchemaType: Multischema, Interval: time.Second}, // whose last objects are all stored at the end
	} {
		h := open(t)
		h.config.MaxRecords = 1
		h.config.AttemptTimeout = time.Second
		h.restart()
		const days = 20
		var records []event.Record
		for d := range days {
			records = append(records, named(fmt.Sprint("event", d), 0))
			if spec.SchemaType != Multischema {
				records[d] = named("A", -24*d)
			}
		}
		h.reader.append(h.project, records...)
		h.reader.seal()
		p := h.create(spec)
		h.faults.stored = map[string]int{}
		h.faults.before = func() { time.Sleep(30 * time.Millisecond) }
		h.faults.plan(days/2, refuse)
		h.once()
		require.Equal(t, Retried, h.lastRun(p).State)
		begun := len(h.faults.stored)
		require.Greater(t, begun, days/4)
		h.faults.plan(0, "")
		h.restart()
		h.advance(time.Minute)
		h.once()
		run := h.lastRun(p)
		require.Equal(t, Succeeded, run.State, "%+v", run.LastError)
		require.Equal(t, 2, run.Attempts)
		require.EqualValues(t, days, run.Totals.Rows)
		for key, n := range h.faults.stored {
			require.Equal(t, 1, n, key)
		}
		h.requireExact(p)
	}
}

// TestPartsThatAnEarlierAttemptCutOtherwiseAreSwept repeats a run with other settings, as after an upgrade.
func TestPartsThatAnEarlierAttemptCutOtherwiseAreSwept(t *testing.T) {
	h := open(t)
	h.config.Writer.PartBytes = 1
	h.restart()
	p := h.create(Spec{})
	h.reader.append(h.project, clicks(0, 0, 0, -1, -1)...)
	h.reader.seal()
	h.faults.plan(6, refuse) // five parts, then the manifest
	h.once()
	require.Len(t, h.keys("2195193/mp_master_event/"), 5)
	h.config.Writer.PartBytes = 0
	h.restart()
	h.drain()
	require.Equal(t, Succeeded, h.lastRun(p).State)
	require.Len(t, h.keys("2195193/mp_master_event/"), 2)
	require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
}
