package awsjson

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Time is an instant as the protocol writes it: seconds since 1970, with milliseconds as the fraction.
type Time struct{ time.Time }

// MarshalJSON writes 1715000000.123, and null for the zero Time.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	ms := t.UnixMilli()
	sign := ""
	if ms < 0 {
		sign, ms = "-", -ms
	}
	return fmt.Appendf(nil, "%s%d.%03d", sign, ms/1000, ms%1000), nil
}

// The years 1 to 9999, in seconds since 1970.
const (
	firstSecond = -62135596800
	lastSecond  = 253402300799
)

// UnmarshalJSON reads a number of seconds, of which milliseconds are kept, and null as the zero Time.
func (t *Time) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		t.Time = time.Time{}
		return nil
	}
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(seconds > firstSecond && seconds < lastSecond) {
		return fmt.Errorf("%s is not an instant: a number of seconds since 1970", text)
	}
	t.Time = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return nil
}
