package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkJSONScan(b *testing.B) {
	s := newScanner(b)
	s.table("flat", serdeJSON, map[string]string{"case.insensitive": "false"}, "event_name string", "time timestamp", "distinct_id string", "properties string")
	const files, rows = 4, 50_000
	bytes := 0
	for f := range files {
		lines := make([]string, rows)
		for i := range lines {
			lines[i] = fmt.Sprintf(`{"event_name":"Page View","time":"2024-05-01T10:00:00.123Z","distinct_id":"user-%d","properties":"{\"$city\":\"San Francisco\",\"price\":%d.10,\"filler\":\"%s\"}"}`,
				i, i, strings.Repeat("lorem ipsum ", 25))
			bytes += len(lines[i])
		}
		s.put(fmt.Sprintf("flat/%d.json.gz", f), gz(b, lines...))
	}
	b.SetBytes(int64(bytes))
	for b.Loop() {
		got, err := s.aggregate("flat", "count(*), count(DISTINCT distinct_id), sum(length(properties))", "distinct_id", "properties")
		require.NoError(b, err)
		require.Contains(b, got, "200000|50000|")
	}
}
