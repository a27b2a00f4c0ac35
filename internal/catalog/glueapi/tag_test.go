package glueapi_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDatabasesAndTablesHaveTags(t *testing.T) {
	e := newEndpoint(t)
	e.do("CreateDatabase", `{"DatabaseInput":{"Name":"db"},"Tags":{"team":"data"}}`)
	e.do("CreateTable", `{"DatabaseName":"db","TableInput":{"Name":"t"}}`)
	tags := func(resource string) any {
		return e.do("GetTags", `{"ResourceArn":%q}`, prefix+resource)["Tags"]
	}
	require.Equal(t, map[string]any{"team": "data"}, tags("database/DB"))
	require.Equal(t, map[string]any{}, tags("table/db/T"))
	e.do("TagResource", `{"ResourceArn":%q,"TagsToAdd":{"team":"growth","cost":""}}`, prefix+"database/db")
	e.do("TagResource", `{"ResourceArn":%q,"TagsToAdd":{"x":"y"}}`, prefix+"table/db/t")
	e.do("UntagResource", `{"ResourceArn":%q,"TagsToRemove":["cost","never"]}`, prefix+"database/db")
	e.do("UpdateDatabase", `{"Name":"db","DatabaseInput":{"Name":"db"}}`)
	e.do("UpdateTable", `{"DatabaseName":"db","TableInput":{"Name":"t"}}`)
	require.Equal(t, map[string]any{"team": "growth"}, tags("database/db"))
	require.Equal(t, map[string]any{"x": "y"}, tags("table/db/t"))

	many := map[string]string{}
	for i := range 50 {
		many[fmt.Sprint(i)] = "v"
	}
	text, err := json.Marshal(many)
	require.NoError(t, err)
	for resource, want := range map[string]string{
		"database/nothing": "EntityNotFoundException", "table/db/nothing": "EntityNotFoundException", "table/nowhere/t": "EntityNotFoundException",
		"crawler/c": "InvalidInputException", "database": "InvalidInputException", "table/db": "InvalidInputException",
	} {
		code, _ := e.refused("TagResource", `{"ResourceArn":%q,"TagsToAdd":{"a":"b"}}`, prefix+resource)
		require.Equal(t, want, code, resource)
	}
	for _, wrong := range []string{`{"":"v"}`, `{"aws:x":"v"}`, string(text)} { // the last one with the tag that is there
		code, _ := e.refused("TagResource", `{"ResourceArn":%q,"TagsToAdd":%s}`, prefix+"database/db", wrong)
		require.Equal(t, "InvalidInputException", code, wrong)
	}
	code, _ := e.refused("CreateDatabase", `{"DatabaseInput":{"Name":"x"},"Tags":{"aws:x":"v"}}`)
	require.Equal(t, "InvalidInputException", code)
	code, _ = e.refused("GetTags", `{"ResourceArn":"arn:aws:glue:eu-central-1:999999999999:database/db"}`)
	require.Equal(t, "InvalidInputException", code)
}

func TestTheCatalogSaysWhatItIs(t *testing.T) {
	e := newEndpoint(t)
	require.Equal(t, map[string]any{"ImportStatus": map[string]any{"ImportCompleted": true}}, e.do("GetCatalogImportStatus", `{}`))
	require.Equal(t, map[string]any{"DataCatalogEncryptionSettings": map[string]any{
		"EncryptionAtRest":             map[string]any{"CatalogEncryptionMode": "DISABLED"},
		"ConnectionPasswordEncryption": map[string]any{"ReturnConnectionPasswordEncrypted": false},
	}}, e.do("GetDataCatalogEncryptionSettings", `{}`))
}
