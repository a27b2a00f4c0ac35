package awstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/refract-io/refract/internal/platform/fault/faulttest"
)

// Effect is what a fault does to a request.
type Effect uint8

const (
	// Unavailable answers 503 before the request has an effect.
	Unavailable Effect = iota
	// SlowDown refuses for the rate: S3's SlowDown, and ThrottlingException elsewhere.
	SlowDown
	// InternalError answers 500 before the request has an effect.
	InternalError
	// InternalErrorAfter lets the request have its effect and answers 500.
	InternalErrorAfter
	// Reset ends the connection before the request has an effect.
	Reset
	// ResetAfter lets the request have its effect and ends the connection instead of answering.
	ResetAfter
	// Stall takes the request and never answers, without any effect. It ends when the client has lost its patience.
	Stall
	// StallAfter lets the request have its effect and never answers.
	StallAfter
	// CutShort ends the connection in the middle of the answer.
	CutShort
	// ExpiredToken refuses the session's credentials.
	ExpiredToken
	// ClockSkew refuses the signature's time: RequestTimeTooSkewed and its like.
	ClockSkew
	// Conflict refuses a conditional request of S3 because of another one under way: ConditionalRequestConflict.
	Conflict
	// Partial lets only the first half of a batch's items have their effect, and reports the others as failed for an internal reason.
	// It applies to batches of Glue's partitions and to S3's DeleteObjects; other requests pass.
	Partial
)

// Fault is one fault of a script.
type Fault struct {
	// Operation is the SDK's name of the requests it befalls, "PutObject", "BatchCreatePartition", or "" for all.
	Operation string
	Effect    Effect
	// Skip lets that many matching requests pass first. Times is how many are befallen then: 0 is one, a negative number all.
	Skip, Times int
}

// Proxy stands between clients and a service and lets requests fail by a script, at random, or both. Requests pass with the host's name
// they were signed for. It is safe for concurrent use.
type Proxy struct {
	// URL is its address.
	URL string
	// credentials sign the requests that Partial shortens.
	credentials aws.Credentials
	forward     *httputil.ReverseProxy
	closing     chan struct{}

	plan faulttest.Plan[Fault]
}

// NewProxy starts a proxy to the service at target, which ends with the test. The credentials are the clients'; only Partial needs them.
func NewProxy(tb testing.TB, target string, credentials aws.Credentials, script ...Fault) *Proxy {
	tb.Helper()
	to, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{credentials: credentials, closing: make(chan struct{})}
	p.Add(script...)
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { hangUp(w) },
		Transport:    &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}
	server := httptest.NewServer(p)
	tb.Cleanup(func() {
		close(p.closing)
		server.Close()
	})
	p.URL = server.URL
	return p
}

// Add appends to the script. The first fault that matches a request befalls it.
func (p *Proxy) Add(script ...Fault) {
	for _, f := range script {
		p.plan.Add(f, func(operation, _ string) bool { return f.Operation == "" || f.Operation == operation }, f.Skip, f.Times)
	}
}

// Random makes each request fail with probability rate by one of the effects. The same seed gives the same faults to the same sequence of
// requests. CutShort spares GetObject, whose broken body no retry of the request can mend.
func (p *Proxy) Random(seed uint64, rate float64, effects ...Effect) {
	faults := make([]Fault, len(effects))
	for i, effect := range effects {
		faults[i].Effect = effect
	}
	p.plan.Random(seed, rate, func(operation string, f Fault) bool { return f.Effect == CutShort && operation == "GetObject" }, faults...)
}

// Requests returns how many requests of the operation came, or of all for "".
func (p *Proxy) Requests(operation string) int { return p.plan.Calls(operation) }

// Counts returns how many requests of each operation came.
func (p *Proxy) Counts() map[string]int { return p.plan.Counts() }

// Injected returns how many requests of the operation were befallen, or of all for "".
func (p *Proxy) Injected(operation string) int { return p.plan.Injected(operation) }

