package pipelineapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// serve returns a function that calls the API, for credentials that may manage project 1 only.
func serve(t *testing.T) func(method, path, body string) (int, map[string]any) {
	ctx := context.Background()
	db, err := meta.Open(ctx, filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	projects := project.NewRegistry(db)
	for _, id := range []int64{1, 2} {
		_, _, err := projects.Create(ctx, project.Spec{ID: id, Name: "p"})
		require.NoError(t, err)
	}
	store := pipeline.NewStore(db, projects)
	_, err = store.Create(ctx, pipeline.Spec{Project: 2, Name: "hidden", Source: pipeline.Events, S3: pipeline.S3{Bucket: "b"}, Glue: pipeline.Glue{Use: true, Database: "two"}})
	require.NoError(t, err)
	h := New(Config{
		Store: store,
		Auth: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "secret" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				next.ServeHTTP(w, r)
			})
		},
		Allowed: func(_ context.Context, id int64) bool { return id == 1 },
	})
	return func(method, path, body string) (int, map[string]any) {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "secret")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var answer map[string]any
		if w.Body.Len() > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		}
		plain := httptest.NewRecorder()
		h.ServeHTTP(plain, httptest.NewRequest(method, path, nil))
		require.Equal(t, http.StatusUnauthorized, plain.Code, "every route wants credentials")
		return w.Code, answer
	}
}

const root = "/api/refract/pipelines"

func TestAPipelinesLife(t *testing.T) {
	call := serve(t)
	status, p := call("POST", root, `{"project_id":1,"data_source":"events","frequency":"hourly","s3_bucket":"b","glue_database":"one"}`)
	require.Equal(t, http.StatusCreated, status, p)
	require.Equal(t, "active", p["state"])
	path := root + "/" + p["id"].(string)
	status, shown := call("GET", path, "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, p, shown)
	status, list := call("GET", root+"?project_id=1", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []any{p}, list["pipelines"])
	status, list = call("GET", root, "")
	require.Equal(t, http.StatusOK, status)
	require.Len(t, list["pipelines"], 1, "those of other projects are not shown")
	for _, step := range []struct {
		do     string
		status int
		state  string
	}{
		{"run", 202, "active"}, {"pause", 200, "paused"}, {"resume", 200, "active"}, {"cancel", 200, "cancelled"},
	} {
		status, p = call("POST", path+"/"+step.do, "")
		require.Equal(t, step.status, status, step.do)
		require.Equal(t, step.state, p["state"], step.do)
	}
	status, runs := call("GET", path+"/runs?limit=5", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []any{}, runs["runs"])
	status, _ = call("DELETE", path, "")
	require.Equal(t, http.StatusNoContent, status)
	status, _ = call("GET", path, "")
	require.Equal(t, http.StatusNotFound, status)
}

func TestWhatIsRefused(t *testing.T) {
	call := serve(t)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		text               string
	}{
		"a field that is unknown":   {"POST", root, `{"buket":"b"}`, 400, "buket"},
		"no JSON":                   {"POST", root, `{`, 400, "EOF"},
		"too large a body":          {"POST", root, `{"name":"` + strings.Repeat("x", maxBody) + `"}`, 413, "too large"},
		"someone else's project":    {"POST", root, `{"project_id":2,"data_source":"events","s3_bucket":"b","glue_database":"one"}`, 400, "no such project"},
		"a wrong field":             {"POST", root, `{"project_id":1,"data_source":"events","s3_bucket":"b","glue_database":"ONE"}`, 400, "glue_database"},
		"a project that is no id":   {"GET", root + "?project_id=x", "", 400, "not a number"},
		"a pipeline nobody has":     {"POST", root + "/nobody/run", "", 404, "no such pipeline"},
		"a way that does not exist": {"POST", root + "/nobody/fly", "", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := call(c.method, c.path, c.body)
			require.Equal(t, c.status, status)
			if c.text != "" {
				require.Equal(t, "error", answer["status"])
				require.Contains(t, answer["error"], c.text)
			}
		})
	}
}
