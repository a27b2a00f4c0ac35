package node

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/redshiftdata"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/query/engine"
	"github.com/refract-io/refract/internal/warehouse"
)

// The embedded warehouse's database and the external schema that Mixpanel creates (Mixpanel, "Redshift Spectrum", queries).
const (
	sqlDatabase    = "dev"
	externalSchema = "mp_json_export"
)

// attacher shows a pipeline's catalog database to the warehouse: to Redshift, through the Data API and by the pipeline's role, where the
// pipeline names a warehouse; else to the embedded one, if this process has it and the catalog is its own.
type attacher struct {
	engine       *engine.Engine // nil in a process without the query role
	destinations *destinations
	log          *slog.Logger
}

func (n *Node) newAttacher() attacher { return attacher{n.engine, n.destinations, n.log} }

// Attach implements pipeline.Attacher.
func (a attacher) Attach(ctx context.Context, d *pipeline.Definition, database string) error {
	switch {
	case d.Redshift.Named():
		return a.redshift(ctx, d, database)
	case a.engine == nil || !d.Glue.Embedded():
		return nil
	}
	return a.embedded(ctx, database)
}

// embedded attaches the database in this process. The schema of the first catalog database is called as Mixpanel calls it; further
// databases, which belong to other projects, get the database's name behind it.
func (a attacher) embedded(ctx context.Context, database string) error {
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

// redshift attaches the database to the warehouse that the pipeline names. The role that the exporter assumes is also the one that Redshift
// reads with, as on Mixpanel's page.
func (a attacher) redshift(ctx context.Context, d *pipeline.Definition, database string) error {
	r := &d.Redshift
	catalogRegion := cmp.Or(d.Glue.Region, d.S3.Region)
	role, err := a.destinations.role(ctx, d, r.Role, cmp.Or(r.Region, catalogRegion))
	if err != nil {
		return err
	}
	cfg, err := a.destinations.roles.Config(ctx, role)
	if err != nil {
		return err
	}
	client := warehouse.New(redshiftdata.NewFromConfig(cfg), warehouse.Target{
		Workgroup: r.Workgroup, Cluster: r.Cluster, Database: r.Database, DBUser: r.DBUser, SecretARN: r.SecretARN,
	})
	schema := warehouse.Schema{
		Name: cmp.Or(r.Schema, externalSchema), Database: database, Region: cmp.Or(catalogRegion, cfg.Region), Role: r.Role, GrantUsage: r.GrantUsage,
	}
	if tables := catalogTables(d); !strings.Contains(tables[0], "*") {
		schema.Table = tables[0]
	}
	got, err := client.Attach(ctx, schema)
	if err != nil {
		return err
	}
	a.log.Info("the warehouse reads the catalog", "pipeline", d.Name, "warehouse", r.Workgroup+r.Cluster, "schema", schema.Name,
		"created", got.Created, "tables", got.Tables, "table", got.Table, "rows_seen", got.Rows)
	return nil
}
