package store

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/buckettest"
	"github.com/refract-io/refract/internal/platform/meta"
)

// run runs the store until the returned function is called.
func run(t *testing.T, s *Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	}
}

// The embedded log, the local bucket and SQLite, with restarts while blocks come in.
func TestARunningStoreSealsWhatTheLogTakesIn(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	log, err := eventlog.Open(ctx, filepath.Join(dir, "log"), eventlog.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() { require.NoError(t, log.Close()) }()
	db, err := meta.Open(ctx, filepath.Join(dir, "meta.db"))
	require.NoError(t, err)
	defer db.Close()
	local, err := bucket.OpenLocal("store", filepath.Join(dir, "bucket"))
	require.NoError(t, err)
	opts := Options{DB: db, Bucket: local, Projects: modes{}, Log: log, Dir: dir, SealAfter: 5 * time.Millisecond,
		Merge: Merge{Fanout: 2, MaxRecords: 1000}, Logger: slog.New(slog.DiscardHandler)}
	w := &world{t: t, ctx: ctx, log: log, want: map[group][]placed{}}
	for round := range 3 {
		s, err := Open(ctx, opts)
		require.NoError(t, err)
		w.store = s
		stop := run(t, s)
		for i := range 20 {
			w.append(1, "", true, track(fmt.Sprintf("u%d.%d", round, i), someDay+int64(i)*10_000_000), track("late", someDay-86_400_000))
			if i%5 == 0 {
				last, err := log.Last(ctx)
				require.NoError(t, err)
				<-s.SealedAfter(last - 1)
			}
		}
		stop()
	}
	s, err := Open(ctx, opts)
	require.NoError(t, err)
	w.store = s
	stop := run(t, s)
	defer stop()
	last, err := log.Last(ctx)
	require.NoError(t, err)
	<-s.SealedAfter(last - 1)
	w.check()
	require.Empty(t, s.Stats().LastError)
	require.Zero(t, s.Stats().Waiting)
}

func TestARunningStoreOutlivesFailuresOfTheBucket(t *testing.T) {
	w := newTestWorld(t, Options{SealAfter: time.Millisecond})
	w.faulty = buckettest.NewFaulty(w.objects, buckettest.Fault{Op: buckettest.List}, buckettest.Fault{Op: buckettest.Put},
		buckettest.Fault{Op: buckettest.Put, Effect: buckettest.ErrorAfter})
	w.opts.Bucket, w.opts.Now = w.faulty, time.Now
	s, err := Open(w.ctx, w.opts)
	require.NoError(t, err)
	w.store = s
	defer run(t, s)()
	w.append(1, "", true, track("a", someDay))
	<-s.SealedAfter(0)
	w.check()
	require.GreaterOrEqual(t, s.Stats().Failures, int64(3))
	require.Equal(t, 3, w.faulty.Injected())
}

func TestAFollowerLearnsOfSealsOfAnotherProcess(t *testing.T) {
	w := newTestWorld(t, Options{})
	reader, err := Open(w.ctx, w.opts)
	require.NoError(t, err)
	sealed := reader.SealedAfter(0)
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	w.append(1, "", true, track("a", someDay))
	w.seal()
	go func() { done <- reader.Follow(ctx) }()
	<-sealed
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func TestMergesAreChosenByWeight(t *testing.T) {
	m := Merge{Fanout: 3, MaxRecords: 1000, MaxBytes: 1 << 40}
	m.setDefaults()
	of := func(records ...int64) (all []Segment) {
		for i, n := range records {
			all = append(all, Segment{After: eventlog.Position(i), UpTo: eventlog.Position(i + 1), Records: n, Kind: event.KindEvent})
		}
		return all
	}
	none := func(_, _ eventlog.Position) bool { return false }
	for name, test := range map[string]struct {
		records []int64
		pinned  func(after, upTo eventlog.Position) bool
		want    []int64
	}{
		"too few":                          {[]int64{1, 1}, none, nil},
		"three small ones":                 {[]int64{1, 2, 3}, none, []int64{1, 2, 3}},
		"small ones before larger ones":    {[]int64{100, 1, 2, 3, 100}, none, []int64{1, 2, 3}},
		"small ones between others":        {[]int64{100, 1, 2, 100}, none, []int64{100, 1, 2, 100}},
		"full ones are left alone":         {[]int64{500, 900, 1000, 1, 600}, none, nil},
		"no more than a full one":          {[]int64{499, 499, 499, 499}, none, []int64{499, 499}},
		"a pin parts neighbours":           {[]int64{1, 2, 3, 4}, func(after, upTo eventlog.Position) bool { return after < 2 && 1 < upTo }, nil},
		"what lies behind a pin is merged": {[]int64{1, 2, 3, 4}, func(after, _ eventlog.Position) bool { return after < 1 }, []int64{2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int64
			for _, g := range m.choose(of(test.records...), test.pinned) {
				got = append(got, g.Records)
			}
			require.True(t, slices.Equal(test.want, got), "%v", got)
		})
	}
}
