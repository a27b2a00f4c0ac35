package pipeline

import (
	"cmp"
	"context"
	"fmt"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/export/selection"
	"github.com/refract-io/refract/internal/intake/store"
)

// Expected is what a day must hold by what is in the event store.
type Expected struct {
	Rows int64
	// Values has for each column of a schematized table, in order, the number of values that are not null; columns without any may be
	// missing at the end.
	Values []int64
}

// Expect reads the event store and counts the rows, and for schematized tables the values of each column, that the pipeline must have
// exported up to counts.Published: it selects and splits anew, with the pipeline's selection and mapping.
//
// Where the answer depends on when a record was exported, because the pipeline was edited or its selection looks at user profiles, the
// windows of the manifests are counted, each as it was selected then; a manifest that is missing is not found so.
func Expect(ctx context.Context, s *Store, r store.Reader, p *Pipeline, counts *Counts) (map[Place]*Expected, error) {
	e := &expectation{store: s, reader: r, p: p, places: map[Place]*Expected{}, pending: map[int]int{}}
	if p.Type == TypeAWS {
		mapping, err := s.mapping(ctx, p, 0)
		if err != nil || mapping == nil {
			return e.places, err
		}
		e.mapping = mapping
		e.shredder = schema.NewShredder(mapping)
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
	store    *Store
	reader   store.Reader
	p        *Pipeline
	mapping  *schema.Mapping // nil unless schematized
	shredder *schema.Shredder
	places   map[Place]*Expected
	rows     parquet.Rows
	// pending counts the rows of the tables' groups, all of one day.
	pending map[int]int
	day     event.Day
}

// groupRows is how many rows of a table are counted together.
const groupRows = 256

func (e *expectation) place(at Place) *Expected {
	if e.places[at] == nil {
		e.places[at] = new(Expected)
	}
	return e.places[at]
}

func (e *expectation) snapshot(ctx context.Context, counts *Counts) error {
	row := func(append func() (schema.Row, error)) error {
		if e.shredder == nil {
			e.place(Place{}).Rows++
			return nil
		}
		r, err := append()
		if err != nil {
			return err
		}
		return e.shredded(r)
	}
	var err error
	if e.p.Source == People {
		err = e.reader.ScanProfiles(ctx, e.p.Project, counts.Published, func(distinctID, properties []byte) error {
			return row(func() (schema.Row, error) { return e.shredder.AppendProfile(distinctID, properties) })
		})
	} else {
		err = e.reader.ScanIdentities(ctx, e.p.Project, counts.Published, func(distinctID, resolved []byte) error {
			return row(func() (schema.Row, error) { return e.shredder.AppendIdentity(distinctID, resolved) })
		})
	}
	if err != nil {
		return err
	}
	e.flush()
	return nil
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
	e.flush()
	return nil
}

func (e *expectation) events(b *store.Batch, d event.Day, from, to int) error {
	if e.shredder == nil {
		e.place(Place{Day: d}).Rows += int64(to - from)
		return nil
	}
	if d != e.day {
		e.flush()
		e.day = d
	}
	for i := from; i < to; i++ {
		r, err := e.shredder.AppendEvent(b, i)
		if err != nil {
			return err
		}
		if err := e.shredded(r); err != nil {
			return err
		}
	}
	return nil
}

// shredded counts a row that the shredder has added to its table's group.
func (e *expectation) shredded(r schema.Row) error {
	if r.Table >= len(e.mapping.Tables()) {
		return fmt.Errorf("counting rows: there is no table %d", r.Table)
	}
	if e.pending[r.Table]++; e.pending[r.Table] == groupRows {
		e.flushTable(r.Table)
	}
	return nil
}

func (e *expectation) flush() {
	for table := range e.pending {
		e.flushTable(table)
	}
}

func (e *expectation) flushTable(table int) {
	delete(e.pending, table)
	group := e.shredder.Group(table)
	at := Place{Day: e.day}
	if t := e.mapping.Tables()[table]; e.p.table() != t.Name {
		at.Table = t.Name
	}
	x := e.place(at)
	for e.rows.Reset(group); e.rows.Next(); {
		x.Rows++
		for _, v := range e.rows.Values() {
			for len(x.Values) <= v.Column {
				x.Values = append(x.Values, 0)
			}
			x.Values[v.Column]++
		}
	}
	group.Reset()
}
