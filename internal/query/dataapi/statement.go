package dataapi

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

// Status is the state of a statement.
type Status string

const (
	// Submitted is a statement that waits for its turn.
	Submitted Status = "SUBMITTED"
	// Picked is one that has its turn and waits for a connection.
	Picked Status = "PICKED"
	// Started is one that runs.
	Started Status = "STARTED"
	// Finished, Failed and Aborted are final; Aborted is one that somebody stopped.
	Finished Status = "FINISHED"
	Failed   Status = "FAILED"
	Aborted  Status = "ABORTED"
	// all selects every status in ListStatements.
	all Status = "ALL"
)

// Ended reports whether the status is final.
func (s Status) Ended() bool { return s == Finished || s == Failed || s == Aborted }

func (s Status) known() bool { return s == Submitted || s == Picked || s == Started || s.Ended() }

// The formats of a result.
const (
	formatJSON = "JSON"
	formatCSV  = "CSV"
)

// The ways in which a batch is run.
const (
	modeTransaction = "TRANSACTION"
	modeAutoCommit  = "AUTO_COMMIT"
)

// statement is what one ExecuteStatement or BatchExecuteStatement asked for, and what has become of it. Its JSON is kept in the metadata.
type statement struct {
	ID string
	// Owner is the ARN of the user, or of the role without its session; OwnerID is aws:userid, which has the session.
	Owner, OwnerID string
	Target         target
	// Token is the request's ClientToken, Request a digest of the whole request.
	Token, Request string `json:",omitempty"`
	Name           string `json:",omitempty"`
	Session        string `json:",omitempty"`
	Format         string
	Batch          bool `json:",omitempty"`
	// AutoCommit is a batch whose statements are transactions of their own.
	AutoCommit bool        `json:",omitempty"`
	Parameters []Parameter `json:",omitempty"`
	PID        int64       `json:",omitempty"`
	Status     Status
	Error      string `json:",omitempty"`
	Created    time.Time
	Updated    time.Time
	// Parts are the statements; ExecuteStatement has one.
	Parts []part
}

// part is one SQL statement.
type part struct {
	SQL     string
	Status  Status
	Error   string `json:",omitempty"`
	Updated time.Time
	// Duration is how long it ran.
	Duration time.Duration `json:",omitempty"`
	QueryID  int64         `json:",omitempty"`
	// Columns is nil for a statement without a result set, whose Rows and Size are -1.
	Columns    []columnMetadata
	Rows, Size int64
}

// partID is the id of the n-th part, from 1: that of the statement with a suffix in a batch.
func (st *statement) partID(n int) string {
	if !st.Batch {
		return st.ID
	}
	return st.ID + ":" + strconv.Itoa(n)
}

// splitID splits an id into a statement's and the number of a part; 0 if it names none.
func splitID(id string) (string, int, error) {
	base, suffix, has := strings.Cut(id, ":")
	if !isID(base) {
		return "", 0, validation("1 validation error detected: Value '%s' at 'id' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}(:\\d{0,2})?", id)
	}
	if !has || suffix == "" {
		return base, 0, nil
	}
	n, err := strconv.Atoi(suffix)
	if err != nil || n < 1 || n > MaxBatch {
		return "", 0, notFound(id, "Query does not exist.")
	}
	return base, n, nil
}

