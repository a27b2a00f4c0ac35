package collect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/fault"
)

func TestQuarantinedRecordsCarryReasonPositionAndBytes(t *testing.T) {
	f := start(t)
	bad := `{"event":"old \u0041",  "properties":{"token":"` + testToken + `", "time":86400}}`
	got := f.post("/track", "["+good("i-1")+", "+bad+"]")
	require.Equal(t, "1", got.body)
	require.Equal(t, []string{
		"1234567 track #1 properties.time: 'properties.time' is invalid: must be on or after 1971-01-01 | " + bad,
	}, f.kept())
	entry, err := f.quarantine.Get(context.Background(), 1)
	require.NoError(t, err)
	require.Equal(t, testNow, entry.Time)
	require.Equal(t, got.header.Get("X-Request-Id")+"#1", entry.Position)
	require.EqualValues(t, 1, f.counted("track", "accepted"))
	require.EqualValues(t, 1, f.counted("track", "quarantined"))
}

func TestWhatBelongsToNoProjectStaysOffTheDisk(t *testing.T) {
	f := start(t)
	stranger := `{"event":"x","properties":{"token":"stranger"}}`
	require.Equal(t, "1", f.post("/track", "["+stranger+","+stranger+"]").body)
	require.Equal(t, "0", f.post("/track", `{"event":"","properties":{"token":"stranger"}}`).body)
	require.Equal(t, "0", f.post("/track", `{"event":"x"}`).body)
	require.Equal(t, "0", f.post("/track", `{broken`).body)
	require.Empty(t, f.log.records(t))
	require.Empty(t, f.kept())
	require.EqualValues(t, 3, f.counted("track", "unknown_token"))
	require.EqualValues(t, 2, f.counted("track", "unattributed"))
	seen := f.Unattributed()
	require.Len(t, seen, 5)
	require.Equal(t, "{broken", string(seen[0].Raw), "the newest comes first")
	require.Equal(t, "stranger", seen[4].Token)

	for range 2 * samples {
		f.post("/track", `{"event":"`+strings.Repeat("y", 3*maxSampleRaw)+`","properties":{"token":"`+strings.Repeat("t", 200)+`"}}`)
	}
	seen = f.Unattributed()
	require.Len(t, seen, samples)
	require.Len(t, seen[0].Raw, maxSampleRaw)
	require.Len(t, seen[0].Token, maxSampleToken)
}

func TestABadRecordBelongsToItsNeighboursProject(t *testing.T) {
	f := start(t)
	other := strings.ReplaceAll(good("i-2"), testToken, originalToken)
	f.post("/track", "["+good("i-1")+",7,"+other+`,{"event":"no token"},{"cut off`)
	require.Equal(t, []string{
		"1234567 track #1 : record is invalid: must be an object | 7",
		`7654321 track #3 properties.token: token, missing or empty | {"event":"no token"}`,
		"7654321 track #4 : " + fmt.Sprintf("invalid JSON at byte %d: unexpected end of text", len(good("i-1"))+len(other)+35) + ` | {"cut off`,
	}, f.kept())
}

func TestARequestMayNameOnlySoManyTokens(t *testing.T) {
	f := start(t)
	var b strings.Builder
	b.WriteString("[" + good("i-0"))
	for i := range 100 {
		fmt.Fprintf(&b, `,{"event":"x","properties":{"token":"t%d"}}`, i)
	}
	b.WriteString("," + good("i-1") + "]")
	require.Equal(t, "1", f.post("/track", b.String()).body)
	require.Len(t, f.log.records(t), 2, "those of tokens seen before are taken")
	require.EqualValues(t, maxTokens-1+100-(maxTokens-1), f.counted("track", "unknown_token"))
}

func TestIgnoredEventsAndIdentityEventsOfSimplifiedProjectsAreDroppedAndCounted(t *testing.T) {
	f := start(t)
	require.Equal(t, "1", f.post("/track", "["+eventJSON("x", `"$ignore":"yes"`)+","+eventJSON("$identify", "")+"]").body)
	require.EqualValues(t, 2, f.counted("track", "dropped"))
	require.Empty(t, f.kept())
	require.Empty(t, f.log.records(t))
}

