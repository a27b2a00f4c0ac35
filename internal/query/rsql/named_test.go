package rsql

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNamedParametersBecomePositional(t *testing.T) {
	for _, test := range []struct {
		name, sql, want string
		names           []string
	}{
		{"none", "SELECT 1", "SELECT 1", nil},
		{"each name is one parameter", "SELECT :a, :b, :a", "SELECT $1, $2, $1", []string{"a", "b"}},
		{"case matters", "SELECT :a, :A", "SELECT $1, $2", []string{"a", "A"}},
		{"numbers and mixtures are names", "SELECT :1, :2b, :c3", "SELECT $1, $2, $3", []string{"1", "2b", "c3"}},
		{"casts are none", "SELECT :a::int, x::int", "SELECT $1::int, x::int", []string{"a"}},
		{"strings, names and comments hold none", `SELECT ':a', ":b", $$:c$$ -- :d` + "\n/* :e */ FROM t WHERE x=:f", `SELECT ':a', ":b", $$:c$$ -- :d` + "\n/* :e */ FROM t WHERE x=$1", []string{"f"}},
		{"a colon alone is none", "SELECT a : b, :\"c\"", "SELECT a : b, :\"c\"", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			sql, names, err := PositionalParameters(test.sql)
			require.NoError(t, err)
			require.Equal(t, test.want, sql)
			require.Equal(t, test.names, names)
		})
	}
	_, _, err := PositionalParameters("SELECT 'a")
	require.Error(t, err)
}

func TestAScriptWithoutNamedParametersStaysAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sql := rapid.StringMatching(`[a-z0-9 ,;()'"$/*-]{0,40}`).Draw(t, "sql")
		got, names, err := PositionalParameters(sql)
		if err == nil {
			require.Equal(t, sql, got)
			require.Empty(t, names)
		}
	})
}
