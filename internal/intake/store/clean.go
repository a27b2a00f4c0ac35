package store

import (
	"context"
	"fmt"
	"time"
)

const (
	// KeepKeys is how long the keys of sealed blocks are remembered.
	KeepKeys   = 30 * 24 * time.Hour
	cleanEvery = time.Minute
)

// clean removes what is no longer needed, once a minute.
func (s *Store) clean(ctx context.Context) {
	ticker := time.NewTicker(cleanEvery)
	defer ticker.Stop()
	retry := s.newBackoff()
	for {
		if err := s.cleanOnce(ctx); err == nil {
			retry.succeeded()
		} else if ctx.Err() == nil {
			retry.failed(ctx, "cleaning up the store", err)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// cleanOnce removes replaced objects whose grace period is over and that nobody in this process reads, and old block keys.
func (s *Store) cleanOnce(ctx context.Context) error {
	now := s.nowMillis()
	due, err := s.keys(ctx, `SELECT object_key FROM store_garbage WHERE due_ms <= ?`, now)
	if err != nil {
		return err
	}
	for key := range due {
		s.mu.Lock()
		read := s.readers[key] > 0
		s.mu.Unlock()
		if read {
			continue
		}
		if err := s.opts.Bucket.Delete(ctx, key); err != nil {
			return fmt.Errorf("removing replaced object %s: %w", key, err)
		}
		if _, err := s.opts.DB.Exec(ctx, `DELETE FROM store_garbage WHERE object_key = ?`, key); err != nil {
			return fmt.Errorf("forgetting replaced object %s: %w", key, err)
		}
	}
	if _, err := s.opts.DB.Exec(ctx, `DELETE FROM sealed_key WHERE sealed_ms < ?`, now-KeepKeys.Milliseconds()); err != nil {
		return fmt.Errorf("forgetting old block keys: %w", err)
	}
	return nil
}

// sweep removes the objects that a crash left behind: written, but in no index. Segments are written by the running store alone,
// and this one has not begun; snapshots are written by readers too, so young ones may be about to be indexed.
func (s *Store) sweep(ctx context.Context) error {
	known, err := s.keys(ctx, `SELECT object_key FROM segment UNION ALL SELECT object_key FROM store_snapshot
		UNION ALL SELECT object_key FROM store_garbage`)
	if err != nil {
		return err
	}
	old := s.opts.Now().Add(-s.opts.Grace)
	var orphans []string
	for _, prefix := range []string{segmentPrefix, snapshotPrefix} {
		for o, err := range s.opts.Bucket.List(ctx, prefix) {
			if err != nil {
				return fmt.Errorf("looking for leftovers in %s: %w", prefix, err)
			}
			if !known[o.Key] && (prefix == segmentPrefix || o.Modified.Before(old)) {
				orphans = append(orphans, o.Key)
			}
		}
	}
	if len(orphans) == 0 {
		return nil
	}
	if err := s.opts.Bucket.Delete(ctx, orphans...); err != nil {
		return fmt.Errorf("removing leftovers of a crash: %w", err)
	}
	return nil
}

// keys runs a query for object keys.
func (s *Store) keys(ctx context.Context, query string, args ...any) (map[string]bool, error) {
	rows, err := s.opts.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("listing the store's objects: %w", err)
	}
	defer rows.Close()
	all := map[string]bool{}
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, fmt.Errorf("listing the store's objects: %w", err)
		}
		all[key] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing the store's objects: %w", err)
	}
	return all, nil
}
