package transform

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/schema"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// sinkhole is a bucket that reads what it is given and keeps nothing.
type sinkhole struct{ bucket.Bucket }

func (sinkhole) Put(_ context.Context, key string, body io.ReadSeeker, size int64, _ bucket.PutOptions) (bucket.Object, error) {
	_, err := io.Copy(io.Discard, body)
	return bucket.Object{Key: key, Size: size}, err
}

// cpuSeconds is the CPU time of the process, since other work on the machine shows in the elapsed time.
func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// sparse returns n events with the given number of properties each, of the given number in all. Values are as in the events of 22 columns.
func sparse(n, perEvent, properties int) []*store.Batch {
	var all []*store.Batch
	var records []record
	for i := range n {
		p := []byte{'{'}
		for c := range perEvent {
			// Events of one kind have the same properties in the same order.
			name := fmt.Sprintf("property_%d", (i%(properties/perEvent))*perEvent+c)
			switch c % 4 {
			case 0:
				p = event.AppendIntMember(p, name, int64(i*7919))
			case 1:
				p = event.AppendRawMember(p, name, []byte([]string{"true", "false"}[i%2]))
			case 2:
				p = event.AppendStringMember(p, name, fmt.Sprintf("https://example.com/%x", i*i))
			default:
				p = event.AppendStringMember(p, name, fmt.Sprintf("value number %d", i%23))
			}
		}
		records = append(records, record{name: fmt.Sprintf("event %d", i%11), distinct: fmt.Sprint("user", i%5000), insert: fmt.Sprint("insert", i), properties: string(append(p, '}')), time: int64(i)})
		if len(records) == 2048 {
			all = append(all, batch(records...))
			records = records[:0]
		}
	}
	if len(records) > 0 {
		all = append(all, batch(records...))
	}
	return all
}

// BenchmarkTables writes events from batches of the store to objects that go nowhere.
func BenchmarkTables(b *testing.B) {
	run := func(name string, batches []*store.Batch, kind schema.Kind, format lake.Format, days int) {
		b.Run(name, func(b *testing.B) {
			m := newMapping(b, kind, 0)
			groups := &parquet.Pool{MaxHeld: DefaultMemory}
			n, bytes := 0, int64(0)
			pass := func() {
				o := TablesOptions{Format: format, Layout: layout, Window: lake.Window{UpTo: 1}, Writer: lake.WriterOptions{TempDir: b.TempDir()}, Groups: groups}
				out := NewTables(context.Background(), sinkhole{}, m, o)
				for d := range days {
					if err := out.Day(event.Day(d)); err != nil {
						b.Fatal(err)
					}
					for _, in := range batches[d*len(batches)/days : (d+1)*len(batches)/days] {
						for i := range in.Len {
							if err := out.Event(in, i); err != nil {
								b.Fatal(err)
							}
						}
						n += in.Len
					}
				}
				data, _, err := out.Close()
				if err != nil {
					b.Fatal(err)
				}
				bytes = 0
				for _, o := range data {
					bytes += o.Bytes
				}
			}
			pass()
			n = 0
			begun := cpuSeconds(b)
			passes := 0
			for b.Loop() {
				pass()
				passes++
			}
			b.ReportMetric(float64(n)/(cpuSeconds(b)-begun), "rows/cpu-s")
			b.ReportMetric(float64(bytes)*float64(passes)/float64(n), "B/row")
		})
	}
	const events = 200_000
	mixed := load(b, events)
	flat := sparse(events, 16, 16)
	run("sample events, parquet", mixed, schema.Monoschema, lake.Parquet, 3)
	run("sample events, json", mixed, schema.Monoschema, lake.JSON, 3)
	run("sample events, multischema, parquet", mixed, schema.Multischema, lake.Parquet, 3)
	run("22 columns, parquet", flat, schema.Monoschema, lake.Parquet, 3)
	run("2,000 sparse columns, parquet", sparse(events, 16, 2000), schema.Monoschema, lake.Parquet, 3)
	run("22 columns, json", flat, schema.Monoschema, lake.JSON, 3)
}
