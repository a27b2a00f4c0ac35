package glueapi

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/catalog"
)

// Column statistics have no actions of their own: as the service model says, a table's are read with GetTable, written with
// UpdateTable and deleted with DeleteTable, and a partition's with GetPartition, UpdatePartition and DeletePartition.

type statisticsRequest struct {
	partitionTable
	PartitionValues      []string
	ColumnNames          []string
	ColumnName           string
	ColumnStatisticsList []statisticsShape
}

type statisticsShape struct {
	ColumnName, ColumnType string
	AnalyzedTime           awsjson.Time
	StatisticsData         *statisticsData
}

// statisticsData holds what Type says in the one member that belongs to it, which may be left out.
type statisticsData struct {
	Type string

	BooleanColumnStatisticsData *struct{ NumberOfTrues, NumberOfFalses, NumberOfNulls int64 } `json:",omitempty"`
	DateColumnStatisticsData    *struct {
		MinimumValue, MaximumValue            *awsjson.Time `json:",omitempty"`
		NumberOfNulls, NumberOfDistinctValues int64
	} `json:",omitempty"`
	DecimalColumnStatisticsData *struct {
		MinimumValue, MaximumValue            *decimal `json:",omitempty"`
		NumberOfNulls, NumberOfDistinctValues int64
	} `json:",omitempty"`
	DoubleColumnStatisticsData *struct {
		MinimumValue, MaximumValue            *float64 `json:",omitempty"`
		NumberOfNulls, NumberOfDistinctValues int64
	} `json:",omitempty"`
	LongColumnStatisticsData *struct {
		MinimumValue, MaximumValue            *int64 `json:",omitempty"`
		NumberOfNulls, NumberOfDistinctValues int64
	} `json:",omitempty"`
	StringColumnStatisticsData *struct {
		MaximumLength                         int64
		AverageLength                         float64
		NumberOfNulls, NumberOfDistinctValues int64
	} `json:",omitempty"`
	BinaryColumnStatisticsData *struct {
		MaximumLength int64
		AverageLength float64
		NumberOfNulls int64
	} `json:",omitempty"`
}

// decimal is UnscaledValue, a big-endian two's complement number, divided by 10^Scale.
type decimal struct {
	UnscaledValue []byte
	Scale         int32
}

// check refuses statistics whose data are of another type than they say, and negative counts.
func (d *statisticsData) check() error {
	present := map[string]bool{
		"BOOLEAN": d.BooleanColumnStatisticsData != nil, "DATE": d.DateColumnStatisticsData != nil, "DECIMAL": d.DecimalColumnStatisticsData != nil,
		"DOUBLE": d.DoubleColumnStatisticsData != nil, "LONG": d.LongColumnStatisticsData != nil, "STRING": d.StringColumnStatisticsData != nil,
		"BINARY": d.BinaryColumnStatisticsData != nil,
	}
	if _, known := present[d.Type]; !known {
		return invalid(fmt.Sprintf("1 validation error detected: Value '%s' at 'statisticsData.type' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [BOOLEAN, DATE, DECIMAL, DOUBLE, LONG, STRING, BINARY]", d.Type))
	}
	for kind, is := range present {
		if is && kind != d.Type {
			return invalid(fmt.Sprintf("The statistics are of type %s and their data of type %s.", d.Type, kind))
		}
	}
	for _, count := range d.counts() {
		if count < 0 {
			return invalid("1 validation error detected: Value at 'statisticsData' failed to satisfy constraint: Member must have value greater than or equal to 0")
		}
	}
	return nil
}

func (d *statisticsData) counts() []float64 {
	switch {
	case d.BooleanColumnStatisticsData != nil:
		s := d.BooleanColumnStatisticsData
		return []float64{float64(s.NumberOfTrues), float64(s.NumberOfFalses), float64(s.NumberOfNulls)}
	case d.DateColumnStatisticsData != nil:
		s := d.DateColumnStatisticsData
		return []float64{float64(s.NumberOfNulls), float64(s.NumberOfDistinctValues)}
	case d.DecimalColumnStatisticsData != nil:
		s := d.DecimalColumnStatisticsData
		return []float64{float64(s.NumberOfNulls), float64(s.NumberOfDistinctValues)}
	case d.DoubleColumnStatisticsData != nil:
		s := d.DoubleColumnStatisticsData
		return []float64{float64(s.NumberOfNulls), float64(s.NumberOfDistinctValues)}
	case d.LongColumnStatisticsData != nil:
		s := d.LongColumnStatisticsData
		return []float64{float64(s.NumberOfNulls), float64(s.NumberOfDistinctValues)}
	case d.StringColumnStatisticsData != nil:
		s := d.StringColumnStatisticsData
		return []float64{float64(s.MaximumLength), s.AverageLength, float64(s.NumberOfNulls), float64(s.NumberOfDistinctValues)}
	case d.BinaryColumnStatisticsData != nil:
		s := d.BinaryColumnStatisticsData
		return []float64{float64(s.MaximumLength), s.AverageLength, float64(s.NumberOfNulls)}
	}
	return nil
}

