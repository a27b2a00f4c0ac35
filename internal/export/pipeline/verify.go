package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/meta"
)

// Place is an event day of a table.
type Place struct {
	// Table is "" where a pipeline has one table or none.
	Table string
	// Day is 0 for a snapshot.
	Day event.Day
}

// DayCount is how many rows of an event day three witnesses count. They agree unless someone changed the objects.
type DayCount struct {
	Place
	// Runs is the sum of the run history, Manifests that of the manifests, Objects the rows in the objects that they name.
	Runs, Manifests, Objects int64
	// RunValues, ManifestValues and, when deep, ObjectValues have for each column of a schematized table, in order, the number of values
	// that are not null; columns without any may be missing at the end.
	RunValues, ManifestValues, ObjectValues []int64
	// ObjectMembers is, when deep, the number of members of mp_properties.
	ObjectMembers int64
}

// OversizeCount is how many rows over a limit are kept whole.
type OversizeCount struct {
	// Manifests is the sum of the manifests, Objects the rows in the objects that they name.
	Manifests, Objects int64
}

// Counts are a pipeline's exported rows at one moment.
type Counts struct {
	// Published is the log position up to which everything is counted.
	Published eventlog.Position
	// Days are ascending by table and day.
	Days []DayCount
	// Oversize counts the rows that belong to those of Days.
	Oversize OversizeCount
	// Keys are the objects that the manifests name, each with its place.
	Keys map[string]Place
	// Stray are objects of the pipeline below its folder that no published run wrote. Snapshots and days that were replaced and are still
	// readable are none, nor is what runs after Published are writing.
	Stray []string
	// Manifests are the published ones, in the order of their windows.
	Manifests []*lake.Manifest
}

