package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/catalogtest"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

func open(t testing.TB, source string) *catalog.Embedded {
	t.Helper()
	db, err := meta.Open(context.Background(), source)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return catalog.Open(db)
}

func openFile(t testing.TB) *catalog.Embedded {
	return open(t, filepath.Join(t.TempDir(), "meta.db"))
}

func TestEmbeddedOnSQLite(t *testing.T) { catalogtest.Run(t, openFile(t)) }

func TestEmbeddedOnPostgres(t *testing.T) {
	source := os.Getenv("REFRACT_TEST_POSTGRES")
	if source == "" {
		t.Skip("REFRACT_TEST_POSTGRES names no database")
	}
	catalogtest.Run(t, open(t, source))
}

// withTable returns a catalog with the table db.t, partitioned by keys of these types named k0, k1, ...
func withTable(t testing.TB, types ...string) *catalog.Embedded {
	c := openFile(t)
	require.NoError(t, c.CreateDatabase(t.Context(), catalog.Database{Name: "db"}))
	createTable(t, c, types...)
	return c
}

func createTable(t testing.TB, c *catalog.Embedded, types ...string) {
	in := catalog.TableInput{Name: "t", StorageDescriptor: catalog.StorageDescriptor{Columns: []catalog.Column{{Name: "c", Type: "string"}}}}
	for i, hiveType := range types {
		in.PartitionKeys = append(in.PartitionKeys, catalog.Column{Name: fmt.Sprintf("k%d", i), Type: hiveType})
	}
	require.NoError(t, c.CreateTable(t.Context(), "db", in))
}

func create(t testing.TB, c *catalog.Embedded, values ...[]string) {
	for batch := range slices.Chunk(values, catalog.MaxBatchCreate) {
		var ps []catalog.PartitionInput
		for _, v := range batch {
			ps = append(ps, catalog.PartitionInput{Values: v})
		}
		require.NoError(t, c.BatchCreatePartition(t.Context(), "db", "t", ps))
	}
}

func valuesOf(ps []*catalog.Partition) [][]string {
	var values [][]string
	for _, p := range ps {
		values = append(values, p.Values)
	}
	return values
}

func TestPagesAndSegmentsAddUpToTheWhole(t *testing.T) {
	c := withTable(t, "string", "string")
	var all [][]string
	for i := range 60 {
		all = append(all, []string{[]string{"a", "a\x00", "a\x00\x01", "ab", "b", "\x00"}[i%6], fmt.Sprint(i)})
	}
	create(t, c, all...)
	slices.SortFunc(all, slices.Compare)
	rapid.Check(t, func(rt *rapid.T) {
		bound := rapid.SampledFrom([]string{"a", "a\x00", "ab", "b", "c"}).Draw(rt, "bound")
		scan := catalog.Scan{
			Expression: rapid.SampledFrom([]string{"", "k0 = '" + bound + "'", "k0 > '" + bound + "'", "k0 <= '" + bound + "' AND k1 LIKE '%1%'",
				"k0 IN ('a', '" + bound + "')", "NOT k0 = '" + bound + "'"}).Draw(rt, "expression"),
			Limit:         rapid.IntRange(1, 20).Draw(rt, "limit"),
			TotalSegments: rapid.IntRange(0, 4).Draw(rt, "segments"),
		}
		whole, more, err := c.ScanPartitions(t.Context(), "db", "t", catalog.Scan{Expression: scan.Expression})
		require.NoError(rt, err)
		require.False(rt, more)
		var got [][]string
		for scan.Segment = range max(scan.TotalSegments, 1) {
			scan.After = nil
			for more := true; more; {
				var page []*catalog.Partition
				page, more, err = c.ScanPartitions(t.Context(), "db", "t", scan)
				require.NoError(rt, err)
				require.LessOrEqual(rt, len(page), scan.Limit)
				if more {
					require.Len(rt, page, scan.Limit)
				}
				require.True(rt, slices.IsSortedFunc(valuesOf(page), slices.Compare))
				if len(page) > 0 {
					scan.After = page[len(page)-1].Values
				}
				got = append(got, valuesOf(page)...)
			}
		}
		slices.SortFunc(got, slices.Compare)
		require.Equal(rt, valuesOf(whole), got)
		if scan.Expression == "" {
			require.Equal(rt, all, got)
		}
	})
}

func TestAScanCanLeaveColumnsOut(t *testing.T) {
	c := withTable(t, "string")
	require.NoError(t, c.BatchCreatePartition(t.Context(), "db", "t", []catalog.PartitionInput{
		{Values: []string{"x"}, StorageDescriptor: catalog.StorageDescriptor{Columns: []catalog.Column{{Name: "c", Type: "string"}}, Location: "l"}}}))
	ps, _, err := c.ScanPartitions(t.Context(), "db", "t", catalog.Scan{WithoutColumns: true})
	require.NoError(t, err)
	require.Empty(t, ps[0].StorageDescriptor.Columns)
	require.Equal(t, "l", ps[0].StorageDescriptor.Location)
	for _, wrong := range []catalog.Scan{{Segment: 1}, {Segment: 2, TotalSegments: 2}, {TotalSegments: 11}, {Segment: -1}, {After: []string{"a", "b"}}} {
		_, _, err := c.ScanPartitions(t.Context(), "db", "t", wrong)
		require.ErrorIs(t, err, catalog.ErrInvalidInput)
	}
}

