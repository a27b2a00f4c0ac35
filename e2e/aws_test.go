package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
)

// TestAWSCLI asks for the catalog as any tool of AWS's would: signed requests by Amazon's own client.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	address := harness.FreePort(t)
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--aws-listen", address)
	s.Start()
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	sender := harness.Sender{Service: s, Token: p.Token}
	sender.MustSend(sender.Track, sender.Event("Seen", harness.Object{"distinct_id": "ann"}))
	s.AwaitPublished(p.ID)

	c := newAWSCLI(t, s, address)
	require.Contains(t, c.glue("get-tables", "--database-name", fmt.Sprintf("mp_%d", p.ID), "--query", "TableList[].Name"), "mp_master_event")
	out, stderr, err := c.run("sts", "get-caller-identity", "--query", "Arn")
	require.NoError(t, err, stderr)
	require.Contains(t, string(out), "user/refract")

	wrong := filepath.Join(t.TempDir(), "wrong")
	require.NoError(t, os.WriteFile(wrong, []byte("[default]\naws_access_key_id = AKIANOBODY0000000000\naws_secret_access_key = x\n"), 0o600))
	c.credentials = wrong
	_, stderr, err = c.run("glue", "get-databases")
	require.Error(t, err)
	require.Contains(t, stderr, "UnrecognizedClientException")
}
