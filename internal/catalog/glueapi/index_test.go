package glueapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPartitionIndexesHaveGluesRules(t *testing.T) {
	e := newEndpoint(t)
	e.do("CreateDatabase", `{"DatabaseInput":{"Name":"db"}}`)
	e.do("CreateTable", `{"DatabaseName":"db","PartitionIndexes":[{"IndexName":"by_day","Keys":["dt"]}],
		"TableInput":{"Name":"t","PartitionKeys":[{"Name":"dt","Type":"string"},{"Name":"Hour","Type":"int"}]}}`)
	create := func(name, keys string) (string, string) {
		return e.refused("CreatePartitionIndex", `{"DatabaseName":"DB","TableName":"T","PartitionIndex":{"IndexName":%q,"Keys":%s}}`, name, keys)
	}
	for _, wrong := range []struct{ name, keys, code, message string }{
		{"i", `["nothing"]`, "InvalidInputException", "IndexKeys not a part of PartitionColumns. Verify the indexKeys : [nothing]"},
		{"i", `["dt","DT"]`, "InvalidInputException", "The key DT stands twice in the index."},
		{"by_day", `["hour"]`, "AlreadyExistsException", "Partition Index by_day already exists with the same name."},
		{"i", `["DT"]`, "AlreadyExistsException", "Partition Index by_day already exists with the same keys."},
	} {
		code, message := create(wrong.name, wrong.keys)
		require.Equal(t, wrong.code+" "+wrong.message, code+" "+message)
	}
	code, _ := create("i", `[]`)
	require.Equal(t, "InvalidInputException", code)
	code, _ = create("", `["dt"]`)
	require.Equal(t, "InvalidInputException", code)

	e.do("CreatePartitionIndex", `{"DatabaseName":"db","TableName":"t","PartitionIndex":{"IndexName":"a","Keys":["hour","dt"]}}`)
	e.do("CreatePartitionIndex", `{"DatabaseName":"db","TableName":"t","PartitionIndex":{"IndexName":"b","Keys":["dt","hour"]}}`)
	code, message := create("by_day", `["hour"]`)
	require.Equal(t, "ResourceNumberLimitExceededException Partition index limit exceeded. Maximum: 3", code+" "+message, "the limit comes before the name")
	index := func(name string, keys ...any) any {
		return map[string]any{"IndexName": name, "Keys": keys, "IndexStatus": "ACTIVE"}
	}
	dt, hour := map[string]any{"Name": "dt", "Type": "string"}, map[string]any{"Name": "Hour", "Type": "int"}
	require.Equal(t, []any{index("a", hour, dt), index("b", dt, hour), index("by_day", dt)},
		e.do("GetPartitionIndexes", `{"DatabaseName":"db","TableName":"t"}`)["PartitionIndexDescriptorList"])

	code, _ = e.refused("UpdateTable", `{"DatabaseName":"db","TableInput":{"Name":"t","PartitionKeys":[{"Name":"dt"}]}}`)
	require.Equal(t, "InvalidInputException", code, "indexed keys stay")
	e.do("DeletePartitionIndex", `{"DatabaseName":"db","TableName":"t","IndexName":"a"}`)
	code, message = e.refused("DeletePartitionIndex", `{"DatabaseName":"db","TableName":"t","IndexName":"a"}`)
	require.Equal(t, "EntityNotFoundException Index with the given indexName : a does not exist.", code+" "+message)

	code, _ = e.refused("CreateTable", `{"DatabaseName":"db","PartitionIndexes":[{"IndexName":"i","Keys":["x"]}],"TableInput":{"Name":"u","PartitionKeys":[{"Name":"dt"}]}}`)
	require.Equal(t, "InvalidInputException", code)
	code, _ = e.refused("GetTable", `{"DatabaseName":"db","Name":"u"}`)
	require.Equal(t, "EntityNotFoundException", code, "a table whose index is refused is not created")
}
