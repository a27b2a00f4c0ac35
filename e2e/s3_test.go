package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/control"
)

// TestPipelinesToAnS3Server exports to a bucket of an S3 server that is another process, over a proxy that lets it fail, while events
// arrive and the service is killed. In the end every stage holds the same records, nothing lies in the bucket twice or half, and SQL reads
// the bucket. The server's secret key is nowhere to be found.
func TestPipelinesToAnS3Server(t *testing.T) {
	rnd := random(t, 5)
	g := awstest.StartGateway(t)
	g.CreateBucket(t, "remote")
	proxy := awstest.NewProxy(t, g.URL, aws.Credentials{AccessKeyID: g.Key, SecretAccessKey: g.Secret})
	proxy.Random(*seed, 0.05, awstest.Unavailable, awstest.SlowDown, awstest.InternalErrorAfter, awstest.Reset, awstest.ResetAfter,
		awstest.ExpiredToken, awstest.Partial)
	t.Setenv("AWS_ACCESS_KEY_ID", g.Key)
	const wrong = "a-planted-key-that-the-server-refuses"
	t.Setenv("AWS_SECRET_ACCESS_KEY", wrong)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--http-listen", harness.FreePort(t),
		"--destination-endpoint-url", proxy.URL, "--destination-region", awstest.Region, "--telemetry-log-level", "debug")
	s.Start()
	p := s.CreateProject("shop")
	for _, source := range []string{"events", "people", "identities"} {
		_, err := s.API().CreatePipeline(s.Context(), p.ID, url.Values{
			"type": {"json"}, "data_source": {source}, "frequency": {"continuous"}, "interval": {"100ms"}, "s3_bucket": {"remote"}, "s3_prefix": {"shop"},
		})
		require.NoError(t, err)
	}
	clients := startTraffic(t, s, p)
	s.Await("the wrong key makes a run fail for the user to mend", func() bool { return failedFor(t, s, p, "setup") })
	t.Setenv("AWS_SECRET_ACCESS_KEY", g.Secret)
	s.Restart()
	pipelines, err := s.API().Pipelines(s.Context(), p.ID)
	require.NoError(t, err)
	for _, x := range pipelines {
		require.NoError(t, s.API().ChangePipeline(s.Context(), p.ID, x.ID, "run"))
	}
	for range 8 {
		pause(rnd, 100*time.Millisecond, 1500*time.Millisecond)
		s.RequireRunning()
		s.Kill()
		s.Start()
	}
	clients.Stop()
	s.AwaitPublished(p.ID)
	s.RequireExact("shop")
	clients.requireAllThere(s, "mp_master_event")
	// No kill comes any more, which would leave an upload for a day.
	proxy.Add(awstest.Fault{Operation: "CreateMultipartUpload", Effect: awstest.ResetAfter})
	archive := s.CreateProject("archive")
	sendBig(t, s, archive)
	_, err = s.API().CreatePipeline(s.Context(), archive.ID, url.Values{"type": {"json"}, "data_source": {"events"}, "s3_bucket": {"remote"}, "s3_prefix": {"archive"}})
	require.NoError(t, err)
	s.Await("an object is uploaded in parts", func() bool {
		all, err := s.API().Pipelines(s.Context(), archive.ID)
		require.NoError(t, err)
		return all[0].Published > 0
	})
	s.RequireExact("archive")
	require.Greater(t, proxy.Requests("CreateMultipartUpload"), 1)
	require.Positive(t, proxy.Injected(""))
	require.Empty(t, s.Strays(filepath.Join(g.Dir, "remote")))
	require.Empty(t, g.Uploads(t, "remote"))
	requireNowhere(t, s, p, nil, secret{what: "the server's key", text: g.Secret}, secret{what: "the wrong key", text: wrong})
}

// failedFor reports whether the last run of one of the project's pipelines failed with the class.
func failedFor(t *testing.T, s *harness.Service, p control.Project, class string) bool {
	t.Helper()
	pipelines, err := s.API().Pipelines(s.Context(), p.ID)
	require.NoError(t, err)
	for _, x := range pipelines {
		runs, err := s.API().Runs(s.Context(), p.ID, x.ID, 1)
		require.NoError(t, err)
		if len(runs) > 0 && runs[0].LastError != nil && runs[0].LastError.Class == class {
			return true
		}
	}
	return false
}

// secret is a text that nobody may be shown.
type secret struct {
	what, text string
	// kept are the files and folders of the data folder that hold it by design.
	kept []string
}

// requireNowhere looks for secrets in what the service shows and keeps: its logs, its metrics, the histories of runs, answers to requests, and
// its files.
func requireNowhere(t *testing.T, s *harness.Service, p control.Project, answers []string, secrets ...secret) {
	t.Helper()
	pipelines, err := s.API().Pipelines(s.Context(), p.ID)
	require.NoError(t, err)
	shown := []any{pipelines}
	for _, x := range pipelines {
		runs, err := s.API().Runs(s.Context(), p.ID, x.ID, 1000)
		require.NoError(t, err)
		shown = append(shown, runs)
	}
	history, err := json.Marshal(shown)
	require.NoError(t, err)
	require.Contains(t, string(history), "setup", "the refused key has left its trace")
	resp, err := http.Get(s.URL() + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	for _, secret := range secrets {
		require.NotEmpty(t, secret.text, secret.what)
		for place, text := range map[string]string{"logs": s.Logs(), "history": string(history), "metrics": string(metrics), "answers": strings.Join(answers, "\n")} {
			if i := strings.Index(text, secret.text); i >= 0 {
				require.Fail(t, secret.what+" is shown in the "+place, text[max(0, i-200):min(len(text), i+200)])
			}
		}
		require.NoError(t, filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			name, err := filepath.Rel(s.Dir, path)
			if err != nil || slices.ContainsFunc(secret.kept, func(kept string) bool { return strings.HasPrefix(name, kept) }) {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // the service goes on working
				return err
			}
			require.False(t, bytes.Contains(content, []byte(secret.text)), "%s is in %s", secret.what, path)
			return nil
		}))
	}
}
