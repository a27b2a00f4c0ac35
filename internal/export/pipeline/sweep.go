package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// sweep removes what earlier attempts at the run have left and m does not name: they may have cut parts otherwise or, when the pipeline
// was edited in between, have written other tables and days.
func (a *attempt) sweep(ctx context.Context, m *lake.Manifest) error {
	if a.run.Revision == a.p.Revision && a.p.table() == "" {
		dirs := map[string]bool{}
		for _, o := range slices.Concat(m.Data, m.Oversize) {
			dirs[o.Key[:strings.LastIndexByte(o.Key, '/')+1]] = true
		}
		sorted := make([]string, 0, len(dirs))
		for dir := range dirs {
			sorted = append(sorted, dir)
		}
		slices.Sort(sorted)
		return lake.Sweep(ctx, a.bucket, a.p.Layout(), a.run.name(), sorted, m)
	}
	return a.clear(ctx, m)
}

// clear removes what any attempt at the run has written and m does not name.
func (a *attempt) clear(ctx context.Context, m *lake.Manifest) error {
	layout := a.p.Layout()
	days, err := a.days(ctx)
	if err != nil {
		return err
	}
	switch {
	case a.p.table() != "":
		return lake.Sweep(ctx, a.bucket, layout, a.run.name(), layout.Folders(a.run.name(), days, a.p.Sync), m)
	case a.p.Type == TypeRaw:
		for _, d := range days {
			if err := a.clearBelow(ctx, layout.DayDir(d), m); err != nil {
				return err
			}
		}
		return nil
	default:
		// Which events have come so far, and so which tables, is known from the objects alone.
		return a.clearBelow(ctx, layout.TableDir(), m)
	}
}

// clearBelow removes the run's objects below the prefix that m does not name.
func (a *attempt) clearBelow(ctx context.Context, prefix string, m *lake.Manifest) error {
	named := map[string]bool{}
	for _, o := range slices.Concat(m.Data, m.Oversize) {
		named[o.Key] = true
	}
	return lake.DeleteBelow(ctx, a.bucket, prefix, func(key string) bool {
		w, ours := a.p.Layout().Window(key)
		return ours && w == a.run.name() && !named[key]
	})
}

// days returns the days that the run's window can hold, nil for snapshots only.
func (a *attempt) days(ctx context.Context) ([]event.Day, error) {
	if a.p.Source.Snapshot() {
		return nil, nil
	}
	segments, err := a.Reader.Segments(ctx, a.run.window(&a.p.Definition))
	if err != nil {
		return nil, fmt.Errorf("listing the days of a run of pipeline %s: %w", a.p.Name, err)
	}
	seen := map[event.Day]bool{}
	for _, s := range segments {
		for _, d := range s.Days {
			from, to := d.Day, d.Day
			if a.p.zoned() {
				from, to = a.calendar.day(d.Day.StartMillis()), a.calendar.day(d.Day.EndMillis()-1)
			}
			for d := min(from, to); d <= max(from, to); d++ {
				if a.p.selects(d) {
					seen[d] = true
				}
			}
		}
	}
	days := make([]event.Day, 0, len(seen))
	for d := range seen {
		days = append(days, d)
	}
	slices.Sort(days)
	return days, nil
}

// removeVersion removes the objects of a version of a day that was replaced, and the rows that were kept whole beside it.
func removeVersion(ctx context.Context, b bucket.Bucket, p *Pipeline, v *version) error {
	layout := p.Layout()
	layout.Table = cmp.Or(v.table, layout.Table)
	w := lake.Window{UpTo: uint64(v.upTo)}
	all := func(string) bool { return true }
	if err := lake.DeleteBelow(ctx, b, layout.DayVersionDir(v.day, w), all); err != nil {
		return err
	}
	return lake.DeleteBelow(ctx, b, layout.OversizeDayDir(v.day), func(key string) bool {
		of, ours := layout.Window(key)
		return ours && of.UpTo == w.UpTo
	})
}
