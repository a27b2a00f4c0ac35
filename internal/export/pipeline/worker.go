package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/parquet"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// Destinations opens what definitions name. Both methods are called once per attempt, by several goroutines at a time. Errors
// carry a fault class: an unknown bucket is setup.
type Destinations interface {
	Bucket(ctx context.Context, d *Definition) (bucket.Bucket, error)
	Catalog(ctx context.Context, d *Definition) (catalog.Catalog, error)
}

// Attacher makes a warehouse see a catalog database: the external schema mp_json_export. It is called after a pipeline's first
// publication and again with growing pauses while it fails; it must be idempotent. Its errors do not stop exports. What it returns says what the
// warehouse saw; nil if there is none to tell.
type Attacher interface {
	Attach(ctx context.Context, d *Definition, database string) (*Attachment, error)
}

// Config is what a worker works with. Zero fields below the line get the defaults named beside them.
type Config struct {
	Store        *Store
	Reader       store.Reader
	Destinations Destinations
	Projects     Projects
	Attacher     Attacher // may be nil

	Logger *slog.Logger
	// Owner names the worker in leases. Give a name that is stable over restarts where only one worker can exist, so that it takes
	// up what it left without waiting for the lease to expire. Random by default.
	Owner string
	// Runs bounds the runs at work at a time: 8. As many as a quarter of it, at least one more, are kept for runs that failed
	// before, which therefore never take a place from healthy ones.
	Runs int
	// MaxRecords is about how many records a window holds: 2,000,000.
	MaxRecords int64
	// AttemptTimeout bounds how long an attempt at a run may stand still: 1 hour.
	AttemptTimeout time.Duration
	// LeaseTTL is how long a dead worker's pipelines wait: 15 seconds.
	LeaseTTL time.Duration
	// Poll is how often changes made by other processes are looked for: 1 second.
	Poll time.Duration
	// Grace is how long a snapshot stays readable after it was replaced: 15 minutes. Negative is none.
	Grace time.Duration
	// FailedPause is how long a continuous pipeline waits after a failure that needs the user: 5 minutes.
	FailedPause time.Duration
	// Backoff returns the pause after the attempt-th failure that passes by itself: from 1 second doubling to 5 minutes.
	Backoff func(attempt int) time.Duration
	Writer  lake.WriterOptions
}

func (c *Config) complete() {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&c.AttemptTimeout, time.Hour)
	set(&c.LeaseTTL, 15*time.Second)
	set(&c.Poll, time.Second)
	set(&c.Grace, 15*time.Minute)
	set(&c.FailedPause, 5*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Owner == "" {
		c.Owner = randomID()
	}
	if c.Runs == 0 {
		c.Runs = 8
	}
	if c.MaxRecords == 0 {
		c.MaxRecords = 2_000_000
	}
	if c.Backoff == nil {
		c.Backoff = backoff
	}
}

func backoff(attempt int) time.Duration {
	return min(time.Second<<min(max(attempt-1, 0), 20), 5*time.Minute)
}

// Worker schedules and runs pipelines. One process has one; several processes may share the work.
type Worker struct {
	Config
	publisher *lake.Publisher
	groups    *parquet.Pool
	healthy   chan struct{}
	retries   chan struct{}
	attaches  chan struct{}
	done      chan struct{} // a turn ended

	mu     sync.Mutex
	active map[string]bool
	// idle remembers the continuous pipelines that there was nothing for.
	idle map[string]idle
	// pauses keeps housekeeping that failed from being repeated at once, stumbles any turn that ended without a recorded result.
	pauses, stumbles map[string]time.Time
	pins             map[string]pin
}

// idle is the sealed position up to which there was nothing for a pipeline. That it has come so far is stored too, for whoever waits
// for it, but at most once a Poll; it lags when that is to be done yet.
type idle struct {
	sealed eventlog.Position
	moved  time.Time
	lags   bool
}

type pin struct {
	run     int64
	release func()
}

// NewWorker returns a worker. Call Recover before anything merges or removes segments, then Run.
func NewWorker(c Config) *Worker {
	c.complete()
	return &Worker{
		Config: c, publisher: lake.NewPublisher(c.Store.now), groups: &parquet.Pool{MaxHeld: transform.DefaultMemory, MaxIdle: time.Minute},
		healthy: make(chan struct{}, c.Runs), retries: make(chan struct{}, max(1, c.Runs/4)), attaches: make(chan struct{}, 2),
		done:   make(chan struct{}, 1),
		active: map[string]bool{}, idle: map[string]idle{},
		pauses: map[string]time.Time{}, stumbles: map[string]time.Time{}, pins: map[string]pin{},
	}
}

// Recover pins the segmentation of every run that was begun and not finished.
func (w *Worker) Recover(ctx context.Context) error {
	runs, err := w.Store.openRuns(ctx)
	if err != nil {
		return err
	}
	for _, run := range runs {
		p, err := w.Store.Get(ctx, run.Pipeline)
		if err != nil {
			return err
		}
		w.pin(&p.Definition, run)
	}
	return nil
}

