package event

import "bytes"

// Kind says what a Record describes. The values are stored and never change.
type Kind uint8

const (
	KindEvent   Kind = 1 // something that happened
	KindProfile Kind = 2 // one operation on a user profile
	KindGroup   Kind = 3 // one operation on a group profile
)

// String returns "event", "profile" or "group", or "unknown".
func (k Kind) String() string {
	switch k {
	case KindEvent:
		return "event"
	case KindProfile:
		return "profile"
	case KindGroup:
		return "group"
	default:
		return "unknown"
	}
}

// Record is one accepted record as the log and the store hold it.
//
// The byte slices hold unescaped UTF-8 text (which may contain U+0000),
// except Properties. Empty DeviceID, UserID and InsertID mean absent; exports
// write NULL. An empty DistinctID means that the event belongs to no user.
//
// For events Properties is the JSON text of the properties object with the
// lifted keys (time, distinct_id, $device_id, $user_id, $insert_id, token)
// taken out and without white space between its parts.
//
// For profiles and groups Name is the operator ("$set"), DistinctID the
// profile's or the group's id, GroupKey the group key, and Properties an
// object with the operator's member first and the operation's modifiers
// ($ignore_time, $ignore_alias, ...) after it.
type Record struct {
	Kind Kind
	// Time is when it happened and Received when it was taken in, both in
	// milliseconds since 1970-01-01 UTC. They are equal for profile and group
	// operations.
	Time, Received int64

	Name       []byte
	DistinctID []byte
	DeviceID   []byte
	UserID     []byte
	InsertID   []byte
	GroupKey   []byte
	Properties []byte
}

// Day returns the UTC day that the record belongs to.
func (r *Record) Day() Day { return DayOf(r.Time) }

// Clone returns a copy that shares no memory with r.
func (r *Record) Clone() Record {
	c := *r
	c.Name = bytes.Clone(r.Name)
	c.DistinctID = bytes.Clone(r.DistinctID)
	c.DeviceID = bytes.Clone(r.DeviceID)
	c.UserID = bytes.Clone(r.UserID)
	c.InsertID = bytes.Clone(r.InsertID)
	c.GroupKey = bytes.Clone(r.GroupKey)
	c.Properties = bytes.Clone(r.Properties)
	return c
}
