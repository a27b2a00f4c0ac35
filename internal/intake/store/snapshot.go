package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store/segment"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

// snapshotName is what there are snapshots of.
type snapshotName struct {
	project int64
	content string
}

// What snapshots hold. The names are in object keys and in the index.
const (
	profiles   = "profiles"
	identities = "identities"
)

// keepSnapshots is how many snapshots of a name stay, the newest ones.
const keepSnapshots = 2

// snapshot is a file with one row for each id, ordered by distinct_id.
type snapshot struct {
	position eventlog.Position
	key      string
}

// fold makes the next snapshot: it writes to w what base, nil for nothing, and the log in (after, upTo] amount to.
type fold func(ctx context.Context, base *mergeSource, after, upTo eventlog.Position, w *segment.Writer) error

// snapshotAt returns the snapshot as of upTo, nil if it would be empty for want of any record, and keeps its object until
// release is called. It makes one from the newest one before, unless nothing came since.
func (s *Store) snapshotAt(ctx context.Context, name snapshotName, upTo eventlog.Position, kind event.Kind, next fold) (snap *snapshot, release func(), err error) {
	if sealed, err := s.Sealed(ctx); err != nil {
		return nil, nil, err
	} else if upTo > sealed {
		return nil, nil, fault.New(fault.Transient, "reading "+name.content, fmt.Sprintf("of project %d", name.project),
			fmt.Errorf("position %d is not sealed yet, only %d", upTo, sealed), "")
	}
	s.mu.Lock()
	lock := s.folding[name]
	if lock == nil {
		lock = new(sync.Mutex)
		s.folding[name] = lock
	}
	s.mu.Unlock()
	lock.Lock()
	defer lock.Unlock()

	base, release, err := s.newestSnapshot(ctx, name, upTo)
	if err != nil {
		return nil, nil, err
	}
	w := Window{Project: name.project, Kind: kind, UpTo: upTo}
	if base != nil {
		w.After = base.position
	}
	news, err := s.Segments(ctx, w)
	if err != nil || len(news) == 0 {
		if err != nil {
			release()
			release = nil
		}
		return base, release, err
	}
	defer release()
	return s.makeSnapshot(ctx, name, base, w, next)
}

// newestSnapshot returns the newest snapshot at or before upTo, or nil.
func (s *Store) newestSnapshot(ctx context.Context, name snapshotName, upTo eventlog.Position) (*snapshot, func(), error) {
	s.index.RLock()
	defer s.index.RUnlock()
	var position int64
	var snap snapshot
	err := s.opts.DB.QueryRow(ctx, `SELECT position, object_key FROM store_snapshot
		WHERE project_id = ? AND content = ? AND position <= ? ORDER BY position DESC LIMIT 1`,
		name.project, name.content, int64(upTo)).Scan(&position, &snap.key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, func() {}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("looking for a snapshot of the %s of project %d: %w", name.content, name.project, err)
	}
	snap.position = eventlog.Position(position)
	return &snap, s.retainObjects(snap.key), nil
}

func (s *Store) makeSnapshot(ctx context.Context, name snapshotName, base *snapshot, w Window, next fold) (_ *snapshot, _ func(), err error) {
	var source *mergeSource
	if base != nil {
		source, err = s.openFile(ctx, base.key, segment.All)
		if err != nil {
			return nil, nil, err
		}
		defer func() { err = errors.Join(err, source.close()) }()
	}
	f, err := s.tempFile()
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := segment.NewUnorderedWriter(f, event.KindProfile)
	if err := next(ctx, source, w.After, w.UpTo, out); err != nil {
		return nil, nil, fmt.Errorf("folding the %s of project %d up to position %d: %w", name.content, name.project, w.UpTo, err)
	}
	if _, err := out.Close(); err != nil {
		return nil, nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, nil, fmt.Errorf("sizing a temporary file: %w", err)
	}
	// The random part keeps a snapshot that is made again apart from one of the same position that is about to be removed.
	key := fmt.Sprintf("%s%d/%s/%020d-%s.parquet", snapshotPrefix, name.project, name.content, w.UpTo, strings.ToLower(rand.Text()[:8]))
	if _, err := s.opts.Bucket.Put(ctx, key, f, size, bucket.PutOptions{ContentType: contentType}); err != nil {
		return nil, nil, fmt.Errorf("storing %s: %w", key, err)
	}
	snap := &snapshot{position: w.UpTo, key: key}
	s.index.RLock()
	defer s.index.RUnlock()
	if err := s.addSnapshot(ctx, name, snap, size, out.Records()); err != nil {
		return nil, nil, err
	}
	return snap, s.retainObjects(key), nil
}

