package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
)

// TestDemo runs the demo twice. The service that it leaves is ended here.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	t.Cleanup(func() {
		text, err := os.ReadFile(filepath.Join(dir, "addresses.json"))
		var service struct{ PID int }
		if err == nil && json.Unmarshal(text, &service) == nil && service.PID > 1 {
			_ = syscall.Kill(service.PID, syscall.SIGKILL) // it may have ended
		}
		if log, err := os.ReadFile(filepath.Join(dir, "service.log")); err == nil && t.Failed() {
			t.Logf("the service's log:\n%s", log)
		}
	})
	total := ""
	for i := range 2 {
		r := harness.Run(t, nil, "demo", "--events", "3000", "--data-dir", dir)
		require.Zero(t, r.Status, "%s%s", r.Stdout, r.Stderr)
		require.Contains(t, r.Stdout, "3000 imported, 0 refused")
		require.Contains(t, r.Stdout, "exact")
		require.Contains(t, r.Stdout, "(10 rows)")
		counted := harness.Run(t, nil, "sql", "--format", "csv", "--data-dir", dir, "SELECT count(*) FROM mp_json_export.mp_master_event")
		require.Zero(t, counted.Status, counted.Stderr)
		if i == 0 {
			total = counted.Stdout
			require.Equal(t, "count\n3000\n", total)
		}
		require.Equal(t, total, counted.Stdout, "nothing is imported twice")
	}
}
