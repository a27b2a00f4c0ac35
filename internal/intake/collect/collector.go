package collect

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/project"
)

// Appender makes records durable. *eventlog.Writer implements it. It is safe for concurrent use.
type Appender interface {
	// Append stores count records as Encoder.Bytes returns them and returns when they are durable. It does not use records after it
	// returned. After an error they may or may not be in the log. Errors that trying again can mend are fault.Transient;
	// eventlog.ErrTooLarge says that fewer records must be sent at once.
	Append(ctx context.Context, project int64, records []byte, count int) (eventlog.Position, error)
	// AppendKeyed is Append as a block of its own under a key, see eventlog.Block: calling it again with the same key, after an
	// error too, stores nothing twice while the log remembers the key.
	AppendKeyed(ctx context.Context, project int64, key string, records []byte, count int) (eventlog.Position, error)
}

// Keys remembers keys for longer than the log does. It is safe for concurrent use.
type Keys interface {
	// KnownKey reports whether the project has a block with the key, sealed or still in the log.
	KnownKey(ctx context.Context, project int64, key string) (bool, error)
}

// Projects looks up who sends. *project.Registry implements it. Methods return project.ErrNotFound where there is none.
type Projects interface {
	ByToken(ctx context.Context, token string) (*project.Project, error)
	ByID(ctx context.Context, id int64) (*project.Project, error)
	BySecret(ctx context.Context, secret string) (*project.Project, error)
	Account(ctx context.Context, username string) (*project.ServiceAccount, error)
}

// Quarantine keeps what cannot be taken. *quarantine.Quarantine implements it.
type Quarantine interface {
	// Add is durable when it returns nil. It does not hold on to the entries.
	Add(ctx context.Context, entries []quarantine.Entry) error
}

// Config is what a Collector is made of.
type Config struct {
	Log        Appender
	Keys       Keys
	Projects   Projects
	Quarantine Quarantine
	// Geo adds places to records; nil for none.
	Geo event.Locator
	// Host is written into events as $mp_api_endpoint.
	Host string
	// TrustedProxies may tell the client's address in X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// Rates bounds each project; the zero value does not. MixpanelRates are Mixpanel's.
	Rates Rates
	// MaxMemory bounds the buffers of all requests together, in bytes (default 512 MiB).
	MaxMemory int64
	// Metrics is where the collector's metrics are registered; nil for nowhere.
	Metrics prometheus.Registerer
	// Logger gets what an operator must see (default slog.Default).
	Logger *slog.Logger
	// Now is the clock (default time.Now).
	Now func() time.Time
}

// Collector is the handler. It is safe for concurrent use.
type Collector struct {
	config       Config
	memory       memory
	rates        *rates
	metrics      *metrics
	unattributed unattributed
	intakes      sync.Pool // of *intake

	// Request ids are a random prefix and a number.
	prefix   string
	requests atomic.Uint64
	// lastLogged limits the log to one line per second, in Unix seconds.
	lastLogged atomic.Int64
}

// New returns a collector.
func New(c Config) *Collector {
	if c.MaxMemory == 0 {
		c.MaxMemory = 512 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	var prefix [8]byte
	rand.Read(prefix[:])
	collector := &Collector{
		config:  c,
		memory:  memory{limit: c.MaxMemory},
		rates:   newRates(c.Rates),
		prefix:  hex.EncodeToString(prefix[:]) + "-",
		intakes: sync.Pool{New: func() any { return new(intake) }},
	}
	collector.metrics = newMetrics(c.Metrics, collector)
	return collector
}

// endpoint is one of the paths that take records.
type endpoint uint8

const (
	track endpoint = iota
	importing
	engage
	groups
	endpoints
	unknownEndpoint = endpoints
)

// endpointNames are used in metrics and quarantine entries.
var endpointNames = [...]string{track: "track", importing: "import", engage: "engage", groups: "groups", unknownEndpoint: "other"}

func endpointOf(path string) endpoint {
	switch strings.TrimSuffix(path, "/") {
	case "/track":
		return track
	case "/import":
		return importing
	case "/engage":
		return engage
	case "/groups":
		return groups
	}
	return unknownEndpoint
}

// ServeHTTP implements http.Handler.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := endpointOf(r.URL.Path)
	c.metrics.inFlight.Inc()
	defer c.metrics.inFlight.Dec()
	a := c.answer(w, r, e)
	c.metrics.request(e, a.code)
	a.write(w)
}

func (c *Collector) answer(w http.ResponseWriter, r *http.Request, e endpoint) answer {
	if e == unknownEndpoint {
		return coded(http.StatusNotFound, "no such path: "+strconv.Quote(r.URL.Path))
	}
	const allowed = "GET, HEAD, POST, OPTIONS"
	if e != importing {
		allowOrigin(w.Header(), r)
	}
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Allow", allowed)
		return answer{code: http.StatusNoContent}
	case http.MethodPost, http.MethodGet, http.MethodHead:
	default:
		w.Header().Set("Allow", allowed)
		return coded(http.StatusMethodNotAllowed, "method "+r.Method+" is not allowed: use "+allowed)
	}
	if r.Method == http.MethodHead {
		// A safe method: it takes nothing, whatever its query carries.
		return answer{code: http.StatusOK, contentType: plainText}
	}
	in := c.intakes.Get().(*intake)
	in.begin(c, w, r, e)
	defer in.end()
	a, err := in.handle(r.Context())
	if err != nil {
		return c.failure(in, err)
	}
	return a
}

// failure turns an error into the answer that makes the client do the right thing.
func (c *Collector) failure(in *intake, err error) answer {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused.answer(in)
	}
	if errors.Is(err, eventlog.ErrTooLarge) {
		return coded(http.StatusRequestEntityTooLarge, "request is too large for the log: send fewer records at once")
	}
	now := c.config.Now().Unix()
	if last := c.lastLogged.Load(); now > last && c.lastLogged.CompareAndSwap(last, now) {
		c.config.Logger.Error("taking a request in", "endpoint", endpointNames[in.endpoint], "error", err)
	}
	return unavailable("the records could not be stored just now. Please retry the request with exponential backoff.")
}

// requestID returns a name for a request that no other one ever has.
func (c *Collector) requestID() string {
	return c.prefix + strconv.FormatUint(c.requests.Add(1), 16)
}
