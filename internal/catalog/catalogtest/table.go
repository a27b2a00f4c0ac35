package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
)

func tableRoundTrip(f *fixture) {
	given := table("Mp_Event", key("mp_date", "string"))
	given.StorageDescriptor.SortColumns = []catalog.SortColumn{{Column: "time", SortOrder: 1}}
	given.StorageDescriptor.BucketColumns = []string{"time"}
	given.StorageDescriptor.Columns[0].Parameters = map[string]string{"x": "y"}
	f.createTable(given)
	require.ErrorIs(f, f.CreateTable(f.ctx, f.database, table("mp_event")), catalog.ErrAlreadyExists)

	got, err := f.GetTable(f.ctx, strings.ToUpper(f.database), "MP_EVENT")
	require.NoError(f, err)
	given.Name = "mp_event"
	f.same(given, got.TableInput)
	require.Equal(f, f.database, got.DatabaseName)
	require.Equal(f, "0", got.VersionID)
	require.False(f, got.CreateTime.IsZero())
	require.False(f, got.UpdateTime.Before(got.CreateTime))

	f.createTable(table("a_second"))
	all, err := f.GetTables(f.ctx, f.database)
	require.NoError(f, err)
	require.Len(f, all, 2)
	require.ElementsMatch(f, []string{"a_second", "mp_event"}, []string{all[0].Name, all[1].Name})

	require.NoError(f, f.DeleteTable(f.ctx, f.database, "MP_event"))
	_, err = f.GetTable(f.ctx, f.database, "mp_event")
	require.ErrorIs(f, err, catalog.ErrNotFound)
	require.ErrorIs(f, f.DeleteTable(f.ctx, f.database, "mp_event"), catalog.ErrNotFound)
}

func tableLimits(f *fixture) {
	for what, change := range map[string]func(*catalog.TableInput){
		"an empty name":               func(t *catalog.TableInput) { t.Name = "" },
		"a name of 256":               func(t *catalog.TableInput) { t.Name = strings.Repeat("n", 256) },
		"a long description":          func(t *catalog.TableInput) { t.Description = strings.Repeat("d", 2049) },
		"a long comment":              func(t *catalog.TableInput) { t.StorageDescriptor.Columns[0].Comment = strings.Repeat("c", 256) },
		"a long type":                 func(t *catalog.TableInput) { t.StorageDescriptor.Columns[0].Type = strings.Repeat("t", 131_073) },
		"a column without a name":     func(t *catalog.TableInput) { t.StorageDescriptor.Columns[0].Name = "" },
		"a long location":             func(t *catalog.TableInput) { t.StorageDescriptor.Location = strings.Repeat("l", 2057) },
		"a long format":               func(t *catalog.TableInput) { t.StorageDescriptor.InputFormat = strings.Repeat("f", 129) },
		"a column twice":              func(t *catalog.TableInput) { t.StorageDescriptor.Columns[1].Name = "time" },
		"a partition key as a column": func(t *catalog.TableInput) { t.StorageDescriptor.Columns[1].Name = "dt" },
	} {
		t := table("t", key("dt", "string"))
		change(&t)
		require.ErrorIs(f, f.CreateTable(f.ctx, f.database, t), catalog.ErrInvalidInput, what)
	}
	all, err := f.GetTables(f.ctx, f.database)
	require.NoError(f, err)
	require.Empty(f, all)

	longest := strings.Repeat("ä", 255)
	f.createTable(table(longest))
	require.Equal(f, longest, f.getTable(longest).Name)
}

