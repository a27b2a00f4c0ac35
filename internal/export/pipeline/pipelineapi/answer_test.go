package pipelineapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/project"
)

// run is a row of the run history.
type run struct {
	number   int64
	state    pipeline.RunState
	at       string // RFC 3339; a finished run took 65 seconds
	finished bool
	first    string // event days
	last     string
	failure  [5]string // class, operation, object, message, hint
}

// history gives the pipeline runs, as its worker would have recorded them.
func (h *house) history(name string, runs ...run) {
	h.t.Helper()
	p, err := h.store.Find(context.Background(), shopID, name)
	require.NoError(h.t, err)
	for _, r := range runs {
		at, err := time.Parse(time.RFC3339, r.at)
		require.NoError(h.t, err)
		var finished, open, rows int64 = 0, 1, 0
		if r.finished {
			finished = at.Add(65 * time.Second).UnixMilli()
		}
		if r.state == pipeline.Succeeded {
			open, rows = 0, 1000
		}
		_, err = h.db.Exec(context.Background(), `INSERT INTO pipeline_run (pipeline_id, number, is_open, state, revision, after_position, upto_position, first_day,
			last_day, attempts, created_ms, started_ms, finished_ms, row_count, byte_count, object_count, day_count, long_count, reduced_count, superseded_ms,
			error_class, error_operation, error_object, error_message, error_hint) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?, ?, ?, ?)`,
			p.ID, r.number, open, string(r.state), r.number*10, r.number*10+10, dayNumber(h.t, r.first), dayNumber(h.t, r.last), at.UnixMilli(), at.UnixMilli(), finished,
			rows, rows*100, rows/1000, rows/1000, r.failure[0], r.failure[1], r.failure[2], r.failure[3], r.failure[4])
		require.NoError(h.t, err)
	}
}

// syncs records when days were exported.
func (h *house) syncs(name string, days map[string][]string) {
	h.t.Helper()
	p, err := h.store.Find(context.Background(), shopID, name)
	require.NoError(h.t, err)
	for day, times := range days {
		for i, text := range times {
			at, err := time.Parse(time.RFC3339, text)
			require.NoError(h.t, err)
			_, err = h.db.Exec(context.Background(), `INSERT INTO pipeline_sync (pipeline_id, day, number, synced_ms) VALUES (?, ?, ?, ?)`, p.ID, dayNumber(h.t, day), i+1, at.UnixMilli())
			require.NoError(h.t, err)
		}
	}
}

// attached records what a warehouse saw.
func (h *house) attached(name string, seen pipeline.Attachment) {
	h.t.Helper()
	text, err := json.Marshal(seen)
	require.NoError(h.t, err)
	_, err = h.db.Exec(context.Background(), `UPDATE pipeline SET attached = 1, attachment = ? WHERE name = ?`, string(text), name)
	require.NoError(h.t, err)
}

// people gives a schematized pipeline of people the schema and the counts that profiles make.
func (h *house) people(name string, profiles ...string) {
	h.t.Helper()
	p, err := h.store.Find(context.Background(), shopID, name)
	require.NoError(h.t, err)
	m, err := schema.New(schema.People, schema.DefaultLimit)
	require.NoError(h.t, err)
	s := schema.NewShredder(m)
	for i, properties := range profiles {
		_, err := s.AppendProfile([]byte(fmt.Sprintf("user %d", i)), []byte(properties), today.UnixMilli())
		require.NoError(h.t, err)
	}
	mapping, err := json.Marshal(m)
	require.NoError(h.t, err)
	ctx := context.Background()
	_, err = h.db.Exec(ctx, `INSERT INTO pipeline_mapping (pipeline_id, number, mapping) VALUES (?, 0, ?)`, p.ID, string(mapping))
	require.NoError(h.t, err)
	_, err = h.db.Exec(ctx, `INSERT INTO pipeline_day (pipeline_id, table_name, day, version, row_count, byte_count, object_count, value_counts)
		VALUES (?, 'mp_people_data', 0, 0, 3, 100, 1, '[3,2,1,1,1]')`, p.ID)
	require.NoError(h.t, err)
}