// Run works until ctx ends, and returns when every run has stopped. Runs that ctx interrupts are taken up by the next worker.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.Recover(ctx); err != nil {
		return err
	}
	var turns sync.WaitGroup
	defer turns.Wait()
	var sealed eventlog.Position
	sealedMore := w.Reader.SealedAfter(sealed)
	for {
		changed := w.Store.Changed()
		wait := w.Poll
		position, err := w.Reader.Sealed(ctx)
		if err == nil && position != sealed {
			sealed, sealedMore = position, w.Reader.SealedAfter(position)
		}
		if err == nil {
			wait, err = w.pass(ctx, sealed, func(t task) bool {
				select {
				case t.slot <- struct{}{}:
				default:
					return false // the end of a turn wakes the loop
				}
				turns.Go(func() {
					w.do(ctx, t)
					<-t.slot
					select {
					case w.done <- struct{}{}:
					default:
					}
				})
				return true
			})
		}
		if err != nil && ctx.Err() == nil {
			w.Logger.Warn("looking for due pipelines failed", "error", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-changed:
		case <-w.done:
		case <-sealedMore:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// RunOnce gives every pipeline that is due one turn, one after the other, and returns how many did something. Tests and commands
// that wait for an export call it until it returns 0.
func (w *Worker) RunOnce(ctx context.Context) (int, error) {
	sealed, err := w.Reader.Sealed(ctx)
	if err != nil {
		return 0, err
	}
	var due []task
	_, err = w.pass(ctx, sealed, func(t task) bool {
		due = append(due, t)
		return true
	})
	n := 0
	for _, t := range due {
		if w.do(ctx, t) {
			n++
		}
	}
	return n, errors.Join(err, ctx.Err())
}

// task is one turn of a pipeline.
type task struct {
	name string
	// key excludes other turns of the same kind. Attaching goes on beside exporting: a warehouse that sleeps holds nothing up.
	key  string
	slot chan struct{}
	// turn reports whether it did something.
	turn func(ctx context.Context) (bool, error)
}

// do takes a turn that pass has started.
func (w *Worker) do(ctx context.Context, t task) bool {
	did, err := t.turn(ctx)
	if err != nil && ctx.Err() == nil && !errors.Is(err, errLeaseLost) {
		w.Logger.Warn("a pipeline's turn failed", "pipeline", t.name, "error", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.active, t.key)
	if err != nil {
		w.stumbles[t.key] = w.Store.now().Add(w.Poll)
	}
	return did
}

// pass starts a turn for every pipeline that may have something to do and returns how long nothing else can become due.
func (w *Worker) pass(ctx context.Context, sealed eventlog.Position, start func(task) bool) (time.Duration, error) {
	now := w.Store.now()
	due, err := w.Store.candidates(ctx, w.Owner, now, now.Add(w.Poll), now.Add(-max(w.Grace, 0)))
	if err != nil {
		return w.Poll, err
	}
	wait := w.Poll
	for _, c := range due {
		if until := c.Next.Sub(now); until > 0 && c.State == Active {
			wait = min(wait, until)
		}
		for _, t := range w.tasks(c, sealed, now) {
			w.mu.Lock()
			enter := !w.active[t.key] && !w.stumbles[t.key].After(now)
			if enter {
				w.active[t.key] = true
			}
			w.mu.Unlock()
			if enter && !start(t) {
				w.mu.Lock()
				delete(w.active, t.key)
				w.mu.Unlock()
			}
		}
	}
	return wait, nil
}

// tasks returns what a pipeline has to do: attaching, and the first of clearing away, removing old snapshots, and exporting.
func (w *Worker) tasks(c candidate, sealed eventlog.Position, now time.Time) []task {
	w.mu.Lock()
	housekeeping := !w.pauses[c.ID].After(now)
	i := w.idle[c.ID]
	idle := c.Frequency == Continuous && !c.open && i.sealed == sealed && sealed > 0 && !(i.lags && now.Sub(i.moved) >= w.Poll)
	w.mu.Unlock()
	var all []task
	if c.attach && w.Attacher != nil {
		all = append(all, task{c.Name, c.ID + " attach", w.attaches, func(ctx context.Context) (bool, error) { return true, w.attach(ctx, c.Pipeline) }})
	}
	main := task{name: c.Name, key: c.ID, slot: w.healthy}
	if c.open {
		main.slot = w.retries
	}
	switch {
	case housekeeping && c.State == Cancelled && c.open:
		main.turn = func(ctx context.Context) (bool, error) { return true, w.housekeep(ctx, c.Pipeline, w.clear) }
	case housekeeping && c.collect:
		main.turn = func(ctx context.Context) (bool, error) { return true, w.housekeep(ctx, c.Pipeline, w.collect) }
	case c.State == Active && !c.Next.After(now) && !idle:
		main.turn = func(ctx context.Context) (bool, error) { return w.export(ctx, c, sealed) }
	default:
		return all
	}
	return append(all, main)
}

// rest notes that up to the sealed position there is nothing for a pipeline, and reports whether it is time to store that.
func (w *Worker) rest(p *Pipeline, sealed eventlog.Position, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.idle[p.ID]
	i.sealed, i.lags = sealed, sealed > p.Published
	w.idle[p.ID] = i
	return i.lags && now.Sub(i.moved) >= w.Poll
}

// moved notes that it is stored.
func (w *Worker) moved(id string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle[id] = idle{w.idle[id].sealed, now, false}
}

// pin keeps the run's segments as they are until unpin.
func (w *Worker) pin(d *Definition, run *Run) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old, pinned := w.pins[d.ID]
	if pinned && old.run == run.Number {
		return
	}
	w.pins[d.ID] = pin{run.Number, w.Reader.Pin(d.Project, run.After, run.UpTo)}
	if pinned {
		old.release()
	}
}

func (w *Worker) unpin(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, ok := w.pins[id]; ok {
		p.release()
		delete(w.pins, id)
	}
}
