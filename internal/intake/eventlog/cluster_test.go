package eventlog_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
	"github.com/refract-io/refract/internal/platform/fault"
)

func connect(t *testing.T, url string, opts eventlog.Options) *eventlog.JetStream {
	t.Helper()
	opts.Logger = quiet
	log, err := eventlog.Connect(t.Context(), url, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	return log
}

func TestProcessesThatShareAClusterSeeEachOther(t *testing.T) {
	url := startServer(t, nil).ClientURL()
	collector := connect(t, url, eventlog.Options{Replicas: 1})
	worker := connect(t, url, eventlog.Options{Replicas: 1})
	for i := range 20 {
		news := worker.Appended(eventlog.Position(i))
		p, err := collector.Append(t.Context(), logtest.Block(1, fmt.Sprint("b", i), 1))
		require.NoError(t, err)
		<-news
		last, err := worker.Last(t.Context())
		require.NoError(t, err)
		require.Equal(t, p, last)
	}
	require.NoError(t, worker.Release(t.Context(), 10))
	ids, _ := contents(t, collector)
	require.Len(t, ids, 10)
}

func TestConnectRefusesWhatCanNotHoldTheLog(t *testing.T) {
	cases := map[string]struct {
		server func(*server.Options)
		stream *jetstream.StreamConfig
		want   string
	}{
		"small messages":             {server: func(o *server.Options) { o.MaxPayload = 1 << 20 }, want: "max_payload: 8MB"},
		"no JetStream":               {server: func(o *server.Options) { o.JetStream = false }, want: "JetStream"},
		"a stream that forgets":      {stream: &jetstream.StreamConfig{MaxAge: time.Hour}, want: "by age"},
		"a stream in memory":         {stream: &jetstream.StreamConfig{Storage: jetstream.MemoryStorage}, want: "in memory"},
		"a stream that drops blocks": {stream: &jetstream.StreamConfig{Discard: jetstream.DiscardOld}, want: "drops old"},
		"a work queue":               {stream: &jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy}, want: "retention"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			srv := startServer(t, c.server)
			if c.stream != nil {
				nc, err := nats.Connect(srv.ClientURL())
				require.NoError(t, err)
				defer nc.Close()
				js, err := jetstream.New(nc)
				require.NoError(t, err)
				if c.stream.Discard == 0 && name != "a stream that drops blocks" {
					c.stream.Discard = jetstream.DiscardNew
				}
				c.stream.Name, c.stream.Subjects, c.stream.AllowDirect = "REFRACT_LOG", []string{"REFRACT_LOG.>"}, true
				_, err = js.CreateStream(t.Context(), *c.stream)
				require.NoError(t, err)
			}
			_, err := eventlog.Connect(t.Context(), srv.ClientURL(), eventlog.Options{Replicas: 1, Logger: quiet})
			require.Equal(t, fault.Setup, fault.ClassOf(err), "got %v", err)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := eventlog.Connect(t.Context(), "nats://127.0.0.1:1", eventlog.Options{Logger: quiet})
	require.Equal(t, fault.Setup, fault.ClassOf(err), "got %v", err)
}

// freePorts returns ports that were free a moment ago.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// startCluster runs three servers that replicate streams, and returns a function that starts one of them, also again.
func startCluster(t *testing.T) (start func(i int) *server.Server, urls string) {
	t.Helper()
	ports := freePorts(t, 6)
	var routes []*url.URL
	var clients []string
	for i := range 3 {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprint("127.0.0.1:", ports[i])})
		clients = append(clients, fmt.Sprint("nats://127.0.0.1:", ports[3+i]))
	}
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	return func(i int) *server.Server {
		return startServer(t, func(o *server.Options) {
			o.ServerName = fmt.Sprint("s", i)
			o.Port = ports[3+i]
			o.StoreDir = dirs[i]
			o.Cluster = server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: ports[i]}
			o.Routes = routes
		})
	}, strings.Join(clients, ",")
}

func TestAClusterLosesOneServerAndThenItsQuorum(t *testing.T) {
	if testing.Short() {
		t.Skip("elections take seconds")
	}
	start, urls := startCluster(t)
	servers := []*server.Server{start(0), start(1), start(2)}
	patience := time.Now().Add(time.Minute)
	// retry repeats what fails as transient, which is what elections of leaders look like.
	retry := func(what string, do func(ctx context.Context) error) {
		t.Helper()
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			err := do(ctx)
			cancel()
			if err == nil {
				return
			}
			require.True(t, time.Now().Before(patience), "%s: %v", what, err)
			time.Sleep(50 * time.Millisecond)
		}
	}
	var log *eventlog.JetStream
	retry("connecting", func(ctx context.Context) (err error) {
		log, err = eventlog.Connect(ctx, urls, eventlog.Options{Logger: quiet, Timeout: 3 * time.Second})
		return err
	})
	defer func() { require.NoError(t, log.Close()) }()
	want := map[string]bool{}
	add := func(name string) {
		b := logtest.Block(1, name, 1)
		b.Key = name
		retry("appending "+name, func(ctx context.Context) error {
			_, err := log.Append(ctx, b)
			if err != nil {
				require.Equal(t, fault.Transient, fault.ClassOf(err), "got %v", err)
			}
			return err
		})
		want[name+"-0"] = true
	}
	for i := range 5 {
		add(fmt.Sprint("a", i))
	}
	servers[0].Shutdown()
	servers[0].WaitForShutdown()
	for i := range 5 {
		add(fmt.Sprint("b", i))
	}
	servers[1].Shutdown()
	servers[1].WaitForShutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	_, err := log.Append(ctx, logtest.Block(1, "no quorum", 1))
	cancel()
	require.Equal(t, fault.Transient, fault.ClassOf(err), "got %v", err)

	start(0)
	add("c")
	var got map[string]bool
	retry("reading", func(ctx context.Context) error {
		got = map[string]bool{}
		return log.Read(ctx, 0, func(b *eventlog.Block) error {
			ids, err := logtest.InsertIDs(b)
			if err == nil && got[ids[0]] {
				err = fmt.Errorf("%s is there twice", ids[0])
			}
			got[ids[0]] = true
			return err
		})
	})
	delete(got, "no quorum-0") // it may be there: it was not acknowledged
	require.Equal(t, want, got)
	last, err := log.Last(t.Context())
	require.NoError(t, err)
	select {
	case <-log.Appended(last - 1):
	case <-time.After(time.Until(patience)):
		t.Fatal("the follower did not come back")
	}
}
