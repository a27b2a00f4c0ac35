package catalogtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
)

func partitionRoundTrip(f *fixture) {
	f.createTable(table("T", key("dt", "string"), key("hour", "int")))
	given := partition("2024-05-01", "7")
	given.StorageDescriptor.Columns = []catalog.Column{{Name: "only", Type: "bigint"}}
	f.createPartitions("t", given, partition("2024-05-01", "8"))

	got, err := f.GetPartition(f.ctx, strings.ToUpper(f.database), "T", []string{"2024-05-01", "7"})
	require.NoError(f, err)
	f.same(given, got.PartitionInput)
	require.Equal(f, f.database, got.DatabaseName)
	require.Equal(f, "t", got.TableName)
	require.False(f, got.CreationTime.IsZero())

	all, err := f.GetPartitions(f.ctx, f.database, "t", "")
	require.NoError(f, err)
	require.Len(f, all, 2)
	f.same(got, all[0])
	f.same(partition("2024-05-01", "8"), all[1].PartitionInput)

	moved := partition("2024-05-01", "7")
	moved.StorageDescriptor.Location = "s3://lake/elsewhere/"
	moved.Parameters = nil
	require.NoError(f, f.BatchUpdatePartition(f.ctx, f.database, "t", []catalog.PartitionInput{moved}))
	after, err := f.GetPartition(f.ctx, f.database, "t", moved.Values)
	require.NoError(f, err)
	f.same(moved, after.PartitionInput)
	require.True(f, got.CreationTime.Equal(after.CreationTime), "an update keeps the creation time")

	// The table's columns are its own: a change of them leaves the partitions alone.
	t := table("t", key("dt", "string"), key("hour", "int"))
	t.StorageDescriptor.Columns = []catalog.Column{{Name: "new", Type: "string"}}
	require.NoError(f, f.UpdateTable(f.ctx, f.database, t, "", true))
	after, err = f.GetPartition(f.ctx, f.database, "t", moved.Values)
	require.NoError(f, err)
	f.same(moved, after.PartitionInput)

	require.NoError(f, f.BatchDeletePartition(f.ctx, f.database, "t", [][]string{moved.Values}))
	_, err = f.GetPartition(f.ctx, f.database, "t", moved.Values)
	require.ErrorIs(f, err, catalog.ErrNotFound)
	require.Equal(f, []string{"2024-05-01/8"}, f.selected("t", ""))
}

// ownDescriptor: nothing of a table is inherited, and readers of a partition look at nothing else.
func ownDescriptor(f *fixture) {
	t := table("t", key("dt", "string"))
	t.Parameters["projection.enabled"], t.Parameters["projection.dt.type"] = "true", "date" // which is Athena's, not the catalog's
	f.createTable(t)
	bare := catalog.PartitionInput{Values: []string{"2024-05-01"}}
	f.createPartitions("t", bare, partition("2024-05-02"))
	got, err := f.GetPartition(f.ctx, f.database, "t", bare.Values)
	require.NoError(f, err)
	f.same(bare, got.PartitionInput)
	require.Equal(f, []string{"2024-05-01", "2024-05-02"}, f.selected("t", ""))
}

// repeatedBatch is what a retry after a lost answer meets: its own partitions, which are as it left them.
func repeatedBatch(f *fixture) {
	f.createTable(table("t", key("dt", "string")))
	batch := []catalog.PartitionInput{partition("a"), partition("b")}
	f.createPartitions("t", batch...)
	exists := map[string]error{"a": catalog.ErrAlreadyExists, "b": catalog.ErrAlreadyExists}
	require.Equal(f, exists, f.failures(f.BatchCreatePartition(f.ctx, f.database, "t", batch)))
	require.NoError(f, f.BatchUpdatePartition(f.ctx, f.database, "t", batch))
	require.NoError(f, f.BatchUpdatePartition(f.ctx, f.database, "t", batch))
	for _, p := range batch {
		got, err := f.GetPartition(f.ctx, f.database, "t", p.Values)
		require.NoError(f, err)
		f.same(p, got.PartitionInput)
	}
	keys := [][]string{{"a"}, {"b"}}
	require.NoError(f, f.BatchDeletePartition(f.ctx, f.database, "t", keys))
	gone := map[string]error{"a": catalog.ErrNotFound, "b": catalog.ErrNotFound}
	require.Equal(f, gone, f.failures(f.BatchDeletePartition(f.ctx, f.database, "t", keys)))
}

