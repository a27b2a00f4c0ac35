package collect

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

const (
	jsonType = "Content-Type: application/json"
	formType = "Content-Type: application/x-www-form-urlencoded"
)

// event returns an event of the test project with further members of its properties.
func eventJSON(name, properties string) string {
	if properties != "" {
		properties = "," + properties
	}
	return `{"event":"` + name + `","properties":{"token":"` + testToken + `"` + properties + `}}`
}

// good is an event that any endpoint for events takes.
func good(insertID string) string {
	return eventJSON("good", `"time":1777636800,"distinct_id":"u","$insert_id":"`+insertID+`"`)
}

func at(seconds int64) string {
	return fmt.Sprintf(`"time":%d,"distinct_id":"u","$insert_id":"i-1"`, seconds)
}

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

func imported(n int) string {
	return `{"code":200,"num_records_imported":` + strconv.Itoa(n) + `,"status":"OK"}`
}

func failed(taken int, records ...string) string {
	return `{"code":400,"error":"some data points in the request failed validation","failed_records":[` + strings.Join(records, ",") +
		`],"num_records_imported":` + strconv.Itoa(taken) + `,"status":"Bad Request"}`
}

func failure(index int, insertID, field, message string) string {
	return fmt.Sprintf(`{"index":%d,"insert_id":%q,"field":%q,"message":%q}`, index, insertID, field, message)
}

const (
	verboseOK = `{"error":null,"status":1}`
	strict    = "/import?strict=1"
	lax       = "/import?strict=0"
	cutOff    = `{"code":400,"error":"request body ends too early","failed_records":[],"num_records_imported":0,"status":"Bad Request"}`
)

func verboseError(message string) string { return fmt.Sprintf(`{"error":%q,"status":0}`, message) }

func status(code int, message string) string {
	return fmt.Sprintf(`{"code":%d,"error":%q,"status":%q}`, code, message, http.StatusText(code))
}

