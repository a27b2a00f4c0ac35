package pipeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
)

// zones have whole, half and odd hours, change the clock at midnight and by half an hour, skip a day, and had seconds once.
var zones = []string{
	"UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "America/Havana", "Australia/Lord_Howe",
	"Pacific/Apia", "Pacific/Kiritimati", "America/Sao_Paulo", "Asia/Beirut", "Africa/Monrovia",
}

func TestACalendarAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		require.NoError(t, err)
		c := newCalendar(zone)
		for range 20 {
			ms := rapid.Int64Range(event.MinTime, time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()).Draw(t, "time")
			at := time.UnixMilli(ms).In(zone)
			y, m, d := at.Date()
			day := event.DayOfTime(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
			require.Equal(t, day, c.day(ms))
			first, last := c.utcDays(day)
			require.LessOrEqual(t, first, event.DayOf(ms))
			require.GreaterOrEqual(t, last, event.DayOf(ms))
			require.LessOrEqual(t, last-first, event.Day(2))
			start := c.start(day)
			require.LessOrEqual(t, start, ms)
			require.Equal(t, day, c.day(start))
			require.Less(t, c.day(start-1), day)
			next := time.UnixMilli(c.nextHour(ms)).In(zone)
			require.Greater(t, next.UnixMilli(), ms)
			require.LessOrEqual(t, next.UnixMilli(), ms+hourMillis)
			require.Equal(t, at.Format("2006010215"), time.UnixMilli(next.UnixMilli()-1).In(zone).Format("2006010215"), "no hour is passed over")
		}
	})
}

func TestDaysAroundChangesOfTheClock(t *testing.T) {
	for _, c := range []struct {
		zone, day, start string
		hours            float64
	}{
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", 23},
		{"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", 25},
		{"Asia/Kolkata", "2026-01-01", "2025-12-31T18:30:00Z", 24},
		{"Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15:00Z", 24},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23}, // there is no midnight this day
		{"America/Havana", "2026-03-08", "2026-03-08T05:00:00Z", 23},
		{"Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", 24.5},
	} {
		zone, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		day, err := event.ParseDay(c.day)
		require.NoError(t, err)
		cal := newCalendar(zone)
		require.Equal(t, c.start, time.UnixMilli(cal.start(day)).UTC().Format(time.RFC3339), c)
		require.Equal(t, c.hours, float64(cal.start(day+1)-cal.start(day))/float64(hourMillis), c)
	}
}

func TestADailyTurnIsHalfAnHourAfterTheDayBeginsAndNeverInThePast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		require.NoError(t, err)
		first := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		now := time.UnixMilli(rapid.Int64Range(first, first+50*365*dayMillis).Draw(t, "now"))
		requireDailyTurn(t, zone, now)
	})
	for _, c := range []struct{ zone, now string }{
		{"America/Santiago", "2026-09-06T00:00:00Z"}, // there is no midnight the day after, nor half past
		{"America/Santiago", "2026-09-06T03:45:00Z"},
		{"America/Havana", "2026-03-08T04:45:00Z"},
		{"Asia/Beirut", "2026-10-24T20:45:00Z"},
		{"Pacific/Apia", "2011-12-30T09:45:00Z"}, // the next day does not exist
	} {
		zone, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		now, err := time.Parse(time.RFC3339, c.now)
		require.NoError(t, err)
		requireDailyTurn(t, zone, now)
	}
}

func requireDailyTurn(t require.TestingT, zone *time.Location, now time.Time) {
	next := nextScheduled(Daily, zone, now)
	require.True(t, next.After(now), "%s after %s in %s", next, now, zone)
	require.LessOrEqual(t, next.Sub(now), 25*time.Hour+markAfter, "%s after %s in %s", next, now, zone)
	begun := next.Add(-markAfter)
	require.Equal(t, next.Add(-time.Millisecond).In(zone).Day(), begun.In(zone).Day(), "%s in %s", next, zone)
	require.NotEqual(t, begun.Add(-time.Millisecond).In(zone).Day(), begun.In(zone).Day(), "%s in %s", next, zone)
}
