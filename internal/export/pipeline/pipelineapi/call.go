package pipelineapi

import (
	"context"
	"slices"

	"github.com/refract-io/refract/internal/export/pipeline"
)

// calls are those of the API, in the order of the documentation.
func calls() []*call {
	named := []*Parameter{projectID, pipelineName}
	return []*call{
		{
			name: "create", changes: true, parameters: createParameters(), first: supported, serve: (*server).create,
			doc:     "Makes a pipeline, due at once: it first exports what has arrived before, then what arrives.",
			answers: `{"pipeline_names":["events-daily-aws-monoschema"]}`,
		},
		{
			name: "edit", changes: true, parameters: editParameters(), serve: (*server).edit,
			doc: "Changes what a pipeline selects from its next run on, also where a sync rewrites older days. A parameter that is left out " +
				"stays as it is; one that is empty goes back to its default. What `create` would refuse, `edit` refuses too.",
			answers: `{"status":"ok"}`,
		},
		{
			name: "cancel", changes: true, parameters: named, serve: changing((*pipeline.Store).Cancel),
			doc: "Ends a pipeline for good. The job under way stops and what it has not published is removed; what was published stays. " +
				"The calls of Mixpanel's API no longer know the pipeline; `list`, `show` and `runs` do until it is deleted.",
			answers: `{"status":"ok"}`,
		},
		{
			name: "pause", changes: true, parameters: named, serve: changing((*pipeline.Store).Pause),
			doc:     "Stops a pipeline's job under way, and starts no other until it is resumed.",
			answers: `{"status":"ok"}`,
		},
		{
			name: "resume", changes: true, parameters: named, serve: changing((*pipeline.Store).Resume),
			doc:     "Goes on with a paused pipeline where it stopped: nothing is left out, nothing exported twice.",
			answers: `{"status":"ok"}`,
		},
		{
			name: "status", parameters: []*Parameter{projectID, pipelineName, summary, states}, serve: (*server).status,
			doc: "Lists a pipeline's last 1,000 jobs by state, the newest first, or counts all of them. Times are in the project's time zone; `last_finish` of a job that " +
				"never finished is the first instant of the year 1 UTC. `from_date` and `to_date` are the first and the last event day of the job.",
			answers: `{"succeeded":[{"project_id":2195193,"name":"events-daily-aws-monoschema","state":"succeeded",
  "last_finish":"2026-08-02T00:31:05-07:00","run_at":"2026-08-02T00:30:00-07:00",
  "from_date":"2026-08-01T00:00:00-07:00","to_date":"2026-08-01T00:00:00-07:00"}]}

{"succeeded":12,"retried":1}`,
		},
		{
			name: "jobs", parameters: []*Parameter{projectID}, serve: (*server).jobs,
			doc: "Lists the project's pipelines, oldest first. `Dispatcher` is `backfill` while a pipeline exports what had arrived before, or days that have an end, and `live` " +
				"afterwards; `last_dispatched` is empty before the first job.",
			answers: `{"2195193":[{"name":"events-daily-aws-monoschema","Dispatcher":"live","last_dispatched":"2026-08-02 00:30:00 US/Pacific",
  "frequency":"daily","sync_enabled":"true"}]}`,
		},
		{
			name: "timeline", parameters: named, serve: (*server).timeline,
			doc:     "Lists when each event day was exported or replaced, of one pipeline or of all. `status` is `synced`, or the state of a job that may have more of the day; people and identity mappings count the days on which they were exported.",
			answers: `{"day_syncs":[{"date":"2026-08-01","sync_times":["2026-08-02 00:31:05.044 -0700 PDT"],"status":"synced"}]}`,
		},
		{
			name: "list", ours: true, parameters: []*Parameter{projectID}, serve: (*server).list,
			doc:     "Lists all pipelines of the project, cancelled ones too, oldest first, as `show` shows them.",
			answers: `{"pipelines":[{"id":"5f0c9a3e7d21","name":"events-daily-aws-monoschema",...}]}`,
		},
		{
			name: "show", ours: true, parameters: named, serve: (*server).show,
			doc:     "Shows one pipeline: its parameters by the names of `create`, its state and how far it has come, in positions of the log.",
			answers: `{"id":"5f0c9a3e7d21","name":"events-daily-aws-monoschema","type":"aws",...,"state":"active","published_position":812,"target_position":812,...}`,
		},
		{
			name: "runs", ours: true, parameters: []*Parameter{projectID, pipelineName, limit}, serve: (*server).runs,
			doc: "Lists a pipeline's runs, newest first, with what they covered and wrote. A run that did not succeed says why: class (`setup`: change something; " +
				"`transient`: it is tried again; `poison`: an event that the expression `where` has no answer for, which is named; `bug`), object, and what to do.",
			answers: `{"pipeline":"events-daily-aws-monoschema","runs":[{"number":7,"state":"failed",...,"last_error":{"class":"setup",
  "operation":"putting object","object":"s3://example-s3-export/...","message":"access denied","hint":"allow s3:PutObject"}}]}`,
		},
		{
			name: "schema", ours: true, parameters: named, serve: (*server).schema,
			doc: "Reads a schematized pipeline's names and types backwards: for each table and column the property it came from, its type, when the record arrived that made it, and " +
				"how many rows have a value there. A property of several types has a column for each: the rows of a suffixed one are those that did not fit the first.",
			answers: `{"pipeline":"events-daily-aws-monoschema","tables":[{"name":"mp_master_event","rows":1000,"columns":[
  {"name":"price_string","property":"Price","type":"string","first_seen":"2026-08-01T10:00:00Z","rows":3},...]}]}`,
		},
		{
			name: "run", ours: true, changes: true, parameters: named, serve: (*server).run,
			doc:     "Makes a pipeline due now. A run that failed or waits is tried again at once.",
			answers: `{"status":"ok"}`,
		},
		{
			name: "delete", ours: true, changes: true, parameters: named, serve: (*server).remove,
			doc:     "Forgets a cancelled pipeline and its history. Its days can then be exported to the same place again; remove the objects and tables first.",
			answers: `{"status":"ok"}`,
		},
	}
}