func TestManyRangesAreReadInOneQuery(t *testing.T) {
	c := withTable(t, "string")
	var all [][]string
	expression := "k0 IN ('000'"
	for i := range 240 {
		value := fmt.Sprintf("%03d", i)
		all = append(all, []string{value})
		if i > 0 {
			expression += ",'" + value + "'"
		}
	}
	create(t, c, all...)
	ps, err := c.GetPartitions(t.Context(), "db", "t", expression+")")
	require.NoError(t, err)
	require.Equal(t, all, valuesOf(ps))
}

func TestAValueOfTheWrongTypeIsAnInvalidState(t *testing.T) {
	c := withTable(t, "string", "int")
	create(t, c, []string{"a", "x"})
	_, err := c.GetPartitions(t.Context(), "db", "t", "k1 = 1")
	require.ErrorIs(t, err, catalog.ErrInvalidState)
	ps, err := c.GetPartitions(t.Context(), "db", "t", "k0 = 'b' AND k1 = 1")
	require.NoError(t, err)
	require.Empty(t, ps)
}

func TestPartitionKeysStayWhileThereArePartitions(t *testing.T) {
	c := withTable(t, "string")
	table, err := c.GetTable(t.Context(), "db", "t")
	require.NoError(t, err)
	changed := table.TableInput
	changed.PartitionKeys = []catalog.Column{{Name: "k0", Type: "string"}, {Name: "k1", Type: "int"}}
	create(t, c, []string{"a"})
	require.ErrorIs(t, c.UpdateTable(t.Context(), "db", changed, "", true), catalog.ErrInvalidInput)
	require.NoError(t, c.UpdateTable(t.Context(), "db", table.TableInput, "", true))
	require.NoError(t, c.BatchDeletePartition(t.Context(), "db", "t", [][]string{{"a"}}))
	require.NoError(t, c.UpdateTable(t.Context(), "db", changed, "", true))
	create(t, c, []string{"a", "1"})
}

func TestAPartitionsValuesCanChange(t *testing.T) {
	c := withTable(t, "string")
	create(t, c, []string{"a"}, []string{"b"})
	update := func(from, to string) error {
		err := c.ReplacePartitions(t.Context(), "db", "t", []catalog.PartitionUpdate{{Values: []string{from}, Input: catalog.PartitionInput{Values: []string{to}}}})
		if batch, ok := errors.AsType[*catalog.BatchError](err); ok {
			require.Equal(t, []string{from}, batch.Failed[0].Values)
			return batch.Failed[0].Err
		}
		return err
	}
	require.NoError(t, update("a", "c"))
	require.ErrorIs(t, update("a", "d"), catalog.ErrNotFound)
	require.ErrorIs(t, update("c", "b"), catalog.ErrAlreadyExists)
	require.NoError(t, update("c", "c"))
	found, err := c.BatchGetPartition(t.Context(), "db", "t", [][]string{{"c"}, {"a"}, {"b"}})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"c"}, {"b"}}, valuesOf(found))
}

func TestADatabaseCanBeUpdatedButNotRenamed(t *testing.T) {
	c := withTable(t)
	require.NoError(t, c.UpdateDatabase(t.Context(), "DB", catalog.Database{Name: "db", Description: "new"}))
	d, err := c.GetDatabase(t.Context(), "db")
	require.NoError(t, err)
	require.Equal(t, "new", d.Description)
	require.ErrorIs(t, c.UpdateDatabase(t.Context(), "db", catalog.Database{Name: "other"}), catalog.ErrInvalidInput)
	require.ErrorIs(t, c.UpdateDatabase(t.Context(), "none", catalog.Database{Name: "none"}), catalog.ErrNotFound)
}

func TestAFailingDatabaseIsTransient(t *testing.T) {
	db, err := meta.Open(t.Context(), filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = catalog.Open(db).GetDatabases(t.Context())
	require.Equal(t, fault.Transient, fault.ClassOf(err))
	err = catalog.Open(db).CreateTable(t.Context(), "db", catalog.TableInput{Name: "t"})
	require.Equal(t, fault.Transient, fault.ClassOf(err))
}

// BenchmarkGetPartitions reads from a table with 100,000 partitions of two keys.
func BenchmarkGetPartitions(b *testing.B) {
	c := withTable(b, "string", "int")
	var all [][]string
	for i := range 100_000 {
		all = append(all, []string{fmt.Sprintf("%06d", i), fmt.Sprint(i % 1000)})
	}
	create(b, c, all...)
	for name, bench := range map[string]struct {
		expression string
		want       int
	}{"one day": {"k0 = '050000'", 1}, "a thousand days": {"k0 LIKE '050%'", 1000}, "by the second key": {"k1 = 7", 100}, "all": {"", 100_000}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ps, err := c.GetPartitions(b.Context(), "db", "t", bench.expression)
				if err != nil || len(ps) != bench.want {
					b.Fatal(len(ps), err)
				}
			}
		})
	}
}