// A pipeline with runs in several states, the first after midnight of UTC, as the project in California sees them.
var someRuns = []run{
	{number: 1, state: pipeline.Succeeded, at: "2026-08-01T07:30:00Z", finished: true, first: "2026-02-01", last: "2026-07-31"},
	{number: 2, state: pipeline.Succeeded, at: "2026-08-02T07:30:00Z", finished: true, first: "2026-08-01", last: "2026-08-01"},
	{number: 3, state: pipeline.Failed, at: "2026-08-03T07:30:00Z", finished: true, failure: [5]string{
		"setup", "putting object", "s3://example-s3-export/2195193/mp_master_event/", "putting object s3://example-s3-export/2195193/mp_master_event/: access denied (allow s3:PutObject)",
		"allow s3:PutObject",
	}},
}

func TestTheAnswerToATrial(t *testing.T) {
	h := open(t)
	status, body := h.post("create", with(awsForm, "trial", "true"))
	require.Equal(t, http.StatusOK, status, body)
	requireGolden(t, "create-trial.json", body)
	status, body = h.post("create", with(rawForm, "trial", "true"))
	require.Equal(t, http.StatusOK, status, body)
	requireGolden(t, "create-trial-raw.json", body)
}

// TestAnswers compares the answer of every call with what the documentation shows.
func TestAnswers(t *testing.T) {
	h := open(t)
	step := func(file, call string, form url.Values) {
		t.Run(file, func(t *testing.T) {
			status, body := h.post(call, form)
			require.Equal(t, http.StatusOK, status, body)
			requireGolden(t, file, body)
		})
	}
	step("create.json", "create", with(glueForm, "data_format", "parquet"))
	step("create-people.json", "create", with(awsForm, "data_source", "people"))
	step("create-raw.json", "create", rawForm)
	step("create-json.json", "create", url.Values{
		"type": {"json"}, "exclude_events": {"Heartbeat"}, "where": {`properties["plan"] == "pro"`}, "frequency": {"continuous"}, "s3_prefix": {"pro"}, "table": {"pro_events"},
	})
	const name = "events-daily-aws-monoschema"
	h.history(name, someRuns...)
	h.history("events-daily-s3-raw", run{number: 1, state: pipeline.Running, at: "2026-08-03T07:30:00Z"})
	step("status.json", "status", pairs("name", name))
	step("status-failed.json", "status", url.Values{"name": {name}, "status": {"failed", "retried"}})
	step("status-summary.json", "status", pairs("name", name, "summary", "true"))
	step("status-running.json", "status", pairs("name", "events-daily-s3-raw"))
	step("jobs.json", "jobs", nil)
	h.syncs(name, map[string][]string{"2026-08-01": {"2026-08-02T07:31:05.044605Z", "2026-08-03T09:00:00Z"}, "2026-07-31": {"2026-08-02T07:31:05.044605Z"}})
	step("timeline.json", "timeline", pairs("name", name))
	step("timeline-all.json", "timeline", nil)
	h.people("people-daily-aws-monoschema", `{"$city":"Berlin","Price":1}`, `{"$city":"Paris","Price":"free"}`, `{"timestamp":true}`)
	step("schema.json", "schema", pairs("name", "people-daily-aws-monoschema"))
	step("edit.json", "edit", url.Values{"name": {name}, "events": {"Signed up", "Purchase"}, "glue_table_prefix": {"prod_"}})
	step("pause.json", "pause", pairs("name", name))
	h.attached(name, pipeline.Attachment{Schema: "mp_json_export", User: "IAMR:reader", Tables: 1, Table: "prod_mp_master_event", Rows: 1, At: time.Date(2026, 8, 2, 7, 31, 5, 0, time.UTC)})
	step("show.json", "show", pairs("name", name))
	step("resume.json", "resume", pairs("name", name))
	step("run.json", "run", pairs("name", name))
	step("runs.json", "runs", pairs("name", name))
	step("runs-limit.json", "runs", pairs("name", name, "limit", "1"))
	step("cancel.json", "cancel", pairs("name", "events-daily-s3-raw"))
	step("list.json", "list", nil)
	h.must("cancel", pairs("name", "events-continuous-json-5"))
	step("delete.json", "delete", pairs("name", "events-continuous-json-5"))
}

