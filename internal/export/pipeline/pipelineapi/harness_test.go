package pipelineapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/golden"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// today is 18:04 of August 3 in the project's time zone.
var today = time.Date(2026, 8, 4, 1, 4, 5, 678e6, time.UTC)

const shopID = 2195193

// house is the API over a metadata database, with the project shop in California and another one.
type house struct {
	t       testing.TB
	db      *meta.DB
	store   *pipeline.Store
	shop    *project.Project
	secret  string
	handler http.Handler
	clock   time.Time
}

func open(t testing.TB) *house {
	ctx := context.Background()
	db, err := meta.Open(ctx, filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	projects := project.NewRegistry(db)
	h := &house{t: t, db: db, clock: today}
	h.shop, h.secret, err = projects.Create(ctx, project.Spec{ID: shopID, Name: "shop", TimeZone: "US/Pacific"})
	require.NoError(t, err)
	_, _, err = projects.Create(ctx, project.Spec{ID: 7, Name: "other"})
	require.NoError(t, err)
	h.store = pipeline.NewStore(db, projects)
	h.store.UseClock(func() time.Time { return h.clock })
	h.serve(Config{})
	return h
}

// serve makes the handler, with what every test has.
func (h *house) serve(c Config) {
	c.Store, c.Projects, c.Lake, c.AdminToken = h.store, project.NewRegistry(h.db), "lake", "admin-token"
	c.Now, c.Logger = func() time.Time { return h.clock }, slog.New(slog.NewTextHandler(io.Discard, nil))
	h.handler = New(c)
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// pairs makes a form of names and values that follow each other.
func pairs(list ...string) url.Values {
	form := url.Values{}
	for i := 0; i < len(list); i += 2 {
		form.Add(list[i], list[i+1])
	}
	return form
}

// do sends a request.
func (h *house) do(r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	require.Equal(h.t, "application/json", w.Header().Get("Content-Type"))
	require.True(h.t, json.Valid(w.Body.Bytes()), w.Body.String())
	return w.Code, w.Body.String()
}

// post makes a call as the documents' examples do: a form, and the project's secret.
func (h *house) post(call string, form url.Values) (int, string) {
	r := newRequest(call, form)
	r.Header.Set("Authorization", basic(h.secret, ""))
	return h.do(r)
}

// must makes a call that succeeds, and decodes its answer.
func (h *house) must(call string, form url.Values) map[string]any {
	h.t.Helper()
	status, body := h.post(call, form)
	require.Equal(h.t, http.StatusOK, status, body)
	var answer map[string]any
	require.NoError(h.t, json.Unmarshal([]byte(body), &answer))
	return answer
}

// create makes a pipeline and returns the names.
func (h *house) create(list ...string) []string {
	h.t.Helper()
	var all []string
	for _, name := range h.must("create", pairs(list...))["pipeline_names"].([]any) {
		all = append(all, name.(string))
	}
	return all
}

// refused makes a call that is refused, and returns status, text and parameter.
func (h *house) refused(call string, form url.Values) (int, string, string) {
	h.t.Helper()
	status, body := h.post(call, form)
	require.NotEqual(h.t, http.StatusOK, status, body)
	var f failure
	require.NoError(h.t, json.Unmarshal([]byte(body), &f))
	require.Equal(h.t, "error", f.Status)
	return status, f.Error, f.Parameter
}

var pipelineID = regexp.MustCompile(`"[0-9a-f]{12}"`)

// requireGolden compares an answer with a file. Ids, which are random, become the words id.
func requireGolden(t *testing.T, name, body string) {
	t.Helper()
	body = pipelineID.ReplaceAllString(body, `"id"`) + "\n"
	golden.Equal(t, filepath.Join("testdata", name), []byte(body))
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func newRequest(call string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, Root+call, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// dayNumber is how the metadata keeps a day, 0 for "".
func dayNumber(t testing.TB, text string) int64 {
	t.Helper()
	if text == "" {
		return 0
	}
	day, err := event.ParseDay(text)
	require.NoError(t, err)
	return int64(day)
}
