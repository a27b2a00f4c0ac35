package glueapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFunctionsAreKeptForTheEnginesThatHaveThem(t *testing.T) {
	e := newEndpoint(t)
	for _, database := range []string{"two", "one"} {
		e.do("CreateDatabase", `{"DatabaseInput":{"Name":%q}}`, database)
		for i := range 3 {
			e.do("CreateUserDefinedFunction", `{"DatabaseName":%q,"FunctionInput":{"FunctionName":"Trino__f%d","ClassName":"c.C","OwnerName":"o","OwnerType":"USER",
				"FunctionType":"REGULAR_FUNCTION","ResourceUris":[{"ResourceType":"JAR","Uri":"s3://b/%d.jar"}]}}`, database, i, i)
		}
	}
	f := e.do("GetUserDefinedFunction", `{"DatabaseName":"ONE","FunctionName":"TRINO__F1"}`)["UserDefinedFunction"].(map[string]any)
	require.Greater(t, f["CreateTime"], 1.7e9)
	delete(f, "CreateTime")
	require.Equal(t, map[string]any{"FunctionName": "trino__f1", "DatabaseName": "one", "CatalogId": "123456789012", "ClassName": "c.C", "OwnerName": "o",
		"OwnerType": "USER", "FunctionType": "REGULAR_FUNCTION", "ResourceUris": []any{map[string]any{"ResourceType": "JAR", "Uri": "s3://b/1.jar"}}}, f)

	list := func(body string) []string {
		got := []string{}
		for next := ""; ; {
			out := e.do("GetUserDefinedFunctions", `{%s,"MaxResults":2,"NextToken":%q}`, body, next)
			for _, f := range out["UserDefinedFunctions"].([]any) {
				got = append(got, fmt.Sprint(f.(map[string]any)["DatabaseName"], ".", f.(map[string]any)["FunctionName"]))
			}
			if out["NextToken"] == nil {
				return got
			}
			next = out["NextToken"].(string)
		}
	}
	all := []string{"one.trino__f0", "one.trino__f1", "one.trino__f2", "two.trino__f0", "two.trino__f1", "two.trino__f2"}
	require.Equal(t, all, list(`"Pattern":"*"`))
	require.Equal(t, all[:3], list(`"DatabaseName":"one","Pattern":"trino__.*"`))
	require.Equal(t, []string{"one.trino__f2", "two.trino__f2"}, list(`"Pattern":"*f2"`))
	require.Empty(t, list(`"Pattern":"*","FunctionType":"AGGREGATE_FUNCTION"`))

	e.do("UpdateUserDefinedFunction", `{"DatabaseName":"one","FunctionName":"trino__f0","FunctionInput":{"ClassName":"d.D"}}`)
	require.Equal(t, "d.D", e.do("GetUserDefinedFunction", `{"DatabaseName":"one","FunctionName":"trino__f0"}`)["UserDefinedFunction"].(map[string]any)["ClassName"])
	e.do("UpdateUserDefinedFunction", `{"DatabaseName":"one","FunctionName":"trino__f0","FunctionInput":{"FunctionName":"renamed"}}`)
	e.do("DeleteUserDefinedFunction", `{"DatabaseName":"one","FunctionName":"Trino__F1"}`)
	require.Equal(t, []string{"one.renamed", "one.trino__f2"}, list(`"DatabaseName":"one","Pattern":".*"`))

	for request, want := range map[string]string{
		`{"DatabaseName":"one","FunctionInput":{"FunctionName":"RENAMED"}}`:                                           "AlreadyExistsException",
		`{"DatabaseName":"nowhere","FunctionInput":{"FunctionName":"f"}}`:                                             "EntityNotFoundException",
		`{"DatabaseName":"one","FunctionInput":{}}`:                                                                   "InvalidInputException",
		`{"DatabaseName":"one","FunctionInput":{"FunctionName":"f","OwnerType":"NOBODY"}}`:                            "InvalidInputException",
		`{"DatabaseName":"one","FunctionInput":{"FunctionName":"f","ResourceUris":[{"ResourceType":"JAR"}]}}`:         "InvalidInputException",
		`{"DatabaseName":"one","FunctionInput":{"FunctionName":"f","ResourceUris":[{"ResourceType":"X","Uri":"u"}]}}`: "InvalidInputException",
	} {
		code, _ := e.refused("CreateUserDefinedFunction", "%s", request)
		require.Equal(t, want, code, request)
	}
	for operation, body := range map[string]string{
		"GetUserDefinedFunction":    `{"DatabaseName":"one","FunctionName":"f"}`,
		"DeleteUserDefinedFunction": `{"DatabaseName":"nowhere","FunctionName":"f"}`,
		"UpdateUserDefinedFunction": `{"DatabaseName":"one","FunctionName":"f"}`,
		"GetUserDefinedFunctions":   `{"DatabaseName":"nowhere","Pattern":"*"}`,
	} {
		code, _ := e.refused(operation, "%s", body)
		require.Equal(t, "EntityNotFoundException", code, operation)
	}
	code, _ := e.refused("UpdateUserDefinedFunction", `{"DatabaseName":"one","FunctionName":"renamed","FunctionInput":{"FunctionName":"trino__f2"}}`)
	require.Equal(t, "InvalidInputException", code)
	e.do("DeleteDatabase", `{"Name":"one"}`)
	require.Equal(t, all[3:], list(`"Pattern":"*"`), "a database takes its functions with it")
}
