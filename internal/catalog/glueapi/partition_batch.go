package glueapi

import (
	"context"
	"errors"

	"github.com/refract-io/refract/internal/catalog"
)

// onlyFailure returns the failure of a batch of one.
func onlyFailure(err error) error {
	if batch, ok := errors.AsType[*catalog.BatchError](err); ok {
		return batch.Failed[0].Err
	}
	return err
}

// failures answers a batch of partitions, of which item turns the failed ones into their shape. err is the catalog's answer.
func failures[T any](err error, item func(values []string, d errorDetail) T) (*batchAnswer[T], error) {
	var failed []catalog.PartitionError
	if batch, ok := errors.AsType[*catalog.BatchError](err); ok {
		failed, err = batch.Failed, nil
	}
	return batchOf(failed, err, func(f catalog.PartitionError) (T, error) {
		d, err := detail(f.Err)
		return item(f.Values, d), err
	})
}

type partitionValueList struct{ Values []string }

func valuesOf(lists []partitionValueList) [][]string {
	values := make([][]string, len(lists))
	for i, list := range lists {
		values[i] = list.Values
	}
	return values
}

type batchGetRequest struct {
	partitionTable
	PartitionsToGet []partitionValueList
}

type batchGetAnswer struct {
	Partitions      []partitionShape
	UnprocessedKeys []partitionValueList
}

// batchGetPartition leaves out what doesn't exist. Every key is processed.
func (s *server) batchGetPartition(ctx context.Context, in *batchGetRequest) (*batchGetAnswer, error) {
	if err := s.beginPartition(ctx, "BatchGetPartition", &in.partitionTable); err != nil {
		return nil, err
	}
	ps, err := s.catalog.BatchGetPartition(ctx, in.DatabaseName, in.TableName, valuesOf(in.PartitionsToGet))
	if err != nil {
		return nil, err
	}
	return &batchGetAnswer{s.partitions(ps), []partitionValueList{}}, nil
}

type partitionError struct {
	PartitionValues []string
	ErrorDetail     errorDetail
}

func newPartitionError(values []string, d errorDetail) partitionError {
	return partitionError{values, d}
}

type batchCreateRequest struct {
	partitionTable
	PartitionInputList []partitionInput
}

func (s *server) batchCreatePartition(ctx context.Context, in *batchCreateRequest) (*batchAnswer[partitionError], error) {
	if err := s.beginPartition(ctx, "BatchCreatePartition", &in.partitionTable); err != nil {
		return nil, err
	}
	ps := make([]catalog.PartitionInput, len(in.PartitionInputList))
	for i := range ps {
		var err error
		if ps[i], err = in.PartitionInputList[i].model(); err != nil {
			return nil, err
		}
	}
	return failures(s.catalog.BatchCreatePartition(ctx, in.DatabaseName, in.TableName, ps), newPartitionError)
}

type batchUpdateRequest struct {
	partitionTable
	Entries []struct {
		PartitionValueList []string
		PartitionInput     partitionInput
	}
}

type updateFailure struct {
	PartitionValueList []string
	ErrorDetail        errorDetail
}

func (s *server) batchUpdatePartition(ctx context.Context, in *batchUpdateRequest) (*batchAnswer[updateFailure], error) {
	if err := s.beginPartition(ctx, "BatchUpdatePartition", &in.partitionTable); err != nil {
		return nil, err
	}
	if len(in.Entries) == 0 {
		return nil, invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	updates := make([]catalog.PartitionUpdate, len(in.Entries))
	for i := range updates {
		var err error
		if updates[i], err = replacement(in.Entries[i].PartitionValueList, &in.Entries[i].PartitionInput); err != nil {
			return nil, err
		}
	}
	return failures(s.catalog.ReplacePartitions(ctx, in.DatabaseName, in.TableName, updates),
		func(values []string, d errorDetail) updateFailure { return updateFailure{values, d} })
}

type batchDeleteRequest struct {
	partitionTable
	PartitionsToDelete []partitionValueList
}

func (s *server) batchDeletePartition(ctx context.Context, in *batchDeleteRequest) (*batchAnswer[partitionError], error) {
	if err := s.beginPartition(ctx, "BatchDeletePartition", &in.partitionTable); err != nil {
		return nil, err
	}
	return failures(s.catalog.BatchDeletePartition(ctx, in.DatabaseName, in.TableName, valuesOf(in.PartitionsToDelete)), newPartitionError)
}
