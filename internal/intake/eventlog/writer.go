package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/refract-io/refract/internal/platform/fault"
)

// ErrOverloaded says that more records wait for the log than the writer may hold. The error has the class fault.Transient; a
// collector answers it with 429 or 503.
var ErrOverloaded = errors.New("too many records wait for the log")

// ErrClosed says that the log or the writer was closed.
var ErrClosed = errors.New("the log is closed")

// WriterOptions sets a Writer up. Zero values mean the defaults.
type WriterOptions struct {
	// MaxBytes is how many bytes of encoded records share a block. One Append with more makes a larger block. Default 1 MiB.
	MaxBytes int
	// Linger is how long a block waits for company, 0 to a few milliseconds. Blocks of a busy project fill without it: what
	// arrives while one block is being stored goes into the next. Default 0.
	Linger time.Duration
	// MaxPending is how many bytes of encoded records may be in the writer, not yet durable. Default 64 MiB.
	MaxPending int64
	// MaxWait is how long an Append waits for room when MaxPending is reached, before it fails with ErrOverloaded. Default 0.
	MaxWait time.Duration
	// InFlight is how many blocks are compressed and stored at the same time. Default 4.
	InFlight int
}

func (o *WriterOptions) setDefaults() {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 20
	}
	if o.MaxPending <= 0 {
		o.MaxPending = 64 << 20
	}
	if o.InFlight <= 0 {
		o.InFlight = 4
	}
}

// Writer lets concurrent appends of a project share blocks, and so compression, replication and fsync (group commit).
//
// A project that has a block under way collects what arrives in its next block; a block that is full goes at once. So a lone
// client sees the latency of one append, and many clients see few large blocks. It is safe for concurrent use.
type Writer struct {
	log  Log
	opts WriterOptions
	room *semaphore.Weighted
	// pending is what is taken of room.
	pending atomic.Int64

	mu       sync.Mutex
	projects map[int64]*projectQueue
	ready    []*batch // what may go as soon as one of InFlight is free, oldest first
	inFlight int
	closed   bool
	running  sync.WaitGroup // batches that exist
	buffers  sync.Pool      // *[]byte
}

// projectQueue is a project with batches. It is dropped when it has none.
type projectQueue struct {
	open     *batch // takes further records; nil when there is none
	inFlight int
	batches  int // open, queued and in flight
}

// batch is a block in the making.
type batch struct {
	project int64
	key     string
	content []byte
	pooled  *[]byte // what content goes back to; nil when content is borrowed from the caller
	count   int
	weight  int64 // of room
	queued  bool  // is in Writer.ready
	linger  *time.Timer

	read chan struct{} // closed when content is no longer needed
	done chan struct{} // closed when pos and err are set
	pos  Position
	err  error
}

// NewWriter returns a Writer over the log. Close it before the log.
func NewWriter(log Log, opts WriterOptions) *Writer {
	opts.setDefaults()
	return &Writer{
		log:      log,
		opts:     opts,
		room:     semaphore.NewWeighted(opts.MaxPending),
		projects: make(map[int64]*projectQueue),
		buffers:  sync.Pool{New: func() any { return new([]byte) }},
	}
}

// Append stores count encoded records (Encoder.Bytes) of the project and returns the position of their block once it is durable.
// It doesn't use the records after it returned.
//
// After an error the records may or may not be there. That includes the end of ctx, which ends only the waiting. Errors are those
// of Log.Append, ErrOverloaded, ErrTooLarge and ErrClosed.
func (w *Writer) Append(ctx context.Context, project int64, records []byte, count int) (Position, error) {
	return w.append(ctx, project, "", records, count)
}

// AppendKeyed is Append for records that must not be stored twice. They become a block of their own with that key: see Block.Key.
func (w *Writer) AppendKeyed(ctx context.Context, project int64, key string, records []byte, count int) (Position, error) {
	if key == "" {
		return 0, fault.New(fault.Bug, "appending to the log", fmt.Sprintf("for project %d", project), errors.New("the key is empty"), "")
	}
	return w.append(ctx, project, key, records, count)
}

func (w *Writer) append(ctx context.Context, project int64, key string, records []byte, count int) (Position, error) {
	if len(records) > MaxContent || count <= 0 || count > len(records)/minRecordSize {
		return 0, fault.New(fault.Poison, "appending to the log", fmt.Sprintf("%d records of %d bytes for project %d", count, len(records), project),
			ErrTooLarge, "send fewer records at once")
	}
	weight := min(int64(len(records)), w.opts.MaxPending)
	if err := w.reserve(ctx, weight); err != nil {
		return 0, err
	}
	b, err := w.enqueue(project, key, records, count, weight)
	if err != nil {
		w.free(weight)
		return 0, err
	}
	select {
	case <-b.done:
		return b.pos, b.err
	case <-ctx.Done():
		w.leave(b)
		return 0, fault.New(fault.Transient, "waiting for the log", fmt.Sprintf("to store records of project %d", project), ctx.Err(), "")
	}
}

// Pending returns how many bytes of encoded records are in the writer, not yet durable.
func (w *Writer) Pending() int64 { return w.pending.Load() }

