package awsjson

import (
	"fmt"
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
