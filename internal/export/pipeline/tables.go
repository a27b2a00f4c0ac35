package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/export/selection"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/store"
)

// kind returns which tables the pipeline's mapping has.
func (s *Spec) kind() schema.Kind {
	switch {
	case s.Source == People:
		return schema.People
	case s.Source == Identities:
		return schema.Identities
	case s.SchemaType == Multischema:
		return schema.Multischema
	}
	return schema.Monoschema
}

// writeTables writes the rows of a schematized pipeline. It returns the mapping that it has arrived at if that is not the pipeline's.
func (a *attempt) writeTables(ctx context.Context) (*lake.Manifest, *schema.Mapping, error) {
	before, err := a.Store.mapping(ctx, a.p, 0)
	if err != nil {
		return nil, nil, err
	}
	var mapping *schema.Mapping
	if before != nil {
		mapping = before.Clone()
	} else if mapping, err = schema.New(a.p.kind(), 0); err != nil {
		return nil, nil, fmt.Errorf("making the schema of pipeline %s: %w", a.p.Name, err)
	}
	var days map[event.Day]bool
	if a.p.Sync && a.run.After > 0 {
		if days, err = a.touched(ctx); err != nil {
			return nil, nil, err
		}
	}
	out := transform.NewTables(ctx, a.bucket, mapping, transform.TablesOptions{
		Format: lake.Format(a.p.Format), Layout: a.p.Layout(), Window: a.run.name(), Versioned: a.p.Sync, Snapshot: a.p.Source.Snapshot(),
		Writer: a.writer(), Groups: a.groups,
	})
	if err := a.scanTables(ctx, out, days); err != nil {
		out.Abort()
		return nil, nil, err
	}
	data, oversize, err := out.Close()
	if err != nil {
		return nil, nil, err
	}
	format := lake.SchematizedJSON
	if a.p.Format == Parquet {
		format = lake.SchematizedParquet
	}
	m := a.manifest(format, data, oversize)
	m.Totals.Long, m.Totals.Reduced = out.Long(), out.Reduced()
	if a.p.Sync {
		if m.Emptied, err = a.emptied(ctx, m, days); err != nil {
			return nil, nil, err
		}
	}
	if before != nil && before.Version() == mapping.Version() {
		mapping = nil
	}
	return m, mapping, nil
}

// scanTables writes the rows of the run's window or, for a sync pipeline, all rows of the days.
func (a *attempt) scanTables(ctx context.Context, out *transform.Tables, days map[event.Day]bool) error {
	switch a.p.Source {
	case People:
		return a.Reader.ScanProfiles(ctx, a.p.Project, a.run.UpTo, func(distinctID, properties []byte, received int64) error {
			a.progress()
			return out.Profile(distinctID, properties, received)
		})
	case Identities:
		return a.Reader.ScanIdentities(ctx, a.p.Project, a.run.UpTo, func(distinctID, resolved []byte) error {
			a.progress()
			return out.Identity(distinctID, resolved)
		})
	}
	selector, err := a.selector(ctx)
	if err != nil {
		return err
	}
	if days == nil {
		return a.scanDays(ctx, a.run.window(&a.p.Definition), selector, out, nil)
	}
	for _, w := range a.wholeDays(days) {
		if err := a.scanDays(ctx, w, selector, out, days); err != nil {
			return err
		}
	}
	return nil
}

// scanDays writes the window's rows of the days, nil for all.
func (a *attempt) scanDays(ctx context.Context, w store.Window, s *selection.Selector, out *transform.Tables, days map[event.Day]bool) error {
	return a.scan(ctx, w, s, func(b *store.Batch) error {
		return a.spans(b, func(d event.Day, from, to int) error {
			if days != nil && !days[d] {
				return nil
			}
			if err := out.Day(d); err != nil {
				return err
			}
			for i := from; i < to; i++ {
				if err := out.Event(b, i); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// touched returns the days that the run's window has selected events of.
func (a *attempt) touched(ctx context.Context) (map[event.Day]bool, error) {
	selector, err := a.selector(ctx)
	if err != nil {
		return nil, err
	}
	days := map[event.Day]bool{}
	err = a.scan(ctx, a.run.window(&a.p.Definition), selector, func(b *store.Batch) error {
		return a.spans(b, func(d event.Day, _, _ int) error {
			days[d] = true
			return nil
		})
	})
	return days, err
}

// wholeDays returns windows that hold all that has arrived of the days, up to the run's position and whatever their age. They are
// ascending and do not overlap.
func (a *attempt) wholeDays(days map[event.Day]bool) []store.Window {
	sorted := make([]event.Day, 0, len(days))
	for d := range days {
		sorted = append(sorted, d)
	}
	slices.Sort(sorted)
	var all []store.Window
	for _, d := range sorted {
		first, last := a.calendar.utcDays(d)
		if n := len(all); n > 0 && first <= all[n-1].LastDay+1 {
			all[n-1].LastDay = last
			continue
		}
		all = append(all, store.Window{Project: a.p.Project, Kind: event.KindEvent, UpTo: a.run.UpTo, FirstDay: first, LastDay: last})
	}
	return all
}

// emptied returns the days of tables that had rows and have none in the new version: the selection was narrowed since.
func (a *attempt) emptied(ctx context.Context, m *lake.Manifest, days map[event.Day]bool) ([]lake.TableDay, error) {
	if days == nil {
		return nil, nil
	}
	before, err := a.Store.tableDays(ctx, a.p)
	if err != nil {
		return nil, err
	}
	written := map[lake.TableDay]bool{}
	for _, o := range m.Data {
		written[lake.TableDay{Table: o.Table, Day: o.Day}] = true
	}
	var all []lake.TableDay
	for _, t := range before {
		td := lake.TableDay{Day: t.Day.String()}
		if t.Table != a.p.table() {
			td.Table = t.Table
		}
		if days[t.Day] && t.Rows > 0 && !written[td] {
			all = append(all, td)
		}
	}
	return all, nil
}
