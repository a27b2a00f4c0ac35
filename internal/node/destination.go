package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/awsglue"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/s3bucket"
	"github.com/refract-io/refract/internal/platform/config"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/project"
)

const (
	// uploadAge is the age at which an incomplete upload of a pipeline is taken for the leaving of a process that was killed. No attempt
	// at a run lasts as long.
	uploadAge = 24 * time.Hour
	// sweepTimeout bounds the look for such uploads.
	sweepTimeout = 30 * time.Second
	// namedFor is how long the answer is kept, which pipeline's way to a bucket serves readers that know only its name.
	namedFor = 10 * time.Second
)

// destinations opens what pipelines write to: the installation's own lake and catalog for those that name no region, role or endpoint,
// and S3 and Glue, by the roles they name, for the others. Clients are kept for each pipeline until its definition changes.
type destinations struct {
	config   config.Destination
	lakeName string
	lake     *bucket.Local
	catalog  *catalog.Embedded
	projects *project.Registry
	store    *pipeline.Store
	roles    *assume.Roles
	log      *slog.Logger

	mu    sync.Mutex
	open  map[string]opened // by pipeline
	named map[string]named  // by bucket
}

// opened is a pipeline's bucket with what it was opened for.
type opened struct {
	s3     pipeline.S3
	role   assume.Role
	bucket *s3bucket.Bucket
}

type named struct {
	bucket bucket.Bucket
	until  time.Time
}

// newDestinations returns the destinations that the configuration allows.
func (n *Node) newDestinations() *destinations {
	return &destinations{
		config: n.cfg.Destination, lakeName: n.cfg.Lake.Bucket, lake: n.lake, catalog: n.catalog, projects: n.projects, store: n.pipelines,
		roles: assume.New(assume.Options{Endpoint: n.cfg.Destination.EndpointURL, AnswerTimeout: n.cfg.Destination.AnswerTimeout}), log: n.log,
		open: map[string]opened{}, named: map[string]named{},
	}
}

// Bucket implements pipeline.Destinations.
func (x *destinations) Bucket(ctx context.Context, d *pipeline.Definition) (bucket.Bucket, error) {
	if d.S3.Region == "" && d.S3.Role == "" && d.S3.Endpoint == "" {
		if d.S3.Bucket == x.lakeName {
			return x.lake, nil
		}
		if x.config.Region == "" && x.config.EndpointURL == "" {
			return nil, fault.New(fault.Setup, "opening bucket", d.S3.Bucket, errors.New("there is no such bucket"),
				"use "+x.lakeName+", the one of lake.bucket, or name the region of a bucket in Amazon S3")
		}
	}
	role, err := x.role(ctx, d, d.S3.Role, d.S3.Region)
	if err != nil {
		return nil, err
	}
	role.Elsewhere = d.S3.Endpoint != ""
	x.mu.Lock()
	known := x.open[d.ID]
	x.mu.Unlock()
	if known.bucket != nil && known.s3 == d.S3 && known.role == role {
		return known.bucket, nil
	}
	cfg, err := x.roles.Config(ctx, role)
	if err != nil {
		return nil, err
	}
	b := s3bucket.New(cfg, x.options(&d.S3, cfg))
	x.mu.Lock()
	x.open[d.ID] = opened{d.S3, role, b}
	x.mu.Unlock()
	if known.bucket == nil {
		x.sweep(ctx, d, b)
	}
	return b, nil
}

// options say how the pipeline's bucket is used. Servers that stand in for AWS rarely have a name for each bucket, so that they get
// the bucket's name in the path unless the configuration says otherwise.
func (x *destinations) options(s *pipeline.S3, cfg aws.Config) s3bucket.Options {
	o := s3bucket.Options{Bucket: s.Bucket, Endpoint: s.Endpoint, KMSKey: s.KMSKey, Log: x.log}
	custom := s.Endpoint != "" || cfg.BaseEndpoint != nil
	o.PathStyle = s.PathStyle || x.config.PathStyle == "true" || x.config.PathStyle == "auto" && custom
	switch s.Encryption {
	case pipeline.EncryptionAES:
		o.Encryption = s3bucket.SSES3
	case pipeline.EncryptionKMS:
		o.Encryption = s3bucket.SSEKMS
	}
	return o
}

