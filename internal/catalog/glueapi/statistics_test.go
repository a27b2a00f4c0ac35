package glueapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	tableOf     = `"DatabaseName":"db","TableName":"t"`
	partitionOf = `"DatabaseName":"db","TableName":"t","PartitionValues":["p00"]`
	longTime    = `{"ColumnName":"time","ColumnType":"bigint","AnalyzedTime":1700000000.5,"StatisticsData":{"Type":"LONG",
		"LongColumnStatisticsData":{"MinimumValue":-9223372036854775808,"NumberOfNulls":1,"NumberOfDistinctValues":9223372036854775807}}}`
)

func TestColumnStatisticsComeBackAsTheyWereGiven(t *testing.T) {
	for _, of := range []struct{ name, who string }{{"Table", tableOf}, {"Partition", partitionOf}} {
		t.Run(of.name, func(t *testing.T) {
			e := withTable(t, 2)
			get, update := "GetColumnStatisticsFor"+of.name, "UpdateColumnStatisticsFor"+of.name
			require.Equal(t, []any{}, e.do(update, `{%s,"ColumnStatisticsList":[%s]}`, of.who, longTime)["Errors"])
			status, answer := e.raw(get, `{`+of.who+`,"ColumnNames":["TIME","dt"]}`)
			require.Equal(t, 200, status)
			require.JSONEq(t, `{"ColumnStatisticsList":[`+longTime+`],"Errors":[{"ColumnName":"dt","Error":{"ErrorCode":"EntityNotFoundException",
				"ErrorMessage":"Statistics do not exist for this column"}}]}`, answer)
			require.Contains(t, answer, "-9223372036854775808", "no digit is lost")
			require.Contains(t, answer, "9223372036854775807")

			for kind, data := range map[string]string{
				"BOOLEAN": `"BooleanColumnStatisticsData":{"NumberOfTrues":1,"NumberOfFalses":2,"NumberOfNulls":3}`,
				"DATE":    `"DateColumnStatisticsData":{"MinimumValue":-86400.000,"MaximumValue":86400.000,"NumberOfNulls":0,"NumberOfDistinctValues":1}`,
				"DECIMAL": `"DecimalColumnStatisticsData":{"MinimumValue":{"UnscaledValue":"AQ==","Scale":-3},"NumberOfNulls":0,"NumberOfDistinctValues":1}`,
				"DOUBLE":  `"DoubleColumnStatisticsData":{"MinimumValue":0.1,"MaximumValue":1e+300,"NumberOfNulls":0,"NumberOfDistinctValues":1}`,
				"STRING":  `"StringColumnStatisticsData":{"MaximumLength":9,"AverageLength":1.5,"NumberOfNulls":0,"NumberOfDistinctValues":1}`,
				"BINARY":  `"BinaryColumnStatisticsData":{"MaximumLength":9,"AverageLength":1.5,"NumberOfNulls":0}`,
			} {
				given := `{"ColumnName":"Time","ColumnType":"x","AnalyzedTime":1700000000,"StatisticsData":{"Type":"` + kind + `",` + data + `}}`
				require.Empty(t, e.do(update, `{%s,"ColumnStatisticsList":[%s]}`, of.who, given)["Errors"])
				_, answer := e.raw(get, `{`+of.who+`,"ColumnNames":["time"]}`)
				require.JSONEq(t, `{"ColumnStatisticsList":[`+given+`],"Errors":[]}`, answer, "one column has one row, the last one")
			}

			failed := e.do(update, `{%s,"ColumnStatisticsList":[%s,%s]}`, of.who, longTime, strings.Replace(longTime, "time", "nothing", 1))["Errors"].([]any)
			require.Len(t, failed, 1, "a column that is not there fails alone")
			require.Equal(t, "EntityNotFoundException", failed[0].(map[string]any)["Error"].(map[string]any)["ErrorCode"])
			require.Equal(t, "nothing", failed[0].(map[string]any)["ColumnStatistics"].(map[string]any)["ColumnName"])

			for range 2 { // statistics that are not there are deleted already
				e.do("DeleteColumnStatisticsFor"+of.name, `{%s,"ColumnName":"time"}`, of.who)
			}
			require.Len(t, e.do(get, `{%s,"ColumnNames":["time"]}`, of.who)["Errors"], 1)
		})
	}
}

func TestWrongStatisticsAreRefused(t *testing.T) {
	e := withTable(t, 1)
	for what, statistics := range map[string]string{
		"no time":          `{"ColumnName":"time","ColumnType":"x","StatisticsData":{"Type":"LONG"}}`,
		"no data":          `{"ColumnName":"time","ColumnType":"x","AnalyzedTime":1}`,
		"no name":          `{"ColumnType":"x","AnalyzedTime":1,"StatisticsData":{"Type":"LONG"}}`,
		"an unknown type":  `{"ColumnName":"time","AnalyzedTime":1,"StatisticsData":{"Type":"FLOAT"}}`,
		"another type":     `{"ColumnName":"time","AnalyzedTime":1,"StatisticsData":{"Type":"LONG","DoubleColumnStatisticsData":{}}}`,
		"a negative count": `{"ColumnName":"time","AnalyzedTime":1,"StatisticsData":{"Type":"LONG","LongColumnStatisticsData":{"NumberOfNulls":-1}}}`,
		"26 columns":       longTime + strings.Repeat(","+longTime, 25),
	} {
		code, _ := e.refused("UpdateColumnStatisticsForTable", `{%s,"ColumnStatisticsList":[%s]}`, tableOf, statistics)
		require.Equal(t, "InvalidInputException", code, what)
	}
	code, _ := e.refused("GetColumnStatisticsForTable", `{%s,"ColumnNames":[%s]}`, tableOf, `"x"`+strings.Repeat(`,"x"`, 100))
	require.Equal(t, "InvalidInputException", code)
	for _, operation := range []string{"GetColumnStatisticsForPartition", "UpdateColumnStatisticsForPartition", "DeleteColumnStatisticsForPartition"} {
		code, _ := e.refused(operation, `{%s,"PartitionValues":["nothing"],"ColumnName":"time"}`, tableOf)
		require.Equal(t, "EntityNotFoundException", code, operation)
		code, _ = e.refused(operation, `{%s,"ColumnName":"time"}`, tableOf)
		require.Equal(t, "InvalidInputException", code, "without values: "+operation)
		code, _ = e.refused(operation, `{"DatabaseName":"db","TableName":"nothing","PartitionValues":["x"],"ColumnName":"time"}`)
		require.Equal(t, "EntityNotFoundException", code, operation)
	}
}

func TestStatisticsGoWhereTheirPartitionGoes(t *testing.T) {
	e := withTable(t, 1)
	e.do("UpdateColumnStatisticsForPartition", `{%s,"ColumnStatisticsList":[%s]}`, partitionOf, longTime)
	e.do("UpdatePartition", `{"DatabaseName":"db","TableName":"t","PartitionValueList":["p00"],"PartitionInput":{"Values":["moved"]}}`)
	has := func(value string) bool {
		return len(e.do("GetColumnStatisticsForPartition", `{%s,"PartitionValues":[%q],"ColumnNames":["time"]}`, tableOf, value)["Errors"].([]any)) == 0
	}
	require.True(t, has("moved"))
	e.do("DeletePartition", `{%s,"PartitionValues":["moved"]}`, tableOf)
	e.do("CreatePartition", `{%s,"PartitionInput":{"Values":["moved"]}}`, tableOf)
	require.False(t, has("moved"), "a partition of the same values is another one")
}
