package identity

import "github.com/refract-io/refract/internal/event"

// Operation is what an identity event of the original mode says. Verb is one of the event names below.
type Operation struct {
	Verb string
	// First is the id that stays, Second the one that is tied to it.
	First, Second string
}

// The identity events of the original mode.
const (
	Identify    = "$identify"
	CreateAlias = "$create_alias"
	Merge       = "$merge"
)

// IsVerb reports whether an event of that name is an identity event.
func IsVerb(name []byte) bool {
	switch string(name) {
	case Identify, CreateAlias, Merge:
		return true
	}
	return false
}

// Parse reads an identity event from its record's name, distinct_id and properties. It reports false if ids are missing.
//
// $identify has $identified_id and $anon_id; the JavaScript client calls them distinct_id and $anon_distinct_id.
func Parse(scan *event.Scanner, name, distinctID, properties []byte) (Operation, bool) {
	op := Operation{Verb: string(name)}
	if _, err := scan.Object(properties, 0); err != nil {
		return op, false
	}
	text := func(names ...string) string {
		for _, n := range names {
			if f := scan.Member(n); f != nil && (f.Kind == event.String || f.Kind == event.Number) {
				return string(f.AppendText(nil, properties))
			}
		}
		return ""
	}
	switch op.Verb {
	case Identify:
		op.First, op.Second = text("$identified_id"), text("$anon_id", "$anon_distinct_id")
		if op.First == "" {
			op.First = string(distinctID)
		}
	case CreateAlias:
		op.First, op.Second = string(distinctID), text("alias")
	case Merge:
		f := scan.Member("$distinct_ids")
		if f == nil || f.Kind != event.Array {
			return op, false
		}
		list := f.Raw(properties)
		if _, err := scan.Array(list, 0); err != nil || len(scan.Members) != 2 {
			return op, false
		}
		op.First = string(scan.Members[0].AppendText(nil, list))
		op.Second = string(scan.Members[1].AppendText(nil, list))
	}
	return op, op.First != "" && op.Second != "" && op.First != op.Second
}

// Apply applies the operation.
func (c *Clusters) Apply(op Operation) {
	switch op.Verb {
	case Identify:
		c.Identify(op.First, op.Second)
	case CreateAlias:
		c.Alias(op.First, op.Second)
	case Merge:
		c.Merge(op.First, op.Second)
	}
}
