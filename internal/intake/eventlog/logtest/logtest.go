// Package logtest is the conformance suite that every eventlog.Log passes, and logs for the tests of those who use one.
package logtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/fault"
)

// patience bounds how long the suite waits for what must happen. It is long: it is met only by a log that is broken.
const patience = time.Minute

// Run checks the contract of eventlog.Log. open returns an empty log; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) eventlog.Log) {
	cases := map[string]func(t *testing.T, ctx context.Context, log eventlog.Log){
		"an empty log has no blocks and no last position":        testEmpty,
		"blocks come back in order and unchanged":                testOrder,
		"a read begins after the position it is given":           testReadAfter,
		"a read ends at the block that was the last at its call": testReadEnds,
		"a read returns the error of its function as it is":      testReadError,
		"a key of a project is stored once":                      testKeys,
		"concurrent appends with one key store one block":        testConcurrentKeys,
		"concurrent appends get distinct positions":              testConcurrentAppends,
		"Appended fires for blocks after the position only":      testAppended,
		"released blocks are gone and the last position stays":   testRelease,
		"a key is known after its block was released":            testReleasedKey,
		"releasing beyond the end releases what there is":        testReleaseBeyond,
		"a cancelled context ends an append and a read":          testCancelled,
		"a closed log refuses work as transient":                 testClosed,
		"a large log comes back complete":                        testLarge,
	}
	for name, check := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			log := open(t)
			check(t, ctx, log)
			require.NoError(t, log.Close())
		})
	}
}

// mustAppend appends and returns the block as it is to come back.
func mustAppend(t *testing.T, ctx context.Context, log eventlog.Log, b eventlog.Block) eventlog.Block {
	t.Helper()
	p, err := log.Append(ctx, b)
	require.NoError(t, err)
	b.Position = p
	return b
}

func readAll(t *testing.T, ctx context.Context, log eventlog.Log, after eventlog.Position) []eventlog.Block {
	t.Helper()
	var blocks []eventlog.Block
	require.NoError(t, log.Read(ctx, after, func(b *eventlog.Block) error {
		c := *b
		c.Data = append([]byte(nil), b.Data...)
		blocks = append(blocks, c)
		return nil
	}))
	return blocks
}

func last(t *testing.T, ctx context.Context, log eventlog.Log) eventlog.Position {
	t.Helper()
	p, err := log.Last(ctx)
	require.NoError(t, err)
	return p
}

func testEmpty(t *testing.T, ctx context.Context, log eventlog.Log) {
	require.Zero(t, last(t, ctx, log))
	require.Empty(t, readAll(t, ctx, log, 0))
	require.Empty(t, readAll(t, ctx, log, 7))
	require.NoError(t, log.Release(ctx, 5))
	require.Zero(t, last(t, ctx, log))
}

func testOrder(t *testing.T, ctx context.Context, log eventlog.Log) {
	var want []eventlog.Block
	for i := range 20 {
		b := Block(int64(i%3)+1, fmt.Sprint("b", i), i%5+1)
		if i%4 == 0 {
			b.Key = fmt.Sprintf("import %d/ä\r\nX: y", i) // keys are any text
		}
		want = append(want, mustAppend(t, ctx, log, b))
	}
	require.Equal(t, want, readAll(t, ctx, log, 0))
	for i := 1; i < len(want); i++ {
		require.Greater(t, want[i].Position, want[i-1].Position)
	}
	require.Equal(t, eventlog.Position(1), want[0].Position)
	require.Equal(t, want[19].Position, last(t, ctx, log))
	ids, err := InsertIDs(&want[1])
	require.NoError(t, err)
	require.Equal(t, []string{"b1-0", "b1-1"}, ids)
}

func testReadAfter(t *testing.T, ctx context.Context, log eventlog.Log) {
	var want []eventlog.Block
	for i := range 10 {
		want = append(want, mustAppend(t, ctx, log, Block(1, fmt.Sprint("b", i), 1)))
	}
	for i := range want {
		require.Equal(t, want[i+1:], append([]eventlog.Block{}, readAll(t, ctx, log, want[i].Position)...))
	}
	require.Empty(t, readAll(t, ctx, log, want[9].Position+100))
}

