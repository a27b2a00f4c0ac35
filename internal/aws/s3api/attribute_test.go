package s3api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAttributesFitIntoWhatFileSystemsKeep(t *testing.T) {
	a := attributes{ETag: `"00000000000000000000000000000000-10000"`, ContentType: "application/gzip", Metadata: map[string]string{"m": strings.Repeat("x", 2<<10)}, Upload: strings.Repeat("u", 36)}
	for i := range 3 {
		a.Parts = append(a.Parts, int64(i+1)<<23)
	}
	var few, many attributes
	require.NoError(t, json.Unmarshal(a.bytes(), &few))
	require.Equal(t, a, few)
	for i := range 10_000 {
		a.Parts = append(a.Parts, int64(i+4)<<23)
	}
	require.LessOrEqual(t, len(a.bytes()), 3500)
	require.NoError(t, json.Unmarshal(a.bytes(), &many))
	few.Parts = nil
	require.Equal(t, few, many, "only where the parts end is left out")
}