// reserve takes room. It fails when there is none within MaxWait.
func (w *Writer) reserve(ctx context.Context, weight int64) error {
	if !w.room.TryAcquire(weight) {
		waiting, cancel := context.WithTimeout(ctx, w.opts.MaxWait)
		defer cancel()
		if err := w.room.Acquire(waiting, weight); err != nil {
			return fault.New(fault.Transient, "appending to the log", "", ErrOverloaded, "send again later")
		}
	}
	w.pending.Add(weight)
	return nil
}

func (w *Writer) free(weight int64) {
	w.pending.Add(-weight)
	w.room.Release(weight)
}

// enqueue puts the records into the project's open batch, or into one of their own when they are many or have a key.
func (w *Writer) enqueue(project int64, key string, records []byte, count int, weight int64) (*batch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, fault.New(fault.Transient, "appending to the log", "", ErrClosed, "")
	}
	p := w.projects[project]
	if p == nil {
		p = &projectQueue{}
		w.projects[project] = p
	}
	if key != "" || len(records) >= w.opts.MaxBytes/2 {
		b := w.newBatch(p, project)
		b.key, b.content, b.count, b.weight = key, records, count, weight
		w.push(b)
		w.dispatch()
		return b, nil
	}
	if p.open != nil && len(p.open.content)+len(records) > w.opts.MaxBytes {
		w.seal(p)
	}
	if p.open == nil {
		p.open = w.newBatch(p, project)
		p.open.pooled = w.buffers.Get().(*[]byte)
		p.open.content = (*p.open.pooled)[:0]
		w.startLinger(p.open)
	}
	b := p.open
	b.content = append(b.content, records...)
	b.count += count
	b.weight += weight
	w.offer(p)
	w.dispatch()
	return b, nil
}

// leave gives records that a batch borrowed back to their caller: the batch is dropped if it is still queued, or else has read them
// when leave returns. A batch that copied its records goes on.
func (w *Writer) leave(b *batch) {
	if b.pooled != nil {
		return
	}
	w.mu.Lock()
	i := slices.Index(w.ready, b)
	if i >= 0 {
		w.ready = slices.Delete(w.ready, i, i+1)
		w.forget(b)
	}
	w.mu.Unlock()
	if i < 0 {
		<-b.read
		return
	}
	w.free(b.weight)
	w.running.Done()
}

// forget takes the batch out of its project, and the project out of the writer when it was the last.
func (w *Writer) forget(b *batch) {
	p := w.projects[b.project]
	p.batches--
	if p.batches == 0 {
		delete(w.projects, b.project)
	}
}

func (w *Writer) newBatch(p *projectQueue, project int64) *batch {
	p.batches++
	w.running.Add(1)
	return &batch{project: project, read: make(chan struct{}), done: make(chan struct{})}
}

// startLinger holds the batch back until the timer fires.
func (w *Writer) startLinger(b *batch) {
	if w.opts.Linger <= 0 {
		return
	}
	b.linger = time.AfterFunc(w.opts.Linger, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		b.linger = nil
		if p := w.projects[b.project]; p != nil && p.open == b {
			w.offer(p)
			w.dispatch()
		}
	})
}

// offer queues the project's open batch if nothing speaks for waiting. It stays open until it is taken.
func (w *Writer) offer(p *projectQueue) {
	if p.open != nil && p.inFlight == 0 && (p.open.linger == nil || w.closed) {
		w.push(p.open)
	}
}

// seal closes the project's open batch to further records and queues it.
func (w *Writer) seal(p *projectQueue) {
	b := p.open
	p.open = nil
	w.push(b)
}

func (w *Writer) push(b *batch) {
	if !b.queued {
		b.queued = true
		w.ready = append(w.ready, b)
	}
}

// dispatch starts as many queued batches as may run.
func (w *Writer) dispatch() {
	for w.inFlight < w.opts.InFlight && len(w.ready) > 0 {
		b := w.ready[0]
		w.ready[0] = nil
		w.ready = w.ready[1:]
		p := w.projects[b.project]
		if p.open == b {
			p.open = nil
		}
		p.inFlight++
		w.inFlight++
		go w.store(b)
	}
}

// store writes one batch to the log and wakes those who wait for it.
func (w *Writer) store(b *batch) {
	defer w.running.Done()
	out := w.buffers.Get().(*[]byte)
	data, err := AppendBlock((*out)[:0], b.content, b.count)
	close(b.read)
	if b.pooled != nil {
		*b.pooled = b.content
		w.buffers.Put(b.pooled)
	}
	if err != nil {
		b.err = err
	} else {
		// The waiters have different contexts, and none of them may end what the others wait for.
		b.pos, b.err = w.log.Append(context.Background(), Block{Project: b.project, Key: b.key, Count: b.count, Data: data})
	}
	*out = data
	w.buffers.Put(out)
	w.free(b.weight)
	close(b.done)

	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight--
	p := w.projects[b.project]
	p.inFlight--
	w.offer(p)
	w.forget(b)
	w.dispatch()
}

// Close stores what was appended and then returns. Appends that come later fail with ErrClosed. It does not close the log.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closed = true
	for _, p := range w.projects {
		w.offer(p)
	}
	w.dispatch()
	w.mu.Unlock()
	w.running.Wait()
	return nil
}
