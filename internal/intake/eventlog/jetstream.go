package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/refract-io/refract/internal/platform/fault"
)

// JetStream is the Log over a NATS JetStream stream, in a server of its own (Open) or in a cluster (Connect). A position is the
// message's sequence number in the stream.
type JetStream struct {
	opts  Options
	space *space // nil for a cluster
	slots chan struct{}
	tail  Tail

	// ctx ends when the log is closed. It ends reads and the supervisor, but not appends.
	ctx    context.Context
	cancel context.CancelFunc
	// suspicions asks the supervisor to look at an embedded server.
	suspicions chan struct{}
	supervisor sync.WaitGroup
	release    func() error // of what Open or Connect hold besides the session

	mu         sync.RWMutex
	current    *session // nil while an embedded server is restarted
	closed     bool
	operations sync.WaitGroup
}

var _ Log = (*JetStream)(nil)

func newJetStream(opts Options) *JetStream {
	l := &JetStream{
		opts:       opts,
		slots:      make(chan struct{}, opts.InFlight),
		suspicions: make(chan struct{}, 1),
		release:    func() error { return nil },
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// begin returns the session to work with. Each success is followed by one operations.Done.
func (l *JetStream) begin() (*session, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return nil, fault.New(fault.Transient, "using the log", "", ErrClosed, "")
	}
	if l.current == nil {
		return nil, fault.New(fault.Transient, "using the log", "", errors.New("its server is being restarted"), "try again in some seconds")
	}
	l.operations.Add(1)
	return l.current, nil
}

// Append implements Log.
func (l *JetStream) Append(ctx context.Context, b Block) (Position, error) {
	s, err := l.begin()
	if err != nil {
		return 0, err
	}
	done := l.operations.Done
	defer func() { done() }()
	if err := checkBlock(&b, s.maxBlock); err != nil {
		return 0, err
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, transient("waiting for other appends", &b, ctx.Err())
	case <-s.broken:
		return 0, transient("appending a block", &b, errBroken)
	}
	size := int64(len(b.Data))
	if err := l.space.take(size); err != nil {
		<-l.slots
		return 0, err
	}
	done = func() {
		l.space.put(size)
		<-l.slots
		l.operations.Done()
	}
	a, err := s.publish(ctx, message(l.opts.Stream, &b))
	if err == nil {
		l.tail.Advance(Position(a.Sequence))
		return Position(a.Sequence), nil
	}
	if u, ok := errors.AsType[*unsettled](err); ok {
		// Nobody waits for the answer any more, but the append counts until it comes, and its block is news for readers.
		settle := done
		done = func() {}
		go func() {
			defer settle()
			if a, err := u.wait(s); err == nil {
				l.tail.Advance(Position(a.Sequence))
			}
		}()
		return 0, transient("appending a block", &b, u.cause)
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		if b.Key != "" && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			return l.find(ctx, s, &b)
		}
	} else {
		l.suspect()
	}
	return 0, transient("appending a block", &b, err)
}

// find returns the position of the block that the log holds under b's key.
func (l *JetStream) find(ctx context.Context, s *session, b *Block) (Position, error) {
	m, err := s.stream.GetLastMsgForSubject(ctx, subject(l.opts.Stream, b))
	if err != nil {
		return 0, transient("finding the first block with the same key", b, err)
	}
	return Position(m.Sequence), nil
}

func transient(op string, b *Block, err error) error {
	return fault.New(fault.Transient, op, fmt.Sprintf("of %d records for project %d", b.Count, b.Project), err, "try again")
}

// suspect asks the supervisor, if there is one, to look whether the server still works.
func (l *JetStream) suspect() {
	select {
	case l.suspicions <- struct{}{}:
	default:
	}
}

// Last implements Log.
func (l *JetStream) Last(ctx context.Context) (Position, error) {
	s, err := l.begin()
	if err != nil {
		return 0, err
	}
	defer l.operations.Done()
	state, err := s.state(ctx)
	if err != nil {
		l.suspect()
		return 0, err
	}
	l.tail.Advance(Position(state.LastSeq))
	return Position(state.LastSeq), nil
}

// Appended implements Log.
func (l *JetStream) Appended(after Position) <-chan struct{} { return l.tail.After(after) }

// Release implements Log. The blocks are purged.
func (l *JetStream) Release(ctx context.Context, upTo Position) error {
	s, err := l.begin()
	if err != nil {
		return err
	}
	defer l.operations.Done()
	state, err := s.state(ctx)
	if err != nil {
		l.suspect()
		return err
	}
	// JetStream would skip sequence numbers up to the one that a purge names.
	upTo = min(upTo, Position(state.LastSeq))
	if state.Msgs == 0 || uint64(upTo) < state.FirstSeq {
		return nil
	}
	if err := s.stream.Purge(ctx, jetstream.WithPurgeSequence(uint64(upTo)+1)); err != nil {
		l.suspect()
		return fault.New(fault.Transient, "releasing the log", fmt.Sprintf("up to %d", upTo), err, "")
	}
	return nil
}

// Close implements Log. Reads under way end with ErrClosed.
func (l *JetStream) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.operations.Wait()
	l.supervisor.Wait()
	if l.current != nil {
		l.current.close()
	}
	return l.release()
}

// waitOrDone waits for d and tells whether it passed before the context ended.
func waitOrDone(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// connectionLogger tells what happens to a connection outside of calls.
func connectionLogger(opts *Options) []nats.Option {
	return []nats.Option{
		nats.Name("refract"),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				opts.Logger.Warn("lost the connection to the log", "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			opts.Logger.Warn("the connection to the log has a problem", "error", err)
		}),
	}
}
