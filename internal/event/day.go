package event

import (
	"fmt"
	"time"
)

// Day is a calendar day in UTC, counted from 1970-01-01.
type Day int32

const (
	dayMillis   = 24 * 60 * 60 * 1000
	daySeconds  = 24 * 60 * 60
	isoDay      = "2006-01-02"
	slashedDay  = "2006/01/02"
	isoDateTime = "2006-01-02T15:04:05"
)

// DayOf returns the UTC day of a time in milliseconds since 1970-01-01 UTC.
func DayOf(ms int64) Day {
	d := ms / dayMillis
	if ms%dayMillis < 0 {
		d--
	}
	return Day(d)
}

// DayOfTime returns the UTC day of t.
func DayOfTime(t time.Time) Day { return DayOf(t.UnixMilli()) }

// ParseDay reads a day written as 2026-05-01.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(isoDay, s)
	if err != nil {
		return 0, fmt.Errorf("reading day %q: must be written as yyyy-mm-dd", s)
	}
	return DayOfTime(t), nil
}

// Start returns the first instant of the day.
func (d Day) Start() time.Time { return time.Unix(int64(d)*daySeconds, 0).UTC() }

// StartMillis returns the first millisecond of the day since 1970-01-01 UTC.
func (d Day) StartMillis() int64 { return int64(d) * dayMillis }

// EndMillis returns the first millisecond after the day.
func (d Day) EndMillis() int64 { return (int64(d) + 1) * dayMillis }

// String returns the day as 2026-05-01.
func (d Day) String() string { return d.Start().Format(isoDay) }

// Path returns the day as 2026/05/01, the form used in object keys.
func (d Day) Path() string { return d.Start().Format(slashedDay) }

// Append appends the day as 2026-05-01.
func (d Day) Append(dst []byte) []byte { return d.Start().AppendFormat(dst, isoDay) }

// Date returns the day's calendar date.
func (d Day) Date() (year int, month time.Month, day int) { return d.Start().Date() }
