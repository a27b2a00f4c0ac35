// Package selection chooses events, and which of their properties are exported: by event name, by a segmentation expression (package
// where), by property name. Pipelines and Mixpanel's export API select with it.
package selection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/export/where"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
)

// Selection is what is chosen. Names are the original ones. Empty fields choose everything.
type Selection struct {
	// Events are the names of the events to export, ExcludeEvents of those to leave out; at most one of the two is set.
	Events        []string `json:"events,omitempty"`
	ExcludeEvents []string `json:"exclude_events,omitempty"`
	// Where is a segmentation expression that events must match. user[...] looks at profiles as they are when the selection is opened.
	Where string `json:"where,omitempty"`
	// Properties are the names of the properties to export, ExcludeProperties of those to leave out; at most one of the two is set.
	// What ingestion lifts out of the properties (time, ids) is always exported.
	Properties        []string `json:"properties,omitempty"`
	ExcludeProperties []string `json:"exclude_properties,omitempty"`
}

// MaxNames is how many events or properties a selection may name in one field.
const MaxNames = 10_000

// All reports whether everything is chosen.
func (s *Selection) All() bool {
	return len(s.Events)+len(s.ExcludeEvents)+len(s.Properties)+len(s.ExcludeProperties) == 0 && s.Where == ""
}

// FieldError says which field of a selection is wrong.
type FieldError struct {
	// Field is the field's JSON name.
	Field string
	Err   error
}

// Error returns the cause with the field's name.
func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *FieldError) Unwrap() error { return e.Err }

// EventError says for which event an expression has no answer.
type EventError struct {
	// Event, DistinctID and InsertID are the event's, Time is when it happened.
	Event, DistinctID, InsertID string
	Time                        time.Time
	// Err is a *where.Error.
	Err error
}

// Record names the event.
func (e *EventError) Record() string {
	return fmt.Sprintf("event %q of %q, $insert_id %q, at %s", e.Event, e.DistinctID, e.InsertID, e.Time.Format("2006-01-02T15:04:05.999Z07:00"))
}

// Error returns the cause with the event's name.
func (e *EventError) Error() string { return e.Record() + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *EventError) Unwrap() error { return e.Err }

// Rule is a selection that was checked. It is immutable.
type Rule struct {
	names   map[string]struct{} // nil for all
	exclude bool
	where   *where.Expr // nil for all

	include, drop []string
}

// Compile checks a selection. Its errors are *FieldError; that of Where wraps *where.Error.
func Compile(s *Selection) (*Rule, error) {
	bad := func(field, text string) error { return &FieldError{field, errors.New(text)} }
	switch {
	case len(s.Events) > 0 && len(s.ExcludeEvents) > 0:
		return nil, bad("exclude_events", "name the events to export or those to leave out, not both")
	case len(s.Properties) > 0 && len(s.ExcludeProperties) > 0:
		return nil, bad("exclude_properties", "name the properties to export or those to leave out, not both")
	}
	for field, names := range map[string][]string{
		"events": s.Events, "exclude_events": s.ExcludeEvents, "properties": s.Properties, "exclude_properties": s.ExcludeProperties,
	} {
		if len(names) > MaxNames {
			return nil, bad(field, fmt.Sprintf("at most %d names", MaxNames))
		}
	}
	r := &Rule{exclude: len(s.ExcludeEvents) > 0, drop: s.ExcludeProperties}
	if len(s.Properties) > 0 {
		r.include = s.Properties
	}
	if names := append(s.Events[:len(s.Events):len(s.Events)], s.ExcludeEvents...); len(names) > 0 {
		r.names = map[string]struct{}{}
		for _, name := range names {
			r.names[name] = struct{}{}
		}
	}
	if s.Where != "" {
		var err error
		if r.where, err = where.Compile(s.Where); err != nil {
			return nil, &FieldError{"where", err}
		}
	}
	return r, nil
}

// AsksUsers reports whether the choice depends on user profiles, and so on when it is made.
func (r *Rule) AsksUsers() bool { return r.where != nil && len(r.where.UserProperties()) > 0 }

// Selector applies a rule. It serves one goroutine.
type Selector struct {
	rule    *Rule
	users   users
	view    where.View
	record  event.Record
	project *transform.Projection // nil for all properties
	chosen  []int
	taken   store.Filtered
}

// Open returns a selector that sees user profiles as of the log position. An expression without user[...] reads none.
func (r *Rule) Open(ctx context.Context, profiles Profiles, project int64, upTo eventlog.Position) (*Selector, error) {
	s := &Selector{rule: r}
	if r.include != nil || len(r.drop) > 0 {
		s.project = transform.NewProjection(r.include, r.drop)
	}
	if r.where == nil {
		return s, nil
	}
	var err error
	s.users, err = readUsers(ctx, profiles, project, upTo, r.where.UserProperties())
	return s, err
}

// Match reports whether row i of the batch is chosen. An error is a *where.Error for an expression that the row's values cannot answer.
func (s *Selector) Match(b *store.Batch, i int) (bool, error) {
	if s.rule.names != nil {
		if _, named := s.rule.names[string(b.Name.At(i))]; named == s.rule.exclude {
			return false, nil
		}
	}
	if s.rule.where == nil {
		return true, nil
	}
	b.Record(event.KindEvent, i, &s.record)
	s.view.Event(&s.record, s.users[string(s.record.DistinctID)])
	return s.rule.where.Match(&s.view)
}

// Choose returns the chosen rows of the batch with the chosen properties: the batch itself if that is all. It is valid until the next
// call, and not longer than b. An expression that a row's values cannot answer is an *EventError.
func (s *Selector) Choose(b *store.Batch) (*store.Batch, error) {
	if s.rule.names != nil || s.rule.where != nil {
		s.chosen = s.chosen[:0]
		for i := range b.Len {
			ok, err := s.Match(b, i)
			if err != nil {
				return nil, &EventError{
					string(b.Name.At(i)), string(b.DistinctID.At(i)), string(b.InsertID.At(i)), time.UnixMilli(b.Time[i]).UTC(), err,
				}
			}
			if ok {
				s.chosen = append(s.chosen, i)
			}
		}
		b = s.taken.Take(b, s.chosen)
	}
	if s.project == nil || b.Len == 0 {
		return b, nil
	}
	return s.project.Batch(b)
}