func TestErrorAnswers(t *testing.T) {
	h := open(t)
	secret, err := project.NewRegistry(h.db).CreateServiceAccount(t.Context(), "analyst", shopID, project.Analyst, time.Time{})
	require.NoError(t, err)
	trouble := map[int]error{503: fault.New(fault.Transient, "asking the log", "", errors.New("no"), ""), 500: errors.New("index out of range")}
	var arrived error
	h.serve(Config{Arrived: func(context.Context) error { return arrived }})
	own := basic(h.secret, "")
	for _, c := range []struct {
		file, method, call, authorization string
		form                              url.Values
		status                            int
	}{
		{"error-400.json", http.MethodPost, "create", own, with(awsForm, "data_format", "csv"), 400},
		{"error-401.json", http.MethodPost, "jobs", basic("someone", "else"), nil, 401},
		{"error-403.json", http.MethodPost, "jobs", basic("analyst", secret), pairs("project_id", itoa(shopID)), 403},
		{"error-404.json", http.MethodPost, "pause", own, pairs("name", "nothing"), 404},
		{"error-404-call.json", http.MethodPost, "fly", own, nil, 404},
		{"error-405.json", http.MethodDelete, "cancel", own, nil, 405},
		{"error-413.json", http.MethodPost, "create", own, pairs("type", strings.Repeat("x", maxBody)), 413},
		{"error-503.json", http.MethodPost, "create", own, jsonForm, 503},
		{"error-500.json", http.MethodPost, "create", own, jsonForm, 500},
	} {
		t.Run(c.file, func(t *testing.T) {
			arrived = trouble[c.status]
			r := newRequest(c.call, c.form)
			r.Method = c.method
			r.Header.Set("Authorization", c.authorization)
			status, body := h.do(r)
			require.Equal(t, c.status, status, body)
			requireGolden(t, c.file, body)
		})
	}
}

func TestACancelledPipelineIsGoneForMixpanelsCalls(t *testing.T) {
	h := open(t)
	name := h.create("type", "json")[0]
	h.must("cancel", pairs("name", name))
	for _, call := range []string{"status", "pause", "resume", "cancel", "edit", "run"} {
		status, text, parameter := h.refused(call, pairs("name", name))
		require.Equal(t, http.StatusNotFound, status, call)
		require.Equal(t, `name: the project has no pipeline "`+name+`"`, text)
		require.Equal(t, "name", parameter)
	}
	require.Empty(t, h.must("jobs", nil)["2195193"])
	require.Equal(t, "cancelled", h.must("show", pairs("name", name))["state"], "its history can still be read")
	h.must("runs", pairs("name", name))
	h.must("delete", pairs("name", name))
	status, _, _ := h.refused("show", pairs("name", name))
	require.Equal(t, http.StatusNotFound, status)
}

func TestPauseAndResumeCanBeRepeated(t *testing.T) {
	h := open(t)
	name := h.create("type", "json")[0]
	for _, step := range [][2]string{{"pause", "paused"}, {"pause", "paused"}, {"resume", "active"}, {"resume", "active"}} {
		h.must(step[0], pairs("name", name))
		require.Equal(t, step[1], h.must("show", pairs("name", name))["state"])
	}
}

