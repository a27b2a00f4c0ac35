package glueapi_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

func TestEveryOperationAsksForItsActionOnTheResourceAndItsAncestors(t *testing.T) {
	e := withTable(t, 1)
	left := maps.Clone(e.handler.(*awsjson.Service).Operations)
	for request, resources := range map[string][]string{
		`GetDatabases {}`:                                                                                             {"database/*"},
		`GetDatabase {"Name":"DB"}`:                                                                                   {"database/db"},
		`CreateDatabase {"DatabaseInput":{"Name":"n"}}`:                                                               {"database/n"},
		`UpdateDatabase {"Name":"db","DatabaseInput":{"Name":"db"}}`:                                                  {"database/db"},
		`DeleteDatabase {"Name":"db"}`:                                                                                {"database/db", "table/db/*", "userDefinedFunction/db/*"},
		`GetTables {"DatabaseName":"db"}`:                                                                             {"database/db", "table/db/*"},
		`SearchTables {}`:                                                                                             {"database/*", "table/*/*"},
		`GetTable {"DatabaseName":"db","Name":"T"}`:                                                                   {"database/db", "table/db/t"},
		`CreateTable {"DatabaseName":"db","TableInput":{"Name":"T"}}`:                                                 {"database/db", "table/db/t"},
		`UpdateTable {"DatabaseName":"db","TableInput":{"Name":"T"}}`:                                                 {"database/db", "table/db/t"},
		`DeleteTable {"DatabaseName":"db","Name":"T"}`:                                                                {"database/db", "table/db/t"},
		`BatchDeleteTable {"DatabaseName":"db","TablesToDelete":["a","B"]}`:                                           {"database/db", "table/db/a", "table/db/b"},
		`GetTableVersion {"DatabaseName":"db","TableName":"t"}`:                                                       {"database/db", "table/db/t"},
		`GetTableVersions {"DatabaseName":"db","TableName":"t"}`:                                                      {"database/db", "table/db/t"},
		`GetPartition {"DatabaseName":"db","TableName":"t"}`:                                                          {"database/db", "table/db/t"},
		`GetPartitions {"DatabaseName":"db","TableName":"t"}`:                                                         {"database/db", "table/db/t"},
		`CreatePartition {"DatabaseName":"db","TableName":"t"}`:                                                       {"database/db", "table/db/t"},
		`UpdatePartition {"DatabaseName":"db","TableName":"t"}`:                                                       {"database/db", "table/db/t"},
		`DeletePartition {"DatabaseName":"db","TableName":"t"}`:                                                       {"database/db", "table/db/t"},
		`BatchGetPartition {"DatabaseName":"db","TableName":"t"}`:                                                     {"database/db", "table/db/t"},
		`BatchCreatePartition {"DatabaseName":"db","TableName":"t"}`:                                                  {"database/db", "table/db/t"},
		`BatchUpdatePartition {"DatabaseName":"db","TableName":"t"}`:                                                  {"database/db", "table/db/t"},
		`BatchDeletePartition {"DatabaseName":"db","TableName":"t"}`:                                                  {"database/db", "table/db/t"},
		`DeleteTableVersion {"DatabaseName":"db","TableName":"t","VersionId":"0"}`:                                    {"database/db", "table/db/t"},
		`BatchDeleteTableVersion {"DatabaseName":"db","TableName":"t"}`:                                               {"database/db", "table/db/t"},
		`GetPartitionIndexes {"DatabaseName":"db","TableName":"t"}`:                                                   {"database/db", "table/db/t"},
		`CreatePartitionIndex {"DatabaseName":"db","TableName":"t","PartitionIndex":{"IndexName":"i","Keys":["dt"]}}`: {"database/db", "table/db/t"},
		`DeletePartitionIndex {"DatabaseName":"db","TableName":"t","IndexName":"i"}`:                                  {"database/db", "table/db/t"},
		`GetColumnStatisticsForTable {"DatabaseName":"db","TableName":"t"}`:                                           {"database/db", "table/db/t"},
		`UpdateColumnStatisticsForTable {"DatabaseName":"db","TableName":"t"}`:                                        {"database/db", "table/db/t"},
		`DeleteColumnStatisticsForTable {"DatabaseName":"db","TableName":"t","ColumnName":"time"}`:                    {"database/db", "table/db/t"},
		`GetColumnStatisticsForPartition {"DatabaseName":"db","TableName":"t"}`:                                       {"database/db", "table/db/t"},
		`UpdateColumnStatisticsForPartition {"DatabaseName":"db","TableName":"t"}`:                                    {"database/db", "table/db/t"},
		`DeleteColumnStatisticsForPartition {"DatabaseName":"db","TableName":"t","ColumnName":"time"}`:                {"database/db", "table/db/t"},
		`GetUserDefinedFunctions {"Pattern":"*"}`:                                                                     {"database/*", "userDefinedFunction/*/*"},
		`GetUserDefinedFunctions {"DatabaseName":"DB","Pattern":"*"}`:                                                 {"database/db", "userDefinedFunction/db/*"},
		`GetUserDefinedFunction {"DatabaseName":"DB","FunctionName":"F"}`:                                             {"database/db", "userDefinedFunction/db/f"},
		`CreateUserDefinedFunction {"DatabaseName":"DB","FunctionInput":{"FunctionName":"F"}}`:                        {"database/db", "userDefinedFunction/db/f"},
		`UpdateUserDefinedFunction {"DatabaseName":"DB","FunctionName":"F"}`:                                          {"database/db", "userDefinedFunction/db/f"},
		`DeleteUserDefinedFunction {"DatabaseName":"DB","FunctionName":"F"}`:                                          {"database/db", "userDefinedFunction/db/f"},
		`GetCatalogImportStatus {}`:                                                                                   {},
		`GetDataCatalogEncryptionSettings {}`:                                                                         {},
	} {
		operation, body, _ := strings.Cut(request, " ")
		delete(left, operation)
		e.requireDenied(operation, body, append([]string{"catalog"}, resources...)...)
	}
	for _, operation := range []string{"GetTags", "TagResource", "UntagResource"} {
		delete(left, operation)
		e.requireDenied(operation, `{"ResourceArn":"`+prefix+`database/DB"}`, "database/db")
		e.requireDenied(operation, `{"ResourceArn":"`+prefix+`table/DB/T"}`, "table/db/t")
	}
	require.Empty(t, left, "operations of which nobody has looked at the permission")
	e.deny = ""
	require.NotEmpty(t, e.do("GetTable", `{"DatabaseName":"db","Name":"t"}`), "what was denied has not been done")
}