func beyondAPage(f *fixture) {
	f.createTable(table("t", key("n", "int")))
	var want []string
	var all []catalog.PartitionInput
	for i := range 1050 { // a page of Glue's has 1,000
		want = append(want, fmt.Sprintf("%04d", i))
		all = append(all, catalog.PartitionInput{Values: want[i : i+1]})
	}
	f.createPartitions("t", all...)
	require.Equal(f, want, f.selected("t", ""))
	require.Equal(f, want[1:], f.selected("t", "n > 0"))
}

func batches(f *fixture) {
	f.createTable(table("t", key("dt", "string")))
	f.createPartitions("t", partition("b"))
	other := partition("b")
	other.StorageDescriptor.Location = "s3://lake/other/"
	err := f.BatchCreatePartition(f.ctx, f.database, "t", []catalog.PartitionInput{partition("a"), other, partition("c")})
	require.Equal(f, map[string]error{"b": catalog.ErrAlreadyExists}, f.failures(err))
	require.Equal(f, []string{"a", "b", "c"}, f.selected("t", ""))
	b, err := f.GetPartition(f.ctx, f.database, "t", []string{"b"})
	require.NoError(f, err)
	require.Equal(f, partition("b").StorageDescriptor.Location, b.StorageDescriptor.Location, "the existing partition stays as it is")

	err = f.BatchUpdatePartition(f.ctx, f.database, "t", []catalog.PartitionInput{partition("x"), other})
	require.Equal(f, map[string]error{"x": catalog.ErrNotFound}, f.failures(err))
	b, err = f.GetPartition(f.ctx, f.database, "t", []string{"b"})
	require.NoError(f, err)
	require.Equal(f, "s3://lake/other/", b.StorageDescriptor.Location)

	err = f.BatchDeletePartition(f.ctx, f.database, "t", [][]string{{"a"}, {"y"}, {"z"}})
	require.Equal(f, map[string]error{"y": catalog.ErrNotFound, "z": catalog.ErrNotFound}, f.failures(err))
	require.Equal(f, []string{"b", "c"}, f.selected("t", ""))
}

func partitionLimits(f *fixture) {
	f.createTable(table("t", key("dt", "string")))
	many := make([]catalog.PartitionInput, catalog.MaxBatchCreate+1)
	keys := make([][]string, catalog.MaxBatchDelete+1)
	for i := range many {
		many[i] = partition(fmt.Sprint(i))
	}
	for i := range keys {
		keys[i] = []string{fmt.Sprint(i)}
	}
	create := func(ps ...catalog.PartitionInput) error { return f.BatchCreatePartition(f.ctx, f.database, "t", ps) }
	twice := partition("x")
	twice.StorageDescriptor.Columns = []catalog.Column{key("a", "string"), key("a", "bigint")}
	require.ErrorIs(f, create(many...), catalog.ErrInvalidInput)
	require.ErrorIs(f, f.BatchUpdatePartition(f.ctx, f.database, "t", many), catalog.ErrInvalidInput)
	require.ErrorIs(f, f.BatchDeletePartition(f.ctx, f.database, "t", keys), catalog.ErrInvalidInput)
	require.ErrorIs(f, create(partition("ok"), partition("")), catalog.ErrInvalidInput, "an empty value")
	require.ErrorIs(f, create(partition("ok"), partition()), catalog.ErrInvalidInput, "no value")
	require.ErrorIs(f, create(partition("ok"), partition("a", "b")), catalog.ErrInvalidInput, "two values for one key")
	require.ErrorIs(f, create(partition("ok"), partition(strings.Repeat("v", 1025))), catalog.ErrInvalidInput, "a long value")
	require.ErrorIs(f, create(partition("ok"), twice), catalog.ErrInvalidInput, "a column twice")
	require.Empty(f, f.selected("t", ""))
	f.createPartitions("t", many...)
	require.Len(f, f.selected("t", ""), len(many))
}

