package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/project"
)

// oneProject knows one token, which is also the secret.
type oneProject struct{ p *project.Project }

func (o oneProject) ByToken(_ context.Context, token string) (*project.Project, error) {
	if token != o.p.Token {
		return nil, project.ErrNotFound
	}
	return o.p, nil
}
func (o oneProject) ByID(context.Context, int64) (*project.Project, error) { return o.p, nil }
func (o oneProject) BySecret(context.Context, string) (*project.Project, error) {
	return nil, project.ErrNotFound
}
func (o oneProject) Account(context.Context, string) (*project.ServiceAccount, error) {
	return nil, project.ErrNotFound
}

// countingQuarantine counts.
type countingQuarantine struct{ entries int }

func (q *countingQuarantine) Add(_ context.Context, entries []quarantine.Entry) error {
	q.entries += len(entries)
	return nil
}

// FuzzRequestDecode sends any request to a collector. It must answer with a known status, give all memory back, and keep account:
// what it says it took is in the log, and that can be read.
func FuzzRequestDecode(f *testing.F) {
	seeds, err := filepath.Glob("testdata/requests/*.http")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range seeds {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		target := strings.Fields(string(head))[1]
		route, query, _ := strings.Cut(target, "?")
		encoding := ""
		for _, name := range []string{"gzip", "deflate", "zstd"} {
			if strings.Contains(string(head), "Content-Encoding: "+name) {
				encoding = name
			}
		}
		f.Add(route, query, encoding, "application/json", body)
	}
	f.Add("/track", "callback=f%28", "", "", []byte("data=%5B%7B"))
	f.Fuzz(func(t *testing.T, route, query, encoding, contentType string, body []byte) {
		log, kept := &memoryLog{}, &countingQuarantine{}
		c := New(Config{
			Log: log, Keys: log, Quarantine: kept, MaxMemory: 64 << 20, Logger: slog.New(slog.DiscardHandler),
			Projects: oneProject{&project.Project{ID: 1, Token: testToken, Identity: project.Simplified}},
		})
		if endpointOf(route) == unknownEndpoint {
			route = []string{"/track", "/import", "/engage", "/groups"}[len(route)%4]
		}
		r := httptest.NewRequest(http.MethodPost, route, bytes.NewReader(body))
		r.URL.RawQuery = query
		r.Header["Content-Encoding"] = []string{encoding}
		r.Header["Content-Type"] = []string{contentType}
		if route == "/import" && len(query)%5 > 0 {
			r.SetBasicAuth(testToken, "")
		}
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		switch w.Code {
		case 200, 400, 401, 413, 415:
		default:
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if c.memory.used.Load() != 0 {
			t.Fatal("memory is not given back")
		}
		if w.Header().Get("Content-Type") == jsonText && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("answer is no JSON: %q", w.Body)
		}
		taken := 0
		for i := range log.blocks {
			if err := eventlog.Decode(&log.blocks[i], func(_ int, r *event.Record) error {
				taken++
				if !json.Valid(r.Properties) {
					t.Fatalf("properties are no JSON: %q", r.Properties)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if taken > 0 && w.Code != 200 && w.Code != 400 {
			t.Fatalf("%d records taken and answered %d", taken, w.Code)
		}
	})
}
