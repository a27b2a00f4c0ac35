package awsglue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/awsglue"
)

// step is a call of a catalog and what it answers: a value, a refusal, or a batch's failures.
type step func(context.Context, catalog.Catalog) (any, error)

var (
	names       = rapid.SampledFrom([]string{"a", "A", "b", "ü", "no such"})
	values      = rapid.SampledFrom([]string{"2024-05-01", "2024-05-02", "7", "x/ü=%", "__HIVE_DEFAULT_PARTITION__"})
	expressions = rapid.SampledFrom([]string{"", "dt = '2024-05-01'", "dt > '2024' AND NOT hour = 7", "hour IN (7, 8)", "hour IS NULL", "nothing = 1", "dt ="})
	keyLists    = rapid.SampledFrom([][]catalog.Column{nil, {{Name: "dt", Type: "string"}}, {{Name: "dt", Type: "string"}, {Name: "hour", Type: "int"}}})
	versions    = rapid.SampledFrom([]string{"", "0", "1", "2", "99", "x"})
)

func drawTable(t *rapid.T) catalog.TableInput {
	in := catalog.TableInput{
		Name: names.Draw(t, "table"), Description: rapid.SampledFrom([]string{"", "d", "ü"}).Draw(t, "description"), PartitionKeys: keyLists.Draw(t, "keys"),
		Parameters: rapid.MapOf(rapid.SampledFrom([]string{"k", "EXTERNAL"}), rapid.StringN(0, 5, -1)).Draw(t, "parameters"),
	}
	in.StorageDescriptor = drawDescriptor(t)
	if rapid.Bool().Draw(t, "accessed") {
		in.LastAccessTime = time.Unix(rapid.Int64Range(0, 2e9).Draw(t, "at"), 0).UTC() // the SDK cuts milliseconds by a floating point number
	}
	return in
}

func drawDescriptor(t *rapid.T) catalog.StorageDescriptor {
	var d catalog.StorageDescriptor
	for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"c", "C", "d", "dt"}), 0, 3).Draw(t, "columns") {
		d.Columns = append(d.Columns, catalog.Column{Name: name, Type: "string"})
	}
	d.Location = rapid.SampledFrom([]string{"", "s3://lake/x/"}).Draw(t, "location")
	d.SerdeInfo.Parameters = map[string]string{"serialization.format": "1"}
	return d
}

func drawValues(t *rapid.T) []string { return rapid.SliceOfN(values, 1, 2).Draw(t, "values") }

func drawPartitions(t *rapid.T) []catalog.PartitionInput {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) catalog.PartitionInput {
		return catalog.PartitionInput{Values: drawValues(t), StorageDescriptor: drawDescriptor(t)}
	}), 0, 4).Draw(t, "partitions")
}

func nothing(err error) (any, error) { return nil, err }

