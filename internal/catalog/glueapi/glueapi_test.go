package glueapi_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/glueapi"
	"github.com/refract-io/refract/internal/platform/meta"
)

// endpoint is the API of an empty catalog.
type endpoint struct {
	testing.TB
	handler http.Handler
	// asked holds what the authorizer was asked last, deny the action that it refuses, and hide the tables that it refuses every action on.
	asked []string
	deny  string
	hide  []string
}

func (e *endpoint) Authorize(_ context.Context, action string, resources []string) error {
	e.asked = append([]string{action}, resources...)
	hidden := func(resource string) bool {
		return slices.ContainsFunc(e.hide, func(table string) bool { return strings.HasSuffix(resource, ":table/"+table) })
	}
	if action == e.deny || slices.ContainsFunc(resources, hidden) {
		return &policy.DeniedError{Caller: "arn:aws:iam::123456789012:user/x", Action: action, Resource: resources[0], Kind: "identity-based"}
	}
	return nil
}

func newEndpoint(t testing.TB) *endpoint {
	source := filepath.Join(t.TempDir(), "meta.db")
	if postgres := os.Getenv("REFRACT_TEST_POSTGRES"); postgres != "" {
		source = emptySchema(t, postgres)
	}
	db, err := meta.Open(t.Context(), source)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	e := &endpoint{TB: t}
	e.handler = glueapi.New(catalog.Open(db), e, glueapi.Config{
		Partition: "aws", Account: "123456789012", Region: "eu-central-1", Log: slog.New(slog.DiscardHandler),
	})
	return e
}

// emptySchema returns the address of a schema of its own in a PostgreSQL database.
func emptySchema(t testing.TB, postgres string) string {
	schema := "refract_test_" + strings.ToLower(rand.Text())
	db, err := meta.Open(t.Context(), postgres)
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), `CREATE SCHEMA `+schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec(context.Background(), `DROP SCHEMA `+schema+` CASCADE`) // the test's own context has ended
		require.NoError(t, errors.Join(err, db.Close()))
	})
	address, err := url.Parse(postgres)
	require.NoError(t, err)
	query := address.Query()
	query.Set("search_path", schema)
	address.RawQuery = query.Encode()
	return address.String()
}

