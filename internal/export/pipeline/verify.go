package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/meta"
)

// DayCount is how many rows of an event day three witnesses count. They agree unless someone changed the objects.
type DayCount struct {
	// Day is 0 for a snapshot.
	Day event.Day
	// Runs is the sum of the run history, Manifests that of the manifests, Objects the lines in the objects that they name.
	Runs, Manifests, Objects int64
}

// Counts are a pipeline's exported rows at one moment.
type Counts struct {
	// Published is the log position up to which everything is counted.
	Published eventlog.Position
	// Days are ascending.
	Days []DayCount
	// Keys are the objects that the manifests name, each with its event day.
	Keys map[string]event.Day
	// Stray are objects of the pipeline below the table that no published run wrote. Snapshots that were replaced and are still
	// readable are none, nor is what runs after Published are writing.
	Stray []string
}

// Verify counts a pipeline's rows per event day in the run history and in the manifests and, when deep, reads every object and
// counts its lines. Without deep, Objects is what the manifests say of the objects that are there.
func Verify(ctx context.Context, s *Store, b bucket.Bucket, p *Pipeline, deep bool) (*Counts, error) {
	counts := map[event.Day]*DayCount{}
	day := func(d event.Day) *DayCount {
		if counts[d] == nil {
			counts[d] = &DayCount{Day: d}
		}
		return counts[d]
	}
	var days map[event.Day]lake.Totals
	err := s.db.InTx(ctx, func(tx *meta.Tx) (err error) {
		if p, err = onePipeline(ctx, tx, `WHERE id = ?`, p.ID); err == nil {
			days, err = queryDays(ctx, tx, p.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for d, t := range days {
		day(d).Runs += t.Rows
	}
	there, keys := map[string]bool{}, map[string]event.Day{}
	layout := p.Layout()
	for o, err := range b.List(ctx, layout.TableDir()) {
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", b.Location(layout.TableDir()), err)
		}
		if layout.Owns(o.Key) {
			there[o.Key] = true
		}
	}
	count := func(m *lake.Manifest) error {
		for _, o := range m.Data {
			var d event.Day
			if o.Day != "" {
				var err error
				if d, err = event.ParseDay(o.Day); err != nil {
					return err
				}
			}
			keys[o.Key] = d
			c := day(d)
			c.Manifests += o.Rows
			if !there[o.Key] {
				continue
			}
			delete(there, o.Key)
			rows := o.Rows
			if deep {
				read, err := lake.Count(ctx, b, o.Key, nil)
				if err != nil {
					return err
				}
				rows = read.Rows
			}
			c.Objects += rows
		}
		return nil
	}
	replaced := func(m *lake.Manifest) {
		for _, o := range m.Data {
			delete(there, o.Key)
		}
	}
	if err := eachPublished(ctx, b, p, count, replaced); err != nil {
		return nil, err
	}
	all := &Counts{Published: p.Published, Keys: keys}
	for _, c := range counts {
		all.Days = append(all.Days, *c)
	}
	slices.SortFunc(all.Days, func(a, b DayCount) int { return int(a.Day) - int(b.Day) })
	for key := range there {
		if w, ok := layout.Window(key); !ok || w.After < uint64(p.Published) {
			all.Stray = append(all.Stray, key)
		}
	}
	slices.Sort(all.Stray)
	return all, nil
}

// eachPublished calls fn with the manifests that make up the table: all that are published, or a snapshot's newest. It calls replaced
// with those of the snapshots before.
func eachPublished(ctx context.Context, b bucket.Bucket, p *Pipeline, fn func(*lake.Manifest) error, replaced func(*lake.Manifest)) error {
	var newest *lake.Manifest
	err := lake.Manifests(ctx, b, p.Layout(), func(m *lake.Manifest) error {
		if m.Window.UpTo > uint64(p.Published) {
			return nil // its run has not ended
		}
		if !p.Source.Snapshot() {
			return fn(m)
		}
		if newest != nil {
			replaced(newest)
		}
		newest = m
		return nil
	})
	if err == nil && newest != nil {
		err = fn(newest)
	}
	return err
}
