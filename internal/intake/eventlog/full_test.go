//go:build linux

package eventlog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
	"github.com/refract-io/refract/internal/platform/fault"
)

// smallDisk mounts a file system of that many bytes.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("a small file system can't be mounted here: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

func TestFullDisk(t *testing.T) {
	cases := map[string]struct {
		reserve int64
		own     bool // the log itself fills the disk
	}{
		"the guard refuses while the reserve is touched":              {reserve: 4 << 20, own: true},
		"without a guard JetStream gives up and is restarted":         {reserve: -1, own: true},
		"another writer fills the disk under a log without a guard":   {reserve: -1},
		"another writer fills the disk and the guard refuses at once": {reserve: 4 << 20},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t, 48<<20)
			dir := filepath.Join(disk, "log")
			log, err := eventlog.Open(t.Context(), dir, eventlog.Options{Reserve: c.reserve, Logger: quiet, Timeout: 10 * time.Second})
			require.NoError(t, err)

			var acked []string
			appendOne := func() error {
				name := fmt.Sprintf("b%d", len(acked))
				b := logtest.Noise(name, 300<<10)
				_, err := log.Append(t.Context(), b)
				if err == nil {
					acked = append(acked, name)
				}
				return err
			}
			ballast := filepath.Join(disk, "ballast")
			if c.own {
				require.NoError(t, os.WriteFile(ballast, make([]byte, 20<<20), 0o600))
			} else {
				for range 5 {
					require.NoError(t, appendOne())
				}
				fill(t, ballast)
			}
			for err = nil; err == nil && len(acked) < 500; {
				err = appendOne()
			}
			require.Error(t, err)
			for range 3 {
				if c.reserve > 0 {
					require.ErrorContains(t, err, "kept in reserve", "JetStream met the full disk before the guard")
				}
				require.Equal(t, fault.Transient, fault.ClassOf(err), "got %v", err)
				err = appendOne()
			}
			t.Logf("%d blocks, then: %v", len(acked), err)

			require.NoError(t, os.Remove(ballast))
			deadline := time.Now().Add(30 * time.Second)
			for err := appendOne(); err != nil; err = appendOne() {
				require.Equal(t, fault.Transient, fault.ClassOf(err), "got %v", err)
				require.True(t, time.Now().Before(deadline), "the log did not recover: %v", err)
				time.Sleep(10 * time.Millisecond)
			}
			for range 4 {
				require.NoError(t, appendOne())
			}
			check := func() {
				seen := map[string]int{}
				require.NoError(t, log.Read(t.Context(), 0, func(b *eventlog.Block) error {
					ids, err := logtest.InsertIDs(b)
					if err == nil {
						seen[ids[0]]++
					}
					return err
				}))
				for _, name := range acked {
					require.GreaterOrEqual(t, seen[name], 1, "%s was acknowledged and is lost", name)
				}
			}
			check()
			require.NoError(t, log.Close())
			log, err = eventlog.Open(t.Context(), dir, eventlog.Options{Reserve: c.reserve, Logger: quiet})
			require.NoError(t, err)
			check()
			require.NoError(t, log.Close())
		})
	}
}

// fill writes to a file until the disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	require.NoError(t, err)
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			require.True(t, errors.Is(err, syscall.ENOSPC), "got %v", err)
			size /= 16
		}
	}
}
