package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/refract-io/refract/internal/node"
	"github.com/refract-io/refract/internal/platform/fault"
)

// startTimeout bounds how long a service may take to become ready.
const startTimeout = 60 * time.Second

// ensureService returns a client of the data folder's service, which it starts in the background if none answers.
func ensureService(ctx context.Context, dataDir string) (client *node.Client, started bool, err error) {
	if client, err := node.Connect(dataDir, "", ""); err == nil {
		if _, err := client.Status(ctx); err == nil {
			return client, false, nil
		}
	}
	logPath, err := startService(dataDir)
	if err != nil {
		return nil, false, err
	}
	deadline := time.Now().Add(startTimeout)
	for {
		client, err := node.Connect(dataDir, "", "")
		if err == nil && ready(ctx, client.URL) {
			return client, true, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, false, fault.New(fault.Setup, "starting the service in", dataDir, errors.Join(errors.New("it did not become ready"), ctx.Err()), "see "+logPath)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// startService runs `refract up` in a session of its own, so that it stays when this process and its terminal go.
func startService(dataDir string) (logPath string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding the refract binary: %w", err)
	}
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return "", fault.New(fault.Setup, "creating data folder", dataDir, err, "choose a folder that can be written")
	}
	if err := os.Remove(filepath.Join(dataDir, "addresses.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("removing old addresses: %w", err)
	}
	logPath = filepath.Join(dataDir, "service.log")
	out, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return "", fault.New(fault.Setup, "opening", logPath, err, "choose a folder that can be written")
	}
	defer out.Close()
	cmd := exec.Command(self, "up", "--data-dir", dataDir,
		"--http-listen", freeOr("127.0.0.1:8080"), "--sql-listen", freeOr("127.0.0.1:5439"), "--aws-listen", freeOr("127.0.0.1:4566"))
	cmd.Stdout, cmd.Stderr = out, out
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("starting the service: %w", err)
	}
	return logPath, cmd.Process.Release()
}

// freeOr returns the address if nothing listens there, else one with a port that the system chooses.
func freeOr(address string) string {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	if err := l.Close(); err != nil {
		return "127.0.0.1:0"
	}
	return address
}

func ready(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}