// raw sends a request and returns the status and the answer.
func (e *endpoint) raw(operation, body string) (int, string) {
	e.Helper()
	r := httptest.NewRequestWithContext(e.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AWSGlue."+operation)
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	require.Equal(e, "application/x-amz-json-1.1", w.Header().Get("Content-Type"))
	require.Regexp(e, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, w.Header().Get("X-Amzn-Requestid"))
	return w.Code, w.Body.String()
}

func (e *endpoint) do(operation, format string, args ...any) map[string]any {
	e.Helper()
	status, answer := e.raw(operation, fmt.Sprintf(format, args...))
	require.Equal(e, 200, status, answer)
	out := map[string]any{}
	require.NoError(e, json.Unmarshal([]byte(answer), &out))
	return out
}

// refused returns the type and message of an error.
func (e *endpoint) refused(operation, format string, args ...any) (string, string) {
	e.Helper()
	status, answer := e.raw(operation, fmt.Sprintf(format, args...))
	require.NotEqual(e, 200, status, answer)
	var out struct {
		Type    string `json:"__type"`
		Message string
	}
	require.NoError(e, json.Unmarshal([]byte(answer), &out))
	require.NotEmpty(e, out.Message)
	return out.Type, out.Message
}

// withTable creates db.t with the key dt and partitions p00, p01, ...
func withTable(t testing.TB, partitions int) *endpoint {
	e := newEndpoint(t)
	e.do("CreateDatabase", `{"DatabaseInput":{"Name":"DB"}}`)
	e.do("CreateTable", `{"DatabaseName":"db","TableInput":{"Name":"T","TableType":"EXTERNAL_TABLE","PartitionKeys":[{"Name":"dt","Type":"string"}],
		"StorageDescriptor":{"Columns":[{"Name":"time","Type":"timestamp"}],"Location":"s3://lake/t/","SkewedInfo":{"SkewedColumnNames":[]}}}}`)
	for i := range partitions {
		e.do("CreatePartition", `{"DatabaseName":"db","TableName":"t","PartitionInput":{"Values":["p%02d"],"StorageDescriptor":{"Columns":[{"Name":"time","Type":"timestamp"}],
			"Location":"s3://lake/t/%d/"}}}`, i, i)
	}
	return e
}

func values(answer map[string]any) []string {
	out := []string{}
	for _, p := range answer["Partitions"].([]any) {
		out = append(out, p.(map[string]any)["Values"].([]any)[0].(string))
	}
	return out
}

func TestATableIsAnsweredInGluesShape(t *testing.T) {
	e := withTable(t, 1)
	table := e.do("GetTable", `{"CatalogId":"123456789012","DatabaseName":"DB","Name":"t","Unknown":{"x":1}}`)["Table"].(map[string]any)
	for _, instant := range []string{"CreateTime", "UpdateTime"} {
		require.IsType(t, float64(0), table[instant], "an instant is a number of seconds")
		require.Greater(t, table[instant], 1.7e9)
		delete(table, instant)
	}
	text, err := json.Marshal(table)
	require.NoError(t, err)
	require.JSONEq(t, `{"Name":"t","DatabaseName":"db","CatalogId":"123456789012","VersionId":"0","TableType":"EXTERNAL_TABLE","Retention":0,
		"IsRegisteredWithLakeFormation":false,"PartitionKeys":[{"Name":"dt","Type":"string"}],"StorageDescriptor":{"Columns":[{"Name":"time","Type":"timestamp"}],
		"Location":"s3://lake/t/","Compressed":false,"NumberOfBuckets":0,"SerdeInfo":{},"BucketColumns":[],"SortColumns":[],"StoredAsSubDirectories":false}}`, string(text))

	p := e.do("GetPartition", `{"DatabaseName":"db","TableName":"t","PartitionValues":["p00"]}`)["Partition"].(map[string]any)
	require.Greater(t, p["CreationTime"], 1.7e9)
	require.Equal(t, "t", p["TableName"])
	require.Equal(t, "s3://lake/t/0/", p["StorageDescriptor"].(map[string]any)["Location"])
	require.Empty(t, e.do("DeleteTable", `{"DatabaseName":"db","Name":"t"}`))
}

func TestDatabasesAreChangedAndPaged(t *testing.T) {
	e := newEndpoint(t)
	for _, name := range []string{"c", "a", "b"} {
		e.do("CreateDatabase", `{"DatabaseInput":{"Name":%q,"CreateTableDefaultPermissions":[{"Principal":{"DataLakePrincipalIdentifier":"IAM_ALLOWED_PRINCIPALS"},"Permissions":["ALL"]}]}}`, name)
	}
	e.do("UpdateDatabase", `{"Name":"a","DatabaseInput":{"Name":"A","Description":"new"}}`)
	require.Equal(t, "new", e.do("GetDatabase", `{"Name":"a"}`)["Database"].(map[string]any)["Description"])
	first := e.do("GetDatabases", `{"MaxResults":2}`)
	second := e.do("GetDatabases", `{"MaxResults":2,"NextToken":%q}`, first["NextToken"])
	var names []any
	for _, d := range slices.Concat(first["DatabaseList"].([]any), second["DatabaseList"].([]any)) {
		names = append(names, d.(map[string]any)["Name"])
	}
	require.Equal(t, []any{"a", "b", "c"}, names)
	require.NotContains(t, second, "NextToken")
	require.Equal(t, map[string]any{"Name": "a"}, e.do("GetDatabases", `{"AttributesToGet":["NAME"]}`)["DatabaseList"].([]any)[0])
	require.Empty(t, e.do("GetDatabases", `{"ResourceShareType":"FOREIGN"}`)["DatabaseList"])
	e.do("DeleteDatabase", `{"Name":"a"}`)
}

func TestTableNamesMatchRegularExpressionsAndHivesPatterns(t *testing.T) {
	e := newEndpoint(t)
	e.do("CreateDatabase", `{"DatabaseInput":{"Name":"db"}}`)
	names := []string{"event", "mp_event", "mp_events", "mp_people"}
	for _, name := range names {
		e.do("CreateTable", `{"DatabaseName":"db","TableInput":{"Name":%q,"TableType":"EXTERNAL_TABLE"}}`, name)
	}
	for pattern, want := range map[string][]string{
		"": names, "*": names, ".*": names, "mp_*": names[1:], "mp_.*": names[1:], "*event*": names[:3], "MP_EVENT": names[1:2], "mp_event": names[1:2],
		"mp_event|event": names[:2], "mp_[ep].*": names[1:], "event[s]*": names[:1], "mp": {}, "mp_(event|people)": {"mp_event", "mp_people"},
	} {
		got := []string{}
		for _, table := range e.do("GetTables", `{"DatabaseName":"db","Expression":%q,"AttributesToGet":["NAME"]}`, pattern)["TableList"].([]any) {
			got = append(got, table.(map[string]any)["Name"].(string))
			require.NotContains(t, table, "TableType")
		}
		require.Equal(t, want, got, pattern)
	}
	code, _ := e.refused("GetTables", `{"DatabaseName":"db","Expression":"("}`)
	require.Equal(t, "InvalidInputException", code)

	code, message := e.refused("UpdateTable", `{"DatabaseName":"db","Name":"event","TableInput":{"Name":"other"}}`)
	require.Equal(t, "InvalidInputException Table event cannot be renamed to other.", code+" "+message)
	errs := e.do("BatchDeleteTable", `{"DatabaseName":"db","TablesToDelete":["event","nothing","MP_people"]}`)["Errors"]
	require.Equal(t, []any{map[string]any{"TableName": "nothing", "ErrorDetail": map[string]any{
		"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Table nothing not found.",
	}}}, errs)
	require.Len(t, e.do("GetTables", `{"DatabaseName":"db"}`)["TableList"], 2)
}

func TestVersionsAreReadOneByOneAndInPages(t *testing.T) {
	e := withTable(t, 0)
	for i := range 11 {
		e.do("UpdateTable", `{"DatabaseName":"db","TableInput":{"Name":"t","Description":"d%d","PartitionKeys":[{"Name":"dt","Type":"string"}]},"VersionId":"%d"}`, i, i)
	}
	code, _ := e.refused("UpdateTable", `{"DatabaseName":"db","TableInput":{"Name":"t","PartitionKeys":[{"Name":"dt"}]},"VersionId":"3"}`)
	require.Equal(t, "ConcurrentModificationException", code)
	v := e.do("GetTableVersion", `{"DatabaseName":"db","TableName":"t","VersionId":"9"}`)["TableVersion"].(map[string]any)
	require.Equal(t, "d8", v["Table"].(map[string]any)["Description"])
	require.Equal(t, "11", e.do("GetTableVersion", `{"DatabaseName":"db","TableName":"t"}`)["TableVersion"].(map[string]any)["VersionId"])
	code, _ = e.refused("GetTableVersion", `{"DatabaseName":"db","TableName":"t","VersionId":"99"}`)
	require.Equal(t, "EntityNotFoundException", code)

	var ids []any
	for next := ""; ; {
		out := e.do("GetTableVersions", `{"DatabaseName":"db","TableName":"t","MaxResults":5,"NextToken":%q}`, next)
		for _, v := range out["TableVersions"].([]any) {
			ids = append(ids, v.(map[string]any)["VersionId"])
		}
		if out["NextToken"] == nil {
			break
		}
		next = out["NextToken"].(string)
	}
	require.Equal(t, []any{"11", "10", "9", "8", "7", "6", "5", "4", "3", "2", "1", "0"}, ids)
}

func TestPagesAndSegmentsOfPartitionsAddUpToTheWhole(t *testing.T) {
	e := withTable(t, 30)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 31).Draw(t, "size")
		segments := rapid.IntRange(1, 4).Draw(t, "segments")
		from := rapid.IntRange(0, 30).Draw(t, "from")
		var got, want []string
		for i := from; i < 30; i++ {
			want = append(want, fmt.Sprintf("p%02d", i))
		}
		for segment := range segments {
			for next := ""; ; {
				out := e.do("GetPartitions", `{"DatabaseName":"db","TableName":"t","Expression":"dt >= 'p%02d'","MaxResults":%d,"NextToken":%q,
					"Segment":{"SegmentNumber":%d,"TotalSegments":%d}}`, from, size, next, segment, segments)
				page := values(out)
				require.LessOrEqual(t, len(page), size)
				got = append(got, page...)
				if out["NextToken"] == nil {
					break
				}
				next = out["NextToken"].(string)
			}
		}
		slices.Sort(got)
		require.Equal(t, want, got)
	})
}

