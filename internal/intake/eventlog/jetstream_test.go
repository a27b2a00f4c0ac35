package eventlog_test

import (
	"log/slog"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
)

// quiet is for logs whose server meets trouble on purpose.
var quiet = slog.New(slog.DiscardHandler)

func openEmbedded(t testing.TB, dir string, opts eventlog.Options) *eventlog.JetStream {
	t.Helper()
	log, err := eventlog.Open(t.Context(), dir, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	return log
}

// startServer runs a NATS server on a free loopback port.
func startServer(t testing.TB, change func(*server.Options)) *server.Server {
	t.Helper()
	opts := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true,
		StoreDir: t.TempDir(), MaxPayload: 8 << 20}
	if change != nil {
		change(opts)
	}
	srv, err := server.NewServer(opts)
	require.NoError(t, err)
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	return srv
}

func TestEmbeddedConforms(t *testing.T) {
	logtest.Run(t, func(t *testing.T) eventlog.Log {
		return openEmbedded(t, t.TempDir(), eventlog.Options{})
	})
}

func TestClusterConforms(t *testing.T) {
	logtest.Run(t, func(t *testing.T) eventlog.Log {
		log, err := eventlog.Connect(t.Context(), startServer(t, nil).ClientURL(), eventlog.Options{Replicas: 1})
		require.NoError(t, err)
		return log
	})
}
