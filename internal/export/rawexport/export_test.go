package rawexport

import (
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
)

// week is some events with all that an event can have.
func week() []event.Record {
	full := happened(1, "Signed up", "ada", `{"plan":"free","price":1.10,"big":9007199254740993,"$import":true,"mp_processing_time_ms":1602625711874,"tags":["a","é\u0000"]}`)
	full.DeviceID, full.UserID, full.InsertID = []byte("d-1"), []byte("ada"), []byte("i-1")
	return []event.Record{
		full,
		happened(1, "line\nbreak", "", `{}`),
		happened(2, "Paid", "bob", `{"price":20}`),
		happened(3, "Paid", "ada", `{"price":5}`),
	}
}

func TestAnExportIsWhatTheGoldenFileSays(t *testing.T) {
	h := open(t)
	h.reader.events = week()
	want, err := os.ReadFile("testdata/export.ndjson")
	require.NoError(t, err)
	w := h.do(exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03"))
	require.Equal(t, string(want), w.Body.String())
	require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, strconv.Itoa(len(want)), w.Header().Get("Content-Length"))
	require.Equal(t, strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(string(want),
		`"time":1785628799`, `"time":1785628799999`), `"time":1785715199`, `"time":1785715199999`), `"time":1785801599`, `"time":1785801599999`),
		h.export("time_in_ms", "true"))
}

func TestAnExportIsNarrowed(t *testing.T) {
	h := open(t)
	h.reader.events = week()
	h.reader.profiles[9] = [][2]string{{"ada", `{"age":36,"x":1}`}, {"bob", `{"x":2}`}}
	names := func(params ...string) string {
		var found []string
		for line := range strings.Lines(h.export(params...)) {
			name, _, _ := strings.Cut(strings.TrimPrefix(line, `{"event":"`), `"`)
			found = append(found, name)
		}
		return strings.Join(found, ",")
	}
	for _, c := range []struct {
		what, want string
		params     []string
	}{
		{"by days, both included", "Paid", []string{"from_date", "2026-08-02", "to_date", "2026-08-02"}},
		{"to days on which nothing happened", "", []string{"from_date", "2020-01-01", "to_date", "2020-01-31"}},
		{"to days before all time", "", []string{"from_date", "1960-01-01", "to_date", "1970-01-01"}},
		{"by names", `Signed up,line\nbreak`, []string{"event", `["Signed up","line\nbreak"]`}},
		{"by no name", "", []string{"event", `[]`}},
		{"by a limit", "Signed up,line\\nbreak,Paid", []string{"limit", "3"}},
		{"by a condition", "Paid", []string{"where", `properties["price"] > 5`}},
		{"by time", "Paid,Paid", []string{"where", `event["$time"] >= datetime("2026-08-02T00:00:00")`}},
		{"by the user's properties", "Signed up,Paid", []string{"where", `user["age"] == 36`}},
		{"by all of that", "Paid", []string{"where", `properties["price"] > 1`, "event", `["Paid"]`, "limit", "1"}},
	} {
		t.Run(c.what, func(t *testing.T) { require.Equal(t, c.want, names(c.params...)) })
	}
}

func TestAnEmptyStoreIsAnEmptyAnswer(t *testing.T) {
	h := open(t)
	h.reader.sealed = 0
	require.Empty(t, h.export())
	require.Empty(t, h.export("where", `user["a"] == 1`))
	require.Zero(t, h.query().Total)
}

