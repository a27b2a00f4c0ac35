package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/sample"
)

// BenchmarkRows measures what a run does with the rows of a day that are in memory: assembling, compressing, hashing, storing.
func BenchmarkRows(b *testing.B) {
	h, done := newHouse(b, b.TempDir())
	defer done()
	batches := sampleBatches(b, 50_000)
	rows := 0
	for _, in := range batches {
		rows += in.Len
	}
	layout := lake.Layout{Project: 1, Table: "t", Pipeline: "p"}
	var n uint64
	for b.Loop() {
		n++
		out := lake.NewWriter(b.Context(), h.bucket, layout, lake.Window{UpTo: n}, lake.WriterOptions{TempDir: b.TempDir()})
		require.NoError(b, out.Begin(lake.Folder{Dir: layout.DayDir(1), Day: "1970-01-02"}))
		var t transform.Rows
		for _, in := range batches {
			for i := range in.Len {
				row, err := t.AppendEvent(out.Buffer(), in, i)
				if err == nil {
					err = out.Commit(row, 1)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		_, err := out.Close()
		require.NoError(b, err)
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func sampleBatches(b *testing.B, n int) []*store.Batch {
	var body []byte
	stream := sample.New(sample.Options{Events: n})
	for range n {
		body = append(stream.Next(body), '\n')
	}
	var in event.Batch
	var norm event.Normalizer
	policy := event.ImportPolicy(1_800_000_000_000, event.Simplified, false)
	var rows []stored
	var all []*store.Batch
	for in.Reset(body, "properties"); in.Next(); {
		var r event.Record
		require.NoError(b, in.Err())
		require.NoError(b, norm.Event(&r, &in, &policy))
		rows = append(rows, stored{Record: r.Clone(), position: 1})
		if len(rows) == 2048 {
			all = append(all, batchOf(1, rows))
			rows = nil
		}
	}
	return append(all, batchOf(1, rows))
}
