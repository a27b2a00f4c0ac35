package bench

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/refract-io/refract/internal/sample"
)

var memory = Benchmark{
	Name: "memory", Title: "Memory of a wide export",
	About: "Events spread over 100 event days are imported and sealed. A new process with the worker role alone then exports all of them in one window: " +
		"every segment holds every day, so 100 partitions are written from segments that are all open. Two further processes do the same with schematized " +
		"Parquet, one with a table for all events and one with a table for each.",
	run: runMemory,
}

func runMemory(t *trial) error {
	days := t.size(100, 10)
	dir := filepath.Join(t.dir, "data")
	project, err := t.prepareDays(dir, days)
	if err != nil {
		return err
	}
	for _, e := range []exportOfDays{
		{name: "exporting", parameters: url.Values{"type": {"json"}, "data_source": {"events"}}, bar: 256,
			bound: "one compressor is open at a time; what grows with the window is a page of each column for each open segment."},
		{name: "exporting Parquet", parameters: schematizedDays("monoschema"), bar: 512,
			bound: "rows of all days and tables that wait for their row group are bounded by 64 MiB, which their encoded pages and Go's collector multiply."},
		{name: "exporting Parquet, a table for each event", parameters: schematizedDays("multischema"), bar: 512, bound: "the same."},
	} {
		s, err := t.start(dir, "worker")
		if err != nil {
			return err
		}
		if err := errors.Join(t.exportDays(s, project, days, e), s.stop()); err != nil {
			return err
		}
	}
	return nil
}

// exportOfDays is a pipeline that exports many days at once, and what it may take.
type exportOfDays struct {
	name, bound string
	parameters  url.Values
	bar         float64
}

func schematizedDays(schema string) url.Values {
	return url.Values{"type": {"aws"}, "data_source": {"events"}, "schema_type": {schema}, "data_format": {"parquet"}, "from_date": {"2020-01-01"},
		"s3_prefix": {schema}, "use_glue": {"true"}, "glue_database": {schema}}
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
func (t *trial) exportDays(s *server, project int64, days int, e exportOfDays) error {
	pid := s.cmd.Process.Pid
	idle, _, err := memoryOf(pid)
	if err != nil {
		return err
	}
	p, err := s.pipelineOf(t, project, e.parameters)
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
	t.add(Figure{Name: "peak memory, " + e.name, Unit: "MiB", Bar: below(e.bar), Means: fmt.Sprintf("Highest resident memory of the worker's process from its start, "+
		"when it had %d MiB, to the end of the export of %s events of %d days.", idle>>20, count(float64(runs[0].Rows)), runs[0].Days), Bound: e.bound}, mib(peak))
	return nil
}
