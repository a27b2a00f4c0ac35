package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/control"
)

var listed = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*) +\S`)

// commands returns every command of the binary, found through their helps.
func commands(t *testing.T, path ...string) [][]string {
	t.Helper()
	r := harness.Run(t, nil, append(path, "--help")...)
	require.Zero(t, r.Status, path)
	require.Empty(t, r.Stderr, path)
	all := [][]string{path}
	_, rest, ok := strings.Cut(r.Stdout, "Available Commands:\n")
	if !ok {
		return all
	}
	block, _, _ := strings.Cut(rest, "\n\n")
	for _, m := range listed.FindAllStringSubmatch(block, -1) {
		if m[1] != "help" && m[1] != "completion" {
			all = append(all, commands(t, append(append([]string{}, path...), m[1])...)...)
		}
	}
	return all
}

// TestHelp reads every command's help.
func TestHelp(t *testing.T) {
	t.Parallel()
	all := commands(t)
	require.Greater(t, len(all), 20)
	withExamples := map[string]bool{}
	for _, path := range all {
		help := harness.Run(t, nil, append(path, "--help")...).Stdout
		require.Contains(t, help, "Usage:", path)
		withExamples[strings.Join(path, " ")] = strings.Contains(help, "Examples:\n")
	}
	for _, name := range []string{
		"", "up", "demo", "import", "sql", "verify", "project create", "pipeline create", "pipeline edit", "pipeline list", "pipeline show", "pipeline runs", "pipeline run", "pipeline pause",
		"pipeline resume", "pipeline cancel", "pipeline delete", "pipeline status", "pipeline jobs", "pipeline timeline", "pipeline schema", "service-account create", "quarantine list",
		"quarantine replay", "config show",
	} {
		require.True(t, withExamples[name], "refract %s has no example", name)
	}
}

// TestExitStatus checks what the root command's help promises.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	sender := &harness.Sender{Service: s, Token: p.Token}
	sender.MustSend(sender.Track, sender.Event("Viewed", harness.Object{"distinct_id": "ada"}))
	s.AwaitPublished(p.ID)
	missing := filepath.Join(t.TempDir(), "missing")

	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"a status", []string{"status"}, 0, ""},
		{"an unknown command", []string{"frobnicate"}, 2, "frobnicate"},
		{"an unknown flag", []string{"status", "--frobnicate"}, 2, "--frobnicate"},
		{"a missing argument", []string{"import"}, 2, "arg"},
		{"an unknown project", []string{"verify", "--project", "nowhere"}, 2, `"nowhere"`},
		{"a missing file", []string{"import", missing}, 2, missing},
		{"a bad mapping", []string{"import", "-", "--map", "event=type"}, 2, "time"},
		{"a bad source", []string{"pipeline", "create", "--source", "planets"}, 2, `--source: "planets" is not possible with the type json: use events, people or identities`},
		{"a bad date", []string{"pipeline", "create", "--s3-prefix", "x", "--table", "x", "--from", "yesterday"}, 2, `--from: "yesterday" is no date`},
		{"a destination that is half named", []string{"pipeline", "create", "--type", "aws", "--s3-bucket", "b", "--s3-region", "us-west-2"}, 2, "--s3-role: is missing: give --s3-bucket, --s3-region and --s3-role"},
		{"a raw pipeline without a beginning", []string{"pipeline", "create", "--type", "s3-raw"}, 2, "--from: is missing"},
		{"an expression that is none", []string{"pipeline", "create", "--where", "1 +", "--table", "x"}, 2, "--where: "},
		{"an edit of nothing", []string{"pipeline", "edit", "events-continuous-json-1"}, 2, "nothing is to change"},
		{"a state that does not exist", []string{"pipeline", "status", "events-continuous-json-1", "--status", "lost"}, 2, "--status: "},
		{"a pipeline that overlaps", []string{"pipeline", "create", "--source", "events"}, 2, "overlaps"},
		{"a name that is taken by no pipeline", []string{"pipeline", "pause", "nothing"}, 2, `"nothing"`},
		{"a wrong token", []string{"status", "--admin-token", "wrong"}, 2, "admin token"},
		{"SQL that is wrong", []string{"sql", "SELEC 1"}, 2, "syntax error"},
		{"a quarantine entry that is not there", []string{"quarantine", "show", "99"}, 2, "99"},
		{"no number", []string{"quarantine", "show", "first"}, 2, "first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.Run(c.args...)
			require.Equal(t, c.status, r.Status, "%s%s", r.Stdout, r.Stderr)
			require.Contains(t, r.Stderr, c.says)
			if c.status != 0 {
				require.True(t, strings.HasPrefix(r.Stderr, "refract: "), r.Stderr)
				require.Empty(t, r.Stdout)
			}
		})
	}
	t.Run("every command that prints JSON prints nothing else", func(t *testing.T) {
		name := harness.RunJSON[[]control.Pipeline](s, "pipeline", "list")[0].Name
		for _, args := range [][]string{
			{"status"}, {"project", "list"}, {"pipeline", "list"}, {"pipeline", "show", name}, {"pipeline", "runs", name}, {"pipeline", "status", name},
			{"pipeline", "status", name, "--summary"}, {"pipeline", "jobs"}, {"pipeline", "timeline"}, {"pipeline", "timeline", name}, {"pipeline", "edit", name, "--events", ""}, {"verify"}, {"quarantine", "list"},
			{"service-account", "create", "robot"}, {"config", "show"}, {"pipeline", "pause", name}, {"pipeline", "resume", name}, {"pipeline", "run", name},
		} {
			text := s.MustRun(append(args, "--json")...)
			require.True(t, json.Valid([]byte(text)), "%v: %s", args, text)
		}
	})
	t.Run("a verification that differs is a no", func(t *testing.T) {
		var objects []string
		require.NoError(t, filepath.WalkDir(filepath.Join(s.Dir, "lake"), func(path string, d os.DirEntry, err error) error {
			if err == nil && strings.Contains(path, "mp_master_event") && strings.HasSuffix(path, ".json.gz") {
				objects = append(objects, path)
			}
			return err
		}))
		require.Len(t, objects, 1)
		whole, err := os.ReadFile(objects[0])
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(objects[0], append(whole, whole...), 0o600))
		r := s.Run("verify", "--project", "shop")
		require.Equal(t, 1, r.Status, "%s%s", r.Stdout, r.Stderr)
		require.Contains(t, r.Stdout, "NOT exact")
		require.NoError(t, os.WriteFile(objects[0], whole, 0o600))
		require.Contains(t, s.MustRun("verify", "--project", "shop"), "exact: every stage")
	})
	t.Run("a service that is down is worth another try", func(t *testing.T) {
		s.Kill()
		require.Equal(t, 3, s.Run("status").Status)
		require.Equal(t, 3, s.Run("sql", "SELECT 1").Status)
		s.Start()
		require.Zero(t, s.Run("status").Status)
	})
	t.Run("a folder without a service", func(t *testing.T) {
		r := harness.Run(t, nil, "status", "--data-dir", missing)
		require.Equal(t, 2, r.Status)
		require.Contains(t, r.Stderr, missing)
		require.Contains(t, r.Stderr, "refract up")
	})
}

// TestConfigurationErrors checks that mistakes are told with their setting and their place.
func TestConfigurationErrors(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "refract.yaml")
	require.NoError(t, os.WriteFile(file, []byte("data_dir: "+t.TempDir()+"\nhttp:\n  listen: nonsense\nseal:\n  aftr: 5s\n  bytes: many\n"), 0o600))
	for _, command := range [][]string{{"up", "--config", file}, {"config", "show", "--config", file}} {
		r := harness.Run(t, nil, command...)
		require.Equal(t, 2, r.Status, r.Stderr)
		for _, want := range []string{"refract.yaml:3", "http.listen", "refract.yaml:5", "seal.aftr", "seal.after", "refract.yaml:6", "seal.bytes"} {
			require.Contains(t, r.Stderr, want)
		}
	}
	r := harness.Run(t, nil, "up", "--config", file+".not")
	require.Equal(t, 2, r.Status)
	require.Contains(t, r.Stderr, file+".not")
	r = harness.Run(t, nil, "up", "--data-dir", t.TempDir(), "--roles", "collector,cook")
	require.Equal(t, 2, r.Status)
	require.Contains(t, r.Stderr, "cook")
	require.Contains(t, r.Stderr, "--roles")
}
