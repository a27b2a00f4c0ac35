package pipelineapi

import (
	"context"
	"strconv"
	"time"

	"github.com/refract-io/refract/internal/export/pipeline"
)

// scheduled is a pipeline as jobs shows it.
type scheduled struct {
	Name           string             `json:"name"`
	Dispatcher     string             `json:"Dispatcher"`
	LastDispatched string             `json:"last_dispatched"`
	Frequency      pipeline.Frequency `json:"frequency"`
	SyncEnabled    string             `json:"sync_enabled"`
}

// jobs lists the project's pipelines that are not cancelled, under the project's id.
func (s *server) jobs(ctx context.Context, r *request) (any, error) {
	all, err := s.Store.List(ctx, r.project.ID)
	if err != nil {
		return nil, err
	}
	shown := []scheduled{}
	for _, p := range all {
		if p.State == pipeline.Cancelled {
			continue
		}
		runs, err := s.Store.Runs(ctx, p.ID, 1)
		if err != nil {
			return nil, err
		}
		j := scheduled{Name: p.Name, Dispatcher: dispatcher(p), Frequency: p.Frequency, SyncEnabled: strconv.FormatBool(p.Sync)}
		if len(runs) > 0 {
			j.LastDispatched = dispatched(runs[0], r.project.Zone)
		}
		shown = append(shown, j)
	}
	return map[string][]scheduled{strconv.FormatInt(r.project.ID, 10): shown}, nil
}

// dispatcher says which part of the scheduler a pipeline is with: backfill is the word of the reference for what has an end, which what had
// arrived before the pipeline was made has too. A later run under way changes nothing.
func dispatcher(p *pipeline.Pipeline) string {
	if p.To != 0 || p.Backfill == 0 || p.Published < p.Backfill {
		return "backfill"
	}
	return "live"
}

func dispatched(run *pipeline.Run, zone *time.Location) string {
	at := run.Started
	if at.IsZero() {
		at = run.Created
	}
	return at.In(zone).Format(time.DateTime) + " " + zone.String()
}
