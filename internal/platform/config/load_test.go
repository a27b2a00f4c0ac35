package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/golden"
)

func write(t testing.TB, content string) string {
	path := filepath.Join(t.TempDir(), "refract.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// problems returns the lines of a failed Load.
func problems(t *testing.T, s Sources) []string {
	t.Helper()
	_, _, err := Load(s)
	require.Error(t, err)
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	require.True(t, ok)
	var lines []string
	for _, p := range joined.Unwrap() {
		require.IsType(t, Problem{}, p)
		lines = append(lines, p.Error())
	}
	return lines
}

func TestTheDefaults(t *testing.T) {
	c, settings, err := Load(Sources{})
	require.NoError(t, err)
	require.Equal(t, &Config{
		DataDir: "./refract-data", Roles: []Role{Collector, Worker, Query},
		HTTP:      HTTP{Listen: "127.0.0.1:8080", MaxConnections: 4096},
		RateLimit: RateLimit{RecordsPerSecond: 30_000, BytesPerMinute: 2_000_000_000},
		SQL:       SQL{Listen: "127.0.0.1:5439", MemoryLimit: 2 << 30}, Log: Log{Replicas: 3},
		AWS:         AWS{Listen: "127.0.0.1:4566", Region: "us-east-1", Account: "000000000000"},
		Lake:        Lake{Bucket: "lake", Dir: "refract-data/lake"},
		Destination: Destination{PathStyle: "auto", AnswerTimeout: time.Minute}, Pipeline: Pipeline{Interval: time.Second, Concurrency: 8},
		Seal: Seal{After: 500 * time.Millisecond, Bytes: 64 << 20}, QuarantineMaxBytes: 1 << 30,
		Telemetry: Telemetry{LogLevel: slog.LevelInfo, LogFormat: "text"},
	}, c)
	require.True(t, c.Has(Worker))
	for _, s := range settings {
		require.Empty(t, s.From)
		require.Equal(t, s.Default, s.Value)
	}
}

func TestAFileIsRead(t *testing.T) {
	path := write(t, `
# comments are fine
data_dir: /var/lib/refract
roles: [collector, query]
http:
  listen: ":80"
  trusted_proxies: 10.1.2.3/8, 2001:db8::1
http.max_connections: 5
rate_limit:
  records_per_second: 0
log:
meta.url: postgres://refract:hunter2@db/refract
lake: &anchored
  dir: /mnt/lake
seal: {after: 2s, bytes: 128MiB}
sql:
  password: "001"
  threads:
telemetry:
  log_level: warn
`)
	c, settings, err := Load(Sources{File: path})
	require.NoError(t, err)
	require.Equal(t, "/var/lib/refract", c.DataDir)
	require.Equal(t, []Role{Collector, Query}, c.Roles)
	require.Equal(t, ":80", c.HTTP.Listen)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}, c.HTTP.TrustedProxies)
	require.Equal(t, 5, c.HTTP.MaxConnections)
	require.Zero(t, c.RateLimit.RecordsPerSecond)
	require.Equal(t, "/mnt/lake", c.Lake.Dir)
	require.Equal(t, Seal{2 * time.Second, 128 << 20}, c.Seal)
	require.Equal(t, "001", c.SQL.Password)
	require.Equal(t, "postgres://refract:hunter2@db/refract", c.Meta.URL)
	require.Equal(t, slog.LevelWarn, c.Telemetry.LogLevel)
	shown := map[string]Setting{}
	for _, s := range settings {
		shown[s.Path] = s
		require.NotContains(t, s.Value, "hunter2")
	}
	require.Equal(t, "(secret)", shown["sql.password"].Value)
	require.Equal(t, "refract.yaml:3", shown["data_dir"].From)
	require.Equal(t, "refract.yaml:15", shown["seal.bytes"].From)
	require.Empty(t, shown["sql.threads"].From)
}

