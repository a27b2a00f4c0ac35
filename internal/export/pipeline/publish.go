package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// publish brings the mapping file and the catalog up to date with what the manifest names.
func (a *attempt) publish(ctx context.Context, m *lake.Manifest) (*outcome, error) {
	o := &outcome{manifest: m, cataloged: a.p.cataloged}
	var mapping *schema.Mapping
	if a.p.Type == TypeAWS {
		changed, err := a.Store.mapping(ctx, a.p, a.run.Number)
		if err != nil {
			return nil, err
		}
		if changed != nil {
			if err := a.writeMapping(ctx, changed); err != nil {
				return nil, err
			}
		} else if changed, err = a.Store.mapping(ctx, a.p, 0); err != nil {
			return nil, err
		}
		mapping = changed
	}
	if !a.p.Glue.Use {
		return o, nil
	}
	if err := a.catalog(ctx, m, mapping, o); err != nil {
		return nil, &catalogError{err}
	}
	o.cataloged = a.p.Revision
	return o, nil
}

// catalog brings the catalog up to date, and tells o of tables without partitions.
func (a *attempt) catalog(ctx context.Context, m *lake.Manifest, mapping *schema.Mapping, o *outcome) error {
	c, err := a.Destinations.Catalog(ctx, &a.p.Definition)
	if err != nil {
		return fmt.Errorf("opening the catalog of database %s: %w", a.p.Glue.Database, err)
	}
	if a.p.Source.Snapshot() {
		if err := a.holds(ctx); err != nil {
			return err
		}
		return a.publisher.PublishVersion(ctx, c, a.catalogTable(a.p.table(), mapping, m.Location))
	}
	partitions, err := a.partitions(ctx, m)
	if err != nil {
		return err
	}
	for _, name := range sortedTables(partitions) {
		a.progress()
		if err := a.holds(ctx); err != nil {
			return err
		}
		table := a.catalogTable(name, mapping, "")
		unpartitioned, err := a.publisher.PublishPartitions(ctx, c, table, partitions[name])
		if a.p.Sync {
			err = errors.Join(err, a.putBack(ctx, c, table, name, partitions[name]))
		}
		if err != nil {
			return err
		}
		if unpartitioned {
			// Without partitions a reader sees every version of a day until the older ones are removed, which is at once then.
			o.unpartitioned = table.Database + "." + table.Name
		}
	}
	return nil
}

// putBack mends what a worker did that was stopped in the middle of an update of partitions: there is no condition on that in the catalog,
// and the versions that it named may have been replaced, and removed, by a worker that took the pipeline over. The run history has the
// present ones. It fails with errLeaseLost, and does nothing while the lease is held.
func (a *attempt) putBack(ctx context.Context, c catalog.Catalog, t lake.Table, name string, parts []lake.Partition) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer done()
	lost := a.holds(ctx)
	if !errors.Is(lost, errLeaseLost) {
		return lost
	}
	all, err := a.Store.tableDays(ctx, a.p)
	if err != nil {
		return errors.Join(lost, err)
	}
	present := map[event.Day]lake.Window{}
	for _, d := range all {
		if d.Table == name {
			present[d.Day] = lake.Window{UpTo: uint64(d.Version)}
		}
	}
	var current []lake.Partition
	for _, part := range parts {
		if w := present[part.Day]; w.UpTo > 0 {
			location := a.bucket.Location(a.tableLayout(name).DayVersionDir(part.Day, w))
			current = append(current, lake.Partition{Day: part.Day, Location: location})
		}
	}
	_, err = a.publisher.PublishPartitions(ctx, c, t, current)
	return errors.Join(lost, err)
}

// writeMapping stores the file that tells which property became which column.
func (a *attempt) writeMapping(ctx context.Context, m *schema.Mapping) error {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the schema of pipeline %s: %w", a.p.Name, err)
	}
	text = append(text, '\n')
	key := a.p.Layout().SchemaKey(string(a.p.Source))
	if _, err := a.bucket.Put(ctx, key, bytes.NewReader(text), int64(len(text)), bucket.PutOptions{ContentType: "application/json"}); err != nil {
		return fmt.Errorf("writing %s: %w", a.bucket.Location(key), err)
	}
	return nil
}

