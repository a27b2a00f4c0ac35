package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/golden"
)

// generatedID is a $insert_id that the collector made up. Those in the requests are written with hyphens or are shorter.
var generatedID = regexp.MustCompile(`insert_id="[0-9a-f]{32}"`)

// TestRequestsOfTheOfficialClients sends the bytes that each of Mixpanel's clients sends, and compares the answer, what went into
// the log and what was quarantined with the golden file beside the request.
func TestRequestsOfTheOfficialClients(t *testing.T) {
	paths, err := filepath.Glob("testdata/requests/*.http")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".http"), func(t *testing.T) {
			t.Parallel()
			request, err := os.ReadFile(path)
			require.NoError(t, err)
			f := start(t)
			got := f.raw(request)
			var b strings.Builder
			fmt.Fprintf(&b, "%d %s\n", got.code, got.header.Get("Content-Type"))
			for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers"} {
				if v := got.header.Get(name); v != "" {
					fmt.Fprintf(&b, "%s: %s\n", name, v)
				}
			}
			if strings.HasPrefix(got.header.Get("Content-Type"), "image/") {
				fmt.Fprintf(&b, "%q\n", got.body)
			} else {
				fmt.Fprintf(&b, "%s\n", got.body)
			}
			for _, line := range f.log.records(t) {
				fmt.Fprintf(&b, "log: %s\n", line)
			}
			for _, line := range f.kept() {
				fmt.Fprintf(&b, "quarantine: %s\n", line)
			}
			text := generatedID.ReplaceAllString(b.String(), `insert_id=generated`)
			golden.Equal(t, strings.TrimSuffix(path, ".http")+".golden", []byte(text))
		})
	}
}
