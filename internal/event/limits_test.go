package event

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDisallowedIDsAreComparedExactly(t *testing.T) {
	for _, id := range []string{
		"00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "<nil>",
		"0", "-1", "true", "false", "[]", "{}",
	} {
		require.True(t, DisallowedID([]byte(id)), id)
		require.False(t, DisallowedID([]byte(id+" ")), id)
	}
	for _, id := range []string{"", "None", "NULL", "1", "user"} {
		require.False(t, DisallowedID([]byte(id)), id)
	}
}

func TestInsertIDSyntax(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "aZ09-": true, strings.Repeat("x", 36): true, "29fc2962-6d9c-455d-95ad-95b84f09b9e4": true,
		"": false, strings.Repeat("x", 37): false, "a_b": false, "a b": false, "é": false, "a@": false, "a[": false, "a`": false, "a{": false, "a/": false, "a:": false,
	} {
		require.Equal(t, want, ValidInsertID([]byte(id)), id)
	}
}
