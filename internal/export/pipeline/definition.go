package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
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

// Format is how rows are written.
type Format string

// JSON is one object per line, gzip-compressed.
const JSON Format = "json"

// Frequency is when runs start.
type Frequency string

const (
	// Daily starts a run at 00:30 of the project's time zone (Mixpanel, "Data pipelines", export schedule). It is the default.
	Daily Frequency = "daily"
	// Hourly starts a run at half past each hour.
	Hourly Frequency = "hourly"
	// Continuous starts a run as soon as something new is sealed, at most one per Interval.
	Continuous Frequency = "continuous"
)

// State is a pipeline's state.
type State string

const (
	Active State = "active"
	Paused State = "paused"
	// Cancelled is final. What was exported stays where it is.
	Cancelled State = "cancelled"
)

// Spec is what a pipeline is made from. Zero fields get the defaults named beside them.
type Spec struct {
	Project int64
	// Name is unique within the project; "<source>-<frequency>-<format>-<n>" by default.
	Name      string
	Source    Source
	Format    Format    // JSON
	Frequency Frequency // Daily
	// Interval is the shortest time between the starts of two continuous runs: 1 second for events, 1 minute for snapshots.
	Interval time.Duration
	// From and To are the first and the last event day (UTC) to export, both included. A zero From exports everything, a zero To
	// has no end. Snapshots take neither.
	From, To event.Day
	// Bucket and Prefix are the destination. The prefix may be empty and carries no slash at its ends.
	Bucket, Prefix string
	// Database and Table are the names in the catalog; the table is also the name of the folder. Table defaults to Mixpanel's.
	Database, Table string
	// Milliseconds adds the column time_ms, the event's time in milliseconds, which Mixpanel's whole seconds lose.
	Milliseconds bool
}

// Definition says what a pipeline does. It does not change after the pipeline was made, but for State.
type Definition struct {
	Spec
	// ID is unique for ever and part of object names.
	ID      string
	State   State
	Created time.Time
}

// Layout returns where the pipeline's objects lie.
func (d *Definition) Layout() lake.Layout {
	return lake.Layout{Prefix: d.Prefix, Project: d.Project, Table: d.Table, Pipeline: d.ID}
}

// Progress is how far a pipeline has come.
type Progress struct {
	// Published is the log position up to which everything is exported.
	Published eventlog.Position
	// Target is the log position that the present cycle of runs goes up to.
	Target eventlog.Position
	// Next is when the pipeline is looked at again.
	Next time.Time
	// Attached is true once the warehouse knows the catalog database; AttachError is why it does not yet.
	Attached    bool
	AttachError string
}

// Pipeline is a definition with its progress.
type Pipeline struct {
	Definition
	Progress
	attachMS    int64
	attachTries int
}

// The limits of a continuous pipeline's interval.
const (
	minInterval     = 100 * time.Millisecond
	maxInterval     = 24 * time.Hour
	eventInterval   = time.Second
	snapshotRefresh = time.Minute
)

var (
	namePattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,99}$`)
	tablePattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9_]{0,126}$`)
	prefixPattern = regexp.MustCompile(`^[A-Za-z0-9!_.*'()=/-]*$`)
)

// complete fills the defaults in and checks the fields one by one. Errors are setup faults that name the field.
func (s *Spec) complete() error {
	if s.Format == "" {
		s.Format = JSON
	}
	if s.Frequency == "" {
		s.Frequency = Daily
	}
	if s.Table == "" {
		s.Table = s.Source.Table()
	}
	if s.Frequency == Continuous && s.Interval == 0 {
		s.Interval = eventInterval
		if s.Source.Snapshot() {
			s.Interval = snapshotRefresh
		}
	}
	s.Prefix = strings.Trim(s.Prefix, "/")
	bad := func(field, format string, args ...any) error {
		return fault.New(fault.Setup, "creating a pipeline", field, fmt.Errorf(format, args...), "")
	}
	switch {
	case s.Source != Events && s.Source != People && s.Source != Identities:
		return bad("data_source", "%q is unknown: use events, people or identities", s.Source)
	case s.Format != JSON:
		return bad("data_format", "%q is unknown: use json", s.Format)
	case s.Frequency != Daily && s.Frequency != Hourly && s.Frequency != Continuous:
		return bad("frequency", "%q is unknown: use daily, hourly or continuous", s.Frequency)
	case s.Frequency != Continuous && s.Interval != 0:
		return bad("interval", "only continuous pipelines have one")
	case s.Frequency == Continuous && (s.Interval < minInterval || s.Interval > maxInterval):
		return bad("interval", "%s is not between %s and %s", s.Interval, minInterval, maxInterval)
	case s.Source.Snapshot() && (s.From != 0 || s.To != 0):
		return bad("from_date", "%s are exported whole: leave from_date and to_date out", s.Source)
	case s.From < 0 || s.To < 0:
		return bad("from_date", "days before 1970-01-01 hold no events")
	case s.To != 0 && s.To < s.From:
		return bad("to_date", "%s lies before from_date %s", s.To, s.From)
	case s.Bucket == "":
		return bad("bucket", "is missing")
	case s.Prefix != "" && (bucket.CheckKey(s.Prefix) != nil || !prefixPattern.MatchString(s.Prefix) || len(s.Prefix) > 512):
		return bad("prefix", "%q: use at most 512 letters, digits and !-_.*'()= between single slashes", s.Prefix)
	case !tablePattern.MatchString(s.Database):
		return bad("catalog_database", "%q: use 1 to 127 lower-case letters, digits and underscores", s.Database)
	case !tablePattern.MatchString(s.Table):
		return bad("table", "%q: use 1 to 127 lower-case letters, digits and underscores", s.Table)
	case s.Milliseconds && s.Source != Events:
		return bad("milliseconds", "only events have a time")
	case s.Name != "" && !namePattern.MatchString(s.Name):
		return bad("name", "%q: use 1 to 100 lower-case letters, digits, hyphens and underscores", s.Name)
	}
	return nil
}