func TestATokenIsGoodForItsOwnRequest(t *testing.T) {
	e := withTable(t, 3)
	token := e.do("GetPartitions", `{"DatabaseName":"db","TableName":"t","MaxResults":1}`)["NextToken"].(string)
	e.do("DeletePartition", `{"DatabaseName":"db","TableName":"t","PartitionValues":["p00"]}`)
	require.Equal(t, []string{"p01", "p02"}, values(e.do("GetPartitions", `{"DatabaseName":"DB","TableName":"T","NextToken":%q}`, token)),
		"the last partition of a page need not exist any more")
	for _, request := range []string{
		`{"DatabaseName":"db","TableName":"t","Expression":"dt='p01'","NextToken":%q}`,
		`{"DatabaseName":"db","TableName":"t","Segment":{"SegmentNumber":0,"TotalSegments":2},"NextToken":%q}`,
	} {
		code, _ := e.refused("GetPartitions", request, token)
		require.Equal(t, "InvalidInputException", code)
	}
	code, _ := e.refused("GetPartitions", `{"DatabaseName":"db","TableName":"t","NextToken":%q}`, token[:len(token)-2])
	require.Equal(t, "InvalidInputException", code)
}

func TestPartitionsWithoutColumns(t *testing.T) {
	e := withTable(t, 1)
	p := e.do("GetPartitions", `{"DatabaseName":"db","TableName":"t","ExcludeColumnSchema":true}`)["Partitions"].([]any)[0].(map[string]any)
	require.Empty(t, p["StorageDescriptor"].(map[string]any)["Columns"])
	require.Equal(t, "s3://lake/t/0/", p["StorageDescriptor"].(map[string]any)["Location"])
}