func testReadEnds(t *testing.T, ctx context.Context, log eventlog.Log) {
	// So large that an implementation that fetches ahead meets the new blocks in what it fetches.
	const blocks = 10
	for i := range blocks {
		mustAppend(t, ctx, log, Noise(fmt.Sprint("b", i), 1<<20))
	}
	seen := 0
	require.NoError(t, log.Read(ctx, 0, func(*eventlog.Block) error {
		seen++
		_, err := log.Append(ctx, Block(1, "meanwhile", 1))
		return err
	}))
	require.Equal(t, blocks, seen)
}

func testReadError(t *testing.T, ctx context.Context, log eventlog.Log) {
	mustAppend(t, ctx, log, Block(1, "a", 1))
	mustAppend(t, ctx, log, Block(1, "b", 1))
	enough := errors.New("enough")
	seen := 0
	err := log.Read(ctx, 0, func(*eventlog.Block) error {
		seen++
		return enough
	})
	require.True(t, err == enough, "got %v", err)
	require.Equal(t, 1, seen)
}

func testKeys(t *testing.T, ctx context.Context, log eventlog.Log) {
	a := Block(1, "a", 1)
	a.Key = "chunk-1"
	first := mustAppend(t, ctx, log, a)
	b := Block(1, "b", 1)
	b.Key = "chunk-2"
	mustAppend(t, ctx, log, b)
	again, err := log.Append(ctx, a)
	require.NoError(t, err)
	require.Equal(t, first.Position, again)
	other := a
	other.Project = 2
	mustAppend(t, ctx, log, other)
	require.Len(t, readAll(t, ctx, log, 0), 3)
	mustAppend(t, ctx, log, Block(1, "plain", 1))
	mustAppend(t, ctx, log, Block(1, "plain", 1))
	require.Len(t, readAll(t, ctx, log, 0), 5, "blocks without a key are never the same")
}

