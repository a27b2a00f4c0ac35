package pgwire

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeBackend understands a few words: "rows n" gives n rows of an int4 and a text, "echo" gives its parameters back, "fail" fails, "wait" runs
// until it is cancelled, "begin" and "commit" do as they say, "notice" gives a notice, "halfway n" fails after n rows.
type fakeBackend struct {
	open    atomic.Int64
	users   chan string   // told of whom a session is
	waiting chan struct{} // told when a "wait" has begun
}

func newFake() *fakeBackend {
	return &fakeBackend{waiting: make(chan struct{}, 10), users: make(chan string, 1000)}
}

func (b *fakeBackend) Login(_ context.Context, name string) (Login, error) {
	if name == "ghost" {
		return Login{}, ErrNoUser
	}
	return Login{strings.TrimPrefix(name, "IAM:"), HashPassword(name, "secret")}, nil
}

func (b *fakeBackend) Open(_ context.Context, s Startup) (Session, error) {
	if s.Database == "missing" {
		return nil, &Error{Code: "3D000", Message: `database "missing" does not exist`}
	}
	b.open.Add(1)
	b.users <- s.User
	return &fakeSession{backend: b, status: 'I', params: []Parameter{{"server_version", "8.0.2"}, {"client_encoding", "UTF8"}, {"standard_conforming_strings", "on"}}}, nil
}

type fakeSession struct {
	backend *fakeBackend
	status  byte
	params  []Parameter
	notices []*Error
}

func (s *fakeSession) Parse(sql string) ([]Statement, error) {
	var out []Statement
	for part := range strings.SplitSeq(sql, ";") {
		if part = strings.TrimSpace(part); part != "" {
			if part == "garbage" {
				return nil, &Error{Code: "42601", Message: `syntax error at or near "garbage"`, Position: 1}
			}
			out = append(out, &fakeStatement{s, part})
		}
	}
	return out, nil
}

func (s *fakeSession) Prepare(_ context.Context, sql string, _ []uint32) (Statement, error) {
	all, err := s.Parse(sql)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

func (s *fakeSession) Status() byte { return s.status }

func (s *fakeSession) Fail() {
	if s.status == 'T' {
		s.status = 'E'
	}
}

func (s *fakeSession) Pending() ([]*Error, []Parameter) {
	n, p := s.notices, s.params
	s.notices, s.params = nil, nil
	return n, p
}

func (s *fakeSession) Close() error {
	s.backend.open.Add(-1)
	return nil
}

type fakeStatement struct {
	session *fakeSession
	text    string
}

func (st *fakeStatement) words() (verb string, n int) {
	verb, rest, _ := strings.Cut(st.text, " ")
	n, _ = strconv.Atoi(rest)
	return verb, n
}

func (st *fakeStatement) Params() []uint32 {
	if st.text == "echo" {
		return []uint32{23, 25}
	}
	return nil
}

func (st *fakeStatement) Columns() []Column {
	switch verb, _ := st.words(); verb {
	case "rows", "echo", "halfway":
		return []Column{{"n", 23, 4, -1}, {"text", 25, -1, -1}}
	}
	return nil
}

func (st *fakeStatement) Execute(ctx context.Context, params []Value, _ bool) (Rows, error) {
	s := st.session
	verb, n := st.words()
	switch verb {
	case "fail":
		return nil, &Error{Code: "22012", Message: "Divide by zero"}
	case "wait":
		s.backend.waiting <- struct{}{}
		<-ctx.Done()
		return nil, &Error{Code: "57014", Message: "Query (1) cancelled on user's request"}
	case "begin":
		s.status = 'T'
	case "commit":
		s.status = 'I'
	case "notice":
		s.notices = append(s.notices, &Error{Severity: "NOTICE", Code: "00000", Message: "take note"})
	case "panic":
		panic("a bug")
	case "echo":
		if len(params) != 2 {
			return nil, &Error{Code: "08P01", Message: "echo needs two parameters"}
		}
		r := &fakeRows{columns: st.Columns(), left: 1, tag: "SELECT"}
		if params[0].Data == nil {
			r.nulls = true
			return r, nil
		}
		if params[0].Binary {
			r.number = int(binary.BigEndian.Uint32(params[0].Data))
		} else {
			r.number, _ = strconv.Atoi(string(params[0].Data))
		}
		r.text = string(params[1].Data)
		return r, nil
	}
	return &fakeRows{columns: st.Columns(), left: n, tag: strings.ToUpper(verb), failing: verb == "halfway"}, nil
}

// fakeRows counts up in batches of 7.
type fakeRows struct {
	columns      []Column
	left, number int
	text, tag    string
	nulls        bool
	failing      bool
	size         int
}

func (r *fakeRows) Columns() []Column { return r.columns }
func (r *fakeRows) Tag() string       { return r.tag }
func (r *fakeRows) Close() error      { return nil }
func (r *fakeRows) Len() int          { return r.size }

func (r *fakeRows) Next(context.Context) (Batch, error) {
	r.number += r.size
	r.size = min(7, r.left)
	if r.left -= r.size; r.size == 0 {
		if r.failing {
			return nil, &Error{Code: "XX000", Message: "Spectrum Scan Error"}
		}
		return nil, nil
	}
	return r, nil
}

func (r *fakeRows) Null(int, int) bool { return r.nulls }

func (r *fakeRows) AppendText(dst []byte, column, row int) []byte {
	if column == 0 {
		return strconv.AppendInt(dst, int64(r.number+row), 10)
	}
	if r.text != "" {
		return append(dst, r.text...)
	}
	return fmt.Appendf(dst, "row %d", r.number+row)
}

func (r *fakeRows) AppendBinary(dst []byte, column, row int) []byte {
	if column == 0 {
		return binary.BigEndian.AppendUint32(dst, uint32(r.number+row))
	}
	return r.AppendText(dst, column, row)
}

// serve starts a server and returns its address. When the test ends, the server is stopped and must leave no session open.
func serve(t *testing.T, s *Server, b *fakeBackend) string {
	t.Helper()
	s.Backend = b
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(10 * time.Second):
			t.Error("the server did not end")
		}
		require.Zero(t, b.open.Load(), "sessions left open")
	})
	return l.Addr().String()
}
