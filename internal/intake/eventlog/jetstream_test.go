package eventlog_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
	"github.com/refract-io/refract/internal/platform/fault"
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

// reopen closes the log and opens its directory again.
func reopen(t *testing.T, log *eventlog.JetStream, dir string, opts eventlog.Options) *eventlog.JetStream {
	t.Helper()
	require.NoError(t, log.Close())
	return openEmbedded(t, dir, opts)
}

func TestARestartForgetsNothing(t *testing.T) {
	dir := t.TempDir()
	log := openEmbedded(t, dir, eventlog.Options{})
	keyed := logtest.Block(1, "keyed", 1)
	keyed.Key = "once"
	first, err := log.Append(t.Context(), keyed)
	require.NoError(t, err)
	for i := range 5 {
		_, err := log.Append(t.Context(), logtest.Block(1, fmt.Sprint("b", i), 1))
		require.NoError(t, err)
	}
	log = reopen(t, log, dir, eventlog.Options{})
	again, err := log.Append(t.Context(), keyed)
	require.NoError(t, err)
	require.Equal(t, first, again)

	require.NoError(t, log.Release(t.Context(), 6))
	log = reopen(t, log, dir, eventlog.Options{})
	last, err := log.Last(t.Context())
	require.NoError(t, err)
	require.Equal(t, eventlog.Position(6), last)
	<-log.Appended(5)
	p, err := log.Append(t.Context(), logtest.Block(1, "next", 1))
	require.NoError(t, err)
	require.Equal(t, eventlog.Position(7), p)
	ids, _ := contents(t, log)
	require.Equal(t, map[eventlog.Position][]string{7: {"next-0"}}, ids)
}

// What the log holds is never doubled, even when the window in which JetStream knows message ids is over.
func TestAKeyOutlivesTheWindowWhileItsBlockIsHeld(t *testing.T) {
	opts := eventlog.Options{Remember: 100 * time.Millisecond}
	log := openEmbedded(t, t.TempDir(), opts)
	b := logtest.Block(1, "a", 1)
	b.Key = "once"
	first, err := log.Append(t.Context(), b)
	require.NoError(t, err)
	time.Sleep(5 * opts.Remember)
	again, err := log.Append(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, first, again)
	last, err := log.Last(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, last)

	require.NoError(t, log.Release(t.Context(), first))
	time.Sleep(5 * opts.Remember)
	anew, err := log.Append(t.Context(), b)
	require.NoError(t, err)
	require.Greater(t, anew, first, "the window is over and the block is gone, so nobody knows the key")
}

func TestADirectoryIsOpenedOnce(t *testing.T) {
	dir := t.TempDir()
	log := openEmbedded(t, dir, eventlog.Options{})
	_, err := eventlog.Open(t.Context(), dir, eventlog.Options{})
	require.Equal(t, fault.Setup, fault.ClassOf(err), "got %v", err)
	require.ErrorContains(t, err, "another process")
	reopen(t, log, dir, eventlog.Options{})
}

func TestAnUnusableDirectoryIsASetupError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := eventlog.Open(t.Context(), filepath.Join(file, "log"), eventlog.Options{})
	require.Equal(t, fault.Setup, fault.ClassOf(err), "got %v", err)
}

func TestBadBlocksAreRefused(t *testing.T) {
	log := openEmbedded(t, t.TempDir(), eventlog.Options{})
	good := logtest.Block(1, "a", 2)
	cases := map[string]struct {
		change func(*eventlog.Block)
		class  fault.Class
	}{
		"a wrong count":       {func(b *eventlog.Block) { b.Count = 3 }, fault.Bug},
		"no header":           {func(b *eventlog.Block) { b.Data = []byte("x") }, fault.Bug},
		"a key of a megabyte": {func(b *eventlog.Block) { b.Key = strings.Repeat("k", 1<<20) }, fault.Poison},
		"more than fits": {func(b *eventlog.Block) {
			*b = logtest.Noise("big", eventlog.MaxBlockBytes+1)
		}, fault.Poison},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := good
			c.change(&b)
			_, err := log.Append(t.Context(), b)
			require.Equal(t, c.class, fault.ClassOf(err), "got %v", err)
		})
	}
	_, err := log.Append(t.Context(), logtest.Noise("big", eventlog.MaxBlockBytes-(1<<10)))
	require.NoError(t, err)
	last, err := log.Last(t.Context())
	require.NoError(t, err)
	require.Equal(t, eventlog.Position(1), last)
}

func TestReadsGoOnWhileBlocksAreReleased(t *testing.T) {
	log := openEmbedded(t, t.TempDir(), eventlog.Options{})
	for i := range 40 {
		_, err := log.Append(t.Context(), logtest.Noise(fmt.Sprint("n", i), 512<<10))
		require.NoError(t, err)
	}
	var seen []eventlog.Position
	require.NoError(t, log.Read(t.Context(), 0, func(b *eventlog.Block) error {
		seen = append(seen, b.Position)
		if b.Position == 3 {
			return log.Release(t.Context(), 40)
		}
		return nil
	}))
	require.GreaterOrEqual(t, len(seen), 3)
	for i, p := range seen {
		require.Equal(t, eventlog.Position(i+1), p)
	}
}
