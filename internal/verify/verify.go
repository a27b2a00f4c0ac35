package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// Store is what the verifier asks the event store.
type Store interface {
	store.Reader
	// Accepted returns how many records the sealed blocks announced when they were appended: what senders were told is kept.
	Accepted(ctx context.Context, project int64) (int64, error)
}

// SQL counts rows as a user would.
type SQL interface {
	// CountByPath returns the number of rows of the catalog table for each object that they come from, by its s3:// location.
	CountByPath(ctx context.Context, database, table string) (map[string]int64, error)
}

// Quarantine tells its durable counts.
type Quarantine interface {
	Stats(ctx context.Context) ([]quarantine.Counts, error)
}

// Verifier reconciles projects. All fields are required.
type Verifier struct {
	Store      Store
	Pipelines  *pipeline.Store
	Bucket     func(name string) (bucket.Bucket, error)
	SQL        SQL
	Quarantine Quarantine
}

// Run reconciles the project as of now.
func (v *Verifier) Run(ctx context.Context, project int64) (*Report, error) {
	r := &Report{Project: project, Pipelines: []Section{}}
	if err := v.intake(ctx, r); err != nil {
		return nil, err
	}
	all, err := v.Pipelines.List(ctx, project)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.Published == 0 {
			continue
		}
		s, err := v.pipeline(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("verifying pipeline %s: %w", p.Name, err)
		}
		r.Pipelines = append(r.Pipelines, *s)
	}
	return r, nil
}

// intake compares what senders were told is kept with what the segments hold, and the quarantine's counts with each other.
func (v *Verifier) intake(ctx context.Context, r *Report) error {
	for try := 0; ; try++ {
		sealed, err := v.Store.Sealed(ctx)
		if err != nil {
			return err
		}
		accepted, err := v.Store.Accepted(ctx, r.Project)
		if err != nil {
			return err
		}
		var stored int64
		for _, kind := range []event.Kind{event.KindEvent, event.KindProfile, event.KindGroup} {
			days, err := v.stored(ctx, store.Window{Project: r.Project, Kind: kind, UpTo: sealed})
			if err != nil {
				return err
			}
			stored += total(days)
		}
		l := line("records", Count{"accepted", accepted}, Count{"stored", stored})
		now, err := v.Store.Sealed(ctx)
		if err != nil {
			return err
		}
		// The two counts belong together only if nothing was sealed between them.
		if now == sealed || l.Exact || try == maxTries {
			r.Intake = []Line{l}
			break
		}
	}
	stats, err := v.Quarantine.Stats(ctx)
	if err != nil {
		return fmt.Errorf("counting the quarantine: %w", err)
	}
	for _, c := range stats {
		if c.Project == r.Project {
			r.Intake = append(r.Intake, line("quarantined records", Count{"refused by rule", c.Added}, Count{"kept, replayed, deleted or over the bound", c.Kept + c.Replayed + c.Deleted + c.Refused}))
		}
	}
	return nil
}

// maxTries is how often a count is repeated because something was sealed or published meanwhile.
const maxTries = 5

// stored reads the segments and counts their records per event day.
func (v *Verifier) stored(ctx context.Context, w store.Window) (map[event.Day]int64, error) {
	days := map[event.Day]int64{}
	if w.UpTo == 0 {
		return days, nil
	}
	err := v.Store.Scan(ctx, w, func(b *store.Batch) error {
		days[b.Day] += int64(b.Len)
		return nil
	})
	return days, err
}

func total(days map[event.Day]int64) (n int64) {
	for _, c := range days {
		n += c
	}
	return n
}

// pipeline follows one pipeline's rows from the store to SQL.
func (v *Verifier) pipeline(ctx context.Context, p *pipeline.Pipeline) (*Section, error) {
	b, err := v.Bucket(p.S3.Bucket)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		counts, err := pipeline.Verify(ctx, v.Pipelines, b, p, true)
		if err != nil {
			return nil, err
		}
		var inSQL map[string]int64
		if len(counts.Keys) > 0 { // there is no table before there are rows
			if inSQL, err = v.SQL.CountByPath(ctx, p.Glue.Database, p.Table); err != nil {
				return nil, err
			}
		}
		after, err := v.Pipelines.Get(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		if after.Published != counts.Published && try < maxTries {
			continue // what SQL saw may be newer than what was counted
		}
		expected, err := v.expected(ctx, p, counts.Published)
		if err != nil {
			return nil, err
		}
		return section(p, b, expected, counts, inSQL), nil
	}
}

// expected counts the rows that the pipeline must have exported up to the position: per event day, or under day 0 for a snapshot.
func (v *Verifier) expected(ctx context.Context, p *pipeline.Pipeline, upTo eventlog.Position) (map[event.Day]int64, error) {
	var n int64
	count := func(_, _ []byte) error {
		n++
		return nil
	}
	var err error
	switch p.Source {
	case pipeline.People:
		err = v.Store.ScanProfiles(ctx, p.Project, upTo, count)
	case pipeline.Identities:
		err = v.Store.ScanIdentities(ctx, p.Project, upTo, count)
	default:
		return v.stored(ctx, store.Window{Project: p.Project, Kind: event.KindEvent, UpTo: upTo, FirstDay: p.From, LastDay: p.To})
	}
	return map[event.Day]int64{0: n}, err
}

func section(p *pipeline.Pipeline, b bucket.Bucket, expected map[event.Day]int64, counts *pipeline.Counts, inSQL map[string]int64) *Section {
	s := &Section{Pipeline: p.Name, Position: uint64(counts.Published), Lines: []Line{}}
	bySQL := map[event.Day]int64{}
	for key, day := range counts.Keys {
		bySQL[day] += inSQL[b.Location(key)]
	}
	exported := map[event.Day]pipeline.DayCount{}
	days := make([]event.Day, 0, len(expected))
	for _, c := range counts.Days {
		exported[c.Day] = c
		days = append(days, c.Day)
	}
	for day := range expected {
		if _, known := exported[day]; !known {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	for _, day := range days {
		what := day.String()
		if p.Source.Snapshot() {
			what = "snapshot"
		}
		c := exported[day]
		s.Lines = append(s.Lines, line(what, Count{"stored", expected[day]}, Count{"exported", c.Runs}, Count{"in manifests", c.Manifests},
			Count{"rows in objects", c.Objects}, Count{"counted by SQL", bySQL[day]}))
	}
	if len(counts.Stray) > 0 {
		s.Lines = append(s.Lines, line(fmt.Sprintf("objects that no run wrote (%s)", strings.Join(counts.Stray[:min(3, len(counts.Stray))], ", ")),
			Count{"expected", 0}, Count{"found", int64(len(counts.Stray))}))
	}
	return s
}
