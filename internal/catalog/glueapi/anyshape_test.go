package glueapi_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

var (
	anyText = rapid.SampledFrom([]string{
		"", "db", "t", "DB", "p00", "dt", "time", "0", "1", "NAME", "LONG", "JAR", "123456789012", "dt = 'p00'", "*", "(", "\x00", "ü\u2028", strings.Repeat("x", 300),
		"arn:aws:glue:eu-central-1:123456789012:table/db/t", "2024-05-01T00:00:00Z", "DESC", "EQUALS", "IAM_ALLOWED_PRINCIPALS", "ALL",
	})
	anyNumber = rapid.SampledFrom([]any{0, 1, -1, 2, 1000, 1 << 40, -1 << 62, 0.5, 1e300, 1.7e9})
	anything  = rapid.SampledFrom([]any{nil, 7, -0.5, "x", true, []any{}, []any{nil}, map[string]any{}, map[string]any{"": nil}})
)

// drawShape draws a JSON value of the SDK's shape, of which members are left out, and some are of another type.
func drawShape(t *rapid.T, shape reflect.Type, depth int) any {
	if rapid.IntRange(0, 30).Draw(t, "wrong") == 0 {
		return anything.Draw(t, "anything")
	}
	switch shape.Kind() {
	case reflect.Pointer:
		return drawShape(t, shape.Elem(), depth)
	case reflect.String:
		return anyText.Draw(t, "text")
	case reflect.Bool:
		return rapid.Bool().Draw(t, "bool")
	case reflect.Slice:
		list := []any{}
		for range rapid.IntRange(0, 2).Draw(t, "length") {
			list = append(list, drawShape(t, shape.Elem(), depth+1))
		}
		return list
	case reflect.Map:
		return map[string]any{anyText.Draw(t, "key"): drawShape(t, shape.Elem(), depth+1)}
	case reflect.Struct:
		if shape.PkgPath() == "time" {
			return anyNumber.Draw(t, "instant")
		}
		object := map[string]any{}
		for i := range shape.NumField() {
			// What is deep is rare, so that values stay small.
			if f := shape.Field(i); f.IsExported() && rapid.IntRange(0, depth).Draw(t, f.Name) == 0 {
				object[f.Name] = drawShape(t, f.Type, depth+1)
			}
		}
		return object
	default:
		return anyNumber.Draw(t, "number")
	}
}

// TestAnyShapeOfARequestIsAnswered: whatever is sent is done or refused, and is no failure of the service.
func TestAnyShapeOfARequestIsAnswered(t *testing.T) {
	e := withTable(t, 2)
	operations := slices.Sorted(maps.Keys(e.handler.(*awsjson.Service).Operations))
	client := reflect.TypeFor[*glue.Client]()
	done := map[string]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		for range 20 {
			operation := rapid.SampledFrom(operations).Draw(rt, "operation")
			method, _ := client.MethodByName(operation)
			body, err := json.Marshal(drawShape(rt, method.Type.In(2), 0))
			require.NoError(rt, err)
			status, answer := e.raw(operation, string(body))
			require.Less(rt, status, 500, "%s %s: %s", operation, body, answer)
			done[operation] = done[operation] || status == 200
		}
		e.raw("CreateDatabase", `{"DatabaseInput":{"Name":"db"}}`)
		e.raw("CreateTable", `{"DatabaseName":"db","TableInput":{"Name":"t","PartitionKeys":[{"Name":"dt","Type":"string"}],"StorageDescriptor":{"Columns":[{"Name":"time"}]}}}`)
		e.raw("CreatePartition", `{"DatabaseName":"db","TableName":"t","PartitionInput":{"Values":["p00"]}}`)
	})
	t.Logf("done at least once: %v", slices.Sorted(maps.Keys(done)))
}
