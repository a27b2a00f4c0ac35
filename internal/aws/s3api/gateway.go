// Package s3api serves buckets that are folders (bucket.Local) by the API of Amazon S3, so that what speaks to S3 (an AWS SDK, awscli,
// awswrangler, Spark) reads what pipelines wrote, and the other way round.
//
// The protocol is versitygw's: its front parses requests, verifies signatures in headers, in URLs and of chunks, and checksums, and
// writes S3's answers. This package gives it callers and decisions (package sts), and a backend over the folders. A request is
// authorized for each of its actions and resources, as the Service Authorization Reference lists them; one of another account than the
// buckets' is refused, since buckets have no policies here.
//
// Objects are encrypted in name: a request for SSE-S3 or SSE-KMS is answered and kept, and the caller's rights on the key are evaluated,
// while the file stays plain, since the SQL engine reads it. Versions, tags, access control lists, locks and lifecycles answer
// NotImplemented, and so does every operation and header that is not known to be served (served.go): the front passes over them.
package s3api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"time"

	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"

	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Config says what is served to whom.
type Config struct {
	Authority *sts.Authority
	// Account owns the buckets; it has 12 digits. Region is the one that requests are signed for.
	Account, Region string
	// Lake is the bucket that is always there; its name is LakeName.
	Lake     *bucket.Local
	LakeName string
	// Folder holds further buckets, which CreateBucket makes: a folder each. It need not exist.
	Folder string
	// Keys decide about SSE-KMS.
	Keys Keys
	// Secure is true if clients come by TLS; policies see it as aws:SecureTransport.
	Secure bool
	Log    *slog.Logger
}

// maxRequests bounds the requests under way; further ones are answered SlowDown.
const maxRequests = 1024

// maxUnread is how much of a refused request's body is still taken, so that the client learns of the refusal.
const maxUnread = 1 << 30

// maxUnasked is how much of it is taken before the refusal. The SDK for Go takes the request's body away from under its own HTTP client when an
// answer comes, and loses the answer; bodies from 2 MiB on it sends after it has asked whether to.
const maxUnasked = 2 << 20

// Gateway is the API. It is safe for concurrent use.
type Gateway struct {
	server  *s3api.S3ApiServer
	proxy   *httputil.ReverseProxy
	folder  string
	ready   chan struct{}
	stopped chan struct{}
}

// New prepares a gateway; Run serves it.
func New(c Config) (*Gateway, error) {
	buckets, err := openBuckets(&c)
	if err != nil {
		return nil, err
	}
	// The front listens, and has no handler to call: it gets a socket in a folder that nobody else may enter. A path of a socket has
	// at most about 100 bytes, which one in the data folder could exceed.
	folder, err := os.MkdirTemp("", "refract-s3-")
	if err != nil {
		return nil, fault.New(fault.Setup, "creating a folder for a socket in", os.TempDir(), err, "set TMPDIR to a folder that can be written")
	}
	g := &Gateway{folder: folder, ready: make(chan struct{}), stopped: make(chan struct{})}
	path := filepath.Join(folder, "s3")
	g.server, err = s3api.New(&backend{buckets: buckets, config: &c}, middlewares.RootUserConfig{}, c.Region, &identities{config: &c}, nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithDisableACL(), s3api.WithConcurrencyLimiter(maxRequests, maxRequests),
		s3api.WithMiddleware("/", prepare), s3api.WithMiddleware("/", answerEncryption), s3api.WithOnListen(func() { close(g.ready) }))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preparing S3: %w", err), os.RemoveAll(folder))
	}
	g.proxy = &httputil.ReverseProxy{
		// The path, the host and the headers stay as they were signed.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "s3"
			r.Out.Host = r.In.Host
			// The front would say "continue" before it decides; the server in front of it does when the body is read.
			r.Out.Header.Del("Expect")
			r.Out.Close = true
		},
		Transport: socket(path),
		ErrorLog:  slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				c.Log.ErrorContext(r.Context(), "request failed", "operation", "s3", "error", err)
			}
			WriteError(w, r, http.StatusServiceUnavailable, "ServiceUnavailable", "Please reduce your request rate.")
		},
	}
	return g, nil
}

// Run serves until ctx is done, and then answers the requests under way.
func (g *Gateway) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- g.server.ServeMultiPort([]string{filepath.Join(g.folder, "s3")}) }()
	var err error
	select {
	case err = <-served:
		if err != nil {
			err = fmt.Errorf("serving S3: %w", err)
		}
	case <-ctx.Done():
		err = g.shutDown(served)
	}
	close(g.stopped)
	return errors.Join(err, os.RemoveAll(g.folder))
}

// shutDown ends the front. One that has only just begun to listen doesn't hear the first call.
func (g *Gateway) shutDown(served <-chan error) error {
	for {
		err := g.server.ShutDown()
		select {
		case <-served: // it ends because it was shut down
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// ServeHTTP answers one request. It verifies the signature itself.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-g.stopped:
		WriteError(w, r, http.StatusServiceUnavailable, "ServiceUnavailable", "The service is stopping.")
		return
	default:
	}
	select {
	case <-g.ready:
		// A refusal comes before the body has been sent. The client reads it if the connection is not reset under its writing: the answer
		// goes out first, and then what still comes is let go.
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex() // HTTP/2 always is
		refused := checkServed(r)
		if refused == nil {
			refused = checkBody(r)
		}
		if refused != nil {
			if r.Header.Get("Expect") == "" {
				_, _ = io.CopyN(io.Discard, r.Body, maxUnasked)
			}
			WriteError(w, r, refused.HTTPStatusCode, refused.Code, refused.Description)
		} else {
			g.proxy.ServeHTTP(w, r)
		}
		_ = control.Flush() // the client may have gone
		_, _ = io.CopyN(io.Discard, r.Body, maxUnread)
	case <-g.stopped:
		WriteError(w, r, http.StatusServiceUnavailable, "ServiceUnavailable", "The service is stopping.")
	case <-r.Context().Done():
	}
}
