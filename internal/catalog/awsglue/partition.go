package awsglue

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/refract-io/refract/internal/catalog"
)

// GetPartition implements catalog.Catalog.
func (c *Client) GetPartition(ctx context.Context, database, table string, values []string) (*catalog.Partition, error) {
	out, err := c.api.GetPartition(ctx, &glue.GetPartitionInput{
		CatalogId: c.id, DatabaseName: &database, TableName: &table, PartitionValues: present(values),
	})
	if err != nil {
		return nil, classed("reading a partition of Glue table", database+"."+table, err)
	}
	return fromPartition(out.Partition), nil
}

// GetPartitions implements catalog.Catalog. Glue doesn't promise an order; they are sorted here.
func (c *Client) GetPartitions(ctx context.Context, database, table, expression string) ([]*catalog.Partition, error) {
	var all []*catalog.Partition
	pages := glue.NewGetPartitionsPaginator(c.api, &glue.GetPartitionsInput{
		CatalogId: c.id, DatabaseName: &database, TableName: &table, Expression: text(expression),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, classed("reading the partitions of Glue table", database+"."+table, err)
		}
		for i := range page.Partitions {
			all = append(all, fromPartition(&page.Partitions[i]))
		}
	}
	slices.SortFunc(all, func(a, b *catalog.Partition) int { return slices.Compare(a.Values, b.Values) })
	return all, nil
}

// BatchCreatePartition implements catalog.Catalog.
func (c *Client) BatchCreatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	list := make([]types.PartitionInput, len(ps))
	for i := range ps {
		list[i] = partitionInput(ps[i])
	}
	out, err := c.api.BatchCreatePartition(ctx, &glue.BatchCreatePartitionInput{
		CatalogId: c.id, DatabaseName: &database, TableName: &table, PartitionInputList: list,
	})
	const op = "creating partitions of Glue table"
	if err != nil {
		return classed(op, database+"."+table, err)
	}
	return failures(op, database+"."+table, out.Errors)
}

// BatchUpdatePartition implements catalog.Catalog. The partitions are replaced wholly: unlike UpdateTable it keeps nothing that the
// catalog's model doesn't hold. Roles made after Mixpanel's guides may do UpdatePartition but no batch of it; their partitions are
// updated one by one.
func (c *Client) BatchUpdatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	if len(ps) == 0 {
		return nil // Glue refuses an empty batch
	}
	entries := make([]types.BatchUpdatePartitionRequestEntry, len(ps))
	for i := range ps {
		p := partitionInput(ps[i])
		entries[i] = types.BatchUpdatePartitionRequestEntry{PartitionValueList: p.Values, PartitionInput: &p}
	}
	out, err := c.api.BatchUpdatePartition(ctx, &glue.BatchUpdatePartitionInput{
		CatalogId: c.id, DatabaseName: &database, TableName: &table, Entries: entries,
	})
	const op = "updating partitions of Glue table"
	if err != nil {
		err = classed(op, database+"."+table, err)
		if errors.Is(err, catalog.ErrAccessDenied) {
			return c.updateOneByOne(ctx, database, table, ps, err)
		}
		return err
	}
	errs := make([]types.PartitionError, len(out.Errors))
	for i, e := range out.Errors {
		errs[i] = types.PartitionError{PartitionValues: e.PartitionValueList, ErrorDetail: e.ErrorDetail}
	}
	return failures(op, database+"."+table, errs)
}

// updateOneByOne updates partitions without a batch, whose denial it returns if single updates are denied too.
func (c *Client) updateOneByOne(ctx context.Context, database, table string, ps []catalog.PartitionInput, denied error) error {
	const op = "updating a partition of Glue table"
	batch := &catalog.BatchError{}
	for i := range ps {
		p := partitionInput(ps[i])
		_, err := c.api.UpdatePartition(ctx, &glue.UpdatePartitionInput{
			CatalogId: c.id, DatabaseName: &database, TableName: &table, PartitionValueList: p.Values, PartitionInput: &p,
		})
		err = classed(op, database+"."+table, err)
		switch {
		case err == nil:
		case errors.Is(err, catalog.ErrAccessDenied):
			return denied
		case errors.Is(err, catalog.ErrNotFound):
			batch.Failed = append(batch.Failed, catalog.PartitionError{Values: ps[i].Values, Err: err})
		default:
			return err
		}
	}
	if len(batch.Failed) > 0 {
		return batch
	}
	return nil
}

// BatchDeletePartition implements catalog.Catalog.
func (c *Client) BatchDeletePartition(ctx context.Context, database, table string, values [][]string) error {
	list := make([]types.PartitionValueList, len(values))
	for i, v := range values {
		list[i] = types.PartitionValueList{Values: present(v)}
	}
	out, err := c.api.BatchDeletePartition(ctx, &glue.BatchDeletePartitionInput{
		CatalogId: c.id, DatabaseName: &database, TableName: &table, PartitionsToDelete: list,
	})
	const op = "deleting partitions of Glue table"
	if err != nil {
		return classed(op, database+"."+table, err)
	}
	return failures(op, database+"."+table, out.Errors)
}

// failures returns the errors of a batch's items. Glue answers them with a request that succeeds.
func failures(op, object string, errs []types.PartitionError) error {
	if len(errs) == 0 {
		return nil
	}
	batch := &catalog.BatchError{}
	for _, e := range errs {
		var code, message string
		if e.ErrorDetail != nil {
			code, message = aws.ToString(e.ErrorDetail.ErrorCode), aws.ToString(e.ErrorDetail.ErrorMessage)
		}
		batch.Failed = append(batch.Failed, catalog.PartitionError{Values: e.PartitionValues, Err: coded(op, object, code, message)})
	}
	return batch
}
