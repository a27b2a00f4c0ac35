package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/sample"
)

const benchEvents = 100_000

// sampleBlocks are blocks of about 1 MiB of the sample stream, whose envelope stays in the properties.
func sampleBlocks(b *testing.B, events int) []eventlog.Block {
	stream := sample.New(sample.Options{Events: events})
	var blocks []eventlog.Block
	var e eventlog.Encoder
	var line []byte
	var scan event.Scanner
	scan.Within = "properties"
	for i := range events {
		line = stream.Next(line[:0])
		_, err := scan.Object(line, 0)
		require.NoError(b, err)
		r := event.Record{Kind: event.KindEvent, Received: int64(i), Name: []byte("Viewed"), Properties: scan.Member("properties").Raw(line)}
		for _, c := range scan.InnerMember("time").Raw(line) {
			r.Time = r.Time*10 + int64(c-'0')
		}
		if r.Time < 1e11 {
			r.Time *= 1000
		}
		r.DeviceID = fmt.Appendf(nil, "device %d", i%5000)
		r.UserID = fmt.Appendf(nil, "user %d", i%5000)
		require.NoError(b, e.Append(&r))
		if e.Len() >= 1<<20 || i == events-1 {
			data, err := e.Finish(nil)
			require.NoError(b, err)
			blocks = append(blocks, eventlog.Block{Project: 1, Count: e.Count(), Data: data})
			e.Reset()
		}
	}
	return blocks
}

func benchStore(b *testing.B) *Store {
	ctx := context.Background()
	db, err := meta.Open(ctx, b.TempDir()+"/meta.db")
	require.NoError(b, err)
	b.Cleanup(func() { db.Close() })
	objects := &memoryBucket{objects: map[string][]byte{}, written: map[string]time.Time{}, now: time.Now, local: true}
	s, err := Open(ctx, Options{DB: db, Bucket: objects, Projects: modes{}, Log: logtest.NewMemory(), Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	return s
}

func perSecond(b *testing.B, events int) {
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkSeal reads blocks from the log, decodes, sorts, writes and commits them.
func BenchmarkSeal(b *testing.B) {
	ctx := context.Background()
	blocks := sampleBlocks(b, benchEvents)
	s := benchStore(b)
	z, err := s.newSealer(ctx)
	require.NoError(b, err)
	for b.Loop() {
		for _, block := range blocks {
			_, err := s.opts.Log.Append(ctx, block)
			require.NoError(b, err)
		}
		for full := true; full; {
			full, err = z.read(ctx)
			require.NoError(b, err)
			_, err = z.seal(ctx)
			require.NoError(b, err)
		}
	}
	perSecond(b, benchEvents)
}

// sealed returns a store that has the sample stream in ten segments.
func sealed(b *testing.B) *Store {
	ctx := context.Background()
	s := benchStore(b)
	z, err := s.newSealer(ctx)
	require.NoError(b, err)
	for i, block := range sampleBlocks(b, benchEvents) {
		_, err := s.opts.Log.Append(ctx, block)
		require.NoError(b, err)
		if i%7 == 6 {
			_, err = z.read(ctx)
			require.NoError(b, err)
			_, err = z.seal(ctx)
			require.NoError(b, err)
		}
	}
	_, err = z.read(ctx)
	require.NoError(b, err)
	if !z.pending.empty() {
		_, err = z.seal(ctx)
		require.NoError(b, err)
	}
	return s
}

func BenchmarkScan(b *testing.B) {
	ctx := context.Background()
	s := sealed(b)
	upTo, err := s.Sealed(ctx)
	require.NoError(b, err)
	for b.Loop() {
		n := 0
		require.NoError(b, s.Scan(ctx, Window{Project: 1, Kind: event.KindEvent, UpTo: upTo}, func(batch *Batch) error {
			n += batch.Len
			return nil
		}))
		require.Equal(b, benchEvents, n)
	}
	perSecond(b, benchEvents)
}

func BenchmarkMerge(b *testing.B) {
	ctx := context.Background()
	s := sealed(b)
	inputs, err := s.neighbours(ctx, group{1, event.KindEvent})
	require.NoError(b, err)
	for b.Loop() {
		merged := Segment{Project: 1, Kind: event.KindEvent, Key: "merged"}
		require.NoError(b, s.writeMerged(ctx, &merged, inputs))
	}
	b.ReportMetric(float64(len(inputs)), "segments")
	perSecond(b, benchEvents)
}

// BenchmarkIdentities folds the identities of all events, without a snapshot.
func BenchmarkIdentities(b *testing.B) {
	ctx := context.Background()
	s := sealed(b)
	upTo, err := s.Sealed(ctx)
	require.NoError(b, err)
	for b.Loop() {
		_, err := s.opts.DB.Exec(ctx, `DELETE FROM store_snapshot`)
		require.NoError(b, err)
		n := 0
		require.NoError(b, s.ScanIdentities(ctx, 1, upTo, func(alias, _ []byte) error {
			n += bytes.Count(alias, []byte("$device:"))
			return nil
		}))
		require.Equal(b, 5000, n)
	}
	perSecond(b, benchEvents)
}
