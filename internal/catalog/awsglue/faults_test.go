package awsglue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/awsglue"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/platform/fault"
)

// TestPublicationsConvergeWhateverFails has a service that refuses, breaks off, answers after the effect took place or does half of a
// batch. A publication that is repeated while its error is transient ends with every partition once and where it belongs.
func TestPublicationsConvergeWhateverFails(t *testing.T) {
	config := serve(t, api(t))
	sure := awsglue.New(config, "")
	tables := 0
	rapid.Check(t, func(rt *rapid.T) {
		tables++
		database := fmt.Sprintf("db%d", tables)
		require.NoError(rt, sure.CreateDatabase(t.Context(), catalog.Database{Name: database}))
		proxy := awstest.NewProxy(t, *config.BaseEndpoint, credentials)
		proxy.Random(rapid.Uint64().Draw(rt, "seed"), 0.4, awstest.Unavailable, awstest.SlowDown, awstest.InternalError, awstest.InternalErrorAfter, awstest.Reset,
			awstest.ResetAfter, awstest.CutShort, awstest.ExpiredToken, awstest.Partial)
		unsure := awsglue.New(configOf(proxy.URL, credentials), "")

		table := lake.Table{Database: database, Name: "t", Partitioned: true, Root: "s3://lake/t/", Location: "s3://lake/t/"}
		want := map[string]string{}
		for round := range rapid.IntRange(1, 4).Draw(rt, "publications") {
			table.Columns = append(table.Columns, catalog.Column{Name: fmt.Sprintf("c%d", round), Type: "string"})
			var parts []lake.Partition
			for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 1, 8, rapid.ID[int]).Draw(rt, "days") {
				day := event.Day(i)
				part := lake.Partition{Day: day, Location: fmt.Sprintf("%s%s/%d/", table.Root, day.Path(), round)}
				parts, want[day.String()] = append(parts, part), part.Location
			}
			for {
				_, err := lake.NewPublisher(time.Now).PublishPartitions(t.Context(), unsure, table, parts)
				if err == nil {
					break
				}
				require.Equal(rt, fault.Transient, fault.ClassOf(err), "%v", err)
			}
		}
		got := map[string]string{}
		ps, err := sure.GetPartitions(t.Context(), database, "t", "")
		require.NoError(rt, err)
		for _, p := range ps {
			require.NotContains(rt, got, p.Values[0])
			got[p.Values[0]] = p.StorageDescriptor.Location
		}
		require.Equal(rt, want, got)
		made, err := sure.GetTable(t.Context(), database, "t")
		require.NoError(rt, err)
		require.Equal(rt, table.Columns, made.StorageDescriptor.Columns)
	})
}
