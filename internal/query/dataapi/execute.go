package dataapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

const maxKeepAlive = 86_400 // seconds

var parameterName = regexp.MustCompile(`^[0-9a-zA-Z_]+$`)

func (s *Service) executeStatement(ctx context.Context, in *executeInput) (*executeOutput, error) {
	return s.submit(ctx, "ExecuteStatement", &in.common, []string{in.SQL}, &statement{})
}

func (s *Service) batchExecuteStatement(ctx context.Context, in *batchInput) (*executeOutput, error) {
	if len(in.SQLs) < 1 || len(in.SQLs) > MaxBatch {
		return nil, validation("1 validation error detected: Value at 'sqls' failed to satisfy constraint: Member must have length between 1 and %d", MaxBatch)
	}
	switch in.ExecutionMode {
	case "", modeTransaction, modeAutoCommit:
	default:
		return nil, validation("1 validation error detected: Value '%s' at 'executionMode' failed to satisfy constraint: Member must satisfy enum value set: [%s, %s]",
			in.ExecutionMode, modeTransaction, modeAutoCommit)
	}
	return s.submit(ctx, "BatchExecuteStatement", &in.common, in.SQLs, &statement{Batch: true, AutoCommit: in.ExecutionMode == modeAutoCommit})
}

// submit takes a request to run statements, and waits for their end if it says so. What it returns is on disk; the statements run afterwards.
func (s *Service) submit(ctx context.Context, action string, in *common, sqls []string, st *statement) (*executeOutput, error) {
	out, err := s.accept(ctx, action, in, sqls, st)
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, out, in.WaitTimeSeconds)
}

// accept makes st the statement that a request asks for. st says of which kind it is.
func (s *Service) accept(ctx context.Context, action string, in *common, sqls []string, st *statement) (*executeOutput, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.check(in, sqls); err != nil {
		return nil, err
	}
	digest, err := digest(action, in, sqls, st.AutoCommit)
	if err != nil {
		return nil, err
	}
	// Also here, since the session of a request that is repeated may have ended.
	if first, err := s.repeated(ctx, who.owner, in.ClientToken, digest); err != nil || first != nil {
		return first, err
	}
	if in.SessionID != "" {
		if err := s.fromSession(in, who.owner); err != nil {
			return nil, err
		}
	}
	st.ID, st.Owner, st.OwnerID, st.Token, st.Request, st.Name = uuid.NewString(), who.owner, who.id, in.ClientToken, digest, in.StatementName
	st.Format, st.Parameters, st.Status, st.Session = in.ResultFormat, in.Parameters, Submitted, in.SessionID
	if st.Format == "" {
		st.Format = formatJSON
	}
	if st.Target, err = s.connect(ctx, action, who, in.connectTo); err != nil {
		return nil, err
	}
	st.Created = time.Now()
	st.Updated = st.Created
	for _, sql := range sqls {
		st.Parts = append(st.Parts, part{SQL: sql, Status: Submitted, Updated: st.Created, Rows: -1, Size: -1})
	}
	return s.enter(ctx, st, in.SessionKeepAliveSeconds)
}

// check looks at what a request says without asking anybody.
func (s *Service) check(in *common, sqls []string) error {
	for _, sql := range sqls {
		switch {
		case strings.TrimSpace(sql) == "":
			return validation("The SQL statement is empty.")
		case len(sql) > MaxStatement:
			return validation("Cannot process query string larger than %dkB", MaxStatement>>10)
		}
	}
	switch {
	case in.ResultFormat != "" && in.ResultFormat != formatJSON && in.ResultFormat != formatCSV:
		return validation("1 validation error detected: Value '%s' at 'resultFormat' failed to satisfy constraint: Member must satisfy enum value set: [JSON, CSV]", in.ResultFormat)
	case utf8.RuneCountInString(in.ClientToken) > 64:
		return validation("1 validation error detected: Value at 'clientToken' failed to satisfy constraint: Member must have length less than or equal to 64")
	case utf8.RuneCountInString(in.StatementName) > 2048:
		return validation("1 validation error detected: Value at 'statementName' failed to satisfy constraint: Member must have length less than or equal to 2048")
	case in.SessionKeepAliveSeconds != nil && (*in.SessionKeepAliveSeconds < 0 || *in.SessionKeepAliveSeconds > maxKeepAlive):
		return validation("1 validation error detected: Value '%d' at 'sessionKeepAliveSeconds' failed to satisfy constraint: Member must have value between 0 and %d",
			*in.SessionKeepAliveSeconds, maxKeepAlive)
	}
	if err := checkWait(in.WaitTimeSeconds); err != nil {
		return err
	}
	return s.checkParameters(in.Parameters, sqls)
}

