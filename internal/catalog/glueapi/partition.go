package glueapi

import (
	"context"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
)

const maxPartitionPage = 1000 // PageSize

// partitionTable is what every request about partitions names.
type partitionTable struct {
	CatalogID    string `json:"CatalogId"`
	DatabaseName string
	TableName    string
}

// beginPartition begins a request about a table's partitions. The action is the operation's name, but for column statistics.
func (s *server) beginPartition(ctx context.Context, action string, in *partitionTable, required ...member) error {
	return s.begin(ctx, action, in.CatalogID, s.tableARN(in.DatabaseName, in.TableName),
		append([]member{{"databaseName", in.DatabaseName}, {"tableName", in.TableName}}, required...)...)
}

type partitionRequest struct {
	partitionTable
	PartitionValues []string
}

type partitionAnswer struct{ Partition partitionShape }

func (s *server) getPartition(ctx context.Context, in *partitionRequest) (*partitionAnswer, error) {
	if err := s.beginPartition(ctx, "GetPartition", &in.partitionTable); err != nil {
		return nil, err
	}
	p, err := s.catalog.GetPartition(ctx, in.DatabaseName, in.TableName, in.PartitionValues)
	if err != nil {
		return nil, err
	}
	return &partitionAnswer{s.partitions([]*catalog.Partition{p})[0]}, nil
}

type partitionsRequest struct {
	partitionTable
	Expression string
	NextToken  string
	MaxResults *int
	Segment    *struct {
		SegmentNumber int
		TotalSegments int
	}
	ExcludeColumnSchema bool
	TransactionID       unkept `json:"TransactionId"`
	QueryAsOfTime       unkept
}

type partitionsAnswer struct {
	Partitions []partitionShape
	NextToken  string `json:",omitempty"`
}

func (s *server) getPartitions(ctx context.Context, in *partitionsRequest) (*partitionsAnswer, error) {
	if err := s.beginPartition(ctx, "GetPartitions", &in.partitionTable); err != nil {
		return nil, err
	}
	if err := refuseUnkept("TransactionId", in.TransactionID, "QueryAsOfTime", in.QueryAsOfTime); err != nil {
		return nil, err
	}
	scan := catalog.Scan{Expression: in.Expression, WithoutColumns: in.ExcludeColumnSchema}
	if in.Segment != nil {
		scan.Segment, scan.TotalSegments = in.Segment.SegmentNumber, in.Segment.TotalSegments
		if scan.TotalSegments < 1 {
			return nil, invalid(fmt.Sprintf("1 validation error detected: Value '%d' at 'segment.totalSegments' failed to satisfy constraint: "+
				"Member must have value greater than or equal to 1", scan.TotalSegments))
		}
	}
	request := []any{"GetPartitions", strings.ToLower(in.DatabaseName), strings.ToLower(in.TableName), in.Expression, scan.Segment, scan.TotalSegments}
	var err error
	if scan.Limit, err = pageSize(in.MaxResults, maxPartitionPage); err != nil {
		return nil, err
	}
	if scan.After, err = after(in.NextToken, request...); err != nil {
		return nil, err
	}
	ps, more, err := s.catalog.ScanPartitions(ctx, in.DatabaseName, in.TableName, scan)
	if err != nil {
		return nil, err
	}
	out := &partitionsAnswer{Partitions: s.partitions(ps)}
	if more {
		out.NextToken = nextToken(ps[len(ps)-1].Values, request...)
	}
	return out, nil
}

type partitionChange struct {
	partitionTable
	PartitionValueList []string
	PartitionInput     partitionInput
}

func (s *server) createPartition(ctx context.Context, in *partitionChange) (none, error) {
	if err := s.beginPartition(ctx, "CreatePartition", &in.partitionTable); err != nil {
		return none{}, err
	}
	p, err := in.PartitionInput.model()
	if err != nil {
		return none{}, err
	}
	return none{}, onlyFailure(s.catalog.BatchCreatePartition(ctx, in.DatabaseName, in.TableName, []catalog.PartitionInput{p}))
}

func (s *server) updatePartition(ctx context.Context, in *partitionChange) (none, error) {
	if err := s.beginPartition(ctx, "UpdatePartition", &in.partitionTable); err != nil {
		return none{}, err
	}
	update, err := replacement(in.PartitionValueList, &in.PartitionInput)
	if err != nil {
		return none{}, err
	}
	return none{}, onlyFailure(s.catalog.ReplacePartitions(ctx, in.DatabaseName, in.TableName, []catalog.PartitionUpdate{update}))
}

func (s *server) deletePartition(ctx context.Context, in *partitionRequest) (none, error) {
	if err := s.beginPartition(ctx, "DeletePartition", &in.partitionTable); err != nil {
		return none{}, err
	}
	return none{}, onlyFailure(s.catalog.BatchDeletePartition(ctx, in.DatabaseName, in.TableName, [][]string{in.PartitionValues}))
}

// replacement returns what replaces the partition with these values. A request may leave the new values out. Glue's reference says
// that they can't be changed; AWS's own Hive client renames partitions so.
func replacement(values []string, in *partitionInput) (catalog.PartitionUpdate, error) {
	p, err := in.model()
	if p.Values == nil {
		p.Values = values
	}
	return catalog.PartitionUpdate{Values: values, Input: p}, err
}