// conflict reports why two pipelines may not stand side by side, or nil. The rules: one table in the catalog has one location;
// no folder of objects lies below another one, since readers take everything below a location; and into one folder no day may be
// exported twice (Mixpanel, "JSON pipelines": overlapping date ranges to one destination are refused).
func (s *Spec) conflict(other *Definition) error {
	mine := lake.Layout{Prefix: s.Prefix, Project: s.Project, Table: s.Table}.TableDir()
	theirs := other.Layout().TableDir()
	samePlace := s.Bucket == other.Bucket && mine == theirs
	switch {
	case s.Database == other.Database && s.Table == other.Table && !samePlace:
		return fmt.Errorf("pipeline %s writes the table %s.%s already, with another destination", other.Name, s.Database, s.Table)
	case s.Bucket == other.Bucket && mine != theirs && (strings.HasPrefix(mine, theirs) || strings.HasPrefix(theirs, mine)):
		return fmt.Errorf("its folder %s and %s of pipeline %s lie one within the other", mine, theirs, other.Name)
	case !samePlace:
		return nil
	case s.Database != other.Database:
		return fmt.Errorf("pipeline %s writes the same folder for the database %s", other.Name, other.Database)
	case s.Source.Snapshot() || other.Source.Snapshot():
		return fmt.Errorf("pipeline %s writes the same folder", other.Name)
	case (other.To == 0 || s.From <= other.To) && (s.To == 0 || other.From <= s.To):
		return fmt.Errorf("pipeline %s exports %s to the same folder, which overlaps", other.Name, other.Range())
	}
	return nil
}

// Range describes the days that are exported.
func (s *Spec) Range() string {
	from := "everything"
	if s.From != 0 {
		from = "events from " + s.From.String()
	}
	if s.To == 0 {
		return from
	}
	return from + " to " + s.To.String()
}

type definitionJSON struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Project      int64     `json:"project_id"`
	Source       Source    `json:"data_source"`
	Format       Format    `json:"data_format"`
	Frequency    Frequency `json:"frequency"`
	Interval     string    `json:"interval,omitempty"`
	From         string    `json:"from_date,omitempty"`
	To           string    `json:"to_date,omitempty"`
	Bucket       string    `json:"bucket"`
	Prefix       string    `json:"prefix"`
	Database     string    `json:"catalog_database"`
	Table        string    `json:"table"`
	Milliseconds bool      `json:"milliseconds,omitempty"`
	State        State     `json:"state"`
	Created      time.Time `json:"created"`
}

func (d *Definition) toJSON() definitionJSON {
	j := definitionJSON{
		ID: d.ID, Name: d.Name, Project: d.Project, Source: d.Source, Format: d.Format, Frequency: d.Frequency,
		From: dayText(d.From), To: dayText(d.To), Bucket: d.Bucket, Prefix: d.Prefix,
		Database: d.Database, Table: d.Table, Milliseconds: d.Milliseconds, State: d.State, Created: d.Created,
	}
	if d.Interval != 0 {
		j.Interval = d.Interval.String()
	}
	return j
}

// MarshalJSON writes the definition and its progress as the API and the CLI show them.
func (p *Pipeline) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		definitionJSON
		Published   eventlog.Position `json:"published_position"`
		Target      eventlog.Position `json:"target_position"`
		Next        time.Time         `json:"next_run"`
		Attached    bool              `json:"attached"`
		AttachError string            `json:"attach_error,omitempty"`
	}{p.toJSON(), p.Published, p.Target, p.Next, p.Attached, p.AttachError})
}

// ParseSpec reads a spec as the API takes it: the names of a shown pipeline, without those the system sets. Unknown names are
// errors, since an option misspelt would silently get its default.
func ParseSpec(text []byte) (Spec, error) {
	var j struct {
		Name         string    `json:"name"`
		Project      int64     `json:"project_id"`
		Source       Source    `json:"data_source"`
		Format       Format    `json:"data_format"`
		Frequency    Frequency `json:"frequency"`
		Interval     string    `json:"interval"`
		From         string    `json:"from_date"`
		To           string    `json:"to_date"`
		Bucket       string    `json:"bucket"`
		Prefix       string    `json:"prefix"`
		Database     string    `json:"catalog_database"`
		Table        string    `json:"table"`
		Milliseconds bool      `json:"milliseconds"`
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return Spec{}, err
	}
	s := Spec{
		Project: j.Project, Name: j.Name, Source: j.Source, Format: j.Format, Frequency: j.Frequency, Bucket: j.Bucket,
		Prefix: j.Prefix, Database: j.Database, Table: j.Table, Milliseconds: j.Milliseconds,
	}
	var errs []error
	var err error
	if j.Interval != "" {
		if s.Interval, err = time.ParseDuration(j.Interval); err != nil {
			errs = append(errs, fmt.Errorf("interval: %w", err))
		}
	}
	if j.From != "" {
		if s.From, err = event.ParseDay(j.From); err != nil {
			errs = append(errs, fmt.Errorf("from_date: %w", err))
		}
	}
	if j.To != "" {
		if s.To, err = event.ParseDay(j.To); err != nil {
			errs = append(errs, fmt.Errorf("to_date: %w", err))
		}
	}
	return s, errors.Join(errs...)
}

func dayText(d event.Day) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
