package store

import "github.com/refract-io/refract/internal/intake/eventlog"

// pin keeps a log range as it is segmented.
type pin struct {
	project     int64
	after, upTo eventlog.Position
}

// Pin implements Reader. It waits for a replacement of segments that is being committed. The returned function may be called
// more than once.
func (s *Store) Pin(project int64, after, upTo eventlog.Position) (release func()) {
	s.index.RLock()
	defer s.index.RUnlock()
	p := &pin{project, after, upTo}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins[p] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.pins, p)
	}
}

// pinned reports whether a pin overlaps the log range.
func (s *Store) pinned(project int64, after, upTo eventlog.Position) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.pins {
		if p.project == project && p.after < upTo && after < p.upTo {
			return true
		}
	}
	return false
}
