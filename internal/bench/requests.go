package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/sample"
)

var requests = Benchmark{
	Name: "requests", Title: "Many small requests",
	About: "200 clients on a connection each send one event at a time to `/track` and wait for the answer, which comes when the event is synced to the " +
		"disk. The clients run on the same cores as the collector.",
	run: runRequests,
}

// concurrentClients is how many connections send at the same time.
const concurrentClients = 200

func runRequests(t *trial) (err error) {
	s, err := t.start(filepath.Join(t.dir, "collector"), "collector")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	p, err := s.project(t)
	if err != nil {
		return err
	}
	address := strings.TrimPrefix(s.URL, "http://")
	clients := make([]*trackClient, concurrentClients)
	end := time.Now().UTC().Truncate(time.Hour)
	stream := sample.New(sample.Options{Start: end.AddDate(0, 0, -1), End: end, LateBy: time.Hour})
	for i := range clients {
		if clients[i], err = newTrackClient(address, stream, p.Token); err != nil {
			return err
		}
		defer clients[i].conn.Close()
	}
	each := t.size(150, 5)
	var rate, perCPU, p50, p99, perBlock []float64
	err = t.rounds(func(counted bool) error {
		status, err := s.Status(t)
		if err != nil {
			return err
		}
		before, err := s.cpu()
		if err != nil {
			return err
		}
		start := time.Now()
		var g errgroup.Group
		for _, c := range clients {
			g.Go(func() error { return c.send(each) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		took := time.Since(start)
		after, err := s.cpu()
		if err != nil {
			return err
		}
		now, err := s.Status(t)
		if err != nil || !counted {
			return err
		}
		n := float64(each * len(clients))
		var latencies []time.Duration
		for _, c := range clients {
			latencies = append(latencies, c.latencies...)
		}
		slices.Sort(latencies)
		rate = append(rate, n/took.Seconds())
		perCPU = append(perCPU, n/(after-before).Seconds())
		p50 = append(p50, milliseconds(quantile(latencies, 0.50)))
		p99 = append(p99, milliseconds(quantile(latencies, 0.99)))
		perBlock = append(perBlock, n/float64(now.LogPosition-status.LogPosition))
		return nil
	})
	if err != nil {
		return err
	}
	t.add(Figure{Name: "durable requests", Unit: "requests/s", Bar: atLeast(5_000), Means: "Requests answered 200 per second of wall clock.",
		Bound: "clients and collector share the cores; it was not profiled further."}, rate...)
	t.add(Figure{Name: "durable requests per CPU-second", Unit: "requests/CPU-s", Means: "The same per second of the collector's CPU time."}, perCPU...)
	t.add(Figure{Name: "latency, median", Unit: "ms", Means: "From the request's first byte sent to the answer's last byte read."}, p50...)
	t.add(Figure{Name: "latency, p99", Unit: "ms", Means: "The same, of which 1 % take longer."}, p99...)
	t.add(Figure{Name: "requests per synced block", Unit: "requests", Means: "How many requests share one append to the log, and so one fsync."}, perBlock...)
	return nil
}

// quantile returns the q-th of ascending values.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// trackClient sends prepared requests over one connection: it costs less than net/http's client, whose work would be measured too.
type trackClient struct {
	conn      net.Conn
	in        *bufio.Reader
	prepared  [][]byte
	latencies []time.Duration
}

func newTrackClient(address string, stream *sample.Stream, token string) (*trackClient, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connecting a client: %w", err)
	}
	c := &trackClient{conn: conn, in: bufio.NewReader(conn)}
	for range 20 {
		event := withToken(stream.Next(nil), token)
		c.prepared = append(c.prepared, fmt.Appendf(nil,
			"POST /track?verbose=1 HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n[%s]", address, len(event)+2, event))
	}
	return c, nil
}

// send does n requests, one after the other, and notes how long each took.
func (c *trackClient) send(n int) error {
	c.latencies = c.latencies[:0]
	for i := range n {
		start := time.Now()
		if _, err := c.conn.Write(c.prepared[i%len(c.prepared)]); err != nil {
			return fmt.Errorf("sending an event: %w", err)
		}
		answer, err := http.ReadResponse(c.in, nil)
		if err != nil {
			return fmt.Errorf("reading an answer: %w", err)
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), `"status":1`) {
			return errors.Join(fmt.Errorf("/track answered %s: %s", answer.Status, text), err)
		}
		c.latencies = append(c.latencies, time.Since(start))
	}
	return nil
}
