package pipeline

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
)

// TestAWorkerThatWasStoppedForLongHarmsNothing stops a worker before each of its calls in turn, for so long that another one takes the
// pipeline over, with an edit and with further windows, and lets it go on then.
func TestAWorkerThatWasStoppedForLongHarmsNothing(t *testing.T) {
	for name, spec := range map[string]Spec{
		"events":            {},
		"schematized":       {Type: TypeAWS},
		"days are replaced": {Type: TypeAWS, Sync: true, Interval: time.Second},
		"tables of events":  {Type: TypeAWS, SchemaType: Multischema, Sync: true, Interval: time.Second},
		"people":            {Source: People},
		"raw":               {Type: TypeRaw, Frequency: Hourly, From: event.DayOfTime(epoch) - 1},
	} {
		for _, edited := range []bool{false, true} {
			if edited && spec.Source == People {
				continue // nothing of it can be edited but the catalog
			}
			t.Run(fmt.Sprintf("%s, edited %v", name, edited), func(t *testing.T) {
				t.Parallel()
				for step := 1; stopAt(t, spec, step, edited); step++ {
					require.Less(t, step, 100)
				}
			})
		}
	}
}

// stopAt stops a worker before its step-th call and reports whether it made so many.
func stopAt(t *testing.T, spec Spec, step int, edited bool) bool {
	h, done := newHouse(t, t.TempDir())
	defer done()
	h.config.MaxRecords = 2
	h.restart()
	of := func(name string, hours int) event.Record {
		r := named(name, hours)
		if spec.Source == People {
			r.Kind = event.KindProfile
		}
		return r
	}
	h.reader.append(h.project, of("A", 0), of("B", -24))
	h.reader.seal()
	p := h.create(spec)
	h.once()
	h.reader.append(h.project, of("A", 0), of("C", -24), of("A", -24))
	h.reader.seal()
	h.advance(65 * time.Minute)

	calls, stopped := 0, false
	var want []string
	h.faults.before = func() {
		if calls++; calls != step {
			return
		}
		h.faults.before, stopped = nil, true
		h.advance(time.Minute) // the lease ends
		if edited {
			names := []string{"A"}
			require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{Events: &names}))
		}
		other := NewWorker(h.config)
		turn := func() {
			_, err := other.RunOnce(h.ctx)
			require.NoError(t, err)
		}
		turn()
		h.reader.append(h.project, of("A", 0), of("B", 0))
		h.reader.seal()
		for range 5 {
			h.advance(65 * time.Minute) // replaced versions go
			turn()
		}
		want = readRows(h, p)
	}
	_, err := h.worker.RunOnce(h.ctx)
	require.NoError(t, err)
	h.faults.before = nil
	if !stopped {
		return false
	}
	require.Equal(t, h.reader.sealed, h.get(p).Published)
	counts := h.requireCounts(p)
	if len(counts.Stray) > 0 {
		// What the worker was storing when it was stopped may belong to no run any more, if that was edited or its snapshot replaced.
		require.True(t, edited || spec.Source == People)
		require.NoError(t, h.bucket.Delete(h.ctx, counts.Stray...))
	}
	require.Equal(t, want, readRows(h, p))
	return true
}

// readRows returns what readers find of a pipeline.
func readRows(h *house, p *Pipeline) []string {
	if p.Type == TypeRaw {
		rows, _ := h.rawLook(p)
		return rows
	}
	return slices.Clone(h.tables("mixpanel"))
}
