package e2e

import (
	"testing"

	"github.com/refract-io/refract/e2e/harness"
)

// TestVerifyWhileBusy reconciles while clients send and pipelines run: a report is of one moment, whatever goes on.
func TestVerifyWhileBusy(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--seal-after", "50ms")
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	clients := startTraffic(t, s, p)
	for range 5 {
		sent, _ := clients.events.Counts()
		s.Await("more events are sent", func() bool { n, _ := clients.events.Counts(); return n > sent+1000 })
		s.RequireExact("shop")
	}
	clients.Stop()
	s.AwaitPublished(p.ID)
	s.RequireExact("shop")
}
