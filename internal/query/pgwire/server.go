package pgwire

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Server serves clients over a listener. Its fields are set before Serve and not changed later.
type Server struct {
	Backend Backend
	// TLS offers encryption to clients that ask for it; nil refuses.
	TLS *tls.Config
	// MaxConnections bounds the open connections; more are told "too many connections". 0 means 500, the limit of a
	// Redshift cluster.
	MaxConnections int
	// WriteTimeout ends a connection whose client does not read. 0 means one minute.
	WriteTimeout time.Duration
	// IdleTimeout ends a connection whose client says nothing. 0 means four hours, Redshift's session default.
	IdleTimeout time.Duration
	// StartupTimeout bounds encryption, start-up and authentication together. 0 means 30 seconds.
	StartupTimeout time.Duration
	// Log takes what an operator should see. nil means slog.Default.
	Log *slog.Logger

	mu     sync.Mutex
	conns  map[uint32]*conn
	nextID uint32
	wg     sync.WaitGroup
}

// maxMessage bounds a message from the client: Redshift takes statements of up to 16 MB.
const maxMessage = 16 << 20

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Serve accepts connections until ctx ends or the listener fails. It closes the listener, cancels running statements, tells
// clients, and returns when every connection has ended; after ctx it returns nil.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	s.mu.Lock()
	s.conns = map[uint32]*conn{}
	s.mu.Unlock()
	err := s.accept(ctx, l)
	cancel()
	s.wg.Wait()
	return err
}

func (s *Server) accept(ctx context.Context, l net.Listener) error {
	// Sockets that have not authenticated count here alone; the surplus lets cancel requests through on a full server.
	sockets := make(chan struct{}, s.maxConnections()+64)
	for {
		nc, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				nc.Close()
			}
			return nil
		}
		if err != nil {
			// Out of file descriptors, for one, passes.
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				continue
			}
			return err
		}
		select {
		case sockets <- struct{}{}:
		default:
			nc.Close()
			continue
		}
		c := newConn(s, nc)
		s.wg.Go(func() {
			defer func() { <-sockets }()
			defer s.remove(c)
			c.serve(ctx)
		})
	}
}

// add enters a connection that has authenticated. It reports false when there are too many.
func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= s.maxConnections() {
		return false
	}
	for {
		s.nextID++
		if _, taken := s.conns[s.nextID]; !taken && s.nextID != 0 {
			break
		}
	}
	c.id = s.nextID
	s.conns[c.id] = c
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c.id] == c {
		delete(s.conns, c.id)
	}
}

// Cancel cancels what the session with this process id runs. It reports whether there is such a session.
func (s *Server) Cancel(processID uint32) bool {
	s.mu.Lock()
	c := s.conns[processID]
	s.mu.Unlock()
	if c != nil {
		c.cancelRunning()
	}
	return c != nil
}

func (s *Server) maxConnections() int { return orDefault(s.MaxConnections, 500) }

func (s *Server) log() *slog.Logger { return orDefault(s.Log, slog.Default()) }
