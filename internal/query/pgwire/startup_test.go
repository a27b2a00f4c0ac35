package pgwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

func typeName(v any) string { return fmt.Sprintf("%T", v) }

func encode(t testing.TB, m pgproto3.FrontendMessage) []byte {
	t.Helper()
	out, err := m.Encode(nil)
	require.NoError(t, err)
	return out
}

func TestStartupPacketsAreReadToTheByte(t *testing.T) {
	start := encode(t, &pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": "alice"}})
	r := bytes.NewReader(append(start[:len(start):len(start)], "rest"...))
	m, err := readStartup(r)
	require.NoError(t, err)
	require.Equal(t, "alice", m.(*pgproto3.StartupMessage).Parameters["user"])
	require.Equal(t, 4, r.Len(), "what follows is left for TLS or the message loop")

	later := append([]byte(nil), start...)
	binary.BigEndian.PutUint32(later[4:], 3<<16|9)
	m, err = readStartup(bytes.NewReader(later))
	require.NoError(t, err)
	require.EqualValues(t, 3<<16|9, m.(*pgproto3.StartupMessage).ProtocolVersion)

	binary.BigEndian.PutUint32(later[4:], 2<<16)
	_, err = readStartup(bytes.NewReader(later))
	require.ErrorContains(t, err, "unsupported frontend protocol 2.0")
	_, err = readStartup(strings.NewReader("GET / HTTP/1.1\r\n\r\n"))
	require.ErrorContains(t, err, "invalid length")
}

func FuzzStartup(f *testing.F) {
	f.Add(encode(f, &pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": "a", "database": "d"}}))
	f.Add(encode(f, &pgproto3.SSLRequest{}))
	f.Add(encode(f, &pgproto3.GSSEncRequest{}))
	f.Add(encode(f, &pgproto3.CancelRequest{ProcessID: 1, SecretKey: []byte("abcd")}))
	f.Add([]byte{0, 0, 0, 8, 0, 3, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readStartup(bytes.NewReader(data))
		require.Equal(t, err == nil, m != nil)
	})
}

// FuzzConnection feeds a connection that has authenticated with any bytes: it must end.
func FuzzConnection(f *testing.F) {
	var script []byte
	for _, m := range []pgproto3.FrontendMessage{
		&pgproto3.Query{String: "rows 3; begin; fail"}, &pgproto3.Parse{Name: "s", Query: "echo"}, &pgproto3.Describe{ObjectType: 'S', Name: "s"},
		&pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "s", Parameters: [][]byte{[]byte("1"), nil}}, &pgproto3.Execute{Portal: "p", MaxRows: 1},
		&pgproto3.Close{ObjectType: 'P', Name: "p"}, &pgproto3.Flush{}, &pgproto3.Sync{}, &pgproto3.CopyFail{Message: "x"}, &pgproto3.FunctionCall{},
	} {
		one := encode(f, m)
		f.Add(one)
		script = append(script, one...)
	}
	f.Add(script)
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Contains(data, []byte("wait")) || bytes.Contains(data, []byte("00")) {
			t.Skip("would run for long")
		}
		b := newFake()
		client, server := net.Pipe()
		s := &Server{Backend: b, conns: map[uint32]*conn{}, WriteTimeout: 5 * time.Second}
		c := newConn(s, server)
		c.session, _ = b.Open(t.Context(), Startup{})
		c.in = pgproto3.NewBackend(server, nil)
		c.in.SetMaxBodyLen(maxMessage)
		done := make(chan error, 1)
		go func() {
			done <- c.loop(context.Background())
			server.Close()
		}()
		go func() {
			client.Write(data) // the loop may end before it has read all
			client.SetReadDeadline(time.Now().Add(time.Second))
			client.Close()
		}()
		go drain(client)
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("the connection does not end")
		}
	})
}

func drain(c net.Conn) {
	f := pgproto3.NewFrontend(c, c)
	for {
		if _, err := f.Receive(); err != nil {
			return
		}
	}
}