// Changes reports whether a call of the API changes something, so that it must be posted.
func Changes(name string) bool {
	return slices.ContainsFunc(calls(), func(c *call) bool { return c.name == name && c.changes })
}

// done is the answer of calls that have nothing to tell. Mixpanel's are not documented.
type done struct {
	Status string `json:"status"`
}

// find returns the pipeline that the request names. Cancelled ones count where the call is about history.
func (s *server) find(ctx context.Context, r *request, cancelled bool) (*pipeline.Pipeline, error) {
	name := r.form.one("name")
	if name == "" {
		return nil, bad("name", "is missing: name a pipeline, such as jobs lists them")
	}
	p, err := s.Store.Find(ctx, r.project.ID, name)
	if err == nil && p.State == pipeline.Cancelled && !cancelled {
		err = pipeline.ErrNotFound
	}
	if err != nil {
		return nil, notFound(name, err)
	}
	return p, nil
}

// changing makes a call that changes a pipeline's state.
func changing(change func(*pipeline.Store, context.Context, string) error) func(*server, context.Context, *request) (any, error) {
	return func(s *server, ctx context.Context, r *request) (any, error) {
		p, err := s.find(ctx, r, false)
		if err != nil {
			return nil, err
		}
		if err := change(s.Store, ctx, p.ID); err != nil {
			return nil, err
		}
		return done{"ok"}, nil
	}
}

func (s *server) run(ctx context.Context, r *request) (any, error) {
	if err := s.Arrived(ctx); err != nil {
		return nil, err
	}
	return changing((*pipeline.Store).RunNow)(s, ctx, r)
}

func (s *server) remove(ctx context.Context, r *request) (any, error) {
	p, err := s.find(ctx, r, true)
	if err != nil {
		return nil, err
	}
	if err := s.Store.Delete(ctx, p.ID); err != nil {
		return nil, err
	}
	return done{"ok"}, nil
}
