package collect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// compressors are the content encodings of requests by name; "deflate " is bare deflate.
var compressors = map[string]func(io.Writer) (io.WriteCloser, error){
	"gzip":     func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	"deflate":  func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil },
	"deflate ": func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 1) },
	"zstd":     func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)) },
}

// TestEveryEncodingOfABatchGivesTheSameRecords sends the same events as a plain array and in a random other way.
func TestEveryEncodingOfABatchGivesTheSameRecords(t *testing.T) {
	f := start(t)
	rapid.Check(t, func(t *rapid.T) {
		var events []string
		for i := range rapid.IntRange(1, 5).Draw(t, "events") {
			extra, err := json.Marshal(rapid.MapOfN(rapid.StringMatching(`[a-zé+%& ]{1,8}`), rapid.String(), 0, 4).Draw(t, "properties"))
			require.NoError(t, err)
			events = append(events, eventJSON("e", fmt.Sprintf(`"time":1777636800,"distinct_id":"u","$insert_id":"i-%d","o":%s`, i, extra)))
		}
		array := "[" + strings.Join(events, ",") + "]"
		records := func(got response) []string {
			require.Equal(t, "1", got.body)
			defer func() { f.log.blocks = nil }()
			return f.log.records(f.t)
		}
		want := records(f.post("/track", array, jsonType))
		require.Len(t, want, len(events))

		text := array
		if rapid.Bool().Draw(t, "ndjson") {
			text = strings.Join(events, "\n") + "\n"
		}
		method, path, header := http.MethodPost, "/track", "X-Nothing: 1"
		switch rapid.SampledFrom([]string{"json", "form", "base64", "urlsafe", "beacon", "query"}).Draw(t, "form") {
		case "form":
			text = url.Values{"data": {text}, "verbose": {"0"}}.Encode()
		case "base64":
			text = "data=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(text)))
		case "urlsafe":
			text = "ip=0&data=" + base64.RawURLEncoding.EncodeToString([]byte(text))
		case "beacon":
			text, header = "data="+base64.StdEncoding.EncodeToString([]byte(text)), "Content-Type: text/plain;charset=UTF-8"
		case "query":
			method, path, text = http.MethodGet, "/track/?data="+url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(text))), ""
		}
		encoding := rapid.SampledFrom([]string{"", "gzip", "deflate", "deflate ", "zstd"}).Draw(t, "encoding")
		if encoding != "" && method == http.MethodPost {
			var b bytes.Buffer
			w, err := compressors[encoding](&b)
			require.NoError(t, err)
			_, err = io.WriteString(w, text)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			text = b.String()
			header += "\r\nContent-Encoding: " + strings.TrimSpace(encoding)
		}
		got := records(f.send(method, path, text, header))
		for i := range got {
			// $mp_event_size and everything else is the same, whatever way it came.
			require.Equal(t, want[i], got[i])
		}
		require.Len(t, got, len(want))
	})
}

func TestRequestsAreCountedByEndpointAndStatus(t *testing.T) {
	f := start(t)
	f.post("/track", good("i-1"))
	f.post("/track/", good("i-1"))
	f.post(strict, "[]")
	f.post("/nope", "")
	families, err := f.registry.Gather()
	require.NoError(t, err)
	seen := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			seen[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for name, want := range map[string]float64{
		"refract_collector_requests_total track 200":     2,
		"refract_collector_requests_total import 401":    1,
		"refract_collector_requests_total other 404":     1,
		"refract_collector_append_seconds":               2,
		"refract_collector_body_bytes_total track":       float64(2 * len(good("i-1"))),
		"refract_collector_records_total track accepted": 2,
		"refract_collector_buffer_bytes":                 0,
	} {
		got, ok := seen[name]
		require.True(t, ok, name)
		require.Equal(t, want, got, name)
	}
}
