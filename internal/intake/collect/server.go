package collect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
)

// ServerConfig bounds what clients may do to a server. Zero fields get the defaults.
type ServerConfig struct {
	// CertFile and KeyFile are PEM files; both empty means plain HTTP.
	CertFile, KeyFile string
	// MaxConnections are served at a time (default 4096). Further ones wait in the kernel's queue.
	MaxConnections int
	// HeaderTimeout is how long the headers of a request may take (default 10 s), ReadTimeout the whole of it (default 60 s).
	HeaderTimeout, ReadTimeout time.Duration
	// WriteTimeout is how long reading, storing and answering may take together (default 2 min).
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection may be kept without a request (default 75 s).
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds request line and headers, and so the data of a GET (default 64 KiB).
	MaxHeaderBytes int
	// ShutdownTimeout is how long requests under way may go on after the end (default 30 s).
	ShutdownTimeout time.Duration
	// Logger gets what net/http says about connections, at level debug (default slog.Default).
	Logger *slog.Logger
}

func (c *ServerConfig) setDefaults() {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.HeaderTimeout, 10 * time.Second}, {&c.ReadTimeout, time.Minute}, {&c.WriteTimeout, 2 * time.Minute},
		{&c.IdleTimeout, 75 * time.Second}, {&c.ShutdownTimeout, 30 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 4096
	}
	if c.MaxHeaderBytes == 0 {
		c.MaxHeaderBytes = 64 << 10
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

// maxStreams is how many requests an HTTP/2 connection may have under way.
const maxStreams = 32

// Serve answers requests on the listener until ctx is done; then it lets those under way finish and returns nil. It closes the
// listener. With a certificate it speaks TLS 1.2 or later, and HTTP/2.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, c ServerConfig) error {
	c.setDefaults()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: c.HeaderTimeout,
		ReadTimeout:       c.ReadTimeout,
		WriteTimeout:      c.WriteTimeout,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    c.MaxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	limited := limitConnections(listener, c.MaxConnections)
	serve := func() error { return server.Serve(limited) }
	if c.CertFile != "" || c.KeyFile != "" {
		certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return errors.Join(fault.New(fault.Setup, "loading the certificate", c.CertFile, err, "give a certificate and its key in PEM format"),
				listener.Close())
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
		serve = func() error { return server.ServeTLS(limited, "", "") }
	}
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving the collector: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.ShutdownTimeout)
	defer cancel()
	err := server.Shutdown(ending)
	if err != nil {
		err = errors.Join(fmt.Errorf("ending the collector: %w", err), server.Close())
	}
	<-failed
	return err
}

// limitedListener accepts a connection only when fewer than its number are open.
type limitedListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func limitConnections(l net.Listener, n int) net.Listener {
	return &limitedListener{Listener: l, slots: make(chan struct{}, n), closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: conn, free: func() { <-l.slots }}, nil
}

// Close implements net.Listener.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn frees its slot once when it is closed.
type limitedConn struct {
	net.Conn
	once sync.Once
	free func()
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.free)
	return err
}
