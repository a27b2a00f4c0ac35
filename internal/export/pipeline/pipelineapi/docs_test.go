package pipelineapi

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheReferenceIsWhatTheCodeDeclares(t *testing.T) {
	const path = "../../../../docs/pipelines.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(Docs()), 0o644))
	}
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, Docs(), string(written), "run make docs")
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
