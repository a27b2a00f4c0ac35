package glueapi

import (
	"context"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
)

type indexRequest struct {
	partitionTable
	PartitionIndex catalog.PartitionIndex
	IndexName      string
	NextToken      string
}

func (s *server) createPartitionIndex(ctx context.Context, in *indexRequest) (none, error) {
	if err := s.beginPartition(ctx, "CreatePartitionIndex", &in.partitionTable, member{"partitionIndex.indexName", in.PartitionIndex.IndexName}); err != nil {
		return none{}, err
	}
	return none{}, s.catalog.CreatePartitionIndex(ctx, in.DatabaseName, in.TableName, in.PartitionIndex)
}

type keyShape struct{ Name, Type string }

type indexShape struct {
	IndexName   string
	Keys        []keyShape
	IndexStatus string
}

type indexesAnswer struct{ PartitionIndexDescriptorList []indexShape }

// getPartitionIndexes answers all indexes in one page: there are three at most.
func (s *server) getPartitionIndexes(ctx context.Context, in *indexRequest) (*indexesAnswer, error) {
	if err := s.beginPartition(ctx, "GetPartitionIndexes", &in.partitionTable); err != nil {
		return nil, err
	}
	if _, err := after(in.NextToken, "GetPartitionIndexes"); err != nil {
		return nil, err
	}
	table, indexes, err := s.catalog.GetPartitionIndexes(ctx, in.DatabaseName, in.TableName)
	if err != nil {
		return nil, err
	}
	out := &indexesAnswer{[]indexShape{}}
	for _, index := range indexes {
		shape := indexShape{IndexName: index.IndexName, IndexStatus: "ACTIVE"}
		for _, name := range index.Keys {
			key := keyShape{Name: name}
			if i := slices.IndexFunc(table.PartitionKeys, func(c catalog.Column) bool { return strings.EqualFold(c.Name, name) }); i >= 0 {
				key.Type = table.PartitionKeys[i].Type
			}
			shape.Keys = append(shape.Keys, key)
		}
		out.PartitionIndexDescriptorList = append(out.PartitionIndexDescriptorList, shape)
	}
	return out, nil
}

func (s *server) deletePartitionIndex(ctx context.Context, in *indexRequest) (none, error) {
	if err := s.beginPartition(ctx, "DeletePartitionIndex", &in.partitionTable, member{"indexName", in.IndexName}); err != nil {
		return none{}, err
	}
	return none{}, s.catalog.DeletePartitionIndex(ctx, in.DatabaseName, in.TableName, in.IndexName)
}
