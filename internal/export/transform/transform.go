// Package transform turns records into the rows of Mixpanel's pipelines: [Rows] into those of JSON pipelines, [Tables] into those of
// schematized ones and their files, [AppendRawEvent] into the lines of raw ones. A [Projection] selects properties.
//
// # Rows of JSON pipelines
//
// A row is one JSON object and a line break. Its keys are the table's columns, in that order, always all of them
// (Mixpanel, "JSON pipelines", table schemas):
//
//	mp_master_event            device_id distinct_id event_name insert_id properties time user_id [time_ms]
//	mp_people_data             distinct_id properties
//	mp_identity_mappings_data  distinct_id resolved_distinct_id
//
// properties is the object's JSON text as a JSON string: "{\"$city\":\"Paris\"}". It is the one form that means the same to every
// reader. A nested object under a string column is folded to lower case by some SerDes, refused by others, and not documented for
// Redshift Spectrum; as a string, json_extract_path_text(properties, '$city') finds the key as the client spelt it, with and
// without json_serialization_enable.
//
// time is whole seconds since 1970-01-01 UTC, rounded down, as in Mixpanel's exports. time_ms is the same in milliseconds and
// written when a pipeline asks for it. Absent ids are null. An event of no user has the distinct_id "".
//
// Texts are copied from the stored bytes and only escaped, so numbers keep all their digits.
package transform

import (
	"strconv"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/store"
)

const (
	// LongProperties is the size from which Redshift Spectrum may cut a string in a JSON file (Redshift quotas: 16 KB).
	LongProperties = 16 << 10
	// MaxProperties is the size of the largest varchar. Longer properties are reduced to it.
	MaxProperties = 65535
)

// Rows appends rows to buffers. It serves one goroutine and allocates nothing per row, but for reduced ones.
type Rows struct {
	// Milliseconds adds time_ms to events.
	Milliseconds bool
	// Long and Reduced count the rows whose properties exceed LongProperties and MaxProperties.
	Long, Reduced int64
	// Whole is called with each row that was reduced, as it would be without the limit. It is valid during the call only.
	Whole func(row []byte, position uint64) error

	scanner event.Scanner
	order   []int
	keep    []bool
	reduced []byte
	whole   []byte
}

// AppendEvent appends row i of the batch.
func (r *Rows) AppendEvent(dst []byte, b *store.Batch, i int) ([]byte, error) {
	properties, cut, err := r.fit(b.Properties.At(i))
	if err != nil {
		return dst, err
	}
	if cut {
		r.whole = r.appendEvent(r.whole[:0], b, i, b.Properties.At(i))
		if err := r.Whole(r.whole, b.Position[i]); err != nil {
			return dst, err
		}
	}
	return r.appendEvent(dst, b, i, properties), nil
}

func (r *Rows) appendEvent(dst []byte, b *store.Batch, i int, properties []byte) []byte {
	dst = appendOptional(append(dst, `{"device_id":`...), b.DeviceID.At(i))
	dst = event.AppendString(append(dst, `,"distinct_id":`...), b.DistinctID.At(i))
	dst = event.AppendString(append(dst, `,"event_name":`...), b.Name.At(i))
	dst = appendOptional(append(dst, `,"insert_id":`...), b.InsertID.At(i))
	dst = append(dst, `,"properties":"`...)
	dst = appendQuoted(dst, properties)
	dst = append(dst, `","time":`...)
	ms := b.Time[i]
	dst = strconv.AppendInt(dst, floorSeconds(ms), 10)
	dst = appendOptional(append(dst, `,"user_id":`...), b.UserID.At(i))
	if r.Milliseconds {
		dst = strconv.AppendInt(append(dst, `,"time_ms":`...), ms, 10)
	}
	return append(dst, "}\n"...)
}

// AppendProfile appends the row of a user profile.
func (r *Rows) AppendProfile(dst, distinctID, properties []byte) ([]byte, error) {
	fitted, cut, err := r.fit(properties)
	if err != nil {
		return dst, err
	}
	if cut {
		r.whole = appendProfile(r.whole[:0], distinctID, properties)
		if err := r.Whole(r.whole, 0); err != nil {
			return dst, err
		}
	}
	return appendProfile(dst, distinctID, fitted), nil
}

func appendProfile(dst, distinctID, properties []byte) []byte {
	dst = event.AppendString(append(dst, `{"distinct_id":`...), distinctID)
	dst = append(dst, `,"properties":"`...)
	dst = appendQuoted(dst, properties)
	return append(dst, "\"}\n"...)
}

// AppendIdentity appends the row that maps an id to the one it was merged into.
func (r *Rows) AppendIdentity(dst, distinctID, resolved []byte) []byte {
	dst = event.AppendString(append(dst, `{"distinct_id":`...), distinctID)
	dst = event.AppendString(append(dst, `,"resolved_distinct_id":`...), resolved)
	return append(dst, "}\n"...)
}

func appendOptional(dst, text []byte) []byte {
	if len(text) == 0 {
		return append(dst, "null"...)
	}
	return event.AppendString(dst, text)
}

func floorSeconds(ms int64) int64 {
	s := ms / 1000
	if ms%1000 < 0 {
		s--
	}
	return s
}

// EventColumns are the columns of mp_master_event in the catalog.
func EventColumns(milliseconds bool) []catalog.Column {
	columns := []catalog.Column{
		{Name: "device_id", Type: "string"},
		{Name: "distinct_id", Type: "string"},
		{Name: "event_name", Type: "string"},
		{Name: "insert_id", Type: "string"},
		{Name: "properties", Type: "string", Comment: "JSON text: json_extract_path_text(properties, '$city')"},
		{Name: "time", Type: "bigint", Comment: "seconds since 1970-01-01 UTC"},
		{Name: "user_id", Type: "string"},
	}
	if milliseconds {
		columns = append(columns, catalog.Column{Name: "time_ms", Type: "bigint", Comment: "milliseconds since 1970-01-01 UTC"})
	}
	return columns
}

// ProfileColumns are the columns of mp_people_data in the catalog.
func ProfileColumns() []catalog.Column {
	return []catalog.Column{
		{Name: "distinct_id", Type: "string"},
		{Name: "properties", Type: "string", Comment: "JSON text: json_extract_path_text(properties, '$email')"},
	}
}

// IdentityColumns are the columns of mp_identity_mappings_data in the catalog.
func IdentityColumns() []catalog.Column {
	return []catalog.Column{{Name: "distinct_id", Type: "string"}, {Name: "resolved_distinct_id", Type: "string"}}
}
