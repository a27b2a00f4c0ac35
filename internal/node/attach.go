package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
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
	pipelines    *pipeline.Store
	// own says that the Data API that pipelines attach through is this installation's, so that a warehouse they name is the embedded one.
	own bool
	log *slog.Logger
}

func (n *Node) newAttacher() attacher {
	return attacher{n.engine, n.destinations, n.pipelines, isOwn(n.cfg.Destination.EndpointURL, n.cfg.AWS.Listen), n.log}
}

// isOwn reports whether the address of the services that destinations are at is that of this installation's own endpoint, by its port
// and by any name of this machine's loopback.
func isOwn(endpointURL, listen string) bool {
	u, err := url.Parse(endpointURL)
	if err != nil || endpointURL == "" {
		return false
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port != cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme]) {
		return false
	}
	return u.Hostname() == host || isLoopback(u.Hostname()) && (isLoopback(host) || net.ParseIP(host).IsUnspecified() || host == "")
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// Attach implements pipeline.Attacher.
func (a attacher) Attach(ctx context.Context, d *pipeline.Definition, database string) (*pipeline.Attachment, error) {
	switch {
	case d.Redshift.Named():
		return a.redshift(ctx, d, database)
	case a.engine == nil || !d.Glue.Embedded():
		return nil, nil
	}
	return a.embedded(ctx, d, database)
}

// embedded attaches the database in this process.
func (a attacher) embedded(ctx context.Context, d *pipeline.Definition, database string) (*pipeline.Attachment, error) {
	schemas, err := a.engine.Schemas(ctx, sqlDatabase)
	if err != nil {
		return nil, fmt.Errorf("listing external schemas: %w", err)
	}
	pipelines, err := a.pipelines.List(ctx, 0)
	if err != nil {
		return nil, err
	}
	name := schemaName(schemas, pipelines, database, a.own)
	if err := a.engine.AttachSchema(ctx, sqlDatabase, name, database); err != nil {
		return nil, err
	}
	return a.read(ctx, name, namedTable(d))
}

// schemaName returns the external schema for a catalog database. That of the oldest pipeline, whichever is attached first, is called as Mixpanel calls it;
// others get the database's name behind it. A database that has a schema of either name keeps it. own says that warehouses which pipelines name are
// the embedded one: such a pipeline has its place among the others, also while it waits for its GRANT.
func schemaName(schemas []*engine.ExternalSchema, pipelines []*pipeline.Pipeline, database string, own bool) string {
	further := externalSchema + "_" + strings.ToLower(database)
	for _, s := range schemas {
		if (s.Name == externalSchema || s.Name == further) && strings.EqualFold(s.GlueDatabase, database) {
			return s.Name
		}
	}
	if slices.ContainsFunc(schemas, func(s *engine.ExternalSchema) bool { return s.Name == externalSchema }) {
		return further
	}
	for _, p := range pipelines {
		if p.State != pipeline.Cancelled && takesSchema(p, own) {
			if !strings.EqualFold(p.Glue.Database, database) {
				return further
			}
			break
		}
	}
	return externalSchema
}

// takesSchema reports whether a pipeline is one whose database the embedded warehouse is to show as mp_json_export.
func takesSchema(p *pipeline.Pipeline, own bool) bool {
	if r := &p.Redshift; r.Named() {
		return own && p.Glue.Use && strings.EqualFold(r.Database, sqlDatabase) && strings.EqualFold(cmp.Or(r.Schema, externalSchema), externalSchema)
	}
	return p.Glue.Embedded()
}

// read looks at an external schema of the embedded warehouse as its readers do: at its tables, and at a row of the one named or, if it has none of
// the name, of the first. A schema without tables is no failure here, where nothing but the catalog decides what it shows.
func (a attacher) read(ctx context.Context, schema, table string) (_ *pipeline.Attachment, err error) {
	session, err := a.engine.Session(ctx, sqlAdmin, sqlDatabase)
	if err != nil {
		return nil, fmt.Errorf("connecting to look at the external schema %s: %w", schema, err)
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	tables, err := firstColumn(ctx, session, "SELECT tablename FROM svv_external_tables WHERE schemaname = $1 ORDER BY 1", &schema)
	if err != nil {
		return nil, fmt.Errorf("listing the tables of the external schema %s: %w", schema, err)
	}
	seen := &pipeline.Attachment{Schema: schema, User: sqlAdmin, Tables: len(tables)}
	if len(tables) == 0 {
		return seen, nil
	}
	seen.Table = tables[max(0, slices.IndexFunc(tables, func(name string) bool { return strings.EqualFold(name, table) }))]
	rows, err := firstColumn(ctx, session, "SELECT 1 FROM "+warehouse.Identifier(schema)+"."+warehouse.Identifier(seen.Table)+" LIMIT 1")
	if err != nil {
		return nil, fmt.Errorf("reading the external table %s.%s: %w", schema, seen.Table, err)
	}
	seen.Rows = int64(len(rows))
	return seen, nil
}

// firstColumn returns the texts of a query's first column, which has no NULLs.
func firstColumn(ctx context.Context, session *engine.Session, sql string, parameters ...*string) (texts []string, err error) {
	result, err := session.Execute(ctx, sql, parameters...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	for {
		chunk, err := result.Next(ctx)
		if err != nil || chunk == nil {
			return texts, err
		}
		for i := range chunk.Len() {
			texts = append(texts, string(chunk.AppendText(nil, 0, i)))
		}
	}
}

// namedTable is the catalog table of a definition, or the first of them; empty if its events name them.
func namedTable(d *pipeline.Definition) string {
	if table := catalogTables(d)[0]; !strings.Contains(table, "*") {
		return table
	}
	return ""
}

// redshift attaches the database to the warehouse that the pipeline names. The role that the exporter assumes is also the one that Redshift
// reads with, as on Mixpanel's page.
func (a attacher) redshift(ctx context.Context, d *pipeline.Definition, database string) (*pipeline.Attachment, error) {
	r := &d.Redshift
	catalogRegion := cmp.Or(d.Glue.Region, d.S3.Region)
	role, err := a.destinations.role(ctx, d, r.Role, cmp.Or(r.Region, catalogRegion))
	if err != nil {
		return nil, err
	}
	cfg, err := a.destinations.roles.Config(ctx, role)
	if err != nil {
		return nil, err
	}
	client := warehouse.New(redshiftdata.NewFromConfig(cfg), warehouse.Target{
		Workgroup: r.Workgroup, Cluster: r.Cluster, Database: r.Database, DBUser: r.DBUser, SecretARN: r.SecretARN,
	})
	schema := warehouse.Schema{
		Name: cmp.Or(r.Schema, externalSchema), Database: database, Region: cmp.Or(catalogRegion, cfg.Region), Role: r.Role, GrantUsage: r.GrantUsage,
		Table: namedTable(d),
	}
	got, err := client.Attach(ctx, schema)
	if err != nil {
		return nil, err
	}
	a.log.Info("the warehouse reads the catalog", "pipeline", d.Name, "warehouse", r.Workgroup+r.Cluster, "schema", schema.Name,
		"created", got.Created, "tables", got.Tables, "table", got.Table, "rows_seen", got.Rows)
	return &pipeline.Attachment{Schema: schema.Name, User: got.User, Tables: got.Tables, Table: got.Table, Rows: got.Rows}, nil
}
