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
	seen map[string]map[event.Day]time.Time
}

// NewPublisher returns a publisher that tells time with now.
func NewPublisher(now func() time.Time) *Publisher {
	return &Publisher{now: now, seen: map[string]map[event.Day]time.Time{}}
}

// PublishDays makes the table and the partitions of the days exist with their locations. What users added to the table or to
// partitions stays. It takes a constant number of calls for up to 100 days, none when all was seen within the last minute, and is
// idempotent.
func (p *Publisher) PublishDays(ctx context.Context, c catalog.Catalog, t Table, days []event.Day) error {
	id := t.Database + "." + t.Name + " " + t.Location
	missing := p.unseen(id, days)
	if len(missing) == 0 {
		return nil
	}
	table, err := ensureTable(ctx, c, t)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(missing, catalog.MaxBatchCreate) {
		if err := ensurePartitions(ctx, c, t, &table.StorageDescriptor, batch); err != nil {
			return err
		}
		p.remember(id, batch)
	}
	return nil
}

// PublishVersion makes the table exist and point to t.Location. It is idempotent.
func (p *Publisher) PublishVersion(ctx context.Context, c catalog.Catalog, t Table) error {
	_, err := ensureTable(ctx, c, t)
	return err
}

func (p *Publisher) unseen(id string, days []event.Day) []event.Day {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := p.now().Add(-verifiedFor)
	seen := p.seen[id]
	maps.DeleteFunc(seen, func(_ event.Day, at time.Time) bool { return at.Before(oldest) })
	return slices.DeleteFunc(slices.Clone(days), func(d event.Day) bool { _, ok := seen[d]; return ok })
}

func (p *Publisher) remember(id string, days []event.Day) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[id] == nil {
		p.seen[id] = map[event.Day]time.Time{}
	}
	for _, d := range days {
		p.seen[id][d] = p.now()
	}
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
// when that says that the table exists was access denied indeed.
func getTable(ctx context.Context, c catalog.Catalog, t Table) (table *catalog.Table, err error) {
	err = timed(ctx, func(ctx context.Context) error {
		table, err = c.GetTable(ctx, t.Database, t.Name)
		return err
	})
	if !errors.Is(err, catalog.ErrAccessDenied) {
		return table, err
	}
	if created := createTable(ctx, c, t); created != nil {
		return nil, err
	}
	return &catalog.Table{TableInput: t.input(), DatabaseName: t.Database}, nil
}

// createTable creates the table, and its database when there is none.
func createTable(ctx context.Context, c catalog.Catalog, t Table) error {
	create := func(ctx context.Context) error { return c.CreateTable(ctx, t.Database, t.input()) }
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
	var keys []string
	for _, k := range in.PartitionKeys {
		keys = append(keys, strings.ToLower(k.Name))
	}
	if want := t.partitionKeys(); !slices.Equal(keys, want) {
		return in, false, refuse("its partition keys are %v, not %v", keys, want)
	}
	if location != t.Location {
		in.StorageDescriptor.Location = t.Location
		changed = true
	}
	var add []catalog.Column
	for _, column := range t.Columns {
		if !slices.ContainsFunc(in.StorageDescriptor.Columns, func(have catalog.Column) bool { return strings.EqualFold(have.Name, column.Name) }) {
			add = append(add, column)
		}
	}
	if len(add) > 0 {
		in.StorageDescriptor.Columns = slices.Concat(in.StorageDescriptor.Columns, add)
		changed = true
	}
	return in, changed, nil
}

func (t *Table) partitionKeys() []string {
	if t.Partitioned {
		return []string{PartitionKey}
	}
	return nil
}