// steps draw one call each.
var steps = map[string]func(t *rapid.T, database, table string) step{
	"GetDatabases": func(*rapid.T, string, string) step {
		return func(ctx context.Context, c catalog.Catalog) (any, error) { return c.GetDatabases(ctx) }
	},
	"GetDatabase": func(_ *rapid.T, database, _ string) step {
		return func(ctx context.Context, c catalog.Catalog) (any, error) { return c.GetDatabase(ctx, database) }
	},
	"CreateDatabase": func(t *rapid.T, database, _ string) step {
		d := catalog.Database{Name: database, LocationURI: rapid.SampledFrom([]string{"", "s3://lake/"}).Draw(t, "location")}
		return func(ctx context.Context, c catalog.Catalog) (any, error) { return nothing(c.CreateDatabase(ctx, d)) }
	},
	"DeleteDatabase": func(t *rapid.T, database, _ string) step {
		if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
			database = "no such"
		}
		return func(ctx context.Context, c catalog.Catalog) (any, error) {
			return nothing(c.DeleteDatabase(ctx, database))
		}
	},
	"GetTable": func(_ *rapid.T, database, table string) step {
		return func(ctx context.Context, c catalog.Catalog) (any, error) { return c.GetTable(ctx, database, table) }
	},
	"GetTables": func(_ *rapid.T, database, _ string) step {
		return func(ctx context.Context, c catalog.Catalog) (any, error) { return c.GetTables(ctx, database) }
	},
	"GetTableVersions": func(_ *rapid.T, database, table string) step {
		return func(ctx context.Context, c catalog.Catalog) (any, error) {
			return c.GetTableVersions(ctx, database, table)
		}
	},
	"CreateTable": func(t *rapid.T, database, _ string) step {
		in := drawTable(t)
		return func(ctx context.Context, c catalog.Catalog) (any, error) {
			return nothing(c.CreateTable(ctx, database, in))
		}
	},
	"UpdateTable": func(t *rapid.T, database, _ string) step {
		in := drawTable(t)
		in.StorageDescriptor.Columns = nil // a wrong definition of a table that is not there is refused for either reason: the client reads first
		version, skip := versions.Draw(t, "version"), rapid.Bool().Draw(t, "skip archive")
		return func(ctx context.Context, c catalog.Catalog) (any, error) {
			return nothing(c.UpdateTable(ctx, database, in, version, skip))
		}
	},
	"DeleteTable": func(_ *rapid.T, database, table string) step {
		return func(ctx context.Context, c catalog.Catalog) (any, error) {
			return nothing(c.DeleteTable(ctx, database, table))
		}
	},
	"GetPartition": func(t *rapid.T, database, table string) step {
		v := drawValues(t)
		return func(ctx context.Context, c catalog.Catalog) (any, error) {
			return c.GetPartition(ctx, database, table, v)
		}
	},
	"GetPartitions": func(t *rapid.T, database, table string) step {
		e := expressions.Draw(t, "expression")
		return func(ctx context.Context, c catalog.Catalog) (any, error) {
			return c.GetPartitions(ctx, database, table, e)
		}
	},
	"BatchCreatePartition": func(t *rapid.T, database, table string) step {
		ps := drawPartitions(t)
		return func(ctx context.Context, c catalog.Catalog) (any, error) {
			return nothing(c.BatchCreatePartition(ctx, database, table, ps))
		}
	},
	"BatchUpdatePartition": func(t *rapid.T, database, table string) step {
		ps := drawPartitions(t)
		if len(ps) == 0 {
			return nil // Glue refuses an empty batch of updates, which the client therefore doesn't send
		}
		return func(ctx context.Context, c catalog.Catalog) (any, error) {
			return nothing(c.BatchUpdatePartition(ctx, database, table, ps))
		}
	},
	"BatchDeletePartition": func(t *rapid.T, database, table string) step {
		v := rapid.SliceOfN(rapid.Custom(drawValues), 0, 4).Draw(t, "partitions")
		return func(ctx context.Context, c catalog.Catalog) (any, error) {
			return nothing(c.BatchDeletePartition(ctx, database, table, v))
		}
	},
}

// TestTheWayOverTheAPIChangesNothing: any calls get the same answers from the embedded catalog and from one that is reached through
// the SDK, the signatures, the protocol and the Glue API.
func TestTheWayOverTheAPIChangesNothing(t *testing.T) {
	near, far := catalog.Catalog(embedded(t)), catalog.Catalog(awsglue.New(serve(t, api(t)), ""))
	operations := make([]string, 0, len(steps))
	for operation := range steps {
		operations = append(operations, operation)
	}
	slices.Sort(operations)
	rapid.Check(t, func(rt *rapid.T) {
		for _, c := range []catalog.Catalog{near, far} {
			all, err := c.GetDatabases(t.Context())
			require.NoError(rt, err)
			for _, d := range all {
				require.NoError(rt, c.DeleteDatabase(t.Context(), d.Name))
			}
			require.NoError(rt, c.CreateDatabase(t.Context(), catalog.Database{Name: "a"}))
		}
		for range rapid.IntRange(1, 25).Draw(rt, "calls") {
			operation := rapid.SampledFrom(operations).Draw(rt, "operation")
			database := rapid.SampledFrom([]string{"a", "A", "a", "b", "no such"}).Draw(rt, "database")
			call := steps[operation](rt, database, names.Draw(rt, "name"))
			if call == nil {
				continue
			}
			here, hereErr := call(t.Context(), near)
			there, thereErr := call(t.Context(), far)
			require.Equal(rt, answerOf(hereErr), answerOf(thereErr), operation)
			if hereErr != nil {
				continue
			}
			if diff := cmp.Diff(here, there, cmpopts.EquateEmpty(), ownTimes); diff != "" {
				rt.Fatalf("%s answers otherwise over the API (-embedded +API):\n%s", operation, diff)
			}
		}
	})
}

// ownTimes leaves out when each of the two catalogs did something.
var ownTimes = cmp.Options{
	cmpopts.IgnoreFields(catalog.Table{}, "CreateTime", "UpdateTime"), cmpopts.IgnoreFields(catalog.Partition{}, "CreationTime"),
	cmpopts.IgnoreFields(catalog.Database{}, "CreateTime"),
}

// answerOf returns an error as Glue words it, with those of a batch's items.
func answerOf(err error) string {
	if err == nil {
		return "done"
	}
	if batch, ok := errors.AsType[*catalog.BatchError](err); ok {
		text := ""
		for _, failed := range batch.Failed {
			text += fmt.Sprintf("%q: %s\n", failed.Values, answerOf(failed.Err))
		}
		return text
	}
	if refused, ok := errors.AsType[*catalog.Error](err); ok {
		return refused.Error()
	}
	return "failed: " + err.Error()
}
