package buckettest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/bucket"
)

func roundTrip(f *fixture) {
	for key, content := range map[string]string{
		"a": "x", "empty": "", "mp_date=2024-05-01/part-0.json.gz": "day", "deep/er/and/deeper": "d", "Ünï/日本 +%&?#.json": "u",
		"dots/..a/b../.hidden": "h", strings.Repeat("k", 200) + "/" + strings.Repeat("l", 200): "long",
	} {
		put := f.put(key, content)
		require.Equal(f, key, put.Key)
		require.EqualValues(f, len(content), put.Size)
		require.NotEmpty(f, put.ETag)
		require.WithinDuration(f, time.Now(), put.Modified, 5*time.Minute)
		require.Equal(f, content, f.content(key))

		head, err := f.Head(f.ctx, key)
		require.NoError(f, err)
		_, got, err := f.Get(f.ctx, key)
		require.NoError(f, err)
		listed := f.list(key)
		require.Len(f, listed, 1)
		for _, o := range []bucket.Object{head, got, listed[0]} {
			require.Equal(f, put.Key, o.Key)
			require.Equal(f, put.Size, o.Size)
			require.Equal(f, put.ETag, o.ETag)
		}
		location := f.Location(key)
		require.True(f, strings.HasPrefix(location, "s3://"), location)
		require.True(f, strings.HasSuffix(location, "/"+key), location)
	}
}

func replacing(f *fixture) {
	tags := map[string]bool{}
	for _, content := range []string{"a long first version", "x", "y", "z", ""} {
		tags[f.put("k", content).ETag] = true
		require.Equal(f, content, f.content("k"))
	}
	require.Len(f, tags, 5, "the ETag changes with the content")
}

func ifAbsent(f *fixture) {
	create := func(content string) error {
		_, err := f.Put(f.ctx, "dir/k", strings.NewReader(content), int64(len(content)), bucket.PutOptions{IfAbsent: true})
		return err
	}
	require.NoError(f, create("first"))
	before, err := f.Head(f.ctx, "dir/k")
	require.NoError(f, err)
	require.ErrorIs(f, create("other"), bucket.ErrExists)
	require.Equal(f, "first", f.content("dir/k"))
	after, err := f.Head(f.ctx, "dir/k")
	require.NoError(f, err)
	require.Equal(f, before.ETag, after.ETag)
	require.NoError(f, f.Delete(f.ctx, "dir/k"))
	require.NoError(f, create("again"))
}

func bodies(f *fixture) {
	body := strings.NewReader("content")
	_, err := io.CopyN(io.Discard, body, 3)
	require.NoError(f, err)
	_, err = f.Put(f.ctx, "k", body, 7, bucket.PutOptions{})
	require.NoError(f, err)
	require.Equal(f, "content", f.content("k"))
	_, err = f.Put(f.ctx, "k", strings.NewReader("short"), 10, bucket.PutOptions{})
	require.Error(f, err)
	require.Equal(f, "content", f.content("k"))
}

// failing is a body that fails behind its first half.
type failing struct {
	*bytes.Reader
	fail func() error
}

func (b *failing) Read(p []byte) (int, error) {
	if int64(b.Len()) <= b.Size()/2 {
		if err := b.fail(); err != nil {
			return 0, err
		}
	}
	return b.Reader.Read(p[:min(len(p), 1<<10)])
}

func failingBody(f *fixture) {
	f.put("old", "old")
	boom := errors.New("boom")
	for _, key := range []string{"new", "old", "dir/new"} {
		_, err := f.Put(f.ctx, key, &failing{uniform('x', 1<<16), func() error { return boom }}, 1<<16, bucket.PutOptions{})
		require.Error(f, err)
		ctx, cancel := context.WithCancel(f.ctx)
		_, err = f.Put(ctx, key, &failing{uniform('x', 1<<16), func() error { cancel(); return nil }}, 1<<16, bucket.PutOptions{})
		require.ErrorIs(f, err, context.Canceled)
	}
	require.Equal(f, []string{"old"}, f.keys(""))
	require.Equal(f, "old", f.content("old"))
}

func bigObject(f *fixture) {
	const size = 24<<20 + 7 // more than one part of an S3 multipart upload
	content := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(content)
	_, err := f.Put(f.ctx, "big", bytes.NewReader(content), size, bucket.PutOptions{ContentType: "application/octet-stream"})
	require.NoError(f, err)
	body, o, err := f.Get(f.ctx, "big")
	require.NoError(f, err)
	require.EqualValues(f, size, o.Size)
	hash := sha256.New()
	_, err = io.Copy(hash, body)
	require.NoError(f, err)
	require.NoError(f, body.Close())
	want := sha256.Sum256(content)
	require.Equal(f, want[:], hash.Sum(nil))
}

func missing(f *fixture) {
	f.put("a", "x")
	f.put("dir/b", "x")
	for _, key := range []string{"nothing", "a/below", "dir", "dir/nothing", "no/dir/at/all", strings.Repeat("x", 400)} {
		_, err := f.Head(f.ctx, key)
		require.ErrorIs(f, err, bucket.ErrNotFound, key)
		_, _, err = f.Get(f.ctx, key)
		require.ErrorIs(f, err, bucket.ErrNotFound, key)
		require.NoError(f, f.Delete(f.ctx, key), key)
	}
	require.Equal(f, []string{"a", "dir/b"}, f.keys(""))
}

func badKeys(f *fixture) {
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\x00b", "a\xffb", strings.Repeat("k/", 512) + "k"} {
		_, err := f.Put(f.ctx, key, strings.NewReader("x"), 1, bucket.PutOptions{})
		require.Error(f, err, "%q", key)
		_, err = f.Head(f.ctx, key)
		require.Error(f, err, "%q", key)
		require.NotErrorIs(f, err, bucket.ErrNotFound, "%q", key)
		_, _, err = f.Get(f.ctx, key)
		require.Error(f, err, "%q", key)
		require.Error(f, f.Delete(f.ctx, key), "%q", key)
	}
	require.Empty(f, f.list(""))
}

func deleting(f *fixture) {
	for _, key := range []string{"a", "b", "dir/c", "dir/deep/d"} {
		f.put(key, key)
	}
	require.NoError(f, f.Delete(f.ctx))
	require.NoError(f, f.Delete(f.ctx, "a", "nothing", "dir/deep/d", "a"))
	require.Equal(f, []string{"b", "dir/c"}, f.keys(""))
	_, err := f.Head(f.ctx, "a")
	require.ErrorIs(f, err, bucket.ErrNotFound)
	f.put("a/now/a/folder", "x")
}

func cancelled(f *fixture) {
	f.put("k", "old")
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	_, err := f.Put(ctx, "k", strings.NewReader("new"), 3, bucket.PutOptions{})
	require.ErrorIs(f, err, context.Canceled)
	_, err = f.Put(ctx, "empty", strings.NewReader(""), 0, bucket.PutOptions{})
	require.ErrorIs(f, err, context.Canceled)
	_, err = f.Head(ctx, "k")
	require.ErrorIs(f, err, context.Canceled)
	_, _, err = f.Get(ctx, "k")
	require.ErrorIs(f, err, context.Canceled)
	require.ErrorIs(f, f.Delete(ctx, "k"), context.Canceled)
	var errs []error
	for _, err := range f.List(ctx, "") {
		errs = append(errs, err)
	}
	require.Len(f, errs, 1)
	require.ErrorIs(f, errs[0], context.Canceled)
	require.Equal(f, []string{"k"}, f.keys(""))
	require.Equal(f, "old", f.content("k"))
}
