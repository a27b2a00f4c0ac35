package control

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Entry is a quarantined record as the API shows it. Raw is set only when one entry is asked for.
type Entry struct {
	ID       int64     `json:"id"`
	Project  int64     `json:"project"`
	Time     time.Time `json:"time"`
	Endpoint string    `json:"endpoint"`
	Position string    `json:"position"`
	Field    string    `json:"field"`
	Message  string    `json:"message"`
	Bytes    int64     `json:"bytes"`
	Raw      []byte    `json:"raw,omitempty"`
}

func showEntry(e *quarantine.Entry) Entry {
	return Entry{ID: e.ID, Project: e.Project, Time: e.Time, Endpoint: e.Endpoint, Position: e.Position, Field: e.Field,
		Message: e.Message, Bytes: e.Bytes, Raw: e.Raw}
}

// Sample is a record that belongs to no project: its token is unknown, or it is not readable. Raw is its beginning.
type Sample struct {
	Time     time.Time `json:"time"`
	Endpoint string    `json:"endpoint"`
	Token    string    `json:"token,omitempty"`
	Raw      []byte    `json:"raw"`
}

func (s *Server) unattributed(*http.Request) ([]Sample, error) {
	if s.Unattributed == nil {
		return nil, errNoCollector
	}
	shown := []Sample{}
	for _, r := range s.Unattributed() {
		shown = append(shown, Sample(r))
	}
	return shown, nil
}

// Selection chooses quarantine entries: all of them, or those with the project, endpoint, field or ids that are set.
type Selection struct {
	Project  int64   `json:"project,omitempty"`
	Endpoint string  `json:"endpoint,omitempty"`
	Field    string  `json:"field,omitempty"`
	IDs      []int64 `json:"ids,omitempty"`
}

func (s Selection) filter() quarantine.Filter {
	return quarantine.Filter{Project: s.Project, Endpoint: s.Endpoint, Field: s.Field, IDs: s.IDs}
}

// QuarantinePage is a page of entries; Next is the cursor of the page after it, 0 at the end.
type QuarantinePage struct {
	Entries []Entry `json:"entries"`
	Next    int64   `json:"next,omitempty"`
}

// pageSize is how many entries a page has unless the request says otherwise.
const pageSize = 100

func (s *Server) listQuarantine(r *http.Request) (QuarantinePage, error) {
	if s.Quarantine == nil {
		return QuarantinePage{}, errNoCollector
	}
	q := r.URL.Query()
	values := map[string]int64{"project": 0, "cursor": 0, "limit": pageSize}
	for name := range values {
		if text := q.Get(name); text != "" {
			n, err := number(name, text)
			if err != nil {
				return QuarantinePage{}, err
			}
			values[name] = n
		}
	}
	limit := int(min(max(values["limit"], 1), quarantine.MaxPage))
	filter := Selection{Project: values["project"], Endpoint: q.Get("endpoint"), Field: q.Get("field")}.filter()
	entries, err := s.Quarantine.List(r.Context(), filter, values["cursor"], limit)
	if err != nil {
		return QuarantinePage{}, err
	}
	page := QuarantinePage{Entries: make([]Entry, len(entries))}
	for i := range entries {
		page.Entries[i] = showEntry(&entries[i])
	}
	if len(entries) == limit {
		page.Next = entries[limit-1].ID
	}
	return page, nil
}

func (s *Server) showQuarantine(r *http.Request) (Entry, error) {
	if s.Quarantine == nil {
		return Entry{}, errNoCollector
	}
	id, err := pathID(r)
	if err != nil {
		return Entry{}, err
	}
	e, err := s.Quarantine.Get(r.Context(), id)
	if err != nil {
		return Entry{}, fmt.Errorf("reading quarantine entry %s: %w", strconv.FormatInt(id, 10), err)
	}
	return showEntry(&e), nil
}

// ReplayRequest is the body of a replay. Whole keeps properties whatever Mixpanel's limits (limits=none).
type ReplayRequest struct {
	Selection
	Whole bool `json:"whole,omitempty"`
}

// ReplayOutcome is what a replay did: Replayed entries went into the log, Rejected ones are still bad and stay.
type ReplayOutcome struct {
	Replayed int `json:"replayed"`
	Rejected int `json:"rejected"`
}

func (s *Server) replay(r *http.Request) (ReplayOutcome, error) {
	if s.Replayer == nil {
		return ReplayOutcome{}, errNoCollector
	}
	in, err := readJSON[ReplayRequest](r)
	if err != nil {
		return ReplayOutcome{}, err
	}
	out, err := s.Replayer.Replay(r.Context(), in.filter(), in.Whole)
	return ReplayOutcome{Replayed: out.Replayed, Rejected: out.Rejected}, err
}

var errNoCollector = fault.New(fault.Setup, "reading the quarantine", "", fmt.Errorf("this process runs no collector"), "ask a process with the role collector")
