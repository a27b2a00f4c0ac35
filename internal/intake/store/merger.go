package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// merger is the background work of merging.
type merger struct {
	store *Store
	all   atomic.Bool // all groups are to be looked at
	mu    sync.Mutex
	dirty map[group]bool
	wake  chan struct{}
}

func newMerger(s *Store) *merger {
	m := &merger{store: s, dirty: map[group]bool{}, wake: make(chan struct{}, 1)}
	m.lookAtAll()
	return m
}

func (m *merger) lookAtAll() { m.all.Store(true) }

func (m *merger) mark(groups ...group) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range groups {
		m.dirty[g] = true
	}
}

// sealed tells the merger of new segments.
func (m *merger) sealed(segments []Segment) {
	for i := range segments {
		m.mark(group{segments[i].Project, segments[i].Kind})
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// next returns a group with new segments.
func (m *merger) next() (group, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for g := range m.dirty {
		delete(m.dirty, g)
		return g, true
	}
	return group{}, false
}

// lookEvery is how often all segments are considered, for those whose pins are gone.
const lookEvery = time.Minute

func (m *merger) run(ctx context.Context) {
	retry := m.store.newBackoff()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := m.catchUp(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			retry.failed(ctx, "merging segments", err)
			continue
		}
		retry.succeeded()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.lookAtAll()
		case <-m.wake:
		}
	}
}

// catchUp merges until nothing is left to merge.
func (m *merger) catchUp(ctx context.Context) error {
	if m.all.Swap(false) {
		groups, err := m.store.groups(ctx)
		if err != nil {
			m.lookAtAll()
			return err
		}
		m.mark(groups...)
	}
	for {
		g, ok := m.next()
		if !ok {
			return nil
		}
		merged, err := m.store.mergeOnce(ctx, g)
		if merged || err != nil {
			m.mark(g)
		}
		if err != nil {
			return err
		}
	}
}

// groups returns all projects and kinds that have segments.
func (s *Store) groups(ctx context.Context) ([]group, error) {
	rows, err := s.opts.DB.Query(ctx, `SELECT DISTINCT project_id, kind FROM segment ORDER BY project_id, kind`)
	if err != nil {
		return nil, fmt.Errorf("listing the projects that have segments: %w", err)
	}
	defer rows.Close()
	var all []group
	for rows.Next() {
		var g group
		if err := rows.Scan(&g.project, &g.kind); err != nil {
			return nil, fmt.Errorf("listing the projects that have segments: %w", err)
		}
		all = append(all, g)
	}
	return all, rows.Err()
}
