package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/sample"
)

// perBody is Mixpanel's limit of events in one request to /import.
const perBody = 2000

// body is a gzip-compressed JSON array of perBody events.
type body []byte

// bodies makes n of them, of one stream. Compression is at gzip's default, 6, as clients have it.
func bodies(n int, o sample.Options) ([]body, error) {
	o.Events = n * perBody
	stream := sample.New(o)
	zip, err := gzip.NewWriterLevel(nil, 6)
	if err != nil {
		return nil, fmt.Errorf("preparing gzip: %w", err)
	}
	all := make([]body, n)
	var text []byte
	for i := range all {
		text = text[:0]
		for j := range perBody {
			text = append(text, "[,"[min(j, 1)])
			text = stream.Next(text)
		}
		text = append(text, ']')
		var packed bytes.Buffer
		zip.Reset(&packed)
		if _, err := zip.Write(text); err != nil {
			return nil, fmt.Errorf("compressing a body: %w", err)
		}
		if err := zip.Close(); err != nil {
			return nil, fmt.Errorf("compressing a body: %w", err)
		}
		all[i] = packed.Bytes()
	}
	return all, nil
}

// importers is how many connections send bodies at the same time.
const importers = 4

var importClient = &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: importers, DisableCompression: true}}

// importAll sends the bodies and returns when all are answered as durable.
func importAll(ctx context.Context, url, token string, all []body) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(importers)
	for _, b := range all {
		g.Go(func() error { return importBody(ctx, url, token, b) })
	}
	return g.Wait()
}

func importBody(ctx context.Context, url, token string, b body) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/import?strict=1", bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("preparing an import: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	r.SetBasicAuth(token, "")
	return send(importClient, r)
}

// send does the request and fails unless it is answered 200.
func send(client *http.Client, r *http.Request) error {
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("sending to %s: %w", r.URL.Path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", r.URL.Path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %s", r.URL.Path, answer.Status, text)
	}
	return nil
}

// taking turns the text of events into encoded records, as a collector does for /import.
type taking struct {
	batch      event.Batch
	normalizer event.Normalizer
	record     event.Record
	policy     event.Policy
	records    eventlog.Encoder
}

func newTaking() *taking {
	return &taking{policy: event.ImportPolicy(time.Now().UnixMilli(), event.Simplified, true)}
}

// take replaces the records by those of the text.
func (k *taking) take(text []byte) error {
	k.records.Reset()
	for k.batch.Reset(text, "properties"); k.batch.Next(); {
		err := k.batch.Err()
		if err == nil {
			err = k.normalizer.Event(&k.record, &k.batch, &k.policy)
		}
		if err == nil {
			err = k.records.Append(&k.record)
		}
		if err != nil {
			return fmt.Errorf("taking a sample event: %w", err)
		}
	}
	return nil
}

// withToken returns the event with the project's token among its properties, as clients send it to /track.
func withToken(event []byte, token string) []byte {
	const at = `"properties":{`
	i := bytes.Index(event, []byte(at)) + len(at)
	return fmt.Appendf(nil, `%s"token":%q,%s`, event[:i], token, event[i:])
}