func TestWhatOtherCallsRefuse(t *testing.T) {
	h := open(t)
	aws, raw := "events-daily-aws-monoschema", "events-daily-s3-raw"
	h.must("create", awsForm)
	h.must("create", rawForm)
	for _, c := range []struct {
		name, call string
		form       url.Values
		says       string
	}{
		{"no name", "status", nil, "name: is missing"},
		{"a state that does not exist", "status", pairs("name", aws, "status", "finished"), `status: "finished" is no state of a job: use pending, running, `},
		{"a summary that is no boolean", "status", pairs("name", aws, "summary", "maybe"), `summary: "maybe" is neither true nor false`},
		{"the schema of raw events", "schema", pairs("name", raw), "name: events-daily-s3-raw is of the type s3-raw: only pipelines of the type aws make columns of properties"},
		{"the timeline of nothing", "timeline", pairs("name", aws, "from_date", "2026-01-01"), "from_date: there is no such parameter of timeline"},
		{"a limit that is none", "runs", pairs("name", aws, "limit", "0"), `limit: "0" is no number from 1 to 1000`},
		{"an edit of nothing", "edit", pairs("name", raw), "nothing is to change: give events, exclude_events, where, properties or exclude_properties"},
		{"an edit of what cannot change", "edit", pairs("name", aws, "s3_bucket", "b"), "s3_bucket: there is no such parameter of edit"},
		{"Glue of a raw pipeline", "edit", pairs("name", raw, "glue_database", "d"), "glue_database: pipelines of the type s3-raw do not take it"},
		{"an edit to an expression that is none", "edit", pairs("name", aws, "where", "properties["), "where: "},
		{"a database without Glue", "edit", pairs("name", aws, "glue_database", "d"), "use_glue: is false"},
		{"an edit to both filters", "edit", pairs("name", aws, "events", "a", "exclude_events", "b"), "exclude_events: "},
		{"an empty name among events", "edit", url.Values{"name": {aws}, "events": {"", "a"}}, "events: one of the 2 names is empty"},
		{"a pipeline that is not cancelled", "delete", pairs("name", aws), "it is active"},
		{"a run of a paused pipeline", "run", pairs("name", raw), "it is paused (resume it first)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Contains(c.name, "paused") {
				h.must("pause", pairs("name", raw))
			}
			status, text, _ := h.refused(c.call, c.form)
			require.Equal(t, http.StatusBadRequest, status, text)
			require.Contains(t, text, c.says)
		})
	}
}

func TestAnEditChangesWhatItNames(t *testing.T) {
	h := open(t)
	name := h.create("type", "json", "events", "a", "where", "true", "properties", "p")[0]
	h.must("edit", url.Values{"name": {name}, "events": {"b", "c"}, "where": {""}})
	p := h.must("show", pairs("name", name))
	require.Equal(t, []any{"b", "c"}, p["events"])
	require.Nil(t, p["where"], "an empty value goes back to the default")
	require.Equal(t, []any{"p"}, p["properties"], "what is left out stays")
	h.must("edit", url.Values{"name": {name}, "events": {""}, "exclude_events": {"d"}})
	p = h.must("show", pairs("name", name))
	require.Nil(t, p["events"])
	require.Equal(t, []any{"d"}, p["exclude_events"])
}

func TestTimesThatNeverWereHaveTheStandardOffset(t *testing.T) {
	for zone, want := range map[string]string{
		"US/Pacific": "0000-12-31T16:00:00-08:00", "UTC": "0001-01-01T00:00:00Z", "Europe/Berlin": "0001-01-01T01:00:00+01:00",
		"Australia/Sydney": "0001-01-01T10:00:00+10:00", "Asia/Kolkata": "0001-01-01T05:30:00+05:30",
	} {
		location, err := time.LoadLocation(zone)
		require.NoError(t, err)
		require.Equal(t, want, moment(time.Time{}, location), zone)
	}
}
