package pipeline

import (
	"cmp"
	"context"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/selection"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/store"
)

// Expected is what a day must hold by what is in the event store.
type Expected struct {
	Rows int64
	// Values has for each column of a schematized table, in order, the number of values that are not null; columns without any may be
	// missing at the end.
	Values []int64
	// Members is how many values have no column in the table and must be in mp_properties, as members of its objects.
	Members int64
	// Reduced is how many rows are over a limit, and must be kept whole in the oversize objects.
	Reduced int64
}

func (x *Expected) add(column int) {
	for len(x.Values) <= column {
		x.Values = append(x.Values, 0)
	}
	x.Values[column]++
}

// NoTable is the table of a Place that counts the events of a multischema pipeline whose names have no table.
const NoTable = "events of no table"

// Expect reads the event store and counts the rows, and for schematized tables the values of each column, that the pipeline must have
// exported up to counts.Published: it selects anew, with the pipeline's selection, and counts what is stored by the names and types of the
// pipeline's mapping.
//
// Where the answer depends on when a record was exported, because the pipeline was edited or its selection looks at user profiles, the
// windows of the manifests are counted, each as it was selected then; a manifest that is missing is not found so.
func Expect(ctx context.Context, s *Store, r store.Reader, p *Pipeline, counts *Counts) (map[Place]*Expected, error) {
	e := &expectation{store: s, reader: r, p: p, places: map[Place]*Expected{}}
	if p.Type == TypeAWS {
		mapping, err := s.mapping(ctx, p, 0)
		if err != nil || mapping == nil {
			return e.places, err
		}
		e.census = newCensus(mapping)
	}
	if p.Source.Snapshot() {
		return e.places, e.snapshot(ctx, counts)
	}
	rule, err := selection.Compile(&p.Selection)
	if err != nil {
		return nil, selectionFault(p, err)
	}
	if p.Revision == 1 && !rule.AsksUsers() {
		err := e.window(ctx, p, lake.Window{UpTo: uint64(counts.Published)}, nil)
		return e.places, err
	}
	for _, m := range counts.Manifests {
		if err := e.manifest(ctx, m, counts); err != nil {
			return nil, err
		}
	}
	return e.places, nil
}

// expectation counts what a pipeline must have exported.
type expectation struct {
	store  *Store
	reader store.Reader
	p      *Pipeline
	census *census // nil unless schematized
	places map[Place]*Expected
}

func (e *expectation) place(at Place) *Expected {
	if e.places[at] == nil {
		e.places[at] = new(Expected)
	}
	return e.places[at]
}

func (e *expectation) snapshot(ctx context.Context, counts *Counts) error {
	if e.p.Source == People {
		return e.reader.ScanProfiles(ctx, e.p.Project, counts.Published, func(distinctID, properties []byte, _ int64) error {
			if e.census != nil {
				return e.census.profile(e.place(Place{}), distinctID, properties)
			}
			e.plain(Place{}, properties)
			return nil
		})
	}
	return e.reader.ScanIdentities(ctx, e.p.Project, counts.Published, func(distinctID, resolved []byte) error {
		if e.census != nil {
			return e.census.identity(e.place(Place{}), distinctID, resolved)
		}
		e.plain(Place{}, nil)
		return nil
	})
}

// plain counts a row that is not split into columns. Those of JSON pipelines have a limit.
func (e *expectation) plain(at Place, properties []byte) {
	x := e.place(at)
	x.Rows++
	if e.p.Type == TypeJSON && len(properties) > transform.MaxProperties {
		x.Reduced++
	}
}

// manifest counts what a manifest's run must have exported, with the definition of then. Of a pipeline that replaces days these are the
// days that no later run has replaced.
func (e *expectation) manifest(ctx context.Context, m *lake.Manifest, counts *Counts) error {
	p, err := e.store.definitionAt(ctx, e.p, cmp.Or(m.Revision, 1))
	if err != nil {
		return err
	}
	if !p.Sync {
		return e.window(ctx, p, m.Window, nil)
	}
	days := map[event.Day]bool{}
	for _, o := range m.Data {
		if at, current := counts.Keys[o.Key]; current {
			days[at.Day] = true
		}
	}
	return e.window(ctx, p, lake.Window{UpTo: m.Window.UpTo}, days)
}

// window counts the selected events of a log range, of all days or of those given.
func (e *expectation) window(ctx context.Context, p *Pipeline, w lake.Window, days map[event.Day]bool) error {
	run := runOf(w)
	worker := &Worker{Config: Config{Store: e.store, Reader: e.reader, Projects: e.store.projects}}
	c, err := worker.calendar(ctx, &p.Definition)
	if err != nil {
		return err
	}
	a := &attempt{Worker: worker, p: p, run: run, calendar: c, progress: func() {}}
	selector, err := a.selector(ctx)
	if err != nil {
		return err
	}
	windows := []store.Window{run.window(&p.Definition)}
	if days != nil {
		windows = a.wholeDays(days)
	}
	for _, w := range windows {
		err := a.scan(ctx, w, selector, func(b *store.Batch) error {
			return a.spans(b, func(d event.Day, from, to int) error {
				if days != nil && !days[d] {
					return nil
				}
				return e.events(b, d, from, to)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *expectation) events(b *store.Batch, d event.Day, from, to int) error {
	for i := from; i < to; i++ {
		if e.census == nil {
			e.plain(Place{Day: d}, b.Properties.At(i))
			continue
		}
		t := e.census.table(b.Name.At(i))
		if t == nil {
			e.place(Place{NoTable, d}).Rows++
			continue
		}
		at := Place{Day: d}
		if e.p.table() != t.name {
			at.Table = t.name
		}
		if err := e.census.event(e.place(at), t, b, i); err != nil {
			return err
		}
	}
	return nil
}
