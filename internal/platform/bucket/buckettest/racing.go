package buckettest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// rounds is how often a racing test does what it does.
const rounds = 60

func atomicReplace(f *fixture) {
	_, err := f.Put(f.ctx, "k", uniform('a', 100), 100, bucket.PutOptions{})
	require.NoError(f, err)
	var writing, wg sync.WaitGroup
	var done atomic.Bool
	for w := range 2 {
		writing.Go(func() {
			for i := range rounds {
				size := 1 + (i*7919+w)%100_000
				o, err := f.Put(f.ctx, "k", uniform(byte('b'+(i+w)%20), size), int64(size), bucket.PutOptions{})
				if err != nil || o.Size != int64(size) {
					f.Errorf("putting %d bytes: %v %v", size, o, err)
					return
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for !done.Load() {
				body, o, err := f.Get(f.ctx, "k")
				if err != nil {
					f.Errorf("getting: %v", err)
					return
				}
				content, err := io.ReadAll(body)
				if err := errors.Join(err, body.Close()); err != nil || int64(len(content)) != o.Size || !isUniform(content) {
					f.Errorf("a torn object of %d bytes, described as %d: %v", len(content), o.Size, err)
					return
				}
			}
		})
	}
	writing.Wait()
	done.Store(true)
	wg.Wait()
}

func oneVersion(f *fixture) {
	const size = 1 << 20
	_, err := f.Put(f.ctx, "k", uniform('a', size), size, bucket.PutOptions{})
	require.NoError(f, err)
	body, _, err := f.Get(f.ctx, "k")
	require.NoError(f, err)
	first := make([]byte, 1000)
	_, err = io.ReadFull(body, first)
	require.NoError(f, err)
	_, err = f.Put(f.ctx, "k", uniform('b', size), size, bucket.PutOptions{})
	require.NoError(f, err)
	require.NoError(f, f.Delete(f.ctx, "k"))
	rest, err := io.ReadAll(body)
	require.NoError(f, err)
	require.NoError(f, body.Close())
	require.Len(f, rest, size-len(first))
	require.True(f, isUniform(append(first, rest...)))
}

func ifAbsentRace(f *fixture) {
	const putters = 8
	for round := range 10 {
		key := fmt.Sprintf("race/%d/k", round)
		results := make([]error, putters)
		var wg sync.WaitGroup
		for i := range putters {
			wg.Go(func() {
				content := fmt.Sprint("from ", i)
				_, results[i] = f.Put(f.ctx, key, strings.NewReader(content), int64(len(content)), bucket.PutOptions{IfAbsent: true})
			})
		}
		wg.Wait()
		winner := -1
		for i, err := range results {
			if err == nil {
				require.Equal(f, -1, winner, "two puts won")
				winner = i
				continue
			}
			require.ErrorIs(f, err, bucket.ErrExists)
		}
		require.NotEqual(f, -1, winner)
		require.Equal(f, fmt.Sprint("from ", winner), f.content(key))
	}
}

func deleteRace(f *fixture) {
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := range rounds {
				key := fmt.Sprintf("shared/deep/%d", w)
				if _, err := f.Put(f.ctx, key, strings.NewReader("x"), 1, bucket.PutOptions{}); err != nil {
					f.Errorf("putting %s, round %d: %v", key, i, err)
				}
				if _, err := f.Head(f.ctx, key); err != nil {
					f.Errorf("what was put is not there: %v", err)
				}
				if err := f.Delete(f.ctx, key); err != nil {
					f.Errorf("deleting %s, round %d: %v", key, i, err)
				}
			}
		})
	}
	// These two put and delete the same object, so that a put's object may go while it is being put.
	for range 2 {
		wg.Go(func() {
			for range rounds {
				if _, err := f.Put(f.ctx, "one/k", strings.NewReader("x"), 1, bucket.PutOptions{}); err != nil {
					f.Errorf("putting one/k: %v", err)
				}
				if err := f.Delete(f.ctx, "one/k"); err != nil {
					f.Errorf("deleting one/k: %v", err)
				}
			}
		})
	}
	wg.Wait()
	require.Empty(f, f.list(""))
}

func listRace(f *fixture) {
	var staying []string
	for i := range 20 {
		key := fmt.Sprintf("d%02d/stays", i)
		f.put(key, "x")
		staying = append(staying, key)
	}
	var changing, wg sync.WaitGroup
	var done atomic.Bool
	changing.Go(func() {
		for i := range rounds {
			key := fmt.Sprintf("d%02d/goes", i%25)
			if _, err := f.Put(f.ctx, key, strings.NewReader("x"), 1, bucket.PutOptions{}); err != nil {
				f.Errorf("putting: %v", err)
			}
			if err := f.Delete(f.ctx, key); err != nil {
				f.Errorf("deleting: %v", err)
			}
		}
	})
	wg.Go(func() {
		for last := false; !last; {
			last = done.Load()
			var seen []string
			previous := ""
			for o, err := range f.List(f.ctx, "") {
				if err != nil || o.Key <= previous {
					f.Errorf("listing %q after %q: %v", o.Key, previous, err)
					return
				}
				previous = o.Key
				if strings.HasSuffix(o.Key, "/stays") {
					seen = append(seen, o.Key)
				}
			}
			if strings.Join(seen, " ") != strings.Join(staying, " ") {
				f.Errorf("listed %v", seen)
				return
			}
		}
	})
	changing.Wait()
	done.Store(true)
	wg.Wait()
}
