package segment

import "github.com/refract-io/refract/internal/event"

// Text is a column of byte strings: row i is Data[Offsets[i]:Offsets[i+1]].
type Text struct {
	Offsets []uint32
	Data    []byte
}

// At returns row i. It is valid until the batch is refilled.
func (t *Text) At(i int) []byte { return t.Data[t.Offsets[i]:t.Offsets[i+1]] }

// slice returns the rows [from, to) without copying.
func (t *Text) slice(from, to int) Text {
	if t.Offsets == nil {
		return Text{}
	}
	return Text{Offsets: t.Offsets[from : to+1], Data: t.Data}
}

// Batch is some rows of one event day, as columns. For events all text columns are set; for profile and group records Name is the
// operator and GroupKey the group key, and DeviceID, UserID and InsertID are empty. Empty DeviceID, UserID and InsertID mean absent.
type Batch struct {
	Day        event.Day
	Len        int
	Position   []uint64
	Index      []uint32
	Received   []int64
	Time       []int64
	Name       Text
	DistinctID Text
	DeviceID   Text
	UserID     Text
	InsertID   Text
	GroupKey   Text
	Properties Text
}

// DayRange is one event day's rows in a segment: [FirstRow, FirstRow+Records), sorted by time, then position and index.
type DayRange struct {
	Day      event.Day
	FirstRow int64
	Records  int64
	// MinTime and MaxTime bound the records' time, in milliseconds since the epoch.
	MinTime, MaxTime int64
}

// Slice sets dst to the rows [from, to) of b, which share b's memory.
func (b *Batch) Slice(dst *Batch, from, to int) {
	*dst = Batch{
		Day: b.Day, Len: to - from,
		Position: cut(b.Position, from, to), Index: cut(b.Index, from, to),
		Received: cut(b.Received, from, to), Time: cut(b.Time, from, to),
		Name: b.Name.slice(from, to), DistinctID: b.DistinctID.slice(from, to), DeviceID: b.DeviceID.slice(from, to),
		UserID: b.UserID.slice(from, to), InsertID: b.InsertID.slice(from, to), GroupKey: b.GroupKey.slice(from, to),
		Properties: b.Properties.slice(from, to),
	}
}

func cut[T any](column []T, from, to int) []T {
	if column == nil {
		return nil
	}
	return column[from:to]
}

// Record sets r to row i, which shares the batch's memory. The batch holds all columns.
func (b *Batch) Record(kind event.Kind, i int, r *event.Record) {
	*r = event.Record{
		Kind: kind, Time: b.Time[i], Received: b.Received[i],
		Name: b.Name.At(i), DistinctID: b.DistinctID.At(i), DeviceID: b.DeviceID.At(i), UserID: b.UserID.At(i),
		InsertID: b.InsertID.At(i), GroupKey: b.GroupKey.At(i), Properties: b.Properties.At(i),
	}
}
