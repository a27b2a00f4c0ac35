package harness

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Object is a JSON object.
type Object = map[string]any

// Sender sends records of a project to a service, which may be restarted meanwhile. It is safe for concurrent use.
type Sender struct {
	Service *Service
	Token   string
}

// Answer is an answer that came whole.
type Answer struct {
	Status int
	Body   string
}

// Taken reports whether the answer says that every record was taken.
func (a Answer) Taken() bool {
	return a.Status == http.StatusOK && (a.Body == "1" || strings.Contains(a.Body, `"status":1`) || strings.Contains(a.Body, `"status":"OK"`))
}

// Event returns an event with the project's token.
func (s *Sender) Event(name string, properties Object) Object {
	properties["token"] = s.Token
	return Object{"event": name, "properties": properties}
}

// Track sends events to /track as a JSON array.
func (s *Sender) Track(ctx context.Context, events []Object) (Answer, error) {
	return s.post(ctx, "/track?verbose=1", "application/json", "", encode(events))
}

// Import sends events to /import in strict mode, compressed.
func (s *Sender) Import(ctx context.Context, events []Object) (Answer, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write(encode(events)); err != nil {
		return Answer{}, err
	}
	if err := zip.Close(); err != nil {
		return Answer{}, err
	}
	return s.post(ctx, "/import?strict=1", "application/json", "gzip", packed.Bytes())
}

// Engage sends profile operations as a form, like the Python client. Each gets the project's token.
func (s *Sender) Engage(ctx context.Context, operations []Object) (Answer, error) {
	for _, op := range operations {
		op["$token"] = s.Token
	}
	form := url.Values{"data": {string(encode(operations))}, "verbose": {"1"}}
	return s.post(ctx, "/engage", "application/x-www-form-urlencoded", "", []byte(form.Encode()))
}

func (s *Sender) post(ctx context.Context, path, contentType, encoding string, body []byte) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Service.URL()+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Content-Type", contentType)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	req.SetBasicAuth(s.Token, "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, string(text)}, err
}

// MustSend calls one of the sender's methods, which must be answered that everything was taken.
func (s *Sender) MustSend(send func(context.Context, []Object) (Answer, error), records ...Object) {
	s.Service.tb.Helper()
	a, err := send(s.Service.Context(), records)
	if err != nil || !a.Taken() {
		s.Service.tb.Fatalf("the records were not taken: %+v, %v", a, err)
	}
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encoding %v: %v", v, err)) // records of tests are made of what JSON has
	}
	return text
}