// addSnapshot adds a snapshot to the index and drops older ones from it. If another process added one of the same position
// meanwhile, that one stays and this one goes after its reader.
func (s *Store) addSnapshot(ctx context.Context, name snapshotName, snap *snapshot, size, records int64) error {
	now := s.nowMillis()
	due := now + s.opts.Grace.Milliseconds()
	return s.opts.DB.InTx(ctx, func(tx *meta.Tx) error {
		added, err := tx.Exec(ctx, `INSERT INTO store_snapshot (project_id, content, position, object_key, bytes, records, created_ms)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			name.project, name.content, int64(snap.position), snap.key, size, records, now)
		if err != nil {
			return fmt.Errorf("adding snapshot %s to the index: %w", snap.key, err)
		}
		if n, err := added.RowsAffected(); err != nil {
			return fmt.Errorf("adding snapshot %s to the index: %w", snap.key, err)
		} else if n == 0 {
			return discard(ctx, tx, snap.key, due)
		}
		rows, err := tx.Query(ctx, `SELECT position, object_key FROM store_snapshot WHERE project_id = ? AND content = ?
			ORDER BY position DESC`, name.project, name.content)
		if err != nil {
			return fmt.Errorf("looking for old snapshots: %w", err)
		}
		old := map[int64]string{}
		for n := 1; rows.Next(); n++ {
			var position int64
			var key string
			if err := rows.Scan(&position, &key); err != nil {
				return errors.Join(fmt.Errorf("looking for old snapshots: %w", err), rows.Close())
			}
			if n > keepSnapshots {
				old[position] = key
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return fmt.Errorf("looking for old snapshots: %w", err)
		}
		for position, key := range old {
			if _, err := tx.Exec(ctx, `DELETE FROM store_snapshot WHERE project_id = ? AND content = ? AND position = ?`,
				name.project, name.content, position); err != nil {
				return fmt.Errorf("removing snapshot %s from the index: %w", key, err)
			}
			if err := discard(ctx, tx, key, due); err != nil {
				return err
			}
		}
		return nil
	})
}

// openFile opens an object in the format of a segment from its start.
func (s *Store) openFile(ctx context.Context, key string, choice segment.Columns) (*mergeSource, error) {
	o, err := s.openObject(ctx, key)
	if err != nil {
		return nil, err
	}
	return newMergeSource(o, key, choice)
}

// openTemp opens a temporary file that has been written.
func openTemp(f *os.File) (*mergeSource, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sizing a temporary file: %w", err), f.Close())
	}
	return newMergeSource(&object{ReaderAt: f, Closer: f, size: size}, "temporary file", segment.All)
}

func newMergeSource(o *object, name string, choice segment.Columns) (*mergeSource, error) {
	f, err := segment.Open(o, o.size)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", name, err), o.Close())
	}
	return &mergeSource{source: source{segment: &Segment{Key: name}, choice: choice, object: o, cursor: f.Cursor(choice), file: f}}, nil
}

// rewind goes back to the first row.
func (m *mergeSource) rewind() error {
	err := m.cursor.Close()
	m.cursor, m.batch, m.at = m.file.Cursor(m.choice), Batch{}, 0
	return err
}
