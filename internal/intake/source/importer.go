package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Importer sends chunks to a collector's /import.
type Importer struct {
	// URL is the collector's address, for example http://127.0.0.1:8080.
	URL string
	// Token is the project's token, sent as the user name of Basic authentication.
	Token string
	// Client defaults to http.DefaultClient.
	Client *http.Client
	// Parallel is how many requests are under way at once, default 4.
	Parallel int
	// Progress, if set, is called after each chunk with the totals so far. Calls do not overlap.
	Progress func(Summary)
}

// Summary is what an import did.
type Summary struct {
	Files  int `json:"files"`
	Chunks int `json:"chunks"`
	// Records were read; of these Imported are in the log (now, or since an earlier run) and Refused are in the quarantine.
	Records  int64 `json:"records"`
	Imported int64 `json:"imported"`
	Refused  int64 `json:"refused"`
	// Bytes of the files read, as they lie on disk.
	Bytes int64 `json:"bytes"`
	// Reasons are up to ten different messages of refused records, with how often each was given.
	Reasons map[string]int64 `json:"reasons"`
}

// maxReasons bounds Summary.Reasons.
const maxReasons = 10

// Run imports the files in order; opts.Whole asks the collector for limits=none. It retries what passes by itself (429, 5xx, a server that restarts) until ctx ends; after any other
// error it stops and returns what was done so far.
func (im *Importer) Run(ctx context.Context, files []string, opts Options) (Summary, error) {
	parallel := im.Parallel
	if parallel <= 0 {
		parallel = 4
	}
	sum := &tally{importer: im, s: Summary{Reasons: map[string]int64{}}, read: map[string]int64{}}
	g, ctx := errgroup.WithContext(ctx)
	chunks := make(chan *Chunk)
	g.Go(func() error {
		defer close(chunks)
		for _, file := range files {
			if err := Read(file, opts, func(c *Chunk) error {
				select {
				case chunks <- c:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}); err != nil {
				return err
			}
			sum.fileDone()
		}
		return nil
	})
	for range parallel {
		g.Go(func() error {
			for c := range chunks {
				answer, err := im.send(ctx, c, opts.Whole)
				if err != nil {
					return fmt.Errorf("importing records %d to %d of %s: %w", c.First, c.First+int64(c.Records)-1, c.File, err)
				}
				sum.add(c, answer)
			}
			return nil
		})
	}
	err := g.Wait()
	return sum.s, err
}

// answer is the part of the collector's answer that matters here.
type answer struct {
	Error    string `json:"error"`
	Imported int64  `json:"num_records_imported"`
	Failed   []struct {
		Message string `json:"message"`
	} `json:"failed_records"`
}

// Backoff between tries: Mixpanel's advice to its importers, 2 s doubling to 60 s with jitter, begun sooner since the server is near.
const (
	firstWait = 200 * time.Millisecond
	longWait  = 60 * time.Second
)

func (im *Importer) send(ctx context.Context, c *Chunk, whole bool) (answer, error) {
	var packed bytes.Buffer
	zw, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return answer{}, fmt.Errorf("making a gzip writer: %w", err)
	}
	if _, err := zw.Write(c.Body); err != nil {
		return answer{}, fmt.Errorf("compressing: %w", err)
	}
	if err := zw.Close(); err != nil {
		return answer{}, fmt.Errorf("compressing: %w", err)
	}
	address := strings.TrimSuffix(im.URL, "/") + "/import?strict=1"
	if whole {
		address += "&limits=none"
	}
	wait := firstWait
	for {
		a, after, err := im.try(ctx, address, c, packed.Bytes())
		if err == nil || fault.ClassOf(err) != fault.Transient || ctx.Err() != nil {
			return a, err
		}
		pause := max(after, wait+rand.N(wait/2))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return answer{}, errors.Join(ctx.Err(), err)
		}
		wait = min(2*wait, longWait)
	}
}

func (im *Importer) try(ctx context.Context, address string, c *Chunk, body []byte) (answer, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return answer{}, 0, fault.New(fault.Setup, "making a request to", im.URL, err, "give the collector's address, such as http://127.0.0.1:8080")
	}
	req.SetBasicAuth(im.Token, "")
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("Idempotency-Key", c.Key)
	client := im.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, 0, fault.New(fault.Transient, "sending to", im.URL, err, "is the collector running?")
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return answer{}, 0, fault.New(fault.Transient, "reading the answer of", im.URL, err, "")
	}
	var a answer
	decoded := json.Unmarshal(text, &a)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // absent or a date: our own backoff serves
		return answer{}, time.Duration(seconds) * time.Second, fault.New(fault.Transient, "importing into", im.URL, fmt.Errorf("%s: %s", resp.Status, a.Error), "")
	case decoded != nil:
		return answer{}, 0, fault.New(fault.Setup, "importing into", im.URL, fmt.Errorf("%s: %.200s", resp.Status, text), "is this a collector's address?")
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusBadRequest && a.Imported+int64(len(a.Failed)) == int64(c.Records):
		return a, 0, nil
	case resp.StatusCode == http.StatusUnauthorized:
		return answer{}, 0, fault.New(fault.Setup, "importing into", im.URL, errors.New(a.Error), "check the project token")
	default:
		return answer{}, 0, fault.New(fault.Setup, "importing into", im.URL, fmt.Errorf("%s: %s", resp.Status, a.Error), "")
	}
}

// tally adds up answers from several senders.
type tally struct {
	importer *Importer
	mu       sync.Mutex
	s        Summary
	read     map[string]int64
}

func (t *tally) fileDone() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Files++
}

func (t *tally) add(c *Chunk, a answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Chunks++
	t.s.Records += int64(c.Records)
	t.s.Refused += int64(len(a.Failed))
	t.s.Imported += int64(c.Records) - int64(len(a.Failed))
	for _, f := range a.Failed {
		if _, known := t.s.Reasons[f.Message]; known || len(t.s.Reasons) < maxReasons {
			t.s.Reasons[f.Message]++
		}
	}
	if c.Read > t.read[c.File] {
		t.s.Bytes += c.Read - t.read[c.File]
		t.read[c.File] = c.Read
	}
	if t.importer.Progress != nil {
		t.importer.Progress(t.s)
	}
}
