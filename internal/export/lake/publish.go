package lake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
)

const (
	// verifiedFor is how long a partition that was seen in the catalog is taken to be there still.
	verifiedFor = time.Minute
	// updateTries bounds how often an update that met a concurrent one is repeated from a fresh read.
	updateTries = 8
	// callTimeout bounds one call to the catalog.
	callTimeout = time.Minute
)

// Publisher brings catalogs up to date. It remembers for a minute which partitions it has seen in place, so that a pipeline that
// adds to the same day every second does not ask for it every second. It is safe for concurrent use.
type Publisher struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[string]*published
}

// published is what was seen of a table in the catalog.
type published struct {
	columns    []catalog.Column
	partitions map[event.Day]placed
}

// placed is where a partition was, and when that was seen.
type placed struct {
	location string
	at       time.Time
}

// NewPublisher returns a publisher that tells time with now.
func NewPublisher(now func() time.Time) *Publisher {
	return &Publisher{now: now, seen: map[string]*published{}}
}

// PublishPartitions makes the table and the partitions exist with their columns and locations. What users added to the table or to
// partitions stays. It takes a constant number of calls for up to 100 partitions, none when all was seen within the last minute, and
// is idempotent.
//
// A role that may not work on partitions gets a table without partition keys that points at its root (Mixpanel, "AWS Glue": partitions
// are optional); unpartitioned tells that the table is such a one. Its readers see whatever lies below the root, all versions of a day
// too: the caller removes the older ones at once. It is a fault.Setup if the table has partition keys already.
func (p *Publisher) PublishPartitions(ctx context.Context, c catalog.Catalog, t Table, parts []Partition) (unpartitioned bool, err error) {
	id := t.For + " " + t.Database + "." + t.Name + " " + t.Location
	missing := p.unseen(id, t.Columns, parts)
	if len(missing) == 0 {
		return false, nil
	}
	table, err := ensureTable(ctx, c, t)
	if err != nil {
		return false, err
	}
	if len(table.PartitionKeys) == 0 {
		return true, nil
	}
	for batch := range slices.Chunk(missing, catalog.MaxBatchCreate) {
		if err := ensurePartitions(ctx, c, t, &table.StorageDescriptor, batch); err != nil {
			return false, err
		}
		p.remember(id, t.Columns, batch)
	}
	return false, nil
}

// PublishVersion makes the table exist and point to t.Location. It is idempotent.
func (p *Publisher) PublishVersion(ctx context.Context, c catalog.Catalog, t Table) error {
	_, err := ensureTable(ctx, c, t)
	return err
}

// unseen returns the partitions that were not seen in place lately, all of them if the table has other columns now.
func (p *Publisher) unseen(id string, columns []catalog.Column, parts []Partition) []Partition {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen[id]
	if seen == nil || !sameColumns(seen.columns, columns) {
		return parts
	}
	oldest := p.now().Add(-verifiedFor)
	maps.DeleteFunc(seen.partitions, func(_ event.Day, at placed) bool { return at.at.Before(oldest) })
	return slices.DeleteFunc(slices.Clone(parts), func(part Partition) bool { return seen.partitions[part.Day].location == part.Location })
}

func (p *Publisher) remember(id string, columns []catalog.Column, parts []Partition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen[id]
	if seen == nil || !sameColumns(seen.columns, columns) {
		seen = &published{slices.Clone(columns), map[event.Day]placed{}}
		p.seen[id] = seen
	}
	for _, part := range parts {
		seen.partitions[part.Day] = placed{part.Location, p.now()}
	}
}

func sameColumns(a, b []catalog.Column) bool {
	return slices.EqualFunc(a, b, func(a, b catalog.Column) bool { return a.Name == b.Name && a.Type == b.Type })
}

// ensureTable creates or updates the table and returns it as it is then. An update is made only when a column of ours is missing or
// a snapshot's location changes, under the version that was read.
func ensureTable(ctx context.Context, c catalog.Catalog, t Table) (*catalog.Table, error) {
	name := t.Database + "." + t.Name
	for range updateTries {
		table, err := getTable(ctx, c, t)
		switch {
		case errors.Is(err, catalog.ErrNotFound):
			err := createTable(ctx, c, t)
			if err != nil && !errors.Is(err, catalog.ErrAlreadyExists) {
				return nil, catalogFault("creating table", name, err)
			}
			continue
		case err != nil:
			return nil, catalogFault("reading table", name, err)
		}
		in, changed, err := t.merge(table)
		if err != nil || !changed {
			return table, err
		}
		err = timed(ctx, func(ctx context.Context) error { return c.UpdateTable(ctx, t.Database, in, table.VersionID, true) })
		if err == nil {
			table.TableInput = in
			return table, nil
		}
		if !errors.Is(err, catalog.ErrConcurrentModification) {
			return nil, catalogFault("updating table", name, err)
		}
	}
	return nil, fault.New(fault.Transient, "updating table", name, catalog.ErrConcurrentModification, "others change the table all the time")
}

