package schema

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/golden"
)

func TestTheReferenceOfReservedWordsIsWhatTheCodeKeepsTo(t *testing.T) {
	words := strings.Fields(reservedText)
	require.True(t, slices.IsSorted(words))
	require.Len(t, reserved, len(words), "each once")
	var b strings.Builder
	b.WriteString(`# Reserved words

A property or event whose name, cleaned, is one of these words gets ` + "`res_`" + ` before it as a column or table of a schematized pipeline: ` + "`Timestamp`" + `
becomes ` + "`res_timestamp`" + `. They are the reserved words of Amazon Redshift. Where the list changes, names that a pipeline has assigned already stay.

`)
	for _, word := range words {
		require.Equal(t, "res_"+word, Clean(word))
		b.WriteString("- `" + word + "`\n")
	}
	golden.Equal(t, "../../../docs/reserved-words.md", []byte(b.String())) // make docs writes it
}
