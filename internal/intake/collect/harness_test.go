package collect

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

const (
	testProject    = 1234567
	testToken      = "7b3f0a1c5d2e49688f10a2b3c4d5e6f7"
	testSecret     = "5ec7e75ec7e75ec7e75ec7e75ec7e75e"
	originProject  = 7654321
	originalToken  = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	originalSecret = "0517e10517e10517e10517e10517e105"
	accountName    = "importer.abc123.mp-service-account"
	accountSecret  = "s3cret"
)

// testNow is the collector's clock in tests: the requests in testdata were sent then.
var testNow = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// memoryLog is a log in memory, which remembers keys. Failures makes the next appends fail with the error.
type memoryLog struct {
	mu       sync.Mutex
	blocks   []eventlog.Block
	keys     map[string]bool
	failures []error
	hold     chan struct{}
	// forgetful makes appends forget keys, as a log does that has released their blocks. KnownKey still knows them.
	forgetful bool
}

func (l *memoryLog) Append(ctx context.Context, project int64, records []byte, count int) (eventlog.Position, error) {
	return l.AppendKeyed(ctx, project, "", records, count)
}

func (l *memoryLog) AppendKeyed(ctx context.Context, project int64, key string, records []byte, count int) (eventlog.Position, error) {
	if l.hold != nil {
		select {
		case <-l.hold:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) > 0 {
		err := l.failures[0]
		l.failures = l.failures[1:]
		return 0, err
	}
	name := fmt.Sprint(project, "/", key)
	if key != "" && l.keys[name] && !l.forgetful {
		return 1, nil
	}
	if l.keys == nil {
		l.keys = map[string]bool{}
	}
	if key != "" {
		l.keys[name] = true
	}
	data, err := eventlog.AppendBlock(nil, records, count)
	if err != nil {
		return 0, err
	}
	b := eventlog.Block{Position: eventlog.Position(len(l.blocks) + 1), Project: project, Key: key, Count: count, Data: data}
	l.blocks = append(l.blocks, b)
	return b.Position, nil
}

func (l *memoryLog) KnownKey(_ context.Context, project int64, key string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys[fmt.Sprint(project, "/", key)], nil
}

// records returns all records, one line each, with the ids that are random left out.
func (l *memoryLog) records(t testing.TB) []string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for i := range l.blocks {
		b := &l.blocks[i]
		require.NoError(t, eventlog.Decode(b, func(_ int, r *event.Record) error {
			var line strings.Builder
			fmt.Fprintf(&line, "%d %s %s time=%s", b.Project, r.Kind, r.Name, time.UnixMilli(r.Time).UTC().Format("2006-01-02T15:04:05.000"))
			for _, f := range []struct {
				name string
				text []byte
			}{
				{"distinct_id", r.DistinctID}, {"device_id", r.DeviceID}, {"user_id", r.UserID}, {"insert_id", r.InsertID}, {"group_key", r.GroupKey},
			} {
				if len(f.text) > 0 {
					fmt.Fprintf(&line, " %s=%q", f.name, f.text)
				}
			}
			fmt.Fprintf(&line, " %s", r.Properties)
			lines = append(lines, line.String())
			return nil
		}))
	}
	return lines
}

// fixture is a collector behind a real socket, with real projects and a real quarantine.
type fixture struct {
	*Collector
	t          testing.TB
	log        *memoryLog
	db         *meta.DB
	quarantine *quarantine.Quarantine
	registry   *prometheus.Registry
	address    string

	mu  sync.Mutex
	now time.Time
}

func start(t testing.TB, change ...func(*Config)) *fixture {
	t.Helper()
	return startWith(t, ServerConfig{}, change...)
}

