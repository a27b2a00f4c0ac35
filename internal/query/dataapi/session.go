package dataapi

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

// session keeps a connection for the statements of one owner: temporary tables, settings and transactions last as long as it does.
type session struct {
	id, owner string
	target    target
	// connection is nil until the first statement has opened it.
	connection Connection
	keep       time.Duration
	// busy is the id of the statement that has the session; "" is none.
	busy string
	// expires is when a session that nobody has ends.
	expires time.Time
}

// fromSession completes a request by what its session is connected to. What the request says itself must be the same.
func (s *Service) fromSession(in *common, owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.sessions[in.SessionID]
	if o == nil || o.owner != owner {
		return notFound(in.SessionID, "Session does not exist.")
	}
	same := func(given *string, has string) bool {
		if *given == "" {
			*given = has
		}
		return *given == has
	}
	has := &o.target.connectTo
	if !same(&in.WorkgroupName, has.WorkgroupName) || !same(&in.ClusterIdentifier, has.ClusterIdentifier) || !same(&in.Database, has.Database) ||
		!same(&in.SecretArn, has.SecretArn) || !same(&in.DbUser, o.target.asked) {
		return validation("The session %s is one of another warehouse, database or user.", in.SessionID)
	}
	return nil
}

// hold gives a statement its session, if it has one: a new one when it is to be kept alive. s.mu is held.
func (s *Service) hold(st *statement, keepAlive *int) (*session, error) {
	if st.Session == "" {
		if keepAlive == nil || *keepAlive == 0 {
			return nil, nil
		}
		if len(s.sessions) >= MaxActive {
			return nil, &awsjson.Error{Code: "ActiveSessionsExceededException", Message: fmt.Sprintf("Active sessions exceeded the allowed quota (%d).", MaxActive)}
		}
		o := &session{id: uuid.NewString(), owner: st.Owner, target: st.Target, busy: st.ID, keep: time.Duration(*keepAlive) * time.Second, expires: forever()}
		st.Session = o.id
		s.sessions[o.id] = o
		return o, nil
	}
	o := s.sessions[st.Session]
	switch {
	case o == nil || o.owner != st.Owner:
		return nil, notFound(st.Session, "Session does not exist.")
	case o.busy != "":
		return nil, validation("Session %s is busy: statement %s has not ended.", o.id, o.busy)
	case o.target.User != st.Target.User:
		return nil, validation("Session %s is one of another database user.", o.id)
	}
	if keepAlive != nil {
		o.keep = time.Duration(*keepAlive) * time.Second
	}
	o.busy, o.expires = st.ID, forever()
	return o, nil
}

// forever is when a session ends that a statement has.
func forever() time.Time { return time.Now().Add(10 * 365 * 24 * time.Hour) }

// release gives a session back. One that is not to be kept, or that never came about, ends. s.mu is held.
func (s *Service) release(o *session, st *statement) Connection {
	if o == nil || o.busy != st.ID {
		return nil
	}
	o.busy, o.expires = "", time.Now().Add(o.keep)
	if o.keep > 0 && o.connection != nil {
		return nil
	}
	delete(s.sessions, o.id)
	return o.connection
}

// closeSessions ends the sessions that end selects and that no statement has.
func (s *Service) closeSessions(end func(*session) bool) error {
	var ended []Connection
	s.mu.Lock()
	for id, o := range s.sessions {
		if o.busy == "" && end(o) {
			delete(s.sessions, id)
			ended = append(ended, o.connection)
		}
	}
	s.mu.Unlock()
	var err error
	for _, c := range ended {
		err = errors.Join(err, c.Close())
	}
	return err
}