func TestTooManyUserPropertiesAreRefused(t *testing.T) {
	h := open(t)
	h.reader.events = week()
	properties := `{"text":"` + strings.Repeat("x", 4<<20) + `","small":1}`
	for i := range 16 {
		h.reader.profiles[9] = append(h.reader.profiles[9], [2]string{strconv.Itoa(i), properties})
	}
	require.Empty(t, h.export("where", `user["small"] == 1`))
	w := h.do(exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03", "where", `user["text"] == "x"`))
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Equal(t, "where is invalid: the user properties that it names take more than 64 MB", w.Body.String())
}

func TestBadParametersAreRefusedInWords(t *testing.T) {
	h := open(t)
	h.reader.events = week()
	for _, c := range []struct {
		want   string
		params []string
	}{
		{"from_date is required", nil},
		{"to_date is required", []string{"from_date", "2026-08-01"}},
		{"from_date is invalid: must be written as yyyy-mm-dd", []string{"from_date", "2026-8-1", "to_date", "2026-08-01"}},
		{"to_date is invalid: must be written as yyyy-mm-dd", []string{"from_date", "2026-08-01", "to_date", "2026-02-30"}},
		{"to_date cannot be later than today", []string{"from_date", "2026-08-01", "to_date", "2026-08-04"}},
		{"to_date cannot be less than from_date", []string{"from_date", "2026-08-02", "to_date", "2026-08-01"}},
		{"limit is invalid: must be a number from 1 to 100000", []string{"limit", "100001"}},
		{"limit is invalid: must be a number from 1 to 100000", []string{"limit", "0"}},
		{`event is invalid: must be a JSON array of strings, such as ["a","b"]`, []string{"event", "Paid"}},
		{`event is invalid: must be a JSON array of strings, such as ["a","b"]`, []string{"event", "null"}},
		{"time_in_ms is invalid: must be true or false", []string{"time_in_ms", "maybe"}},
		{`where is invalid: unexpected "=" (equality is ==) at position 17`, []string{"where", `properties["a"] = 1`}},
		{`where is invalid: expected a boolean instead of a number at position 1`, []string{"where", `properties["price"] and true`}},
	} {
		params := c.params
		if len(params) == 2 && params[0] != "from_date" {
			params = append(params, "from_date", "2026-08-01", "to_date", "2026-08-03")
		}
		w := h.do(exportRequest(params...))
		require.Equal(t, http.StatusBadRequest, w.Code, c.want)
		require.Equal(t, c.want, w.Body.String())
		require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
		require.Empty(t, w.Header().Get("Content-Encoding"))
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, httptest.NewRequest("POST", exportPath, nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
}

func TestBodiesBeyond1400BytesAreCompressedIfAsked(t *testing.T) {
	h := open(t)
	for _, c := range []struct {
		size     int
		encoding string
		want     bool
	}{
		{1400, "gzip", false}, {1401, "gzip", true}, {1401, "", false}, {1401, "br;q=1, gzip;q=0.5", true}, {1401, "gzip;q=0", false},
		{1401, "deflate", false}, {300_000, "gzip", true}, {300_000, "", false},
	} {
		line := len(`{"event":"e","properties":{"time":1785801599,"distinct_id":"","p":""}}` + "\n")
		h.reader.events = []event.Record{happened(3, "e", "", `{"p":"`+strings.Repeat("x", c.size-line)+`"}`)}
		plain := h.export()
		require.Len(t, plain, c.size)
		r := exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03")
		r.Header.Set("Accept-Encoding", c.encoding)
		w := h.do(r)
		if !c.want {
			require.Empty(t, w.Header().Get("Content-Encoding"), "%+v", c)
			require.Equal(t, plain, w.Body.String())
			continue
		}
		require.Equal(t, "gzip", w.Header().Get("Content-Encoding"), "%+v", c)
		require.Less(t, w.Body.Len(), c.size)
		z, err := gzip.NewReader(w.Body)
		require.NoError(t, err)
		require.Equal(t, plain, readAll(t, z))
	}
}

// many are more events than are kept before they are sent.
func many(n int) (all []event.Record) {
	for i := range n {
		all = append(all, happened(1+i*3/n, "e", "ada", `{"i":`+strconv.Itoa(i)+`,"text":"`+strings.Repeat("x", 200)+`"}`))
	}
	return all
}

// chunks notes how much is written at a time.
type chunks struct {
	*httptest.ResponseRecorder
	largest int
}

func (c *chunks) Write(b []byte) (int, error) {
	c.largest = max(c.largest, len(b))
	return c.ResponseRecorder.Write(b)
}

func TestALargeExportIsSentInPieces(t *testing.T) {
	h := open(t)
	h.reader.events = many(5000)
	h.reader.batch = 1000
	w := &chunks{ResponseRecorder: httptest.NewRecorder()}
	r := exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03")
	r.Header.Set("Authorization", authorization(h.secret, ""))
	h.handler.ServeHTTP(w, r)
	require.Equal(t, 5000, strings.Count(w.Body.String(), "\n"))
	require.LessOrEqual(t, w.largest, flushBytes+1000)
}

func TestAFailureMidStreamEndsTheBodyWithItsLine(t *testing.T) {
	h := open(t)
	h.reader.events = many(1000)
	h.reader.batch = 1000 // a day at a time
	h.reader.fail, h.reader.failAfter = errors.New("the disk is gone"), 600
	body := h.export()
	require.True(t, strings.HasSuffix(body, "}}\nterminated early\n"))
	require.Equal(t, 334+333+1, strings.Count(body, "\n"))
	r := exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03")
	r.Header.Set("Accept-Encoding", "gzip")
	z, err := gzip.NewReader(h.do(r).Body)
	require.NoError(t, err)
	require.Equal(t, body, readAll(t, z))
}

func TestAFailureBeforeTheBodyBeginsIsAnAnswerOfItsOwn(t *testing.T) {
	h := open(t)
	h.reader.events = many(10)
	h.reader.fail, h.reader.failAfter = errors.New("the disk is gone"), 4
	w := h.do(exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03"))
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.JSONEq(t, `{"code":500,"error":"The data cannot be read. The server's log says why.","status":"Internal Server Error"}`, w.Body.String())
	h.reader.fail = fault.New(fault.Transient, "reading", "segment", errors.New("timeout"), "")
	w = h.do(exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03"))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "2", w.Header().Get("Retry-After"))
}

func TestAClientThatLeavesEndsTheScan(t *testing.T) {
	h := open(t)
	h.reader.events = many(10)
	begun, ended := make(chan struct{}), make(chan error, 1)
	h.reader.hold = func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	server := httptest.NewServer(h.handler)
	defer server.Close()
	ctx, leave := context.WithCancel(context.Background())
	go func() {
		<-begun
		leave()
	}()
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+exportPath+"?from_date=2026-08-01&to_date=2026-08-03", nil)
	require.NoError(t, err)
	r.SetBasicAuth(h.secret, "")
	_, err = http.DefaultClient.Do(r)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
}

// TestTheServersTimeoutsDoNotEndAnExport reads longer than the server lets requests take.
func TestTheServersTimeoutsDoNotEndAnExport(t *testing.T) {
	h := open(t)
	h.reader.events = many(10)
	h.reader.hold = func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(60 * time.Millisecond):
			return nil
		}
	}
	server := httptest.NewUnstartedServer(h.handler)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	defer server.Close()
	r, err := http.NewRequest("GET", server.URL+exportPath+"?from_date=2026-08-01&to_date=2026-08-03", nil)
	require.NoError(t, err)
	r.SetBasicAuth(h.secret, "")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, 10, strings.Count(readAll(t, answer.Body), "\n"))
}

func TestReadsOfTheStoreWaitForEachOther(t *testing.T) {
	h := open(t)
	h.reader.events = many(1)
	h.config.Parallel = 2
	h.handler = New(h.config)
	var running, most atomic.Int32
	h.reader.hold = func(context.Context) error {
		most.Store(max(most.Load(), running.Add(1)))
		time.Sleep(time.Millisecond) // so that others come in, were they let
		running.Add(-1)
		return nil
	}
	answers := make(chan int)
	for range 20 {
		go func() { answers <- h.do(exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03")).Code }()
	}
	for range 20 {
		require.Equal(t, http.StatusOK, <-answers)
	}
	require.LessOrEqual(t, most.Load(), int32(2))
}

func TestASlashAtTheEndOfAPathIsTaken(t *testing.T) {
	h := open(t)
	h.reader.events = week()
	for _, request := range []*http.Request{exportRequest("from_date", "2026-08-01", "to_date", "2026-08-03"), engageRequest(), exportRequest("from_date", "x")} {
		want := h.do(request.Clone(t.Context()))
		request.URL.Path += "/"
		got := h.do(request)
		require.NotEqual(t, http.StatusNotFound, got.Code)
		require.Equal(t, want.Code, got.Code)
		if want.Code != http.StatusOK || request.Method == http.MethodGet {
			require.Equal(t, want.Body.String(), got.Body.String())
		}
	}
	w := h.do(httptest.NewRequest("GET", exportPath+"/more", nil))
	require.Equal(t, http.StatusNotFound, w.Code)
}
