package bucket_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/bucket"
)

func TestAttributesBelongToTheContentTheyCameWith(t *testing.T) {
	l, err := bucket.OpenLocal("b", t.TempDir())
	require.NoError(t, err)
	stage := func(content string) *bucket.Staged {
		s, err := l.Stage()
		require.NoError(t, err)
		_, err = s.File.WriteString(content)
		require.NoError(t, err)
		return s
	}
	attributes := func() string {
		_, kept, err := l.Describe(t.Context(), "a/b")
		require.NoError(t, err)
		return string(kept)
	}
	committed, err := stage("one").Commit("a/b", bucket.CommitOptions{Attributes: []byte("line\nand line")})
	require.NoError(t, err)
	if attributes() == "" {
		t.Skip("this file system keeps no extended attributes")
	}
	require.Equal(t, "line\nand line", attributes())
	head, err := l.Head(t.Context(), "a/b")
	require.NoError(t, err)
	require.Equal(t, committed, head)

	_, err = stage("two").Commit("a/b", bucket.CommitOptions{IfAbsent: true, Attributes: []byte("lost")})
	require.ErrorIs(t, err, bucket.ErrExists)
	require.Equal(t, "line\nand line", attributes())

	path, err := l.LocalPath("a/b")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("edited"), 0o644))
	require.Empty(t, attributes(), "an edit in place leaves them behind")

	_, err = stage("three").Commit("a/b", bucket.CommitOptions{Attributes: []byte("new")})
	require.NoError(t, err)
	require.Equal(t, "new", attributes())
	_, err = l.Put(t.Context(), "a/b", strings.NewReader("four"), 4, bucket.PutOptions{})
	require.NoError(t, err)
	require.Empty(t, attributes(), "a put replaces them")
}

func TestWhatIsDiscardedWasNeverThere(t *testing.T) {
	l, err := bucket.OpenLocal("b", t.TempDir())
	require.NoError(t, err)
	s, err := l.Stage()
	require.NoError(t, err)
	s.Discard()
	s.Discard()
	other, err := l.Stage()
	require.NoError(t, err)
	_, err = other.Commit(filepath.Join("..", "out"), bucket.CommitOptions{})
	require.Error(t, err)
	other.Discard()
	left, err := os.ReadDir(l.StagingPath())
	require.NoError(t, err)
	require.Empty(t, left)
}
