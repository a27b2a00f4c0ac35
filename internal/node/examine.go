package node

import (
	"cmp"
	"context"
	"errors"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/doctor"
	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/project"
)

// examiner is control's AWS: it reads pipelines, and examines accounts as the destinations of pipelines are reached.
type examiner struct{ *destinations }

// Settings implements control.AWS.
func (x *examiner) Settings(ctx context.Context, p *project.Project, name string) (*grant.Settings, error) {
	s := &grant.Settings{Project: p.ID, ExternalID: p.Token}
	if name == "" {
		return s, nil
	}
	found, err := x.store.Find(ctx, p.ID, name)
	if errors.Is(err, pipeline.ErrNotFound) {
		return nil, fault.New(fault.Setup, "finding pipeline", name, err, "see `refract pipeline list`")
	}
	if err != nil {
		return nil, err
	}
	d := &found.Definition
	if s3 := &d.S3; s3.Bucket == x.lakeName && s3.Region == "" && s3.Role == "" && s3.Endpoint == "" {
		return nil, fault.New(fault.Setup, "looking at pipeline", name, errors.New("it writes to this installation's own lake and needs nothing of AWS"),
			"leave the name out and give flags such as --s3-bucket to plan another")
	}
	x.describe(s, d)
	return s, nil
}

// describe puts the definition's settings in, and the configuration's where it has none.
func (x *examiner) describe(s *grant.Settings, d *pipeline.Definition) {
	s.Pipeline, s.Schematized = d.Name, d.Type == pipeline.TypeAWS
	region := x.region(d.S3.Region)
	if region == "" && d.S3.Endpoint != "" {
		region = assume.DefaultRegion
	}
	s.S3 = grant.S3{
		Bucket: d.S3.Bucket, Prefix: d.S3.Prefix, Region: region, Role: d.S3.Role, Encryption: string(d.S3.Encryption), KMSKey: d.S3.KMSKey,
		Endpoint: d.S3.Endpoint, PathStyle: d.S3.PathStyle || x.config.PathStyle == "true",
	}
	// Of a pipeline that names neither a region nor a role for Glue the catalog is this installation's own (destinations.Catalog), which no
	// policy of an account is about.
	if g := &d.Glue; g.Use && !g.Embedded() {
		s.Glue = &grant.Glue{Database: g.Database, Region: x.region(cmp.Or(g.Region, d.S3.Region)), Role: g.Role, CatalogID: g.CatalogID, Tables: catalogTables(d)}
	}
	if r := &d.Redshift; r.Named() {
		s.Redshift = &grant.Redshift{
			Workgroup: r.Workgroup, Cluster: r.Cluster, DBUser: r.DBUser, SecretARN: r.SecretARN, Database: r.Database,
			Region: x.region(cmp.Or(r.Region, d.Glue.Region, d.S3.Region)), Role: r.Role, Schema: r.Schema,
		}
	}
}

// region is what clients use for a service whose region is not named.
func (x *examiner) region(named string) string {
	if x.config.EndpointURL != "" {
		return cmp.Or(named, x.config.Region, assume.DefaultRegion)
	}
	return cmp.Or(named, x.config.Region)
}

// catalogTables are the tables that the pipeline, and the companion that people have, write; a star stands for the names of events.
func catalogTables(d *pipeline.Definition) []string {
	switch {
	case d.Type != pipeline.TypeAWS:
		return []string{d.CatalogTable(d.Table)}
	case d.SchemaType == pipeline.Multischema:
		return []string{d.CatalogTable("*")}
	case d.Source == pipeline.People:
		return []string{d.CatalogTable(pipeline.People.Table()), d.CatalogTable(pipeline.Identities.Table())}
	}
	return []string{d.CatalogTable(d.Source.Table())}
}

// Examine implements control.AWS.
func (x *examiner) Examine(ctx context.Context, s *grant.Settings, deep bool) *doctor.Report {
	return doctor.New(x.roles, s, deep).Run(ctx, s)
}
