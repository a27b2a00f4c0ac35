package glueapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArchivedVersionsAreDeleted(t *testing.T) {
	e := withTable(t, 0)
	for range 3 {
		e.do("UpdateTable", `{"DatabaseName":"db","TableInput":{"Name":"t","PartitionKeys":[{"Name":"dt"}]}}`)
	}
	e.do("DeleteTableVersion", `{"DatabaseName":"DB","TableName":"T","VersionId":"1"}`)
	require.Equal(t, []any{
		map[string]any{"TableName": "t", "VersionId": "1", "ErrorDetail": map[string]any{"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Version 1 of table t not found."}},
		map[string]any{"TableName": "t", "VersionId": "3", "ErrorDetail": map[string]any{"ErrorCode": "InvalidInputException",
			"ErrorMessage": "Version 3 of table t is the current one and cannot be deleted. Delete the table instead."}},
		map[string]any{"TableName": "t", "VersionId": "x", "ErrorDetail": map[string]any{"ErrorCode": "InvalidInputException", "ErrorMessage": "Version 'x' is not an integer."}},
	}, e.do("BatchDeleteTableVersion", `{"DatabaseName":"db","TableName":"t","VersionIds":["0","1","3","x"]}`)["Errors"])
	var left []any
	for _, v := range e.do("GetTableVersions", `{"DatabaseName":"db","TableName":"t"}`)["TableVersions"].([]any) {
		left = append(left, v.(map[string]any)["VersionId"])
	}
	require.Equal(t, []any{"3", "2"}, left)
	for id, want := range map[string]string{"0": "EntityNotFoundException", "3": "InvalidInputException", "x": "InvalidInputException"} {
		code, _ := e.refused("DeleteTableVersion", `{"DatabaseName":"db","TableName":"t","VersionId":%q}`, id)
		require.Equal(t, want, code, id)
	}
	code, _ := e.refused("GetTableVersion", `{"DatabaseName":"db","TableName":"t","VersionId":"x"}`)
	require.Equal(t, "InvalidInputException", code)
	code, _ = e.refused("GetTableVersion", `{"DatabaseName":"db","TableName":"nothing","VersionId":"1"}`)
	require.Equal(t, "EntityNotFoundException", code)
	code, _ = e.refused("GetTableVersions", `{"DatabaseName":"db","TableName":"nothing"}`)
	require.Equal(t, "EntityNotFoundException", code)
}
