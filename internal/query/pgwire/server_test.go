package pgwire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

func connect(t *testing.T, addr, options string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), "postgres://alice:secret@"+addr+"/dev?sslmode=disable"+options)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func TestClientsRunStatementsInBothProtocols(t *testing.T) {
	addr := serve(t, &Server{}, newFake())
	for _, mode := range []string{"simple_protocol", "exec", "cache_statement", "describe_exec"} {
		t.Run(mode, func(t *testing.T) {
			c := connect(t, addr, "&default_query_exec_mode="+mode)
			for _, n := range []int{0, 1, 7, 20, 5000} {
				rows, err := c.Query(t.Context(), "rows "+big.NewInt(int64(n)).String())
				require.NoError(t, err)
				got := 0
				for rows.Next() {
					var number int
					var text string
					require.NoError(t, rows.Scan(&number, &text))
					require.Equal(t, got, number)
					got++
				}
				require.NoError(t, rows.Err())
				require.Equal(t, n, got)
			}
			_, err := c.Exec(t.Context(), "fail")
			require.Equal(t, "22012", sqlState(err))
			_, err = c.Exec(t.Context(), "notice")
			require.NoError(t, err, "the session goes on after an error")
		})
	}
}

func TestParametersTravelInTextAndBinary(t *testing.T) {
	addr := serve(t, &Server{}, newFake())
	c := connect(t, addr, "")
	var n *int
	var text *string
	require.NoError(t, c.QueryRow(t.Context(), "echo", 1234, "Zürich").Scan(&n, &text))
	require.Equal(t, 1234, *n)
	require.Equal(t, "Zürich", *text)
	require.NoError(t, c.QueryRow(t.Context(), "echo", nil, nil).Scan(&n, &text))
	require.Nil(t, n)
	require.Nil(t, text)
}

func TestErrorAfterRowsEndsTheStatementOnly(t *testing.T) {
	addr := serve(t, &Server{}, newFake())
	c := connect(t, addr, "&default_query_exec_mode=simple_protocol")
	rows, err := c.Query(t.Context(), "halfway 100")
	require.NoError(t, err)
	for rows.Next() {
	}
	require.Equal(t, "XX000", sqlState(rows.Err()))
	results := c.PgConn().Exec(t.Context(), "rows 2; fail; rows 3")
	all, err := results.ReadAll()
	require.Equal(t, "22012", sqlState(err), "the statement after the error is not run")
	require.Len(t, all[0].Rows, 2)
}

func TestTransactionStatusIsReported(t *testing.T) {
	addr := serve(t, &Server{}, newFake())
	c := connect(t, addr, "").PgConn()
	steps := []struct {
		sql    string
		status byte
	}{{"begin", 'T'}, {"rows 1", 'T'}, {"fail", 'E'}, {"commit", 'I'}, {"fail", 'I'}, {"garbage", 'I'}, {"", 'I'}}
	for _, s := range steps {
		_, _ = c.Exec(t.Context(), s.sql).ReadAll()
		require.Equal(t, string(s.status), string(c.TxStatus()), s.sql)
	}
}

func TestWrongPasswordsAndUnknownUsersAreRefusedAlike(t *testing.T) {
	addr := serve(t, &Server{}, newFake())
	for _, login := range []string{"alice:wrong", "ghost:secret", "alice:"} {
		_, err := pgx.Connect(t.Context(), "postgres://"+login+"@"+addr+"/dev?sslmode=disable")
		require.Equal(t, "28000", sqlState(err), login)
	}
	_, err := pgx.Connect(t.Context(), "postgres://alice:secret@"+addr+"/missing?sslmode=disable")
	require.Equal(t, "3D000", sqlState(err))
}

func TestASessionIsTheUsersWhosePasswordWasChecked(t *testing.T) {
	b := newFake()
	addr := serve(t, &Server{}, b)
	for name, user := range map[string]string{"IAM:ann": "ann", "ann": "ann"} {
		u := url.URL{Scheme: "postgres", User: url.UserPassword(name, "secret"), Host: addr, Path: "/dev", RawQuery: "sslmode=disable"}
		c, err := pgx.Connect(t.Context(), u.String())
		require.NoError(t, err)
		require.NoError(t, c.Close(t.Context()))
		require.Equal(t, user, <-b.users)
	}
}

func TestPasswordsTravelInClearOverTLSOnly(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	addr := serve(t, &Server{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}, newFake())

	c, err := pgx.Connect(t.Context(), "postgres://alice:secret@"+addr+"/dev?sslmode=require")
	require.NoError(t, err)
	defer c.Close(context.Background())
	var n int
	var text string
	require.NoError(t, c.QueryRow(t.Context(), "echo", 1, "x").Scan(&n, &text))
	_, err = pgx.Connect(t.Context(), "postgres://alice:wrong@"+addr+"/dev?sslmode=require")
	require.Equal(t, "28000", sqlState(err))
	require.NotNil(t, connect(t, addr, ""), "without TLS the challenge is MD5")
}

func TestCancelRequestEndsTheRunningStatement(t *testing.T) {
	b := newFake()
	addr := serve(t, &Server{}, b)
	c := connect(t, addr, "")
	go func() {
		<-b.waiting
		_ = c.PgConn().CancelRequest(context.Background())
	}()
	_, err := c.PgConn().Exec(t.Context(), "wait").ReadAll()
	require.Equal(t, "57014", sqlState(err))
	_, err = c.PgConn().Exec(t.Context(), "rows 1").ReadAll()
	require.NoError(t, err, "the session lives on")
}