const prefix = "arn:aws:glue:eu-central-1:123456789012:"

// statisticsActions are the actions of the operations that have none of their own.
var statisticsActions = map[string]string{
	"GetColumnStatisticsForTable": "GetTable", "UpdateColumnStatisticsForTable": "UpdateTable", "DeleteColumnStatisticsForTable": "DeleteTable",
	"GetColumnStatisticsForPartition": "GetPartition", "UpdateColumnStatisticsForPartition": "UpdatePartition",
	"DeleteColumnStatisticsForPartition": "DeletePartition",
}

// requireDenied sends a request without the permission for it, which is asked for on all of resources, the first of them denied.
func (e *endpoint) requireDenied(operation, body string, resources ...string) {
	e.Helper()
	action := "glue:" + operation
	if of, ok := statisticsActions[operation]; ok {
		action = "glue:" + of
	}
	e.deny = action
	code, message := e.refused(operation, "%s", body)
	require.Equal(e, "AccessDeniedException", code, operation)
	require.Equal(e, "User: arn:aws:iam::123456789012:user/x is not authorized to perform: "+action+" on resource: "+prefix+resources[0]+
		" because no identity-based policy allows the "+action+" action", message)
	want := []string{action}
	for _, resource := range resources {
		want = append(want, prefix+resource)
	}
	require.Equal(e, want, e.asked)
}
