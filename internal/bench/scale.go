package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/sample"
)

var scale = Benchmark{
	Name: "scale", Title: "Cost as the history grows",
	About: "At growing sizes of one project's history, a new pipeline exports everything, and one that has exported everything exports what arrives next. " +
		"The first should cost the same an event whatever the size, the second the same a run whatever lies behind it. All in this process.",
	run: runScale,
}

// scaled is a kind of pipeline whose cost is measured at every size.
type scaled struct {
	name   string
	create func(ctx context.Context, name string) (*pipeline.Pipeline, error)

	follower         *pipeline.Pipeline
	full, next       []Figure
	perEvent, perRun []float64
}

func runScale(t *trial) (err error) {
	sizes := []int{t.size(100_000, 2_000), t.size(1_000_000, 4_000)}
	if t.options.Full {
		sizes = append(sizes, t.size(10_000_000, 6_000))
	}
	h, err := openHouse(t, t.dir, sample.New(sample.Options{Events: sizes[len(sizes)-1]}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	kinds := []*scaled{
		{name: "JSON", create: h.create},
		{name: "Parquet", create: func(ctx context.Context, name string) (*pipeline.Pipeline, error) {
			return h.createSchematized(ctx, name, pipeline.Parquet)
		}},
	}
	for _, k := range kinds {
		if k.follower, err = k.create(t, "follower_"+strings.ToLower(k.name)); err != nil {
			return err
		}
	}
	stored := 0
	for _, size := range sizes {
		if err := h.append(t, size-stored); err != nil {
			return err
		}
		stored = size
		if _, err := h.seal(t, time.Duration(t.size(10_000, 100))*time.Millisecond); err != nil {
			return err
		}
		// A turn is every pipeline's that is due, so the followers would otherwise catch up while others are measured.
		for _, k := range kinds {
			if _, _, err := h.run(t, k.follower); err != nil {
				return err
			}
		}
		for _, k := range kinds {
			all, err := t.exportAll(h, k, size)
			if err != nil {
				return err
			}
			k.full = append(k.full, figureOf(Figure{Name: fmt.Sprintf("whole export of %s events as %s", count(float64(size)), k.name), Unit: "µs/event",
				Means: "CPU time of the run or runs, per event."}, all))
			k.perEvent = append(k.perEvent, k.full[len(k.full)-1].Value)
		}
		for _, k := range kinds {
			arrived, added, err := t.exportNext(h, k, kinds)
			if err != nil {
				return err
			}
			stored += added
			k.next = append(k.next, figureOf(Figure{Name: fmt.Sprintf("run of %s new events after %s as %s", count(float64(nextEvents(t))), count(float64(size)), k.name), Unit: "CPU-ms",
				Means: "CPU time of one run of a pipeline that was up to date, per run."}, arrived))
			k.perRun = append(k.perRun, k.next[len(k.next)-1].Value)
		}
	}
	last := len(sizes) - 1
	for _, k := range kinds {
		t.result.Figures = append(append(t.result.Figures, k.full...), k.next...)
		t.add(Figure{Name: "whole export as " + k.name + ", largest / smallest", Unit: "times", Bar: below(1.25), Means: "Growth of the cost of an event while the history grew " + fmt.Sprint(sizes[last]/sizes[0]) + " times.",
			Bound: "a run reads each segment once from front to back, whatever the history."}, k.perEvent[last]/k.perEvent[0])
		t.add(Figure{Name: "run of new events as " + k.name + ", largest / smallest", Unit: "times", Bar: below(1.5), Means: "Growth of the cost of an incremental run while the history grew as much.",
			Bound: "the run reads new segments only."}, k.perRun[last]/k.perRun[0])
	}
	return nil
}

// nextEvents is how many events an incremental run exports.
func nextEvents(t *trial) int { return t.size(10_000, 500) }

// maxRepeated is the largest history whose whole export is repeated.
const maxRepeated = 2_000_000

// exportAll exports everything with new pipelines and returns the microseconds of CPU time per event.
func (t *trial) exportAll(h *house, k *scaled, size int) (samples []float64, err error) {
	n, rounds := 0, t.rounds
	if size > maxRepeated {
		rounds = func(fn func(bool) error) error { return fn(true) }
	}
	err = rounds(func(counted bool) error {
		n++
		p, err := k.create(t, fmt.Sprintf("all_%s_%d_%d", strings.ToLower(k.name), size, n))
		if err != nil {
			return err
		}
		rows, used, err := h.run(t, p)
		if err != nil {
			return err
		}
		if counted {
			samples = append(samples, float64(used.Microseconds())/float64(rows))
		}
		return errors.Join(h.forget(t, p), removeAll(t, h.lake, p.S3.Prefix+"/"))
	})
	return samples, err
}

// exportNext returns the milliseconds of CPU time of runs of the follower, which is up to date, that each export what has arrived since
// the run before, and how many events arrived. The other followers come after it.
func (t *trial) exportNext(h *house, k *scaled, kinds []*scaled) (samples []float64, added int, err error) {
	n := nextEvents(t)
	err = t.rounds(func(counted bool) error {
		if err := h.append(t, n); err != nil {
			return err
		}
		added += n
		if _, err := h.seal(t, 0); err != nil {
			return err
		}
		for _, other := range kinds {
			if other != k {
				if err := h.pipelines.Pause(t, other.follower.ID); err != nil {
					return err
				}
			}
		}
		rows, used, err := h.run(t, k.follower)
		if err != nil {
			return err
		}
		if rows != int64(n) {
			return fmt.Errorf("%d of %d new events were exported", rows, n)
		}
		if counted {
			samples = append(samples, float64(used)/float64(time.Millisecond))
		}
		for _, other := range kinds {
			if other != k {
				if err := h.pipelines.Resume(t, other.follower.ID); err != nil {
					return err
				}
				if _, _, err := h.run(t, other.follower); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return samples, added, err
}