func testConcurrentKeys(t *testing.T, ctx context.Context, log eventlog.Log) {
	b := Block(1, "a", 3)
	b.Key = "once"
	positions := make([]eventlog.Position, 8)
	var wg sync.WaitGroup
	for i := range positions {
		wg.Go(func() {
			// An append may fail while another one with its key is under way; then it is to be tried again.
			for {
				p, err := log.Append(ctx, b)
				if err == nil {
					positions[i] = p
					return
				}
				if fault.ClassOf(err) != fault.Transient || ctx.Err() != nil {
					t.Errorf("appending: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, readAll(t, ctx, log, 0), 1)
	for _, p := range positions {
		require.Equal(t, positions[0], p)
	}
}

func testConcurrentAppends(t *testing.T, ctx context.Context, log eventlog.Log) {
	const clients, each = 8, 25
	var mu sync.Mutex
	want := map[eventlog.Position]string{}
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			var before eventlog.Position
			for i := range each {
				name := fmt.Sprintf("c%d-%d", c, i)
				p, err := log.Append(ctx, Block(int64(c), name, 1))
				if err != nil || p <= before {
					t.Errorf("append %s after position %d: %d, %v", name, before, p, err)
					return
				}
				before = p
				mu.Lock()
				want[p] = name + "-0"
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	got := map[eventlog.Position]string{}
	for _, b := range readAll(t, ctx, log, 0) {
		ids, err := InsertIDs(&b)
		require.NoError(t, err)
		got[b.Position] = ids[0]
	}
	require.Len(t, want, clients*each)
	require.Equal(t, want, got)
}

func testAppended(t *testing.T, ctx context.Context, log eventlog.Log) {
	first, second := log.Appended(0), log.Appended(1)
	require.False(t, isClosed(first))
	p := mustAppend(t, ctx, log, Block(1, "a", 1)).Position
	await(t, ctx, first)
	require.True(t, isClosed(log.Appended(0)), "a block that exists is not waited for")
	require.False(t, isClosed(second))
	require.False(t, isClosed(log.Appended(p)))
	next := log.Appended(p)
	mustAppend(t, ctx, log, Block(1, "b", 1))
	await(t, ctx, next)
	await(t, ctx, second)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func await(t *testing.T, ctx context.Context, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-ctx.Done():
		t.Fatal("the channel was not closed in time")
	}
}

func testRelease(t *testing.T, ctx context.Context, log eventlog.Log) {
	var blocks []eventlog.Block
	for i := range 10 {
		blocks = append(blocks, mustAppend(t, ctx, log, Block(1, fmt.Sprint("b", i), 1)))
	}
	require.NoError(t, log.Release(ctx, blocks[3].Position))
	require.Equal(t, blocks[4:], readAll(t, ctx, log, blocks[3].Position))
	require.NoError(t, log.Release(ctx, blocks[1].Position), "releasing again changes nothing")
	require.Equal(t, blocks[4:], readAll(t, ctx, log, blocks[3].Position))
	require.NoError(t, log.Release(ctx, blocks[9].Position))
	require.Empty(t, readAll(t, ctx, log, blocks[9].Position))
	require.Equal(t, blocks[9].Position, last(t, ctx, log))
	require.True(t, isClosed(log.Appended(blocks[8].Position)), "released blocks count")
	next := mustAppend(t, ctx, log, Block(1, "next", 1))
	require.Greater(t, next.Position, blocks[9].Position)
	require.Equal(t, []eventlog.Block{next}, readAll(t, ctx, log, blocks[9].Position))
}

func testReleasedKey(t *testing.T, ctx context.Context, log eventlog.Log) {
	b := Block(1, "a", 1)
	b.Key = "once"
	first := mustAppend(t, ctx, log, b)
	require.NoError(t, log.Release(ctx, first.Position))
	again, err := log.Append(ctx, b)
	require.NoError(t, err)
	require.Equal(t, first.Position, again)
	require.Equal(t, first.Position, last(t, ctx, log))
}

func testReleaseBeyond(t *testing.T, ctx context.Context, log eventlog.Log) {
	p := mustAppend(t, ctx, log, Block(1, "a", 1)).Position
	require.NoError(t, log.Release(ctx, p+1000))
	require.Equal(t, p, last(t, ctx, log))
	next := mustAppend(t, ctx, log, Block(1, "b", 1))
	require.Equal(t, []eventlog.Block{next}, readAll(t, ctx, log, p))
}

func testCancelled(t *testing.T, ctx context.Context, log eventlog.Log) {
	mustAppend(t, ctx, log, Block(1, "a", 1))
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := log.Append(cancelled, Block(1, "b", 1))
	require.Equal(t, fault.Transient, fault.ClassOf(err), "got %v", err)
	require.ErrorIs(t, err, context.Canceled)
	err = log.Read(cancelled, 0, func(*eventlog.Block) error { return nil })
	require.Equal(t, fault.Transient, fault.ClassOf(err), "got %v", err)
	mustAppend(t, ctx, log, Block(1, "c", 1))
}

func testClosed(t *testing.T, ctx context.Context, log eventlog.Log) {
	require.NoError(t, log.Close())
	_, err := log.Append(ctx, Block(1, "a", 1))
	require.ErrorIs(t, err, eventlog.ErrClosed)
	require.Equal(t, fault.Transient, fault.ClassOf(err))
	err = log.Read(ctx, 0, func(*eventlog.Block) error { return nil })
	require.ErrorIs(t, err, eventlog.ErrClosed)
	_, err = log.Last(ctx)
	require.ErrorIs(t, err, eventlog.ErrClosed)
}

func testLarge(t *testing.T, ctx context.Context, log eventlog.Log) {
	// More than a reader takes at once, in number and in bytes.
	const blocks = 1500
	big := make([]eventlog.Block, 0, 12)
	for i := range cap(big) {
		big = append(big, mustAppend(t, ctx, log, Noise(fmt.Sprint("n", i), 1<<20)))
	}
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for i := range blocks / 4 {
				if _, err := log.Append(ctx, Block(int64(c), fmt.Sprint("b", i), 1)); err != nil {
					t.Errorf("appending: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	got := readAll(t, ctx, log, 0)
	require.Len(t, got, blocks+len(big))
	require.Equal(t, big, got[:len(big)])
	for i := 1; i < len(got); i++ {
		require.Equal(t, got[i-1].Position+1, got[i].Position)
	}
}
