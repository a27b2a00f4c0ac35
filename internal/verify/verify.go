package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
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

// ErrNoSchema is what SQL answers for a catalog database that no external schema shows.
var ErrNoSchema = errors.New("no external schema shows the catalog database")

// SQL counts rows as a user would. Its methods fail with ErrNoSchema.
type SQL interface {
	// CountByPath returns the number of rows of the catalog table for each object that they come from, by its s3:// location.
	CountByPath(ctx context.Context, database, table string) (map[string]int64, error)
	// CountValues returns for each of the columns the number of rows of the catalog table in which it is not null.
	CountValues(ctx context.Context, database, table string, columns []string) ([]int64, error)
}

// Quarantine tells its durable counts.
type Quarantine interface {
	Stats(ctx context.Context) ([]quarantine.Counts, error)
}

// Verifier reconciles projects. All fields are required.
type Verifier struct {
	Store      Store
	Pipelines  *pipeline.Store
	Bucket     func(ctx context.Context, d *pipeline.Definition) (bucket.Bucket, error)
	Catalog    func(ctx context.Context, d *pipeline.Definition) (catalog.Catalog, error)
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
const maxTries = 10

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
