package nearest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "", 3}, {"ab", "ba", 1}, {"listen", "lisen", 1}, {"kitten", "sitting", 3}} {
		require.Equal(t, c.want, distance(c.a, c.b), c)
		require.Equal(t, c.want, distance(c.b, c.a), c)
	}
}

func TestTheNearestNameIsGuessed(t *testing.T) {
	names := []string{"s3_prefix", "s3_region", "events", "where"}
	for slip, want := range map[string]string{"event": "events", "s3_perfix": "s3_prefix", "s3region": "s3_region", "wehre": "where", "planets": "", "": ""} {
		require.Equal(t, want, To(slip, names), slip)
	}
}
