package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// house is the way from the log to the lake in this process, so that a profile shows it.
type house struct {
	db        *meta.DB
	log       *eventlog.JetStream
	store     *store.Store  // reads
	sealing   store.Options // of the stores that seal, one after the other
	lake      *bucket.Local
	catalog   catalog.Catalog
	pipelines *pipeline.Store
	worker    *pipeline.Worker
	project   int64
	stream    events
}

// openHouse opens it on a new folder. Its events are those of the stream.
func openHouse(ctx context.Context, dir string, stream events) (h *house, err error) {
	quiet := slog.New(slog.DiscardHandler)
	h = &house{stream: stream}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if h.db, err = meta.Open(ctx, filepath.Join(dir, "meta.db")); err != nil {
		return h, err
	}
	projects := project.NewRegistry(h.db)
	p, _, err := projects.Create(ctx, project.Spec{Name: "bench"})
	if err != nil {
		return h, err
	}
	h.project = p.ID
	if h.log, err = eventlog.Open(ctx, filepath.Join(dir, "log"), eventlog.Options{Logger: quiet}); err != nil {
		return h, err
	}
	segments, err := bucket.OpenLocal("store", filepath.Join(dir, "store"))
	if err != nil {
		return h, err
	}
	h.sealing = store.Options{DB: h.db, Bucket: segments, Projects: projects, Log: h.log, Dir: dir, Logger: quiet}
	if h.store, err = store.Open(ctx, h.sealing); err != nil {
		return h, err
	}
	if h.lake, err = bucket.OpenLocal("lake", filepath.Join(dir, "lake")); err != nil {
		return h, err
	}
	h.catalog = catalog.Open(h.db)
	h.pipelines = pipeline.NewStore(h.db, projects)
	h.worker = pipeline.NewWorker(pipeline.Config{
		Store: h.pipelines, Reader: h.store, Destinations: h, Projects: projects, Logger: quiet, Writer: lake.WriterOptions{TempDir: dir},
	})
	return h, h.worker.Recover(ctx)
}

func (h *house) close() error {
	var err error
	if h.log != nil {
		err = h.log.Close()
	}
	if h.db != nil {
		err = errors.Join(err, h.db.Close())
	}
	return err
}

// Bucket implements pipeline.Destinations.
func (h *house) Bucket(context.Context, *pipeline.Definition) (bucket.Bucket, error) {
	return h.lake, nil
}

// Catalog implements pipeline.Destinations.
func (h *house) Catalog(context.Context, *pipeline.Definition) (catalog.Catalog, error) {
	return h.catalog, nil
}

// append puts the stream's next n events into the log, in blocks as a collector makes them of import bodies.
func (h *house) append(ctx context.Context, n int) error {
	var text []byte
	in := newTaking()
	for n > 0 {
		count := min(n, perBody)
		n -= count
		text = text[:0]
		for range count {
			text = append(h.stream.Next(text), '\n')
		}
		if err := in.take(text); err != nil {
			return err
		}
		data, err := in.records.Finish(nil)
		if err != nil {
			return err
		}
		if _, err := h.log.Append(ctx, eventlog.Block{Project: h.project, Count: count, Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// seal runs a store until all that the log holds is sealed, and then until it has merged nothing for the time quiet, if that is not 0. It
// returns the CPU time until all was sealed.
func (h *house) seal(ctx context.Context, quiet time.Duration) (time.Duration, error) {
	last, err := h.log.Last(ctx)
	if err != nil {
		return 0, err
	}
	s, err := store.Open(ctx, h.sealing)
	if err != nil {
		return 0, err
	}
	before, err := cpuOf(0)
	if err != nil {
		return 0, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }()
	var after time.Duration
	select {
	case <-s.SealedAfter(last - 1):
		after, err = cpuOf(0)
		if err == nil && quiet > 0 {
			err = settle(ctx, s, quiet)
		}
	case failed := <-ended:
		stop()
		return 0, fmt.Errorf("sealing: %w", failed)
	}
	stop()
	if failed := <-ended; !errors.Is(failed, context.Canceled) {
		err = errors.Join(err, failed)
	}
	return after - before, err
}

// settle waits until the store has merged nothing for the time quiet.
func settle(ctx context.Context, s *store.Store, quiet time.Duration) error {
	seen, since := s.Stats().Merges, time.Now()
	for time.Since(since) < quiet {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(quiet / 10):
		}
		if now := s.Stats(); now.Merges != seen {
			seen, since = now.Merges, time.Now()
		}
	}
	return nil
}

// create makes a pipeline of all events with a table and a folder of its own.
func (h *house) create(ctx context.Context, name string) (*pipeline.Pipeline, error) {
	return h.pipelines.Create(ctx, pipeline.Spec{
		Project: h.project, Name: name, Source: pipeline.Events, Frequency: pipeline.Continuous,
		S3: pipeline.S3{Bucket: "lake", Prefix: name}, Glue: pipeline.Glue{Use: true, Database: "mp_" + name},
	})
}

// run exports all that is sealed and not exported yet by the pipeline and returns the rows and the CPU time.
func (h *house) run(ctx context.Context, p *pipeline.Pipeline) (rows int64, used time.Duration, err error) {
	total := func() (n int64, err error) {
		days, err := h.pipelines.Days(ctx, p.ID)
		for _, d := range days {
			n += d.Rows
		}
		return n, err
	}
	had, err := total()
	if err != nil {
		return 0, 0, err
	}
	sealed, err := h.store.Sealed(ctx)
	if err != nil {
		return 0, 0, err
	}
	if err := h.pipelines.RunNow(ctx, p.ID); err != nil {
		return 0, 0, err
	}
	before, err := cpuOf(0)
	if err != nil {
		return 0, 0, err
	}
	for now := p; now.Published < sealed; {
		n, err := h.worker.RunOnce(ctx)
		if err != nil {
			return 0, 0, err
		}
		if now, err = h.pipelines.Get(ctx, p.ID); err != nil {
			return 0, 0, err
		}
		if n == 0 && now.Published < sealed {
			return 0, 0, fmt.Errorf("pipeline %s stands at position %d of %d", p.Name, now.Published, sealed)
		}
	}
	after, err := cpuOf(0)
	if err != nil {
		return 0, 0, err
	}
	have, err := total()
	return have - had, after - before, err
}

// forget cancels the pipeline, so that it takes no more turns.
func (h *house) forget(ctx context.Context, p *pipeline.Pipeline) error {
	return h.pipelines.Cancel(ctx, p.ID)
}
