package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/refract-io/refract/internal/platform/fault"
)

// One request of a read asks for this much; the block that passes readBytes still comes. The next request is under way while the
// blocks of the last one are handed out, so a read holds at most twice as much.
const (
	readBytes  = 4 << 20
	readBlocks = 1024
)

// Read implements Log. It uses JetStream's batched direct access, so it costs the server no consumer and any replica may answer.
func (l *JetStream) Read(ctx context.Context, after Position, fn func(*Block) error) error {
	s, err := l.begin()
	if err != nil {
		return err
	}
	defer l.operations.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()

	state, err := s.state(ctx)
	if err != nil {
		l.suspect()
		return l.readError(after, err)
	}
	last := Position(state.LastSeq)
	l.tail.Advance(last)
	if after >= last || state.Msgs == 0 {
		return nil
	}
	r, err := newReader(s, l.opts.Stream)
	if err != nil {
		return l.readError(after, err)
	}
	defer r.close()
	if err := r.read(ctx, after+1, last, fn); err != nil {
		if e, ok := errors.AsType[*callbackError](err); ok {
			return e.err
		}
		return l.readError(after, err)
	}
	return nil
}

func (l *JetStream) readError(after Position, err error) error {
	if l.ctx.Err() != nil {
		err = ErrClosed
	} else if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.New(fault.Transient, "reading the log", fmt.Sprintf("after %d", after), err, "")
}

// callbackError carries an error of the caller's function past those of the log.
type callbackError struct{ err error }

func (e *callbackError) Error() string { return e.err.Error() }

// reader asks for ranges of the stream and collects the answers.
type reader struct {
	s       *session
	subject string
	sub     *nats.Subscription
	blocks  []*nats.Msg // of the last answer
	block   Block
}

func newReader(s *session, stream string) (*reader, error) {
	sub, err := s.reads.SubscribeSync(s.reads.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("subscribing: %w", err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("subscribing: %w", err)
	}
	return &reader{s: s, subject: "$JS.API.DIRECT.GET." + stream, sub: sub}, nil
}

func (r *reader) close() {
	// It fails only when the connection is gone, and the subscription with it.
	_ = r.sub.Unsubscribe()
}

// read hands out the blocks of [next, last].
func (r *reader) read(ctx context.Context, next, last Position, fn func(*Block) error) error {
	progress := time.Now()
	if err := r.request(next); err != nil {
		return err
	}
	for {
		if err := r.answer(ctx); err != nil {
			return err
		}
		blocks := r.blocks
		if len(blocks) == 0 {
			// Either the rest was released meanwhile, or a replica answered that has not got it yet.
			state, err := r.s.state(ctx)
			if err != nil {
				return err
			}
			if state.Msgs == 0 || Position(state.FirstSeq) > last {
				return nil
			}
			if time.Since(progress) > r.s.timeout {
				return fmt.Errorf("nobody has block %d", next)
			}
			if !waitOrDone(ctx, 20*time.Millisecond) {
				return ctx.Err()
			}
			if err := r.request(next); err != nil {
				return err
			}
			continue
		}
		progress = time.Now()
		if err := parseMessage(blocks[len(blocks)-1], &r.block); err != nil {
			return err
		}
		next = r.block.Position + 1
		if next <= last {
			if err := r.request(next); err != nil {
				return err
			}
		}
		for i, m := range blocks {
			if err := parseMessage(m, &r.block); err != nil {
				return err
			}
			if r.block.Position > last {
				return nil
			}
			if err := fn(&r.block); err != nil {
				return &callbackError{err}
			}
			blocks[i] = nil
		}
		if next > last {
			return nil
		}
	}
}

// request asks for blocks from a position on.
func (r *reader) request(from Position) error {
	body, err := json.Marshal(struct {
		Seq      uint64 `json:"seq"`
		Batch    int    `json:"batch"`
		MaxBytes int    `json:"max_bytes"`
	}{uint64(from), readBlocks, readBytes})
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	if err := r.s.reads.PublishRequest(r.subject, r.sub.Subject, body); err != nil {
		return fmt.Errorf("sending a request: %w", err)
	}
	return nil
}

// answer collects the messages that answer one request. There are none when the stream has nothing at or after the position.
func (r *reader) answer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.s.timeout)
	defer cancel()
	r.blocks = r.blocks[:0]
	for {
		m, err := r.sub.NextMsgWithContext(ctx)
		if err != nil {
			return fmt.Errorf("waiting for blocks: %w", err)
		}
		switch status := m.Header.Get("Status"); status {
		case "":
			r.blocks = append(r.blocks, m)
		case "204", "404", "503": // end of the batch; nothing there; no leader at present
			return nil
		default:
			return fmt.Errorf("the log refused a request: %s %s", status, m.Header.Get("Description"))
		}
	}
}
