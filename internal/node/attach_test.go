package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/query/engine"
)

func TestTheOldestPipelinesDatabaseIsShownAsMpJSONExport(t *testing.T) {
	of := func(database string, state pipeline.State) *pipeline.Pipeline {
		return &pipeline.Pipeline{Definition: pipeline.Definition{State: state, Spec: pipeline.Spec{Glue: pipeline.Glue{Use: true, Database: database}}}}
	}
	elsewhere, raw := of("elsewhere", pipeline.Active), of("", pipeline.Active)
	elsewhere.Glue.Region, raw.Glue.Use = "eu-central-1", false
	pipelines := []*pipeline.Pipeline{of("gone", pipeline.Cancelled), elsewhere, raw, of("First", pipeline.Paused), of("second", pipeline.Active)}
	shown := func(name, database string) *engine.ExternalSchema {
		return &engine.ExternalSchema{Name: name, GlueDatabase: database}
	}
	for name, c := range map[string]struct {
		schemas        []*engine.ExternalSchema
		database, want string
	}{
		"the oldest":                         {nil, "First", "mp_json_export"},
		"another, although it comes first":   {nil, "Second", "mp_json_export_second"},
		"the oldest after another":           {[]*engine.ExternalSchema{shown("mp_json_export_second", "second")}, "first", "mp_json_export"},
		"again":                              {[]*engine.ExternalSchema{shown("mp_json_export", "first")}, "First", "mp_json_export"},
		"the name was taken":                 {[]*engine.ExternalSchema{shown("mp_json_export", "gone")}, "first", "mp_json_export_first"},
		"one that has the name keeps it":     {[]*engine.ExternalSchema{shown("mp_json_export", "second")}, "second", "mp_json_export"},
		"one that has its own name keeps it": {[]*engine.ExternalSchema{shown("mp_json_export_first", "first")}, "first", "mp_json_export_first"},
		"a user's schema is no reason":       {[]*engine.ExternalSchema{shown("mine", "first")}, "first", "mp_json_export"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, schemaName(c.schemas, pipelines, c.database, false)) })
	}
	require.Equal(t, "mp_json_export", schemaName(nil, nil, "any", true), "a pipeline that has just been deleted")
}

func TestAPipelineThatNamesThisWarehouseHasItsPlaceAmongTheOthers(t *testing.T) {
	named := func(r pipeline.Redshift) []*pipeline.Pipeline {
		return []*pipeline.Pipeline{
			{Definition: pipeline.Definition{Spec: pipeline.Spec{Glue: pipeline.Glue{Use: true, Database: "older", Region: "us-east-1"}, Redshift: r}}},
			{Definition: pipeline.Definition{Spec: pipeline.Spec{Glue: pipeline.Glue{Use: true, Database: "younger"}}}},
		}
	}
	for name, c := range map[string]struct {
		redshift pipeline.Redshift
		own      bool
		want     string
	}{
		"it waits for its GRANT":              {pipeline.Redshift{Workgroup: "default", Database: "dev"}, true, "mp_json_export_younger"},
		"it names the schema":                 {pipeline.Redshift{Cluster: "default", Database: "DEV", Schema: "MP_json_export"}, true, "mp_json_export_younger"},
		"its schema is called otherwise":      {pipeline.Redshift{Workgroup: "default", Database: "dev", Schema: "mixpanel"}, true, "mp_json_export"},
		"its database is another one":         {pipeline.Redshift{Workgroup: "default", Database: "prod"}, true, "mp_json_export"},
		"the warehouse is not the embedded's": {pipeline.Redshift{Workgroup: "default", Database: "dev"}, false, "mp_json_export"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, schemaName(nil, named(c.redshift), "younger", c.own)) })
	}
}

func TestThisInstallationsEndpointIsRecognized(t *testing.T) {
	for _, c := range []struct {
		url, listen string
		want        bool
	}{
		{"http://127.0.0.1:4566", "127.0.0.1:4566", true},
		{"http://localhost:4566/", "127.0.0.1:4566", true},
		{"http://[::1]:4566", ":4566", true},
		{"http://127.0.0.1:4566", "0.0.0.0:4566", true},
		{"https://lake.example:4566", "lake.example:4566", true},
		{"http://localhost", "127.0.0.1:80", true},
		{"http://localhost:4567", "127.0.0.1:4566", false},
		{"https://lake.example:4566", "0.0.0.0:4566", false},
		{"", "127.0.0.1:4566", false},
		{"http://127.0.0.1:4566", "", false},
	} {
		require.Equal(t, c.want, isOwn(c.url, c.listen), "%s at %s", c.url, c.listen)
	}
}
