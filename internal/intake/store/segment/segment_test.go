package segment

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
)

// entry is a record with its place in the log.
type entry struct {
	position uint64
	index    uint32
	record   event.Record
}

func compareEntries(a, b entry) int {
	return cmp.Or(cmp.Compare(a.record.Time, b.record.Time), cmp.Compare(a.position, b.position), cmp.Compare(a.index, b.index))
}

// requireSame compares without printing whole segments. Absent and empty texts are the same.
func requireSame(t require.TestingT, want, got []entry) {
	require.Len(t, got, len(want))
	for i := range want {
		w, g := &want[i], &got[i]
		same := w.position == g.position && w.index == g.index && w.record.Kind == g.record.Kind && w.record.Time == g.record.Time &&
			w.record.Received == g.record.Received && bytes.Equal(w.record.Name, g.record.Name) &&
			bytes.Equal(w.record.DistinctID, g.record.DistinctID) && bytes.Equal(w.record.DeviceID, g.record.DeviceID) &&
			bytes.Equal(w.record.UserID, g.record.UserID) && bytes.Equal(w.record.InsertID, g.record.InsertID) &&
			bytes.Equal(w.record.GroupKey, g.record.GroupKey) && bytes.Equal(w.record.Properties, g.record.Properties)
		if !same {
			require.Fail(t, "rows differ", "row %d: want %.300q, got %.300q", i, fmt.Sprint(w), fmt.Sprint(g))
		}
	}
}

func entries(t *rapid.T, kind event.Kind) []entry {
	text := rapid.SliceOfN(rapid.Byte(), 0, 12)
	n := rapid.IntRange(1, 200).Draw(t, "records")
	span := rapid.SampledFrom([]int64{1, 1000, 86_400_000, 40 * 86_400_000, 1 << 46}).Draw(t, "span")
	all := make([]entry, n)
	position := uint64(0)
	for i := range all {
		e := &all[i]
		if i == 0 || rapid.Bool().Draw(t, "new block") {
			position += uint64(rapid.IntRange(1, 3).Draw(t, "gap"))
		} else {
			e.index = all[i-1].index + 1
		}
		e.position = position
		e.record = event.Record{
			Kind: kind, Time: rapid.Int64Range(-span, span).Draw(t, "time"), Received: rapid.Int64().Draw(t, "received"),
			Name: text.Draw(t, "name"), DistinctID: text.Draw(t, "distinct_id"), DeviceID: text.Draw(t, "device"),
			UserID: text.Draw(t, "user"), InsertID: text.Draw(t, "insert"), Properties: text.Draw(t, "properties"),
		}
		if kind == event.KindGroup {
			e.record.GroupKey = text.Draw(t, "group key")
		}
		if rapid.IntRange(0, 3000).Draw(t, "large") == 0 {
			e.record.Properties = bytes.Repeat([]byte{'x'}, rapid.IntRange(1, 3*pageBytes).Draw(t, "size"))
		}
	}
	return all
}

func file(t require.TestingT, kind event.Kind, all []entry) ([]byte, []DayRange) {
	var rows Rows
	for i := range all {
		rows.Append(all[i].position, all[i].index, &all[i].record)
	}
	rows.SortByTime()
	var out bytes.Buffer
	w := NewWriter(&out, kind)
	require.NoError(t, w.Write(&rows))
	days, err := w.Close()
	require.NoError(t, err)
	require.EqualValues(t, len(all), w.Records())
	return out.Bytes(), days
}

func open(t require.TestingT, content []byte) *File {
	f, err := Open(bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	return f
}

func read(t require.TestingT, c *Cursor, kind event.Kind, limit int64) (all []entry) {
	var b Batch
	for {
		err := c.Next(limit, &b)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		require.Positive(t, b.Len)
		require.LessOrEqual(t, int64(b.Len), limit)
		for i := range b.Len {
			var r event.Record
			b.Record(kind, i, &r)
			all = append(all, entry{b.Position[i], b.Index[i], r.Clone()})
		}
	}
}

func kinds() *rapid.Generator[event.Kind] {
	return rapid.SampledFrom([]event.Kind{event.KindEvent, event.KindProfile, event.KindGroup})
}

func TestASegmentHoldsItsRecordsByTimePositionAndIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := kinds().Draw(t, "kind")
		all := entries(t, kind)
		content, days := file(t, kind, all)
		again, _ := file(t, kind, all)
		require.True(t, bytes.Equal(content, again), "the same records give the same bytes")

		slices.SortFunc(all, compareEntries)
		c := open(t, content).Cursor(All)
		requireSame(t, all, read(t, c, kind, rapid.Int64Range(1, 300).Draw(t, "limit")))
		require.NoError(t, c.Close())

		row := int64(0)
		for i, d := range days {
			require.Equal(t, row, d.FirstRow)
			if i > 0 {
				require.Less(t, days[i-1].Day, d.Day)
			}
			rows := all[row : row+d.Records]
			require.Equal(t, rows[0].record.Time, d.MinTime)
			require.Equal(t, rows[len(rows)-1].record.Time, d.MaxTime)
			for _, e := range rows {
				require.Equal(t, d.Day, e.record.Day())
			}
			row += d.Records
		}
		require.EqualValues(t, len(all), row)
	})
}

