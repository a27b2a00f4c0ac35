package where

import (
	"fmt"

	"github.com/refract-io/refract/internal/event"
)

// View shows one record at a time to expressions. Properties are looked up in their JSON text, which is scanned once a record and only
// if an expression asks for a property. A View is reused from record to record and serves one goroutine; it refers to what it shows.
type View struct {
	record     event.Record
	profile    bool
	properties object
	user       object

	elements event.Scanner
	scratch  []byte
}

// Event shows an event. user are the properties of its user's profile as JSON text, nil for no profile: what user[...] refers to.
func (v *View) Event(r *event.Record, user []byte) {
	v.record, v.profile = *r, false
	v.properties.set(r.Properties)
	v.user.set(user)
}

// Profile shows a user profile: properties[...] and user[...] are its properties, event[...] is undefined.
func (v *View) Profile(distinctID, properties []byte) {
	v.record, v.profile = event.Record{Kind: event.KindProfile, DistinctID: distinctID}, true
	v.properties.set(properties)
	v.user.set(nil)
}

// object is JSON text that is scanned when it is first asked for.
type object struct {
	text    []byte
	scanned bool
	scanner event.Scanner
}

func (o *object) set(text []byte) { o.text, o.scanned = text, false }

func (o *object) member(name string) (*event.Field, error) {
	if len(o.text) == 0 {
		return nil, nil
	}
	if !o.scanned {
		if _, err := o.scanner.Object(o.text, 0); err != nil {
			return nil, fmt.Errorf("reading the properties: %w", err)
		}
		o.scanned = true
	}
	return o.scanner.Member(name), nil
}

// lookup returns the value of the property that n names.
func (v *View) lookup(n *node) (value, error) {
	from := &v.properties
	switch {
	case v.profile && n.op == opEvent:
		return value{}, nil
	case v.profile && n.name == "$distinct_id":
		return textValue(v.record.DistinctID), nil
	case v.profile:
	case n.op == opUser && n.name == "$distinct_id":
		return idValue(v.record.DistinctID), nil
	case n.op == opUser:
		from = &v.user
	case n.field != fieldNone:
		return v.lifted(n.field), nil
	}
	f, err := from.member(n.name)
	if f == nil || err != nil {
		return value{}, err
	}
	return v.fieldValue(f, from.text), nil
}

func (v *View) lifted(f field) value {
	switch f {
	case fieldTime:
		return timeValue(v.record.Time)
	case fieldSeconds:
		seconds := v.record.Time / 1000
		if v.record.Time%1000 < 0 {
			seconds--
		}
		return numberValue(number{coefficient: seconds})
	case fieldName:
		return textValue(v.record.Name)
	case fieldDistinctID:
		return textValue(v.record.DistinctID)
	case fieldDeviceID:
		return idValue(v.record.DeviceID)
	case fieldUserID:
		return idValue(v.record.UserID)
	default:
		return idValue(v.record.InsertID)
	}
}