func (s *statisticsShape) model() (catalog.ColumnStatistics, error) {
	m := catalog.ColumnStatistics{ColumnName: s.ColumnName, ColumnType: s.ColumnType, AnalyzedTime: s.AnalyzedTime.Time}
	if s.AnalyzedTime.IsZero() {
		return m, missing("columnStatistics.analyzedTime")
	}
	if s.StatisticsData == nil {
		return m, missing("columnStatistics.statisticsData")
	}
	err := s.StatisticsData.check()
	if err == nil {
		m.StatisticsData, err = json.Marshal(s.StatisticsData)
	}
	return m, err
}

type storedStatistics struct {
	ColumnName, ColumnType string
	AnalyzedTime           awsjson.Time
	StatisticsData         json.RawMessage
}

type columnError struct {
	ColumnName string
	Error      errorDetail
}

type statisticsAnswer struct {
	ColumnStatisticsList []storedStatistics
	Errors               []columnError
}

func (s *server) getTableStatistics(ctx context.Context, in *statisticsRequest) (*statisticsAnswer, error) {
	if err := s.beginPartition(ctx, "GetTable", &in.partitionTable); err != nil {
		return nil, err
	}
	return s.statistics(ctx, in, nil)
}

func (s *server) getPartitionStatistics(ctx context.Context, in *statisticsRequest) (*statisticsAnswer, error) {
	if err := s.beginPartition(ctx, "GetPartition", &in.partitionTable); err != nil {
		return nil, err
	}
	return s.statistics(ctx, in, partitionValues(in))
}

// partitionValues are never nil, so that they always mean a partition.
func partitionValues(in *statisticsRequest) []string {
	return append([]string{}, in.PartitionValues...)
}

func (s *server) statistics(ctx context.Context, in *statisticsRequest, values []string) (*statisticsAnswer, error) {
	found, failed, err := s.catalog.GetColumnStatistics(ctx, in.DatabaseName, in.TableName, values, in.ColumnNames)
	errs, err := batchOf(failed, err, func(f catalog.ColumnError) (columnError, error) {
		d, err := detail(f.Err)
		return columnError{f.ColumnName, d}, err
	})
	if err != nil {
		return nil, err
	}
	out := &statisticsAnswer{ColumnStatisticsList: []storedStatistics{}, Errors: errs.Errors}
	for _, m := range found {
		out.ColumnStatisticsList = append(out.ColumnStatisticsList, storedStatistics{m.ColumnName, m.ColumnType, awsjson.Time{Time: m.AnalyzedTime}, m.StatisticsData})
	}
	return out, nil
}

func (s *server) updateTableStatistics(ctx context.Context, in *statisticsRequest) (*batchAnswer[statisticsError], error) {
	if err := s.beginPartition(ctx, "UpdateTable", &in.partitionTable); err != nil {
		return nil, err
	}
	return s.updateStatistics(ctx, in, nil)
}

func (s *server) updatePartitionStatistics(ctx context.Context, in *statisticsRequest) (*batchAnswer[statisticsError], error) {
	if err := s.beginPartition(ctx, "UpdatePartition", &in.partitionTable); err != nil {
		return nil, err
	}
	return s.updateStatistics(ctx, in, partitionValues(in))
}

type statisticsError struct {
	ColumnStatistics statisticsShape
	Error            errorDetail
}

func (s *server) updateStatistics(ctx context.Context, in *statisticsRequest, values []string) (*batchAnswer[statisticsError], error) {
	all := make([]catalog.ColumnStatistics, len(in.ColumnStatisticsList))
	given := map[string]statisticsShape{}
	for i := range in.ColumnStatisticsList {
		var err error
		if all[i], err = in.ColumnStatisticsList[i].model(); err != nil {
			return nil, err
		}
		given[all[i].ColumnName] = in.ColumnStatisticsList[i]
	}
	failed, err := s.catalog.UpdateColumnStatistics(ctx, in.DatabaseName, in.TableName, values, all)
	return batchOf(failed, err, func(f catalog.ColumnError) (statisticsError, error) {
		d, err := detail(f.Err)
		return statisticsError{given[f.ColumnName], d}, err
	})
}

func (s *server) deleteTableStatistics(ctx context.Context, in *statisticsRequest) (none, error) {
	if err := s.beginPartition(ctx, "DeleteTable", &in.partitionTable, member{"columnName", in.ColumnName}); err != nil {
		return none{}, err
	}
	return none{}, s.catalog.DeleteColumnStatistics(ctx, in.DatabaseName, in.TableName, nil, in.ColumnName)
}

func (s *server) deletePartitionStatistics(ctx context.Context, in *statisticsRequest) (none, error) {
	if err := s.beginPartition(ctx, "DeletePartition", &in.partitionTable, member{"columnName", in.ColumnName}); err != nil {
		return none{}, err
	}
	return none{}, s.catalog.DeleteColumnStatistics(ctx, in.DatabaseName, in.TableName, partitionValues(in), in.ColumnName)
}
