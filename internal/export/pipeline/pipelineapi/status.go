package pipelineapi

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
)

// maxJobs is how many jobs status lists: the reference speaks of recent ones.
const maxJobs = 1000

// job is a run as status shows it. Times are RFC 3339 in the project's time zone.
type job struct {
	Project    int64             `json:"project_id"`
	Name       string            `json:"name"`
	State      pipeline.RunState `json:"state"`
	LastFinish string            `json:"last_finish"`
	RunAt      string            `json:"run_at"`
	FromDate   string            `json:"from_date"`
	ToDate     string            `json:"to_date"`
}

// RunStates returns the states that jobs can have.
func RunStates() []string {
	var all []string
	for _, s := range []pipeline.RunState{
		pipeline.Pending, pipeline.Running, pipeline.Retried, pipeline.Succeeded, pipeline.Failed, pipeline.Canceled, pipeline.TimedOut,
	} {
		all = append(all, string(s))
	}
	return all
}

// status lists the pipeline's jobs by state, or counts them.
func (s *server) status(ctx context.Context, r *request) (any, error) {
	p, err := s.find(ctx, r, false)
	if err != nil {
		return nil, err
	}
	wanted, err := wantedStates(r.form["status"])
	if err != nil {
		return nil, err
	}
	if text := r.form.one("summary"); text != "" {
		count, err := parseBool(text)
		if err != nil {
			return nil, bad("summary", "%v", err)
		}
		if count {
			return s.count(ctx, p, wanted)
		}
	}
	runs, err := s.Store.Runs(ctx, p.ID, maxJobs, wanted...)
	if err != nil {
		return nil, err
	}
	groups := map[pipeline.RunState][]job{}
	for _, run := range runs {
		groups[run.State] = append(groups[run.State], jobOf(p, run, r.project.Zone))
	}
	return groups, nil
}

// count returns how many jobs are in each of the states, in every one for none.
func (s *server) count(ctx context.Context, p *pipeline.Pipeline, wanted []pipeline.RunState) (map[pipeline.RunState]int64, error) {
	counts, err := s.Store.CountRuns(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	if len(wanted) > 0 {
		maps.DeleteFunc(counts, func(state pipeline.RunState, _ int64) bool { return !slices.Contains(wanted, state) })
	}
	return counts, nil
}

func wantedStates(texts []string) ([]pipeline.RunState, error) {
	var wanted []pipeline.RunState
	for _, text := range texts {
		if text == "" && len(texts) == 1 {
			return nil, nil
		}
		if !slices.Contains(RunStates(), text) {
			return nil, bad("status", "%q is no state of a job: use %s", text, oneOf(RunStates()))
		}
		wanted = append(wanted, pipeline.RunState(text))
	}
	return wanted, nil
}

func jobOf(p *pipeline.Pipeline, run *pipeline.Run, zone *time.Location) job {
	return job{
		Project: p.Project, Name: p.Name, State: run.State, LastFinish: moment(run.Finished, zone), RunAt: moment(run.Created, zone),
		FromDate: midnight(run.FirstDay, zone), ToDate: midnight(run.LastDay, zone),
	}
}

// moment writes a time. The zero time is written with the zone's standard offset of today, as the reference shows it for one in
// California, 0000-12-31T16:00:00-08:00; the zone's own offset of that time would be one that has seconds.
func moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return t.In(standardOffset(zone)).Format(time.RFC3339)
	}
	return t.In(zone).Format(time.RFC3339)
}

// standardOffset returns a zone without daylight saving time.
func standardOffset(zone *time.Location) *time.Location {
	year := time.Now().Year()
	for _, month := range []time.Month{time.January, time.July} {
		if t := time.Date(year, month, 1, 0, 0, 0, 0, zone); !t.IsDST() {
			_, offset := t.Zone()
			return time.FixedZone("", offset)
		}
	}
	return zone
}

// midnight writes the first instant of a day in the project's time zone; that of no day is the zero time.
func midnight(d event.Day, zone *time.Location) string {
	if d == 0 {
		return moment(time.Time{}, zone)
	}
	y, m, day := d.Date()
	return time.Date(y, m, day, 0, 0, 0, 0, zone).Format(time.RFC3339)
}
