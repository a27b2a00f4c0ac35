package doctor_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/awsglue"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
)

// The policies are proven against a list of what the exporter does. This is the proof of the list: the exporter's own code publishes
// a table, new columns, and partitions that move, with the narrowed policy; and with any action of it gone it can't.
func TestThePublisherNeedsTheNarrowedGluePolicyAndNoMore(t *testing.T) {
	s := narrow(func(s *grant.Settings) { s.WithoutDoctor = true })
	require.NoError(t, publish(t, s.Roles(grant.Narrowed)))
	for _, action := range actionsOf(s.Roles(grant.Narrowed), grant.UseGlue, "refract-glue") {
		err := publish(t, withoutAction(s.Roles(grant.Narrowed), grant.UseGlue, action))
		require.Error(t, err, action)
	}
}

func TestThePublisherGetsByWithTheGuidesGluePolicy(t *testing.T) {
	s := narrow()
	require.NoError(t, publish(t, s.Roles(grant.Documented)), "partitions move without BatchUpdatePartition, which the guides leave out")
	err := publish(t, withoutAction(s.Roles(grant.Documented), grant.UseGlue, "glue:UpdatePartition"))
	require.ErrorIs(t, err, catalog.ErrAccessDenied)
	require.ErrorContains(t, err, "glue:BatchUpdatePartition", "the batch is what is asked for")
}

// publish does all that runs of a pipeline do to the catalog. A table without partitions is an error here.
func publish(t *testing.T, roles []grant.Role) error {
	ctx, c := t.Context(), newCloud(t, roles)
	cfg, err := c.roles.Config(ctx, assume.Role{ARN: role("glue"), ExternalID: token, Region: region, Session: "refract-7"})
	require.NoError(t, err)
	client := awsglue.New(cfg, "")
	table := lake.Table{
		Database: "mixpanel", Name: "mp_master_event", Root: "s3://lake/mixpanel/7/mp_master_event/", Location: "s3://lake/mixpanel/7/mp_master_event/",
		Columns: []catalog.Column{{Name: "event_name", Type: "string"}}, Partitioned: true, Format: lake.JSON,
	}
	day, err := event.ParseDay("2026-11-26")
	require.NoError(t, err)
	for _, version := range []string{"a", "b"} {
		table.Columns = append(table.Columns, catalog.Column{Name: version, Type: "string"})
		unpartitioned, err := lake.NewPublisher(time.Now).PublishPartitions(ctx, client, table, []lake.Partition{{Day: day, Location: table.Root + "2026/11/26/" + version + "/"}})
		if err != nil {
			return err
		}
		if unpartitioned {
			return catalog.ErrAccessDenied
		}
	}
	return nil
}
