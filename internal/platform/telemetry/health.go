package telemetry

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"
)

const (
	// checkTimeout bounds a round of checks.
	checkTimeout = 3 * time.Second
	// checkEvery is how long the outcome of a round is given out. Anyone may ask for it, but not make the process work.
	checkEvery = time.Second
)

// Readiness tells whether the process can do its work. It is safe for concurrent use.
//
// A process is live as long as it answers; it is ready when all its checks pass and it is not draining.
type Readiness struct {
	logger *slog.Logger

	mu       sync.Mutex
	checks   map[string]func(context.Context) error
	draining bool

	// round serialises the rounds and guards what the last one found.
	round  sync.Mutex
	at     time.Time
	failed map[string]error
}

// NewReadiness returns a Readiness without checks. Changes of a check's outcome are logged, with the reason, which the answer to
// a probe does not tell.
func NewReadiness(logger *slog.Logger) *Readiness {
	return &Readiness{logger: logger, checks: map[string]func(context.Context) error{}}
}

// Add adds a check, or replaces the one with the same name. It must return soon after its context ends.
func (r *Readiness) Add(name string, check func(context.Context) error) {
	r.mu.Lock()
	r.checks[name] = check
	r.mu.Unlock()
	r.round.Lock()
	r.at = time.Time{}
	r.round.Unlock()
}

// Drain makes the process not ready for good, so that load balancers send no more requests while it ends the ones it has.
func (r *Readiness) Drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
}

// readiness is the answer of /readyz.
type readiness struct {
	// Status is "ready", "not ready" or "draining".
	Status string `json:"status"`
	// Checks holds "ok" or "failed" by the name of each check.
	Checks map[string]string `json:"checks"`
}

func (r *Readiness) report(ctx context.Context) readiness {
	r.mu.Lock()
	checks, draining := maps.Clone(r.checks), r.draining
	r.mu.Unlock()
	failed := r.run(ctx, checks)
	report := readiness{Status: "ready", Checks: map[string]string{}}
	for name := range checks {
		report.Checks[name] = "ok"
		if failed[name] != nil {
			report.Checks[name], report.Status = "failed", "not ready"
		}
	}
	if draining {
		report.Status = "draining"
	}
	return report
}

// run returns the errors of the checks, by name, from a round that is at most checkEvery old.
func (r *Readiness) run(ctx context.Context, checks map[string]func(context.Context) error) map[string]error {
	r.round.Lock()
	defer r.round.Unlock()
	if !r.at.IsZero() && time.Since(r.at) < checkEvery {
		return r.failed
	}
	// The outcome is for others too: it must not depend on the patience of who asks first.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	failed := map[string]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, check := range checks {
		wg.Go(func() {
			if err := check(ctx); err != nil {
				mu.Lock()
				failed[name] = err
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for name := range checks {
		switch now, before := failed[name], r.failed[name]; {
		case now != nil && before == nil:
			r.logger.Warn("readiness check fails", "check", name, "error", now)
		case now == nil && before != nil:
			r.logger.Info("readiness check passes again", "check", name)
		}
	}
	r.at, r.failed = time.Now(), failed
	return failed
}

// ServeHTTP answers 200 when the process is ready and 503 otherwise, with the outcome of each check.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	report := r.report(req.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if report.Status != "ready" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := json.NewEncoder(w).Encode(report); err != nil {
		r.logger.Debug("answering a readiness probe", "error", err)
	}
}
