package pipeline

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
)

// TestHoweverEventsArriveTheTableIsTheSame lets events of any age arrive in any batches, with seals, merges, turns, restarts, failing
// calls, pauses and the creation of a second pipeline at any moment between them. In the end each table holds exactly the events of
// its range, each once, each in the partition of its day.
func TestHoweverEventsArriveTheTableIsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "pipeline-")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		h, done := newHouse(t, dir)
		defer done()
		h.config.MaxRecords = rapid.Int64Range(1, 20).Draw(t, "records per window")
		h.config.Writer.PartBytes = rapid.SampledFrom([]int64{1, 600, 1 << 20}).Draw(t, "part bytes")
		h.reader.batch = rapid.IntRange(1, 5).Draw(t, "batch")
		h.restart()
		rnd := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
		// The table of the first pipeline is bounded on both sides, so its range must not meet the second one's.
		first := Spec{Frequency: rapid.SampledFrom([]Frequency{Continuous, Hourly, Daily}).Draw(t, "frequency")}
		first.From = event.DayOfTime(epoch.AddDate(0, 0, -rapid.IntRange(0, 3).Draw(t, "first day")))
		first.To = first.From + event.Day(rapid.IntRange(0, 3).Draw(t, "days"))
		var bounded, rest *Pipeline
		bounded = h.create(first)
		day := rapid.SampledFrom([]int{0, 0, 0, -1, -2, -3, -4, 1, -700, 40})
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				h.reader.append(h.project, clicks(rapid.SliceOfN(day, 1, 6).Draw(t, "days")...)...)
			},
			"others arrive": func(*rapid.T) { h.reader.append(77, click(0)) },
			"seal":          func(*rapid.T) { h.reader.seal() },
			"merge":         func(*rapid.T) { h.reader.merge(rnd) },
			"turn":          func(*rapid.T) { h.once() },
			"restart":       func(*rapid.T) { h.restart() },
			"time passes":   func(*rapid.T) { h.advance(time.Duration(rnd.Int64N(int64(time.Hour)))) },
			"a call fails": func(t *rapid.T) {
				h.faults.plan(rapid.IntRange(1, 12).Draw(t, "call"), rapid.SampledFrom([]damage{refuse, lose, denied}).Draw(t, "how"))
			},
			"a second pipeline": func(t *rapid.T) {
				if rest == nil {
					rest = h.create(Spec{S3: S3{Prefix: "all/of-it"}, Table: "everything"})
				}
			},
			"pause":  func(t *rapid.T) { require.NoError(t, h.store.Pause(h.ctx, bounded.ID)) },
			"resume": func(t *rapid.T) { require.NoError(t, h.store.Resume(h.ctx, bounded.ID)) },
		})
		h.faults.plan(0, "")
		require.NoError(t, h.store.Resume(h.ctx, bounded.ID))
		h.reader.seal()
		h.drain()
		h.advance(25 * time.Hour)
		h.drain()
		require.Equal(t, h.wanted(first.From, first.To), h.table("mixpanel", "mp_master_event"))
		if rest != nil {
			require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "everything"))
		}
	})
}

// TestASnapshotTableHoldsExactlyTheLatestProfiles does the same for a table that every run replaces.
func TestASnapshotTableHoldsExactlyTheLatestProfiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "pipeline-")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		h, done := newHouse(t, dir)
		defer done()
		h.config.Grace = -1
		h.restart()
		p := h.create(Spec{Source: People})
		t.Repeat(map[string]func(*rapid.T){
			"update": func(t *rapid.T) {
				id := rapid.StringN(1, 3, 8).Draw(t, "id")
				n := rapid.SampledFrom([]string{`{"n":1}`, `{"n":2.50}`, `{}`}).Draw(t, "properties")
				h.reader.append(h.project, event.Record{Kind: event.KindProfile, Time: epoch.UnixMilli(), DistinctID: []byte(id), Properties: []byte(n)})
			},
			"seal":        func(*rapid.T) { h.reader.seal() },
			"turn":        func(*rapid.T) { h.once() },
			"restart":     func(*rapid.T) { h.restart() },
			"time passes": func(*rapid.T) { h.advance(time.Minute) },
			"a call fails": func(t *rapid.T) {
				h.faults.plan(rapid.IntRange(1, 8).Draw(t, "call"), rapid.SampledFrom([]damage{refuse, lose}).Draw(t, "how"))
			},
		})
		h.faults.plan(0, "")
		h.reader.seal()
		h.drain()
		var want int
		require.NoError(t, h.reader.ScanProfiles(h.ctx, h.project, h.reader.sealed, func(_, _ []byte, _ int64) error { want++; return nil }))
		require.Len(t, h.table("mixpanel", "mp_people_data"), want)
		counts, err := Verify(h.ctx, h.store, h.bucket, p, true)
		require.NoError(t, err)
		require.Empty(t, counts.Stray)
		if want > 0 {
			require.Equal(t, []DayCount{{Runs: int64(want), Manifests: int64(want), Objects: int64(want)}}, counts.Days)
			require.Len(t, h.keys("2195193/_manifest/"), 1, "versions that were replaced are gone with their manifests")
		}
	})
}
