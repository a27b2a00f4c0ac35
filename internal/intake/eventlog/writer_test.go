package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
	"github.com/refract-io/refract/internal/platform/fault"
)

// records encodes count records with insert ids "<name>-<index>" and properties of that many bytes.
func records(t testing.TB, name string, count, size int) []byte {
	var e eventlog.Encoder
	for i := range count {
		require.NoError(t, e.Append(&event.Record{Kind: event.KindEvent, InsertID: fmt.Appendf(nil, "%s-%d", name, i),
			Properties: make([]byte, size)}))
	}
	return e.Bytes()
}

// contents returns the insert ids of each block of the log by its position, and fails if a position repeats.
func contents(t testing.TB, log eventlog.Log) (ids map[eventlog.Position][]string, projects map[eventlog.Position]int64) {
	ids, projects = map[eventlog.Position][]string{}, map[eventlog.Position]int64{}
	require.NoError(t, log.Read(context.Background(), 0, func(b *eventlog.Block) error {
		got, err := logtest.InsertIDs(b)
		if err == nil && ids[b.Position] != nil {
			err = fmt.Errorf("position %d comes twice", b.Position)
		}
		ids[b.Position], projects[b.Position] = got, b.Project
		return err
	}))
	return ids, projects
}

// stalling returns a log whose appends wait until they are resumed.
func stalling() *logtest.Faulty {
	return logtest.NewFaulty(logtest.NewMemory(), logtest.Faults{Append: func(*eventlog.Block) logtest.Fault { return logtest.Stall }})
}

type result struct {
	pos eventlog.Position
	err error
}

func appendLater(w *eventlog.Writer, ctx context.Context, project int64, recs []byte, count int) <-chan result {
	c := make(chan result, 1)
	go func() {
		p, err := w.Append(ctx, project, recs, count)
		c <- result{p, err}
	}()
	return c
}

// waitPending returns when the writer holds that many appends of the log's user; it polls what Pending tells.
func waitPending(t *testing.T, w *eventlog.Writer, bytes int64) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for w.Pending() != bytes {
		require.True(t, time.Now().Before(deadline), "%d bytes are pending, not %d", w.Pending(), bytes)
		time.Sleep(100 * time.Microsecond)
	}
}

func TestWhatArrivesDuringAnAppendSharesTheNextBlock(t *testing.T) {
	log := stalling()
	w := eventlog.NewWriter(log, eventlog.WriterOptions{})
	first := appendLater(w, t.Context(), 1, records(t, "first", 1, 10), 1)
	<-log.Stalled()
	var others []<-chan result
	pending := w.Pending()
	for i := range 10 {
		recs := records(t, fmt.Sprint("o", i), 2, 10)
		pending += int64(len(recs))
		others = append(others, appendLater(w, t.Context(), 1, recs, 2))
	}
	waitPending(t, w, pending)
	log.Set(logtest.Faults{})
	log.Resume()
	require.Equal(t, result{1, nil}, <-first)
	for _, o := range others {
		require.Equal(t, result{2, nil}, <-o)
	}
	require.NoError(t, w.Close())
	ids, _ := contents(t, log)
	require.Len(t, ids, 2)
	require.Len(t, ids[2], 20)
}

func TestProjectsDoNotWaitForEachOther(t *testing.T) {
	log := logtest.NewFaulty(logtest.NewMemory(), logtest.Faults{Append: func(b *eventlog.Block) logtest.Fault {
		if b.Project == 1 {
			return logtest.Stall
		}
		return logtest.None
	}})
	w := eventlog.NewWriter(log, eventlog.WriterOptions{InFlight: 2})
	slow := appendLater(w, t.Context(), 1, records(t, "slow", 1, 10), 1)
	<-log.Stalled()
	for range 5 {
		_, err := w.Append(t.Context(), 2, records(t, "fast", 1, 10), 1)
		require.NoError(t, err)
	}
	log.Resume()
	require.NoError(t, (<-slow).err)
	require.NoError(t, w.Close())
}

