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
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, schemaName(c.schemas, pipelines, c.database)) })
	}
	require.Equal(t, "mp_json_export", schemaName(nil, nil, "any"), "a pipeline that has just been deleted")
}
