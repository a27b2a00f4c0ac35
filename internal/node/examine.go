package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	all, err := x.store.List(ctx, p.ID)
	if err != nil {
		return nil, fmt.Errorf("looking for pipelines with the same roles: %w", err)
	}
	if name == "" {
		s.SharedWith = planned(p.ID, all)
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
	s.SharedWith = sharing(d, all)
	return s, nil
}

// sharing are the names of the other pipelines that have one of the definition's roles.
func sharing(d *pipeline.Definition, all []*pipeline.Pipeline) []string {
	own := rolesOf(d)
	return having(all, func(other *pipeline.Definition, role string) bool {
		return other.ID != d.ID && slices.Contains(own, role)
	})
}

// planned are the names of the pipelines that have a role of the name that one of a pipeline to be created would have.
func planned(project int64, all []*pipeline.Pipeline) []string {
	names := []string{grant.RoleName(project, grant.UseS3), grant.RoleName(project, grant.UseGlue), grant.RoleName(project, grant.UseRedshift)}
	return having(all, func(_ *pipeline.Definition, role string) bool {
		return slices.Contains(names, role[strings.LastIndexByte(role, '/')+1:])
	})
}

// having are the names of the pipelines that have such a role and still run.
func having(all []*pipeline.Pipeline, such func(d *pipeline.Definition, role string) bool) []string {
	var names []string
	for _, p := range all {
		d := &p.Definition
		if d.State != pipeline.Cancelled && slices.ContainsFunc(rolesOf(d), func(role string) bool { return such(d, role) }) {
			names = append(names, d.Name)
		}
	}
	return names
}

// rolesOf are the ARNs of the roles that the definition names.
func rolesOf(d *pipeline.Definition) []string {
	return slices.DeleteFunc([]string{d.S3.Role, d.Glue.Role, d.Redshift.Role}, func(role string) bool { return role == "" })
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
			Region: x.region(cmp.Or(r.Region, d.Glue.Region, d.S3.Region)), Role: r.Role, Schema: r.Schema, Readers: r.GrantUsage,
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
