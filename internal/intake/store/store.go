package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// Projects tells a project's identity mode. It is safe for concurrent use.
type Projects interface {
	ByID(ctx context.Context, id int64) (*project.Project, error)
}

// Options configure a store. DB, Bucket and Projects are required, Log by Run; other zero fields get the default named.
type Options struct {
	DB       *meta.DB
	Bucket   bucket.Bucket
	Projects Projects
	Log      eventlog.Log
	// Dir is a folder for temporary files: segments that are merged, and copies of objects while they are read from a bucket
	// that has no local files. Default: the system's.
	Dir string
	// SealAfter is how long a block waits in the log at most before it is sealed. Default 500 ms.
	SealAfter time.Duration
	// SealBytes is the size of decoded records, over all projects, that is sealed at once. It bounds the sealer's memory,
	// together with one block and one file. Default 64 MiB.
	SealBytes int
	// MaxOpen is how many segments a scan holds open at a time. Default 32.
	MaxOpen int
	// Grace is how long a replaced object stays, for readers in other processes. Default 1 hour.
	Grace time.Duration
	// Merge is how compaction chooses; see Merge.
	Merge  Merge
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Store is the event store. It implements Reader and is safe for concurrent use.
type Store struct {
	opts Options

	// index is held for writing while segments are replaced, and for reading while a reader learns of segments and retains
	// them: what a reader has seen stays readable until it lets go.
	index sync.RWMutex

	mu      sync.Mutex
	sealed  eventlog.Position
	waiters map[eventlog.Position]chan struct{}
	pins    map[*pin]struct{}
	readers map[string]int // object key to how many read it
	stats   Stats

	folding map[snapshotName]*sync.Mutex // guarded by mu; each lets one snapshot of a name be made at a time
}

var _ Reader = (*Store)(nil)

// Open returns the store over the database and the bucket. It reads them but changes nothing.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if opts.DB == nil || opts.Bucket == nil || opts.Projects == nil {
		return nil, fault.New(fault.Bug, "opening the store", "", errors.New("database, bucket or projects missing"), "")
	}
	if opts.Dir == "" {
		opts.Dir = os.TempDir()
	}
	if opts.SealAfter == 0 {
		opts.SealAfter = 500 * time.Millisecond
	}
	if opts.SealBytes == 0 {
		opts.SealBytes = 64 << 20
	}
	if opts.MaxOpen == 0 {
		opts.MaxOpen = 32
	}
	if opts.Grace == 0 {
		opts.Grace = time.Hour
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.Merge.setDefaults()
	s := &Store{
		opts: opts, waiters: map[eventlog.Position]chan struct{}{}, pins: map[*pin]struct{}{}, readers: map[string]int{},
		folding: map[snapshotName]*sync.Mutex{},
	}
	sealed, err := s.Sealed(ctx)
	if err != nil {
		return nil, err
	}
	s.sealed = sealed
	return s, nil
}

// Sealed implements Reader.
func (s *Store) Sealed(ctx context.Context) (eventlog.Position, error) {
	var p int64
	if err := s.opts.DB.QueryRow(ctx, `SELECT position FROM sealed_watermark WHERE id = 1`).Scan(&p); err != nil {
		return 0, fmt.Errorf("reading the sealed position: %w", err)
	}
	return eventlog.Position(p), nil
}

// SealedAfter implements Reader. It learns of seals from Run, or from Follow when another process seals.
func (s *Store) SealedAfter(p eventlog.Position) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.waiters[p]
	if ch == nil {
		ch = make(chan struct{})
		if s.sealed > p {
			close(ch)
			return ch
		}
		s.waiters[p] = ch
	}
	return ch
}

// advance makes a new watermark known in this process.
func (s *Store) advance(sealed eventlog.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = max(s.sealed, sealed)
	for p, ch := range s.waiters {
		if s.sealed > p {
			close(ch)
			delete(s.waiters, p)
		}
	}
}

// followEvery is how often Follow looks for seals of another process.
const followEvery = time.Second

// Follow makes SealedAfter work in a process that reads the store while another one runs it. It returns when ctx ends.
func (s *Store) Follow(ctx context.Context) error {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for failed := false; ; {
		sealed, err := s.Sealed(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !failed:
			s.opts.Logger.Warn("the sealed position cannot be read; trying again", "error", err)
		case err == nil:
			s.advance(sealed)
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (s *Store) nowMillis() int64 { return s.opts.Now().UnixMilli() }
