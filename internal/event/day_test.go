package event

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestADayHoldsItsMilliseconds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "ms")
		d := DayOf(ms)
		require.LessOrEqual(t, d.StartMillis(), ms)
		require.Less(t, ms, d.EndMillis())
		want := time.UnixMilli(ms).UTC()
		require.Equal(t, want.Format("2006-01-02"), d.String())
		require.Equal(t, want.Format("2006/01/02"), d.Path())
		require.Equal(t, d.String(), string(d.Append(nil)))
		parsed, err := ParseDay(d.String())
		require.NoError(t, err)
		require.Equal(t, d, parsed)
		year, month, day := d.Date()
		require.Equal(t, d.Start(), time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
		require.Equal(t, d+1, DayOfTime(d.Start().Add(24*time.Hour)))
	})
}

func TestADayIsReadInOneFormOnly(t *testing.T) {
	for _, text := range []string{"", "2026-5-1", "2026/05/01", "2026-02-30", "2026-05-01T00:00:00Z", "20260501"} {
		_, err := ParseDay(text)
		require.EqualError(t, err, `reading day "`+text+`": must be written as yyyy-mm-dd`)
	}
}

func TestRecordsBelongToTheDayOfTheirTime(t *testing.T) {
	r := Record{Kind: KindEvent, Time: 1777593600000 - 1, Name: []byte("a"), Properties: []byte("{}")}
	require.Equal(t, "2026-04-30", r.Day().String())
	c := r.Clone()
	r.Name[0] = 'b'
	require.Equal(t, "a", string(c.Name))
	require.Nil(t, c.UserID)
	require.Equal(t, "event profile group unknown", KindEvent.String()+" "+KindProfile.String()+" "+KindGroup.String()+" "+Kind(9).String())
}