// TestAnswers sends one request each to a fresh collector and compares the whole answer, the number of records in the log and the
// number in the quarantine.
func TestAnswers(t *testing.T) {
	auth := basicAuth(testToken, "")
	deep := func(n int) string {
		return `[` + eventJSON("deep", at(1777636800)+`,"a":`+strings.Repeat(`{"a":`, n)+`1`+strings.Repeat(`}`, n)) + `]`
	}
	many := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(good("i")+",", n), ",") + "]" }
	form := func(data string) string { return "data=" + data }
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, test := range []struct {
		name    string
		path    string
		body    string
		headers []string
		code    int
		want    string
		logged  int
		kept    int
	}{
		// Ways to say nothing.
		{name: "no body", path: "/track", code: 200, want: "0"},
		{name: "no body, verbose", path: "/track?verbose=1", code: 200, want: verboseError("data, missing or empty")},
		{name: "verbose=0 is off", path: "/track?verbose=0", code: 200, want: "0"},
		{name: "an empty array", path: "/track?verbose=1", body: "[]", headers: []string{jsonType}, code: 200, want: verboseError("data, missing or empty")},
		{name: "empty data", path: "/engage?verbose=1", body: "data=", headers: []string{formType}, code: 200, want: verboseError("data, missing or empty")},
		{name: "a form without data", path: "/groups?verbose=1", body: "date=1", headers: []string{formType}, code: 200, want: verboseError("data, missing or empty")},
		{name: "an empty import", path: strict, headers: []string{auth}, code: 400,
			want: `{"code":400,"error":"data, missing or empty","failed_records":[],"num_records_imported":0,"status":"Bad Request"}`},
		{name: "an empty import, lax", path: lax, headers: []string{auth}, code: 200, want: "0"},

		// Ways to say it wrongly.
		{name: "wrong base64", path: "/track?verbose=1", body: form("!!!not*base64"), headers: []string{formType}, code: 200, want: verboseError("data, neither JSON nor base64")},
		{name: "base64 of one character too many", path: "/track", body: form(b64(good("i-1")) + "AAAAA"), headers: []string{formType}, code: 200, want: "0"},
		{name: "base64 of no JSON", path: "/track?verbose=1", body: form("AAAA"), headers: []string{formType}, code: 200, want: verboseError("invalid JSON at byte 0: expected a value")},
		{name: "base64 without padding", path: "/track", body: form(strings.TrimRight(b64(good("i-10")), "=")), headers: []string{formType}, code: 200, want: "1", logged: 1},
		{name: "JSON under a wrong content type", path: "/track", body: good("i-1"), headers: []string{"Content-Type: image/png"}, code: 200, want: "1", logged: 1},
		{name: "a form under no content type", path: "/track", body: form(good("i-1")), code: 200, want: "1", logged: 1},
		{name: "a form under a JSON content type", path: "/track", body: form(good("i-1")), headers: []string{jsonType}, code: 200, want: "0", kept: 1},
		{name: "a byte order mark", path: "/track", body: "\xef\xbb\xbf" + good("i-1"), headers: []string{jsonType}, code: 200, want: "1", logged: 1},
		{name: "a number", path: "/track?verbose=1", body: "17", headers: []string{jsonType}, code: 200, want: verboseError("record is invalid: must be an object")},
		{name: "an array of a number and an event", path: "/track", body: "[17," + good("i-1") + "]", code: 200, want: "1", logged: 1},
		{name: "cut off in the second event", path: "/track", body: "[" + good("i-1") + `,{"event":"x","prop`, code: 200, want: "1", logged: 1, kept: 1},
		{name: "cut off after the token", path: "/track", body: good("i-1")[:100], code: 200, want: "0", kept: 1},
		{name: "an unknown Content-Encoding", path: "/track", body: "x", headers: []string{"Content-Encoding: br"}, code: 415,
			want: status(415, `Content-Encoding "br" is not supported: use gzip, deflate or zstd`)},
		{name: "no gzip under Content-Encoding gzip", path: "/track", body: "[plain text]", headers: []string{"Content-Encoding: gzip"}, code: 400, want: "0"},
		{name: "gzip that ends too early", path: "/track?verbose=1", body: gzipped(t, good("i-1"))[:60], headers: []string{"Content-Encoding: gzip"}, code: 400,
			want: verboseError("request body ends too early")},
		{name: "gzip that ends too early, import", path: strict, body: gzipped(t, good("i-1"))[:60], headers: []string{auth, "Content-Encoding: gzip"}, code: 400, want: cutOff},
		{name: "gzip with a wrong checksum", path: "/track", body: func() string {
			b := []byte(gzipped(t, good("i-1")))
			b[len(b)-5] ^= 1
			return string(b)
		}(), headers: []string{"Content-Encoding: gzip"}, code: 400, want: "0"},

		// Too much.
		{name: "10 MiB", path: "/track", body: "[" + good("i-1") + strings.Repeat(" ", 10<<20-len(good("i-1"))-2) + "]", code: 200, want: "1", logged: 1},
		{name: "one byte more than 10 MiB", path: "/track", body: "[" + good("i-1") + strings.Repeat(" ", 10<<20-len(good("i-1"))-1) + "]", code: 413,
			want: status(413, "request exceeds max limit of 10485760 bytes")},
		{name: "a gzip bomb", path: strict, body: gzipped(t, "["+good("i-1")+strings.Repeat(" ", 32<<20)+"]"), headers: []string{auth, "Content-Encoding: gzip"}, code: 413,
			want: status(413, "request exceeds max limit of 10485760 bytes")},
		{name: "2000 events", path: strict, body: many(2000), headers: []string{auth}, code: 200, want: imported(2000), logged: 2000},
		{name: "2001 events", path: strict, body: many(2001), headers: []string{auth}, code: 413, want: status(413, "request exceeds max limit of 2000 records")},
		{name: "an event of more than 1 MB", path: strict, body: "[" + eventJSON("big", at(1777636800)+`,"a":"`+strings.Repeat("a", 1<<20)+`"`) + "," + good("i-2") + "]",
			headers: []string{auth}, code: 400, want: failed(1, failure(0, "i-1", "", "event is invalid: must be smaller than 1048576 bytes")), logged: 1, kept: 1},
		{name: "objects nested three deep", path: strict, body: deep(3), headers: []string{auth}, code: 200, want: imported(1), logged: 1},
		{name: "objects nested four deep", path: strict, body: deep(4), headers: []string{auth}, code: 400,
			want: failed(0, failure(0, "i-1", "properties.a", "'properties.a' is invalid: must not nest objects deeper than 3 levels")), kept: 1},
		{name: "a million brackets", path: "/track", body: strings.Repeat("[", 1_000_000), code: 200, want: "0"},
		{name: "256 properties", path: strict, body: "[" + eventJSON("wide", at(1777636800)+func() (s string) {
			for i := range 256 {
				s += fmt.Sprintf(`,"p%d":%d`, i, i)
			}
			return s
		}()) + "]", headers: []string{auth}, code: 400,
			want: failed(0, failure(0, "i-1", "properties", "'properties' is invalid: must have at most 255 properties")), kept: 1},

		// Strange values that are none of the collector's business, and some that are.
		{name: "numbers beyond float64", path: strict, body: "[" + eventJSON("n", at(1777636800)+`,"a":9007199254740993,"b":1e400,"c":-0.0`) + "]", headers: []string{auth},
			code: 200, want: imported(1), logged: 1},
		{name: "a NUL character", path: strict, body: "[" + eventJSON("n", at(1777636800)+`,"a":"\u0000"`) + "]", headers: []string{auth}, code: 200, want: imported(1), logged: 1},
		{name: "a raw NUL byte", path: strict, body: "[" + eventJSON("n", at(1777636800)+",\"a\":\"\x00\"") + "]", headers: []string{auth}, code: 400,
			want: failed(0, failure(0, "", "", "invalid JSON at byte 131: control character in a string")), kept: 1},
		{name: "text that is not UTF-8", path: strict, body: "[" + eventJSON("n", at(1777636800)+",\"utm_source\":\"\xff\"") + "]", headers: []string{auth}, code: 400,
			want: failed(0, failure(0, "i-1", "properties.utm_source", "properties.utm_source is invalid: string should be valid utf8")), kept: 1},
		{name: "a key twice", path: strict, body: "[" + eventJSON("n", at(1777636800)+`,"a":1,"a":2`) + "]", headers: []string{auth}, code: 200, want: imported(1), logged: 1},
		{name: "an event of 1969", path: strict, body: "[" + eventJSON("n", at(-86400)) + "]", headers: []string{auth}, code: 400,
			want: failed(0, failure(0, "i-1", "properties.time", "'properties.time' is invalid: must be on or after 1971-01-01")), kept: 1},
		{name: "an event of 2099", path: strict, body: "[" + eventJSON("n", at(4089312000)) + "]", headers: []string{auth}, code: 400,
			want: failed(0, failure(0, "i-1", "properties.time", "'properties.time' is invalid: must not be more than 1 hour in the future")), kept: 1},
		{name: "an event of 2099 is dated now outside strict mode", path: lax, body: "[" + eventJSON("n", at(4089312000)) + "]", headers: []string{auth}, code: 200, want: "1", logged: 1},
		{name: "a time in words", path: strict, body: "[" + eventJSON("n", `"time":"yesterday","distinct_id":"u","$insert_id":"i-1"`) + "]", headers: []string{auth}, code: 400,
			want: failed(0, failure(0, "i-1", "properties.time", "'properties.time' is invalid: must be specified as seconds since epoch")), kept: 1},
		{name: "no event name", path: strict, body: `[{"properties":{"time":1777636800,"distinct_id":"u","$insert_id":"i-1"}}]`, headers: []string{auth}, code: 400,
			want: failed(0, failure(0, "i-1", "event", "'event' must not be missing or blank")), kept: 1},
		{name: "no distinct_id", path: strict, body: "[" + eventJSON("n", `"time":1777636800,"$insert_id":"i-1"`) + "]", headers: []string{auth}, code: 400,
			want: failed(0, failure(0, "i-1", "properties.distinct_id", "'properties.distinct_id' is invalid: must not be missing")), kept: 1},
		{name: "good and bad in one import", path: strict, body: "[" + good("i-0") + "," + eventJSON("", at(1)) + "," + good("i-2") + "]", headers: []string{auth}, code: 400,
			want: failed(2, failure(1, "i-1", "event", "'event' must not be missing or blank")), logged: 2, kept: 1},
		{name: "good and bad in one lax import", path: lax, body: "[" + good("i-0") + "," + eventJSON("", at(1)) + "]", headers: []string{auth}, code: 200, want: "1", logged: 1, kept: 1},
		{name: "identity events in a simplified project", path: strict, body: "[" + good("i-0") + "," + eventJSON("$identify", at(1)) + "," + eventJSON("$merge", at(1)) + "]",
			headers: []string{auth}, code: 400, kept: 3,
			want: failed(0, `"identity events are not allowed when project is using simplified identity management"`,
				`"identity events are not allowed when project is using simplified identity management"`)},
		{name: "identity events in an original project", path: strict, body: `[{"event":"$merge","properties":{"$distinct_ids":["a","b"]}}]`,
			headers: []string{basicAuth(originalSecret, "")}, code: 200, want: imported(1), logged: 1},
		{name: "NDJSON with a bad line", path: strict, body: good("i-0") + "\n{bad\n" + good("i-2") + "\n", headers: []string{auth}, code: 400,
			want: failed(2, failure(1, "", "", "invalid JSON at byte "+strconv.Itoa(len(good("i-0"))+2)+": expected a string as object key")), logged: 2, kept: 1},

		// /track.
		{name: "no token", path: "/track?verbose=1", body: `{"event":"x","properties":{}}`, code: 200, want: verboseError("token, missing or empty")},
		{name: "no event", path: "/track?verbose=1", body: eventJSON("", ""), code: 200, want: verboseError("event, missing"), kept: 1},
		{name: "a token of no project", path: "/track?verbose=1", body: `{"event":"x","properties":{"token":"bogus"}}`, code: 200, want: verboseOK},
		{name: "a token of no project, plain", path: "/track", body: `{"event":"x","properties":{"token":"bogus"}}`, code: 200, want: "1"},
		{name: "no event under a token of no project", path: "/track?verbose=1", body: `{"properties":{"token":"bogus"}}`, code: 200, want: verboseError("event, missing")},
		{name: "an event of five days ago", path: "/track", body: eventJSON("x", at(1777636800-5*86400)), code: 200, want: "1", logged: 1},
		{name: "an older event", path: "/track?verbose=1", body: eventJSON("x", at(1777636800-5*86400-1)), code: 200,
			want: verboseError("'properties.time' is invalid: must be within the last 5 days"), kept: 1},
		{name: "an event of 2099 on /track", path: "/track", body: eventJSON("x", at(4089312000)), code: 200, want: "1", logged: 1},
		{name: "strict means nothing to /track", path: "/track?strict=1", body: eventJSON("", ""), code: 200, want: "0", kept: 1},
		{name: "$ignore", path: "/track", body: eventJSON("x", `"$ignore":true`), code: 200, want: "1"},
		{name: "$ignore false", path: "/track", body: eventJSON("x", `"$ignore":false`), code: 200, want: "1", logged: 1},
		{name: "img", path: "/track?img=1", body: good("i-1"), code: 200, want: pixel, logged: 1},
		{name: "callback", path: "/track?callback=a.b_1", body: good("i-1"), code: 200, want: "a.b_1(1);", logged: 1},
		{name: "callback in the form", path: "/track", body: "callback=f&verbose=1&data=" + good("i-1"), code: 200, want: `f({"error":null,"status":1});`, logged: 1},
		{name: "a callback that is script", path: "/track?callback=alert(1)//", body: good("i-1"), code: 400, want: "0"},
		{name: "two projects in one batch", path: "/track", body: "[" + good("i-1") + "," + strings.ReplaceAll(good("i-2"), testToken, originalToken) + "]", code: 200, want: "1", logged: 2},

		// /engage and /groups.
		{name: "a profile without token", path: "/engage?verbose=1", body: `{"$distinct_id":"u","$set":{}}`, code: 200, want: verboseError("$token, missing or empty")},
		{name: "a profile without operator", path: "/engage", body: `{"$token":"` + testToken + `","$distinct_id":"u"}`, code: 200, want: "0", kept: 1},
		{name: "bad profiles in strict mode", path: "/engage?strict=1", body: `[{"$token":"` + testToken + `","$set":{}},{"$token":"` + testToken + `","$distinct_id":"u","$set":{}}]`,
			code: 400, want: failed(1, failure(0, "", "$distinct_id", "$distinct_id, missing or empty")), logged: 1, kept: 1},
		{name: "good profiles in strict mode", path: "/engage?strict=1", body: `{"$token":"` + testToken + `","$distinct_id":"u","$set":{}}`, code: 200, want: imported(1), logged: 1},
		{name: "$append to a group", path: "/groups?verbose=1", body: `{"$token":"` + testToken + `","$group_key":"k","$group_id":"g","$append":{"a":1}}`, code: 200,
			want: verboseError("'$append' is invalid: is not supported for groups"), kept: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			got := f.post(test.path, test.body, test.headers...)
			require.Equal(t, test.want, got.body)
			require.Equal(t, test.code, got.code)
			require.Len(t, f.log.records(t), test.logged, "records in the log")
			require.Len(t, f.kept(), test.kept, "records in the quarantine")
			require.Zero(t, f.memory.used.Load(), "memory not given back")
		})
	}
}

