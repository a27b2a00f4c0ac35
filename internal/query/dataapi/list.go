package dataapi

import (
	"context"
	"fmt"
	"math"
	"strings"
)

func (s *Service) describeStatement(ctx context.Context, in *idInput) (*describeOutput, error) {
	st, n, err := s.ownedAfter(ctx, "DescribeStatement", in)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		return st.onePart(n), nil
	}
	return st.describe(), nil
}

// cancelStatement stops a statement. When it answers the statement may still be about to end, and then as what it was.
func (s *Service) cancelStatement(ctx context.Context, in *idInput) (*cancelOutput, error) {
	st, _, err := s.owned(ctx, "CancelStatement", in.ID)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	running := s.live[st.ID]
	s.mu.Unlock()
	if running == nil {
		if st, err = s.find(ctx, st.ID); err != nil {
			return nil, err
		}
		if st == nil {
			return nil, notFound(in.ID, "Query does not exist.")
		}
		return nil, validation("Could not cancel a query that is already in %s state with ID: %s", st.Status, st.ID)
	}
	running.cancel(errCanceled)
	return &cancelOutput{true}, nil
}

// listPage is how many statements are read at a time.
const listPage = 100

// listStatements lists the caller's statements, the newest first.
func (s *Service) listStatements(ctx context.Context, in *listStatementsInput) (*listStatementsOutput, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	// What is listed is the caller's own whatever it names, and there is no resource to name.
	keys := map[string][]string{"redshift-data:statement-owner-iam-userid": {who.id}}
	if err := s.Auth.AuthorizeWith(ctx, "redshift-data:ListStatements", []string{"*"}, keys); err != nil {
		return nil, err
	}
	switch {
	case in.ClusterIdentifier != "" && in.WorkgroupName != "":
		return nil, validation("Only one of ClusterIdentifier and WorkgroupName can be specified.")
	case in.Status == "":
		in.Status = Finished
	case in.Status != all && !in.Status.known():
		return nil, validation("1 validation error detected: Value '%s' at 'status' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [SUBMITTED, PICKED, STARTED, FINISHED, ABORTED, FAILED, ALL]", in.Status)
	}
	size, err := pageLength(in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	at, err := parseToken(in.NextToken, "statements "+who.owner)
	if err != nil {
		return nil, err
	}
	return s.statements(ctx, in, who, at, size)
}

// statements reads what lies behind a place, "<created_ms> <id>", until it has a page.
func (s *Service) statements(ctx context.Context, in *listStatementsInput, who caller, at string, size int) (*listStatementsOutput, error) {
	out := &listStatementsOutput{Statements: []statementData{}}
	created, id := int64(math.MaxInt64), ""
	if at != "" {
		if _, err := fmt.Sscanf(at, "%d %s", &created, &id); err != nil {
			return nil, badToken()
		}
	}
	for {
		batch, err := s.query(ctx, s.Meta, `instance = ? AND owner = ? AND (created_ms < ? OR created_ms = ? AND id > ?) ORDER BY created_ms DESC, id LIMIT ?`,
			s.instance, who.owner, created, created, id, listPage)
		if err != nil {
			return nil, err
		}
		for _, st := range batch {
			if len(out.Statements) == size {
				out.NextToken = pageToken("statements "+who.owner, fmt.Sprintf("%d %s", created, id))
				return out, nil
			}
			created, id = st.Created.UnixMilli(), st.ID
			now, err := s.current(ctx, st)
			if err != nil {
				return nil, err
			}
			if now != nil && in.selects(now, who) {
				out.Statements = append(out.Statements, now.data())
			}
		}
		if len(batch) < listPage {
			return out, nil
		}
	}
}

// current is a statement of the database as it is now.
func (s *Service) current(ctx context.Context, st *statement) (*statement, error) {
	if st.Status.Ended() {
		return st, nil
	}
	return s.find(ctx, st.ID)
}

func (in *listStatementsInput) selects(st *statement, who caller) bool {
	return (in.Status == all || in.Status == st.Status) && strings.HasPrefix(st.Name, in.StatementName) &&
		(in.RoleLevel == nil || *in.RoleLevel || st.OwnerID == who.id) &&
		(in.Database == "" || in.Database == st.Target.Database) &&
		(in.ClusterIdentifier == "" || in.ClusterIdentifier == st.Target.ClusterIdentifier) &&
		(in.WorkgroupName == "" || in.WorkgroupName == st.Target.WorkgroupName)
}

// pageLength returns MaxResults; none and 0 are the most.
func pageLength(asked *int, most int) (int, error) {
	switch {
	case asked == nil || *asked == 0:
		return most, nil
	case *asked < 0 || *asked > most:
		return 0, validation("1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 0 and %d", *asked, most)
	}
	return *asked, nil
}