// Pending returns the faults of the script that have not befallen a request yet. Those that befall all are never pending.
func (p *Proxy) Pending() []Fault { return p.plan.Pending() }

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := read(r)
	if err != nil {
		hangUp(w)
		return
	}
	fault, befallen := p.plan.Next(q.operation, "")
	if !befallen {
		p.forward.ServeHTTP(w, r)
		return
	}
	switch effect := fault.Effect; effect {
	case InternalErrorAfter, ResetAfter, StallAfter:
		// The effect does not depend on the client's patience.
		p.forward.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
		switch effect {
		case ResetAfter:
			hangUp(w)
		case StallAfter:
			p.stall(w, r)
		default:
			q.refuse(w, effect)
		}
	case Stall:
		p.stall(w, r)
	case Reset:
		hangUp(w)
	case CutShort:
		answer := httptest.NewRecorder()
		p.forward.ServeHTTP(answer, r)
		cutShort(w, answer)
	case Partial:
		p.partial(w, r, q)
	default:
		q.refuse(w, effect)
	}
}

// stall reads what is left of the request, without which the client's end would not be seen, and waits for that.
func (p *Proxy) stall(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the client may be gone
	select {
	case <-r.Context().Done():
	case <-p.closing:
	}
	hangUp(w)
}

// hangUp ends the connection with a reset.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // then it is an orderly end, which is a fault too
	}
	_ = conn.Close() // nothing is to be saved
}

// cutShort sends half of the answer's body, under the whole one's length.
func cutShort(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	body := answer.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(max(len(body), 1)))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body[:len(body)/2])        // the client may be gone
	_ = http.NewResponseController(w).Flush() // likewise
	panic(http.ErrAbortHandler)
}

// request is what the proxy knows of a request.
type request struct {
	operation string
	// s3 tells S3's form of errors, in XML, from the one of JSON services; the query protocol has its own.
	s3, query bool
	body      []byte
}

var errShort = errors.New("the body ended early")

// read finds out what a request asks for. Bodies of services other than S3 are read and put back.
func read(r *http.Request) (*request, error) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		q := &request{operation: target[strings.LastIndexByte(target, '.')+1:]}
		return q, q.keep(r)
	}
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		q := &request{query: true}
		if err := q.keep(r); err != nil {
			return nil, err
		}
		form, err := url.ParseQuery(string(q.body))
		q.operation = form.Get("Action")
		return q, err
	}
	q := &request{s3: true, operation: s3Operation(r)}
	if q.operation == "DeleteObjects" {
		return q, q.keep(r)
	}
	return q, nil
}

// keep reads the body and puts it back.
func (q *request) keep(r *http.Request) (err error) {
	if q.body, err = io.ReadAll(r.Body); err != nil {
		return errors.Join(errShort, err)
	}
	r.Body = io.NopCloser(bytes.NewReader(q.body))
	return nil
}

// s3Operation names a request of S3 in path style by its method, its path's parts and its query.
func s3Operation(r *http.Request) string {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	switch {
	case key != "" && query.Has("partNumber"):
		return "UploadPart"
	case key != "" && query.Has("uploads"):
		return "CreateMultipartUpload"
	case key != "" && query.Has("uploadId") && r.Method == http.MethodDelete:
		return "AbortMultipartUpload"
	case key != "" && query.Has("uploadId"):
		return "CompleteMultipartUpload"
	case key != "":
		return map[string]string{
			http.MethodPut: "PutObject", http.MethodGet: "GetObject", http.MethodHead: "HeadObject", http.MethodDelete: "DeleteObject",
		}[r.Method]
	case query.Has("uploads"):
		return "ListMultipartUploads"
	case query.Has("delete"):
		return "DeleteObjects"
	case r.Method == http.MethodGet:
		return "ListObjectsV2"
	}
	return r.Method
}
