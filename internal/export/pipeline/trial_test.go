package pipeline

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/golden"
)

// pass lets the clock go on in steps of ten minutes, with a turn after each.
func (h *house) pass(d time.Duration) {
	for end := h.now().Add(d); h.now().Before(end); {
		h.advance(10 * time.Minute)
		for h.once() > 0 {
		}
	}
}

func TestATrialExportsThirtyDaysAndEnds(t *testing.T) {
	h := open(t).in("America/Los_Angeles")
	events := h.create(Spec{Type: TypeAWS, Trial: true, Frequency: Daily})
	people := h.create(Spec{Type: TypeAWS, Source: People, Trial: true, Frequency: Daily})
	require.Equal(t, "trial-events-daily-aws-monoschema", events.Name)
	require.Equal(t, "2026-07-31 2026-08-29", events.From.String()+" "+events.To.String())
	h.reader.append(h.project, named("A", -48), named("A", -24), named("A", 0), named("A", 24*28), named("A", 24*29))
	h.reader.append(h.project, event.Record{Kind: event.KindProfile, Time: epoch.UnixMilli(), DistinctID: []byte("u"), Properties: []byte(`{}`)})
	h.reader.seal()
	h.pass(2 * time.Hour)
	require.Len(t, h.read(events), 3, "neither the day before yesterday nor the thirty-first day")
	// Its last day, 2026-08-29 in Los Angeles, ends at 07:00 UTC of the next.
	h.advance(time.Date(2026, 8, 30, 7, 0, 0, 0, time.UTC).Sub(h.now()))
	h.reader.append(h.project, named("A", 24*28+1))
	h.reader.seal()
	for h.once() > 0 {
	}
	require.Equal(t, Active, h.get(events).State)
	h.pass(time.Hour)
	require.Equal(t, Cancelled, h.get(events).State)
	require.Equal(t, Cancelled, h.get(people).State)
	require.Len(t, h.read(events), 4, "what arrived on the last day was exported")
	h.requireExact(events)
}

func TestTimelineAndSchemaMatchTheGoldenFile(t *testing.T) {
	h := open(t)
	p := h.create(Spec{Type: TypeAWS, SchemaType: Multischema, Sync: true, Frequency: Hourly, Glue: Glue{TablePrefix: "shop_"}})
	record := func(name string, hours int, properties string) event.Record {
		return event.Record{
			Kind: event.KindEvent, Time: epoch.Add(time.Duration(hours) * time.Hour).UnixMilli(), Received: epoch.UnixMilli(), Name: []byte(name),
			DistinctID: []byte("u"), Properties: []byte(properties),
		}
	}
	h.reader.append(h.project, record("Signed Up", 0, `{"$city":"Bern","n":1}`), record("Clicked", -24, `{"n":"x"}`))
	h.reader.seal()
	h.once()
	h.reader.append(h.project, record("Signed Up", 0, `{"n":"two","user":"reserved"}`))
	h.reader.seal()
	h.advance(time.Hour)
	h.once()
	h.reader.append(h.project, record("Clicked", -48, `{}`))
	h.reader.seal()
	h.advance(time.Hour)
	h.once() // the version that was replaced an hour ago is removed
	h.faults.plan(1, denied)
	h.once()
	h.faults.plan(0, "")
	timeline, err := h.store.Timeline(h.ctx, p.ID)
	require.NoError(t, err)
	tables, err := h.store.Schema(h.ctx, p.ID)
	require.NoError(t, err)
	counts, err := h.store.CountRuns(h.ctx, p.ID)
	require.NoError(t, err)
	failed, err := h.store.Runs(h.ctx, p.ID, 10, Failed, Retried)
	require.NoError(t, err)
	require.Len(t, failed, 1)
	got, err := json.MarshalIndent(map[string]any{
		"pipeline": h.get(p), "timeline": timeline, "schema": tables, "states": counts, "failed": failed,
	}, "", " ")
	require.NoError(t, err)
	golden.Equal(t, "testdata/schematized.json", append(got, '\n'))
}

func TestAnAttemptMayTakeLongButNotStandStill(t *testing.T) {
	ctx, progress, end := watch(t.Context(), 200*time.Millisecond)
	defer end()
	for range 10 {
		time.Sleep(50 * time.Millisecond)
		progress()
	}
	require.NoError(t, ctx.Err())
	select {
	case <-ctx.Done():
	case <-time.After(time.Minute):
		require.Fail(t, "it stands still for ever")
	}
	require.Equal(t, errTimeout, context.Cause(ctx))
}