// Verify counts a pipeline's rows per table and event day in the run history and in the manifests and, when deep, reads every object and
// counts its rows. Without deep, Objects is what the manifests say of the objects that are there.
func Verify(ctx context.Context, s *Store, b bucket.Bucket, p *Pipeline, deep bool) (*Counts, error) {
	v := &witnesses{bucket: b, deep: deep, there: map[string]bool{}, days: map[Place]*DayCount{}, all: &Counts{Keys: map[string]Place{}}}
	var days []TableDay
	err := s.db.InTx(ctx, func(tx *meta.Tx) (err error) {
		if v.p, err = onePipeline(ctx, tx, `WHERE id = ?`, p.ID); err == nil {
			days, err = queryTableDays(ctx, tx, p.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	v.all.Published = v.p.Published
	if v.p.Type == TypeAWS {
		mapping, err := s.mapping(ctx, v.p, 0)
		if err != nil {
			return nil, err
		}
		v.columns = columnNames(v.p, mapping)
	}
	for _, d := range days {
		place := Place{Day: d.Day}
		if d.Table != v.p.table() {
			place.Table = d.Table
		}
		c := v.day(place)
		c.Runs += d.Rows
		c.RunValues = lake.AddValues(c.RunValues, d.Values)
	}
	if err := v.count(ctx); err != nil {
		return nil, err
	}
	for _, c := range v.days {
		v.all.Days = append(v.all.Days, *c)
	}
	slices.SortFunc(v.all.Days, func(a, b DayCount) int { return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Day, b.Day)) })
	slices.Sort(v.all.Stray)
	return v.all, nil
}

// witnesses collects what Verify finds.
type witnesses struct {
	p      *Pipeline
	bucket bucket.Bucket
	deep   bool
	// there are the pipeline's objects that no manifest has named yet.
	there map[string]bool
	days  map[Place]*DayCount
	// columns are those of schematized tables, by the table of a Place.
	columns map[string][]string
	all     *Counts
}

func columnNames(p *Pipeline, mapping *schema.Mapping) map[string][]string {
	names := map[string][]string{}
	if mapping == nil {
		return names
	}
	for _, t := range mapping.Tables() {
		at := t.Name
		if at == p.table() {
			at = ""
		}
		for _, c := range t.Columns() {
			names[at] = append(names[at], c.Name)
		}
	}
	return names
}

func (v *witnesses) day(at Place) *DayCount {
	if v.days[at] == nil {
		v.days[at] = &DayCount{Place: at}
	}
	return v.days[at]
}

// count compares the objects with the manifests.
func (v *witnesses) count(ctx context.Context) error {
	layout := v.p.Layout()
	for o, err := range v.bucket.List(ctx, layout.TableDir()) {
		if err != nil {
			return fmt.Errorf("listing %s: %w", v.bucket.Location(layout.TableDir()), err)
		}
		if layout.Owns(o.Key) {
			v.there[o.Key] = true
		}
	}
	err := lake.Manifests(ctx, v.bucket, layout, func(m *lake.Manifest) error {
		if m.Window.UpTo <= uint64(v.p.Published) { // else its run has not ended
			v.all.Manifests = append(v.all.Manifests, m)
		}
		return nil
	})
	if err != nil {
		return err
	}
	current, err := v.current()
	if err != nil {
		return err
	}
	for _, m := range v.all.Manifests {
		for _, o := range m.Data {
			at, err := placeOf(o.Table, o.Day)
			if err != nil {
				return err
			}
			if newest, replaced := current[at]; replaced && newest != m {
				delete(v.there, o.Key)
				continue
			}
			if err := v.object(ctx, &o, at); err != nil {
				return err
			}
		}
		for _, o := range m.Oversize {
			at, err := placeOf(o.Table, o.Day)
			if err != nil {
				return err
			}
			if newest, replaced := current[at]; replaced && newest != m {
				continue
			}
			if err := v.oversize(ctx, &o); err != nil {
				return err
			}
		}
	}
	for key := range v.there {
		if w, ok := layout.Window(key); !ok || w.After < uint64(v.p.Published) {
			v.all.Stray = append(v.all.Stray, key)
		}
	}
	return nil
}

// current returns the newest manifest of each place of a pipeline whose runs replace days or snapshots; empty for pipelines that add.
func (v *witnesses) current() (map[Place]*lake.Manifest, error) {
	current := map[Place]*lake.Manifest{}
	if !v.p.Sync && !v.p.Source.Snapshot() {
		return current, nil
	}
	for _, m := range v.all.Manifests {
		if v.p.Source.Snapshot() {
			current[Place{}] = m
			continue
		}
		for _, td := range tableDaysOf(m) {
			at, err := placeOf(td.Table, td.Day)
			if err != nil {
				return nil, err
			}
			current[at] = m
		}
	}
	return current, nil
}

// object counts an object that a manifest names.
func (v *witnesses) object(ctx context.Context, o *lake.Object, at Place) error {
	v.all.Keys[o.Key] = at
	c := v.day(at)
	c.Manifests += o.Rows
	c.ManifestValues = lake.AddValues(c.ManifestValues, o.Values)
	if !v.there[o.Key] {
		return nil
	}
	delete(v.there, o.Key)
	if !v.deep {
		c.Objects += o.Rows
		return nil
	}
	held, err := lake.Count(ctx, v.bucket, o.Key, v.columns[at.Table], schema.OverflowName)
	if err != nil {
		return err
	}
	c.Objects += held.Rows
	c.ObjectValues = lake.AddValues(c.ObjectValues, held.Values)
	c.ObjectMembers += held.Members
	return nil
}

// oversize counts an object of rows that are kept whole.
func (v *witnesses) oversize(ctx context.Context, o *lake.Object) error {
	v.all.Oversize.Manifests += o.Rows
	rows := o.Rows
	_, err := v.bucket.Head(ctx, o.Key)
	if err == nil && v.deep {
		var held *lake.Counts
		if held, err = lake.Count(ctx, v.bucket, o.Key, nil, ""); err == nil {
			rows = held.Rows
		}
	}
	if errors.Is(err, bucket.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("counting the rows in %s: %w", v.bucket.Location(o.Key), err)
	}
	v.all.Oversize.Objects += rows
	return nil
}

func placeOf(table, day string) (Place, error) {
	if day == "" {
		return Place{Table: table}, nil
	}
	d, err := event.ParseDay(day)
	return Place{table, d}, err
}
