package collect

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/refract-io/refract/internal/event"
)

// memory is the bound of all requests' buffers together.
type memory struct {
	limit int64
	used  atomic.Int64
}

// acquire takes n bytes and reports whether they were left.
func (m *memory) acquire(n int) bool {
	if m.used.Add(int64(n)) > m.limit {
		m.used.Add(int64(-n))
		return false
	}
	return true
}

func (m *memory) release(n int) { m.used.Add(int64(-n)) }

// bufferSizes are the steps in which a body's buffer grows. A client that sends slowly holds at most eight times what it has sent.
// The last one has room for the byte that tells a body that is too long.
var bufferSizes = [...]int{32 << 10, 256 << 10, 2 << 20, event.MaxRequestBytes + 1}

// buffers keeps one pool of *[]byte per size, so that the small start of a slow request never holds a large buffer.
var buffers [len(bufferSizes)]sync.Pool

// buffer is a growing piece of memory that is accounted for. Twice its size is taken from the memory, because the records that
// are encoded from it are about as large again.
type buffer struct {
	memory *memory
	bytes  *[]byte // nil: none yet
	step   int
}

// grow replaces the buffer by the next larger one with the same first n bytes. It reports false if the memory is used up.
func (b *buffer) grow(n int) bool {
	step := 0
	if b.bytes != nil {
		step = b.step + 1
	}
	if !b.memory.acquire(2 * bufferSizes[step]) {
		return false
	}
	larger, _ := buffers[step].Get().(*[]byte)
	if larger == nil {
		fresh := make([]byte, bufferSizes[step])
		larger = &fresh
	}
	if b.bytes != nil {
		copy(*larger, (*b.bytes)[:n])
		b.free()
	}
	b.bytes, b.step = larger, step
	return true
}

// free gives the memory back.
func (b *buffer) free() {
	if b.bytes != nil {
		buffers[b.step].Put(b.bytes)
		b.memory.release(2 * bufferSizes[b.step])
		b.bytes = nil
	}
}

// drainTooLarge is how much of a request that is too large is read and thrown away before it is answered.
const drainTooLarge = 4 * event.MaxRequestBytes

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 16<<10) }}

// read reads the request's body and undoes its Content-Encoding, in memory of b. The result is valid until b.free.
func (b *buffer) read(r *http.Request) (body []byte, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	open, err := contentEncoding(r.Header)
	if err != nil {
		return nil, err
	}
	in := readers.Get().(*bufio.Reader)
	in.Reset(r.Body)
	defer func() {
		if err == errTooLarge {
			// A client that is cut off while it still sends may not see the answer, and so not learn to send less.
			_, _ = io.CopyN(io.Discard, r.Body, drainTooLarge)
		}
		in.Reset(nil)
		readers.Put(in)
	}()
	if r.ContentLength > event.MaxRequestBytes {
		return nil, errTooLarge
	}
	// No memory before the first byte is there.
	if _, err := in.Peek(1); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, unreadable(err)
	}
	decoded, pool, err := open(in)
	if err != nil {
		return nil, unreadable(err)
	}
	if pool != nil {
		defer pool.Put(decoded)
	}
	n := 0
	for {
		if b.bytes == nil || n == len(*b.bytes) {
			if n == bufferSizes[len(bufferSizes)-1] {
				return nil, errTooLarge
			}
			if !b.grow(n) {
				return nil, errOverloaded
			}
		}
		read, err := decoded.Read((*b.bytes)[n:])
		n += read
		switch {
		case n > event.MaxRequestBytes:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return (*b.bytes)[:n], nil
		case err != nil:
			return nil, unreadable(err)
		}
	}
}

var (
	// errTooLarge names the limit of the prose; the sample answer of the OpenAPI file says 2097152.
	errTooLarge = &refusal{
		code:    http.StatusRequestEntityTooLarge,
		message: "request exceeds max limit of " + strconv.Itoa(event.MaxRequestBytes) + " bytes",
	}
	// errTooMany is a 413 too, because that makes the clients send smaller batches.
	errTooMany = &refusal{
		code:    http.StatusRequestEntityTooLarge,
		message: "request exceeds max limit of " + strconv.Itoa(event.MaxRequestRecords) + " records",
	}
	errOverloaded = &refusal{
		code:       http.StatusServiceUnavailable,
		message:    "Server is errOverloaded. Please retry the request with exponential backoff.",
		retryAfter: 2,
	}
)

// unreadable refuses a body that ended early or whose encoding is broken. It holds no records, so nothing is kept.
func unreadable(err error) *refusal {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{code: http.StatusRequestTimeout, message: "request body did not arrive in time"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &refusal{code: http.StatusBadRequest, message: "request body ends too early", plain: true}
	}
	return &refusal{code: http.StatusBadRequest, message: "request body cannot be read: " + err.Error(), plain: true}
}
