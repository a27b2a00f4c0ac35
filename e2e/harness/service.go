package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/refract-io/refract/internal/control"
)

// Limit ends waits for what must happen. It is far beyond what a busy machine needs.
const Limit = 3 * time.Minute

// Service is a data folder with the process that serves it, which can be killed and started again. Its methods are for one goroutine,
// but for URL, which senders read while the service is restarted.
type Service struct {
	tb testing.TB
	// Dir is the data folder.
	Dir string
	// Env are variables, as NAME=value, that the process gets beside the test's own.
	Env  []string
	args []string
	logs string

	cmd    *exec.Cmd
	exited chan struct{}

	mu        sync.RWMutex
	addresses addresses
}

// addresses is the file that a service leaves in its data folder for the command line.
type addresses struct {
	HTTP string `json:"http"`
	SQL  string `json:"sql"`
	AWS  string `json:"aws"`
	PID  int    `json:"pid"`
}

// New returns a service over a new data folder, which is not started. The arguments are further ones of `refract up`.
func New(tb testing.TB, args ...string) *Service {
	tb.Helper()
	return In(tb, filepath.Join(tb.TempDir(), "data"), args...)
}

// In is New over the given data folder.
func In(tb testing.TB, dir string, args ...string) *Service {
	tb.Helper()
	s := &Service{tb: tb, Dir: dir, args: args, logs: filepath.Join(tb.TempDir(), "service.log")}
	tb.Cleanup(func() {
		if s.cmd != nil {
			s.Kill()
		}
		if tb.Failed() {
			tb.Logf("the end of the service's log:\n%s", tail(s.logs, 12<<10))
		}
	})
	return s
}

// Start returns a running service over a new data folder.
func Start(tb testing.TB, args ...string) *Service {
	tb.Helper()
	s := New(tb, args...)
	s.Start()
	return s
}

// Start starts the process and returns when it is ready.
func (s *Service) Start() {
	s.tb.Helper()
	s.Launch()
	s.AwaitReady()
}

// Launch starts the process and returns at once.
func (s *Service) Launch() {
	s.tb.Helper()
	if s.cmd != nil {
		s.tb.Fatal("the service runs already")
	}
	args := append([]string{"up", "--data-dir", s.Dir}, s.args...)
	for _, flag := range []string{"--http-listen", "--sql-listen", "--aws-listen"} {
		if !strings.Contains(strings.Join(s.args, " "), flag) {
			args = append(args, flag, "127.0.0.1:0")
		}
	}
	log, err := os.OpenFile(s.logs, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(Binary(s.tb), args...)
	cmd.Env = append(environment(), s.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	tie(cmd)
	if err := cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.cmd, s.exited = cmd, make(chan struct{})
	go func(exited chan struct{}) {
		_ = cmd.Wait() // who waits looks at the process's state
		close(exited)
	}(s.exited)
}

// AwaitReady returns when the process answers that it is ready. It fails the test when the process ends before.
func (s *Service) AwaitReady() {
	s.tb.Helper()
	s.Await("the service is ready", func() bool {
		if s.hasExited() {
			s.tb.Fatalf("the service ended with status %d before it was ready:\n%s", s.cmd.ProcessState.ExitCode(), tail(s.logs, 4<<10))
		}
		text, err := os.ReadFile(filepath.Join(s.Dir, "addresses.json"))
		var a addresses
		if err != nil || json.Unmarshal(text, &a) != nil || a.PID != s.cmd.Process.Pid {
			return false // not written yet, or by the process before
		}
		s.mu.Lock()
		s.addresses = a
		s.mu.Unlock()
		resp, err := http.Get(a.HTTP + "/readyz")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
}

func (s *Service) hasExited() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// RequireRunning fails the test when the process has ended.
func (s *Service) RequireRunning() {
	s.tb.Helper()
	if s.cmd == nil || s.hasExited() {
		s.tb.Fatalf("the service has ended:\n%s", tail(s.logs, 4<<10))
	}
}

// Kill kills the process as a power cut would end it, and waits until it is gone.
func (s *Service) Kill() {
	s.tb.Helper()
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Error(err)
	}
	<-s.exited
	s.cmd = nil
}

// Stop asks the process to end and returns its exit status.
func (s *Service) Stop() int {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Error(err)
	}
	select {
	case <-s.exited:
	case <-time.After(Limit):
		s.tb.Errorf("the service did not end within %s", Limit)
		s.Kill()
		return -1
	}
	status := s.cmd.ProcessState.ExitCode()
	s.cmd = nil
	return status
}

// Restart starts the process again after it was stopped.
func (s *Service) Restart() {
	s.tb.Helper()
	if status := s.Stop(); status != 0 {
		s.tb.Fatalf("the service ended with status %d", status)
	}
	s.Start()
}

// URL returns the HTTP address of the process that was ready last, such as http://127.0.0.1:8080.
func (s *Service) URL() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.addresses.HTTP
}

// SQLAddress returns host:port of the process's SQL service.
func (s *Service) SQLAddress() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.addresses.SQL
}

// AWSURL returns the address of the process's AWS-compatible endpoint, such as http://127.0.0.1:4566.
func (s *Service) AWSURL() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.addresses.AWS
}

// API returns a client of the process's control API.
func (s *Service) API() *control.Client {
	s.tb.Helper()
	return &control.Client{URL: s.URL(), Token: s.Secret("admin-token")}
}

// Secret returns the content of a secret file of the data folder.
func (s *Service) Secret(name string) string {
	s.tb.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		s.tb.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// Logs returns what all processes have written so far.
func (s *Service) Logs() string {
	s.tb.Helper()
	text, err := os.ReadFile(s.logs)
	if err != nil {
		s.tb.Fatal(err)
	}
	return string(text)
}

// Await calls done until it returns true.
func (s *Service) Await(what string, done func() bool) {
	s.tb.Helper()
	deadline := time.Now().Add(Limit)
	for wait := time.Millisecond; !done(); wait = min(2*wait, 100*time.Millisecond) {
		if time.Now().After(deadline) {
			s.tb.Fatalf("waiting until %s took more than %s", what, Limit)
		}
		time.Sleep(wait)
	}
}

// Context returns a context that ends with the test, or after Limit.
func (s *Service) Context() context.Context {
	ctx, cancel := context.WithTimeout(s.tb.Context(), Limit)
	s.tb.Cleanup(cancel)
	return ctx
}

// FreePort returns an address of a port that nothing listens on. It lies below the range that the system gives to outgoing
// connections, so that it is still free when a service that was killed is started again.
func FreePort(tb testing.TB) string {
	tb.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+int(time.Now().UnixNano()/1000%20_000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close() // it has served its purpose
			return address
		}
	}
	tb.Fatal("there is no free port")
	return ""
}

// environment is the test's environment without settings of Refract.
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "REFRACT_") && !strings.HasPrefix(v, "PG") {
			env = append(env, v)
		}
	}
	return env
}

func tail(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-n):])
}
