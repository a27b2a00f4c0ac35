package pipeline

import (
	"context"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
)

// attachTimeout bounds an attempt to attach; a sleeping warehouse takes a minute to wake.
const attachTimeout = 3 * time.Minute

// attach tells the warehouse about the catalog database. It works beside exports and without the pipeline's lease: it has a claim, which keeps
// other workers from making the same attempt and, as a lease, lapses soon after the worker has died.
func (w *Worker) attach(ctx context.Context, p *Pipeline) error {
	if err := w.Store.claimAttach(ctx, p, w.Store.now().Add(w.LeaseTTL)); err != nil {
		return err
	}
	limited, done := context.WithTimeout(ctx, attachTimeout)
	held := w.holdAttach(limited, p)
	seen, cause := w.Attacher.Attach(limited, &p.Definition, p.Glue.Database)
	done()
	<-held
	if seen != nil {
		seen.At = w.Store.now()
	}
	record, recorded := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer recorded()
	return w.Store.attached(record, p, seen, cause, w.Store.now().Add(w.attachPause(p.attachTries+1, cause)))
}

// holdAttach prolongs the claim until ctx ends or the claim is lost: when the user asks for an attempt, or another worker has begun one. Two
// attempts at a time do no harm, so this one goes on. The returned channel is closed when it has ended.
func (w *Worker) holdAttach(ctx context.Context, p *Pipeline) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(w.LeaseTTL / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := w.Store.claimAttach(ctx, p, w.Store.now().Add(w.LeaseTTL)); err != nil {
				if ctx.Err() == nil {
					w.Logger.Debug("attaching goes on without its claim", "pipeline", p.Name, "error", err)
				}
				return
			}
		}
	}()
	return ended
}

// attachPause is the pause after the try-th attempt to attach. One that waits for the user is tried ever more rarely: each attempt wakes a warehouse
// that sleeps, which bills a minute at least. Running the pipeline tries at once.
func (w *Worker) attachPause(try int, cause error) time.Duration {
	pause := w.Backoff(try)
	if fault.ClassOf(cause) == fault.Setup {
		pause = max(pause, min(15*time.Minute<<min(try-1, 10), 12*time.Hour))
	}
	return pause
}

// claimAttach makes the attempt to attach this worker's until the time given, or prolongs its claim. It fails with errLeaseLost.
func (s *Store) claimAttach(ctx context.Context, p *Pipeline, until time.Time) error {
	res, err := s.db.Exec(ctx, `UPDATE pipeline SET attach_ms = ? WHERE id = ? AND attached = 0 AND attach_ms = ?`, until.UnixMilli(), p.ID, p.attachMS)
	if err := leaseResult(res, err, "attaching the catalog of pipeline "+p.Name); err != nil {
		return err
	}
	p.attachMS = until.UnixMilli()
	return nil
}

// attached records the outcome of an attempt to attach; a failed one is repeated at next. It records nothing when the pipeline has got another
// database meanwhile, or another worker was successful.
func (s *Store) attached(ctx context.Context, p *Pipeline, seen *Attachment, cause error, next time.Time) error {
	text, err := seen.encode()
	if err != nil {
		return err
	}
	const stillWanted = ` WHERE id = ? AND attached = 0 AND catalog_database = ?`
	if cause == nil {
		_, err = s.db.Exec(ctx, `UPDATE pipeline SET attached = 1, attach_ms = 0, attach_error = '', attachment = ?`+stillWanted, text, p.ID, p.Glue.Database)
	} else {
		_, err = s.db.Exec(ctx, `UPDATE pipeline SET attach_tries = attach_tries + 1, attach_ms = ?, attach_error = ?`+stillWanted,
			next.UnixMilli(), cause.Error(), p.ID, p.Glue.Database)
	}
	if err != nil {
		return metaFault("recording whether pipeline "+p.Name+" is attached", err)
	}
	return nil
}
