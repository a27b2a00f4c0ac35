package meta_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/meta"
)

func TestNobodyElseReadsTheMetadata(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "meta.db")
	db, err := meta.Open(t.Context(), path)
	require.NoError(t, err)
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files { // the log of writes too
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
	}
	require.NoError(t, db.Close())
	require.NoError(t, os.Chmod(path, 0o640))
	db, err = meta.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm(), "an operator may let a group read it")
}
