package rawexport

import (
	"crypto/rand"
	"strconv"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/intake/eventlog"
)

const (
	// pageSize is how many profiles a page has (Mixpanel, "Query Profiles").
	pageSize = 1000
	// keepSession is how long a session lasts after its last page was asked for.
	keepSession = time.Hour
	// maxSessions is how many there are at most; the one that was used least recently makes room.
	maxSessions = 1000
)

// session is a query whose pages are being read. All are of the profiles as of one position, so that none is missed or comes twice
// while others change. Apart from used it does not change.
type session struct {
	id       string
	query    string // which query it belongs to
	position eventlog.Position
	total    int
	// starts are the distinct_ids with which the pages begin.
	starts []string
	used   time.Time
}

// sessions are those of one process.
type sessions struct {
	now func() time.Time

	mu   sync.Mutex
	byID map[string]*session
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, byID: map[string]*session{}}
}

// newID returns an id in the form of Mixpanel's.
func (s *sessions) newID() string {
	return strconv.FormatInt(s.now().Unix(), 10) + "-" + rand.Text()
}

// find returns the session of the query, or nil.
func (s *sessions) find(id, query string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, now := s.byID[id], s.now()
	if found == nil || found.query != query || now.Sub(found.used) >= keepSession {
		return nil
	}
	found.used = now
	return found
}

// add keeps a session.
func (s *sessions) add(added *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added.used = s.now()
	if len(s.byID) >= maxSessions {
		var oldest *session
		for id, old := range s.byID {
			if added.used.Sub(old.used) >= keepSession {
				delete(s.byID, id)
			} else if oldest == nil || old.used.Before(oldest.used) {
				oldest = old
			}
		}
		if len(s.byID) >= maxSessions {
			delete(s.byID, oldest.id)
		}
	}
	s.byID[added.id] = added
}
