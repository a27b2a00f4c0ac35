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

func TestPipelinesWithTheSameRolesAreKnownToEachOther(t *testing.T) {
	of := func(id, s3, glue string, state pipeline.State) *pipeline.Pipeline {
		return &pipeline.Pipeline{Definition: pipeline.Definition{ID: id, State: state, Spec: pipeline.Spec{Name: "name of " + id, S3: pipeline.S3{Role: s3}, Glue: pipeline.Glue{Role: glue}}}}
	}
	a, none := of("a", "s3", "glue", ""), of("n", "", "", "")
	all := []*pipeline.Pipeline{a, of("b", "s3", "other", ""), of("c", "other", "s3", ""), of("d", "other", "others", ""), of("e", "s3", "", pipeline.Cancelled), none}
	require.Equal(t, []string{"name of b", "name of c"}, sharing(&a.Definition, all))
	require.Empty(t, sharing(&none.Definition, all), "no role is nobody's")
	require.Empty(t, planned(7, all))
	require.Equal(t, []string{"name of p"}, planned(7, append(all, of("p", "arn:aws:iam::123456789012:role/refract-7-s3", "", ""))), "a role to be created would have that name")
}
