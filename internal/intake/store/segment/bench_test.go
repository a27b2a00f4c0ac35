package segment

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/sample"
)

const benchEvents = 100_000 // a full seal

// sampleRows are events of about 645 bytes, as a client sends them: the sample stream with some more of the usual properties.
func sampleRows(b *testing.B) *Rows {
	const extra = `,"$screen_height":1080,"$screen_width":1920,"$lib_version":"2.53.0","mp_lib":"web","utm_source":"newsletter","utm_campaign":"spring"}`
	stream := sample.New(sample.Options{Events: benchEvents})
	var rows Rows
	var line []byte
	var scan event.Scanner
	scan.Within = "properties"
	for i := range benchEvents {
		line = stream.Next(line[:0])
		_, err := scan.Object(line, 0)
		require.NoError(b, err)
		f := scan.Member("properties")
		properties := f.Raw(line)
		r := event.Record{Kind: event.KindEvent, Received: int64(i), Name: scan.Member("event").Raw(line)}
		ms := int64(0)
		for _, c := range scan.InnerMember("time").Raw(line) {
			ms = ms*10 + int64(c-'0')
		}
		if ms < 1e11 {
			ms *= 1000
		}
		r.Time = ms
		for name, to := range map[string]*[]byte{"distinct_id": &r.DistinctID, "$device_id": &r.DeviceID, "$user_id": &r.UserID, "$insert_id": &r.InsertID} {
			if m := scan.InnerMember(name); m != nil {
				*to = m.Raw(line)
			}
		}
		r.Properties = append(bytes.Clone(properties[:len(properties)-1]), extra...)
		rows.Append(uint64(1+i/500), uint32(i%500), &r)
	}
	b.Logf("%d bytes an event", (rows.Bytes()-rowBytes*benchEvents)/benchEvents)
	return &rows
}

func BenchmarkSortAndWrite(b *testing.B) {
	rows := sampleRows(b)
	arrival := append([]key{}, rows.order...)
	var out bytes.Buffer
	for b.Loop() {
		copy(rows.order, arrival)
		rows.SortByTime()
		out.Reset()
		w := NewWriter(&out, event.KindEvent)
		require.NoError(b, w.Write(rows))
		_, err := w.Close()
		require.NoError(b, err)
	}
	b.ReportMetric(float64(benchEvents)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(out.Len())/benchEvents, "B/event")
}

func BenchmarkReadByDay(b *testing.B) {
	rows := sampleRows(b)
	rows.SortByTime()
	var out bytes.Buffer
	w := NewWriter(&out, event.KindEvent)
	require.NoError(b, w.Write(rows))
	days, err := w.Close()
	require.NoError(b, err)
	for b.Loop() {
		f, err := Open(bytes.NewReader(out.Bytes()), int64(out.Len()))
		require.NoError(b, err)
		c := f.Cursor(All)
		var batch Batch
		n := int64(0)
		for _, d := range days {
			require.NoError(b, c.SeekRow(d.FirstRow))
			for left := d.Records; left > 0; left -= int64(batch.Len) {
				err := c.Next(left, &batch)
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(b, err)
				n += int64(batch.Len)
			}
		}
		require.EqualValues(b, benchEvents, n)
		require.NoError(b, c.Close())
	}
	b.ReportMetric(float64(benchEvents)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
