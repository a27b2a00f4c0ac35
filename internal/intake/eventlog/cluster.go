package eventlog

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Connect opens the log in a NATS cluster, given by one or more URLs with commas between them. It creates the stream if there is
// none. An existing stream is used as it is, unless its settings could lose blocks: then the error has the class fault.Setup. The
// servers need max_payload: 8MB or more. A block is acknowledged when a quorum of the replicas has it; whether each of them has
// synced it to its disk is the servers' sync_interval.
//
// Any number of processes may append and read. The connection is mended for ever; calls fail as transient while it is down.
func Connect(ctx context.Context, url string, opts Options) (*JetStream, error) {
	opts.setDefaults()
	nopts := append(connectionLogger(&opts), nats.MaxReconnects(-1))
	s, err := newSession(ctx, &opts, opts.Replicas, url, append(nopts, opts.NATS...)...)
	if err != nil {
		return nil, fault.New(fault.Setup, "opening the log at", url, err, "see whether the servers run, have JetStream enabled and accept the credentials")
	}
	if got := s.writes.MaxPayload(); got < minClusterPayload {
		s.close()
		return nil, fault.New(fault.Setup, "opening the log at", url, fmt.Errorf("its servers take messages of %d bytes at most", got),
			"set max_payload: 8MB in the servers' configuration")
	}
	l := newJetStream(opts)
	l.current = s
	last, err := l.Last(ctx)
	if err == nil {
		err = s.follow(ctx, &l.tail, last)
	}
	if err != nil {
		_ = l.Close() // its connections hold nothing that could be lost
		return nil, fault.New(fault.Transient, "opening the log at", url, err, "")
	}
	return l, nil
}
