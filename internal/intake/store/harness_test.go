package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/buckettest"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// memoryBucket keeps objects in memory. Every other Get gives a reader that can seek, as local files do.
type memoryBucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	written map[string]time.Time
	gets    int
	// open counts the seekable readers that are open, most is how many were at once.
	open, most int
	local      bool // all readers are seekable
	now        func() time.Time
}

func (m *memoryBucket) Location(key string) string { return "memory://" + key }

func (m *memoryBucket) Put(_ context.Context, key string, body io.ReadSeeker, size int64, _ bucket.PutOptions) (bucket.Object, error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return bucket.Object{}, err
	}
	content, err := io.ReadAll(body)
	if err != nil || int64(len(content)) != size {
		return bucket.Object{}, fmt.Errorf("%d bytes instead of %d: %w", len(content), size, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key], m.written[key] = content, m.now()
	return bucket.Object{Key: key, Size: size}, nil
}

type seekable struct {
	*bytes.Reader
	bucket *memoryBucket
}

func (r seekable) Close() error {
	r.bucket.mu.Lock()
	defer r.bucket.mu.Unlock()
	r.bucket.open--
	return nil
}

func (m *memoryBucket) Get(_ context.Context, key string) (io.ReadCloser, bucket.Object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.objects[key]
	if !ok {
		return nil, bucket.Object{}, bucket.ErrNotFound
	}
	o := bucket.Object{Key: key, Size: int64(len(content))}
	if m.gets++; m.gets%2 == 0 && !m.local {
		return io.NopCloser(bytes.NewReader(content)), o, nil
	}
	m.open++
	m.most = max(m.most, m.open)
	return seekable{bytes.NewReader(content), m}, o, nil
}

func (m *memoryBucket) Head(context.Context, string) (bucket.Object, error) {
	return bucket.Object{}, errors.ErrUnsupported
}

func (m *memoryBucket) List(_ context.Context, prefix string) iter.Seq2[bucket.Object, error] {
	return func(yield func(bucket.Object, error) bool) {
		for _, key := range m.keys() {
			if strings.HasPrefix(key, prefix) && !yield(bucket.Object{Key: key, Modified: m.modified(key)}, nil) {
				return
			}
		}
	}
}

func (m *memoryBucket) Delete(_ context.Context, keys ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		delete(m.objects, key)
	}
	return nil
}

func (m *memoryBucket) modified(key string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.written[key]
}

func (m *memoryBucket) keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.objects))
}

// modes says the identity mode of every project: the even ones are original.
type modes struct{}

func (modes) ByID(_ context.Context, id int64) (*project.Project, error) {
	if id%2 == 0 {
		return &project.Project{ID: id, Identity: project.Original}, nil
	}
	return &project.Project{ID: id, Identity: project.Simplified}, nil
}

// forgetful is a log that does not remember keys, as a real one after a while.
type forgetful struct {
	eventlog.Log
	keys map[eventlog.Position]string
}

func (f *forgetful) Append(ctx context.Context, b eventlog.Block) (eventlog.Position, error) {
	key := b.Key
	b.Key = ""
	p, err := f.Log.Append(ctx, b)
	f.keys[p] = key
	return p, err
}

func (f *forgetful) Read(ctx context.Context, after eventlog.Position, fn func(*eventlog.Block) error) error {
	return f.Log.Read(ctx, after, func(b *eventlog.Block) error {
		b.Key = f.keys[b.Position]
		return fn(b)
	})
}

// world is a log, a bucket and a database, with what was written to the log, and a store over them that may crash.
type world struct {
	t       require.TestingT
	ctx     context.Context
	log     eventlog.Log
	objects *memoryBucket
	faulty  *buckettest.Faulty
	opts    Options
	time    time.Time

	store  *Store
	sealer *sealer

	want map[group][]placed
}

// placed is a record with its place in the log.
type placed struct {
	position eventlog.Position
	index    uint32
	record   event.Record
}

