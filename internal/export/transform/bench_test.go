package transform

import (
	"io"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/sample"
)

// load returns batches of sample events as a scan of the store gives them, and their number.
func load(b *testing.B, n int) []*store.Batch {
	var body []byte
	stream := sample.New(sample.Options{Events: n})
	for range n {
		body = append(stream.Next(body), '\n')
	}
	return batchesOf(b, body)
}

func batchesOf(b *testing.B, body []byte) []*store.Batch {
	var in event.Batch
	var norm event.Normalizer
	policy := event.ImportPolicy(1_800_000_000_000, event.Simplified, false)
	var all []*store.Batch
	var records []record
	var rec event.Record
	for in.Reset(body, "properties"); in.Next(); {
		if err := in.Err(); err != nil {
			b.Fatal(err)
		}
		if err := norm.Event(&rec, &in, &policy); err != nil {
			b.Fatal(err)
		}
		records = append(records, record{string(rec.Name), string(rec.DistinctID), string(rec.DeviceID), string(rec.UserID), string(rec.InsertID), string(rec.Properties), rec.Time})
		if len(records) == 2048 {
			all = append(all, batch(records...))
			records = records[:0]
		}
	}
	return append(all, batch(records...))
}

// BenchmarkExport compares assembling rows, gzip alone of the same rows, and both.
func BenchmarkExport(b *testing.B) {
	batches := load(b, 50_000)
	var text []byte
	n := 0
	rows := Rows{}
	for _, in := range batches {
		for i := range in.Len {
			text, _ = rows.AppendEvent(text, in, i)
			n++
		}
	}
	const chunk = 256 << 10
	buf := make([]byte, 0, 2*chunk)
	// CPU time of the process, since other work on the machine shows in the elapsed time.
	cpu := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	var begun float64
	report := func(b *testing.B) {
		b.ReportMetric(float64(n)*float64(b.N)/(cpu()-begun), "rows/cpu-s")
		b.SetBytes(int64(len(text)))
	}
	b.Run("assembly", func(b *testing.B) {
		begun = cpu()
		for b.Loop() {
			for _, in := range batches {
				for i := range in.Len {
					buf, _ = rows.AppendEvent(buf, in, i)
					if len(buf) >= chunk {
						buf = buf[:0]
					}
				}
			}
		}
		report(b)
	})
	b.Run("gzip 5 alone", func(b *testing.B) {
		zip, _ := gzip.NewWriterLevel(io.Discard, 5)
		begun = cpu()
		for b.Loop() {
			zip.Reset(io.Discard)
			for at := 0; at < len(text); at += chunk {
				_, _ = zip.Write(text[at:min(at+chunk, len(text))])
			}
			_ = zip.Close()
		}
		report(b)
	})
	b.Run("both", func(b *testing.B) {
		zip, _ := gzip.NewWriterLevel(io.Discard, 5)
		begun = cpu()
		for b.Loop() {
			zip.Reset(io.Discard)
			buf = buf[:0]
			for _, in := range batches {
				for i := range in.Len {
					buf, _ = rows.AppendEvent(buf, in, i)
					if len(buf) >= chunk {
						_, _ = zip.Write(buf)
						buf = buf[:0]
					}
				}
			}
			_, _ = zip.Write(buf)
			_ = zip.Close()
		}
		report(b)
	})
}
