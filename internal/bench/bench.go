// Package bench measures Refract on the machine at hand, and says on which machine, with which versions and how.
//
// The figures to compare are events per CPU-second: user and system time of the process that does the work, whatever else the machine
// does meanwhile, and ratios between two ways measured in turns in the same run. Wall-clock figures (latencies, requests per second)
// share the cores with the benchmark's own clients.
//
// Every figure is the median of some rounds, after a round to warm up that is not counted. The events come from package sample: about
// 600 bytes each, the same on every machine.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Options say what to measure and where.
type Options struct {
	// Only names the benchmarks to run; empty is all of them.
	Only []string
	// Quick shrinks every benchmark until its figures mean nothing: it shows that they run.
	Quick bool
	// Full adds the sizes that take long.
	Full bool
	// Dir is where the data of the benchmarks lies while they run. It should be on the disk that a service would use.
	// Default: the system's folder for temporary files.
	Dir string
	// Server is the command that starts a service, to which flags are added. Default: this binary with "up".
	Server []string
	// Version is Refract's.
	Version string
	// Progress is told what begins; nil is nobody.
	Progress func(what string)
}

// Benchmark is something to measure.
type Benchmark struct {
	// Name selects it; Title and About say what it is, About in Markdown.
	Name, Title, About string

	run func(*trial) error
}

// All returns the benchmarks in the order in which they run.
func All() []Benchmark {
	return []Benchmark{ingest, requests, export, schematized, memory, freshness, scale, sql, catalogs}
}

// Names returns the names of all benchmarks.
func Names() []string {
	var names []string
	for _, b := range All() {
		names = append(names, b.Name)
	}
	return names
}

// errUnsupported is why a figure cannot be taken here. It skips a benchmark.
var errUnsupported = errors.New("needs /proc and the CPU clocks of Linux")

// Run measures. It fails on the first benchmark that fails; one that this system cannot run is reported as skipped.
func Run(ctx context.Context, o Options) (*Report, error) {
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			return nil, fault.New(fault.Setup, "selecting benchmark", name, errors.New("there is none of that name"), "use "+strings.Join(Names(), ", "))
		}
	}
	if o.Dir == "" {
		o.Dir = os.TempDir()
	}
	if len(o.Server) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("finding the refract binary: %w", err)
		}
		o.Server = []string{self, "up"}
	}
	dir, err := os.MkdirTemp(o.Dir, "refract-bench-")
	if err != nil {
		return nil, fault.New(fault.Setup, "creating a folder in", o.Dir, err, "name one that can be written")
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("finding %s: %w", dir, err)
	}
	r := &Report{Started: time.Now().UTC(), Quick: o.Quick, Full: o.Full, Only: o.Only, Machine: describeMachine(dir), Versions: versions(o.Version)}
	for _, b := range All() {
		if len(o.Only) > 0 && !slices.Contains(o.Only, b.Name) {
			continue
		}
		result, err := measure(ctx, b, o, filepath.Join(dir, b.Name))
		if err != nil {
			return nil, fmt.Errorf("measuring %s: %w", b.Name, err)
		}
		r.Results = append(r.Results, result)
	}
	r.Took = time.Since(r.Started)
	return r, nil
}

func measure(ctx context.Context, b Benchmark, o Options, dir string) (Result, error) {
	result := Result{Name: b.Name, Title: b.Title, About: b.About}
	if o.Progress != nil {
		o.Progress(b.Name + ": " + b.Title)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return result, fmt.Errorf("creating the folder: %w", err)
	}
	t := &trial{Context: ctx, options: o, dir: dir, result: &result}
	err := b.run(t)
	if errors.Is(err, errUnsupported) {
		result.Skipped = err.Error()
		err = nil
	}
	return result, errors.Join(err, os.RemoveAll(dir))
}

// trial is one benchmark while it runs.
type trial struct {
	context.Context
	options Options
	dir     string
	result  *Result
}

// size returns normal, or quick in a smoke test.
func (t *trial) size(normal, quick int) int {
	if t.options.Quick {
		return quick
	}
	return normal
}

// rounds calls fn once to warm up and then for every round that counts.
func (t *trial) rounds(fn func(counted bool) error) error {
	for i := range 1 + t.size(3, 1) {
		if err := t.Err(); err != nil {
			return err
		}
		if err := fn(i > 0); err != nil {
			return err
		}
	}
	return nil
}

// add reports a figure of the samples, one for each round that counts.
func (t *trial) add(f Figure, samples ...float64) {
	t.result.Figures = append(t.result.Figures, figureOf(f, samples))
}

func figureOf(f Figure, samples []float64) Figure {
	sorted := slices.Sorted(slices.Values(samples))
	f.Low, f.Value, f.High, f.Rounds = sorted[0], median(sorted), sorted[len(sorted)-1], len(sorted)
	return f
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
