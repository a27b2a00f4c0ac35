package e2e

import (
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
)

// TestAnyBatching sends the same events in any order, cut into any blocks, sealed and exported in any portions, with restarts at any
// moment. The table's rows are the same.
func TestAnyBatching(t *testing.T) {
	t.Parallel()
	events := make([]event.Record, 60)
	var want []string
	for i := range events {
		events[i] = happening(i, i%5)
		want = append(want, rowOf(&events[i]))
	}
	slices.Sort(want)
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		// Every check opens logs and databases, which sync to the disk: a quarter of the usual number.
		require.NoError(t, checks.Value.Set("25"))
	}
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "refract-batching-")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		p := newPlant(t, dir)
		p.store.SealBytes = rapid.SampledFrom([]int{1, 2_000, 1 << 20}).Draw(t, "seal bytes")
		p.config.MaxRecords = rapid.Int64Range(1, 40).Draw(t, "records per run")
		p.config.Writer.PartBytes = rapid.SampledFrom([]int64{1, 500, 1 << 20}).Draw(t, "part bytes")
		p.open()
		defer func() { p.close() }()
		var x *pipeline.Pipeline
		rest := rapid.Permutation(events).Draw(t, "order")
		for len(rest) > 0 {
			n := rapid.IntRange(1, len(rest)).Draw(t, "block")
			p.append(rest[:n]...)
			rest = rest[n:]
			switch rapid.IntRange(0, 5).Draw(t, "then") {
			case 0:
				p.restart()
			case 1, 2:
				if x == nil {
					x = p.create(pipeline.Spec{Source: pipeline.Events})
				}
			case 3:
				p.drain()
			}
		}
		if x == nil {
			x = p.create(pipeline.Spec{Source: pipeline.Events})
		}
		p.drain()
		require.Equal(t, want, p.table(x.Table))
		p.requireReconciled(x)
	})
}
