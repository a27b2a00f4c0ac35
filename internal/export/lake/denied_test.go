package lake

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/golden"
)

// limited is a catalog whose role may not make some calls.
type limited struct {
	*counting
	denied map[string]bool
}

func (l limited) deny(action string) error {
	if !l.denied[action] {
		return nil
	}
	return fault.New(fault.Setup, "calling", "", &catalog.Error{Code: catalog.ErrAccessDenied,
		Message: "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: glue:" + action}, "allow it")
}

func (l limited) GetPartitions(ctx context.Context, database, table, expression string) ([]*catalog.Partition, error) {
	if err := l.deny("GetPartitions"); err != nil {
		return nil, err
	}
	return l.counting.GetPartitions(ctx, database, table, expression)
}

func (l limited) BatchCreatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	if err := l.deny("BatchCreatePartition"); err != nil {
		return err
	}
	return l.counting.BatchCreatePartition(ctx, database, table, ps)
}

func (l limited) BatchUpdatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	if err := l.deny("BatchUpdatePartition"); err != nil {
		return err
	}
	return l.counting.BatchUpdatePartition(ctx, database, table, ps)
}

func TestARoleThatMayNotWorkOnPartitionsGetsATableWithoutThem(t *testing.T) {
	for _, action := range []string{"GetPartitions", "BatchCreatePartition"} {
		for _, format := range []Format{JSON, Parquet} {
			c, ctx := openCatalog(t), context.Background()
			role := limited{c, map[string]bool{action: true}}
			table := eventTable()
			table.Format = format
			days := []Partition{{1, table.Location + "1970/01/02/"}, {2, table.Location + "1970/01/03/"}}
			p := NewPublisher(newClock())
			for range 2 {
				unpartitioned, err := p.PublishPartitions(ctx, role, table, days)
				require.NoError(t, err)
				require.True(t, unpartitioned, "each publication says so")
			}
			require.Zero(t, c.updates)
			got, err := c.GetTable(ctx, table.Database, table.Name)
			require.NoError(t, err)
			require.Empty(t, got.PartitionKeys)
			require.NotNil(t, got.PartitionKeys, "Athena wants an empty list")
			require.Equal(t, table.Root, got.StorageDescriptor.Location)
			golden.Equal(t, "testdata/unpartitioned-"+string(format)+".json", indented(t, got.TableInput))

			// Columns still come, and the table stays as it is when the role may do more.
			table.Columns = append(table.Columns, catalog.Column{Name: "plan", Type: "string"})
			unpartitioned, err := p.PublishPartitions(ctx, c, table, days)
			require.NoError(t, err)
			require.True(t, unpartitioned)
			require.Equal(t, 1, c.updates)
		}
	}
}

func TestATableWithPartitionKeysNeedsThePartitionCalls(t *testing.T) {
	for _, action := range []string{"GetPartitions", "BatchCreatePartition", "BatchUpdatePartition"} {
		c, ctx := openCatalog(t), context.Background()
		p := NewPublisher(newClock())
		table := eventTable()
		require.NoError(t, publishDays(p, c, table, []event.Day{1}))
		_, err := p.PublishPartitions(ctx, limited{c, map[string]bool{action: true}}, table, []Partition{{1, "s3://lake/moved/"}, {2, table.Location + "1970/01/03/"}})
		requireSetup(t, err, "glue:BatchCreatePartition", "glue:"+action)
	}
}

// requireSetup checks that the error is the user's, that its hint holds one text, and all that is shown another.
func requireSetup(t *testing.T, err error, hint, text string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	require.True(t, ok, err)
	require.Equal(t, fault.Setup, f.Class)
	require.Contains(t, f.Hint, hint)
	require.Contains(t, err.Error(), text)
}

