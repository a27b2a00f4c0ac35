package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/control"
)

// maxTables bounds how many pipelines TestKill makes; each exports everything.
const maxTables = 5

// TestKill kills the service again and again while clients send, segments are sealed, pipelines export, and new pipelines export the
// backlog. In the end every acknowledged record is there once.
func TestKill(t *testing.T) {
	rnd := random(t, 1)
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--http-listen", harness.FreePort(t))
	s.Start()
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	createKinds(s)
	clients := startTraffic(t, s, p)
	began, tables := time.Now(), []string{"mp_master_event"}
	for n := 1; n <= *kills || time.Since(began) < *soak; n++ {
		switch {
		case n%10 == 0:
			// A pipeline that has just been made exports a backlog.
			if name := fmt.Sprintf("backlog_%d", n); len(tables) < maxTables {
				_, err := s.API().CreatePipeline(s.Context(), p.ID, url.Values{
					"type": {"json"}, "data_source": {"events"}, "frequency": {"continuous"}, "s3_prefix": {name}, "table": {name},
				})
				require.NoError(t, err)
				tables = append(tables, name)
			}
			s.MustRun("pipeline", "run", "raw")
			pause(rnd, 5*time.Millisecond, 400*time.Millisecond)
		case n%5 == 0:
			pause(rnd, 400*time.Millisecond, 2*time.Second) // long enough for sealing and whole runs
		default:
			pause(rnd, 5*time.Millisecond, 400*time.Millisecond)
		}
		s.RequireRunning()
		s.Kill()
		s.Launch()
		if n%7 == 0 {
			pause(rnd, time.Millisecond, 500*time.Millisecond) // during the start
			s.Kill()
			s.Launch()
		}
		s.AwaitReady()
		if n%50 == 0 && *soak > 0 {
			t.Logf("%d kills in %s", n, time.Since(began).Round(time.Second))
		}
	}
	clients.Stop()
	awaitPublished(s, p.ID)
	s.AwaitAttached(p.ID)
	s.RequireExact("shop")
	clients.requireAllThere(s, tables...)
	require.Empty(t, s.Strays(filepath.Join(s.Dir, "lake")))
	t.Logf("%d runs were interrupted", interrupted(t, s, p))

	// What is there survives one more start.
	s.Restart()
	awaitPublished(s, p.ID)
	clients.requireAllThere(s, tables...)
}

// interrupted returns how many of the last runs needed more than one attempt.
func interrupted(t *testing.T, s *harness.Service, p control.Project) (n int) {
	t.Helper()
	pipelines, err := s.API().Pipelines(s.Context(), p.ID)
	require.NoError(t, err)
	for _, x := range pipelines {
		runs, err := s.API().Runs(s.Context(), p.ID, x.ID, 1000)
		require.NoError(t, err)
		for _, r := range runs {
			if r.Attempts > 1 {
				n++
			}
		}
	}
	return n
}

// TestKillImport kills an import and the service under it, several times, and runs the import again to its end. Every record of the file
// is there once.
func TestKillImport(t *testing.T) {
	t.Parallel()
	const records = 40_000
	rnd := random(t, 2)
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--http-listen", harness.FreePort(t), "--rate-limit-records-per-second", "0")
	s.Start()
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	file := filepath.Join(t.TempDir(), "events.ndjson")
	ledger := writeImport(t, file, records)
	command := s.Args("import", file, "--project", "shop", "--parallel", "2", "--json")
	for range 4 {
		client := harness.Command(t, command...)
		require.NoError(t, client.Start())
		pause(rnd, 20*time.Millisecond, 300*time.Millisecond)
		require.NoError(t, client.Process.Kill())
		harness.AwaitExit(t, client)
	}
	client := harness.Command(t, command...)
	var stdout, stderr bytes.Buffer
	client.Stdout, client.Stderr = &stdout, &stderr
	require.NoError(t, client.Start())
	for range 4 {
		pause(rnd, 20*time.Millisecond, 300*time.Millisecond)
		s.Kill()
		s.Start()
	}
	require.Zero(t, harness.AwaitExit(t, client), "%s%s", stdout.String(), stderr.String())
	require.Contains(t, stdout.String(), fmt.Sprintf(`"imported": %d`, records))
	again := s.Run("import", file, "--project", "shop", "--json")
	require.Zero(t, again.Status, again.Stderr)
	s.AwaitPublished(p.ID)
	require.Empty(t, ledger.Differences(s.Tally(harness.IDs("mp_master_event"))))
	s.RequireExact("shop")
}

// writeImport writes a file of records and returns a ledger that expects all of them.
func writeImport(t *testing.T, file string, records int) *harness.Ledger {
	t.Helper()
	ledger := harness.NewLedger()
	rnd := rand.New(rand.NewPCG(1, 1))
	var text bytes.Buffer
	for n := range records {
		id := fmt.Sprintf("f-%d", n)
		ledger.Sending(id)
		ledger.Acknowledged(id)
		at := time.Date(2026, 5, 1+rnd.IntN(20), 10, 0, 0, 0, time.UTC).Unix()
		fmt.Fprintf(&text, `{"event":"Imported","properties":{"time":%d,"distinct_id":"u%d","$insert_id":"%s","id":"%s"}}`+"\n", at, n%100, id, id)
	}
	require.NoError(t, os.WriteFile(file, text.Bytes(), 0o644))
	return ledger
}
