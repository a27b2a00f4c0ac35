package store

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store/segment"
	"github.com/refract-io/refract/internal/platform/meta"
)

func segmentKey(project int64, kind event.Kind, after, upTo eventlog.Position) string {
	return fmt.Sprintf("%s%d/%s/%020d-%020d.parquet", segmentPrefix, project, kind, after, upTo)
}

const (
	segmentPrefix  = "segments/"
	snapshotPrefix = "snapshots/"
	poisonPrefix   = "_poison/"
)

// days returns the window's days as bounds that always hold.
func (w Window) days() (first, last event.Day) {
	first, last = w.FirstDay, w.LastDay
	if first == 0 {
		first = math.MinInt32
	}
	if last == 0 {
		last = math.MaxInt32
	}
	return first, last
}

// Segments implements Reader. Of each segment it returns all days, not only the window's.
func (s *Store) Segments(ctx context.Context, w Window) ([]Segment, error) {
	first, last := w.days()
	rows, err := s.opts.DB.Query(ctx, `SELECT s.id, s.after_pos, s.upto_pos, s.object_key, s.bytes, s.records,
			d.day, d.first_row, d.records, d.min_time, d.max_time
		FROM segment s JOIN segment_day d ON d.segment_id = s.id
		WHERE s.project_id = ? AND s.kind = ? AND s.upto_pos > ? AND s.after_pos < ?
			AND EXISTS (SELECT 1 FROM segment_day e WHERE e.segment_id = s.id AND e.day BETWEEN ? AND ?)
		ORDER BY s.after_pos, d.day`,
		w.Project, int64(w.Kind), int64(w.After), int64(w.UpTo), int64(first), int64(last))
	if err != nil {
		return nil, fmt.Errorf("reading the segment index of project %d: %w", w.Project, err)
	}
	defer rows.Close()
	var all []Segment
	for rows.Next() {
		g := Segment{Project: w.Project, Kind: w.Kind}
		var d DayRange
		if err := rows.Scan(&g.ID, &g.After, &g.UpTo, &g.Key, &g.Bytes, &g.Records,
			&d.Day, &d.FirstRow, &d.Records, &d.MinTime, &d.MaxTime); err != nil {
			return nil, fmt.Errorf("reading the segment index of project %d: %w", w.Project, err)
		}
		if n := len(all); n == 0 || all[n-1].ID != g.ID {
			all = append(all, g)
		}
		g2 := &all[len(all)-1]
		g2.Days = append(g2.Days, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the segment index of project %d: %w", w.Project, err)
	}
	return all, nil
}

// retain returns the window's segments and keeps their objects until release is called.
func (s *Store) retain(ctx context.Context, w Window) (segments []Segment, release func(), err error) {
	s.index.RLock()
	defer s.index.RUnlock()
	segments, err = s.Segments(ctx, w)
	if err != nil {
		return nil, nil, err
	}
	keys := make([]string, len(segments))
	for i := range segments {
		keys[i] = segments[i].Key
	}
	return segments, s.retainObjects(keys...), nil
}

// retainObjects counts a reader of the objects. The caller holds index.
func (s *Store) retainObjects(keys ...string) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		s.readers[k]++
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, k := range keys {
			if s.readers[k]--; s.readers[k] == 0 {
				delete(s.readers, k)
			}
		}
	}
}

// insertSegment adds a segment and its days to the index and sets its ID.
func insertSegment(ctx context.Context, tx *meta.Tx, g *Segment, now int64) error {
	err := tx.QueryRow(ctx, `INSERT INTO segment (project_id, kind, after_pos, upto_pos, object_key, bytes, records, created_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		g.Project, int64(g.Kind), int64(g.After), int64(g.UpTo), g.Key, g.Bytes, g.Records, now).Scan(&g.ID)
	if err != nil {
		return fmt.Errorf("adding segment %s to the index: %w", g.Key, err)
	}
	// A backfill's segment can have a thousand days; a hundred to a statement keeps round trips and parameters few.
	for days := g.Days; len(days) > 0; {
		n := min(len(days), 100)
		args := make([]any, 0, 6*n)
		for _, d := range days[:n] {
			args = append(args, g.ID, int64(d.Day), d.FirstRow, d.Records, d.MinTime, d.MaxTime)
		}
		values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?), ", n), ", ")
		if _, err := tx.Exec(ctx, `INSERT INTO segment_day (segment_id, day, first_row, records, min_time, max_time) VALUES `+values, args...); err != nil {
			return fmt.Errorf("adding the days of segment %s to the index: %w", g.Key, err)
		}
		days = days[n:]
	}
	return nil
}

// deleteSegment takes a segment out of the index; its object goes when the grace period is over.
func deleteSegment(ctx context.Context, tx *meta.Tx, g *Segment, due int64) error {
	if _, err := tx.Exec(ctx, `DELETE FROM segment_day WHERE segment_id = ?`, g.ID); err != nil {
		return fmt.Errorf("removing the days of segment %s from the index: %w", g.Key, err)
	}
	res, err := tx.Exec(ctx, `DELETE FROM segment WHERE id = ?`, g.ID)
	if err != nil {
		return fmt.Errorf("removing segment %s from the index: %w", g.Key, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("removing segment %s from the index: %d rows: %w", g.Key, n, err)
	}
	return discard(ctx, tx, g.Key, due)
}

// discard notes an object for removal at the time due.
func discard(ctx context.Context, tx *meta.Tx, key string, due int64) error {
	if _, err := tx.Exec(ctx, `INSERT INTO store_garbage (object_key, due_ms) VALUES (?, ?)
		ON CONFLICT (object_key) DO UPDATE SET due_ms = excluded.due_ms`, key, due); err != nil {
		return fmt.Errorf("noting object %s for removal: %w", key, err)
	}
	return nil
}

// checkDays reports a segment whose days do not ascend: then its rows were not sorted.
func checkDays(days []segment.DayRange) error {
	for i := 1; i < len(days); i++ {
		if days[i].Day <= days[i-1].Day {
			return fmt.Errorf("writing a segment: day %s follows %s", days[i].Day, days[i-1].Day)
		}
	}
	return nil
}
