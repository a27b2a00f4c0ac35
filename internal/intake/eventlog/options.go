package eventlog

import (
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// MaxBlockBytes is how many bytes Block.Data may have in the embedded log. Records of a request of 10 MB, the largest that
// Mixpanel's ingestion API takes, fit even when they don't compress.
const MaxBlockBytes = 16 << 20

// minClusterPayload is the least max_payload of a cluster that Connect accepts. It is the most that NATS recommends.
const minClusterPayload = 8 << 20

// maxKeyBytes bounds Block.Key. Keys travel in message headers.
const maxKeyBytes = 512

// Options sets a JetStream log up. Zero values mean the defaults.
type Options struct {
	// Stream is the name of the stream and the first token of its subjects. Default "REFRACT_LOG".
	Stream string
	// Remember is how long keys of released blocks are remembered. Keys of blocks that the log still holds are always known.
	// Default 24 hours.
	Remember time.Duration
	// InFlight is how many appends may be under way; further ones wait. Default 32.
	InFlight int
	// Timeout is how long the log may take to answer one append or one step of a read. Default 30 seconds.
	Timeout time.Duration
	// Logger receives what the NATS server and connection say. Default slog.Default.
	Logger *slog.Logger

	// Reserve is how many bytes must stay free on the file system of an embedded log; appends that would need them fail. It leaves
	// room for the store to seal and release. Negative means none. Default 256 MiB. Open only.
	Reserve int64

	// Replicas is how many servers of the cluster hold the log, 1, 3 or 5. It applies when the stream is created. Default 3.
	// Connect only.
	Replicas int
	// NATS holds further options of the connection, such as credentials and TLS. Connect only.
	NATS []nats.Option
}

func (o *Options) setDefaults() {
	if o.Stream == "" {
		o.Stream = "REFRACT_LOG"
	}
	if o.Remember <= 0 {
		o.Remember = 24 * time.Hour
	}
	if o.InFlight <= 0 {
		o.InFlight = 32
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Reserve == 0 {
		o.Reserve = 256 << 20
	}
	if o.Replicas <= 0 {
		o.Replicas = 3
	}
}
