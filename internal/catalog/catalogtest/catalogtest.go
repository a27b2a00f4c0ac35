// Package catalogtest is the suite that every catalog.Catalog passes: the embedded one and AWS Glue itself.
//
// It relies on the interface alone. Each test works in a database of its own with a random name, which it deletes, so that the
// suite can run against a catalog that others use.
package catalogtest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
)

// Run runs the suite against c.
func Run(t *testing.T, c catalog.Catalog) {
	suite := []struct {
		name string
		run  func(*fixture)
	}{
		{"a database is created, found by any case, listed and deleted", databases},
		{"a database's names and texts have limits", databaseLimits},
		{"deleting a database deletes what it holds", databaseCascade},
		{"a table comes back as it was given", tableRoundTrip},
		{"a table's names, columns and texts have limits", tableLimits},
		{"missing databases and tables are not found", missing},
		{"an update replaces the definition and counts versions", versions},
		{"an update leaves nothing of what it replaces", replacement},
		{"an update with a stale version changes nothing", staleVersion},
		{"columns keep the order they are given in", columnOrder},
		{"a deleted table takes its partitions with it", recreatedTable},
		{"a partition comes back as it was given", partitionRoundTrip},
		{"a partition has a descriptor of its own", ownDescriptor},
		{"a batch reports its failures and does the rest", batches},
		{"a batch that is sent again changes nothing", repeatedBatch},
		{"lists are whole beyond a page", beyondAPage},
		{"a batch beyond the limits changes nothing", partitionLimits},
		{"partitions are in the byte order of their values", partitionOrder},
		{"expressions select partitions", expressions},
		{"wrong expressions are refused", wrongExpressions},
		{"writers that add columns with the version lose none", concurrentUpdates},
		{"one of many creators wins", concurrentCreates},
		{"a cancelled context stops a call", cancelled},
	}
	for _, test := range suite {
		t.Run(test.name, func(t *testing.T) { test.run(newFixture(t, c)) })
	}
}

// fixture is a test's catalog with an empty database.
type fixture struct {
	*testing.T
	catalog.Catalog
	ctx      context.Context
	database string
}

func newFixture(t *testing.T, c catalog.Catalog) *fixture {
	f := &fixture{t, c, t.Context(), "refract_test_" + strings.ToLower(rand.Text())}
	require.NoError(t, c.CreateDatabase(f.ctx, catalog.Database{Name: f.database, Description: "made by Refract's catalog tests"}))
	t.Cleanup(func() {
		// The test's own context has ended. A test may have deleted the database itself.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.DeleteDatabase(ctx, f.database); err != nil {
			require.ErrorIs(t, err, catalog.ErrNotFound)
		}
	})
	return f
}

// table returns a definition with every field that Refract writes.
func table(name string, keys ...catalog.Column) catalog.TableInput {
	return catalog.TableInput{
		Name: name, Description: "events", Owner: "refract", TableType: "EXTERNAL_TABLE", PartitionKeys: keys,
		StorageDescriptor: descriptor("s3://lake/" + name + "/"),
		Parameters:        map[string]string{"classification": "parquet", "compressionType": "snappy"},
	}
}

func descriptor(location string) catalog.StorageDescriptor {
	return catalog.StorageDescriptor{
		Columns:  []catalog.Column{{Name: "time", Type: "timestamp"}, {Name: "properties", Type: "struct<plan:string,n:bigint>", Comment: "Übrige"}},
		Location: location, Compressed: true, NumberOfBuckets: -1,
		InputFormat:  "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
		OutputFormat: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
		SerdeInfo: catalog.SerDeInfo{
			SerializationLibrary: "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
			Parameters:           map[string]string{"serialization.format": "1"},
		},
		Parameters: map[string]string{"classification": "parquet"},
	}
}

func key(name, hiveType string) catalog.Column { return catalog.Column{Name: name, Type: hiveType} }

func partition(values ...string) catalog.PartitionInput {
	return catalog.PartitionInput{
		Values: values, StorageDescriptor: descriptor("s3://lake/t/" + strings.Join(values, "/") + "/"),
		Parameters: map[string]string{"numRows": "7"},
	}
}

func (f *fixture) createTable(t catalog.TableInput) {
	f.Helper()
	require.NoError(f, f.CreateTable(f.ctx, f.database, t))
}

func (f *fixture) getTable(name string) *catalog.Table {
	f.Helper()
	t, err := f.GetTable(f.ctx, f.database, name)
	require.NoError(f, err)
	return t
}

// createPartitions creates partitions in batches of the greatest size.
func (f *fixture) createPartitions(table string, ps ...catalog.PartitionInput) {
	f.Helper()
	for len(ps) > 0 {
		n := min(len(ps), catalog.MaxBatchCreate)
		require.NoError(f, f.BatchCreatePartition(f.ctx, f.database, table, ps[:n]))
		ps = ps[n:]
	}
}

// selected returns the partitions' values, joined by slashes.
func (f *fixture) selected(table, expression string) []string {
	f.Helper()
	ps, err := f.GetPartitions(f.ctx, f.database, table, expression)
	require.NoError(f, err, expression)
	values := []string{}
	for _, p := range ps {
		values = append(values, strings.Join(p.Values, "/"))
	}
	return values
}

// same compares definitions, taking an absent list or map for an empty one.
func (f *fixture) same(want, got any) {
	f.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		f.Fatalf("differs from what was given (-given +returned):\n%s", diff)
	}
}

// failures returns the values and codes of a batch's failures.
func (f *fixture) failures(err error) map[string]error {
	f.Helper()
	var batch *catalog.BatchError
	require.ErrorAs(f, err, &batch)
	codes := map[string]error{}
	for _, failed := range batch.Failed {
		for _, code := range []error{catalog.ErrAlreadyExists, catalog.ErrNotFound} {
			if errors.Is(failed.Err, code) {
				codes[strings.Join(failed.Values, "/")] = code
			}
		}
	}
	require.Len(f, codes, len(batch.Failed))
	return codes
}
