package lake

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/fault"
)

// partitionActions are the actions that publishing partitions takes.
const partitionActions = "glue:GetPartitions, glue:BatchCreatePartition and glue:BatchUpdatePartition (or glue:UpdatePartition)"

// ensurePartitions makes at most 100 partitions exist, each with a whole storage descriptor, since readers take nothing over from
// the table. Existing ones get their location set right, and the table's columns that they lack.
func ensurePartitions(ctx context.Context, c catalog.Catalog, t Table, sd *catalog.StorageDescriptor, parts []Partition) error {
	name := t.Database + "." + t.Name
	for range updateTries {
		update, create, err := t.comparePartitions(ctx, c, sd, parts)
		if err != nil {
			return partitionFault("reading partitions of", name, err)
		}
		if len(update) > 0 {
			err := timed(ctx, func(ctx context.Context) error { return c.BatchUpdatePartition(ctx, t.Database, t.Name, update) })
			if again(err, catalog.ErrNotFound, catalog.ErrConcurrentModification) {
				continue
			}
			if err != nil {
				return partitionFault("updating partitions of", name, err)
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
			return partitionFault("creating partitions of", name, err)
		}
		return nil
	}
	return fault.New(fault.Transient, "publishing partitions of", name, catalog.ErrConcurrentModification, "others change the partitions all the time")
}

func (t *Table) comparePartitions(ctx context.Context, c catalog.Catalog, sd *catalog.StorageDescriptor, parts []Partition) (update, create []catalog.PartitionInput, err error) {
	var have []*catalog.Partition
	err = timed(ctx, func(ctx context.Context) error {
		have, err = c.GetPartitions(ctx, t.Database, t.Name, daysExpression(parts))
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
	for _, part := range parts {
		p, ok := byDay[part.Day.String()]
		if !ok {
			create = append(create, part.input(sd))
			continue
		}
		in, changed := p.PartitionInput, false
		if location := withSlash(in.StorageDescriptor.Location); location != part.Location && !newer(location, part.Location) {
			in.StorageDescriptor.Location = part.Location
			changed = true
		}
		if add := missingColumns(in.StorageDescriptor.Columns, sd.Columns); len(add) > 0 {
			in.StorageDescriptor.Columns = slices.Concat(in.StorageDescriptor.Columns, add)
			changed = true
		}
		if changed {
			update = append(update, in)
		}
	}
	return update, create, nil
}

// input is the definition of a partition that does not exist yet: the table's, in its own place.
func (p *Partition) input(sd *catalog.StorageDescriptor) catalog.PartitionInput {
	own := *sd
	own.Location = p.Location
	return catalog.PartitionInput{Values: []string{p.Day.String()}, StorageDescriptor: own}
}

// daysExpression selects the partitions of at most 100 days; it stays below the 2,048 characters that Glue takes.
func daysExpression(parts []Partition) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = "'" + p.Day.String() + "'"
	}
	return PartitionKey + " IN (" + strings.Join(quoted, ", ") + ")"
}

// partitionsDenied reports whether IAM denies the calls that publish partitions. It is asked before the table exists, when a role that
// may make the calls is told that there is no table; Lake Formation denies them then too, which says nothing, since the one who creates
// a table may do all with it.
func partitionsDenied(ctx context.Context, c catalog.Catalog, t Table) (bool, error) {
	calls := []func(context.Context) error{
		func(ctx context.Context) error {
			_, err := c.GetPartitions(ctx, t.Database, t.Name, "")
			return err
		},
		// A batch of none changes nothing, should someone have made the table meanwhile.
		func(ctx context.Context) error { return c.BatchCreatePartition(ctx, t.Database, t.Name, nil) },
	}
	for _, call := range calls {
		switch err := timed(ctx, call); {
		case denied(err):
			return true, nil
		case err != nil && !errors.Is(err, catalog.ErrNotFound) && !errors.Is(err, catalog.ErrAccessDenied):
			return false, err
		}
	}
	return false, nil
}

// denied reports whether IAM has denied a call.
func denied(err error) bool {
	return errors.Is(cause(err), catalog.ErrAccessDenied) && !strings.Contains(err.Error(), lakeFormation)
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
