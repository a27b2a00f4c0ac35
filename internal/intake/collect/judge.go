package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/project"
)

// judge sorts the records of the payload into lanes, quarantine entries and reasons.
func (in *intake) judge(ctx context.Context, payload []byte) error {
	within := ""
	if in.endpoint == track || in.endpoint == importing {
		within = "properties"
	}
	n, rescanned := 0, 0
	for in.batch.Reset(payload, within); in.batch.Next(); n++ {
		if n == event.MaxRequestRecords {
			return errTooMany
		}
		if rescanned += in.beyond(payload); rescanned > maxRescan*len(payload) {
			return badData("data, too broken to be read")
		}
		if err := in.judgeRecord(ctx); err != nil {
			return err
		}
	}
	if n == 0 {
		return badData("data, missing or empty")
	}
	if in.refusedWhole {
		in.refuseWhole(payload, within)
	}
	return nil
}

// maxRescan is how many times the length of the payload may be scanned in vain.
const maxRescan = 2

// beyond returns how far behind the end of the current record its error was found. That text is scanned again as the next record,
// so a payload can be made for which most of it is scanned once for each level of its nesting.
func (in *intake) beyond(payload []byte) int {
	err, ok := in.batch.Err().(*event.SyntaxError)
	if !ok {
		return 0
	}
	raw := in.batch.Raw()
	end := cap(payload) - cap(raw) + len(raw)
	return max(err.Offset-end, 0)
}

// judgeRecord judges the batch's current record. Its error is not the record's fault.
func (in *intake) judgeRecord(ctx context.Context) error {
	if err := in.batch.Err(); err != nil {
		return in.refuseUnreadable(ctx, err)
	}
	l, err := in.laneOf(ctx)
	if err != nil {
		return in.refuseUnattributed(err)
	}
	in.arrived(l)
	if err := in.encode(l); err != nil {
		return in.refuse(l, err)
	}
	in.taken++
	if l.project == nil {
		in.c.unattributed.add(in.now, in.endpoint, l.token, in.batch.Raw())
		l.outcomes[unknownToken]++
	}
	return nil
}

// arrived counts the current record against its project's rate.
func (in *intake) arrived(l *lane) {
	l.sent++
	l.bytes += len(in.batch.Raw())
}

// encode normalizes the current record and adds what comes of it to the lane. It returns an *event.Invalid if that cannot be.
func (in *intake) encode(l *lane) error {
	in.operations = in.operations[:0]
	var err error
	switch in.endpoint {
	case engage:
		in.operations, err = in.normalizer.Profile(in.operations, &in.batch, &l.policy)
	case groups:
		in.operations, err = in.normalizer.Group(in.operations, &in.batch, &l.policy)
	default:
		err = in.normalizer.Event(&in.record, &in.batch, &l.policy)
		if errors.Is(err, event.ErrIgnored) || in.endpoint == track && isIdentityRefusal(err) {
			// The browser SDK sends $identify also for projects with simplified identity management, where it says nothing new.
			l.outcomes[dropped]++
			return nil
		}
		if err == nil {
			in.operations = append(in.operations, in.record)
		}
	}
	if err != nil {
		return err
	}
	if l.project == nil {
		return nil
	}
	size := l.records.Len()
	for i := range in.operations {
		r := &in.operations[i]
		size += 128 + len(r.Name) + len(r.DistinctID) + len(r.DeviceID) + len(r.UserID) + len(r.InsertID) + len(r.GroupKey) + len(r.Properties)
	}
	if size > maxEncoded {
		return &event.Invalid{Message: "record is invalid: unfolds to more than a request may hold"}
	}
	for i := range in.operations {
		if err := l.records.Append(&in.operations[i]); err != nil {
			return err
		}
	}
	outcome := accepted
	if in.known {
		outcome = repeated
	}
	l.outcomes[outcome]++
	return nil
}

func isIdentityRefusal(err error) bool {
	invalid, ok := err.(*event.Invalid)
	return ok && invalid.Message == event.IdentityMessage
}

// laneOf returns the lane of the current record, by its token.
func (in *intake) laneOf(ctx context.Context) (*lane, error) {
	if in.endpoint == importing {
		return &in.lanes[in.current], nil
	}
	var token []byte
	var err error
	if in.endpoint == track {
		token, err = event.EventToken(in.batch.Scanner())
	} else {
		token, err = event.ProfileToken(in.batch.Scanner())
	}
	if err != nil {
		return nil, err
	}
	return in.laneOfToken(ctx, token)
}

func (in *intake) laneOfToken(ctx context.Context, token []byte) (*lane, error) {
	if in.current >= 0 && bytes.Equal(in.lanes[in.current].token, token) {
		return &in.lanes[in.current], nil
	}
	for i := range in.lanes {
		if bytes.Equal(in.lanes[i].token, token) {
			in.current = i
			return &in.lanes[i], nil
		}
	}
	if len(in.lanes) == maxTokens {
		return nil, &event.Invalid{Message: "token, more than " + strconv.Itoa(maxTokens) + " different ones in one request"}
	}
	p, err := in.c.config.Projects.ByToken(ctx, string(token))
	if err != nil && !errors.Is(err, project.ErrNotFound) {
		return nil, fmt.Errorf("looking up a project: %w", err)
	}
	in.current = in.openLane(p, token)
	return &in.lanes[in.current], nil
}