func TestBatchesReportEachFailureAndDoTheRest(t *testing.T) {
	e := withTable(t, 1)
	failure := func(member, value, code, message string) []any {
		return []any{map[string]any{member: []any{value}, "ErrorDetail": map[string]any{"ErrorCode": code, "ErrorMessage": message}}}
	}
	require.Equal(t, failure("PartitionValues", "p00", "AlreadyExistsException", "Partition already exists."),
		e.do("BatchCreatePartition", `{"DatabaseName":"db","TableName":"t","PartitionInputList":[{"Values":["p00"]},{"Values":["new"]}]}`)["Errors"])
	require.Equal(t, []any{}, e.do("BatchCreatePartition", `{"DatabaseName":"db","TableName":"t","PartitionInputList":[{"Values":["newer"]}]}`)["Errors"])
	require.Equal(t, failure("PartitionValueList", "x", "EntityNotFoundException", "Cannot find partition."),
		e.do("BatchUpdatePartition", `{"DatabaseName":"db","TableName":"t","Entries":[{"PartitionValueList":["x"],"PartitionInput":{}},
			{"PartitionValueList":["new"],"PartitionInput":{"Values":["new"],"Parameters":{"a":"b"}}}]}`)["Errors"])
	got := e.do("BatchGetPartition", `{"DatabaseName":"db","TableName":"t","PartitionsToGet":[{"Values":["new"]},{"Values":["x"]},{"Values":["p00"]}]}`)
	require.Equal(t, []string{"new", "p00"}, values(got))
	require.Equal(t, []any{}, got["UnprocessedKeys"])
	require.Equal(t, map[string]any{"a": "b"}, got["Partitions"].([]any)[0].(map[string]any)["Parameters"])
	require.Equal(t, failure("PartitionValues", "y", "EntityNotFoundException", "Cannot find partition."),
		e.do("BatchDeletePartition", `{"DatabaseName":"db","TableName":"t","PartitionsToDelete":[{"Values":["y"]},{"Values":["new"]}]}`)["Errors"])
	require.Equal(t, []string{"newer", "p00"}, values(e.do("GetPartitions", `{"DatabaseName":"db","TableName":"t"}`)))

	e.do("UpdatePartition", `{"DatabaseName":"db","TableName":"t","PartitionValueList":["p00"],"PartitionInput":{"Parameters":{"c":"d"}}}`)
	for operation, want := range map[string]string{
		`UpdatePartition {"PartitionValueList":["p00"],"PartitionInput":{"Values":["newer"]}}`: "AlreadyExistsException",
		`UpdatePartition {"PartitionValueList":["x"],"PartitionInput":{}}`:                     "EntityNotFoundException",
		`CreatePartition {"PartitionInput":{"Values":["p00"]}}`:                                "AlreadyExistsException",
		`DeletePartition {"PartitionValues":["x"]}`:                                            "EntityNotFoundException",
		`GetPartition {"PartitionValues":["x"]}`:                                               "EntityNotFoundException",
		`BatchUpdatePartition {"Entries":[]}`:                                                  "InvalidInputException",
	} {
		name, body, _ := strings.Cut(operation, " ")
		code, _ := e.refused(name, `{"DatabaseName":"db","TableName":"t",%s`, body[1:])
		require.Equal(t, want, code, operation)
	}
}

