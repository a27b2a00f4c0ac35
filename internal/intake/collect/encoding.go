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

// encoding is a Content-Encoding. Its readers are pooled: they are large to set up.
type encoding struct {
	open  func(in *bufio.Reader) (io.Reader, error)
	close func(io.Reader)
}

// maxZstdWindow is the memory that a zstd body may ask for: the 8 MiB that RFC 8878 recommends decoders to support.
const maxZstdWindow = 8 << 20

var (
	gzips, zlibs, flates, zstds sync.Pool

	identity = encoding{
		open:  func(in *bufio.Reader) (io.Reader, error) { return in, nil },
		close: func(io.Reader) {},
	}
	encodings = map[string]encoding{
		"": identity, "identity": identity,
		"gzip": {openGzip, closeGzip}, "x-gzip": {openGzip, closeGzip},
		"deflate": {openDeflate, closeDeflate},
		"zstd":    {openZstd, closeZstd},
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

func openGzip(in *bufio.Reader) (io.Reader, error) {
	if z, ok := gzips.Get().(*gzip.Reader); ok {
		return z, z.Reset(in)
	}
	return gzip.NewReader(in)
}

func closeGzip(r io.Reader) { gzips.Put(r) }

// openDeflate takes what RFC 9110 calls deflate, the zlib format, and the bare deflate data that some clients send under that name.
func openDeflate(in *bufio.Reader) (io.Reader, error) {
	head, err := in.Peek(2)
	if err == nil && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		if z, ok := zlibs.Get().(io.ReadCloser); ok {
			return z, z.(zlib.Resetter).Reset(in, nil)
		}
		return zlib.NewReader(in)
	}
	if f, ok := flates.Get().(io.ReadCloser); ok {
		return f, f.(flate.Resetter).Reset(in, nil)
	}
	return flate.NewReader(in), nil
}

func closeDeflate(r io.Reader) {
	if _, ok := r.(zlib.Resetter); ok {
		zlibs.Put(r)
	} else {
		flates.Put(r)
	}
}

func openZstd(in *bufio.Reader) (io.Reader, error) {
	if d, ok := zstds.Get().(*zstd.Decoder); ok {
		return d, d.Reset(in)
	}
	return zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
}

func closeZstd(r io.Reader) {
	d := r.(*zstd.Decoder)
	if d.Reset(nil) == nil {
		zstds.Put(d)
	}
}
