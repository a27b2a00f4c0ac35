package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/node"
)

// Limits of a server's life.
const (
	startTimeout = time.Minute
	stopTimeout  = time.Minute
	pollPause    = 20 * time.Millisecond
)

// server is a service in a process of its own, so that its CPU time and memory are its own too.
type server struct {
	*node.Client
	cmd    *exec.Cmd
	log    string
	exited chan error
}

// start runs the roles on the data folder and returns when they are ready. No rate is limited.
func (t *trial) start(dataDir, roles string) (*server, error) {
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return nil, fmt.Errorf("creating the data folder: %w", err)
	}
	if err := os.Remove(filepath.Join(dataDir, "addresses.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing old addresses: %w", err)
	}
	s := &server{log: dataDir + ".log", exited: make(chan error, 1)}
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the service's log: %w", err)
	}
	defer out.Close()
	args := append(t.options.Server[1:len(t.options.Server):len(t.options.Server)],
		"--data-dir", dataDir, "--roles", roles, "--http-listen", "127.0.0.1:0", "--sql-listen", "127.0.0.1:0", "--aws-listen", "127.0.0.1:0",
		"--rate-limit-records-per-second", "0", "--rate-limit-bytes-per-minute", "0", "--telemetry-log-level", "warn")
	s.cmd = exec.Command(t.options.Server[0], args...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	tie(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a service: %w", err)
	}
	go func() { s.exited <- s.cmd.Wait() }()
	if err := s.await(t, startTimeout, "become ready", func(ctx context.Context) (bool, error) { return s.ready(ctx, dataDir) }); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *server) ready(ctx context.Context, dataDir string) (bool, error) {
	client, err := node.Connect(dataDir, "", "")
	if err != nil {
		return false, nil // it has not written its addresses yet
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, client.URL+"/readyz", nil)
	if err != nil {
		return false, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, nil
	}
	s.Client = client
	return answer.StatusCode == http.StatusOK, answer.Body.Close()
}

// await asks done until it says yes.
func (s *server) await(ctx context.Context, limit time.Duration, what string, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		select {
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("the service ended before it could %s: %w\n%s", what, err, s.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("the service did not %s: %w\n%s", what, ctx.Err(), s.lastWords())
		case <-time.After(pollPause):
		}
	}
}

// lastWords returns the end of the service's log.
func (s *server) lastWords() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// stop ends the service in order.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping a service: %w", err)
	}
	select {
	case err := <-s.exited:
		if err != nil {
			return fmt.Errorf("a service ended badly: %w\n%s", err, s.lastWords())
		}
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("a service did not stop within %s\n%s", stopTimeout, s.lastWords()), s.cmd.Process.Kill())
	}
}

// cpu is the service's CPU time so far.
func (s *server) cpu() (time.Duration, error) { return cpuOf(s.cmd.Process.Pid) }

// project makes a project.
func (s *server) project(ctx context.Context) (control.Project, error) {
	return s.CreateProject(ctx, control.NewProject{Name: "bench"})
}

// sealed waits until all that the log holds is sealed into segments.
func (s *server) sealed(ctx context.Context) error {
	return s.await(ctx, 10*time.Minute, "seal its log", func(ctx context.Context) (bool, error) {
		status, err := s.Status(ctx)
		return status.SealedPosition >= status.LogPosition, err
	})
}

// pipeline makes a pipeline of events.
func (s *server) pipeline(ctx context.Context, project int64, frequency string) (control.Pipeline, error) {
	return s.pipelineOf(ctx, project, url.Values{"type": {"json"}, "data_source": {"events"}, "frequency": {frequency}})
}

// pipelineOf makes a pipeline of the parameters.
func (s *server) pipelineOf(ctx context.Context, project int64, parameters url.Values) (control.Pipeline, error) {
	names, err := s.CreatePipeline(ctx, project, parameters)
	if err != nil {
		return control.Pipeline{}, err
	}
	return s.Pipeline(ctx, project, names[0])
}

// published waits until the pipeline has exported all that the log holds.
func (s *server) published(ctx context.Context, p *control.Pipeline) error {
	status, err := s.Status(ctx)
	if err != nil {
		return err
	}
	return s.await(ctx, 10*time.Minute, "export its events", func(ctx context.Context) (bool, error) {
		now, err := s.Pipeline(ctx, p.Project, p.ID)
		return now.Published >= status.LogPosition, err
	})
}

// attached waits until the warehouse knows the tables of the pipeline, which has published.
func (s *server) attached(ctx context.Context, p *control.Pipeline) error {
	return s.await(ctx, time.Minute, "attach the catalog", func(ctx context.Context) (bool, error) {
		now, err := s.Pipeline(ctx, p.Project, p.ID)
		return now.Attached, err
	})
}
