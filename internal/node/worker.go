package node

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/query/engine"
)

// workerOwner names this process's worker in leases. The data folder's lock makes sure that there is only one, so a restart takes up
// at once what it left.
const workerOwner = "embedded"

// runWorker runs the store and the pipelines. Runs that the last process left open pin their segments before the store begins to merge.
func (n *Node) runWorker(ctx context.Context, g *errgroup.Group) error {
	cfg := pipeline.Config{
		Store: n.pipelines, Reader: n.store, Destinations: n.destinations, Projects: n.projects,
		Logger: n.log, Runs: n.cfg.Pipeline.Concurrency, Poll: n.cfg.Pipeline.Interval,
	}
	if n.cfg.Meta.URL == "" {
		cfg.Owner = workerOwner
	}
	if n.engine != nil {
		cfg.Attacher = attacher{n.engine}
	}
	worker := pipeline.NewWorker(cfg)
	if err := worker.Recover(ctx); err != nil {
		return fmt.Errorf("taking up the pipelines' runs: %w", err)
	}
	g.Go(func() error { return n.store.Run(ctx) })
	g.Go(func() error { return worker.Run(ctx) })
	return nil
}

// The embedded warehouse's database and the external schema that Mixpanel creates (Mixpanel, "Redshift Spectrum", queries).
const (
	sqlDatabase    = "dev"
	externalSchema = "mp_json_export"
)

// attacher shows a catalog database to the embedded warehouse.
type attacher struct{ engine *engine.Engine }

// Attach implements pipeline.Attacher. The schema of the first catalog database is called as Mixpanel calls it; further databases, which
// belong to other projects, get the database's name behind it.
func (a attacher) Attach(ctx context.Context, _ *pipeline.Definition, database string) error {
	schemas, err := a.engine.Schemas(ctx, sqlDatabase)
	if err != nil {
		return fmt.Errorf("listing external schemas: %w", err)
	}
	name := externalSchema
	for _, s := range schemas {
		if s.Name == externalSchema && !strings.EqualFold(s.GlueDatabase, database) {
			name = externalSchema + "_" + strings.ToLower(database)
		}
	}
	return a.engine.AttachSchema(ctx, sqlDatabase, name, database)
}
