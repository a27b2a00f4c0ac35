package e2e

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
)

// smallDisk mounts a file system of so many MiB, or skips the test where that is not permitted.
func smallDisk(t *testing.T, dir string, size string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	if err := syscall.Mount("refract-e2e", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("mounting a small file system needs root: ", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

// ballast writes a file that leaves so many bytes free, and returns what removes it.
func ballast(t *testing.T, dir string, leave int64) func() {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	defer f.Close()
	block := make([]byte, 256<<10)
	for {
		var stat syscall.Statfs_t
		require.NoError(t, syscall.Statfs(dir, &stat))
		free := int64(stat.Bavail) * stat.Bsize
		if free <= leave {
			break
		}
		if _, err := f.Write(block[:min(int64(len(block)), free-leave)]); errors.Is(err, syscall.ENOSPC) {
			break // others write too
		} else if err != nil {
			require.NoError(t, err)
		}
	}
	return func() { require.NoError(t, os.Remove(path)) }
}

// TestFullDisk fills the disk under the service while clients send. Nothing is acknowledged that is lost, nothing crashes, and after there
// is room again everything goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "disk")
	smallDisk(t, dir, "640m")
	s := harness.In(t, filepath.Join(dir, "data"), "--seal-after", "50ms", "--pipeline-interval", "100ms")
	s.Start()
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	clients := startTraffic(t, s, p)
	for _, leave := range []int64{100 << 20, 0} {
		sent, _ := clients.events.Counts()
		s.Await("more events are sent", func() bool { n, _ := clients.events.Counts(); return n > sent+500 })
		free := ballast(t, dir, leave)
		before := clients.refusals(http.StatusServiceUnavailable)
		s.Await("the collector refuses to take what it cannot keep", func() bool {
			return clients.refusals(http.StatusServiceUnavailable) > before+20
		})
		s.RequireRunning()
		free()
		_, acknowledged := clients.events.Counts()
		s.Await("the collector takes events again", func() bool { _, n := clients.events.Counts(); return n > acknowledged+500 })
		s.RequireRunning()
	}
	clients.Stop()
	s.AwaitPublished(p.ID)
	s.RequireExact("shop")
	clients.requireAllThere(s, "mp_master_event")
	require.Empty(t, s.Strays(filepath.Join(s.Dir, "lake")))
	s.Restart()
	s.AwaitPublished(p.ID)
	clients.requireAllThere(s, "mp_master_event")
}

// TestFullLake fills the lake's disk alone: ingestion goes on, and the pipelines catch up when there is room.
func TestFullLake(t *testing.T) {
	t.Parallel()
	lake := filepath.Join(t.TempDir(), "lake")
	smallDisk(t, lake, "64m")
	s := harness.Start(t, "--seal-after", "50ms", "--pipeline-interval", "100ms", "--lake-dir", lake)
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	clients := startTraffic(t, s, p)
	failed := func() bool {
		pipelines, err := s.API().Pipelines(s.Context(), p.ID)
		require.NoError(t, err)
		for _, x := range pipelines {
			runs, err := s.API().Runs(s.Context(), p.ID, x.ID, 1)
			require.NoError(t, err)
			if len(runs) > 0 && runs[0].LastError != nil && runs[0].State != "succeeded" {
				return true
			}
		}
		return false
	}
	for range 2 {
		free := ballast(t, lake, 0)
		s.Await("a run has failed for want of room", failed)
		_, acknowledged := clients.events.Counts()
		s.Await("events are taken all the same", func() bool { _, n := clients.events.Counts(); return n > acknowledged+200 })
		free()
		s.Await("runs succeed again", func() bool { return !failed() })
	}
	clients.Stop()
	require.Zero(t, clients.refusals(http.StatusServiceUnavailable))
	s.AwaitPublished(p.ID)
	s.RequireExact("shop")
	clients.requireAllThere(s, "mp_master_event")
	require.Empty(t, s.Strays(lake))
}
