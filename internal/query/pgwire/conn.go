package pgwire

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// conn is one client connection. Its goroutine owns all fields but those below mu.
type conn struct {
	server    *Server
	socket    net.Conn // what the listener gave
	nc        net.Conn // the socket, or TLS over it
	encrypted bool
	in        *pgproto3.Backend
	out       []byte
	outErr    error

	id      uint32
	secret  [4]byte
	session Session

	statements map[string]*preparedStatement
	portals    map[string]*portal
	// skipping is set by an error in the extended protocol: messages up to the next Sync are ignored.
	skipping bool

	mu         sync.Mutex
	cancel     context.CancelFunc // of the running statement
	terminated bool
}

// flushSize is how much output collects before it is written.
const flushSize = 64 << 10

func newConn(s *Server, nc net.Conn) *conn {
	return &conn{server: s, socket: nc, nc: nc, statements: map[string]*preparedStatement{}, portals: map[string]*portal{}}
}

// serve runs the connection from start-up to its end.
func (c *conn) serve(ctx context.Context) {
	defer func() { c.nc.Close() }()
	c.nc.SetDeadline(time.Now().Add(orDefault(c.server.StartupTimeout, 30*time.Second)))
	stop := context.AfterFunc(ctx, c.terminate)
	defer stop()
	started, err := c.start(ctx)
	if err != nil {
		c.fail(err)
		return
	}
	if !started {
		return
	}
	defer func() {
		if err := c.session.Close(); err != nil {
			c.server.log().Warn("closing a session", "process", c.id, "error", err)
		}
	}()
	defer c.closePortals()
	c.nc.SetDeadline(time.Time{})
	if err := c.loop(ctx); err != nil {
		c.fail(err)
	}
}

// fail tells the client why the connection ends, as far as it still listens.
func (c *conn) fail(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return
	}
	e, ok := errors.AsType[*Error](err)
	switch {
	case ok:
	case c.isTerminated():
		e = newError(codeShutdown, "terminating connection due to administrator command")
	default:
		if ne, ok := errors.AsType[net.Error](err); ok {
			if !ne.Timeout() {
				return
			}
			e = newError(codeShutdown, "terminating connection: the client was silent for too long")
			break
		}
		if _, tooLarge := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); tooLarge {
			e = newError(codeTooLarge, "Statement is too large. Maximum statement size is 16777216 bytes")
			break
		}
		e = newError(codeProtocol, err.Error())
	}
	shown := *e
	shown.Severity = "FATAL"
	c.outErr = nil
	c.send(shown.response())
	_ = c.flush() // the connection ends either way
}

// start negotiates encryption, authenticates and opens the session. It reports false when the connection served a
// cancel request and is done.
func (c *conn) start(ctx context.Context) (bool, error) {
	msg, err := c.negotiate()
	if err != nil {
		return false, err
	}
	if m, ok := msg.(*pgproto3.CancelRequest); ok {
		c.server.serveCancel(m)
		return false, nil
	}
	m := msg.(*pgproto3.StartupMessage)
	s := Startup{User: m.Parameters["user"], Database: m.Parameters["database"], Address: c.nc.RemoteAddr().String(), Parameters: m.Parameters}
	delete(m.Parameters, "user")
	delete(m.Parameters, "database")
	if s.User == "" {
		return false, fatal(codeAuth, "no PostgreSQL user name specified in startup packet")
	}
	if s.Database == "" {
		s.Database = s.User
	}
	c.in = pgproto3.NewBackend(c.nc, io.Discard)
	c.in.SetMaxBodyLen(maxStartupPacket)
	if m.ProtocolVersion != pgproto3.ProtocolVersion30 {
		c.send(&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 0})
	}
	if s.User, err = c.authenticate(ctx, s.User); err != nil {
		return false, err
	}
	c.in.SetMaxBodyLen(maxMessage)
	rand.Read(c.secret[:])
	if !c.server.add(c) {
		return false, fatal(codeTooMany, "too many connections")
	}
	s.ProcessID = c.id
	if c.session, err = c.server.Backend.Open(ctx, s); err != nil {
		return false, err
	}
	c.sendPending()
	c.send(&pgproto3.BackendKeyData{ProcessID: c.id, SecretKey: c.secret[:]})
	return true, c.ready()
}

// negotiate answers requests for encryption until the start-up message or a cancel request comes.
func (c *conn) negotiate() (pgproto3.FrontendMessage, error) {
	for range 3 {
		msg, err := readStartup(c.nc)
		if err != nil {
			return nil, err
		}
		answer := []byte{'N'}
		switch msg.(type) {
		case *pgproto3.SSLRequest:
			if c.server.TLS == nil || c.encrypted {
				break
			}
			if _, err := c.nc.Write([]byte{'S'}); err != nil {
				return nil, err
			}
			tc := tls.Server(c.nc, c.server.TLS)
			if err := tc.Handshake(); err != nil {
				return nil, io.EOF // a client that failed to set up encryption can't read an error
			}
			c.nc, c.encrypted = tc, true
			continue
		case *pgproto3.GSSEncRequest:
		default:
			return msg, nil
		}
		if _, err := c.nc.Write(answer); err != nil {
			return nil, err
		}
	}
	return nil, fatal(codeProtocol, "too many requests for encryption")
}

