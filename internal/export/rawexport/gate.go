package rawexport

import (
	"net/http"
	"sync"
	"time"
)

// gate keeps each project within its limits. Only projects with valid credentials get here, so their number is bounded.
type gate struct {
	limits Limits
	now    func() time.Time

	mu       sync.Mutex
	projects map[int64]*usage
}

type usage struct {
	running int
	started []time.Time // within the last hour, oldest first
}

func newGate(l, defaults Limits, now func() time.Time) *gate {
	for _, f := range []struct {
		field *int
		value int
	}{{&l.PerHour, defaults.PerHour}, {&l.PerSecond, defaults.PerSecond}, {&l.Concurrent, defaults.Concurrent}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return &gate{limits: l, now: now, projects: map[int64]*usage{}}
}

// enter counts a request, or refuses it with a *refusal. done ends it.
func (g *gate) enter(project int64) (done func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	u := g.projects[project]
	if u == nil {
		u = &usage{}
		g.projects[project] = u
	}
	now := g.now()
	for len(u.started) > 0 && now.Sub(u.started[0]) >= time.Hour {
		u.started = u.started[1:]
	}
	if g.limits.Concurrent > 0 && u.running >= g.limits.Concurrent {
		return nil, &refusal{http.StatusTooManyRequests, "Too many requests in progress for this project. Please retry the request with exponential backoff.", time.Second}
	}
	wait := max(u.wait(g.limits.PerHour, time.Hour, now), u.wait(g.limits.PerSecond, time.Second, now))
	if wait > 0 {
		return nil, &refusal{http.StatusTooManyRequests, "Project exceeded rate limits. Please retry the request with exponential backoff.", wait}
	}
	if g.limits.PerHour > 0 || g.limits.PerSecond > 0 {
		u.started = append(u.started, now)
	}
	u.running++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		u.running--
	}, nil
}

// wait returns how long it is until fewer than n requests began within the period.
func (u *usage) wait(n int, period time.Duration, now time.Time) time.Duration {
	if n <= 0 || len(u.started) < n {
		return 0
	}
	return period - now.Sub(u.started[len(u.started)-n])
}