func TestBatchesAndPagesHaveGluesLimits(t *testing.T) {
	e := withTable(t, 0)
	many := func(n int, item string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
	}
	for _, test := range []struct {
		operation, member, item string
		most                    int
	}{
		{"BatchCreatePartition", "PartitionInputList", `{"Values":["a"]}`, 100},
		{"BatchUpdatePartition", "Entries", `{"PartitionValueList":["a"],"PartitionInput":{}}`, 100},
		{"BatchGetPartition", "PartitionsToGet", `{"Values":["a"]}`, 1000},
		{"BatchDeletePartition", "PartitionsToDelete", `{"Values":["a"]}`, 25},
		{"BatchDeleteTable", "TablesToDelete", `"a"`, 100},
	} {
		e.do(test.operation, `{"DatabaseName":"db","TableName":"t",%q:%s}`, test.member, many(test.most, test.item))
		code, _ := e.refused(test.operation, `{"DatabaseName":"db","TableName":"t",%q:%s}`, test.member, many(test.most+1, test.item))
		require.Equal(t, "InvalidInputException", code, test.operation)
	}
	for operation, most := range map[string]int{"GetPartitions": 1000, "GetTables": 100, "GetDatabases": 100, "GetTableVersions": 100, "SearchTables": 1000} {
		e.do(operation, `{"DatabaseName":"db","TableName":"t","MaxResults":%d}`, most)
		for _, wrong := range []int{0, -1, most + 1} {
			code, _ := e.refused(operation, `{"DatabaseName":"db","TableName":"t","MaxResults":%d}`, wrong)
			require.Equal(t, "InvalidInputException", code, operation)
		}
	}
	for _, segment := range []string{`{"SegmentNumber":1,"TotalSegments":1}`, `{"SegmentNumber":0,"TotalSegments":0}`, `{"SegmentNumber":0,"TotalSegments":11}`} {
		code, _ := e.refused("GetPartitions", `{"DatabaseName":"db","TableName":"t","Segment":%s}`, segment)
		require.Equal(t, "InvalidInputException", code, segment)
	}
}

