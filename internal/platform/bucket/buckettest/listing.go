package buckettest

import (
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// ordered are keys in byte order, which is not the order of a walk through folders: '.' and '-' sort before '/', digits after. None is
// a folder of another.
var ordered = []string{
	"A", "a-", "a-x/y", "a.json", "a/.hidden", "a/b", "a/b.c", "a/b0", "a/c-d/e", "a/c/d", "a/c/e/f", "a/c0", "a0", "ab/c", "b", "é/x", "日本",
}

func listOrder(f *fixture) {
	require.Empty(f, f.list(""))
	shuffled := slices.Clone(ordered)
	for i, key := range shuffled { // a fixed order unlike the keys'
		j := i * 7 % len(shuffled)
		shuffled[i], shuffled[j] = shuffled[j], key
	}
	for _, key := range shuffled {
		f.put(key, key)
	}
	require.True(f, slices.IsSorted(ordered))
	require.Equal(f, ordered, f.keys(""))
}

func listPrefixes(f *fixture) {
	for _, key := range ordered {
		f.put(key, key)
	}
	rapid.Check(f.T, func(t *rapid.T) {
		key := rapid.SampledFrom(append(slices.Clone(ordered), "", "c/d")).Draw(t, "key")
		prefix := key[:rapid.IntRange(0, len(key)).Draw(t, "length")] + rapid.SampledFrom([]string{"", "", "/", ".", "x"}).Draw(t, "more")
		want := []string{}
		for _, k := range ordered {
			if strings.HasPrefix(k, prefix) {
				want = append(want, k)
			}
		}
		require.Equal(t, want, f.keys(prefix), "%q", prefix)
	})
}

func listForeignPrefixes(f *fixture) {
	f.put("a/b", "x")
	for _, prefix := range []string{"../", "..", "/", "./", "a/../", "a//", "a/../../", "a/b/", "\x00", "a\x00/", strings.Repeat("x", 2000)} {
		require.Empty(f, f.list(prefix), "%q", prefix)
	}
}

func listEarlyEnd(f *fixture) {
	for _, key := range ordered {
		f.put(key, key)
	}
	listing := f.List(f.ctx, "")
	for range 2 {
		seen := 0
		for _, err := range listing {
			require.NoError(f, err)
			if seen++; seen == 3 {
				break
			}
		}
		require.Equal(f, 3, seen)
	}
	require.Len(f, f.list(""), len(ordered))
}
