package source

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/event"
)

// Mapping says where a record that is no Mixpanel event has what makes an event. A path names a member, or a member of a member
// with dots between ("actor.login"); a member whose own name has the dots comes first.
//
// An event that is mapped no insert_id and has no $insert_id gets one made of its place in the file.
//
// The properties are all members of the record that are not mapped themselves, or those of the object at the path "properties". A
// member that is mapped from inside another stays where it is too.
type Mapping struct {
	// paths by target: event, time, distinct_id, insert_id, device_id, user_id, properties.
	paths map[string]string
}

// targets are the mapping's left-hand sides and the property each of them becomes.
var targets = []struct{ name, property string }{
	{"event", ""}, {"properties", ""},
	{"time", "time"}, {"distinct_id", "distinct_id"}, {"insert_id", "$insert_id"}, {"device_id", "$device_id"}, {"user_id", "$user_id"},
}

// ParseMapping reads "event=type,time=created_at,distinct_id=actor.login,insert_id=id". Event and time are required.
func ParseMapping(text string) (*Mapping, error) {
	m := &Mapping{paths: map[string]string{}}
	for part := range strings.SplitSeq(text, ",") {
		name, path, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || path == "" {
			return nil, fmt.Errorf("mapping %q: write target=path, for example time=created_at", part)
		}
		if !isTarget(name) {
			return nil, fmt.Errorf("mapping %q: the target is none of event, time, distinct_id, insert_id, device_id, user_id, properties", part)
		}
		if m.paths[name] != "" {
			return nil, fmt.Errorf("mapping %q: %s is mapped twice", part, name)
		}
		m.paths[name] = path
	}
	if m.paths["event"] == "" || m.paths["time"] == "" {
		return nil, errors.New("mapping: event and time are required, for example event=type,time=created_at")
	}
	return m, nil
}

func isTarget(name string) bool {
	for _, t := range targets {
		if t.name == name {
			return true
		}
	}
	return false
}

// String returns the mapping in the order of the targets, as ParseMapping reads it.
func (m *Mapping) String() string {
	var parts []string
	for _, t := range targets {
		if path := m.paths[t.name]; path != "" {
			parts = append(parts, t.name+"="+path)
		}
	}
	return strings.Join(parts, ",")
}

// mapper applies a mapping; it owns the scanners' tables.
type mapper struct {
	m *Mapping
	// insertID is what an event gets that has none and is mapped none; empty for nothing.
	insertID      []byte
	top, in, rest event.Scanner
}

// apply appends the event that the mapping makes of the record. A record that is no object, or has no event or time at the mapped
// paths, is appended as it is: the server says what is wrong with it and keeps it.
func (a *mapper) apply(dst, record []byte) []byte {
	if _, err := a.top.Object(record, 0); err != nil {
		return append(dst, record...)
	}
	name, ok := a.find(record, a.m.paths["event"])
	at, timed := a.find(record, a.m.paths["time"])
	if !ok || !timed {
		return append(dst, record...)
	}
	dst = append(dst, `{"event":`...)
	dst = append(dst, name...)
	dst = append(dst, `,"properties":{`...)
	dst = a.appendProperties(dst, record)
	dst = event.AppendRawMember(dst, "time", normaliseTime(at))
	for _, t := range targets {
		if t.property == "" || t.name == "time" || a.m.paths[t.name] == "" {
			continue
		}
		if value, ok := a.find(record, a.m.paths[t.name]); ok {
			dst = event.AppendRawMember(dst, t.property, value)
		}
	}
	if a.m.paths["insert_id"] == "" && len(a.insertID) > 0 && !a.hasInsertID(record) {
		dst = event.AppendStringMember(dst, "$insert_id", a.insertID)
	}
	return append(dst, "}}"...)
}

// hasInsertID reports whether there is a $insert_id among the properties.
func (a *mapper) hasInsertID(record []byte) bool {
	path := a.m.paths["properties"]
	if path == "" {
		return a.top.Member("$insert_id") != nil
	}
	value, ok := a.find(record, path)
	if !ok {
		return false
	}
	_, err := a.rest.Object(value, 0)
	return err == nil && a.rest.Member("$insert_id") != nil
}

// appendProperties appends the members that are properties, keys and values as they are written.
func (a *mapper) appendProperties(dst, record []byte) []byte {
	members, src := a.top.Members, record
	if path := a.m.paths["properties"]; path != "" {
		value, ok := a.find(record, path)
		if !ok {
			return dst
		}
		if _, err := a.rest.Object(value, 0); err != nil {
			return dst
		}
		members, src = a.rest.Members, value
	}
	for i := range members {
		f := &members[i]
		if a.isMapped(f, src) {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(dst, '"'), f.RawKey(src)...)
		dst = append(append(dst, '"', ':'), f.Raw(src)...)
	}
	return dst
}

func (a *mapper) isMapped(f *event.Field, src []byte) bool {
	for _, path := range a.m.paths {
		if f.KeyIs(src, path) {
			return true
		}
	}
	return false
}

// find returns the text of the value at the path.
func (a *mapper) find(record []byte, path string) ([]byte, bool) {
	if f := a.top.Member(path); f != nil {
		return f.Raw(record), f.Kind != event.Null
	}
	head, tail, nested := strings.Cut(path, ".")
	f := a.top.Member(head)
	if f == nil {
		return nil, false
	}
	value := f.Raw(record)
	for nested {
		if _, err := a.in.Object(value, 0); err != nil {
			return nil, false
		}
		if f = a.in.Member(tail); f == nil {
			head, tail, nested = strings.Cut(tail, ".")
			f = a.in.Member(head)
		} else {
			nested = false
		}
		if f == nil {
			return nil, false
		}
		value = f.Raw(value)
	}
	return value, f.Kind != event.Null
}

// timeLayouts are the written forms of time that mappings understand; those without an offset are UTC.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02"}

// normaliseTime turns a written time into milliseconds and a quoted number into a number. Anything else stays as it is.
func normaliseTime(value []byte) []byte {
	text := bytes.Trim(value, `"`)
	if len(text) == len(value) {
		return value
	}
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, string(text)); err == nil {
			return fmt.Appendf(nil, "%d", at.UnixMilli())
		}
	}
	if _, ok := event.ParseTime(text); ok {
		return text
	}
	return value
}