// ensurePartitions makes at most 100 partitions exist, each with a whole storage descriptor, since readers take nothing over from
// the table. Existing ones only get their location set right.
func ensurePartitions(ctx context.Context, c catalog.Catalog, t Table, sd *catalog.StorageDescriptor, days []event.Day) error {
	name := t.Database + "." + t.Name
	for range updateTries {
		update, create, err := t.comparePartitions(ctx, c, sd, days)
		if err != nil {
			return catalogFault("reading partitions of", name, err)
		}
		if len(update) > 0 {
			err := timed(ctx, func(ctx context.Context) error { return c.BatchUpdatePartition(ctx, t.Database, t.Name, update) })
			if again(err, catalog.ErrNotFound, catalog.ErrConcurrentModification) {
				continue
			}
			if err != nil {
				return catalogFault("updating partitions of", name, err)
			}
		}
		if len(create) == 0 {
			return nil
		}
		err = timed(ctx, func(ctx context.Context) error { return c.BatchCreatePartition(ctx, t.Database, t.Name, create) })
		// A partition that exists now, made by someone else or by a call whose answer was lost, is compared like any other.
		if again(err, catalog.ErrAlreadyExists, catalog.ErrConcurrentModification) {
			continue
		}
		if err != nil {
			return catalogFault("creating partitions of", name, err)
		}
		return nil
	}
	return fault.New(fault.Transient, "publishing partitions of", name, catalog.ErrConcurrentModification, "others change the partitions all the time")
}

func (t *Table) comparePartitions(ctx context.Context, c catalog.Catalog, sd *catalog.StorageDescriptor, days []event.Day) (update, create []catalog.PartitionInput, err error) {
	var have []*catalog.Partition
	err = timed(ctx, func(ctx context.Context) error {
		have, err = c.GetPartitions(ctx, t.Database, t.Name, daysExpression(days))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	byDay := map[string]*catalog.Partition{}
	for _, p := range have {
		if len(p.Values) == 1 {
			byDay[p.Values[0]] = p
		}
	}
	for _, d := range days {
		location := t.Location + d.Path() + "/"
		p, ok := byDay[d.String()]
		switch {
		case !ok:
			own := *sd
			own.Location = location
			create = append(create, catalog.PartitionInput{Values: []string{d.String()}, StorageDescriptor: own})
		case withSlash(p.StorageDescriptor.Location) != location:
			in := p.PartitionInput
			in.StorageDescriptor.Location = location
			update = append(update, in)
		}
	}
	return update, create, nil
}

// daysExpression selects the partitions of at most 100 days; it stays below the 2,048 characters that Glue takes.
func daysExpression(days []event.Day) string {
	quoted := make([]string, len(days))
	for i, d := range days {
		quoted[i] = "'" + d.String() + "'"
	}
	return PartitionKey + " IN (" + strings.Join(quoted, ", ") + ")"
}

// again reports whether err is about some items only, each with one of the causes.
func again(err error, causes ...error) bool {
	is := func(err error) bool {
		return slices.ContainsFunc(causes, func(c error) bool { return errors.Is(err, c) })
	}
	if batch, ok := errors.AsType[*catalog.BatchError](err); ok {
		return !slices.ContainsFunc(batch.Failed, func(f catalog.PartitionError) bool { return !is(f.Err) })
	}
	return err != nil && is(err)
}

// catalogFault gives the catalog's answers that carry no class one.
func catalogFault(op, object string, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s %s: %w", op, object, err)
	}
	cause := err
	if batch, ok := errors.AsType[*catalog.BatchError](err); ok {
		cause = batch.Failed[0].Err
	}
	switch {
	case errors.Is(cause, catalog.ErrAccessDenied):
		return fault.New(fault.Setup, op, object, err, "give the role the Glue actions of the setup page, and under Lake Formation CREATE_TABLE on the database and the data location")
	case errors.Is(cause, catalog.ErrInvalidInput):
		return fault.New(fault.Setup, op, object, err, "check the names of database and table")
	case errors.Is(cause, catalog.ErrNotFound), errors.Is(cause, catalog.ErrConcurrentModification), errors.Is(cause, context.DeadlineExceeded):
		return fault.New(fault.Transient, op, object, err, "")
	case fault.ClassOf(cause) != fault.Bug:
		return fault.New(fault.ClassOf(cause), op, object, err, "")
	}
	return fmt.Errorf("%s %s: %w", op, object, err)
}

func timed(ctx context.Context, call func(context.Context) error) error {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	return call(ctx)
}

func withSlash(location string) string { return strings.TrimSuffix(location, "/") + "/" }
