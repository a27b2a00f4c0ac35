package node

import (
	"context"
	"fmt"
	"time"
)

const (
	// arrivedTimeout bounds the wait for sealing, so that a pipeline can be made while the store is behind or does not run.
	arrivedTimeout = 5 * time.Second
	// arrivedPause is the time between two looks. The watermark in the metadata is asked, since another process may seal.
	arrivedPause = 20 * time.Millisecond
)

// arrived waits until everything is sealed that the log held when it was called, or for arrivedTimeout. Pipelines export what is sealed, so
// without it one that is made right behind an import would find nothing, and a daily one look again the next day.
func (n *Node) arrived(ctx context.Context) error {
	if n.events == nil {
		return nil
	}
	last, err := n.events.Last(ctx)
	if err != nil {
		return fmt.Errorf("asking the log for its end: %w", err)
	}
	for end := time.Now().Add(arrivedTimeout); time.Now().Before(end); {
		sealed, err := n.store.Sealed(ctx)
		if err != nil || sealed >= last {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(arrivedPause):
		}
	}
	return nil
}