func missing(f *fixture) {
	nowhere := f.database + "_nowhere"
	calls := func(database string) []error {
		_, getTable := f.GetTable(f.ctx, database, "t")
		_, versions := f.GetTableVersions(f.ctx, database, "t")
		_, partitions := f.GetPartitions(f.ctx, database, "t", "")
		_, partition1 := f.GetPartition(f.ctx, database, "t", []string{"x"})
		return []error{
			getTable, versions, partitions, partition1,
			f.UpdateTable(f.ctx, database, table("t"), "", true), f.DeleteTable(f.ctx, database, "t"),
			f.BatchCreatePartition(f.ctx, database, "t", []catalog.PartitionInput{partition("x")}),
			f.BatchUpdatePartition(f.ctx, database, "t", []catalog.PartitionInput{partition("x")}),
			f.BatchDeletePartition(f.ctx, database, "t", [][]string{{"x"}}),
		}
	}
	for _, database := range []string{f.database, nowhere} {
		for i, err := range calls(database) {
			require.ErrorIs(f, err, catalog.ErrNotFound, "call %d", i)
			var batch *catalog.BatchError
			require.False(f, errors.As(err, &batch), "call %d", i)
		}
	}
	_, err := f.GetDatabase(f.ctx, nowhere)
	require.ErrorIs(f, err, catalog.ErrNotFound)
	_, err = f.GetTables(f.ctx, nowhere)
	require.ErrorIs(f, err, catalog.ErrNotFound)
	require.ErrorIs(f, f.CreateTable(f.ctx, nowhere, table("t")), catalog.ErrNotFound)
}

func versions(f *fixture) {
	t := table("t")
	f.createTable(t)
	created := f.getTable("t").CreateTime
	update := func(description string, skipArchive bool) {
		t.Description = description
		require.NoError(f, f.UpdateTable(f.ctx, f.database, t, "", skipArchive))
	}
	update("one", false)
	update("two", true) // version 1 is not kept
	t.Parameters = nil
	update("three", false)

	got := f.getTable("T")
	require.Equal(f, "3", got.VersionID)
	require.True(f, created.Equal(got.CreateTime), "an update keeps the create time")
	f.same(t, got.TableInput)

	all, err := f.GetTableVersions(f.ctx, f.database, "T")
	require.NoError(f, err)
	var history []string
	for _, v := range all {
		history = append(history, v.VersionID+" "+v.Description)
	}
	require.Equal(f, []string{"3 three", "2 two", "0 events"}, history)
	require.Equal(f, "snappy", all[2].Parameters["compressionType"])
}

func replacement(f *fixture) {
	t := table("t", key("dt", "string"))
	t.StorageDescriptor.SortColumns = []catalog.SortColumn{{Column: "time", SortOrder: 1}}
	f.createTable(t)
	bare := catalog.TableInput{Name: "t", TableType: "EXTERNAL_TABLE"}
	require.NoError(f, f.UpdateTable(f.ctx, f.database, bare, "0", true))
	f.same(bare, f.getTable("t").TableInput)
}

// columnOrder is what readers that match files by position rely on.
func columnOrder(f *fixture) {
	t := table("t", key("z", "string"), key("a", "string"))
	t.StorageDescriptor.Columns = nil
	for i := range 60 {
		t.StorageDescriptor.Columns = append(t.StorageDescriptor.Columns, key(fmt.Sprintf("c%02d", i*37%60), "string"))
	}
	f.createTable(t)
	f.same(t.StorageDescriptor.Columns, f.getTable("t").StorageDescriptor.Columns)
	f.same(t.PartitionKeys, f.getTable("t").PartitionKeys)
	t.StorageDescriptor.Columns = append(t.StorageDescriptor.Columns, key("b", "bigint"))
	require.NoError(f, f.UpdateTable(f.ctx, f.database, t, "", true))
	f.same(t.StorageDescriptor.Columns, f.getTable("t").StorageDescriptor.Columns)
	p := partition("1", "2")
	p.StorageDescriptor.Columns = t.StorageDescriptor.Columns
	f.createPartitions("t", p)
	got, err := f.GetPartition(f.ctx, f.database, "t", []string{"1", "2"})
	require.NoError(f, err)
	f.same(t.StorageDescriptor.Columns, got.StorageDescriptor.Columns)
}