func TestARefusedBatchIsKeptWholeAndItsGoodRecordsCanBeReplayed(t *testing.T) {
	f := start(t)
	got := f.post(strict, "["+good("i-1")+","+eventJSON("$identify", at(1))+",7]", basicAuth(testToken, ""))
	require.Equal(t, 400, got.code)
	require.Empty(t, f.log.records(t))
	require.Len(t, f.kept(), 3)
	require.EqualValues(t, 3, f.counted("import", "quarantined"))
	require.Zero(t, f.counted("import", "accepted"))

	out, err := f.quarantine.Replay(context.Background(), quarantine.Filter{}, f.retaker())
	require.NoError(t, err)
	require.Equal(t, quarantine.Outcome{Replayed: 1, Rejected: 2}, out)
	require.Len(t, f.log.records(t), 1)
}

func (f *fixture) retaker() *Retaker {
	return &Retaker{Log: f.log, Keys: f.log, Projects: f.config.Projects, Host: f.config.Host}
}

func TestReplayJudgesByTheTimeOfArrival(t *testing.T) {
	ctx := context.Background()
	f := start(t)
	f.post("/track", eventJSON("x", at(testNow.Unix()-6*86400)))
	f.post("/engage", `{"$token":"`+testToken+`","$distinct_id":"u","$set":7}`)
	f.post("/groups", `{"$token":"`+testToken+`","$group_key":"k","$set":{}}`)
	f.post("/track", "["+good("i-1")+",{}x]")
	require.Len(t, f.kept(), 4)
	r := f.retaker()
	out, err := f.quarantine.Replay(ctx, quarantine.Filter{}, r)
	require.NoError(t, err)
	require.Equal(t, quarantine.Outcome{Rejected: 4}, out)
	r.AnyAge = true
	out, err = f.quarantine.Replay(ctx, quarantine.Filter{}, r)
	require.NoError(t, err)
	require.Equal(t, quarantine.Outcome{Replayed: 1, Rejected: 3}, out)
	lines := f.log.records(t)
	require.Contains(t, lines[1], "time=2026-04-25T12:00:00.000")

	// What one process appended and did not live to count is not appended again.
	f.log.forgetful = true
	entries := []quarantine.Entry{{ID: 9, Project: testProject, Time: testNow, Endpoint: "engage", Raw: []byte(`{"$distinct_id":"u","$set":{"a":1},"$unset":["b"]}`)}}
	for range 2 {
		rejected, err := r.Retake(ctx, testProject, "quarantine/k", entries)
		require.NoError(t, err)
		require.Empty(t, rejected)
	}
	require.Len(t, f.log.records(t), 4, "two operations of one update")
	entries[0].Raw = []byte("{")
	rejected, err := r.Retake(ctx, testProject, "quarantine/l", entries)
	require.NoError(t, err)
	require.Equal(t, []int64{9}, rejected)
}

func TestAKnownIdempotencyKeyAppendsNothingAndAnswersTheSame(t *testing.T) {
	for name, body := range map[string]string{
		"all good": "[" + good("i-1") + "]",
		"partly":   "[" + good("i-1") + "," + eventJSON("", at(1)) + "]",
		"all bad":  "[" + eventJSON("", at(1)) + "]",
		"identity": "[" + good("i-1") + "," + eventJSON("$identify", at(1)) + "]",
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			f.log.forgetful = true
			headers := []string{basicAuth(testToken, ""), "Idempotency-Key: file.ndjson:1-2000"}
			first := f.post(strict, body, headers...)
			logged, kept := f.log.records(t), f.kept()
			for range 2 {
				again := f.post(strict, body, headers...)
				require.Equal(t, first.body, again.body)
				require.Equal(t, first.code, again.code)
				require.Equal(t, len(logged) > 0, again.header.Get("Idempotency-Replayed") != "")
			}
			require.Equal(t, logged, f.log.records(t))
			require.Equal(t, kept, f.kept())
		})
	}
}

func TestIdempotencyKeysBelongToAProjectAndAreChecked(t *testing.T) {
	f := start(t)
	key := "Idempotency-Key: k"
	require.Equal(t, imported(1), f.post(strict, good("i-1"), basicAuth(testToken, ""), key).body)
	require.Equal(t, imported(1), f.post(strict, good("i-1"), basicAuth(originalToken, ""), key).body)
	require.Len(t, f.log.records(t), 2)
	require.Equal(t, 400, f.post(strict, good("i-1"), basicAuth(testToken, ""), "Idempotency-Key: "+strings.Repeat("k", 129)).code)
	require.Equal(t, 400, f.post(strict, good("i-1"), basicAuth(testToken, ""), "Idempotency-Key: \u00fc").code)
	require.Equal(t, "1", f.post("/track", good("i-1"), key).body)
	require.Equal(t, "1", f.post("/track", good("i-1"), key).body)
	require.Len(t, f.log.records(t), 4, "/track knows no keys")
}

