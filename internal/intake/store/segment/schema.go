package segment

import (
	"github.com/parquet-go/parquet-go"

	"github.com/refract-io/refract/internal/event"
)

// eventRow and groupRow declare the columns; a struct, because a parquet.Group would sort them by name. All are required:
// typed bulk access needs that, and an empty text means absent anyway. The properties are a string, not Parquet's JSON, whose
// values DuckDB checks one by one while it reads, and snapshots have empty ones.
type eventRow struct {
	Position   uint64 `parquet:"position"`
	Index      uint32 `parquet:"index"`
	Received   int64  `parquet:"received_at,timestamp(millisecond)"`
	Time       int64  `parquet:"time,timestamp(millisecond)"`
	Name       string `parquet:"event_name"`
	DistinctID string `parquet:"distinct_id"`
	DeviceID   string `parquet:"device_id"`
	UserID     string `parquet:"user_id"`
	InsertID   string `parquet:"insert_id"`
	Properties string `parquet:"properties"`
}

type groupRow struct {
	Position   uint64 `parquet:"position"`
	Index      uint32 `parquet:"index"`
	Received   int64  `parquet:"received_at,timestamp(millisecond)"`
	Time       int64  `parquet:"time,timestamp(millisecond)"`
	Name       string `parquet:"event_name"`
	DistinctID string `parquet:"distinct_id"`
	DeviceID   string `parquet:"device_id"`
	UserID     string `parquet:"user_id"`
	InsertID   string `parquet:"insert_id"`
	GroupKey   string `parquet:"group_key"`
	Properties string `parquet:"properties"`
}

var (
	eventSchema = parquet.SchemaOf(eventRow{})
	groupSchema = parquet.SchemaOf(groupRow{})
)

// Columns is a choice of columns to read.
type Columns uint16

// The columns of a segment.
const (
	Position Columns = 1 << iota
	Index
	Received
	Time
	Name
	DistinctID
	DeviceID
	UserID
	InsertID
	GroupKey
	Properties

	All = 1<<iota - 1
)

// numColumns counts the columns of a group segment; others lack group_key.
const numColumns = 11

const firstText = 4 // columns before it are numbers

func schemaOf(kind event.Kind) *parquet.Schema {
	if kind == event.KindGroup {
		return groupSchema
	}
	return eventSchema
}

// leafOf returns where a column (its bit's number) is in a file with n columns, or -1 if it has none.
func leafOf(column, n int) int {
	const groupKey = firstText + textGroupKey
	if n == numColumns || column < groupKey {
		return column
	}
	if column == groupKey {
		return -1
	}
	return column - 1
}