func TestCancelRequestWithAWrongKeyDoesNothing(t *testing.T) {
	s := &Server{}
	addr := serve(t, s, newFake())
	c := connect(t, addr, "")
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer nc.Close()
	msg, err := (&pgproto3.CancelRequest{ProcessID: c.PgConn().PID(), SecretKey: []byte("nope")}).Encode(nil)
	require.NoError(t, err)
	_, err = nc.Write(msg)
	require.NoError(t, err)
	_, err = nc.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = c.PgConn().Exec(t.Context(), "rows 1").ReadAll()
	require.NoError(t, err)
	require.False(t, s.Cancel(0xfffffff))
}

func TestConnectionsAreBounded(t *testing.T) {
	addr := serve(t, &Server{MaxConnections: 2}, newFake())
	connect(t, addr, "")
	second := connect(t, addr, "")
	_, err := pgx.Connect(t.Context(), "postgres://alice:secret@"+addr+"/dev?sslmode=disable")
	require.Equal(t, "53300", sqlState(err))
	require.NoError(t, second.Close(t.Context()))
	require.Eventually(t, func() bool {
		c, err := pgx.Connect(t.Context(), "postgres://alice:secret@"+addr+"/dev?sslmode=disable")
		if err == nil {
			c.Close(t.Context())
		}
		return err == nil
	}, 5*time.Second, 10*time.Millisecond, "a place becomes free")
}

func TestShutdownCancelsStatementsAndTellsClients(t *testing.T) {
	b := newFake()
	s := &Server{Backend: b}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	idle, busy := connect(t, l.Addr().String(), ""), connect(t, l.Addr().String(), "")
	go func() { <-b.waiting; cancel() }()
	_, err = busy.PgConn().Exec(t.Context(), "wait").ReadAll()
	require.Equal(t, "57014", sqlState(err))
	require.NoError(t, <-done)
	_, err = idle.PgConn().Exec(t.Context(), "rows 1").ReadAll()
	require.Error(t, err)
	require.Zero(t, b.open.Load())
}

func TestAPanicEndsOneConnectionOnly(t *testing.T) {
	addr := serve(t, &Server{Log: slog.New(slog.DiscardHandler)}, newFake())
	other, c := connect(t, addr, ""), connect(t, addr, "")
	_, err := c.PgConn().Exec(t.Context(), "panic").ReadAll()
	require.Equal(t, "XX000", sqlState(err))
	require.True(t, c.IsClosed())
	_, err = other.PgConn().Exec(t.Context(), "rows 1").ReadAll()
	require.NoError(t, err)
}

func TestASilentReaderIsDisconnected(t *testing.T) {
	b := newFake()
	addr := serve(t, &Server{WriteTimeout: 50 * time.Millisecond}, b)
	c := connect(t, addr, "")
	hijacked, err := c.PgConn().Hijack()
	require.NoError(t, err)
	defer hijacked.Conn.Close()
	query, err := (&pgproto3.Query{String: "rows 100000000"}).Encode(nil)
	require.NoError(t, err)
	_, err = hijacked.Conn.Write(query)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return b.open.Load() == 0 }, 10*time.Second, 5*time.Millisecond)
}

func TestPortalsStopAtTheirRowLimitAndGoOn(t *testing.T) {
	addr := serve(t, &Server{}, newFake())
	c := connect(t, addr, "")
	hijacked, err := c.PgConn().Hijack()
	require.NoError(t, err)
	defer hijacked.Conn.Close()
	f := pgproto3.NewFrontend(hijacked.Conn, hijacked.Conn)
	f.Send(&pgproto3.Parse{Name: "s", Query: "rows 10"})
	f.Send(&pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "s"})
	f.Send(&pgproto3.Describe{ObjectType: 'P', Name: "p"})
	for _, n := range []uint32{4, 4, 4, 4} {
		f.Send(&pgproto3.Execute{Portal: "p", MaxRows: n})
	}
	f.Send(&pgproto3.Bind{PreparedStatement: "none"})
	f.Send(&pgproto3.Execute{Portal: "p"})
	f.Send(&pgproto3.Sync{})
	f.Send(&pgproto3.Execute{Portal: "p"})
	f.Send(&pgproto3.Sync{})
	require.NoError(t, f.Flush())
	var got []string
	for ready := 0; ready < 2; {
		msg, err := f.Receive()
		require.NoError(t, err)
		switch m := msg.(type) {
		case *pgproto3.DataRow:
			got = append(got, string(m.Values[0]))
		case *pgproto3.ErrorResponse:
			got = append(got, m.Code)
		case *pgproto3.ReadyForQuery:
			ready++
			got = append(got, "ready")
		default:
			name := strings.TrimPrefix(strings.TrimPrefix(typeName(msg), "*pgproto3."), "pgproto3.")
			got = append(got, name)
		}
	}
	require.Equal(t, "ParseComplete BindComplete RowDescription 0 1 2 3 PortalSuspended 4 5 6 7 PortalSuspended 8 9 CommandComplete 55000 ready 34000 ready", strings.Join(got, " "))
}

func TestPsqlConnects(t *testing.T) {
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not installed")
	}
	addr := serve(t, &Server{}, newFake())
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), psql, "-X", "-At", "-h", host, "-p", port, "-U", "alice", "-d", "dev", "-c", "rows 3", "-c", "fail", "-c", "notice")
	cmd.Env = append(cmd.Environ(), "PGPASSWORD=secret")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "0|row 0\n1|row 1\n2|row 2\nERROR:  Divide by zero\nNOTICE:  take note\nNOTICE\n", string(out))
}