func TestARequestThatTheLogCannotTakeIsNeverAnswered200(t *testing.T) {
	for name, test := range map[string]struct {
		err        error
		code       int
		retryAfter bool
	}{
		"transient": {fault.New(fault.Transient, "appending", "", errors.New("disk full"), ""), 503, true},
		"overload":  {fault.New(fault.Transient, "appending", "", eventlog.ErrOverloaded, ""), 503, true},
		"bug":       {errors.New("unforeseen"), 503, true},
		"too large": {fault.New(fault.Poison, "appending", "", eventlog.ErrTooLarge, ""), 413, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			for _, path := range []string{"/track", "/track?verbose=1&img=1", strict} {
				f.log.failures = []error{test.err}
				got := f.post(path, good("i-1"), basicAuth(testToken, ""))
				require.Equal(t, test.code, got.code)
				require.Equal(t, test.retryAfter, got.header.Get("Retry-After") != "")
			}
			require.Empty(t, f.log.records(t))
			require.Zero(t, f.counted("track", "accepted"))
		})
	}
}

// brokenQuarantine fails.
type brokenQuarantine struct{}

func (brokenQuarantine) Add(context.Context, []quarantine.Entry) error { return errBroken }

func TestNothingIsAppendedWhenTheQuarantineFails(t *testing.T) {
	f := start(t, func(c *Config) { c.Quarantine = brokenQuarantine{} })
	require.Equal(t, 503, f.post("/track", "["+good("i-1")+",7]").code)
	require.Empty(t, f.log.records(t), "the client sends all of it again")
	require.Equal(t, 200, f.post("/track", good("i-1")).code)
}

func TestARetriedRequestWithAKeyIsQuarantinedOnce(t *testing.T) {
	f := start(t)
	body := "[" + good("i-1") + ",7]"
	headers := []string{basicAuth(testToken, ""), "Idempotency-Key: k"}
	f.log.failures = []error{errBroken}
	require.Equal(t, 503, f.post(strict, body, headers...).code)
	require.Equal(t, 400, f.post(strict, body, headers...).code)
	require.Len(t, f.kept(), 1)
	require.Len(t, f.log.records(t), 1)
}

func TestUpdatesThatUnfoldAreBounded(t *testing.T) {
	f := start(t)
	// Each of the eight operators repeats the modifier.
	update := `{"$token":"` + testToken + `","$distinct_id":"u","note":"` + strings.Repeat("x", 900<<10) +
		`","$set":{},"$set_once":{},"$add":{},"$union":{},"$append":{},"$remove":{},"$unset":[],"$delete":""}`
	got := f.post("/engage?strict=1", "["+strings.TrimSuffix(strings.Repeat(update+",", 10), ",")+"]")
	require.Equal(t, 400, got.code)
	require.Contains(t, got.body, "unfolds to more than a request may hold")
	require.NotEmpty(t, f.log.records(t))
	for i := range f.log.blocks {
		require.NoError(t, eventlog.Decode(&f.log.blocks[i], func(int, *event.Record) error { return nil }))
	}
}

func TestLimitsNoneKeepsPropertiesWholeOnImportOnly(t *testing.T) {
	deep := `"deep":{"a":{"b":{"c":{"d":{"e":1}}}}},"text":"` + strings.Repeat("long ", 100) + `"`
	body := `[{"event":"x","properties":{"token":"` + testToken + `","time":` + fmt.Sprint(testNow.Unix()) + `,"distinct_id":"u","$insert_id":"i-1",` + deep + `}}]`
	f := start(t)
	require.Equal(t, 400, f.post(strict, body, basicAuth(testToken, "")).code)
	require.Equal(t, 200, f.post(strict+"&limits=none", body, basicAuth(testToken, "")).code)
	require.Equal(t, "0", f.post("/track?limits=none", body).body)
	lines := f.log.records(t)
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], deep)
}
