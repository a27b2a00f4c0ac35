package quarantine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
)

// fakeLog takes the entries that good accepts, remembers keys, and can fail before or after it stored.
type fakeLog struct {
	good func(*Entry) bool

	mu                    sync.Mutex
	keys                  map[string]bool
	stored                []string
	failBefore, failAfter int
	maxBatch              int64
}

var errCrash = errors.New("crash")

func (l *fakeLog) Judge(_ context.Context, e *Entry) error {
	if l.good != nil && !l.good(e) {
		return &event.Invalid{Message: "still bad"}
	}
	return nil
}

func (l *fakeLog) Retake(_ context.Context, project int64, key string, entries []Entry) ([]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys[key] {
		return nil, nil
	}
	if l.failBefore > 0 {
		l.failBefore--
		return nil, errCrash
	}
	if l.keys == nil {
		l.keys = map[string]bool{}
	}
	l.keys[key] = true
	l.maxBatch = max(l.maxBatch, int64(len(entries)))
	var rejected []int64
	for i := range entries {
		if entries[i].Project != project {
			panic("a batch of several projects")
		}
		if l.good != nil && !l.good(&entries[i]) {
			rejected = append(rejected, entries[i].ID)
			continue
		}
		l.stored = append(l.stored, string(entries[i].Raw))
	}
	if l.failAfter > 0 {
		l.failAfter--
		return nil, errCrash
	}
	return rejected, nil
}

func fill(t *testing.T, q *Quarantine, n int) {
	t.Helper()
	var entries []Entry
	for i := range n {
		entries = append(entries, entry(int64(1+i%2), fmt.Sprintf("r#%04d", i)))
	}
	require.NoError(t, q.Add(context.Background(), entries))
}

func requireOnce(t *testing.T, l *fakeLog, n int) {
	t.Helper()
	seen := map[string]int{}
	for _, raw := range l.stored {
		seen[raw]++
		require.Equal(t, 1, seen[raw], raw)
	}
	require.Len(t, l.stored, n)
}

func TestReplayTakesWhatHasBecomeGoodAndLeavesTheRest(t *testing.T) {
	ctx := context.Background()
	q := open(t, Config{})
	fill(t, q, 1203)
	log := &fakeLog{good: func(e *Entry) bool { return e.ID%3 != 0 }}
	out, err := q.Replay(ctx, Filter{}, log)
	require.NoError(t, err)
	require.Equal(t, Outcome{Replayed: 802, Rejected: 401}, out)
	requireOnce(t, log, 802)
	require.LessOrEqual(t, log.maxBatch, int64(replayEntries))
	c := counts(t, q, 0)
	require.EqualValues(t, 802, c.Replayed)
	require.EqualValues(t, 401, c.Kept)

	out, err = q.Replay(ctx, Filter{}, log)
	require.NoError(t, err)
	require.Equal(t, Outcome{Rejected: 401}, out)
}

func TestReplayOfAProjectLeavesTheOthers(t *testing.T) {
	q := open(t, Config{})
	fill(t, q, 10)
	out, err := q.Replay(context.Background(), Filter{Project: 2}, &fakeLog{})
	require.NoError(t, err)
	require.Equal(t, 5, out.Replayed)
	require.EqualValues(t, 5, counts(t, q, 1).Kept)
	require.Zero(t, counts(t, q, 2).Kept)
}

func TestAReplayThatCrashedIsFinishedWithoutTakingARecordTwice(t *testing.T) {
	for name, log := range map[string]*fakeLog{
		"before the append":                   {failBefore: 3},
		"between the append and the counting": {failAfter: 3},
		"once on each side":                   {failBefore: 1, failAfter: 1},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			path := source(t)
			q := Open(openDB(t, path), Config{})
			fill(t, q, 20)
			crashes := 0
			for {
				_, err := q.Replay(ctx, Filter{}, log)
				// Each try is another process.
				q.Close()
				q = Open(openDB(t, path), Config{})
				if err == nil {
					break
				}
				require.ErrorIs(t, err, errCrash)
				crashes++
			}
			defer q.Close()
			require.NotZero(t, crashes)
			requireOnce(t, log, 20)
			require.EqualValues(t, 20, counts(t, q, 0).Replayed)
		})
	}
}

func TestAnEntryUnderReplayIsNotDeleted(t *testing.T) {
	ctx := context.Background()
	q := open(t, Config{})
	fill(t, q, 4)
	log := &fakeLog{failAfter: 1}
	_, err := q.Replay(ctx, Filter{Project: 1}, log)
	require.ErrorIs(t, err, errCrash)
	n, err := q.Delete(ctx, 1, 2, 3, 4)
	require.NoError(t, err)
	require.Equal(t, 2, n, "those of the other project only: these are in the log")
	_, err = q.Replay(ctx, Filter{}, log)
	require.NoError(t, err)
	require.EqualValues(t, 2, counts(t, q, 1).Replayed)
}

func TestWhatALaterVersionWouldNotTakeGoesBackFromAnUnfinishedReplay(t *testing.T) {
	ctx := context.Background()
	q := open(t, Config{})
	fill(t, q, 4)
	log := &fakeLog{failBefore: 1}
	_, err := q.Replay(ctx, Filter{Project: 1}, log)
	require.ErrorIs(t, err, errCrash)
	log.good = func(e *Entry) bool { return e.ID != 3 }
	out, err := q.Replay(ctx, Filter{Project: 1}, log)
	require.NoError(t, err)
	require.Equal(t, 1, out.Replayed)
	_, err = q.Get(ctx, 3)
	require.NoError(t, err)
	n, err := q.Delete(ctx, 3)
	require.NoError(t, err)
	require.Equal(t, 1, n, "it is free again")
}
