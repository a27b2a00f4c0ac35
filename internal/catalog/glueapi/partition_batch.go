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

// failures returns a batch's failed items, each made by item. Any other error is returned.
func failures[T any](err error, item func(values []string, d errorDetail) T) ([]T, error) {
	out := []T{}
	if err == nil {
		return out, nil
	}
	batch, ok := errors.AsType[*catalog.BatchError](err)
	if !ok {
		return nil, err
	}
	for _, failed := range batch.Failed {
		d, refused := detail(failed.Err)
		if !refused {
			return nil, failed.Err
		}
		out = append(out, item(failed.Values, d))
	}
	return out, nil
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

type batchAnswer[T any] struct{ Errors []T }

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
	failed, err := failures(s.catalog.BatchCreatePartition(ctx, in.DatabaseName, in.TableName, ps), newPartitionError)
	return &batchAnswer[partitionError]{failed}, err
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
	ps := make([]catalog.PartitionInput, len(in.Entries))
	for i := range ps {
		var err error
		if ps[i], err = replacement(in.Entries[i].PartitionValueList, &in.Entries[i].PartitionInput); err != nil {
			return nil, err
		}
	}
	failed, err := failures(s.catalog.BatchUpdatePartition(ctx, in.DatabaseName, in.TableName, ps),
		func(values []string, d errorDetail) updateFailure { return updateFailure{values, d} })
	return &batchAnswer[updateFailure]{failed}, err
}

type batchDeleteRequest struct {
	partitionTable
	PartitionsToDelete []partitionValueList
}

func (s *server) batchDeletePartition(ctx context.Context, in *batchDeleteRequest) (*batchAnswer[partitionError], error) {
	if err := s.beginPartition(ctx, "BatchDeletePartition", &in.partitionTable); err != nil {
		return nil, err
	}
	failed, err := failures(s.catalog.BatchDeletePartition(ctx, in.DatabaseName, in.TableName, valuesOf(in.PartitionsToDelete)), newPartitionError)
	return &batchAnswer[partitionError]{failed}, err
}