func staleVersion(f *fixture) {
	t := table("t")
	f.createTable(t)
	t.Description = "first"
	require.NoError(f, f.UpdateTable(f.ctx, f.database, t, "0", true))
	t.Description = "second"
	for _, stale := range []string{"0", "2"} {
		require.ErrorIs(f, f.UpdateTable(f.ctx, f.database, t, stale, true), catalog.ErrConcurrentModification)
	}
	require.ErrorIs(f, f.UpdateTable(f.ctx, f.database, t, "x", true), catalog.ErrInvalidInput, "a version is an integer")
	require.Equal(f, "first", f.getTable("t").Description)
	require.NoError(f, f.UpdateTable(f.ctx, f.database, t, "1", true))
	require.Equal(f, "second", f.getTable("t").Description)
}

func recreatedTable(f *fixture) {
	t := table("t", key("dt", "string"))
	f.createTable(t)
	f.createPartitions("t", partition("2024-05-01"))
	require.NoError(f, f.UpdateTable(f.ctx, f.database, t, "", false))
	require.NoError(f, f.DeleteTable(f.ctx, f.database, "t"))
	f.createTable(t)
	require.Equal(f, "0", f.getTable("t").VersionID)
	require.Empty(f, f.selected("t", ""))
	all, err := f.GetTableVersions(f.ctx, f.database, "t")
	require.NoError(f, err)
	require.Len(f, all, 1)
}

// concurrentUpdates has writers add a column each by reading, changing and writing back, as Refract's publication does.
func concurrentUpdates(f *fixture) {
	const writers, each = 4, 5
	f.createTable(table("t"))
	add := func(column string) error {
		for {
			t, err := f.GetTable(f.ctx, f.database, "t")
			if err != nil {
				return err
			}
			t.StorageDescriptor.Columns = append(t.StorageDescriptor.Columns, catalog.Column{Name: column, Type: "string"})
			err = f.UpdateTable(f.ctx, f.database, t.TableInput, t.VersionID, true)
			if !errors.Is(err, catalog.ErrConcurrentModification) {
				return err
			}
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				errs[w] = errors.Join(errs[w], add(fmt.Sprintf("w%d_%d", w, i)))
			}
		})
	}
	wg.Wait()
	require.NoError(f, errors.Join(errs...))
	got := f.getTable("t")
	require.Len(f, got.StorageDescriptor.Columns, 2+writers*each)
	require.Equal(f, fmt.Sprint(writers*each), got.VersionID)
}

func concurrentCreates(f *fixture) {
	const creators = 8
	results := make([]error, creators)
	var wg sync.WaitGroup
	for i := range creators {
		wg.Go(func() { results[i] = f.CreateTable(f.ctx, f.database, table("t", key("dt", "string"))) })
	}
	wg.Wait()
	created := 0
	for _, err := range results {
		if err == nil {
			created++
			continue
		}
		require.ErrorIs(f, err, catalog.ErrAlreadyExists)
	}
	require.Equal(f, 1, created)

	for i := range creators {
		wg.Go(func() {
			results[i] = f.BatchCreatePartition(f.ctx, f.database, "t", []catalog.PartitionInput{partition("x"), partition(fmt.Sprint(i))})
		})
	}
	wg.Wait()
	created = 0
	for _, err := range results {
		if err == nil {
			created++
			continue
		}
		require.Equal(f, map[string]error{"x": catalog.ErrAlreadyExists}, f.failures(err))
	}
	require.Equal(f, 1, created)
	require.Len(f, f.selected("t", ""), creators+1)
}

func cancelled(f *fixture) {
	f.createTable(table("t", key("dt", "string")))
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	_, err := f.GetTable(ctx, f.database, "t")
	require.ErrorIs(f, err, context.Canceled)
	_, err = f.GetPartitions(ctx, f.database, "t", "")
	require.ErrorIs(f, err, context.Canceled)
	require.ErrorIs(f, f.BatchCreatePartition(ctx, f.database, "t", []catalog.PartitionInput{partition("x")}), context.Canceled)
	require.Empty(f, f.selected("t", ""))
}
