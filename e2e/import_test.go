package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/control"
)

// line is an event of the form of Mixpanel's raw export.
func line(name string, n int) string {
	at := time.Date(2026, 5, 1, 0, 0, n, 0, time.UTC).Unix()
	return fmt.Sprintf(`{"event":%q,"properties":{"time":%d,"distinct_id":"u%d","$insert_id":"%s-%d","big":9007199254740993,"amount":403.30}}`,
		name, at, n%5, strings.ReplaceAll(strings.ToLower(name), " ", "-"), n)
}

// lines returns n events.
func lines(name string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = line(name, i)
	}
	return all
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, err := zip.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	return out.Bytes()
}

// TestImport imports files of every form through the command line and counts them with SQL.
func TestImport(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	zipped := encoder.EncodeAll([]byte("["+strings.Join(lines("Zstd Array", 250), ",\n")+"]"), nil)
	csv := "action,at,user,amount,plan\n"
	for i := range 300 {
		csv += fmt.Sprintf("CSV Row,2026-05-02T10:00:%02dZ,u%d,403.30,\"Zürich, \"\"west\"\"\"\n", i%60, i%5)
	}
	write("folder/a.ndjson", []byte(strings.Join(lines("In Folder", 120), "\n")))
	write("folder/deep/b.json.gz", gzipped(t, strings.Join(lines("In Folder Too", 130), "\n")+"\n"))
	github := `{"id":"%d","type":"PushEvent","actor":{"id":7,"login":"octo-%d"},"repo":{"name":"a/b"},"payload":{"size":%d,"commits":[{"sha":"x"}]},"public":true,"created_at":"2026-05-04T12:00:%02dZ"}`
	var pushes []string
	for i := range 140 {
		pushes = append(pushes, fmt.Sprintf(github, 20_000_000_000+i, i%3, i, i%60))
	}

	for _, c := range []struct {
		name, event string
		args        []string
		stdin       string
		want        int
	}{
		{name: "newline-delimited JSON", event: "NDJSON Line", args: []string{write("events.ndjson", []byte(strings.Join(lines("NDJSON Line", 2500), "\n")))}, want: 2500},
		{name: "an array, compressed with zstd", event: "Zstd Array", args: []string{write("array.json.zst", zipped)}, want: 250},
		{name: "gzip without a name", event: "Gzip Line", args: []string{write("blob", gzipped(t, strings.Join(lines("Gzip Line", 90), "\n")))}, want: 90},
		{name: "CSV with a mapping", event: "CSV Row", args: []string{write("old.csv", []byte(csv)), "--map", "event=action,time=at,distinct_id=user"}, want: 300},
		{name: "a folder", event: "In Folder%", args: []string{filepath.Join(dir, "folder")}, want: 250},
		{name: "standard input", event: "From Stdin", args: []string{"-"}, stdin: strings.Join(lines("From Stdin", 75), "\n"), want: 75},
		{
			name: "GitHub's events, whole", event: "PushEvent", want: 140,
			args: []string{write("github.ndjson", []byte(strings.Join(pushes, "\n"))), "--limits", "none", "--map", "event=type,time=created_at,distinct_id=actor.login,insert_id=id"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second time nothing is taken twice
				r := s.RunWith(strings.NewReader(c.stdin), append([]string{"import", "--project", "shop"}, c.args...)...)
				require.Zero(t, r.Status, r.Stderr)
				require.Contains(t, r.Stdout, fmt.Sprintf("%d imported, 0 refused", c.want))
			}
			s.AwaitPublished(p.ID)
			require.Equal(t, c.want, count(t, s, fmt.Sprintf("SELECT count(*) FROM mp_json_export.mp_master_event WHERE event_name LIKE '%s'", c.event)))
		})
	}
	t.Run("values keep their text", func(t *testing.T) {
		require.Equal(t, [][]string{{"9007199254740993", "403.30"}}, s.Rows(`SELECT DISTINCT json_extract_path_text(properties, 'big'),
			json_extract_path_text(properties, 'amount') FROM mp_json_export.mp_master_event WHERE event_name = 'NDJSON Line'`))
		require.Equal(t, [][]string{{"403.30", `Zürich, "west"`}}, s.Rows(`SELECT DISTINCT json_extract_path_text(properties, 'amount'),
			json_extract_path_text(properties, 'plan') FROM mp_json_export.mp_master_event WHERE event_name = 'CSV Row'`))
		require.Equal(t, [][]string{{"octo-0", "2026-05-04", "a/b", "7"}}, s.Rows(`SELECT distinct_id, mp_date, json_extract_path_text(properties, 'repo', 'name'),
			json_extract_path_text(properties, 'actor', 'id') FROM mp_json_export.mp_master_event WHERE event_name = 'PushEvent' AND insert_id = '20000000000'`))
	})
	t.Run("another job imports the same file again", func(t *testing.T) {
		s.MustRun("import", "--project", "shop", "--job", "again", filepath.Join(dir, "blob"))
		s.AwaitPublished(p.ID)
		require.Equal(t, 180, count(t, s, "SELECT count(*) FROM mp_json_export.mp_master_event WHERE event_name = 'Gzip Line'"))
	})
	s.RequireExact("shop")
}

