package glueapi

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

// shapes holds what each operation decodes and what it answers.
var shapes = map[string][2]any{
	"GetDatabase":    {databaseRequest{}, databaseAnswer{}},
	"GetDatabases":   {databasesRequest{}, databasesAnswer{}},
	"CreateDatabase": {createDatabaseRequest{}, none{}},
	"UpdateDatabase": {databaseRequest{}, none{}},
	"DeleteDatabase": {databaseRequest{}, none{}},

	"GetTable":         {tableRequest{}, tableAnswer{}},
	"GetTables":        {tablesRequest{}, tablesAnswer{}},
	"SearchTables":     {searchRequest{}, tablesAnswer{}},
	"CreateTable":      {tableChange{}, none{}},
	"UpdateTable":      {tableChange{}, none{}},
	"DeleteTable":      {tableRequest{}, none{}},
	"BatchDeleteTable": {batchDeleteTableRequest{}, batchAnswer[tableError]{}},

	"GetTableVersion":         {versionRequest{}, versionAnswer{}},
	"GetTableVersions":        {versionsRequest{}, versionsAnswer{}},
	"DeleteTableVersion":      {versionRequest{}, none{}},
	"BatchDeleteTableVersion": {batchDeleteVersionRequest{}, batchAnswer[versionError]{}},

	"GetPartition":         {partitionRequest{}, partitionAnswer{}},
	"GetPartitions":        {partitionsRequest{}, partitionsAnswer{}},
	"CreatePartition":      {partitionChange{}, none{}},
	"UpdatePartition":      {partitionChange{}, none{}},
	"DeletePartition":      {partitionRequest{}, none{}},
	"BatchGetPartition":    {batchGetRequest{}, batchGetAnswer{}},
	"BatchCreatePartition": {batchCreateRequest{}, batchAnswer[partitionError]{}},
	"BatchUpdatePartition": {batchUpdateRequest{}, batchAnswer[updateFailure]{}},
	"BatchDeletePartition": {batchDeleteRequest{}, batchAnswer[partitionError]{}},

	"GetPartitionIndexes":  {indexRequest{}, indexesAnswer{}},
	"CreatePartitionIndex": {indexRequest{}, none{}},
	"DeletePartitionIndex": {indexRequest{}, none{}},

	"GetColumnStatisticsForTable":        {statisticsRequest{}, statisticsAnswer{}},
	"UpdateColumnStatisticsForTable":     {statisticsRequest{}, batchAnswer[statisticsError]{}},
	"DeleteColumnStatisticsForTable":     {statisticsRequest{}, none{}},
	"GetColumnStatisticsForPartition":    {statisticsRequest{}, statisticsAnswer{}},
	"UpdateColumnStatisticsForPartition": {statisticsRequest{}, batchAnswer[statisticsError]{}},
	"DeleteColumnStatisticsForPartition": {statisticsRequest{}, none{}},

	"GetUserDefinedFunction":    {functionRequest{}, functionAnswer{}},
	"GetUserDefinedFunctions":   {functionsRequest{}, functionsAnswer{}},
	"CreateUserDefinedFunction": {functionRequest{}, none{}},
	"UpdateUserDefinedFunction": {functionRequest{}, none{}},
	"DeleteUserDefinedFunction": {functionRequest{}, none{}},

	"GetTags":       {tagRequest{}, tagsAnswer{}},
	"TagResource":   {tagRequest{}, none{}},
	"UntagResource": {tagRequest{}, none{}},

	"GetCatalogImportStatus":           {catalogRequest{}, importStatusAnswer{}},
	"GetDataCatalogEncryptionSettings": {catalogRequest{}, encryptionAnswer{}},
}

// ignored are members that change nothing in what a catalog does: notes for Lake Formation's audit and its views' queries, and whether
// to answer the status of views that are being made, of which there are none.
var ignored = []string{"AuditContext", "QuerySessionContext", "IncludeStatusDetails"}

func TestEveryMemberThatTheSDKKnowsIsTakenOrRefused(t *testing.T) {
	operations := slices.Sorted(maps.Keys((&server{}).operations()))
	require.Equal(t, operations, slices.Sorted(maps.Keys(shapes)))
	client := reflect.TypeFor[*glue.Client]()
	for _, operation := range operations {
		method, ok := client.MethodByName(operation)
		require.True(t, ok, operation)
		assert.Empty(t, lacking(operation, method.Type.In(2), reflect.TypeOf(shapes[operation][0])), "members of requests that would be dropped")
		assert.Empty(t, lacking(operation, reflect.TypeOf(shapes[operation][1]), method.Type.Out(0)), "members of answers that no client knows")
	}
}

// lacking returns the paths of the members that the shape a has and b has not.
func lacking(path string, a, b reflect.Type) []string {
	a, b = inner(a), inner(b)
	opaque := []reflect.Type{reflect.TypeFor[unkept](), reflect.TypeFor[awsjson.Time](), reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]()}
	if a.Kind() != reflect.Struct || slices.Contains(opaque, a) || slices.Contains(opaque, b) || a.PkgPath() == "time" {
		return nil
	}
	if b.Kind() != reflect.Struct {
		return []string{path}
	}
	var out []string
	theirs := members(b)
	for name, ours := range members(a) {
		other, ok := theirs[name]
		switch {
		case slices.Contains(ignored, name), name == "ResultMetadata":
		case !ok:
			out = append(out, path+"."+name)
		default:
			out = append(out, lacking(path+"."+name, ours, other)...)
		}
	}
	return out
}

func inner(t reflect.Type) reflect.Type {
	for (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map) && t != reflect.TypeFor[json.RawMessage]() {
		t = t.Elem()
	}
	return t
}

// members returns the JSON members of a struct with those of the structs that it embeds.
func members(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		if f.Anonymous || !f.IsExported() {
			continue
		}
		if _, shadowed := out[name]; shadowed && len(f.Index) > 1 {
			continue // the outer member is the one that is encoded
		}
		out[name] = f.Type
	}
	return out
}
