package eventlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Open opens the log in a directory, which it creates, with a NATS server inside this process that listens nowhere. Every block is
// synced to the disk before it is acknowledged. Only one process at a time can have the directory open; a second one gets an error
// of class fault.Setup.
//
// JetStream gives a stream up for good at its first failed write, such as on a full disk, and answers nothing from then on. So
// appends are refused while less than Options.Reserve is free, and a server that has given up all the same is restarted: appends
// fail as transient until it is back.
func Open(ctx context.Context, dir string, opts Options) (*JetStream, error) {
	opts.setDefaults()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.New(fault.Setup, "creating the log's directory", dir, err, "choose a directory that this user may write")
	}
	lock, err := lockFile(filepath.Join(dir, "LOCK"))
	if err != nil {
		return nil, fault.New(fault.Setup, "locking the log", dir, err, "stop the other process, or choose another directory")
	}
	l := newJetStream(opts)
	l.space = &space{dir: dir, reserve: opts.Reserve}
	l.release = lock.Close
	start := func(ctx context.Context) (*session, error) {
		s, err := l.startEmbedded(ctx, dir)
		if err != nil {
			return nil, err
		}
		state, err := s.state(ctx)
		if err != nil {
			s.close()
			return nil, err
		}
		l.tail.Advance(Position(state.LastSeq))
		return s, nil
	}
	if l.current, err = start(ctx); err != nil {
		l.cancel()
		_ = lock.Close() // nothing was written through it
		return nil, fault.New(fault.Setup, "opening the log", dir, err, "see whether the disk has room and the directory may be written")
	}
	l.supervisor.Add(1)
	go func() {
		defer l.supervisor.Done()
		l.supervise(start)
	}()
	return l, nil
}

// startEmbedded starts a server over the directory and connects to it.
func (l *JetStream) startEmbedded(ctx context.Context, dir string) (*session, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName:         "refract",
		DontListen:         true,
		NoSigs:             true,
		JetStream:          true,
		StoreDir:           dir,
		SyncAlways:         true,
		MaxPayload:         MaxBlockBytes + 64<<10,
		JetStreamMaxMemory: 64 << 20, // nothing is kept in memory
		JetStreamMaxStore:  1 << 50,  // the space guard decides, not a share of what is free at the start
	})
	if err != nil {
		return nil, fmt.Errorf("setting the server up: %w", err)
	}
	log := &serverLog{to: l.opts.Logger, trouble: l.suspect}
	log.starting.Store(true)
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	log.starting.Store(false)
	stop := func(err error) (*session, error) {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, err
	}
	if err := log.fatal(); err != nil {
		return stop(fmt.Errorf("starting the server: %w", err))
	}
	if !srv.ReadyForConnections(l.opts.Timeout) || !srv.JetStreamEnabled() {
		return stop(errors.New("starting the server: it did not become ready"))
	}
	nopts := append(connectionLogger(&l.opts), nats.InProcessServer(srv), nats.NoReconnect())
	s, err := newSession(ctx, &l.opts, 1, "", nopts...)
	if err != nil {
		return stop(err)
	}
	s.server = srv
	return s, nil
}

// How long the supervisor waits between attempts to restart a server.
const (
	restartWait    = 100 * time.Millisecond
	maxRestartWait = 5 * time.Second
)

// supervise replaces the server when it no longer works. It ends with the log.
func (l *JetStream) supervise(start func(context.Context) (*session, error)) {
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.suspicions:
		}
		s := l.current // written only below
		if err := s.health(l.opts.Stream); err == nil {
			// An append may have been stored without an answer in time; readers are to know.
			if state, err := s.state(l.ctx); err == nil {
				l.tail.Advance(Position(state.LastSeq))
			}
			continue
		} else if l.ctx.Err() == nil {
			l.opts.Logger.Warn("restarting the log's server", "error", err)
		}
		l.setCurrent(nil)
		close(s.broken)
		s.close()
		for wait := restartWait; ; wait = min(2*wait, maxRestartWait) {
			next, err := start(l.ctx)
			if err == nil {
				l.setCurrent(next)
				break
			}
			l.opts.Logger.Warn("the log's server can't be restarted yet", "error", err, "next", wait)
			if !waitOrDone(l.ctx, wait) {
				return
			}
		}
	}
}

func (l *JetStream) setCurrent(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = s
}

// health tells what is wrong with the session's server.
func (s *session) health(stream string) error {
	if !s.server.JetStreamEnabled() {
		return errors.New("JetStream is disabled")
	}
	if s.writes.IsClosed() || s.reads.IsClosed() {
		return errors.New("the connection is closed")
	}
	status := s.server.Healthz(&server.HealthzOptions{Account: server.DEFAULT_GLOBAL_ACCOUNT, Stream: stream})
	if status.Error != "" {
		return errors.New(status.Error)
	}
	return nil
}