func TestMistakesInAFileAreNamedWithTheirLineAndACure(t *testing.T) {
	cases := map[string]struct{ content, want string }{
		"an unknown key":              {"http:\n  lisen: x", "refract.yaml:2: http.lisen is not a setting (did you mean http.listen?)"},
		"an unknown section":          {"\nhtpp:\n  listen: x", "refract.yaml:2: htpp is not a setting (did you mean http?)"},
		"nothing like it":             {"completely_different: 1", "refract.yaml:1: completely_different is not a setting (refract config docs lists all settings)"},
		"letters swapped":             {"seal.btyes: 1", "refract.yaml:1: seal.btyes is not a setting (did you mean seal.bytes?)"},
		"a number in words":           {"pipeline:\n  concurrency: many", `refract.yaml:2: pipeline.concurrency "many" is not a number (valid is a number from 1 to 1000)`},
		"a number too great":          {"pipeline.concurrency: 1001", `refract.yaml:1: pipeline.concurrency "1001" is out of range (valid is a number from 1 to 1000)`},
		"an even number of replicas":  {"log.url: nats://x\nlog.replicas: 2", `refract.yaml:2: log.replicas "2" is an even number (valid is an odd number from 1 to 5)`},
		"a size":                      {"seal.bytes: 64 apples", `refract.yaml:1: seal.bytes "64 apples" is not a size (valid is a size from 1MiB to 4GiB, for example 256MiB)`},
		"a size too great for memory": {"seal.bytes: 99999999TiB", `refract.yaml:1: seal.bytes "99999999TiB" is not a size (valid is a size from 1MiB to 4GiB, for example 256MiB)`},
		"a duration without a unit":   {"seal:\n  after: 5", `refract.yaml:2: seal.after "5" is not a duration (valid is a duration from 10ms to 1h, for example 5s)`},
		"a duration too short":        {"seal.after: 1ms", `refract.yaml:1: seal.after "1ms" is out of range (valid is a duration from 10ms to 1h, for example 5s)`},
		"an address without a port":   {"http.listen: localhost", `refract.yaml:1: http.listen "localhost" is not an address (valid is host:port with a port of 0 to 65535, for example 0.0.0.0:8080)`},
		"a choice":                    {"telemetry.log_format: xml", `refract.yaml:1: telemetry.log_format "xml" is not one of the choices (valid is text or json)`},
		"a level":                     {"telemetry.log_level: loud", `refract.yaml:1: telemetry.log_level "loud" is not one of the choices (valid is debug or info or warn or error)`},
		"a role":                      {"roles: [worker, colector]", `refract.yaml:1: roles holds "colector"; did you mean "collector"? (valid is one or more of collector, worker, query, for example worker)`},
		"a role twice":                {"roles: worker,worker", `refract.yaml:1: roles holds "worker" twice (valid is one or more of collector, worker, query, for example worker)`},
		"no roles":                    {"roles: []", `refract.yaml:1: roles is empty (valid is one or more of collector, worker, query, for example worker)`},
		"a network":                   {"http.trusted_proxies: 10.0.0.0/33", `refract.yaml:1: http.trusted_proxies holds "10.0.0.0/33", which is not a network (valid is networks such as 10.0.0.0/8 and addresses such as 192.0.2.1, for example 10.0.0.0/8)`},
		"a bucket's name":             {"lake.bucket: My Lake", `refract.yaml:1: lake.bucket "My Lake" is not a bucket's name (valid is 3 to 63 lower-case letters, digits, dots and hyphens, for example events)`},
		"an address with a password":  {"meta.url: mysql://me:hunter2@x", "refract.yaml:1: meta.url is not such an address (valid is empty, or an address that begins with postgres:// or postgresql://, for example postgres://refract@db:5432/refract)"},
		"an empty path":               {`data_dir: ""`, "refract.yaml:1: data_dir is empty (valid is a path, for example /var/lib/refract)"},
		"a list for a text":           {"data_dir: [a]", "refract.yaml:1: data_dir is not a single value (valid is a path)"},
		"a mapping for a list":        {"roles: {a: b}", "refract.yaml:1: roles is not a list (valid is one or more of collector, worker, query, as a sequence or separated by commas)"},
		"a list in a list":            {"roles:\n  - [worker]", "refract.yaml:2: roles holds something that is not a single value (valid is one or more of collector, worker, query)"},
		"a text for a section":        {"http: 8080", "refract.yaml:1: http is not a mapping (write one key: value on each line)"},
		"a list for the file":         {"- http", "refract.yaml:1: the file is not a mapping (write one key: value on each line)"},
		"a key twice":                 {"http:\n  listen: :80\nhttp.listen: :81", "refract.yaml:3: http.listen is set a second time; the first is at refract.yaml:2 (keep one of them)"},
		"no YAML":                     {"http:\n\t- x: [", "refract.yaml: is not YAML: line 2: found character that cannot start any token"},
		"two documents":               {"data_dir: x\n---\ndata_dir: y", "refract.yaml: holds more than one document (keep the first)"},
		"half of TLS":                 {"http.tls_key: k.pem", "refract.yaml:1: http.tls_key is set without http.tls_cert (set both for TLS, or neither)"},
		"replicas of the own log":     {"log.replicas: 5", "refract.yaml:1: log.replicas is more than 1 for the embedded log (set log.url to a NATS cluster, or leave log.replicas out)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, []string{c.want}, problems(t, Sources{File: write(t, c.content)}))
		})
	}
}

func TestAllMistakesAreReportedTogether(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	AddFlags(flags)
	require.NoError(t, flags.Parse([]string{"--sql-listen=x"}))
	lines := problems(t, Sources{
		File: write(t, "a_mistake: 1\nseal.after: x\n"), Environ: []string{"REFRACT_SQL_THREADS=-1", "REFRACT_SEAL_BYTES="}, Flags: flags,
	})
	require.Len(t, lines, 4)
	text := strings.Join(lines, "\n")
	require.Contains(t, text, `$REFRACT_SQL_THREADS: sql.threads "-1" is out of range`)
	require.Contains(t, text, `--sql-listen: sql.listen "x" is not an address`)
}

