package pipelineapi

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/golden"
)

func TestTheReferenceIsWhatTheCodeDeclares(t *testing.T) {
	const path = "../../../../docs/pipelines.md"
	golden.Equal(t, path, []byte(Docs())) // make docs writes it
}

func TestEveryParameterIsDeclaredWhole(t *testing.T) {
	seen, flags := map[string]bool{}, map[string]bool{}
	for _, p := range Parameters {
		require.NotEmpty(t, p.Doc, p.Name)
		require.NotEmpty(t, p.Example, p.Name)
		require.NotEmpty(t, p.Types, p.Name)
		require.False(t, seen[p.Name] || flags[p.Flag()], p.Name)
		seen[p.Name], flags[p.Flag()] = true, true
		for _, t2 := range p.Edit {
			require.Contains(t, p.Types, t2, p.Name)
		}
	}
	for _, c := range calls() {
		require.NotEmpty(t, c.doc, c.name)
		require.NotEmpty(t, c.answers, c.name)
	}
}
