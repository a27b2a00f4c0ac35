package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/refract-io/refract/internal/intake/source"
	"github.com/refract-io/refract/internal/sample"
)

// writeEvents writes the sample stream to a file that is imported as a user's own would be.
func writeEvents(path string, events int) (*sample.Stream, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("creating the demo's folder: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("creating the demo's events: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	stream := sample.New(sample.Options{Events: events})
	var line []byte
	for range events {
		line = append(stream.Next(line[:0]), '\n')
		if _, err := w.Write(line); err != nil {
			break // Flush returns the same error
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return nil, fmt.Errorf("writing the demo's events: %w", err)
	}
	return stream, nil
}

// profileBatch is how many operations one request to /engage carries.
const profileBatch = 200

// sendProfiles sends an operation for every person of the stream, in the form that Mixpanel's Python client uses: a form field data with
// a JSON array. Operations are sent again when the demo runs again: setting a name twice changes nothing, sums grow.
func sendProfiles(ctx context.Context, base, token string, stream *sample.Stream) error {
	for from := 0; from < stream.Users(); from += profileBatch {
		var batch bytes.Buffer
		for i := from; i < min(from+profileBatch, stream.Users()); i++ {
			op := stream.Profile(nil, i)
			batch.WriteByte("[,"[min(i-from, 1)])
			fmt.Fprintf(&batch, `{"$token":%q,%s`, token, op[1:])
		}
		batch.WriteByte(']')
		form := url.Values{"data": {batch.String()}, "verbose": {"1"}}
		if err := post(ctx, base+"/engage", "application/x-www-form-urlencoded", strings.NewReader(form.Encode())); err != nil {
			return fmt.Errorf("sending profiles: %w", err)
		}
	}
	return nil
}

func post(ctx context.Context, url, contentType string, body io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"status":1`)) {
		return fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return nil
}

// gitHubMapping turns an event of GitHub's events API into a Mixpanel event.
const gitHubMapping = "event=type,time=created_at,distinct_id=actor.login,insert_id=id"

// importFile imports events in Mixpanel's form, or through a mapping events that never knew Mixpanel's limits.
func importFile(ctx context.Context, base, token, file, mapping string, progress func(source.Summary)) (source.Summary, error) {
	var opts source.Options
	if mapping != "" {
		m, err := source.ParseMapping(mapping)
		if err != nil {
			return source.Summary{}, err
		}
		opts.Mapping, opts.Whole = m, true
	}
	return (&source.Importer{URL: base, Token: token, Progress: progress}).Run(ctx, []string{file}, opts)
}