func (s *Service) checkParameters(parameters []Parameter, sqls []string) error {
	seen := map[string]bool{}
	for _, p := range parameters {
		switch {
		case !parameterName.MatchString(p.Name):
			return validation("1 validation error detected: Value '%s' at 'parameters.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9a-zA-Z_]+", p.Name)
		case p.Value == "":
			return validation("1 validation error detected: Value at 'parameters.value' failed to satisfy constraint: Member must have length greater than or equal to 1")
		case seen[p.Name]:
			return validation("The parameter %s is given more than once.", p.Name)
		}
		seen[p.Name] = true
	}
	if len(seen) == 0 {
		return nil
	}
	for _, sql := range sqls {
		// What can't be read here fails when it runs, with the warehouse's own words.
		names, err := s.Warehouse.Parameters(sql)
		if err != nil {
			return nil
		}
		for _, name := range names {
			delete(seen, name)
		}
	}
	unused := make([]string, 0, len(seen))
	for name := range seen {
		unused = append(unused, name)
	}
	if slices.Sort(unused); len(unused) > 0 {
		return validation("Parameters list contains unused parameters. Unused parameters: [%s]", strings.Join(unused, ", "))
	}
	return nil
}

// digest tells a repeated request from another one under the same token.
func digest(action string, in *common, sqls []string, autoCommit bool) (string, error) {
	text, err := json.Marshal(struct {
		Action     string
		In         *common
		SQLs       []string
		AutoCommit bool `json:",omitempty"`
	}{action, in, sqls, autoCommit})
	if err != nil {
		return "", fmt.Errorf("encoding a request: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// enter makes a statement one that runs, unless its token says that it was sent before.
func (s *Service) enter(ctx context.Context, st *statement, keepAlive *int) (*executeOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, err := s.repeated(ctx, st.Owner, st.Token, st.Request); err != nil || first != nil {
		return first, err
	}
	if s.base.Err() != nil {
		return nil, &awsjson.Error{Code: "InternalServerException", Message: "The service is shutting down.", Status: 503}
	}
	if len(s.live) >= MaxActive {
		return nil, &awsjson.Error{Code: "ActiveStatementsExceededException", Message: fmt.Sprintf("Active statements exceeded the allowed quota (%d).", MaxActive)}
	}
	held, err := s.hold(st, keepAlive)
	if err != nil {
		return nil, err
	}
	if err := s.insert(ctx, st); err != nil {
		if connection := s.release(held, st); connection != nil {
			err = errors.Join(err, connection.Close())
		}
		return nil, err
	}
	out := st.accepted()
	run, cancel := context.WithCancelCause(s.base)
	l := &live{statement: st, session: held, cancel: cancel, ended: make(chan struct{})}
	s.live[st.ID] = l
	s.running.Go(func() {
		defer cancel(nil)
		s.run(run, l)
	})
	return out, nil
}

// repeated returns the answer to the first request with a ClientToken; nil if there was none.
func (s *Service) repeated(ctx context.Context, owner, token, digest string) (*executeOutput, error) {
	if token == "" {
		return nil, nil
	}
	first, err := s.byToken(ctx, owner, token, time.Now().Add(-tokenLife))
	switch {
	case err != nil || first == nil:
		return nil, err
	case first.Request != digest:
		return nil, validation("The ClientToken was used with another request.")
	}
	return first.accepted(), nil
}

// accepted is the answer to the request that sent the statement.
func (st *statement) accepted() *executeOutput {
	return &executeOutput{connectTo: st.Target.connectTo, CreatedAt: awsjson.Time{Time: st.Created}, ID: st.ID, SessionID: st.Session, DbGroups: []string{}}
}