func TestEveryAppendIsStoredOnceUnderItsProject(t *testing.T) {
	cases := map[string]eventlog.WriterOptions{
		"defaults":                   {},
		"tiny blocks, one in flight": {MaxBytes: 500, InFlight: 1},
		"lingering":                  {MaxBytes: 2000, Linger: time.Millisecond},
		"little room, waiting":       {MaxPending: 3000, MaxWait: time.Minute, MaxBytes: 1000},
	}
	for name, opts := range cases {
		t.Run(name, func(t *testing.T) {
			log := logtest.NewMemory()
			w := eventlog.NewWriter(log, opts)
			type stored struct {
				pos     eventlog.Position
				project int64
			}
			var mu sync.Mutex
			want := map[string]stored{}
			var wg sync.WaitGroup
			for c := range 16 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(uint64(c), 7))
					for i := range 40 {
						name := fmt.Sprintf("c%d-%d", c, i)
						project, count := int64(r.IntN(3)+1), r.IntN(4)+1
						recs := records(t, name, count, r.IntN(300))
						var p eventlog.Position
						var err error
						if r.IntN(10) == 0 {
							p, err = w.AppendKeyed(t.Context(), project, name, recs, count)
						} else {
							p, err = w.Append(t.Context(), project, recs, count)
						}
						if err != nil {
							t.Errorf("appending: %v", err)
							return
						}
						clear(recs) // they are the caller's again
						mu.Lock()
						for j := range count {
							want[fmt.Sprintf("%s-%d", name, j)] = stored{p, project}
						}
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			require.NoError(t, w.Close())
			require.Zero(t, w.Pending())
			got := map[string]stored{}
			ids, projects := contents(t, log)
			for p, names := range ids {
				for _, name := range names {
					require.NotContains(t, got, name)
					got[name] = stored{p, projects[p]}
				}
			}
			require.Equal(t, want, got)
		})
	}
}

func TestCancellingOneWaiterLeavesTheOthers(t *testing.T) {
	log := stalling()
	w := eventlog.NewWriter(log, eventlog.WriterOptions{MaxBytes: 4000})
	blocker := appendLater(w, t.Context(), 1, records(t, "blocker", 1, 10), 1)
	<-log.Stalled()
	ctx, cancel := context.WithCancel(t.Context())
	small, large := records(t, "small", 1, 10), records(t, "large", 1, 3000)
	kept := records(t, "kept", 1, 10)
	pending := w.Pending() + int64(len(small)+len(large)+len(kept))
	leaves := appendLater(w, ctx, 1, small, 1)
	leavesLarge := appendLater(w, ctx, 1, large, 1)
	stays := appendLater(w, t.Context(), 1, kept, 1)
	waitPending(t, w, pending)
	cancel()
	for _, c := range []<-chan result{leaves, leavesLarge} {
		r := <-c
		require.ErrorIs(t, r.err, context.Canceled)
		require.Equal(t, fault.Transient, fault.ClassOf(r.err))
	}
	clear(small)
	clear(large)
	log.Set(logtest.Faults{})
	log.Resume()
	require.NoError(t, (<-blocker).err)
	require.NoError(t, (<-stays).err)
	require.NoError(t, w.Close())
	ids, _ := contents(t, log)
	all := []string{}
	for _, names := range ids {
		all = append(all, names...)
	}
	require.ElementsMatch(t, []string{"blocker-0", "small-0", "large-0", "kept-0"}, all)
}

func TestCancellingALargeAppendThatIsStillQueuedReturnsAtOnce(t *testing.T) {
	log := stalling()
	w := eventlog.NewWriter(log, eventlog.WriterOptions{MaxBytes: 4000, InFlight: 1})
	blocker := appendLater(w, t.Context(), 1, records(t, "blocker", 1, 10), 1)
	<-log.Stalled()
	ctx, cancel := context.WithCancel(t.Context())
	before := w.Pending()
	large := records(t, "large", 1, 3000)
	leaves := appendLater(w, ctx, 1, large, 1)
	waitPending(t, w, before+int64(len(large)))
	cancel()
	require.ErrorIs(t, (<-leaves).err, context.Canceled)
	clear(large)
	require.Equal(t, before, w.Pending())
	log.Set(logtest.Faults{})
	log.Resume()
	require.NoError(t, (<-blocker).err)
	require.NoError(t, w.Close())
	ids, _ := contents(t, log)
	require.Len(t, ids, 1)
}