// TestQuarantine imports records of which some are bad, looks at them, and takes them again through the command line.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	bad := []string{
		`{"event":"No Time","properties":{"distinct_id":"u1","$insert_id":"q-1"}}`,
		`{"event":"Good","properties":{"time":1777600000,"distinct_id":"u1","$insert_id":"q-2"}}`,
		`{"event":"","properties":{"time":1777600000,"distinct_id":"u1","$insert_id":"q-3"}}`,
		`{"event":"Broken","properties":{"time":1777600000,`,
	}
	file := filepath.Join(t.TempDir(), "bad.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(bad, "\n")), 0o600))
	for range 2 {
		r := s.Run("import", "--project", "shop", file)
		require.Equal(t, 1, r.Status, r.Stderr)
		require.Contains(t, r.Stdout, "1 imported, 3 refused")
	}
	entries := harness.RunJSON[[]control.Entry](s, "quarantine", "list", "--project", "shop")
	require.Len(t, entries, 3, "importing the same again quarantines nothing twice")
	raws := map[string]bool{}
	for _, e := range entries {
		shown := harness.RunJSON[control.Entry](s, "quarantine", "show", strconv.FormatInt(e.ID, 10))
		raws[strings.TrimSpace(string(shown.Raw))] = true
		require.NotEmpty(t, shown.Message)
		require.Equal(t, "import", shown.Endpoint)
		text := s.MustRun("quarantine", "show", strconv.FormatInt(e.ID, 10))
		require.Contains(t, text, string(shown.Raw))
		require.NotContains(t, text, base64.StdEncoding.EncodeToString(shown.Raw))
	}
	require.True(t, raws[bad[0]] && raws[bad[2]] && raws[bad[3]], "the raw bytes are kept as they came: %q", raws)
	require.Contains(t, s.MustRun("quarantine", "list", "--field", entries[0].Field), entries[0].Message)

	r := s.Run("quarantine", "replay", "--project", "shop")
	require.Equal(t, 1, r.Status, "what is still bad stays")
	require.Contains(t, r.Stdout, "0 taken, 3 still refused")

	// What is refused for its age alone is good when it is replayed.
	sender := &harness.Sender{Service: s, Token: p.Token}
	old := time.Now().AddDate(0, 0, -30).Unix()
	_, err := sender.Track(s.Context(), []harness.Object{sender.Event("Late", harness.Object{"time": old, "distinct_id": "u9", "$insert_id": "late-1"})})
	require.NoError(t, err)
	require.Equal(t, "1 taken, 0 still refused\n", s.MustRun("quarantine", "replay", "--endpoint", "track"))
	s.AwaitPublished(p.ID)
	require.Equal(t, [][]string{{"u9", strconv.FormatInt(old, 10)}}, s.Rows(`SELECT distinct_id, "time" FROM mp_json_export.mp_master_event WHERE event_name = 'Late'`))
	require.Len(t, harness.RunJSON[[]control.Entry](s, "quarantine", "list"), 3)
	s.RequireExact("shop")
}