func partitionOrder(f *fixture) {
	f.createTable(table("t", key("a", "string"), key("b", "string")))
	values := [][]string{{"a", "b"}, {"a", "a"}, {"a ", "a"}, {"a!", ""}, {"ab", "a"}, {"Z", "z"}, {"ä", "a"}, {"a/b", "c"}, {"10", "x"}, {"9", "x"}, {"日本", "東"}, {"a", "ab"}}
	var inputs []catalog.PartitionInput
	for _, v := range values {
		if v[1] == "" {
			v[1] = "%"
		}
		inputs = append(inputs, partition(v...))
	}
	f.createPartitions("t", inputs...)
	slices.SortFunc(values, slices.Compare)
	all, err := f.GetPartitions(f.ctx, f.database, "t", "")
	require.NoError(f, err)
	var got [][]string
	for _, p := range all {
		got = append(got, p.Values)
	}
	require.Equal(f, values, got)
}

func expressions(f *fixture) {
	f.createTable(table("t", key("dt", "string"), key("n", "int"), key("day", "date")))
	var inputs []catalog.PartitionInput
	for d := 1; d <= 30; d++ {
		for n := range 4 {
			inputs = append(inputs, partition(fmt.Sprintf("2024-05-%02d", d), fmt.Sprint(n*5), fmt.Sprintf("2024-06-%02d", d)))
		}
	}
	f.createPartitions("t", inputs...)
	cases := map[string]func(d, n int) bool{
		"":                             func(_, _ int) bool { return true },
		"dt = '2024-05-07'":            func(d, _ int) bool { return d == 7 },
		"DT = '2024-05-07' and N = 10": func(d, n int) bool { return d == 7 && n == 10 },
		"dt >= '2024-05-07' AND dt < '2024-05-09'":         func(d, _ int) bool { return d == 7 || d == 8 },
		"dt BETWEEN '2024-05-07' AND '2024-05-09'":         func(d, _ int) bool { return d >= 7 && d <= 9 },
		"dt IN ('2024-05-01', '2024-05-30', '2023-01-01')": func(d, _ int) bool { return d == 1 || d == 30 },
		"dt NOT IN ('2024-05-01', '2024-05-30')":           func(d, _ int) bool { return d != 1 && d != 30 },
		"dt LIKE '2024-05-1%' OR dt LIKE '2024-05-_1'":     func(d, _ int) bool { return d/10 == 1 || d%10 == 1 },
		"n = '5'":                       func(_, n int) bool { return n == 5 },
		"n > 5":                         func(_, n int) bool { return n > 5 },
		"n <= 5":                        func(_, n int) bool { return n <= 5 },
		"n <> 5":                        func(_, n int) bool { return n != 5 },
		"(n) = ((5)) OR (((n))) = (10)": func(_, n int) bool { return n == 5 || n == 10 },
		"day < '2024-06-03' AND n = 0":  func(d, n int) bool { return d < 3 && n == 0 },
		"day = '2024-06-03' OR dt > '2024-05-29' AND n = 15": func(d, n int) bool { return d == 3 || d == 30 && n == 15 },
		"dt = 'a' AND dt = 'b'":                              func(_, _ int) bool { return false },
	}
	for expression, want := range cases {
		expected := []string{}
		for d := 1; d <= 30; d++ {
			for n := range 4 {
				if want(d, n*5) {
					expected = append(expected, fmt.Sprintf("2024-05-%02d/%d/2024-06-%02d", d, n*5, d))
				}
			}
		}
		slices.Sort(expected) // no value is a prefix of another's with a byte below '/' after it
		require.Equal(f, expected, f.selected("t", expression), expression)
	}
}

func wrongExpressions(f *fixture) {
	f.createTable(table("t", key("dt", "string"), key("n", "int")))
	f.createPartitions("t", partition("2024-05-01", "1"))
	for _, expression := range []string{"dt =", "nothing = 'x'", "n = 'x'", "n LIKE '1'", "dt >= 2024-05-01", "dt = '" + strings.Repeat("x", 2048) + "'"} {
		_, err := f.GetPartitions(f.ctx, f.database, "t", expression)
		require.ErrorIs(f, err, catalog.ErrInvalidInput, expression)
	}
}
