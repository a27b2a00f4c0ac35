package pipeline

import (
	"math"
	"time"

	"github.com/refract-io/refract/internal/event"
)

const (
	hourMillis = int64(time.Hour / time.Millisecond)
	dayMillis  = 24 * hourMillis
)

// calendar tells which day and hour of a time zone instants belong to, in milliseconds since 1970-01-01 UTC. It remembers the offset that
// it used last, since neighbouring events share it. It serves one goroutine.
type calendar struct {
	zone *time.Location
	// offset is the zone's from UTC at the instants [from, until).
	offset, from, until int64
}

func newCalendar(zone *time.Location) *calendar { return &calendar{zone: zone} }

// local returns what a clock of the zone shows, as if it were in UTC.
func (c *calendar) local(ms int64) int64 {
	if ms < c.from || ms >= c.until {
		c.lookup(ms)
	}
	return ms + c.offset
}

func (c *calendar) lookup(ms int64) {
	t := time.UnixMilli(ms).In(c.zone)
	_, seconds := t.Zone()
	c.offset, c.from, c.until = int64(seconds)*1000, math.MinInt64, math.MaxInt64
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		c.from = start.UnixMilli()
	}
	if !end.IsZero() {
		c.until = end.UnixMilli()
	}
}

// day returns the zone's day.
func (c *calendar) day(ms int64) event.Day { return event.DayOf(c.local(ms)) }

// utcDays returns the days in UTC that a day of the zone has instants of. Offsets are of less than a day, so a zone that changes its
// offset within the day is covered too.
func (c *calendar) utcDays(d event.Day) (first, last event.Day) {
	first, last = d-1, d+1
	for first < d && !c.meets(first, d) {
		first++
	}
	for last > d && !c.meets(last, d) {
		last--
	}
	return first, last
}

// meets reports whether a day in UTC has instants of the zone's day d. Within a day in UTC the zone's day only grows, but for changes of
// the clock around midnight, at which both days are met on either side.
func (c *calendar) meets(utc, d event.Day) bool {
	return c.day(utc.StartMillis()) <= d && c.day(utc.EndMillis()-1) >= d
}

// nextHour returns the first instant after ms at which the zone's clock begins an hour, or changes.
func (c *calendar) nextHour(ms int64) int64 { return c.next(ms, hourMillis) }

// nextDay returns the first instant after ms at which the zone's clock begins a day, or changes.
func (c *calendar) nextDay(ms int64) int64 { return c.next(ms, dayMillis) }

func (c *calendar) next(ms, unit int64) int64 {
	local := c.local(ms)
	into := local % unit
	if into < 0 {
		into += unit
	}
	return min(ms+unit-into, c.until)
}

// start returns the first instant of the zone's day.
func (c *calendar) start(d event.Day) int64 {
	ms := d.StartMillis() - dayMillis
	for c.day(ms) < d {
		ms = c.nextHour(ms)
	}
	return ms
}
