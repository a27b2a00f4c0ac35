package node

import (
	"context"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/export/pipeline/pipelineapi"
	"github.com/refract-io/refract/internal/export/rawexport"
	"github.com/refract-io/refract/internal/intake/collect"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/config"
	"github.com/refract-io/refract/internal/platform/telemetry"
	"github.com/refract-io/refract/internal/verify"
)

// runHTTP serves ingestion, the control and pipeline APIs, and health.
func (n *Node) runHTTP(ctx context.Context, g *errgroup.Group, l net.Listener) error {
	mux := http.NewServeMux()
	telemetry.Handle(mux, n.metrics, n.ready)
	api := &control.Server{Projects: n.projects, Quarantine: n.quarantine, Status: n.status}
	if n.cfg.Has(config.Collector) {
		collector, err := n.newCollector()
		if err != nil {
			return err
		}
		mux.Handle("/", collector)
		api.Replayer = &replayer{n: n}
		api.Unattributed = collector.Unattributed
	}
	if n.cfg.Has(config.Worker) && n.engine != nil {
		api.Verifier = &verify.Verifier{Store: n.store, Pipelines: n.pipelines, Bucket: n.destinations.Bucket, Catalog: n.destinations.Catalog, SQL: sqlCounter{n.engine, n.addresses.SQL, n.sqlPassword}, Quarantine: n.quarantine}
	}
	if n.cfg.Has(config.Worker) {
		api.AWS = &examiner{n.destinations}
	}
	// The store's files are what these APIs read, so a process that has them answers.
	if n.cfg.Has(config.Worker) {
		exports := rawexport.New(rawexport.Config{Reader: n.store, Projects: n.projects, Logger: n.log})
		for _, path := range rawexport.Paths {
			mux.Handle(path, exports)
		}
	}
	guarded := control.RequireToken(n.token, api.Handler())
	mux.Handle("/api/refract/", guarded)
	mux.Handle(pipelineapi.Root, pipelineapi.New(pipelineapi.Config{
		Store: n.pipelines, Projects: n.projects, Lake: n.cfg.Lake.Bucket, AdminToken: n.token, Logger: n.log,
		Preset: n.cfg.Destination.Region != "" || n.cfg.Destination.EndpointURL != "", Arrived: n.arrived,
	}))
	g.Go(func() error {
		<-ctx.Done()
		n.ready.Drain()
		return nil
	})
	g.Go(func() error {
		return collect.Serve(ctx, l, mux, collect.ServerConfig{
			CertFile: n.cfg.HTTP.TLSCert, KeyFile: n.cfg.HTTP.TLSKey, MaxConnections: n.cfg.HTTP.MaxConnections, Logger: n.log,
			WriteTimeout: verifyTimeout,
		})
	})
	return nil
}

// verifyTimeout bounds an answer. A verification reads all that a project has.
const verifyTimeout = 15 * time.Minute

func (n *Node) newCollector() (*collect.Collector, error) {
	c := collect.Config{
		Log: n.writer, Keys: sealedKeys{n}, Projects: n.projects, Quarantine: n.quarantine, Host: n.host(),
		TrustedProxies: n.cfg.HTTP.TrustedProxies, Metrics: n.metrics, Logger: n.log,
		Rates: collect.Rates{
			RecordsPerSecond: float64(n.cfg.RateLimit.RecordsPerSecond),
			BytesPerSecond:   float64(n.cfg.RateLimit.BytesPerMinute) / time.Minute.Seconds(),
		},
	}
	if n.cfg.GeoIPDatabase != "" {
		geo, err := collect.OpenMaxMind(n.cfg.GeoIPDatabase)
		if err != nil {
			return nil, err
		}
		n.onClose(geo.Close)
		c.Geo = geo
	}
	n.geo = c.Geo
	return collect.New(c), nil
}

// host is what events carry as $mp_api_endpoint.
func (n *Node) host() string {
	host, port, err := net.SplitHostPort(n.cfg.HTTP.Listen)
	if err != nil || host == "" {
		return n.cfg.HTTP.Listen
	}
	return net.JoinHostPort(host, port)
}

// sealedKeys knows the idempotency keys of sealed blocks. Those still in the log the log itself recognises.
type sealedKeys struct{ n *Node }

// KnownKey implements collect.Keys.
func (k sealedKeys) KnownKey(ctx context.Context, project int64, key string) (bool, error) {
	_, known, err := k.n.store.KnownKey(ctx, project, key)
	return known, err
}

// replayer takes quarantined records again by the collector's rules.
type replayer struct{ n *Node }

// Replay implements control.Replayer.
func (r *replayer) Replay(ctx context.Context, f quarantine.Filter, whole bool) (quarantine.Outcome, error) {
	return r.n.quarantine.Replay(ctx, f, &collect.Retaker{
		Log: r.n.writer, Keys: sealedKeys{r.n}, Projects: r.n.projects, Geo: r.n.geo, Host: r.n.host(), AnyAge: true, Whole: whole,
	})
}