func TestFailuresReachEveryWaiterOfTheBlock(t *testing.T) {
	log := stalling()
	w := eventlog.NewWriter(log, eventlog.WriterOptions{})
	blocker := appendLater(w, t.Context(), 1, records(t, "blocker", 1, 10), 1)
	<-log.Stalled()
	recs := records(t, "r", 1, 10)
	pending := w.Pending() + 2*int64(len(recs))
	a, b := appendLater(w, t.Context(), 1, recs, 1), appendLater(w, t.Context(), 1, recs, 1)
	waitPending(t, w, pending)
	log.Set(logtest.Faults{Append: func(*eventlog.Block) logtest.Fault { return logtest.Fail }})
	log.Resume()
	require.NoError(t, (<-blocker).err)
	for _, c := range []<-chan result{a, b} {
		require.ErrorIs(t, (<-c).err, logtest.ErrInjected)
	}
	log.Set(logtest.Faults{})
	_, err := w.Append(t.Context(), 1, recs, 1)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func TestAFullWriterIsOverloaded(t *testing.T) {
	log := stalling()
	recs := records(t, "r", 1, 1000)
	w := eventlog.NewWriter(log, eventlog.WriterOptions{MaxPending: int64(2 * len(recs))})
	a := appendLater(w, t.Context(), 1, recs, 1)
	b := appendLater(w, t.Context(), 1, recs, 1)
	waitPending(t, w, int64(2*len(recs)))
	_, err := w.Append(t.Context(), 1, recs, 1)
	require.ErrorIs(t, err, eventlog.ErrOverloaded)
	require.Equal(t, fault.Transient, fault.ClassOf(err))
	log.Set(logtest.Faults{})
	log.Resume()
	require.NoError(t, (<-a).err)
	require.NoError(t, (<-b).err)
	_, err = w.Append(t.Context(), 1, records(t, "larger than the room", 4, 1000), 4)
	require.NoError(t, err, "what is larger than MaxPending goes alone")
	require.NoError(t, w.Close())
}

func TestKeyedAppendsAreBlocksOfTheirOwn(t *testing.T) {
	log := logtest.NewMemory()
	w := eventlog.NewWriter(log, eventlog.WriterOptions{Linger: time.Hour})
	var first eventlog.Position
	for range 3 {
		p, err := w.AppendKeyed(t.Context(), 1, "chunk", records(t, "k", 2, 10), 2)
		require.NoError(t, err)
		if first == 0 {
			first = p
		}
		require.Equal(t, first, p)
	}
	_, err := w.AppendKeyed(t.Context(), 1, "", records(t, "k", 1, 10), 1)
	require.Error(t, err)
	require.NoError(t, w.Close())
	ids, _ := contents(t, log)
	require.Len(t, ids, 1)
}

func TestCloseStoresWhatLingersAndRefusesMore(t *testing.T) {
	log := logtest.NewMemory()
	w := eventlog.NewWriter(log, eventlog.WriterOptions{Linger: time.Hour})
	recs := records(t, "r", 1, 10)
	a := appendLater(w, t.Context(), 1, recs, 1)
	b := appendLater(w, t.Context(), 2, recs, 1)
	waitPending(t, w, int64(2*len(recs)))
	require.NoError(t, w.Close())
	require.NoError(t, (<-a).err)
	require.NoError(t, (<-b).err)
	_, err := w.Append(t.Context(), 1, recs, 1)
	require.ErrorIs(t, err, eventlog.ErrClosed)
	require.NoError(t, w.Close())
}

func TestBadCountsAreRefused(t *testing.T) {
	w := eventlog.NewWriter(logtest.NewMemory(), eventlog.WriterOptions{})
	for _, count := range []int{-1, 0, 100} {
		_, err := w.Append(t.Context(), 1, records(t, "r", 1, 10), count)
		require.Error(t, err)
		require.False(t, errors.Is(err, eventlog.ErrClosed))
	}
	require.NoError(t, w.Close())
}
