package bucket_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/buckettest"
	"github.com/refract-io/refract/internal/platform/fault"
)

func openLocal(t *testing.T) bucket.Bucket {
	b, err := bucket.OpenLocal("lake", t.TempDir())
	require.NoError(t, err)
	return b
}

func TestLocal(t *testing.T) { buckettest.Run(t, openLocal) }

func put(t *testing.T, b bucket.Bucket, key string, opts bucket.PutOptions) error {
	t.Helper()
	_, err := b.Put(t.Context(), key, strings.NewReader("x"), 1, opts)
	return err
}

func TestObjectsAreFilesAtTheirKeys(t *testing.T) {
	root := t.TempDir()
	b, err := bucket.OpenLocal("lake", filepath.Join(root, "not", "there", "yet"))
	require.NoError(t, err)
	require.NoError(t, put(t, b, "a/b.json", bucket.PutOptions{}))
	path, err := b.LocalPath("a/b.json")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "not/there/yet/a/b.json"), path)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "x", string(content))
	require.Equal(t, "s3://lake/a/b.json", b.Location("a/b.json"))
}

func TestARelativeFolderStaysWhereItWas(t *testing.T) {
	t.Chdir(t.TempDir())
	b, err := bucket.OpenLocal("lake", "./data/../lake")
	require.NoError(t, err)
	require.NoError(t, put(t, b, "a/b", bucket.PutOptions{}))
	t.Chdir(t.TempDir())
	require.NoError(t, put(t, b, "a/c", bucket.PutOptions{}))
	require.NoError(t, b.Delete(t.Context(), "a/b", "a/c"))
	require.NoError(t, put(t, b, "d", bucket.PutOptions{}))
}

func TestStagingIsNoPartOfTheBucket(t *testing.T) {
	root := t.TempDir()
	old, young := filepath.Join(root, ".staging", "put-old"), filepath.Join(root, ".staging", "put-young")
	require.NoError(t, os.Mkdir(filepath.Dir(old), 0o755))
	for _, path := range []string{old, young} {
		require.NoError(t, os.WriteFile(path, []byte("half"), 0o644))
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	require.NoError(t, os.Chtimes(old, yesterday, yesterday))
	b, err := bucket.OpenLocal("lake", root)
	require.NoError(t, err)
	require.NoFileExists(t, old, "the leavings of a crash are cleared")
	require.FileExists(t, young, "another process may be writing")
	for _, prefix := range []string{"", ".", ".staging", ".staging/", ".staging/put"} {
		for o, err := range b.List(t.Context(), prefix) {
			t.Errorf("listed %v %v with prefix %q", o, err, prefix)
		}
	}
	require.Error(t, put(t, b, ".staging/x", bucket.PutOptions{}))
	require.Error(t, put(t, b, ".staging", bucket.PutOptions{}))
	require.Error(t, b.Delete(t.Context(), ".staging/put-young"))
	require.NoError(t, put(t, b, ".stagingx", bucket.PutOptions{}))
}

func TestAKeyCannotBeAnotherKeysFolder(t *testing.T) {
	b := openLocal(t)
	require.NoError(t, put(t, b, "a/b", bucket.PutOptions{}))
	for _, key := range []string{"a", "a/b/c", "a/b/c/d"} {
		for _, opts := range []bucket.PutOptions{{}, {IfAbsent: true}} {
			err := put(t, b, key, opts)
			require.Equal(t, fault.Setup, fault.ClassOf(err), "%s: %v", key, err)
		}
	}
	err := put(t, b, strings.Repeat("x", 300), bucket.PutOptions{})
	require.Equal(t, fault.Setup, fault.ClassOf(err), err)
}

func TestAnEmptyFolderIsInNobodysWay(t *testing.T) {
	root := t.TempDir()
	b, err := bucket.OpenLocal("lake", root)
	require.NoError(t, err)
	for key, opts := range map[string]bucket.PutOptions{"a": {}, "b": {IfAbsent: true}} {
		require.NoError(t, os.Mkdir(filepath.Join(root, key), 0o755))
		require.NoError(t, put(t, b, key, opts))
	}
	require.NoError(t, put(t, b, "dir/k", bucket.PutOptions{}))
	require.NoError(t, b.Delete(t.Context(), "dir/k"))
	require.NoDirExists(t, filepath.Join(root, "dir"))
	require.NoError(t, put(t, b, "dir", bucket.PutOptions{}))
}

func TestAVanishedFolderIsNotAnEmptyBucket(t *testing.T) {
	root := filepath.Join(t.TempDir(), "lake")
	b, err := bucket.OpenLocal("lake", root)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(root))
	var listing error
	for _, err := range b.List(t.Context(), "") {
		listing = err
	}
	require.Equal(t, fault.Setup, fault.ClassOf(listing))
	err = put(t, b, "k", bucket.PutOptions{})
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	require.NotErrorIs(t, err, bucket.ErrNotFound)
}

func TestAFailedPutLeavesNoFileBehind(t *testing.T) {
	root := t.TempDir()
	b, err := bucket.OpenLocal("lake", root)
	require.NoError(t, err)
	_, err = b.Put(t.Context(), "k", strings.NewReader("short"), 100, bucket.PutOptions{})
	require.Error(t, err)
	require.NoError(t, put(t, b, "k", bucket.PutOptions{IfAbsent: true}))
	require.ErrorIs(t, put(t, b, "k", bucket.PutOptions{IfAbsent: true}), bucket.ErrExists)
	left, err := os.ReadDir(filepath.Join(root, ".staging"))
	require.NoError(t, err)
	require.Empty(t, left)
}