func TestWhatIsNotKeptIsRefusedByName(t *testing.T) {
	e := withTable(t, 1)
	for request, member := range map[string]string{
		`CreateDatabase {"DatabaseInput":{"Name":"x","TargetDatabase":{"DatabaseName":"y"}}}`:                                                                                             "TargetDatabase",
		`CreateDatabase {"DatabaseInput":{"Name":"x","CreateTableDefaultPermissions":[{"Principal":{"DataLakePrincipalIdentifier":"IAM_ALLOWED_PRINCIPALS"},"Permissions":["SELECT"]}]}}`: "CreateTableDefaultPermissions",
		`CreateTable {"DatabaseName":"db","TableInput":{"Name":"x","TargetTable":{"Name":"t"}}}`:                                                                                          "TargetTable",
		`UpdateTable {"DatabaseName":"db","TableInput":{"Name":"t"},"Force":true}`:                                                                                                        "Force",
		`CreateTable {"DatabaseName":"db","TableInput":{"Name":"x","StorageDescriptor":{"SchemaReference":{"SchemaVersionNumber":1}}}}`:                                                   "SchemaReference",
		`GetTable {"DatabaseName":"db","Name":"t","QueryAsOfTime":1700000000}`:                                                                                                            "QueryAsOfTime",
		`CreatePartition {"DatabaseName":"db","TableName":"t","PartitionInput":{"Values":["x"],"StorageDescriptor":{"SkewedInfo":{"SkewedColumnNames":["a"]}}}}`:                          "SkewedInfo",
	} {
		operation, body, _ := strings.Cut(request, " ")
		code, message := e.refused(operation, "%s", body)
		require.Equal(t, "InvalidInputException", code)
		require.Contains(t, message, member)
	}
}

func TestWrongRequestsAreRefused(t *testing.T) {
	e := withTable(t, 0)
	for request, want := range map[string]string{
		`CreateCrawler {}`:                          "UnknownOperationException",
		`GetTable {`:                                "SerializationException",
		`GetTable {"Name":7}`:                       "SerializationException",
		`GetTable {"DatabaseName":"db"}`:            "InvalidInputException",
		`GetTable {"DatabaseName":"db","Name":"x"}`: "EntityNotFoundException",
		`GetTable {"CatalogId":"9","DatabaseName":"db","Name":"t"}`:                     "EntityNotFoundException",
		`CreateDatabase {"DatabaseInput":{"Name":"db"}}`:                                "AlreadyExistsException",
		`CreateTable {"DatabaseName":"db"}`:                                             "InvalidInputException",
		`UpdateTable {"DatabaseName":"db","TableInput":{"Name":"t"},"VersionId":"abc"}`: "InvalidInputException",
		`UpdateTable {"DatabaseName":"db","TableInput":{"Name":"t"},"VersionId":"7"}`:   "ConcurrentModificationException",
		`GetPartitions {"DatabaseName":"db","TableName":"t","Expression":"x = 1"}`:      "InvalidInputException",
	} {
		operation, body, _ := strings.Cut(request, " ")
		code, message := e.refused(operation, "%s", body)
		require.Equal(t, want, code, request)
		require.NotContains(t, message, "Go ", request)
	}
}

