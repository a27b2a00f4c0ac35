package warehouse

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/query/rsql"
)

func TestNamesAndLiteralsArriveAsTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9_$"'; .*/-]{1,30}`)
		s := Schema{Name: name.Draw(t, "schema"), Database: name.Draw(t, "database"), Region: rapid.SampledFrom([]string{"", "eu-west-1", "x'; --"}).Draw(t, "region"), Role: name.Draw(t, "role")}
		require.NoError(t, s.check())
		parsed, err := rsql.Parse(s.create())
		require.NoError(t, err)
		require.Len(t, parsed, 1)
		made := parsed[0].(*rsql.CreateExternalSchema)
		require.Equal(t, s.Name, made.Name.Text)
		require.Equal(t, s.Database, made.Database)
		require.Equal(t, s.Region, made.Region)
		require.Equal(t, s.Role, made.IAMRole)
		require.True(t, made.IfNotExists)
		require.False(t, made.CreateDatabase)
	})
}

func TestWhatCannotBeWrittenSafelyIsRefused(t *testing.T) {
	good := Schema{Name: "s", Database: "d", Role: "arn:aws:iam::1:role/r"}
	require.NoError(t, good.check())
	for _, change := range []func(*Schema){
		func(s *Schema) { s.Name = "" },
		func(s *Schema) { s.Database = "" },
		func(s *Schema) { s.Role = "" },
		func(s *Schema) { s.Database = `d\'; DROP SCHEMA x; --` },
		func(s *Schema) { s.Role = "r\n" },
		func(s *Schema) { s.GrantUsage = []string{"a\x00"} },
		func(s *Schema) { s.Region = strings.Repeat("r", 3000) },
	} {
		s := good
		change(&s)
		require.Equal(t, fault.Setup, fault.ClassOf(s.check()))
	}
}
