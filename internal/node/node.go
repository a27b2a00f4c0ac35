// Package node is a Refract process: the roles that its configuration names, wired together.
//
//	collector   HTTP ingestion, quarantine
//	worker      sealing the log into the store, pipelines
//	query       Redshift SQL
//
// All share the metadata database and the data folder; each is given only what it needs. Run ends when its context does or a role fails:
// the listeners close first, requests under way are answered, then what they wrote to is closed.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/aws/identity"
	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/config"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
	"github.com/refract-io/refract/internal/platform/telemetry"
	"github.com/refract-io/refract/internal/query/engine"
)

// Node is a process. Fields of roles that it does not run are nil.
type Node struct {
	cfg         *config.Config
	version     string
	started     time.Time
	log         *slog.Logger
	metrics     *prometheus.Registry
	ready       *telemetry.Readiness
	addresses   Addresses
	token       string
	sqlPassword string

	db           *meta.DB
	projects     *project.Registry
	events       eventlog.Log
	writer       *eventlog.Writer
	quarantine   *quarantine.Quarantine
	store        *store.Store
	lake         *bucket.Local
	catalog      *catalog.Embedded
	pipelines    *pipeline.Store
	destinations *destinations
	identities   *identity.File // of the AWS-compatible endpoint, with authority
	authority    *sts.Authority
	engine       *engine.Engine
	geo          event.Locator

	closers []func() error
}

// Run starts the roles and returns when ctx is done, nil after an orderly end.
func Run(ctx context.Context, cfg *config.Config, version string) (err error) {
	n := &Node{cfg: cfg, version: version, started: time.Now(), addresses: Addresses{PID: os.Getpid()}}
	defer func() { err = errors.Join(err, n.close()) }()
	if err := n.open(ctx); err != nil {
		return err
	}
	listeners, err := n.listen()
	if err != nil {
		return err
	}
	return n.serve(ctx, listeners)
}

func (n *Node) path(parts ...string) string {
	return filepath.Join(append([]string{n.cfg.DataDir}, parts...)...)
}

// onClose registers what is to be closed, the last first.
func (n *Node) onClose(fn func() error) { n.closers = append(n.closers, fn) }

func (n *Node) close() error {
	var all []error
	for _, fn := range slices.Backward(n.closers) {
		all = append(all, fn())
	}
	return errors.Join(all...)
}

// listeners are the sockets of a process. They are opened before anything is served, so that a taken port fails the start.
type listeners struct{ http, sql, aws net.Listener }

func (n *Node) listen() (l listeners, err error) {
	if l.http, err = listen("http.listen", n.cfg.HTTP.Listen); err != nil {
		return l, err
	}
	scheme := "http"
	if n.cfg.HTTP.TLSCert != "" {
		scheme = "https"
	}
	n.addresses.HTTP = scheme + "://" + l.http.Addr().String()
	if n.cfg.Has(config.Query) {
		if l.sql, err = listen("sql.listen", n.cfg.SQL.Listen); err != nil {
			return l, errors.Join(err, l.http.Close())
		}
		n.addresses.SQL = l.sql.Addr().String()
	}
	if n.cfg.Has(config.Query) && n.cfg.AWS.Listen != "" {
		if l.aws, err = listen("aws.listen", n.cfg.AWS.Listen); err != nil {
			return l, errors.Join(err, l.http.Close())
		}
		scheme = "http"
		if n.cfg.AWS.TLSCert != "" {
			scheme = "https"
		}
		n.addresses.AWS = scheme + "://" + l.aws.Addr().String()
	}
	n.warnOpen("http", l.http, n.cfg.HTTP.TLSCert)
	n.warnOpen("sql", l.sql, n.cfg.SQL.TLSCert)
	n.warnOpen("aws", l.aws, n.cfg.AWS.TLSCert)
	return l, n.addresses.write(n.cfg.DataDir)
}

// warnOpen tells an operator whose settings let secrets travel in clear text.
func (n *Node) warnOpen(name string, l net.Listener, cert string) {
	if l == nil || cert != "" {
		return
	}
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		n.log.Warn("listening beyond this machine without TLS: tokens and passwords can be read on the way", "setting", name+".tls_cert", "address", a.String())
	}
}

func listen(field, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fault.New(fault.Setup, "listening on", address, err, "free the port, or set "+field+" to another address")
	}
	return l, nil
}

// serve runs every role until ctx is done or one of them fails.
func (n *Node) serve(ctx context.Context, l listeners) error {
	g, ctx := errgroup.WithContext(ctx)
	if n.cfg.Has(config.Worker) {
		if err := n.runWorker(ctx, g); err != nil {
			return errors.Join(err, l.http.Close())
		}
	}
	if l.sql != nil {
		if err := n.runQuery(ctx, g, l.sql); err != nil {
			return errors.Join(err, l.http.Close())
		}
	}
	if l.aws != nil {
		if err := n.runAWS(ctx, g, l.aws); err != nil {
			return errors.Join(err, l.http.Close())
		}
	}
	if err := n.runHTTP(ctx, g, l.http); err != nil {
		return errors.Join(err, l.http.Close())
	}
	n.addChecks()
	n.log.Info("ready", "http", n.addresses.HTTP, "sql", n.addresses.SQL, "aws", n.addresses.AWS, "roles", n.cfg.Roles, "data_dir", n.cfg.DataDir)
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Status implements the control API's.
func (n *Node) status(ctx context.Context) (control.Status, error) {
	s := control.Status{Version: n.version, Started: n.started, HTTP: n.addresses.HTTP, SQL: n.addresses.SQL}
	for _, r := range n.cfg.Roles {
		s.Roles = append(s.Roles, string(r))
	}
	sealed, err := n.store.Sealed(ctx)
	if err != nil {
		return s, err
	}
	s.SealedPosition, s.LogPosition = uint64(sealed), uint64(sealed)
	if n.events != nil {
		last, err := n.events.Last(ctx)
		if err != nil {
			return s, fmt.Errorf("asking the log for its end: %w", err)
		}
		s.LogPosition = uint64(last)
	}
	return s, nil
}