func startWith(t testing.TB, server ServerConfig, change ...func(*Config)) *fixture {
	t.Helper()
	f := newFixture(t, change...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f.address = listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	server.Logger = slog.New(slog.DiscardHandler)
	server.ShutdownTimeout = 100 * time.Millisecond
	go func() { served <- Serve(ctx, listener, f.Collector, server) }()
	t.Cleanup(func() {
		stop()
		<-served
	})
	return f
}

func newFixture(t testing.TB, change ...func(*Config)) *fixture {
	t.Helper()
	ctx := context.Background()
	db, err := meta.Open(ctx, filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	projects := project.NewRegistry(db)
	for _, spec := range []project.Spec{
		{ID: testProject, Name: "Simplified", Token: testToken, Secret: testSecret},
		{ID: originProject, Name: "Original", Token: originalToken, Secret: originalSecret, Identity: project.Original},
	} {
		_, _, err := projects.Create(ctx, spec)
		require.NoError(t, err)
	}
	for name, account := range map[string]struct {
		role    project.Role
		expires any
	}{
		accountName:  {project.Owner, nil},
		"analyst.mp": {project.Analyst, nil},
		"expired.mp": {project.Admin, testNow.Add(-time.Second).UnixMilli()},
		"expires.mp": {project.Admin, testNow.Add(time.Second).UnixMilli()},
	} {
		_, err := db.Exec(ctx, `INSERT INTO service_account (username, secret_hash, project_id, role, expires_ms) VALUES (?, ?, ?, ?, ?)`,
			name, fmt.Sprintf("%x", sha256.Sum256([]byte(accountSecret))), testProject, string(account.role), account.expires)
		require.NoError(t, err)
	}
	f := &fixture{t: t, log: &memoryLog{}, db: db, quarantine: quarantine.Open(db, quarantine.Config{}), registry: prometheus.NewRegistry(), now: testNow}
	t.Cleanup(f.quarantine.Close)
	config := Config{
		Log: f.log, Keys: f.log, Projects: projects, Quarantine: f.quarantine, Host: "api.example.com",
		Metrics: f.registry, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.now
		},
	}
	for _, c := range change {
		c(&config)
	}
	f.Collector = New(config)
	return f
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// response is what came over the socket.
type response struct {
	code   int
	header http.Header
	body   string
}

// raw sends the bytes of a request over a connection of their own.
func (f *fixture) raw(request []byte) response {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.address)
	require.NoError(f.t, err)
	defer conn.Close()
	go func() { _, _ = conn.Write(request) }()
	method, _, _ := bytes.Cut(request, []byte(" "))
	return f.read(conn, string(method))
}

func (f *fixture) read(conn net.Conn, method string) response {
	f.t.Helper()
	require.NoError(f.t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	require.NoError(f.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	return response{resp.StatusCode, resp.Header, string(body)}
}

// post sends a body with headers given as "Name: value".
func (f *fixture) post(path, body string, headers ...string) response {
	f.t.Helper()
	return f.send(http.MethodPost, path, body, headers...)
}

func (f *fixture) send(method, path, body string, headers ...string) response {
	f.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: collector.example.com\r\nContent-Length: %d\r\n", method, path, len(body))
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return f.raw([]byte(b.String()))
}

func basicAuth(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// kept returns the quarantine as lines "position field: message | raw", positions without the random request id.
func (f *fixture) kept() []string {
	f.t.Helper()
	entries, err := f.quarantine.List(context.Background(), quarantine.Filter{}, 0, quarantine.MaxPage)
	require.NoError(f.t, err)
	var lines []string
	for _, e := range entries {
		full, err := f.quarantine.Get(context.Background(), e.ID)
		require.NoError(f.t, err)
		_, index, _ := strings.Cut(e.Position, "#")
		lines = append(lines, fmt.Sprintf("%d %s #%s %s: %s | %s", e.Project, e.Endpoint, index, e.Field, e.Message, full.Raw))
	}
	return lines
}

// counted returns the metric of an endpoint's records with an outcome.
func (f *fixture) counted(endpoint, outcome string) float64 {
	f.t.Helper()
	families, err := f.registry.Gather()
	require.NoError(f.t, err)
	for _, family := range families {
		if family.GetName() != "refract_collector_records_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["endpoint"] == endpoint && labels["outcome"] == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	f.t.Fatalf("no metric for %s %s", endpoint, outcome)
	return 0
}
