package bench

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/refract-io/refract/internal/sample"
)

var memory = Benchmark{
	Name: "memory", Title: "Memory of a wide export",
	About: "Events spread over 100 event days are imported and sealed. A new process with the worker role alone then exports all of them in one window: " +
		"every segment holds every day, so 100 partitions are written from segments that are all open.",
	run: runMemory,
}

func runMemory(t *trial) error {
	days := t.size(100, 10)
	dir := filepath.Join(t.dir, "data")
	project, err := t.prepareDays(dir, days)
	if err != nil {
		return err
	}
	s, err := t.start(dir, "worker")
	if err != nil {
		return err
	}
	return errors.Join(t.exportDays(s, project, days), s.stop())
}

// prepareDays imports and seals events of so many days and returns their project.
func (t *trial) prepareDays(dir string, days int) (project int64, err error) {
	s, err := t.start(dir, "collector,worker")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	p, err := s.project(t)
	if err != nil {
		return 0, err
	}
	// The clock walks through half of the days, and every other event is late by up to as many.
	half := time.Duration(days) * 12 * time.Hour
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	all, err := bodies(t.size(200, 2), sample.Options{Start: start, End: start.Add(half), LatePercent: 50, LateBy: half})
	if err != nil {
		return 0, err
	}
	if err := importAll(t, s.URL, p.Token, all); err != nil {
		return 0, err
	}
	if err := s.sealed(t); err != nil {
		return 0, err
	}
	_, peak, err := memoryOf(s.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	t.add(Figure{Name: "peak memory, taking in and sealing", Unit: "MiB", Means: "Highest resident memory of the process before, with the roles collector and worker, that took the events in at full speed and sealed them."}, mib(peak))
	return p.ID, nil
}

// exportDays exports everything and reports the memory of the service that does it.
func (t *trial) exportDays(s *server, project int64, days int) error {
	pid := s.cmd.Process.Pid
	idle, _, err := memoryOf(pid)
	if err != nil {
		return err
	}
	p, err := s.pipeline(t, project, "daily")
	if err != nil {
		return err
	}
	if err := s.published(t, &p); err != nil {
		return err
	}
	_, peak, err := memoryOf(pid)
	if err != nil {
		return err
	}
	runs, err := s.Runs(t, p.Project, p.ID, 10)
	if err != nil {
		return err
	}
	if len(runs) != 1 || runs[0].Days < days {
		return fmt.Errorf("instead of one run of %d days the export made %+v", days, runs)
	}
	t.add(Figure{Name: "peak memory, exporting", Unit: "MiB", Bar: below(256), Means: "Highest resident memory of the worker's process from its start to the end of the export.",
		Bound: "one compressor is open at a time; what grows with the window is a page of each column for each open segment."}, mib(peak))
	t.add(Figure{Name: "memory before the export", Unit: "MiB", Means: "Resident memory of the worker's process when it was ready: the binary, the log, the metadata."}, mib(idle))
	t.add(Figure{Name: "event days in the window", Unit: "days", Means: "Partitions that the run wrote."}, float64(runs[0].Days))
	t.add(Figure{Name: "events in the window", Unit: "events", Means: "Rows that the run wrote."}, float64(runs[0].Rows))
	return nil
}