func isID(s string) bool {
	groups := strings.Split(s, "-")
	if len(groups) != 5 {
		return false
	}
	for i, want := range []int{8, 4, 4, 4, 12} {
		if len(groups[i]) != want || strings.Trim(groups[i], "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		}
	}
	return true
}

// totals are the numbers that Describe gives for the whole: the time of all parts, and the result of a single one.
func (st *statement) totals() (duration, rows, size, query int64, hasResult bool) {
	rows, size = -1, -1
	for i := range st.Parts {
		duration += int64(st.Parts[i].Duration)
		hasResult = hasResult || st.Parts[i].Columns != nil
	}
	if p := &st.Parts[0]; !st.Batch {
		rows, size, query = p.Rows, p.Size, p.QueryID
	}
	return duration, rows, size, query, hasResult
}

func (st *statement) describe() *describeOutput {
	out := &describeOutput{
		connectTo: st.Target.connectTo, ID: st.ID, SessionID: st.Session, Status: st.Status, Error: st.Error,
		CreatedAt: awsjson.Time{Time: st.Created}, UpdatedAt: awsjson.Time{Time: st.Updated},
		QueryParameters: st.Parameters, RedshiftPid: st.PID, ResultFormat: st.Format,
	}
	out.Duration, out.ResultRows, out.ResultSize, out.RedshiftQueryID, out.HasResultSet = st.totals()
	if !st.Batch {
		out.QueryString = st.Parts[0].SQL
		return out
	}
	out.ExecutionMode = modeTransaction
	if st.AutoCommit {
		out.ExecutionMode = modeAutoCommit
	}
	for i := range st.Parts {
		out.SubStatements = append(out.SubStatements, st.describePart(i+1))
	}
	return out
}

func (st *statement) describePart(n int) subStatement {
	p := &st.Parts[n-1]
	return subStatement{
		ID: st.partID(n), Status: p.Status, Error: p.Error, CreatedAt: awsjson.Time{Time: st.Created}, UpdatedAt: awsjson.Time{Time: p.Updated},
		Duration: int64(p.Duration), HasResultSet: p.Columns != nil, QueryString: p.SQL, RedshiftQueryID: p.QueryID, ResultRows: p.Rows, ResultSize: p.Size,
	}
}

// onePart is Describe's answer for the id of a part.
func (st *statement) onePart(n int) *describeOutput {
	p := st.describePart(n)
	return &describeOutput{
		connectTo: st.Target.connectTo, ID: p.ID, SessionID: st.Session, Status: p.Status, Error: p.Error, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		Duration: p.Duration, HasResultSet: p.HasResultSet, QueryString: p.QueryString, QueryParameters: st.Parameters, RedshiftPid: st.PID,
		RedshiftQueryID: p.RedshiftQueryID, ResultFormat: st.Format, ResultRows: p.ResultRows, ResultSize: p.ResultSize,
	}
}

// end makes the status final. What has not begun is aborted: with the whole, or because a statement before it failed.
func (st *statement) end(status Status, text string, now time.Time) {
	st.Status, st.Error, st.Updated = status, text, now
	for i := range st.Parts {
		p := &st.Parts[i]
		switch {
		case p.Status == Started:
			p.Status, p.Error, p.Updated = status, text, now
		case !p.Status.Ended():
			p.Status, p.Updated = Aborted, now
		case p.Status == Finished && status != Finished && st.Batch && !st.AutoCommit:
			// One transaction: what had been done was taken back.
			p.Status, p.Error, p.Updated = Aborted, "Rolled back with the batch.", now
		}
	}
}

func (st *statement) data() statementData {
	out := statementData{
		ID: st.ID, SecretArn: st.Target.SecretArn, Status: st.Status, StatementName: st.Name, CreatedAt: awsjson.Time{Time: st.Created},
		UpdatedAt: awsjson.Time{Time: st.Updated}, QueryParameters: st.Parameters, IsBatchStatement: st.Batch, ResultFormat: st.Format, SessionID: st.Session,
	}
	if !st.Batch {
		out.QueryString = st.Parts[0].SQL
		return out
	}
	for i := range st.Parts {
		out.QueryStrings = append(out.QueryStrings, st.Parts[i].SQL)
	}
	return out
}

// clone is a copy that does not change with the statement.
func (st *statement) clone() *statement {
	c := *st
	c.Parts = append([]part(nil), st.Parts...)
	return &c
}

// fail ends a part.
func (p *part) fail(status Status, text string, now time.Time) {
	p.Status, p.Error, p.Updated = status, text, now
	p.Columns, p.Rows, p.Size = nil, -1, -1
}

// failedPart is what a batch says of the part that failed.
func failedPart(n int, text string) string {
	return fmt.Sprintf("Query #%d failed with %s", n, text)
}
