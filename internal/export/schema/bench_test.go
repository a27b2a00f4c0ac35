package schema

import (
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/sample"
)

// load returns n sample events as batches of the store.
func load(t require.TestingT, n int) (all []*store.Batch) {
	var body []byte
	stream := sample.New(sample.Options{Events: n})
	for range n {
		body = append(stream.Next(body), '\n')
	}
	var in event.Batch
	var norm event.Normalizer
	policy := event.ImportPolicy(1_800_000_000_000, event.Simplified, false)
	var records []record
	var rec event.Record
	for in.Reset(body, "properties"); in.Next(); {
		require.NoError(t, in.Err())
		require.NoError(t, norm.Event(&rec, &in, &policy))
		records = append(records, record{string(rec.Name), string(rec.Properties)})
		if len(records) == 2048 {
			all = append(all, batch(records...))
			records = records[:0]
		}
	}
	return append(all, batch(records...))
}

func TestSteadyStateAllocatesNothingPerEvent(t *testing.T) {
	for _, kind := range []Kind{Monoschema, Multischema} {
		batches := load(t, 4096)
		s := NewShredder(newMapping(t, kind, 0))
		shred := func() {
			for i := range s.Groups() {
				s.Group(i).Reset()
			}
			for _, b := range batches {
				for i := range b.Len {
					if _, err := s.AppendEvent(b, i); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		shred()
		require.Less(t, testing.AllocsPerRun(3, shred), 10.0, "of 4096 events; the race detector has a few of its own")
	}
}

// flat has 22 columns: 8 texts of few values, 7 of many, 4 numbers and times, 1 fraction, 2 booleans.
func flat(n int) *store.Batch {
	var records []record
	for i := range n {
		p := []byte{'{'}
		for c := range 6 {
			p = event.AppendStringMember(p, "$few_"+string(rune('a'+c)), "value number "+string(rune('a'+(i*7+c)%23)))
		}
		for c := range 3 {
			p = event.AppendStringMember(p, "many_"+string(rune('a'+c)), "https://example.com/"+hex(uint64(i*3+c)))
		}
		p = event.AppendRawMember(p, "cart", []byte(`{"items":[{"sku":"`+hex(uint64(i))+`","price":403.30}],"total":403.30}`))
		p = event.AppendRawMember(p, "tags", []byte(`["a","`+hex(uint64(i%1000))+`"]`))
		p = event.AppendIntMember(p, "count", int64(i%10))
		p = event.AppendIntMember(p, "session", int64(i)*7919)
		p = event.AppendRawMember(p, "price", []byte{'1' + byte(i%9), '9', '.', '9', '0' + byte(i%7)})
		for c := range 2 {
			p = event.AppendRawMember(p, "flag_"+string(rune('a'+c)), []byte([]string{"true", "false"}[(i+c)%2]))
		}
		records = append(records, record{"Event " + string(rune('a'+i%11)), string(append(p, '}'))})
	}
	return batch(records...)
}

func hex(v uint64) string {
	const digits = "0123456789abcdef"
	v = v*0x9e3779b97f4a7c15 ^ v>>7
	var b [16]byte
	for i := range b {
		b[i] = digits[v>>(4*i)&15]
	}
	return string(b[:])
}

// BenchmarkExport counts rows per second of CPU time of the process, since other work on the machine shows in the elapsed time.
func BenchmarkExport(b *testing.B) {
	cpu := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	run := func(name string, batches []*store.Batch, write bool) {
		b.Run(name, func(b *testing.B) {
			s := NewShredder(newMapping(b, Monoschema, 0))
			w := parquet.NewWriter(io.Discard, nil)
			rows := 0
			group := s.Group(0)
			flush := func() {
				if write {
					w.Reset(io.Discard, s.Mapping().Tables()[0].ParquetColumns())
					if err := w.WriteGroup(group); err != nil {
						b.Fatal(err)
					}
				}
				group.Reset()
			}
			pass := func() {
				for _, in := range batches {
					for i := range in.Len {
						if _, err := s.AppendEvent(in, i); err != nil {
							b.Fatal(err)
						}
						if group.Full() {
							flush()
						}
					}
					rows += in.Len
				}
				flush()
			}
			pass()
			rows = 0
			begun := cpu()
			for b.Loop() {
				pass()
			}
			b.ReportMetric(float64(rows)/(cpu()-begun), "rows/cpu-s")
			b.ReportMetric(float64(group.Columns()), "columns")
			if write {
				b.ReportMetric(float64(w.Offset())/float64(w.Rows()), "B/row")
			}
		})
	}
	wide := []*store.Batch{flat(50_000)}
	mixed := load(b, 50_000)
	run("22 columns, shredding", wide, false)
	run("22 columns, shredding and writing", wide, true)
	run("sample events, shredding", mixed, false)
	run("sample events, shredding and writing", mixed, true)
}