// refuseUnattributed refuses a record that is an object but names no token.
func (in *intake) refuseUnattributed(reason error) error {
	l := in.attributed()
	if l != nil {
		in.arrived(l)
	}
	return in.refuse(l, reason)
}

// attributed returns the lane that a record belongs to which does not say so itself: that of the record before it, or nil.
func (in *intake) attributed() *lane {
	if in.current < 0 {
		return nil
	}
	return &in.lanes[in.current]
}

// refuseUnreadable refuses a record that is no JSON object. It goes to the project of its neighbours or, if it comes first, of
// the token that can be found in its text: records are cut off at the end, seldom at the token.
func (in *intake) refuseUnreadable(ctx context.Context, reason error) error {
	l := in.attributed()
	if l == nil {
		if token := findToken(in.batch.Raw()); len(token) > 0 {
			var err error
			if l, err = in.laneOfToken(ctx, token); err != nil {
				return err
			}
		}
	}
	if _, ok := reason.(*event.SyntaxError); ok {
		reason = &event.Invalid{Message: reason.Error()}
	}
	if l != nil {
		in.arrived(l)
	}
	return in.refuse(l, reason)
}

// findToken returns the value of the first member "token" or "$token" in text that is no valid JSON, or nil.
func findToken(raw []byte) []byte {
	for _, name := range []string{`"token"`, `"$token"`} {
		i := bytes.Index(raw, []byte(name))
		if i < 0 {
			continue
		}
		rest := bytes.TrimLeft(raw[i+len(name):], " \t\r\n")
		rest, ok := bytes.CutPrefix(rest, []byte(":"))
		if !ok {
			continue
		}
		rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"`))
		if end := bytes.IndexByte(rest, '"'); ok && end > 0 && end <= maxSampleToken {
			return rest[:end]
		}
	}
	return nil
}

// refuse notes that the current record is bad: for the answer, and for the quarantine of the lane's project. An err that is no
// *event.Invalid is returned.
func (in *intake) refuse(l *lane, err error) error {
	reason, ok := err.(*event.Invalid)
	if !ok {
		return err
	}
	if in.endpoint == importing && isIdentityRefusal(err) {
		in.refusedWhole = true
	}
	in.failed = append(in.failed, failedRecord{
		index: in.batch.Index(), insertID: in.insertID(), field: reason.Field, message: reason.Message,
	})
	switch {
	case l == nil:
		in.c.unattributed.add(in.now, in.endpoint, nil, in.batch.Raw())
		in.c.metrics.records[in.endpoint][unreadableRecord].Inc()
	case l.project == nil:
		in.c.unattributed.add(in.now, in.endpoint, l.token, in.batch.Raw())
		l.outcomes[unknownToken]++
	default:
		in.quarantine(l, reason.Field, reason.Message)
	}
	return nil
}

// insertID returns the current record's $insert_id as text, for the answer.
func (in *intake) insertID() []byte {
	if in.batch.Err() != nil || in.endpoint == engage || in.endpoint == groups {
		return nil
	}
	s := in.batch.Scanner()
	f := s.InnerMember("$insert_id")
	if f == nil || f.Kind == event.Null {
		return nil
	}
	return f.AppendText(nil, s.Source())
}

// quarantine adds the current record to what is kept. Its bytes stay the request's until then.
func (in *intake) quarantine(l *lane, field, message string) {
	if in.known {
		l.outcomes[repeated]++
		return
	}
	if in.id == "" {
		in.id = in.c.requestID()
	}
	if len(in.entries) == 0 {
		in.w.Header().Set("X-Request-Id", in.id)
	}
	in.entries = append(in.entries, quarantine.Entry{
		Project:  l.project.ID,
		Time:     in.now,
		Endpoint: endpointNames[in.endpoint],
		Position: in.id + "#" + strconv.Itoa(in.batch.Index()),
		Field:    field,
		Message:  message,
		Raw:      in.batch.Raw(),
	})
	l.outcomes[quarantined]++
}

// refuseWhole undoes what was taken from a request that holds identity events for a project that has none: Mixpanel refuses all of
// it. The clients do not send it again, so all of it is kept, and a replay can take the good records.
func (in *intake) refuseWhole(payload []byte, within string) {
	l := &in.lanes[in.current]
	l.records.Reset()
	l.outcomes = [outcomes]int{}
	reasons := in.failed
	in.taken, in.entries = 0, in.entries[:0]
	next := 0
	for in.batch.Reset(payload, within); in.batch.Next(); {
		if next < len(reasons) && reasons[next].index == in.batch.Index() {
			in.quarantine(l, reasons[next].field, reasons[next].message)
			next++
			continue
		}
		in.quarantine(l, "", "the request was refused as a whole: "+event.IdentityMessage)
	}
	in.failed = in.failed[:0]
	for _, f := range reasons {
		if f.message == event.IdentityMessage {
			in.failed = append(in.failed, f)
		}
	}
}
