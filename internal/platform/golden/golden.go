// Package golden compares what tests make with files that were looked at once, below each package's testdata. With the flag -update the files
// are written anew, to be looked at again in the difference.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Update writes a file anew if -update was given. It serves tests that read the file in their own way; others call Equal.
func Update(t testing.TB, path string, content func() []byte) {
	t.Helper()
	if !*update {
		return
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, content(), 0o644))
}

// Equal fails the test unless the file has the content.
func Equal(t testing.TB, path string, content []byte) {
	t.Helper()
	Update(t, path, func() []byte { return content })
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(content), "run the test with -update and look at the difference")
}
