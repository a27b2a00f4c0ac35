package catalogtest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
)

func databases(f *fixture) {
	name := f.database + "_X"
	given := catalog.Database{Name: name, Description: "d", LocationURI: "s3://lake/", Parameters: map[string]string{"a": "b"}}
	require.NoError(f, f.CreateDatabase(f.ctx, given))
	require.ErrorIs(f, f.CreateDatabase(f.ctx, catalog.Database{Name: strings.ToLower(name)}), catalog.ErrAlreadyExists)

	got, err := f.GetDatabase(f.ctx, strings.ToUpper(name))
	require.NoError(f, err)
	require.False(f, got.CreateTime.IsZero())
	given.Name, given.CreateTime = strings.ToLower(name), got.CreateTime
	f.same(&given, got)

	names := func() []string {
		all, err := f.GetDatabases(f.ctx)
		require.NoError(f, err)
		var names []string
		for _, d := range all {
			names = append(names, d.Name)
		}
		return names
	}
	require.Subset(f, names(), []string{f.database, given.Name})
	require.NoError(f, f.DeleteDatabase(f.ctx, name))
	require.NotContains(f, names(), given.Name)
	require.ErrorIs(f, f.DeleteDatabase(f.ctx, name), catalog.ErrNotFound)
	_, err = f.GetDatabase(f.ctx, name)
	require.ErrorIs(f, err, catalog.ErrNotFound)
}

func databaseLimits(f *fixture) {
	for what, d := range map[string]catalog.Database{
		"an empty name":      {},
		"a name of 256":      {Name: strings.Repeat("n", 256)},
		"a long description": {Name: f.database + "_d", Description: strings.Repeat("d", 2049)},
		"a long value":       {Name: f.database + "_p", Parameters: map[string]string{"k": strings.Repeat("v", 512_001)}},
		"an empty parameter": {Name: f.database + "_e", Parameters: map[string]string{"": "v"}},
	} {
		require.ErrorIs(f, f.CreateDatabase(f.ctx, d), catalog.ErrInvalidInput, what)
	}
}

func databaseCascade(f *fixture) {
	f.createTable(table("t", key("dt", "string")))
	f.createPartitions("t", partition("2024-05-01"))
	require.NoError(f, f.DeleteDatabase(f.ctx, f.database))
	_, err := f.GetTable(f.ctx, f.database, "t")
	require.ErrorIs(f, err, catalog.ErrNotFound)
	_, err = f.GetTables(f.ctx, f.database)
	require.ErrorIs(f, err, catalog.ErrNotFound)
	_, err = f.GetPartitions(f.ctx, f.database, "t", "")
	require.ErrorIs(f, err, catalog.ErrNotFound)
}
