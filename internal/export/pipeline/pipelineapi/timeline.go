package pipelineapi

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
)

// syncTime is how the reference writes the times of syncs: as Go prints a time.
const syncTime = "2006-01-02 15:04:05.999999999 -0700 MST"

// daySync is when one event day was exported or replaced.
type daySync struct {
	Date   string   `json:"date"`
	Times  []string `json:"sync_times"`
	Status string   `json:"status"`
}

// timeline lists the days with their syncs, the oldest first, of one pipeline or of all that are not cancelled.
func (s *server) timeline(ctx context.Context, r *request) (any, error) {
	var pipelines []*pipeline.Pipeline
	if r.form.one("name") != "" {
		p, err := s.find(ctx, r, false)
		if err != nil {
			return nil, err
		}
		pipelines = append(pipelines, p)
	} else {
		all, err := s.Store.List(ctx, r.project.ID)
		if err != nil {
			return nil, err
		}
		pipelines = slices.DeleteFunc(all, func(p *pipeline.Pipeline) bool { return p.State == pipeline.Cancelled })
	}
	days := map[event.Day]pipeline.DaySync{}
	for _, p := range pipelines {
		syncs, err := s.Store.Timeline(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		for _, sync := range syncs {
			d := days[sync.Day]
			d.Times = append(d.Times, sync.Times...)
			if d.State == "" || sync.State != pipeline.Succeeded {
				d.State = sync.State
			}
			days[sync.Day] = d
		}
	}
	shown := []daySync{}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		shown = append(shown, showSync(day, days[day], r.project.Zone))
	}
	return map[string][]daySync{"day_syncs": shown}, nil
}

func showSync(day event.Day, sync pipeline.DaySync, zone *time.Location) daySync {
	d := daySync{Date: day.String(), Times: []string{}, Status: string(sync.State)}
	if sync.State == pipeline.Succeeded {
		d.Status = "synced"
	}
	slices.SortFunc(sync.Times, time.Time.Compare)
	for _, t := range sync.Times {
		d.Times = append(d.Times, t.In(zone).Format(syncTime))
	}
	return d
}
