package rawexport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	// flushBytes is how much of a body is kept before it is sent.
	flushBytes = 64 << 10
	// gzipOver is the size up to which a body is not compressed (Mixpanel, "Download Data").
	gzipOver = 1400
)

var gzips = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is valid
	return z
}}

// body is the body of an answer of code 200, which begins when more than flushBytes of it are there.
type body struct {
	w       http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	accepts bool // gzip

	pending []byte
	started bool
	gzip    *gzip.Writer
}

// begin prepares the answer to a request.
func (s *server) begin(w http.ResponseWriter, r *http.Request, contentType string) *body {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept-Encoding")
	return &body{w: w, control: http.NewResponseController(w), stall: s.Stall, accepts: acceptsGzip(r.Header)}
}

func acceptsGzip(h http.Header) bool {
	for part := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, q, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "gzip" && name != "x-gzip" && name != "*" {
			continue
		}
		weight, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(q), "q="), 64)
		if q == "" || err == nil && weight > 0 {
			return true
		}
	}
	return false
}

// sendLarge sends what is pending if that is much.
func (b *body) sendLarge() error {
	if len(b.pending) < flushBytes {
		return nil
	}
	return b.send()
}

// send sends what is pending. Each time the client gets a while of its own to receive it, whatever the server's write timeout: how long an
// answer takes as a whole depends on its size.
func (b *body) send() error {
	if err := b.control.SetWriteDeadline(time.Now().Add(b.stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("extending the write timeout: %w", err)
	}
	if !b.started {
		b.started = true
		if b.accepts && len(b.pending) > gzipOver {
			b.w.Header().Set("Content-Encoding", "gzip")
			b.gzip = gzips.Get().(*gzip.Writer)
			b.gzip.Reset(b.w)
		}
		b.w.WriteHeader(http.StatusOK)
	}
	var to io.Writer = b.w
	if b.gzip != nil {
		to = b.gzip
	}
	_, err := to.Write(b.pending)
	b.pending = b.pending[:0]
	if err != nil {
		return fmt.Errorf("sending the answer: %w", err)
	}
	return nil
}

// end sends the rest.
func (b *body) end() error {
	if !b.started && !(b.accepts && len(b.pending) > gzipOver) {
		b.w.Header().Set("Content-Length", strconv.Itoa(len(b.pending)))
	}
	if err := b.send(); err != nil {
		return err
	}
	if b.gzip == nil {
		return nil
	}
	if err := b.gzip.Close(); err != nil {
		return fmt.Errorf("sending the answer: %w", err)
	}
	return nil
}

// release gives the compressor back. It follows end, or takes its place when the client is gone.
func (b *body) release() {
	if b.gzip != nil {
		b.gzip.Reset(io.Discard)
		gzips.Put(b.gzip)
		b.gzip = nil
	}
}

// drop undoes a body that has not started, so that the request can be answered otherwise.
func (b *body) drop() {
	b.pending = nil
	b.w.Header().Del("Vary")
}