// role returns the credentials for a service of a pipeline. The external id is the project's token (Mixpanel, "AWS S3 export").
func (x *destinations) role(ctx context.Context, d *pipeline.Definition, arn, region string) (assume.Role, error) {
	r := assume.Role{ARN: arn, Region: region}
	if r.Region == "" {
		r.Region = x.config.Region
	}
	if arn == "" {
		return r, nil
	}
	p, err := x.projects.ByID(ctx, d.Project)
	if err != nil {
		return r, fmt.Errorf("reading the token of project %d: %w", d.Project, err)
	}
	r.ExternalID, r.Session = p.Token, assume.SessionName(d.Project, d.Name)
	return r, nil
}

// sweep aborts the incomplete uploads that earlier processes have left. It is housekeeping: it never fails a run, and roles that may
// not list uploads are many.
func (x *destinations) sweep(ctx context.Context, d *pipeline.Definition, b *s3bucket.Bucket) {
	ctx, done := context.WithTimeout(ctx, sweepTimeout)
	defer done()
	folder := lake.Layout{Prefix: d.S3.Prefix, Project: d.Project}.TableDir()
	n, err := b.AbortUploads(ctx, folder, uploadAge, func(key string) bool { return strings.Contains(key, d.ID) })
	switch {
	case fault.ClassOf(err) == fault.Setup:
		x.log.Debug("incomplete uploads cannot be looked for: give the bucket a lifecycle rule AbortIncompleteMultipartUpload", "pipeline", d.Name, "error", err)
	case err != nil:
		x.log.Warn("looking for incomplete uploads failed", "pipeline", d.Name, "error", err)
	case n > 0:
		x.log.Info("aborted incomplete uploads of a process that was killed", "pipeline", d.Name, "uploads", n)
	}
}

// Catalog implements pipeline.Destinations: Glue's if the pipeline names a region or a role for it, the embedded one if not, and none
// for pipelines that only write objects.
func (x *destinations) Catalog(ctx context.Context, d *pipeline.Definition) (catalog.Catalog, error) {
	switch {
	case !d.Glue.Use:
		return nil, nil
	case d.Glue.Embedded():
		return x.catalog, nil
	}
	role, err := x.role(ctx, d, d.Glue.Role, d.Glue.Region)
	if err != nil {
		return nil, err
	}
	cfg, err := x.roles.Config(ctx, role)
	if err != nil {
		return nil, err
	}
	return awsglue.New(cfg, d.Glue.CatalogID), nil
}

// byName opens a bucket for readers that know it by its address: the lake, or the bucket of a pipeline that writes to one of the name.
func (x *destinations) byName(name string) (bucket.Bucket, error) {
	if name == x.lakeName {
		return x.lake, nil
	}
	x.mu.Lock()
	known := x.named[name]
	x.mu.Unlock()
	if time.Now().Before(known.until) {
		return known.bucket, nil
	}
	ctx, done := context.WithTimeout(context.Background(), sweepTimeout)
	defer done()
	all, err := x.store.List(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("looking for a pipeline that writes to bucket %s: %w", name, err)
	}
	var of *pipeline.Definition
	for _, p := range all {
		if p.S3.Bucket == name && (of == nil || of.State == pipeline.Cancelled) {
			of = &p.Definition
		}
	}
	if of == nil {
		return nil, fault.New(fault.Setup, "opening bucket", name, errors.New("no pipeline writes to it"), "use "+x.lakeName+", the one of lake.bucket, or a bucket that a pipeline writes to")
	}
	b, err := x.Bucket(ctx, of)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	x.named[name] = named{b, time.Now().Add(namedFor)}
	x.mu.Unlock()
	return b, nil
}
