package eventlog_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
	"github.com/refract-io/refract/internal/sample"
)

// sampleRecords returns records with the properties of a product's events, some 500 bytes each.
func sampleRecords(count int) []event.Record {
	stream := sample.New(sample.Options{Events: count})
	records := make([]event.Record, count)
	for i := range records {
		records[i] = event.Record{
			Kind: event.KindEvent, Time: 1_777_593_600_000 + int64(i)*37, Received: 1_777_593_700_000,
			Name: []byte("Page View"), DistinctID: fmt.Appendf(nil, "user-%d", i%977), DeviceID: fmt.Appendf(nil, "device-%d", i%1954),
			InsertID: fmt.Appendf(nil, "%016x", uint64(i)*0x9e3779b97f4a7c15), Properties: stream.Next(nil),
		}
	}
	return records
}

func encodeRecords(b *testing.B, records []event.Record) *eventlog.Encoder {
	e := new(eventlog.Encoder)
	for i := range records {
		require.NoError(b, e.Append(&records[i]))
	}
	return e
}

// BenchmarkEncode encodes and compresses blocks of 2,000 records on one core.
func BenchmarkEncode(b *testing.B) {
	records := sampleRecords(2000)
	var e eventlog.Encoder
	var data []byte
	var err error
	b.ReportAllocs()
	for b.Loop() {
		e.Reset()
		for i := range records {
			if err = e.Append(&records[i]); err != nil {
				b.Fatal(err)
			}
		}
		if data, err = e.Finish(data[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(e.Len()))
	b.ReportMetric(float64(len(records)*b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(e.Len())/float64(len(data)), "ratio")
}

func BenchmarkDecode(b *testing.B) {
	records := sampleRecords(2000)
	e := encodeRecords(b, records)
	data, err := e.Finish(nil)
	require.NoError(b, err)
	block := eventlog.Block{Count: len(records), Data: data}
	var d eventlog.Decoder
	b.SetBytes(int64(e.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(&block, func(int, *event.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(records)*b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkWriter stores requests durably. An operation is one request.
func BenchmarkWriter(b *testing.B) {
	cases := []struct {
		clients, records, projects, inFlight int
	}{
		{clients: 1, records: 1, projects: 1, inFlight: 4},
		{clients: 200, records: 1, projects: 1, inFlight: 4},
		{clients: 200, records: 1, projects: 20, inFlight: 4},
		{clients: 8, records: 2000, projects: 1, inFlight: 1},
		{clients: 8, records: 2000, projects: 1, inFlight: 4},
	}
	for _, c := range cases {
		name := fmt.Sprintf("clients=%d/records=%d/projects=%d/inflight=%d", c.clients, c.records, c.projects, c.inFlight)
		b.Run(name, func(b *testing.B) {
			log := openEmbedded(b, b.TempDir(), eventlog.Options{})
			w := eventlog.NewWriter(log, eventlog.WriterOptions{InFlight: c.inFlight})
			e := encodeRecords(b, sampleRecords(c.records))
			var left atomic.Int64
			left.Store(int64(b.N))
			var slowest atomic.Int64
			b.SetBytes(int64(e.Len()))
			b.ResetTimer()
			var wg sync.WaitGroup
			for client := range c.clients {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						start := time.Now()
						if _, err := w.Append(context.Background(), int64(client%c.projects), e.Bytes(), e.Count()); err != nil {
							b.Errorf("appending: %v", err)
							return
						}
						took := int64(time.Since(start))
						for seen := slowest.Load(); took > seen && !slowest.CompareAndSwap(seen, took); seen = slowest.Load() {
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			last, err := log.Last(b.Context())
			require.NoError(b, err)
			require.NoError(b, w.Close())
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			b.ReportMetric(float64(b.N)/float64(last), "appends/block")
			b.ReportMetric(float64(slowest.Load())/1e6, "ms-slowest")
		})
	}
}

// BenchmarkRead reads a log of 64 MiB; the bytes are those of the blocks as stored.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{4 << 10, 128 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("block=%d", size), func(b *testing.B) {
			log := openEmbedded(b, b.TempDir(), eventlog.Options{})
			block := logtest.Noise("block", size)
			const total = 64 << 20
			for range total / size {
				_, err := log.Append(b.Context(), block)
				require.NoError(b, err)
			}
			b.SetBytes(total)
			b.ReportAllocs()
			for b.Loop() {
				if err := log.Read(b.Context(), 0, func(*eventlog.Block) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
