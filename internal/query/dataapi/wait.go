package dataapi

import (
	"context"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

// Bounds of WaitTimeSeconds: its largest value, and the requests that may wait for one statement at a time. The API has an exception for the latter and
// does not tell the number.
const (
	maxWait    = 30
	maxWaiting = 10
)

func checkWait(seconds *int) error {
	if seconds != nil && (*seconds < 1 || *seconds > maxWait) {
		return validation("1 validation error detected: Value '%d' at 'waitTimeSeconds' failed to satisfy constraint: Member must have value between 1 and %d", *seconds, maxWait)
	}
	return nil
}

// wait returns when the statement of the id has ended, when the seconds are over, or at once for nil.
func (s *Service) wait(ctx context.Context, id string, seconds *int) error {
	if seconds == nil {
		return nil
	}
	s.mu.Lock()
	l := s.live[id]
	full := l != nil && l.waiting == maxWaiting
	if l != nil && !full {
		l.waiting++
	}
	s.mu.Unlock()
	switch {
	case l == nil:
		return nil
	case full:
		return &awsjson.Error{Code: "ActiveWaitingRequestsExceededException", Message: fmt.Sprintf("Active waiting requests exceeded the allowed quota (%d) of statement %s.", maxWaiting, id)}
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		l.waiting--
	}()
	timeout := time.NewTimer(time.Duration(*seconds) * time.Second)
	defer timeout.Stop()
	select {
	case <-l.ended:
	case <-timeout.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// ownedAfter is owned once the statement has ended, or the request has waited for as long as it says.
func (s *Service) ownedAfter(ctx context.Context, action string, in *idInput) (*statement, int, error) {
	if err := checkWait(in.WaitTimeSeconds); err != nil {
		return nil, 0, err
	}
	st, n, err := s.owned(ctx, action, in.ID)
	if err != nil || in.WaitTimeSeconds == nil || st.Status.Ended() {
		return st, n, err
	}
	if err := s.wait(ctx, st.ID, in.WaitTimeSeconds); err != nil {
		return nil, 0, err
	}
	return s.owned(ctx, action, in.ID)
}

// settled completes the answer to the request that sent a statement by what has become of it, if the request waits.
func (s *Service) settled(ctx context.Context, out *executeOutput, seconds *int) (*executeOutput, error) {
	if seconds == nil {
		return out, nil
	}
	if err := s.wait(ctx, out.ID, seconds); err != nil {
		return nil, err
	}
	st, err := s.find(ctx, out.ID)
	if err != nil || st == nil {
		return out, err
	}
	_, _, _, _, has := st.totals()
	out.Status, out.RedshiftPid, out.HasResultSet = st.Status, st.PID, &has
	return out, nil
}
