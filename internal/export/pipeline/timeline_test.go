package pipeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
)

func TestTheTimelineHasEveryDayThatARunUnderWayMayHave(t *testing.T) {
	h := open(t)
	p := h.create(Spec{Type: TypeAWS})
	timeline := func() map[string]RunState {
		all, err := h.store.Timeline(h.ctx, p.ID)
		require.NoError(t, err)
		days := map[string]RunState{}
		for _, d := range all {
			days[d.Day.String()] = d.State
		}
		return days
	}
	h.faults.plan(1, denied)
	h.reader.append(h.project, named("A", 0), named("A", -24), named("A", -48))
	h.reader.seal()
	h.once()
	require.Equal(t, map[string]RunState{"2026-07-30": Failed, "2026-07-31": Failed, "2026-08-01": Failed}, timeline())
	h.drain()
	require.Equal(t, map[string]RunState{"2026-07-30": Succeeded, "2026-07-31": Succeeded, "2026-08-01": Succeeded}, timeline())

	h.faults.plan(1, denied)
	h.reader.append(h.project, named("A", 0), named("A", -24*12_000))
	h.reader.seal()
	h.advance(time.Minute)
	h.once()
	require.Len(t, timeline(), maxOpenDays, "and no more")
}

func TestTheDaysOfPeopleAreThoseOfTheProjectsTimeZone(t *testing.T) {
	h := open(t).in("Asia/Tokyo")
	p := h.create(Spec{Source: People})
	h.reader.append(h.project, event.Record{Kind: event.KindProfile, Time: epoch.UnixMilli(), DistinctID: []byte("u"), Properties: []byte(`{}`)})
	h.reader.seal()
	h.advance(6 * time.Hour) // 16:00 in UTC, 01:00 of the next day in Tokyo
	h.once()
	all, err := h.store.Timeline(h.ctx, p.ID)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "2026-08-02", all[0].Day.String())
}
