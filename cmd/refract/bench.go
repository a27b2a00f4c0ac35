package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/bench"
	"github.com/refract-io/refract/internal/platform/fault"
)

func newBench(o *options) *cobra.Command {
	b := bench.Options{Version: version}
	var document string
	var p profiles
	var about strings.Builder
	for _, one := range bench.All() {
		fmt.Fprintf(&about, "  %-10s %s\n", one.Name, one.Title)
	}
	c := &cobra.Command{
		Use: "bench", Short: "Measure Refract on this machine",
		Long: `Measure what a CPU-second does, and memory and delays, on this machine with services and data of its own, which are removed
afterwards. It takes some minutes and about 2 GB of disk. The benchmarks:

` + about.String(),
		Example: "  refract bench\n  refract bench --only ingest,export --dir /mnt/data\n  refract bench --write docs/benchmarks.md",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.Progress = func(what string) { fmt.Fprintln(cmd.ErrOrStderr(), what) }
			stop, err := p.start()
			if err != nil {
				return err
			}
			r, err := bench.Run(cmd.Context(), b)
			if err := errors.Join(err, stop()); err != nil {
				return err
			}
			if document != "" {
				if err := writeDocument(document, r); err != nil {
					return err
				}
			}
			if o.json {
				return o.show(cmd.OutOrStdout(), r, nil)
			}
			return r.WriteText(cmd.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringSliceVar(&b.Only, "only", nil, "benchmarks to run: "+strings.Join(bench.Names(), ", ")+" (default: all)")
	f.BoolVar(&b.Quick, "quick", false, "see in seconds that the benchmarks run; the figures mean nothing")
	f.BoolVar(&b.Full, "full", false, "add 10,000,000 events to scale")
	f.StringVar(&b.Dir, "dir", "", "where the data lies meanwhile (default: the system's folder for temporary files)")
	f.StringVar(&document, "write", "", "write the figures as a Markdown document to this file, too")
	f.StringVar(&p.cpu, "cpuprofile", "", "write a CPU profile of this process: what runs here, not in the services it starts")
	f.StringVar(&p.memory, "memprofile", "", "write a profile of this process's allocations")
	return c
}

func writeDocument(path string, r *bench.Report) error {
	var text bytes.Buffer
	if err := r.WriteMarkdown(&text); err != nil {
		return err
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return fault.New(fault.Setup, "writing", path, err, "choose a file that can be written")
	}
	return nil
}

// profiles are the files that runtime profiles go to; empty is none.
type profiles struct{ cpu, memory string }

// start begins the CPU profile. The returned function ends it and writes both.
func (p *profiles) start() (stop func() error, err error) {
	if p.cpu == "" {
		return func() error { return p.writeMemory() }, nil
	}
	f, err := os.Create(p.cpu)
	if err != nil {
		return nil, fault.New(fault.Setup, "creating", p.cpu, err, "choose a file that can be written")
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the CPU profile: %w", err), f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return errors.Join(f.Close(), p.writeMemory())
	}, nil
}

func (p *profiles) writeMemory() error {
	if p.memory == "" {
		return nil
	}
	runtime.GC() // the profile is as of the last one
	var text bytes.Buffer
	if err := pprof.Lookup("allocs").WriteTo(&text, 0); err != nil {
		return fmt.Errorf("writing the memory profile: %w", err)
	}
	if err := os.WriteFile(p.memory, text.Bytes(), 0o644); err != nil {
		return fault.New(fault.Setup, "writing", p.memory, err, "choose a file that can be written")
	}
	return nil
}
