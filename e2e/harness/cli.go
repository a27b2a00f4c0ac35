package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"testing"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/verify"
)

// Result is what a command printed and its exit status.
type Result struct {
	Stdout, Stderr string
	Status         int
}

// Command returns a command of the binary that is not started yet.
func Command(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	cmd := exec.Command(Binary(tb), args...)
	cmd.Env = environment()
	tie(cmd)
	return cmd
}

// Run runs the binary and returns what came out.
func Run(tb testing.TB, stdin io.Reader, args ...string) Result {
	tb.Helper()
	cmd := Command(tb, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	status := AwaitExit(tb, cmd)
	return Result{stdout.String(), stderr.String(), status}
}

// Args returns the arguments with the service's data folder.
func (s *Service) Args(args ...string) []string { return append(args, "--data-dir", s.Dir) }

// Run runs a command on the service.
func (s *Service) Run(args ...string) Result {
	s.tb.Helper()
	return Run(s.tb, nil, s.Args(args...)...)
}

// RunWith runs a command with standard input.
func (s *Service) RunWith(stdin io.Reader, args ...string) Result {
	s.tb.Helper()
	return Run(s.tb, stdin, s.Args(args...)...)
}

// MustRun runs a command that must succeed and returns what it printed.
func (s *Service) MustRun(args ...string) string {
	s.tb.Helper()
	r := s.Run(args...)
	if r.Status != 0 {
		s.tb.Fatalf("refract %v ended with status %d\n%s%s", args, r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// RunJSON runs a command that must succeed with --json and decodes what it printed.
func RunJSON[T any](s *Service, args ...string) (out T) {
	s.tb.Helper()
	text := s.MustRun(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		s.tb.Fatalf("refract %v --json: %v\n%s", args, err, text)
	}
	return out
}

// CreateProject makes a project through the command line.
func (s *Service) CreateProject(name string, args ...string) control.Project {
	s.tb.Helper()
	return RunJSON[control.Project](s, append([]string{"project", "create", name}, args...)...)
}

// CreatePipelines makes continuous pipelines of all sources, which export as soon as something arrives.
func (s *Service) CreatePipelines(project string) {
	s.tb.Helper()
	for _, source := range []string{"events", "people", "identities"} {
		s.MustRun("pipeline", "create", "--project", project, "--source", source, "--frequency", "continuous", "--interval", "100ms")
	}
}

// AwaitPublished returns when all active pipelines of the project have published what is in the log, and the warehouse, where there is
// one, knows of them.
func (s *Service) AwaitPublished(project int64) {
	s.tb.Helper()
	ctx, api := s.Context(), s.API()
	status, err := api.Status(ctx)
	if err != nil {
		s.tb.Fatal(err)
	}
	var waiting []control.Pipeline
	s.tb.Cleanup(func() {
		if s.tb.Failed() && len(waiting) > 0 {
			s.tb.Logf("waiting for log position %d: %+v", status.LogPosition, waiting)
		}
	})
	s.Await("everything is published", func() bool {
		s.RequireRunning()
		all, err := api.Pipelines(ctx, project)
		if ctx.Err() != nil {
			s.tb.Fatal(ctx.Err())
		}
		waiting = waiting[:0]
		attached, wanted := false, false
		for _, p := range all {
			// The warehouse is one that the pipeline names, or the SQL of this installation over the embedded catalog.
			wanted = wanted || p.UseGlue && (p.Workgroup != "" || p.Cluster != "" || p.GlueRegion == "" && p.GlueRole == "")
			attached = attached || p.Attached
			if p.State == "active" && p.Published < status.LogPosition {
				waiting = append(waiting, p)
			}
		}
		return err == nil && len(waiting) == 0 && (attached || !wanted)
	})
	waiting = nil
}

// AwaitAttached returns when the warehouse knows the catalog of every pipeline of the project that has one. Each must have published something.
func (s *Service) AwaitAttached(project int64) {
	s.tb.Helper()
	s.Await("all catalogs are attached", func() bool {
		s.RequireRunning()
		all, err := s.API().Pipelines(s.Context(), project)
		return err == nil && !slices.ContainsFunc(all, func(p control.Pipeline) bool { return p.UseGlue && !p.Attached })
	})
}

// RequireExact fails the test unless `refract verify` finds the same records at every stage. It returns the report.
func (s *Service) RequireExact(project string) verify.Report {
	s.tb.Helper()
	r := s.Run("verify", "--project", project, "--json")
	var report verify.Report
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil {
		s.tb.Fatalf("refract verify ended with status %d: %v\n%s%s", r.Status, err, r.Stdout, r.Stderr)
	}
	if differences := report.Differences(); r.Status != 0 || len(differences) > 0 {
		s.tb.Fatalf("refract verify ended with status %d: %q\n%s", r.Status, differences, r.Stderr)
	}
	return report
}

// AwaitExit waits for a command that was started, and returns its status.
func AwaitExit(tb testing.TB, cmd *exec.Cmd) int {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), Limit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // the test fails just below
	defer stop()
	err := cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited || ctx.Err() != nil {
		tb.Fatal(errors.Join(err, ctx.Err()))
	}
	return cmd.ProcessState.ExitCode()
}
