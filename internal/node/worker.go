package node

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/export/pipeline"
)

// workerOwner names this process's worker in leases. The data folder's lock makes sure that there is only one, so a restart takes up
// at once what it left.
const workerOwner = "embedded"

// runWorker runs the store and the pipelines. Runs that the last process left open pin their segments before the store begins to merge.
func (n *Node) runWorker(ctx context.Context, g *errgroup.Group) error {
	cfg := pipeline.Config{
		Store: n.pipelines, Reader: n.store, Destinations: n.destinations, Projects: n.projects, Attacher: n.newAttacher(),
		Logger: n.log, Runs: n.cfg.Pipeline.Concurrency, Poll: n.cfg.Pipeline.Interval,
	}
	if n.cfg.Meta.URL == "" {
		cfg.Owner = workerOwner
	}
	worker := pipeline.NewWorker(cfg)
	if err := worker.Recover(ctx); err != nil {
		return fmt.Errorf("taking up the pipelines' runs: %w", err)
	}
	g.Go(func() error { return n.store.Run(ctx) })
	g.Go(func() error { return worker.Run(ctx) })
	return nil
}
