package bench

import (
	"errors"
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
	const days = 100
	dir := filepath.Join(t.dir, "data")
	project, err := t.prepareDays(dir, days)
	if err != nil {
		return err
	}
	s, err := t.start(dir, "worker")
	if err != nil {
		return err
	}
	return errors.Join(t.wideExport(s, project, days), s.stop())
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
	// The clock walks through all days in each half of the bodies, and stragglers of any age mix the days further.
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	half := t.size(100, 1)
	for i := range 2 {
		all, err := bodies(half, sample.Options{Seed: uint64(i + 1), Start: start, End: start.AddDate(0, 0, days), LatePercent: 50, LateBy: time.Duration(days) * 12 * time.Hour})
		if err != nil {
			return 0, err
		}
		if err := importAll(t, s.URL, p.Token, all); err != nil {
			return 0, err
		}
	}
	return p.ID, s.sealed(t)
}

func (t *trial) wideExport(s *server, project int64, days int) error {
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
	runs, err := s.Runs(t, p.ID, 10)
	if err != nil {
		return err
	}
	var rows, widest float64
	for _, r := range runs {
		rows += float64(r.Rows)
		widest = max(widest, float64(r.Days))
	}
	if widest < float64(days) {
		return errors.New("the export was narrower than it should be")
	}
	t.add(Figure{Name: "peak memory", Unit: "MiB", Bar: below(256), Means: "Highest resident memory of the worker's process from its start to the end of the export.",
		Bound: "One compressor is open at a time; what grows with the window is a page of each column for each open segment."}, mib(peak))
	t.add(Figure{Name: "memory before the export", Unit: "MiB", Means: "Resident memory of the worker's process when it was ready: the binary, the log, the metadata."}, mib(idle))
	t.add(Figure{Name: "event days in the window", Unit: "days", Means: "Partitions that one run wrote."}, widest)
	t.add(Figure{Name: "events in the window", Unit: "events", Means: "Rows that the export wrote."}, rows)
	return nil
}