func TestACursorReadsFromAnyRowAndOnlyTheChosenColumns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := kinds().Draw(t, "kind")
		all := entries(t, kind)
		content, _ := file(t, kind, all)
		slices.SortFunc(all, compareEntries)
		choice := Columns(rapid.Uint16Range(1, uint16(All)).Draw(t, "columns")) | Position | Properties
		c := open(t, content).Cursor(choice)
		for range rapid.IntRange(1, 10).Draw(t, "seeks") {
			row := rapid.IntRange(0, len(all)-1).Draw(t, "row")
			require.NoError(t, c.SeekRow(int64(row)))
			var b Batch
			for range rapid.IntRange(1, 3).Draw(t, "batches") {
				if row == len(all) {
					break
				}
				require.NoError(t, c.Next(rapid.Int64Range(1, 50).Draw(t, "limit"), &b))
				require.Equal(t, choice&Time != 0, b.Time != nil)
				require.Equal(t, choice&UserID != 0, b.UserID.Offsets != nil)
				for i := range b.Len {
					require.Equal(t, all[row].position, b.Position[i])
					require.True(t, bytes.Equal(all[row].record.Properties, b.Properties.At(i)))
					row++
				}
			}
		}
		require.NoError(t, c.Close())
	})
}

func TestTruncatedRowsAreAsIfTheLastOnesHadNeverCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := entries(t, event.KindEvent)
		keep := rapid.IntRange(0, len(all)).Draw(t, "keep")
		var rows, want Rows
		for i := range all {
			rows.Append(all[i].position, all[i].index, &all[i].record)
			if i < keep {
				want.Append(all[i].position, all[i].index, &all[i].record)
			}
		}
		rows.Truncate(keep)
		require.Equal(t, want.Bytes(), rows.Bytes())
		for i := range all[keep:] {
			e := &all[keep+i]
			rows.Append(e.position, e.index, &e.record)
			want.Append(e.position, e.index, &e.record)
		}
		require.True(t, bytes.Equal(write(t, &want), write(t, &rows)))
	})
}

func write(t require.TestingT, rows *Rows) []byte {
	rows.SortByTime()
	var out bytes.Buffer
	w := NewWriter(&out, event.KindEvent)
	require.NoError(t, w.Write(rows))
	_, err := w.Close()
	require.NoError(t, err)
	return out.Bytes()
}

func TestRowsSpanRowGroups(t *testing.T) {
	var all []entry
	for i := range 2*rowGroupRows + 10 {
		all = append(all, entry{1 + uint64(i/100), uint32(i % 100), event.Record{Kind: event.KindEvent, Time: int64(i) * 7,
			DistinctID: fmt.Appendf(nil, "u%d", i), Properties: []byte("{}")}})
	}
	content, _ := file(t, event.KindEvent, all)
	f := open(t, content)
	require.Greater(t, len(f.file.RowGroups()), 1)
	c := f.Cursor(All)
	defer c.Close()
	requireSame(t, all, read(t, c, event.KindEvent, 1<<40))
	require.NoError(t, c.SeekRow(rowGroupRows-3))
	requireSame(t, all[rowGroupRows-3:], read(t, c, event.KindEvent, 1<<40))
	require.NoError(t, c.SeekRow(5))
	requireSame(t, all[5:], read(t, c, event.KindEvent, 1<<40))
}

func TestTheFooterNamesTheColumns(t *testing.T) {
	all := []entry{{position: 1, record: event.Record{Kind: event.KindEvent}}}
	for range 2 {
		content, _ := file(t, event.KindEvent, all)
		var names []string
		for _, c := range open(t, content).file.Metadata().RowGroups[0].Columns {
			names = append(names, c.MetaData.PathInSchema...)
		}
		require.Equal(t, []string{"position", "index", "received_at", "time", "event_name", "distinct_id", "device_id", "user_id",
			"insert_id", "properties"}, names)
	}
}

func TestADamagedFileIsAnError(t *testing.T) {
	_, err := Open(bytes.NewReader([]byte("PAR1 this is none PAR1")), 22)
	require.Error(t, err)
}
