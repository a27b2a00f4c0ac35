package pipeline

import (
	"github.com/refract-io/refract/internal/event"
)

// Source is what a pipeline exports (Mixpanel, "JSON pipelines", data sources).
type Source string

const (
	Events     Source = "events"
	People     Source = "people"
	Identities Source = "identities"
)

// Table returns the table, and the folder, that the source goes to by default.
func (s Source) Table() string {
	switch s {
	case People:
		return "mp_people_data"
	case Identities:
		return "mp_identity_mappings_data"
	default:
		return "mp_master_event"
	}
}

// Snapshot reports whether every run replaces the whole table, as for people and identities, instead of adding to it.
func (s Source) Snapshot() bool { return s != Events }

// Kind is the kind of records that the source is made from. Identity mappings come from events.
func (s Source) Kind() event.Kind {
	if s == People {
		return event.KindProfile
	}
	return event.KindEvent
}
