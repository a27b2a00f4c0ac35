package node

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/awsglue"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/s3bucket"
	"github.com/refract-io/refract/internal/platform/config"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// newTestDestinations returns destinations over an empty database, with a project 7.
func newTestDestinations(t *testing.T, c config.Destination) *destinations {
	t.Helper()
	db, err := meta.Open(t.Context(), filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	projects := project.NewRegistry(db)
	_, _, err = projects.Create(t.Context(), project.Spec{ID: 7, Name: "shop"})
	require.NoError(t, err)
	lake, err := bucket.OpenLocal("lake", t.TempDir())
	require.NoError(t, err)
	return &destinations{
		config: c, lakeName: "lake", lake: lake, catalog: catalog.Open(db), projects: projects, store: pipeline.NewStore(db, projects),
		roles: assume.New(assume.Options{Endpoint: c.EndpointURL, Load: func(context.Context) (aws.Config, error) {
			return aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKIAX", "s", "")}, nil
		}}),
		log: slog.New(slog.DiscardHandler), open: map[string]opened{}, named: map[string]named{},
	}
}

// nowhere is an address where nothing listens, so that the sweep of uploads ends at once.
const nowhere = "http://127.0.0.1:1"

func definition(s3 pipeline.S3, glue pipeline.Glue) *pipeline.Definition {
	return &pipeline.Definition{ID: "p1", Spec: pipeline.Spec{Project: 7, Name: "daily", S3: s3, Glue: glue}}
}

func TestAPipelineWithoutRegionRoleAndEndpointWritesToTheLake(t *testing.T) {
	x := newTestDestinations(t, config.Destination{PathStyle: "auto", EndpointURL: nowhere})
	d := definition(pipeline.S3{Bucket: "lake"}, pipeline.Glue{Use: true, Database: "mixpanel"})
	b, err := x.Bucket(t.Context(), d)
	require.NoError(t, err)
	require.Same(t, x.lake, b)
	c, err := x.Catalog(t.Context(), d)
	require.NoError(t, err)
	require.Same(t, x.catalog, c)
	d.Glue.Use = false
	c, err = x.Catalog(t.Context(), d)
	require.NoError(t, err)
	require.Nil(t, c)
}

func TestAnUnknownBucketIsASetupError(t *testing.T) {
	x := newTestDestinations(t, config.Destination{PathStyle: "auto"})
	_, err := x.Bucket(t.Context(), definition(pipeline.S3{Bucket: "other"}, pipeline.Glue{}))
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	require.ErrorContains(t, err, "use lake, the one of lake.bucket, or name the region")
}

func TestAPipelineThatNamesARegionGetsItsOwnClientUntilItsDefinitionChanges(t *testing.T) {
	x := newTestDestinations(t, config.Destination{PathStyle: "auto"})
	x.roles = assume.New(assume.Options{Endpoint: nowhere, Load: func(context.Context) (aws.Config, error) {
		return aws.Config{Credentials: credentials.NewStaticCredentialsProvider("AKIAX", "s", ""), Retryer: func() aws.Retryer { return aws.NopRetryer{} }}, nil
	}})
	d := definition(pipeline.S3{Bucket: "other", Region: "eu-central-1"}, pipeline.Glue{Use: true, Region: "eu-central-1", Database: "mixpanel"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nothing is asked of the network
	first, err := x.Bucket(ctx, d)
	require.NoError(t, err)
	require.IsType(t, &s3bucket.Bucket{}, first)
	again, err := x.Bucket(ctx, d)
	require.NoError(t, err)
	require.Same(t, first, again)

	edited := *d
	edited.S3.Encryption = pipeline.EncryptionAES
	changed, err := x.Bucket(ctx, &edited)
	require.NoError(t, err)
	require.NotSame(t, first, changed)

	c, err := x.Catalog(ctx, d)
	require.NoError(t, err)
	require.IsType(t, &awsglue.Client{}, c)
}

func TestOptionsOfABucketFollowPipelineAndConfiguration(t *testing.T) {
	address := "https://minio.example.com"
	for name, c := range map[string]struct {
		config, endpoint string
		pipeline, want   bool
	}{
		"at AWS the host has the name":               {"auto", "", false, false},
		"elsewhere the path":                         {"auto", address, false, true},
		"unless the configuration wants the host's":  {"false", address, false, false},
		"or the pipeline the path":                   {"false", address, true, true},
		"the configuration may want it for AWS, too": {"true", "", false, true},
	} {
		x := &destinations{config: config.Destination{PathStyle: c.config}}
		o := x.options(&pipeline.S3{Bucket: "b", Endpoint: c.endpoint, PathStyle: c.pipeline, Encryption: pipeline.EncryptionKMS, KMSKey: "k"}, aws.Config{})
		require.Equal(t, c.want, o.PathStyle, name)
		require.Equal(t, s3bucket.SSEKMS, o.Encryption)
		require.Equal(t, "k", o.KMSKey)
	}
}

func TestARoleIsAssumedWithTheProjectsToken(t *testing.T) {
	x := newTestDestinations(t, config.Destination{Region: "us-west-2"})
	p, err := x.projects.ByID(t.Context(), 7)
	require.NoError(t, err)
	role, err := x.role(t.Context(), definition(pipeline.S3{}, pipeline.Glue{}), "arn:aws:iam::123456789012:role/r", "")
	require.NoError(t, err)
	require.Equal(t, assume.Role{ARN: "arn:aws:iam::123456789012:role/r", ExternalID: p.Token, Region: "us-west-2", Session: "refract-7-daily"}, role)
}

func TestReadersFindABucketByTheNameThatAPipelineGivesIt(t *testing.T) {
	x := newTestDestinations(t, config.Destination{PathStyle: "auto", Region: "us-east-1"})
	_, err := x.byName("customer")
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	b, err := x.byName("lake")
	require.NoError(t, err)
	require.Same(t, x.lake, b)
}
