package collect

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/project"
)

var (
	_ Appender           = (*eventlog.Writer)(nil)
	_ Projects           = (*project.Registry)(nil)
	_ Quarantine         = (*quarantine.Quarantine)(nil)
	_ quarantine.Retaker = (*Retaker)(nil)
	_ event.Locator      = (*MaxMind)(nil)
)

func TestWhatWasAnswered200IsInTheLogAfterARestart(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	log, err := eventlog.Open(ctx, dir, eventlog.Options{})
	require.NoError(t, err)
	writer := eventlog.NewWriter(log, eventlog.WriterOptions{})
	f := start(t, func(c *Config) { c.Log = writer })
	const clients, requests, each = 8, 5, 20
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for request := range requests {
				var body strings.Builder
				for i := range each {
					body.WriteString(good(fmt.Sprintf("%d-%d-%d", client, request, i)))
				}
				if got := f.post("/track", body.String()); got.body != "1" {
					t.Errorf("%d %s", got.code, got.body)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, writer.Close())
	require.NoError(t, log.Close())
	require.Equal(t, 503, f.post("/track", good("late")).code, "a closed log takes nothing")

	log, err = eventlog.Open(ctx, dir, eventlog.Options{})
	require.NoError(t, err)
	seen := map[string]int{}
	require.NoError(t, log.Read(ctx, 0, func(b *eventlog.Block) error {
		return eventlog.Decode(b, func(_ int, r *event.Record) error {
			seen[string(r.InsertID)]++
			return nil
		})
	}))
	require.NoError(t, log.Close())
	require.Len(t, seen, clients*requests*each)
	for id, n := range seen {
		require.Equal(t, 1, n, id)
	}
}
