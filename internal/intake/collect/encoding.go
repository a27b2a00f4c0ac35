package collect

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// encoding opens a body of one Content-Encoding. The readers are large to set up, so they go back to the pool that open returns, nil
// for none.
type encoding func(in *bufio.Reader) (decoded io.Reader, pool *sync.Pool, err error)

// maxZstdWindow is the memory that a zstd body may ask for: the 8 MiB that RFC 8878 recommends decoders to support.
const maxZstdWindow = 8 << 20

var (
	gzips, zlibs, flates, zstds sync.Pool

	encodings = map[string]encoding{
		"": openIdentity, "identity": openIdentity,
		"gzip": openGzip, "x-gzip": openGzip,
		"deflate": openDeflate,
		"zstd":    openZstd,
	}
)

func contentEncoding(h http.Header) (encoding, error) {
	name := strings.ToLower(strings.TrimSpace(strings.Join(h.Values("Content-Encoding"), ",")))
	e, ok := encodings[name]
	if !ok {
		return e, &refusal{
			code:    http.StatusUnsupportedMediaType,
			message: "Content-Encoding " + strconv.Quote(name) + " is not supported: use gzip, deflate or zstd",
		}
	}
	return e, nil
}

func openIdentity(in *bufio.Reader) (io.Reader, *sync.Pool, error) { return in, nil, nil }

func openGzip(in *bufio.Reader) (io.Reader, *sync.Pool, error) {
	if z, ok := gzips.Get().(*gzip.Reader); ok {
		return z, &gzips, z.Reset(in)
	}
	z, err := gzip.NewReader(in)
	return z, &gzips, err
}

// openDeflate takes what RFC 9110 calls deflate, the zlib format, and the bare deflate data that some clients send under that name.
func openDeflate(in *bufio.Reader) (io.Reader, *sync.Pool, error) {
	head, err := in.Peek(2)
	if err == nil && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		if z, ok := zlibs.Get().(io.ReadCloser); ok {
			return z, &zlibs, z.(zlib.Resetter).Reset(in, nil)
		}
		z, err := zlib.NewReader(in)
		return z, &zlibs, err
	}
	if f, ok := flates.Get().(io.ReadCloser); ok {
		return f, &flates, f.(flate.Resetter).Reset(in, nil)
	}
	return flate.NewReader(in), &flates, nil
}

func openZstd(in *bufio.Reader) (io.Reader, *sync.Pool, error) {
	if d, ok := zstds.Get().(*zstd.Decoder); ok {
		return d, &zstds, d.Reset(in)
	}
	d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	return d, &zstds, err
}
