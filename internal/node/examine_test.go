package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/config"
)

func TestAPipelinesSettingsNameItsTables(t *testing.T) {
	x := &examiner{&destinations{config: config.Destination{Region: "eu-west-1"}}}
	spec := func(change func(*pipeline.Spec)) *grant.Settings {
		d := &pipeline.Definition{Spec: pipeline.Spec{
			Name: "p", Type: pipeline.TypeJSON, Source: pipeline.Events, Table: "mp_master_event",
			S3: pipeline.S3{Bucket: "lake", Prefix: "a"}, Glue: pipeline.Glue{Use: true, Database: "mixpanel", Region: "eu-central-1", TablePrefix: "app_"},
		}}
		change(&d.Spec)
		s := &grant.Settings{Project: 7, ExternalID: "token"}
		x.describe(s, d)
		require.NoError(t, s.Check())
		return s
	}
	s := spec(func(*pipeline.Spec) {})
	require.Equal(t, []string{"app_mp_master_event"}, s.Glue.Tables)
	require.Equal(t, "eu-west-1", s.S3.Region, "the configured region is for pipelines that name none")
	require.Equal(t, "eu-central-1", s.Glue.Region)
	require.Nil(t, s.Redshift)
	s = spec(func(s *pipeline.Spec) { s.Glue.Region, s.Glue.Role = "", "arn:aws:iam::123456789012:role/glue" })
	require.Equal(t, "eu-west-1", s.Glue.Region, "the configured region is for roles that name none")
	schematized := func(source pipeline.Source, schema pipeline.SchemaType) []string {
		return spec(func(s *pipeline.Spec) { s.Type, s.Source, s.SchemaType, s.Table = pipeline.TypeAWS, source, schema, "" }).Glue.Tables
	}
	require.Equal(t, []string{"app_mp_master_event"}, schematized(pipeline.Events, pipeline.Monoschema))
	require.Equal(t, []string{"app_*"}, schematized(pipeline.Events, pipeline.Multischema))
	require.Equal(t, []string{"app_mp_people_data", "app_mp_identity_mappings_data"}, schematized(pipeline.People, ""))
	s = spec(func(s *pipeline.Spec) {
		s.S3.Region, s.Glue, s.Redshift = "us-east-1", pipeline.Glue{}, pipeline.Redshift{Workgroup: "wg", Database: "dev", Schema: "s"}
	})
	require.Nil(t, s.Glue)
	require.Equal(t, "us-east-1", s.Redshift.Region)
}

// A bucket at MinIO with the catalog of this installation: nothing in AWS Glue is anybody's business then.
func TestACatalogOfThisInstallationNeedsNothingOfGlue(t *testing.T) {
	x := &examiner{&destinations{config: config.Destination{Region: "eu-west-1"}}}
	s := &grant.Settings{Project: 7, ExternalID: "token"}
	x.describe(s, &pipeline.Definition{Spec: pipeline.Spec{
		Name: "p", Type: pipeline.TypeJSON, Source: pipeline.Events, Table: "mp_master_event",
		S3: pipeline.S3{Bucket: "lake", Region: "us-east-1", Endpoint: "http://minio:9000"}, Glue: pipeline.Glue{Use: true, Database: "mp_7"},
	}})
	require.Nil(t, s.Glue)
	require.NoError(t, s.Check())
	require.NoError(t, s.CheckAccounts(), "no document names a catalog whose account is not known")
}
