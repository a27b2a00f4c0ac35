package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/sample"
)

var freshness = Benchmark{
	Name: "freshness", Title: "From accepted to visible in SQL",
	About: "A process with all roles takes 1,000 events a second while a continuous pipeline exports them. Five times a second one more event is sent " +
		"that a query can tell; the time runs from its answer 200 until a query returns it. The queries run one after the other, ten a second at most, " +
		"and what they take is part of the time.",
	run: runFreshness,
}

const (
	backgroundRate = 1000 // events per second
	markerPause    = 200 * time.Millisecond
	queryPause     = 100 * time.Millisecond
	// visibleLimit is how long a marker may take before the benchmark fails.
	visibleLimit = 2 * time.Minute
)

// markers are events that were answered 200, and when, and those that a query has returned.
type markers struct {
	mu       sync.Mutex
	answered map[int]time.Time
	lags     map[int]time.Duration
}

func runFreshness(t *trial) (err error) {
	s, err := t.start(filepath.Join(t.dir, "data"), "collector,worker,query")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	p, err := s.project(t)
	if err != nil {
		return err
	}
	if _, err := s.pipeline(t, p.ID, "continuous"); err != nil {
		return err
	}
	w, err := s.warehouse(t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close(t)) }()
	f := &freshnessTrial{trial: t, server: s, warehouse: w, token: p.Token, markers: markers{answered: map[int]time.Time{}, lags: map[int]time.Duration{}}}
	// The markers have a day of their own, so that looking for them reads little.
	f.today = time.Now().UTC().Truncate(24 * time.Hour)
	lags, err := f.measure(time.Duration(t.size(60, 3)) * time.Second)
	if err != nil {
		return err
	}
	_, peak, err := memoryOf(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	seconds := func(q float64) float64 { return quantile(lags, q).Seconds() }
	t.add(Figure{Name: "median", Unit: "s", Means: "Half of " + strconv.Itoa(len(lags)) + " events are seen within it."}, seconds(0.5))
	t.add(Figure{Name: "p99", Unit: "s", Bar: below(5), Means: "99 % are seen within it.",
		Bound: "sealing waits 500 ms for company and a pipeline starts at most one run a second."}, seconds(0.99))
	t.add(Figure{Name: "largest", Unit: "s", Means: "The slowest of all."}, lags[len(lags)-1].Seconds())
	t.add(Figure{Name: "peak memory, all roles", Unit: "MiB", Means: "Highest resident memory of the process, the SQL engine included."}, mib(peak))
	return nil
}

// freshnessTrial is the benchmark while it runs.
type freshnessTrial struct {
	*trial
	*server
	*warehouse
	markers
	token string
	today time.Time
}

// measure sends for the time and returns the lags of all markers, ascending. The first marker is to warm up: it waits for the table.
func (f *freshnessTrial) measure(d time.Duration) ([]time.Duration, error) {
	if err := f.mark(f.trial, 0); err != nil {
		return nil, err
	}
	if err := f.await(f.trial, visibleLimit, "show the first event", func(ctx context.Context) (bool, error) { return f.seen() == 1, f.look(ctx) }); err != nil {
		return nil, err
	}
	g, ctx := errgroup.WithContext(f.trial)
	sending, stop := context.WithTimeout(ctx, d)
	defer stop()
	g.Go(func() error { return f.background(sending) })
	g.Go(func() error {
		for n := 1; ; n++ {
			if err := f.mark(ctx, n); err != nil {
				return err
			}
			if !pause(sending, markerPause) {
				return nil
			}
		}
	})
	g.Go(func() error {
		for sending.Err() == nil || f.seen() < f.sent() {
			if err := f.look(ctx); err != nil {
				return err
			}
			if f.oldest() > visibleLimit {
				return fmt.Errorf("an event was not visible after %s", visibleLimit)
			}
			pause(ctx, queryPause)
		}
		return ctx.Err()
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var lags []time.Duration
	for n, lag := range f.lags {
		if n > 0 {
			lags = append(lags, lag)
		}
	}
	slices.Sort(lags)
	return lags, nil
}

// pause waits and reports whether ctx is still not done.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// background sends events of today until ctx ends.
func (f *freshnessTrial) background(ctx context.Context) error {
	const perSecond = 20
	stream := sample.New(sample.Options{Events: 100_000, Start: f.today.Add(-time.Hour), End: f.today.Add(time.Hour), LateBy: time.Minute})
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	var text []byte
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		text = text[:0]
		for i := range backgroundRate / perSecond {
			text = append(append(text, "[,"[min(i, 1)]), withToken(stream.Next(nil), f.token)...)
		}
		if err := f.track(context.WithoutCancel(ctx), append(text, ']')); err != nil {
			return err
		}
	}
}

// mark sends marker n.
func (f *freshnessTrial) mark(ctx context.Context, n int) error {
	text := fmt.Appendf(nil, `[{"event":"Marker","properties":{"token":%q,"time":%d,"distinct_id":"marker-%d","$insert_id":"marker-%d"}}]`,
		f.token, f.today.AddDate(0, 0, -2).Add(12*time.Hour).Unix(), n, n)
	if err := f.track(ctx, text); err != nil {
		return err
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answered[n] = now
	return nil
}

func (f *freshnessTrial) track(ctx context.Context, text []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL+"/track?verbose=1", bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("preparing a request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	return send(importClient, r)
}

// look asks for the markers and notes those that are new.
func (f *freshnessTrial) look(ctx context.Context) error {
	rows, err := f.query(ctx, fmt.Sprintf("SELECT distinct_id FROM %s WHERE mp_date = '%s' AND event_name = 'Marker'", eventsTable, f.today.AddDate(0, 0, -2).Format(time.DateOnly)))
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, row := range rows {
		n, err := strconv.Atoi(strings.TrimPrefix(row[0], "marker-"))
		if err != nil {
			return fmt.Errorf("reading a marker: %w", err)
		}
		// One that is visible before its sender has noted the answer is noted by the next query.
		if at, ok := f.answered[n]; ok && f.lags[n] == 0 {
			f.lags[n] = now.Sub(at)
		}
	}
	return nil
}

func (f *freshnessTrial) seen() int { f.mu.Lock(); defer f.mu.Unlock(); return len(f.lags) }

func (f *freshnessTrial) sent() int { f.mu.Lock(); defer f.mu.Unlock(); return len(f.answered) }

// oldest returns how long the oldest marker that is not seen has waited.
func (f *freshnessTrial) oldest() (age time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, at := range f.answered {
		if f.lags[n] == 0 {
			age = max(age, time.Since(at))
		}
	}
	return age
}