func TestTablesAreSearched(t *testing.T) {
	e := newEndpoint(t)
	for _, database := range []string{"one", "two"} {
		e.do("CreateDatabase", `{"DatabaseInput":{"Name":%q}}`, database)
		for _, name := range []string{"mp_event", "mp-link", "links"} {
			e.do("CreateTable", `{"DatabaseName":%q,"TableInput":{"Name":%q,"Description":"about %s","Owner":"o",
				"StorageDescriptor":{"Columns":[{"Name":"Plan","Type":"string"}]}}}`, database, name, name)
		}
	}
	search := func(body string) []string {
		got := []string{}
		for next := ""; ; {
			out := e.do("SearchTables", `{%s,"MaxResults":1,"NextToken":%q}`, body, next)
			for _, table := range out["TableList"].([]any) {
				got = append(got, table.(map[string]any)["DatabaseName"].(string)+"."+table.(map[string]any)["Name"].(string))
			}
			if out["NextToken"] == nil {
				return got
			}
			next = out["NextToken"].(string)
		}
	}
	all := []string{"one.links", "one.mp-link", "one.mp_event", "two.links", "two.mp-link", "two.mp_event"}
	require.Equal(t, all, search(`"SearchText":"PLAN"`))
	require.Equal(t, all, search(`"Filters":[]`))
	require.Equal(t, []string{"one.mp-link", "two.mp-link"}, search(`"Filters":[{"Key":"Name","Value":"link"}]`))
	require.Equal(t, []string{"two.mp_event"}, search(`"SearchText":"event","Filters":[{"Key":"DatabaseName","Value":"two"}]`))
	require.Equal(t, []string{}, search(`"SearchText":"\"event\""`))
	require.Equal(t, []string{"one.mp_event", "two.mp_event"}, search(`"SearchText":"\"mp_event\""`))
	require.Equal(t, []string{"one.mp_event", "two.mp_event", "one.mp-link", "two.mp-link", "one.links", "two.links"},
		search(`"SortCriteria":[{"FieldName":"Name","Sort":"DESC"}]`))
	require.Equal(t, []string{}, search(`"Filters":[{"Key":"CreateTime","Value":"2024-01-01T00:00:00Z","Comparator":"LESS_THAN"}]`))
	require.Len(t, search(`"Filters":[{"Key":"CreateTime","Value":"2024-01-01T00:00:00Z","Comparator":"GREATER_THAN_EQUALS"}]`), 6)
	e.hide = []string{"one/links", "one/mp-link", "two/mp_event"}
	require.Equal(t, []string{"one.mp_event", "two.links", "two.mp-link"}, search(`"SearchText":"PLAN"`), "whoever may not get a table doesn't find it")
	code, _ := e.refused("SearchTables", `{"Filters":[{"Key":"Nothing","Value":"x"}]}`)
	require.Equal(t, "InvalidInputException", code)
}

func FuzzRequest(f *testing.F) {
	f.Add("GetPartitions", `{"DatabaseName":"db","TableName":"t","Expression":"dt='x'","NextToken":"eyJPZiI6IiJ9"}`)
	f.Add("CreateTable", `{"DatabaseName":"db","TableInput":{"Name":"x","StorageDescriptor":{"SkewedInfo":null}}}`)
	f.Add("BatchUpdatePartition", `{"DatabaseName":"db","TableName":"t","Entries":[{}]}`)
	f.Add("GetTables", `{"DatabaseName":"db","Expression":"*|(a*"}`)
	f.Add("UpdateColumnStatisticsForPartition", `{`+partitionOf+`,"ColumnStatisticsList":[`+longTime+`]}`)
	f.Add("UpdateColumnStatisticsForTable", `{`+tableOf+`,"ColumnStatisticsList":[{"AnalyzedTime":1e300,"StatisticsData":{"Type":"DATE","DateColumnStatisticsData":{"MinimumValue":-62135596800}}}]}`)
	f.Add("CreatePartitionIndex", `{`+tableOf+`,"PartitionIndex":{"IndexName":"i","Keys":["dt",""]}}`)
	f.Add("CreateUserDefinedFunction", `{"DatabaseName":"db","FunctionInput":{"FunctionName":"f","ResourceUris":[{}]}}`)
	f.Add("GetUserDefinedFunctions", `{"Pattern":"[","NextToken":"e30"}`)
	f.Add("TagResource", `{"ResourceArn":"arn:aws:glue:eu-central-1:123456789012:table/db/t","TagsToAdd":{"k":null}}`)
	f.Add("BatchDeleteTableVersion", `{`+tableOf+`,"VersionIds":["0","-0","9999999999999999999"]}`)
	f.Add("SearchTables", `{"Filters":[{"Key":"CreateTime","Value":"x"}],"SortCriteria":[{"FieldName":"Name","Sort":"DESC"}]}`)
	f.Add("UpdateTable", `{"DatabaseName":"db","TableInput":{"Name":"t","LastAccessTime":-62135596799.9996,"PartitionKeys":[{"Name":"dt"}]}}`)
	e := withTable(f, 2)
	f.Fuzz(func(t *testing.T, operation, body string) {
		e.TB = t
		status, answer := e.raw(operation, body)
		require.Less(t, status, 500, answer)
	})
}
