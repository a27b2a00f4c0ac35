package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// Transaction states of a session, as the protocol reports them.
const (
	statusIdle   byte = 'I'
	statusActive byte = 'T'
	statusFailed byte = 'E'
)

// Session is one user's session: its parameters, transaction, cursors and prepared statements. It runs one statement at a time and is
// used by one goroutine at a time, but for Close of the engine.
type Session struct {
	engine   *Engine
	user     *User
	database string
	conn     *duck.Conn
	settings *settings
	status   byte
	xid      int64
	// ProcessID is what pg_backend_pid() gives.
	ProcessID uint32

	// changes are those of the transaction to the warehouse's definitions.
	changes []change
	active  *Result
	cursors map[string]*cursor
	// prepared are the statements of PREPARE.
	prepared map[string]*Statement
	notices  []*rsql.Error
	// lastQuery is the id of the last query, as pg_last_query_id() gives it.
	lastQuery int64

	mu      sync.Mutex
	running context.CancelFunc // of the last statement
}

func newSession(e *Engine, u *User, database string) *Session {
	s := &Session{
		engine: e, user: u, database: database, settings: newSettings(), status: statusIdle,
		cursors: map[string]*cursor{}, prepared: map[string]*Statement{},
	}
	super := "off"
	if u.Superuser {
		super = "on"
	}
	s.settings.values["is_superuser"] = super
	s.settings.values["session_authorization"] = u.Name
	return s
}

// Close ends the session and rolls back its transaction.
func (s *Session) Close() error {
	if s.conn == nil {
		return nil
	}
	defer s.engine.forget(s)
	err := s.closeActive()
	for name := range s.cursors {
		s.closeCursor(name)
	}
	s.conn.Close()
	s.conn = nil
	return err
}

// Status is the transaction status: 'I', 'T' in a transaction, 'E' in a failed one.
func (s *Session) Status() byte { return s.status }

// Fail fails the transaction that the session may be in.
func (s *Session) Fail() {
	if s.status == statusActive {
		s.status = statusFailed
	}
}

// Set gives a parameter a value, as SET does.
func (s *Session) Set(name, value string) error {
	return s.settings.set(strings.ToLower(name), value, false)
}

// Notices returns the notices since the last call.
func (s *Session) Notices() []*rsql.Error {
	n := s.notices
	s.notices = nil
	return n
}

// Changed returns the reported parameters that changed since the last call, by their names in the protocol.
func (s *Session) Changed() map[string]string { return s.settings.takeChanged() }

// LastQueryID is the number of the session's last query in the system views; 0 before the first.
func (s *Session) LastQueryID() int64 { return s.lastQuery }

func (s *Session) notice(state, format string, args ...any) {
	s.notices = append(s.notices, failure(state, format, args...))
}

func (s *Session) setRunning(cancel context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = cancel
}

// Cancel cancels the running statement. Unlike the other methods it may be called by any goroutine.
func (s *Session) Cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		s.running()
	}
}

// closeActive ends the result that the last statement left open.
func (s *Session) closeActive() error {
	if s.active == nil {
		return nil
	}
	r := s.active
	s.active = nil
	return r.Close()
}

// begin starts a transaction block.
func (s *Session) begin() error {
	if s.status != statusIdle {
		s.notice(stateActiveTransaction, "there is already a transaction in progress")
		return nil
	}
	if err := s.conn.Exec("BEGIN TRANSACTION"); err != nil {
		return err
	}
	s.status, s.xid = statusActive, s.engine.nextXID()
	s.settings.begin()
	return nil
}

// end ends the transaction block. It reports whether the transaction was committed: a failed one can't be.
func (s *Session) end(ctx context.Context, commit bool) (bool, error) {
	if s.status == statusIdle {
		s.notice(stateNoActiveTransaction, "there is no transaction in progress")
		return commit, nil
	}
	commit = commit && s.status == statusActive
	for _, name := range slices.Collect(maps.Keys(s.cursors)) {
		s.closeCursor(name)
	}
	changes := s.changes
	s.changes, s.status = nil, statusIdle
	var err error
	command := "ROLLBACK"
	if commit {
		if err = s.engine.commit(ctx, changes); err == nil {
			command = "COMMIT"
		}
	}
	err = errors.Join(err, s.conn.Exec(command))
	s.settings.end(commit && err == nil)
	return commit, err
}
