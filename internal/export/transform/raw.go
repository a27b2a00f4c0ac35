package transform

import (
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/store"
)

// AppendRawEvent appends row i of the batch as a line of Mixpanel's raw export (Mixpanel, "Download Data"):
//
//	{"event":"Signed up","properties":{"time":1602611311,"distinct_id":"91304156-cafc","$insert_id":"29fc2962",...}}
//
// The properties that ingestion lifted out come first, then the rest as it was sent. time is in seconds since 1970-01-01 UTC, rounded
// down, or in milliseconds.
func AppendRawEvent(dst []byte, b *store.Batch, i int, milliseconds bool) []byte {
	dst = event.AppendString(append(dst, `{"event":`...), b.Name.At(i))
	dst = append(dst, `,"properties":{`...)
	at := b.Time[i]
	if !milliseconds {
		at = floorSeconds(at)
	}
	dst = event.AppendIntMember(dst, "time", at)
	dst = event.AppendStringMember(dst, "distinct_id", b.DistinctID.At(i))
	for _, id := range [...]struct {
		key  string
		text []byte
	}{{"$device_id", b.DeviceID.At(i)}, {"$user_id", b.UserID.At(i)}, {"$insert_id", b.InsertID.At(i)}} {
		if len(id.text) > 0 {
			dst = event.AppendStringMember(dst, id.key, id.text)
		}
	}
	if properties := b.Properties.At(i); len(properties) > len("{}") {
		dst = append(append(dst, ','), properties[1:len(properties)-1]...)
	}
	return append(dst, "}}\n"...)
}