// serveCancel cancels the statement of the session that the key names. A wrong key is ignored, as the protocol has it.
func (s *Server) serveCancel(m *pgproto3.CancelRequest) {
	s.mu.Lock()
	c := s.conns[m.ProcessID]
	s.mu.Unlock()
	if c != nil && subtle.ConstantTimeCompare(m.SecretKey, c.secret[:]) == 1 {
		c.cancelRunning()
	}
}

// running derives the context of a statement, which cancelRunning ends.
func (c *conn) running(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	c.cancel = cancel
	c.mu.Unlock()
	return ctx, func() {
		c.mu.Lock()
		c.cancel = nil
		c.mu.Unlock()
		cancel()
	}
}

func (c *conn) cancelRunning() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

// terminate ends the connection from another goroutine: the running statement is cancelled and the next read fails.
func (c *conn) terminate() {
	c.mu.Lock()
	c.terminated = true
	c.mu.Unlock()
	c.cancelRunning()
	c.socket.SetReadDeadline(time.Unix(1, 0))
}

func (c *conn) isTerminated() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.terminated
}

// loop reads and answers messages until the client leaves.
func (c *conn) loop(ctx context.Context) error {
	for {
		// The deadline must not overwrite the one that terminate sets.
		c.mu.Lock()
		if !c.terminated {
			c.nc.SetReadDeadline(time.Now().Add(orDefault(c.server.IdleTimeout, 4*time.Hour)))
		}
		c.mu.Unlock()
		msg, err := c.in.Receive()
		if err != nil {
			return err
		}
		if _, ok := msg.(*pgproto3.Terminate); ok {
			return nil
		}
		if err := c.handle(ctx, msg); err != nil {
			return err
		}
	}
}

// handle answers one message. The errors it returns end the connection. So does a panic, which one client's statement must not turn into the
// end of all others.
func (c *conn) handle(ctx context.Context, msg pgproto3.FrontendMessage) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.server.log().Error("panic while answering a client", "process", c.id, "panic", p, "stack", string(debug.Stack()))
			err = fatal(codeInternal, "internal error")
		}
	}()
	switch m := msg.(type) {
	case *pgproto3.Query:
		c.skipping = false
		c.simpleQuery(ctx, m.String)
		return c.ready()
	case *pgproto3.Sync:
		c.skipping = false
		if c.session.Status() == 'I' {
			c.closePortals()
		}
		return c.ready()
	case *pgproto3.Flush:
		return c.flush()
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
		return nil // the protocol has these ignored outside of COPY
	case *pgproto3.FunctionCall:
		c.report(newError(codeUnsupported, "function call protocol is not supported"))
		return c.ready()
	}
	if c.skipping {
		return nil
	}
	if err := c.extended(ctx, msg); err != nil {
		if c.outErr != nil {
			return c.outErr
		}
		c.report(err)
		c.skipping = true
	}
	return nil
}

// extended answers a message of the extended query protocol.
func (c *conn) extended(ctx context.Context, msg pgproto3.FrontendMessage) error {
	switch m := msg.(type) {
	case *pgproto3.Parse:
		return c.parse(ctx, m)
	case *pgproto3.Bind:
		return c.bind(m)
	case *pgproto3.Describe:
		return c.describe(m)
	case *pgproto3.Execute:
		return c.execute(ctx, m)
	case *pgproto3.Close:
		return c.close(m)
	}
	return newError(codeProtocol, fmt.Sprintf("unexpected message %T", msg))
}

// report sends an error and fails the transaction.
func (c *conn) report(err error) {
	c.session.Fail()
	c.sendPending()
	c.send(asError(err).response())
}

// sendPending sends notices and changed parameters.
func (c *conn) sendPending() {
	notices, params := c.session.Pending()
	for _, n := range notices {
		r := pgproto3.NoticeResponse(*n.response())
		c.send(&r)
	}
	for _, p := range params {
		c.send(&pgproto3.ParameterStatus{Name: p.Name, Value: p.Value})
	}
}

func (c *conn) ready() error {
	c.send(&pgproto3.ReadyForQuery{TxStatus: c.session.Status()})
	return c.flush()
}

// send puts a message into the output buffer. Failures show at the next flush.
func (c *conn) send(msg pgproto3.BackendMessage) {
	out, err := msg.Encode(c.out)
	if err != nil {
		c.outErr = errors.Join(c.outErr, err)
		return
	}
	c.out = out
}

// flush writes the output buffer.
func (c *conn) flush() error {
	if c.outErr != nil {
		return c.outErr
	}
	c.nc.SetWriteDeadline(time.Now().Add(orDefault(c.server.WriteTimeout, time.Minute)))
	_, c.outErr = c.nc.Write(c.out)
	c.out = c.out[:0]
	if cap(c.out) > 16*flushSize {
		c.out = nil
	}
	return c.outErr
}

// commandComplete reports a finished statement.
func (c *conn) commandComplete(tag string) {
	c.sendPending()
	c.send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
}

func quoted(name string) string { return strconv.Quote(name) }