// catalogTable returns a table as the catalog shall have it; location is that of a snapshot.
func (a *attempt) catalogTable(name string, mapping *schema.Mapping, location string) lake.Table {
	layout := a.tableLayout(name)
	t := lake.Table{
		For:      fmt.Sprintf("%s-%d", a.p.ID, a.p.Revision),
		Database: a.p.Glue.Database, Name: a.p.CatalogTable(name), Format: lake.Format(a.p.Format), Columns: columnsOf(a.p, mapping, name),
		Root: a.bucket.Location(layout.TableDir()), Location: location,
	}
	if location == "" {
		t.Partitioned, t.Location = true, t.Root
	}
	return t
}

func (a *attempt) tableLayout(table string) lake.Layout {
	layout := a.p.Layout()
	layout.Table = table
	return layout
}

func columnsOf(p *Pipeline, mapping *schema.Mapping, table string) []catalog.Column {
	if p.Type == TypeJSON {
		return columns(&p.Definition)
	}
	for _, t := range mapping.Tables() {
		if t.Name == table {
			return t.CatalogColumns()
		}
	}
	return nil
}

// partitions returns what is to be published of each table: the days of the manifest, and after the catalog was changed by an edit all
// days that were exported before.
func (a *attempt) partitions(ctx context.Context, m *lake.Manifest) (map[string][]lake.Partition, error) {
	type place struct {
		table string
		day   event.Day
	}
	version := lake.Window{}
	if a.p.Sync {
		version = a.run.name()
	}
	places := map[place]lake.Window{}
	moved, err := a.moved(ctx)
	if err != nil {
		return nil, err
	}
	if moved {
		before, err := a.Store.tableDays(ctx, a.p)
		if err != nil {
			return nil, err
		}
		for _, d := range before {
			places[place{d.Table, d.Day}] = lake.Window{UpTo: uint64(d.Version)}
		}
	}
	for _, td := range tableDaysOf(m) {
		d, err := event.ParseDay(td.Day)
		if err != nil {
			return nil, fmt.Errorf("reading the manifest of pipeline %s: %w", a.p.Name, err)
		}
		places[place{cmp.Or(td.Table, a.p.table()), d}] = version
	}
	all := map[string][]lake.Partition{}
	for at, w := range places {
		layout := a.tableLayout(at.table)
		dir := layout.DayDir(at.day)
		if w.UpTo > 0 {
			dir = layout.DayVersionDir(at.day, w)
		}
		all[at.table] = append(all[at.table], lake.Partition{Day: at.day, Location: a.bucket.Location(dir)})
	}
	for _, parts := range all {
		slices.SortFunc(parts, func(a, b lake.Partition) int { return cmp.Compare(a.Day, b.Day) })
	}
	return all, nil
}

// moved reports whether the tables were published to another catalog, or by other names, before.
func (a *attempt) moved(ctx context.Context) (bool, error) {
	if a.p.cataloged == 0 || a.p.cataloged == a.p.Revision {
		return false, nil
	}
	before, err := a.Store.definitionAt(ctx, a.p, a.p.cataloged)
	if err != nil {
		return false, err
	}
	was, is := &before.Glue, &a.p.Glue
	return was.Database != is.Database || was.TablePrefix != is.TablePrefix || was.CatalogID != is.CatalogID || was.Region != is.Region ||
		was.Role != is.Role, nil // the role may be of another account
}

// tableDaysOf returns the days of tables that the manifest names, each once.
func tableDaysOf(m *lake.Manifest) []lake.TableDay {
	seen := map[lake.TableDay]bool{}
	var all []lake.TableDay
	add := func(td lake.TableDay) {
		if !seen[td] {
			seen[td] = true
			all = append(all, td)
		}
	}
	for _, o := range m.Data {
		add(lake.TableDay{Table: o.Table, Day: o.Day})
	}
	for _, td := range m.Emptied {
		add(td)
	}
	return all
}

func sortedTables(partitions map[string][]lake.Partition) []string {
	names := make([]string, 0, len(partitions))
	for name := range partitions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
