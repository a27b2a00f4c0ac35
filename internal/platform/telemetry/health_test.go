package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func probe(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

func TestReadinessFollowsItsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ready := NewReadiness(slog.New(slog.NewTextHandler(&out, nil)))
		state := func() (int, readiness) {
			code, body := probe(t, ready, "/readyz")
			var r readiness
			require.NoError(t, json.Unmarshal([]byte(body), &r))
			require.NotContains(t, body, "reason")
			return code, r
		}
		code, r := state()
		require.Equal(t, 200, code)
		require.Equal(t, readiness{"ready", map[string]string{}}, r)

		var failure atomic.Value
		failure.Store(errors.New("the reason"))
		var rounds atomic.Int32
		ready.Add("log", func(context.Context) error {
			rounds.Add(1)
			err, _ := failure.Load().(error)
			if err.Error() == "" {
				return nil
			}
			return err
		})
		ready.Add("meta", func(context.Context) error { return nil })
		for range 3 { // a new check counts at once; then the outcome is kept for a while
			code, r = state()
			require.Equal(t, 503, code)
			require.Equal(t, readiness{"not ready", map[string]string{"log": "failed", "meta": "ok"}}, r)
		}
		require.EqualValues(t, 1, rounds.Load())
		require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("the reason")))

		failure.Store(errors.New(""))
		time.Sleep(checkEvery)
		code, r = state()
		require.Equal(t, 200, code)
		require.Equal(t, "ready", r.Status)
		require.Contains(t, out.String(), "passes again")

		ready.Drain()
		code, r = state()
		require.Equal(t, 503, code)
		require.Equal(t, "draining", r.Status)
	})
}

func TestAHangingCheckFailsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := NewReadiness(slog.New(slog.DiscardHandler))
		ready.Add("slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		began := time.Now()
		code, _ := probe(t, ready, "/readyz")
		require.Equal(t, 503, code)
		require.Equal(t, checkTimeout, time.Since(began))
	})
}

func TestAnImpatientProberDoesNotSpoilTheOutcome(t *testing.T) {
	ready := NewReadiness(slog.New(slog.DiscardHandler))
	ready.Add("patient", func(ctx context.Context) error { return ctx.Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, "ready", ready.report(ctx).Status)
}

func TestTheHandlers(t *testing.T) {
	registry := NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "refract_test_total", Help: "x"})
	registry.MustRegister(counter)
	counter.Add(3)
	mux := http.NewServeMux()
	ready := NewReadiness(slog.New(slog.DiscardHandler))
	ready.Add("never", func(context.Context) error { return errors.New("no") })
	Handle(mux, registry, ready)

	code, body := probe(t, mux, "/healthz")
	require.Equal(t, 200, code, "a process that is not ready is still alive")
	require.Equal(t, "ok\n", body)
	code, _ = probe(t, mux, "/readyz")
	require.Equal(t, 503, code)
	code, body = probe(t, mux, "/metrics")
	require.Equal(t, 200, code)
	for _, metric := range []string{"refract_test_total 3", "go_goroutines", "process_open_fds", "go_build_info"} {
		require.Contains(t, body, metric)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("POST", "/readyz", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
}