func TestASecretIsNeverShown(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	AddFlags(flags)
	require.Nil(t, flags.Lookup("sql-password"))
	_, settings, err := Load(Sources{Environ: []string{"REFRACT_SQL_PASSWORD=hunter2", "REFRACT_LOG_URL=nats://a:hunter2@x, nats://y"}})
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprint(settings), "hunter2")
}

func TestAMissingFileIsAMistake(t *testing.T) {
	_, _, err := Load(Sources{File: filepath.Join(t.TempDir(), "none.yaml")})
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	for _, empty := range []string{"", "# nothing\n", "---\n", "null\n"} {
		_, _, err := Load(Sources{File: write(t, empty)})
		require.NoError(t, err, "%q", empty)
	}
}

// values holds valid values for every setting, which the property test needs and which shows that the examples are valid.
func values(f *Field) []string {
	valid := []string{f.Example, f.Default}
	switch f.Type {
	case "integer":
		valid = append(valid, "1", "5")
	case "size":
		valid = append(valid, "2MiB", "3000000")
	case "duration":
		valid = append(valid, "2s", "1m30s")
	case "list", "text":
		valid = append(valid, f.Choices...)
	}
	return valid
}

func TestPrecedenceIsFlagEnvironmentFileDefault(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		fields := declare(new(Config))
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		AddFlags(flags)
		file := map[string]any{}
		var environ, args []string
		want := map[string]string{}
		for _, f := range fields {
			if strings.HasSuffix(f.Path, "tls_key") || strings.HasSuffix(f.Path, "tls_cert") || f.Path == "log.replicas" {
				continue // they depend on others
			}
			value := rapid.SampledFrom(values(f))
			want[f.Path] = f.Default
			if rapid.Bool().Draw(t, "in file") {
				v := value.Draw(t, f.Path)
				want[f.Path] = v
				if rapid.Bool().Draw(t, "nested") {
					names := strings.Split(f.Path, ".")
					at := file
					for _, name := range names[:len(names)-1] {
						if at[name] == nil {
							at[name] = map[string]any{}
						}
						at = at[name].(map[string]any)
					}
					at[names[len(names)-1]] = v
				} else {
					file[f.Path] = v
				}
			}
			if rapid.Bool().Draw(t, "in environment") {
				v := value.Draw(t, f.Path)
				environ = append(environ, f.Env()+"="+v)
				if v != "" {
					want[f.Path] = v
				}
			}
			if f.Flag() != "" && rapid.Bool().Draw(t, "as flag") {
				v := value.Draw(t, f.Path)
				args = append(args, "--"+f.Flag(), v)
				want[f.Path] = v
			}
		}
		content, err := yaml.Marshal(file)
		require.NoError(t, err)
		path := filepath.Join(dir, "refract.yaml")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		require.NoError(t, flags.Parse(args))

		got, settings, err := Load(Sources{File: path, Environ: environ, Flags: flags})
		require.NoError(t, err)
		expected := new(Config)
		for _, f := range declare(expected) {
			value, ok := want[f.Path]
			if !ok {
				value = f.Default
			}
			require.NoError(t, f.set(value))
		}
		require.Empty(t, expected.finish(func(string) string { return "" }))
		require.Equal(t, expected, got)
		for _, s := range settings {
			if value, ok := want[s.Path]; ok && s.show == nil {
				require.Equal(t, value, s.Value)
			}
		}
	})
}

func TestEveryDeclarationIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range declare(new(Config)) {
		require.False(t, seen[f.Path], f.Path)
		seen[f.Path] = true
		require.NotEmpty(t, f.Description, f.Path)
		require.NotEmpty(t, f.Example, f.Path)
		require.NotEmpty(t, f.Valid, f.Path)
		require.NoError(t, f.set(f.Default), f.Path)
		require.NoError(t, f.set(f.Example), f.Path)
	}
}

func TestDocs(t *testing.T) { golden.Equal(t, "testdata/docs.md", []byte(Docs())) }

func TestSchema(t *testing.T) {
	s, err := Schema()
	require.NoError(t, err)
	golden.Equal(t, "testdata/schema.json", s)
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "1": 1, "10MB": 10_000_000, "10mib": 10 << 20, "3 KiB": 3072, "7B": 7, "8388607TiB": 8388607 << 40} {
		got, ok := parseSize(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "MB", "-1", "1.5MB", "1e3", "8388608TiB", "99999999999999999999", "1 M", "0x10", "+5"} {
		_, ok := parseSize(text)
		require.False(t, ok, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Min(0).Draw(t, "n")
		back, ok := parseSize(formatSize(n))
		require.True(t, ok)
		require.Equal(t, n, back)
	})
}

func FuzzFile(f *testing.F) {
	for _, seed := range []string{"http: {listen: x}", "roles: [worker]\n---\n", "a: &a [*a]", "http: &h\n  <<: *h", "? {a: b} : c", "- - -", "!!binary x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		values, problems := parseFile("f.yaml", []byte(content), declare(new(Config)))
		for _, p := range problems {
			require.NotEmpty(t, p.Wrong)
			require.True(t, strings.HasPrefix(p.Place, "f.yaml"))
		}
		for path := range values {
			require.NotEmpty(t, path)
		}
	})
}
