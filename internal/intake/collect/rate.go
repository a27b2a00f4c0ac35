package collect

import (
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/refract-io/refract/internal/event"
)

// Rates bound what one project may send. Zero fields do not bound.
type Rates struct {
	// RecordsPerSecond is the sustained number of records.
	RecordsPerSecond float64
	// BytesPerSecond is the sustained size of requests after decompression.
	BytesPerSecond float64
	// Burst is how much of that may come at once after a pause (default a minute's worth, which is how Mixpanel counts). It is never
	// less than one request of the largest size.
	Burst time.Duration
}

// MixpanelRates are Mixpanel's: 30,000 events per second and 2 GB per minute.
var MixpanelRates = Rates{RecordsPerSecond: 30_000, BytesPerSecond: 2e9 / 60, Burst: time.Minute}

// rates keeps a pair of token buckets per project that ever sent. Only known projects get here, so their number is bounded.
type rates struct {
	limits Rates

	mu       sync.Mutex
	projects map[int64]*projectRate
}

type projectRate struct {
	records, bytes *rate.Limiter
}

func newRates(limits Rates) *rates {
	if limits.Burst == 0 {
		limits.Burst = time.Minute
	}
	return &rates{limits: limits, projects: map[int64]*projectRate{}}
}

func (r *rates) of(project int64) *projectRate {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.projects[project]
	if p == nil {
		p = &projectRate{
			records: bucket(r.limits.RecordsPerSecond, r.limits.Burst, event.MaxRequestRecords),
			bytes:   bucket(r.limits.BytesPerSecond, r.limits.Burst, event.MaxRequestBytes),
		}
		r.projects[project] = p
	}
	return p
}

func bucket(perSecond float64, burst time.Duration, least int) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, math.MaxInt)
	}
	size := min(perSecond*burst.Seconds(), math.MaxInt32)
	return rate.NewLimiter(rate.Limit(perSecond), max(int(size), least))
}

// exhausted refuses a project that has nothing left, before its body is read.
func (r *rates) exhausted(project int64, now time.Time) error {
	if r.limits.RecordsPerSecond == 0 && r.limits.BytesPerSecond == 0 {
		return nil
	}
	p := r.of(project)
	if p.records.TokensAt(now) >= 1 && p.bytes.TokensAt(now) >= 1 {
		return nil
	}
	return r.take(project, now, 1, 1)
}

// take takes records and bytes from the project's allowance, all or nothing.
func (r *rates) take(project int64, now time.Time, records, bytes int) error {
	if r.limits.RecordsPerSecond == 0 && r.limits.BytesPerSecond == 0 {
		return nil
	}
	p := r.of(project)
	first := p.records.ReserveN(now, records)
	second := p.bytes.ReserveN(now, bytes)
	wait := max(first.DelayFrom(now), second.DelayFrom(now))
	if wait == 0 {
		return nil
	}
	first.CancelAt(now)
	second.CancelAt(now)
	return &refusal{
		code:       http.StatusTooManyRequests,
		message:    "Project exceeded rate limits. Please retry the request with exponential backoff.",
		retryAfter: int(min(math.Ceil(wait.Seconds()), 3600)),
	}
}
