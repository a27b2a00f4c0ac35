package verify

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/meta"
)

// elsewhere is a pipeline to the Glue of another account, of two days in three objects.
func elsewhere(t *testing.T) *evidence {
	e := exact(t)
	e.p.Glue.Region, e.sql = "eu-central-1", nil
	one, two := e.counts.Days[0].Place, e.counts.Days[1].Place
	e.counts.Keys = map[string]pipeline.Place{"1/t/2026/05/01/a": one, "1/t/2026/05/02/b": two, "1/t/2026/05/02/c": two}
	return e
}

func TestObjectsThatTheCatalogOfAnotherAccountDoesNotShowAreMissed(t *testing.T) {
	for name, c := range map[string]struct {
		folders []string
		want    string
	}{
		"every partition":                    {[]string{"1/t/2026/05/01", "1/t/2026/05/02"}, ""},
		"a table without partitions":         {[]string{"1/t"}, ""},
		"a partition too many":               {[]string{"1/t/2026/05/01", "1/t/2026/05/02", "1/t/2026/05/03"}, ""},
		"a partition is missing":             {[]string{"1/t/2026/05/01"}, "objects of t: 3 published, 1 in folders that the catalog shows"},
		"a partition shows another version":  {[]string{"1/t/2026/05/01/000000000004-p1", "1/t/2026/05/02"}, "3 published, 2 in folders"},
		"the table lies elsewhere":           {[]string{"1/other"}, "3 published, 0 in folders"},
		"a folder whose name begins like it": {[]string{"1/t/2026/05/0", "1/t/2026/05/02"}, "3 published, 2 in folders"},
		"there is no table":                  {nil, "3 published, 0 in folders"},
	} {
		t.Run(name, func(t *testing.T) {
			e := elsewhere(t)
			e.folders = map[string]map[string]bool{"t": {}}
			for _, f := range c.folders {
				e.folders["t"][e.bucket.Location(f)] = true
			}
			r := &Report{Pipelines: []Section{*e.section()}}
			if c.want == "" {
				require.True(t, r.Exact(), r.Differences())
				return
			}
			require.Len(t, r.Differences(), 1)
			require.Contains(t, r.Differences()[0], c.want)
		})
	}
}

func TestFoldersAreThoseOfPartitionsOrTheTablesOwn(t *testing.T) {
	db, err := meta.Open(t.Context(), t.TempDir()+"/meta.db")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	c := catalog.Open(db)
	require.NoError(t, c.CreateDatabase(t.Context(), catalog.Database{Name: "d"}))
	at := func(folder string) catalog.StorageDescriptor {
		return catalog.StorageDescriptor{Location: "s3://lake/" + folder, Columns: []catalog.Column{{Name: "c", Type: "string"}}}
	}
	plain := catalog.TableInput{Name: "plain", StorageDescriptor: at("plain/")}
	require.NoError(t, c.CreateTable(t.Context(), "d", plain))
	daily := catalog.TableInput{Name: "daily", StorageDescriptor: at("daily/"), PartitionKeys: []catalog.Column{{Name: "mp_date", Type: "string"}}}
	require.NoError(t, c.CreateTable(t.Context(), "d", daily))
	require.NoError(t, c.BatchCreatePartition(t.Context(), "d", "daily", []catalog.PartitionInput{
		{Values: []string{"2026-05-01"}, StorageDescriptor: at("daily/2026/05/01/")}, {Values: []string{"2026-05-02"}, StorageDescriptor: at("daily/2026/05/02")},
	}))
	for name, want := range map[string]map[string]bool{
		"plain": {"s3://lake/plain": true}, "daily": {"s3://lake/daily/2026/05/01": true, "s3://lake/daily/2026/05/02": true}, "none": {},
	} {
		got, err := folders(t.Context(), c, "d", name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	_, err = folders(t.Context(), c, "nowhere", "t")
	require.NoError(t, err, "no database has no table")
}
