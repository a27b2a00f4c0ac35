package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/refract-io/refract/internal/platform/fault"
)

// errBroken is what appends meet when the embedded server they wait for is given up.
var errBroken = errors.New("the log's server stopped working and is being restarted")

// A server without a leader for the stream does not answer; a leader is elected within some seconds.
const (
	leaderAttempts = 20
	leaderWait     = 250 * time.Millisecond
)

// session is a connection to the stream and, for an embedded log, the server behind it.
type session struct {
	server   *server.Server // nil for a cluster
	writes   *nats.Conn
	reads    *nats.Conn // its own, since the server serves a connection's requests one by one
	js       jetstream.JetStream
	stream   jetstream.Stream
	watch    jetstream.ConsumeContext // nil for an embedded log
	timeout  time.Duration
	maxBlock int64
	broken   chan struct{} // closed when the session is given up
}

// newSession connects and sets the stream up. It closes the connections when it fails, but not the server.
func newSession(ctx context.Context, opts *Options, replicas int, url string, nopts ...nats.Option) (*session, error) {
	s := &session{timeout: opts.Timeout, broken: make(chan struct{})}
	var err error
	if s.writes, err = nats.Connect(url, nopts...); err != nil {
		return nil, fmt.Errorf("connecting to the log: %w", err)
	}
	if s.reads, err = nats.Connect(url, nopts...); err != nil {
		s.writes.Close()
		return nil, fmt.Errorf("connecting to the log: %w", err)
	}
	s.maxBlock = min(s.writes.MaxPayload()-4<<10, MaxBlockBytes)
	s.js, err = jetstream.New(s.writes, jetstream.WithDefaultTimeout(opts.Timeout),
		jetstream.WithPublishAsyncTimeout(opts.Timeout), jetstream.WithPublishAsyncMaxPending(2*opts.InFlight))
	if err == nil {
		s.stream, err = openStream(ctx, s.js, opts, replicas)
	}
	if err != nil {
		s.disconnect()
		return nil, err
	}
	return s, nil
}

// openStream creates the stream, or takes it as it is if nothing about it can lose blocks.
func openStream(ctx context.Context, js jetstream.JetStream, opts *Options, replicas int) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, opts.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, jetstream.StreamConfig{
			Name:        opts.Stream,
			Description: "Refract: the durable log between collectors and the store",
			Subjects:    []string{opts.Stream + ".>"},
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardNew,
			Storage:     jetstream.FileStorage,
			Replicas:    replicas,
			Duplicates:  opts.Remember,
			AllowDirect: true,
			DenyDelete:  true,
			MaxMsgs:     -1,
			MaxBytes:    -1,
			MaxMsgSize:  -1,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("opening stream %s: %w", opts.Stream, err)
	}
	config := stream.CachedInfo().Config
	var wrong error
	switch {
	case config.Retention != jetstream.LimitsPolicy:
		wrong = errors.New("its retention policy is not limits")
	case config.MaxAge != 0:
		wrong = errors.New("it drops messages by age")
	case config.Discard != jetstream.DiscardNew:
		wrong = errors.New("it drops old messages when it is full")
	case config.MaxMsgsPerSubject > 0:
		wrong = errors.New("it limits messages per subject")
	case config.Storage != jetstream.FileStorage:
		wrong = errors.New("it is kept in memory")
	case !config.AllowDirect:
		wrong = errors.New("it doesn't allow direct access")
	case config.NoAck:
		wrong = errors.New("it doesn't acknowledge")
	}
	if wrong != nil {
		return nil, fault.New(fault.Setup, "opening stream", opts.Stream, wrong,
			"change the stream's configuration, or name another stream and let Refract create it")
	}
	if config.Duplicates != opts.Remember {
		config.Duplicates = opts.Remember
		if stream, err = js.UpdateStream(ctx, config); err != nil {
			return nil, fmt.Errorf("setting the duplicate window of stream %s: %w", opts.Stream, err)
		}
	}
	return stream, nil
}

// unsettled says that the context ended before the stream answered.
type unsettled struct {
	cause  error
	future jetstream.PubAckFuture
}

func (u *unsettled) Error() string { return u.cause.Error() }

// wait waits for the answer. It ends with the session or the publish timeout.
func (u *unsettled) wait(s *session) (*jetstream.PubAck, error) {
	select {
	case ack := <-u.future.Ok():
		return ack, nil
	case err := <-u.future.Err():
		return nil, err
	case <-s.broken:
		return nil, errBroken
	}
}

// publish stores a message and waits for the answer. It fails with *unsettled when ctx ends before.
func (s *session) publish(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
	for attempt := 1; ; attempt++ {
		// The client's own retries would read the payload after Append returned.
		future, err := s.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
		if err != nil {
			return nil, fmt.Errorf("publishing: %w", err)
		}
		select {
		case ack := <-future.Ok():
			return ack, nil
		case err := <-future.Err():
			if attempt == leaderAttempts || !errors.Is(err, jetstream.ErrNoStreamResponse) {
				return nil, fmt.Errorf("publishing: %w", err)
			}
			if !waitOrDone(ctx, leaderWait) {
				return nil, ctx.Err()
			}
		case <-ctx.Done():
			return nil, &unsettled{cause: ctx.Err(), future: future}
		case <-s.broken:
			return nil, errBroken
		}
	}
}

// state asks the stream's leader for its first and last sequence numbers.
func (s *session) state(ctx context.Context) (jetstream.StreamState, error) {
	info, err := s.stream.Info(ctx)
	if err != nil {
		return jetstream.StreamState{}, fault.New(fault.Transient, "asking the log for its state", "", err, "")
	}
	return info.State, nil
}

// follow advances the tail with every block that anybody appends after the position.
func (s *session) follow(ctx context.Context, tail *Tail, after Position) error {
	consumer, err := s.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   uint64(after) + 1,
		HeadersOnly:   true,
	})
	if err != nil {
		return fmt.Errorf("following the log: %w", err)
	}
	s.watch, err = consumer.Consume(func(m jetstream.Msg) {
		if meta, err := m.Metadata(); err == nil {
			tail.Advance(Position(meta.Sequence.Stream))
		}
	})
	if err != nil {
		return fmt.Errorf("following the log: %w", err)
	}
	return nil
}

func (s *session) disconnect() {
	s.writes.Close()
	s.reads.Close()
}

// close ends the session and its server. What is in flight is lost to those who wait for it.
func (s *session) close() {
	if s.watch != nil {
		s.watch.Stop()
	}
	s.disconnect()
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
	}
}
