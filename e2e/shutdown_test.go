package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
)

// TestShutdown ends the service in an orderly way while clients send and pipelines run. It ends with status 0, and the next one finds
// everything.
func TestShutdown(t *testing.T) {
	t.Parallel()
	rnd := random(t, 5)
	s := harness.New(t, "--seal-after", "50ms", "--pipeline-interval", "100ms", "--http-listen", harness.FreePort(t))
	s.Start()
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	clients := startTraffic(t, s, p)
	for range 5 {
		pause(rnd, 100*time.Millisecond, 1500*time.Millisecond)
		require.Zero(t, s.Stop())
		s.Start()
	}
	clients.Stop()
	s.AwaitPublished(p.ID)
	s.RequireExact("shop")
	clients.requireAllThere(s, "mp_master_event")
	require.NotContains(t, s.Logs(), "panic")
	require.NotContains(t, s.Logs(), "level=ERROR")
}

// TestSecondProcess starts a second process over a data folder that is in use.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	r := s.Run("up", "--http-listen", "127.0.0.1:0", "--sql-listen", "127.0.0.1:0", "--aws-listen", "127.0.0.1:0")
	require.Equal(t, 2, r.Status)
	require.Contains(t, r.Stderr, "another refract process")
	s.MustRun("status")
}