func TestMethodsAndPaths(t *testing.T) {
	f := start(t)
	for _, test := range []struct {
		method, path string
		code         int
		want         string
	}{
		{"GET", "/nope", 404, status(404, `no such path: "/nope"`)},
		{"GET", "/", 404, status(404, `no such path: "/"`)},
		{"GET", "/lookup-tables", 404, status(404, `no such path: "/lookup-tables"`)},
		{"GET", "/import", 401, status(401, "Invalid credentials")},
		{"DELETE", "/import", 405, status(405, "method DELETE is not allowed: use GET, HEAD, POST, OPTIONS")},
		{"PUT", "/track", 405, status(405, "method PUT is not allowed: use GET, HEAD, POST, OPTIONS")},
		{"HEAD", "/track?data=" + base64.URLEncoding.EncodeToString([]byte(good("i-1"))), 200, ""},
		{"OPTIONS", "/import", 204, ""},
		{"GET", "/groups/", 200, "0"},
	} {
		got := f.send(test.method, test.path, "")
		require.Equal(t, test.code, got.code, test.path)
		require.Equal(t, test.want, got.body, test.path)
	}
	require.Empty(t, f.log.records(t), "HEAD takes nothing")
	require.Empty(t, f.send("OPTIONS", "/import", "", "Origin: https://evil.example").header.Get("Access-Control-Allow-Origin"),
		"pages cannot use a login that the browser remembers")
}

func TestZstdThatAsksForTooMuchMemoryIsRefused(t *testing.T) {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	require.NoError(t, err)
	_, err = z.Write([]byte(good("i-1") + strings.Repeat(" ", 9<<20)))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	f := start(t)
	got := f.post("/track", b.String(), "Content-Encoding: zstd")
	require.Equal(t, 400, got.code)
}
