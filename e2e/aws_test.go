package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
)

// TestAWSCLI asks for the catalog as any tool of AWS's would: signed requests by Amazon's own client.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	aws, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("awscli is not installed: make deps installs it")
	}
	address := harness.FreePort(t)
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--aws-listen", address)
	s.Start()
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	sender := harness.Sender{Service: s, Token: p.Token}
	sender.MustSend(sender.Track, sender.Event("Seen", harness.Object{"distinct_id": "ann"}))
	s.AwaitPublished(p.ID)

	run := func(credentials string, args ...string) ([]byte, string, error) {
		cmd := exec.CommandContext(t.Context(), aws, append([]string{"--endpoint-url", "http://" + address, "--region", "us-east-1", "--output", "json"}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_SHARED_CREDENTIALS_FILE="+credentials, "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		return out, stderr.String(), err
	}
	credentials := filepath.Join(s.Dir, "aws-credentials")
	out, stderr, err := run(credentials, "glue", "get-tables", "--database-name", fmt.Sprintf("mp_%d", p.ID), "--query", "TableList[].Name")
	require.NoError(t, err, stderr)
	var tables []string
	require.NoError(t, json.Unmarshal(out, &tables))
	require.Contains(t, tables, "mp_master_event")
	out, stderr, err = run(credentials, "sts", "get-caller-identity", "--query", "Arn")
	require.NoError(t, err, stderr)
	require.Contains(t, string(out), "user/refract")

	wrong := filepath.Join(t.TempDir(), "wrong")
	require.NoError(t, os.WriteFile(wrong, []byte("[default]\naws_access_key_id = AKIANOBODY0000000000\naws_secret_access_key = x\n"), 0o600))
	_, stderr, err = run(wrong, "glue", "get-databases")
	require.Error(t, err)
	require.Contains(t, stderr, "UnrecognizedClientException")
}
