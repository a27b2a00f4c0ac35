package collect

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/project"
)

// discardLog takes everything.
type discardLog struct{}

func (discardLog) Append(context.Context, int64, []byte, int) (eventlog.Position, error) {
	return 1, nil
}
func (discardLog) AppendKeyed(context.Context, int64, string, []byte, int) (eventlog.Position, error) {
	return 1, nil
}
func (discardLog) KnownKey(context.Context, int64, string) (bool, error) { return false, nil }

// benchmarkBody is 2,000 events of about 645 bytes as gzip.
func benchmarkBody(b *testing.B) []byte {
	b.Helper()
	var text strings.Builder
	text.WriteByte('[')
	for i := range 2000 {
		if i > 0 {
			text.WriteByte(',')
		}
		n := i * 2654435761 % 1_000_003
		fmt.Fprintf(&text, `{"event":"%s","properties":{"token":"%s","time":%d,"distinct_id":"user-%06d","$insert_id":"%08x-%04x-4a5b-8c6d-%012x",`+
			`"$os":"%s","$browser":"Chrome","$browser_version":12%d,"$current_url":"https://shop.example.com/p/%d?utm_source=news","$screen_height":1080,`+
			`"$screen_width":1920,"mp_lib":"web","$lib_version":"2.65.0","plan":"%s","price":%d.%02d,"quantity":%d,"trial":%t,"city":"K\u00f6ln",`+
			`"note":"größe %d passt","referrer":null,"cart":{"items":[%d,%d],"total":%d.30,"coupon":"SPRING"},"tags":["a","b%d"],"session":"%016x"}}`,
			[]string{"Page viewed", "Added to cart", "Purchased"}[n%3], testToken, testNow.Unix()-int64(n%200_000), n%50_000, n, n%65536, n,
			[]string{"Linux", "Windows", "Mac OS X", "Android"}[n%4], n%8, n%10_000, []string{"free", "pro"}[n%2], n%400, n%100, n%9, n%2 == 0,
			n%50, n%1000, n%777, n%300, n%12, uint64(n)*0x9e3779b97f4a7c15)
	}
	text.WriteByte(']')
	b.Logf("%d bytes per event", text.Len()/2000)
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, 6)
	require.NoError(b, err)
	_, err = z.Write([]byte(text.String()))
	require.NoError(b, err)
	require.NoError(b, z.Close())
	return packed.Bytes()
}

// BenchmarkImport posts gzip bodies of 2,000 events. The metric ev/cs is events per second of the process's CPU, which includes the
// client's; allocs/op are those of a request.
func BenchmarkImport(b *testing.B) {
	run := func(b *testing.B, log Appender, send func(b *testing.B, c *Collector, body []byte)) {
		body := benchmarkBody(b)
		c := New(Config{Log: log, Keys: discardLog{}, Quarantine: brokenQuarantine{}, Logger: slog.New(slog.DiscardHandler),
			Now:      func() time.Time { return testNow },
			Projects: oneProject{&project.Project{ID: 1, Token: testToken, Identity: project.Simplified}}})
		send(b, c, body)
	}
	handler := func(b *testing.B, c *Collector, body []byte) {
		measure(b, func() {
			r := httptest.NewRequest(http.MethodPost, "/import?strict=1", bytes.NewReader(body))
			r.Header.Set("Content-Encoding", "gzip")
			r.SetBasicAuth(testToken, "")
			w := httptest.NewRecorder()
			c.ServeHTTP(w, r)
			if w.Code != 200 {
				b.Fatal(w.Body)
			}
		})
	}
	socket := func(b *testing.B, c *Collector, body []byte) {
		s := httptest.NewServer(c)
		defer s.Close()
		measure(b, func() {
			r, err := http.NewRequest(http.MethodPost, s.URL+"/import?strict=1", bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			r.Header.Set("Content-Encoding", "gzip")
			r.SetBasicAuth(testToken, "")
			resp, err := s.Client().Do(r)
			if err != nil {
				b.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil || resp.StatusCode != 200 {
				b.Fatal(resp.Status, err)
			}
		})
	}
	b.Run("log=none/handler", func(b *testing.B) { run(b, discardLog{}, handler) })
	b.Run("log=none/socket", func(b *testing.B) { run(b, discardLog{}, socket) })
	b.Run("log=embedded/socket", func(b *testing.B) {
		log, err := eventlog.Open(context.Background(), b.TempDir(), eventlog.Options{})
		require.NoError(b, err)
		defer func() { require.NoError(b, log.Close()) }()
		w := eventlog.NewWriter(log, eventlog.WriterOptions{})
		defer func() { require.NoError(b, w.Close()) }()
		run(b, w, socket)
	})
}

func measure(b *testing.B, request func()) {
	request()
	runtime.GC()
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		request()
	}
	b.ReportMetric(2000*float64(b.N)/(cpu()-before).Seconds(), "ev/cs")
}

// cpu is the user and system time of the process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