// openDB opens a database that resetDB empties for the next world.
func openDB(t *testing.T) *meta.DB {
	db, err := meta.Open(context.Background(), filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	// Durability is not tested with this database, and every commit would wait for the disk.
	_, err = db.Exec(context.Background(), `PRAGMA synchronous = OFF`)
	require.NoError(t, err)
	return db
}

func newWorld(t require.TestingT, dir string, db *meta.DB, opts Options) *world {
	ctx := context.Background()
	for _, table := range []string{"segment_day", "segment", "sealed_key", "poison_block", "store_snapshot", "store_garbage"} {
		_, err := db.Exec(ctx, `DELETE FROM `+table)
		require.NoError(t, err)
	}
	_, err := db.Exec(ctx, `UPDATE sealed_watermark SET position = 0`)
	require.NoError(t, err)
	w := &world{t: t, ctx: ctx, log: &forgetful{logtest.NewMemory(), map[eventlog.Position]string{}}, want: map[group][]placed{}, time: time.UnixMilli(1_800_000_000_000)}
	w.objects = &memoryBucket{objects: map[string][]byte{}, written: map[string]time.Time{}, now: func() time.Time { return w.time }}
	opts.DB, opts.Log, opts.Projects, opts.Dir = db, w.log, modes{}, dir
	opts.Logger = slog.New(slog.DiscardHandler)
	opts.Now = func() time.Time { return w.time }
	w.opts = opts
	w.start(0, 0)
	return w
}

// start begins a new process after a crash of the last one. Of its calls to the bucket, rate fail.
func (w *world) start(seed uint64, rate float64) {
	for {
		w.faulty = buckettest.NewFaulty(w.objects).Random(seed, rate, buckettest.ErrorBefore, buckettest.ErrorAfter)
		w.opts.Bucket = w.faulty
		s, err := Open(w.ctx, w.opts)
		require.NoError(w.t, err)
		w.store = s
		if err := s.sweep(w.ctx); err != nil {
			w.injected(err)
			seed++
			continue
		}
		z, err := s.newSealer(w.ctx)
		require.NoError(w.t, err)
		w.sealer = z
		return
	}
}

// injected checks that an error is one that the test made up.
func (w *world) injected(err error) {
	require.ErrorIs(w.t, err, buckettest.ErrInjected)
}

// append puts a block into the log. A key that was used before makes it a block that must not count.
func (w *world) append(projectID int64, key string, fresh bool, records ...event.Record) {
	var e eventlog.Encoder
	for i := range records {
		require.NoError(w.t, e.Append(&records[i]))
	}
	data, err := e.Finish(nil)
	require.NoError(w.t, err)
	p, err := w.log.Append(w.ctx, eventlog.Block{Project: projectID, Key: key, Count: len(records), Data: data})
	require.NoError(w.t, err)
	if !fresh {
		return
	}
	for i, r := range records {
		g := group{projectID, r.Kind}
		w.want[g] = append(w.want[g], placed{p, uint32(i), r})
	}
}

// seal seals what the log holds, trying until it works.
func (w *world) seal() {
	for {
		_, err := w.sealer.read(w.ctx)
		if err == nil && !w.sealer.pending.empty() {
			_, err = w.sealer.seal(w.ctx)
			if err == nil {
				continue
			}
		}
		if err == nil {
			return
		}
		w.injected(err)
	}
}

// merge merges what there is to merge, trying until it works.
func (w *world) merge() {
	for g := range w.want {
		for {
			merged, err := w.store.mergeOnce(w.ctx, g)
			if err == nil && !merged {
				break
			}
			if err != nil {
				w.injected(err)
			}
		}
	}
}

// scan returns a window's records in the order in which they come.
func (w *world) scan(window Window) (all []placed) {
	for {
		all = nil
		day := event.Day(-1 << 31)
		err := w.store.Scan(w.ctx, window, func(b *Batch) error {
			require.Positive(w.t, b.Len)
			require.GreaterOrEqual(w.t, b.Day, day)
			day = b.Day
			for i := range b.Len {
				var r event.Record
				b.Record(window.Kind, i, &r)
				require.Equal(w.t, b.Day, r.Day())
				all = append(all, placed{eventlog.Position(b.Position[i]), b.Index[i], r.Clone()})
			}
			return nil
		})
		if err == nil {
			return all
		}
		w.injected(err)
	}
}

func comparePlaces(a, b placed) int {
	return cmp.Or(cmp.Compare(a.position, b.position), cmp.Compare(a.index, b.index))
}

func byDayAndPlace(a, b placed) int {
	return cmp.Or(cmp.Compare(a.record.Day(), b.record.Day()), comparePlaces(a, b))
}

// within returns the wanted records of a window, by day, position and index.
func (w *world) within(window Window) (want []placed) {
	for _, p := range w.want[group{window.Project, window.Kind}] {
		inDays := (window.FirstDay == 0 || p.record.Day() >= window.FirstDay) && (window.LastDay == 0 || p.record.Day() <= window.LastDay)
		if p.position > window.After && p.position <= window.UpTo && inDays {
			want = append(want, p)
		}
	}
	slices.SortStableFunc(want, byDayAndPlace)
	return want
}

// requireRecords compares records. Absent and empty texts are the same.
func requireRecords(t require.TestingT, want, got []placed) {
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, printed(want[i]), printed(got[i]))
	}
}

func printed(p placed) string {
	r := &p.record
	return fmt.Sprintf("%d.%d %s %d %d name=%q id=%q device=%q user=%q insert=%q group=%q %q", p.position, p.index, r.Kind, r.Time,
		r.Received, r.Name, r.DistinctID, r.DeviceID, r.UserID, r.InsertID, r.GroupKey, r.Properties)
}

func (w *world) sealed() eventlog.Position {
	p, err := w.store.Sealed(w.ctx)
	require.NoError(w.t, err)
	return p
}