// getTable reads the table. Lake Formation answers AccessDenied for a table that does not exist, so creating it is tried then: only
// when that says that the table exists was access denied indeed. When it is denied too, that tells what is missing.
func getTable(ctx context.Context, c catalog.Catalog, t Table) (table *catalog.Table, err error) {
	err = timed(ctx, func(ctx context.Context) error {
		table, err = c.GetTable(ctx, t.Database, t.Name)
		return err
	})
	if !errors.Is(err, catalog.ErrAccessDenied) {
		return table, err
	}
	switch created := createTable(ctx, c, t); {
	case created == nil:
		return nil, catalog.ErrNotFound // a moment ago
	case errors.Is(created, catalog.ErrAlreadyExists):
		return nil, err
	default:
		return nil, created
	}
}

// createTable creates the table, and its database when there is none. It has no partition keys if the role may not work on
// partitions.
func createTable(ctx context.Context, c catalog.Catalog, t Table) error {
	in := t.input()
	if t.Partitioned {
		denied, err := partitionsDenied(ctx, c, t)
		if err != nil {
			return err
		}
		if denied {
			in.PartitionKeys = []catalog.Column{}
		}
	}
	create := func(ctx context.Context) error { return c.CreateTable(ctx, t.Database, in) }
	err := timed(ctx, create)
	if !errors.Is(err, catalog.ErrNotFound) {
		return err
	}
	err = timed(ctx, func(ctx context.Context) error {
		return c.CreateDatabase(ctx, catalog.Database{Name: t.Database, Description: "Mixpanel data exported by Refract"})
	})
	if err != nil && !errors.Is(err, catalog.ErrAlreadyExists) {
		return err
	}
	return timed(ctx, create)
}

// merge returns what the table's definition becomes: its own, with our columns that are missing at the end and our location.
func (t *Table) merge(table *catalog.Table) (in catalog.TableInput, changed bool, err error) {
	in = table.TableInput
	refuse := func(format string, args ...any) error {
		return fault.New(fault.Setup, "publishing to table", t.Database+"."+t.Name, fmt.Errorf(format, args...),
			"drop that table if nobody needs it, or make a pipeline with another database or table")
	}
	location := withSlash(in.StorageDescriptor.Location)
	switch {
	case t.Partitioned && location != t.Root:
		return in, false, refuse("it lies in %s, not in %s", location, t.Root)
	case !strings.HasPrefix(location, t.Root):
		return in, false, refuse("it lies in %s, not below %s", location, t.Root)
	}
	if have := formatOf(&in.StorageDescriptor); have != "" && have != t.format() {
		return in, false, refuse("it is a table of %s, not of %s", have, t.format())
	}
	if keys := partitionKeys(&in); len(keys) > 0 && !slices.Equal(keys, t.partitionKeys()) {
		return in, false, refuse("its partition keys are %v, not %v", keys, t.partitionKeys())
	}
	// A worker that was stopped for long does not take the place of one that has gone on.
	if location != t.Location && !newer(location, t.Location) {
		in.StorageDescriptor.Location = t.Location
		changed = true
	}
	if add := missingColumns(in.StorageDescriptor.Columns, t.Columns); len(add) > 0 {
		in.StorageDescriptor.Columns = slices.Concat(in.StorageDescriptor.Columns, add)
		changed = true
	}
	return in, changed, nil
}

// missingColumns returns the wanted columns that are not there.
func missingColumns(have, want []catalog.Column) (missing []catalog.Column) {
	names := make(map[string]struct{}, len(have))
	for _, c := range have {
		names[strings.ToLower(c.Name)] = struct{}{}
	}
	for _, c := range want {
		if _, ok := names[strings.ToLower(c.Name)]; !ok {
			missing = append(missing, c)
		}
	}
	return missing
}

// formatOf returns the format of a table whose SerDe is one of ours.
func formatOf(sd *catalog.StorageDescriptor) Format {
	for format, d := range definitions {
		if d.library == sd.SerdeInfo.SerializationLibrary {
			return format
		}
	}
	return ""
}

func partitionKeys(in *catalog.TableInput) (keys []string) {
	for _, k := range in.PartitionKeys {
		keys = append(keys, strings.ToLower(k.Name))
	}
	return keys
}

func (t *Table) partitionKeys() []string {
	if t.Partitioned {
		return []string{PartitionKey}
	}
	return nil
}

func timed(ctx context.Context, call func(context.Context) error) error {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	return call(ctx)
}

func withSlash(location string) string { return strings.TrimSuffix(location, "/") + "/" }