func TestADenialNamesWhatToGrant(t *testing.T) {
	tests := map[string]struct{ message, hint string }{
		"IAM":                          {"User: x is not authorized to perform: glue:CreateTable on resource: y", "Glue actions"},
		"a table may not be created":   {"Insufficient Lake Formation permission(s): Required Create Table on mixpanel", "CREATE_TABLE on the database"},
		"a location is not granted":    {"Insufficient Lake Formation permission(s) on s3://lake/1", "DATA_LOCATION_ACCESS"},
		"a database may not be":        {"Insufficient Lake Formation permission(s): Required Create Database on Catalog", "CREATE_DATABASE on the catalog"},
		"a table may not be described": {"Insufficient Lake Formation permission(s): Required Describe on mixpanel", "DESCRIBE"},
		"a table may not be altered":   {"Insufficient Lake Formation permission(s): Required Alter on t (Database name: mixpanel, Table Name: t)", "ALTER"},
		"data may not be read":         {"User: x is not authorized to perform: lakeformation:GetDataAccess", "lakeformation:GetDataAccess on *"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := catalogFault("creating table", "mixpanel.t", fault.New(fault.Setup, "inner", "", &catalog.Error{Code: catalog.ErrAccessDenied, Message: tt.message}, "an inner hint"))
			requireSetup(t, err, tt.hint, tt.message)
			require.ErrorIs(t, err, catalog.ErrAccessDenied)
			require.NotContains(t, err.Error(), "an inner hint", "one hint is enough")
		})
	}
}

// TestPoint12DeniedAccessToATableThatDoesNotExistIsNoBrokenRole and the hints of what creating it is denied for.
func TestPoint12DeniedAccessToATableThatDoesNotExistIsNoBrokenRole(t *testing.T) {
	c := openCatalog(t)
	p := NewPublisher(newClock())
	require.NoError(t, publishDays(p, governed{counting: c}, eventTable(), []event.Day{1}))
	_, err := c.GetPartition(context.Background(), "mixpanel", "mp_master_event", []string{"1970-01-02"})
	require.NoError(t, err)
	requireSetup(t, publishDays(p, governed{counting: c, sealedOff: true}, eventTable(), []event.Day{2}), "Lake Formation", "Required Describe")
	requireSetup(t, publishDays(p, governed{counting: c}, eventTable(), []event.Day{3, 4}), "Lake Formation", "Required Alter")

	// Point 13: CREATE_TABLE alone is not enough, and which of the two is missing is told, though reading was denied first.
	c = openCatalog(t)
	requireSetup(t, publishDays(p, governed{counting: c, create: "Required Create Table on mixpanel"}, eventTable(), []event.Day{5}), "CREATE_TABLE", "Create Table")
	requireSetup(t, publishDays(p, governed{counting: c, create: "on s3://lake/1/mp_master_event"}, eventTable(), []event.Day{5}), "DATA_LOCATION_ACCESS", "s3://lake")
}

// governed answers as Lake Formation does: a table that does not exist is denied like one that may not be seen.
type governed struct {
	*counting
	sealedOff bool
	create    string
}

func insufficient(what string) error {
	return fmt.Errorf("%w: Insufficient Lake Formation permission(s): %s", catalog.ErrAccessDenied, what)
}

func (g governed) GetTable(ctx context.Context, database, name string) (*catalog.Table, error) {
	t, err := g.counting.GetTable(ctx, database, name)
	if err != nil || g.sealedOff {
		return nil, insufficient("Required Describe on " + name)
	}
	return t, nil
}

func (g governed) CreateTable(ctx context.Context, database string, t catalog.TableInput) error {
	if g.create != "" {
		return insufficient(g.create)
	}
	return g.counting.CreateTable(ctx, database, t)
}

func (g governed) GetPartitions(ctx context.Context, database, table, expression string) ([]*catalog.Partition, error) {
	ps, err := g.counting.GetPartitions(ctx, database, table, expression)
	if err != nil {
		return nil, insufficient("Required Select on " + table)
	}
	return ps, nil
}

func (g governed) BatchCreatePartition(ctx context.Context, database, table string, ps []catalog.PartitionInput) error {
	if len(ps) == 2 {
		return &catalog.BatchError{Failed: []catalog.PartitionError{{Values: ps[0].Values, Err: insufficient("Required Alter on t")}}}
	}
	return g.counting.BatchCreatePartition(ctx, database, table, ps)
}
