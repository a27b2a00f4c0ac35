package collect

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBase64IsUndoneInEveryFormThatArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		text := rapid.SampledFrom([]*base64.Encoding{
			base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding,
		}).Draw(t, "encoding").EncodeToString(want)
		if rapid.Bool().Draw(t, "spaces") {
			text = strings.ReplaceAll(text, "+", " ")
		}
		if at := rapid.IntRange(0, len(text)).Draw(t, "line break"); rapid.Bool().Draw(t, "broken") {
			text = text[:at] + "\r\n" + text[at:]
		}
		got, err := decodeBase64([]byte(text))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
	})
}

func TestWhatIsNoBase64IsRefused(t *testing.T) {
	for _, text := range []string{"A", "AAAAA", "AA=A", "AAAA*AAA", "A A\x00", "\xff\xff\xff\xff", "=A"} {
		_, err := decodeBase64([]byte(text))
		require.Error(t, err, "%q", text)
	}
	for _, text := range []string{"", "=", "==\n"} {
		got, err := decodeBase64([]byte(text))
		require.NoError(t, err)
		require.Empty(t, got)
	}
}

func TestFormsAreReadAsNetURLReadsThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := url.Values{}
		data := rapid.String().Draw(t, "data")
		values.Set("data", data)
		values.Set("callback", rapid.String().Draw(t, "callback"))
		values.Set("project_id", rapid.String().Draw(t, "project_id"))
		values.Set("other", rapid.String().Draw(t, "other"))
		var p params
		p.parseForm([]byte(values.Encode()))
		require.Equal(t, data, string(p.data))
		require.Equal(t, values.Get("callback"), p.callback)
		require.Equal(t, values.Get("project_id"), p.projectID)
	})
}

func TestPercentSignsOfRawJSONStandForThemselves(t *testing.T) {
	for text, want := range map[string]string{"100%": "100%", "%": "%", "%zz": "%zz", "%4": "%4", "%41%4": "A%4", "a+b%2B": "a b+"} {
		require.Equal(t, want, string(unescape([]byte(text))), text)
	}
}

func TestSwitches(t *testing.T) {
	for query, want := range map[string]params{
		"":                                       {},
		"verbose=0&strict=0&ip=0&img=0":          {},
		"verbose=&strict=false":                  {},
		"verbose=1&strict=1&ip=1&img=1":          {verbose: verboseOn, strict: true, useIP: true, image: true},
		"verbose=true&strict=true":               {verbose: verboseOn, strict: true},
		"verbose=2":                              {verbose: verboseMore},
		"ip=1&ip=0":                              {},
		"&&=&verbose&callback=f&api_key=a%20b&x": {callback: "f", apiKey: "a b"},
	} {
		var p params
		p.parseForm([]byte(query))
		require.Equal(t, want, p, query)
	}
}

func TestCallbackNames(t *testing.T) {
	for _, name := range []string{"f", "_", "$", "jQuery123_456", "a.b.c", "mp.cb1"} {
		require.True(t, validCallback(name), name)
	}
	for _, name := range []string{"", "1f", "a..b", ".a", "a.", "a b", "alert(1)", "a;b", "a[0]", "é", "a\n", "</script>", strings.Repeat("a", 129)} {
		require.False(t, validCallback(name), name)
	}
}

func TestPooledDecompressorsAreNotMixedUp(t *testing.T) {
	f := start(t)
	requests := map[string][]byte{}
	for _, name := range []string{"deflate_raw_track", "deflate_zlib_track", "ndjson_zstd_import", "swift_track_gzip"} {
		raw, err := os.ReadFile("testdata/requests/" + name + ".http")
		require.NoError(t, err)
		requests[name] = raw
	}
	for range 5 {
		for name, raw := range requests {
			require.Equal(t, 200, f.raw(raw).code, name)
			require.Equal(t, 400, f.post("/track", "\x00\x00broken", "Content-Encoding: deflate").code)
			require.Equal(t, 400, f.post("/track", "\x28\xb5\x2f\xfdbroken", "Content-Encoding: zstd").code)
		}
	}
}
