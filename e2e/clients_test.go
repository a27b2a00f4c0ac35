package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
)

// runClient runs a Node.js script of the folder clients and decodes what it prints.
func runClient(t *testing.T, out any, script string, args ...string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no Node.js: ", err)
	}
	clients := filepath.Join(harness.Root(), "e2e", "clients")
	if _, err := os.Stat(filepath.Join(clients, "node_modules")); err != nil {
		t.Skip("the npm packages are not installed: ", err)
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{filepath.Join(clients, script)}, args...)...)
	// A proxy of the environment is not for addresses of this machine.
	cmd.Env = append(os.Environ(), "HTTP_PROXY=", "HTTPS_PROXY=", "http_proxy=", "https_proxy=")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	require.NoError(t, err, "%s: %s%s", script, stdout, stderr.String())
	require.NoError(t, json.Unmarshal(stdout, out), "%s", stdout)
}

// host returns the host and the port of the collector.
func host(t *testing.T, s *harness.Service) (string, string) {
	t.Helper()
	host, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL(), "http://"))
	require.NoError(t, err)
	return host, port
}

// count runs a query that counts.
func count(t *testing.T, s *harness.Service, sql string) int {
	t.Helper()
	rows := s.Rows(sql)
	require.Len(t, rows, 1, sql)
	n, err := strconv.Atoi(rows[0][0])
	require.NoError(t, err, sql)
	return n
}

// TestNodeClient sends everything that the official Node.js client can send.
func TestNodeClient(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"simplified", "original"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := harness.Start(t)
			p := s.CreateProject("shop", "--identity", mode, "--group-key", "company")
			s.CreatePipelines("shop")
			name, port := host(t, s)
			var errors []string
			runClient(t, &errors, "node.js", name, port, p.Token, p.Secret, mode)
			require.Empty(t, errors)
			s.AwaitPublished(p.ID)
			events := map[string]string{}
			for _, row := range s.Rows("SELECT event_name, count(DISTINCT insert_id) FROM mp_json_export.mp_master_event WHERE event_name LIKE 'Node %' GROUP BY 1") {
				events[row[0]] = row[1]
			}
			require.Equal(t, map[string]string{"Node Tracked": "1", "Node Batched": "120", "Node Imported": "1", "Node Import Batched": "70"}, events)
			require.Equal(t, [][]string{{"node-1", "Zürich € \U0001f680", "403.3", "San Francisco", "node", "n-1"}}, s.Rows(`
				SELECT distinct_id, json_extract_path_text(properties, 'plan'), json_extract_path_text(properties, 'price'),
					json_extract_path_text(properties, '$city'), json_extract_path_text(properties, 'mp_lib'), insert_id
				FROM mp_json_export.mp_master_event WHERE event_name = 'Node Tracked'`))
			require.Equal(t, [][]string{{"1709208000", "2024-02-29", "true"}}, s.Rows(`SELECT "time", mp_date, json_extract_path_text(properties, 'leap')
				FROM mp_json_export.mp_master_event WHERE event_name = 'Node Imported'`))
			require.Equal(t, [][]string{{"node-1", "Ada", "free", "2024", "42", `["a","c","d"]`, "<null>"}}, s.Rows(`
				SELECT distinct_id, json_extract_path_text(properties, '$name'), json_extract_path_text(properties, 'plan'),
					json_extract_path_text(properties, 'first'), json_extract_path_text(properties, 'counter'),
					json_extract_path_text(properties, 'list'), json_extract_path_text(properties, 'doomed')
				FROM mp_json_export.mp_people_data`), "the deleted profile is gone, the other one is the fold of its operations")
			if mode == "original" {
				require.Len(t, s.Rows("SELECT 1 FROM mp_json_export.mp_identity_mappings_data WHERE distinct_id IN ('node-1', 'node-alias')"), 1,
					"an alias and its id are one person")
			}
			s.RequireExact("shop")
		})
	}
}

// chromium returns the browser's executable.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no Chromium")
	return ""
}

// TestBrowserClient drives mixpanel-browser in a real browser on a page of another origin.
func TestBrowserClient(t *testing.T) {
	t.Parallel()
	browser := chromium(t)
	s := harness.Start(t)
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	library := filepath.Join(harness.Root(), "e2e", "clients", "node_modules", "mixpanel-browser", "dist", "mixpanel.umd.js")
	pages := http.NewServeMux()
	pages.HandleFunc("/mixpanel.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, library) })
	pages.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	pages.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><title>Shop</title><script src="/mixpanel.js"></script>`)) // the browser reports a cut page
	})
	site := httptest.NewServer(pages)
	defer site.Close()
	var page struct {
		IDs struct {
			Device, Anonymous string
		}
		Failures []string
		Answers  []struct {
			Path   string
			Status int
		}
	}
	runClient(t, &page, "browser.js", browser, t.TempDir(), site.URL+"/?utm_source=news", s.URL(), p.Token)
	require.Empty(t, page.Failures, "what the browser complained about, such as CORS")
	require.NotEmpty(t, page.Answers)
	for _, a := range page.Answers {
		require.Equal(t, http.StatusOK, a.Status, a.Path)
	}
	// Beacons give no answer: their events are there when the collector has taken them.
	s.Await("the beacons' events are there", func() bool {
		s.AwaitPublished(p.ID)
		return count(t, s, "SELECT count(DISTINCT event_name) FROM mp_json_export.mp_master_event WHERE event_name IN ('Browser Beacon', 'Browser Leaving')") == 2
	})
	device := "$device:" + page.IDs.Device
	require.Equal(t, page.IDs.Anonymous, device)
	require.Equal(t, [][]string{{device, page.IDs.Device, "<null>", "Zürich € \U0001f680", "403.3", `{"a":[1,null]}`, "web", "news"}}, s.Rows(`
		SELECT distinct_id, device_id, user_id, json_extract_path_text(properties, 'plan'), json_extract_path_text(properties, 'price'),
			json_extract_path_text(properties, 'nested'), json_extract_path_text(properties, 'mp_lib'), json_extract_path_text(properties, 'utm_source')
		FROM mp_json_export.mp_master_event WHERE event_name = 'Browser Tracked'`))
	require.Equal(t, [][]string{{"browser-user", page.IDs.Device, "browser-user", "yes"}}, s.Rows(`
		SELECT distinct_id, device_id, user_id, json_extract_path_text(properties, 'super')
		FROM mp_json_export.mp_master_event WHERE event_name = 'Browser Identified'`))
	require.Equal(t, 40, count(t, s, "SELECT count(DISTINCT insert_id) FROM mp_json_export.mp_master_event WHERE event_name = 'Browser Batched'"))
	require.Equal(t, 1, count(t, s, "SELECT count(*) FROM mp_json_export.mp_master_event WHERE event_name = 'Browser JSON'"))
	require.Contains(t, s.Rows("SELECT distinct_id, resolved_distinct_id FROM mp_json_export.mp_identity_mappings_data"), []string{device, "browser-user"})
	require.Equal(t, [][]string{{"Browser Tracked", "browser-user"}}, s.Rows(`
		SELECT e.event_name, COALESCE(i.resolved_distinct_id, e.distinct_id) FROM mp_json_export.mp_master_event e
		LEFT JOIN mp_json_export.mp_identity_mappings_data i ON e.distinct_id = i.distinct_id WHERE e.event_name = 'Browser Tracked'`),
		"what was done before the login belongs to the user")
	require.Equal(t, [][]string{{"browser-user", "Grace", `["x"]`}}, s.Rows(`
		SELECT distinct_id, json_extract_path_text(properties, '$name'), json_extract_path_text(properties, 'list') FROM mp_json_export.mp_people_data`))
	s.RequireExact("shop")
}

// documentedQuery is the example of Mixpanel's page on Redshift Spectrum, as the README has it.
const documentedQuery = `SET json_serialization_enable TO true;
SELECT
    distinct_id
FROM
    "dev"."mp_json_export"."mp_master_event"
WHERE
    json_extract_path_text(properties, '$city') = 'San Francisco'
LIMIT 10;`

// TestSQLClients runs the documented query with every client that users have.
func TestSQLClients(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	sender := &harness.Sender{Service: s, Token: p.Token}
	sender.MustSend(sender.Track,
		sender.Event("Signed up", harness.Object{"distinct_id": "ada", "$city": "San Francisco", "n": 1}),
		sender.Event("Signed up", harness.Object{"distinct_id": "bob", "$city": "Oakland", "n": 2}))
	s.AwaitPublished(p.ID)

	t.Run("the README has the query", func(t *testing.T) {
		readme, err := os.ReadFile(filepath.Join(harness.Root(), "README.md"))
		require.NoError(t, err)
		require.Contains(t, string(readme), documentedQuery)
	})
	t.Run("psql", func(t *testing.T) {
		psql, err := exec.LookPath("psql")
		if err != nil {
			t.Skip("there is no psql: ", err)
		}
		name, port, err := net.SplitHostPort(s.SQLAddress())
		require.NoError(t, err)
		run := func(args ...string) string {
			cmd := exec.Command(psql, append([]string{"-X", "-v", "ON_ERROR_STOP=1", "-h", name, "-p", port, "-U", "refract", "dev"}, args...)...)
			cmd.Env = append(os.Environ(), "PGPASSWORD="+s.Secret("sql-password"))
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			return string(out)
		}
		require.Equal(t, "SET\nada\n", run("-A", "-t", "-c", documentedQuery))
		require.Contains(t, run("-c", `\d mp_json_export.mp_master_event`), "distinct_id")
		require.Contains(t, run("-c", `\dn`), "mp_json_export")
		require.Contains(t, run("-c", "SELECT tablename FROM svv_external_tables WHERE schemaname = 'mp_json_export' ORDER BY 1"), "mp_master_event")
	})
	t.Run("node-postgres", func(t *testing.T) {
		var rows [][]map[string]any
		runClient(t, &rows, "postgres.js", s.DSN(), documentedQuery,
			`{"text":"SELECT distinct_id FROM mp_json_export.mp_master_event WHERE json_extract_path_text(properties, 'n') = $1","values":["2"]}`,
			"SELECT count(*) AS n FROM mp_json_export.mp_master_event")
		require.Equal(t, [][]map[string]any{{{"distinct_id": "ada"}}, {{"distinct_id": "bob"}}, {{"n": "2"}}}, rows)
	})
	t.Run("pgx, simple and extended protocol", func(t *testing.T) {
		require.Equal(t, [][]string{{"ada"}}, s.Rows(documentedQuery))
		for _, simple := range []bool{true, false} {
			rows, err := s.Connect(simple).Query(s.Context(),
				"SELECT distinct_id, json_extract_path_text(properties, 'n') FROM mp_json_export.mp_master_event WHERE event_name = $1 ORDER BY 1", "Signed up")
			require.NoError(t, err)
			type row struct{ ID, N string }
			all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
			require.NoError(t, err)
			require.Equal(t, []row{{"ada", "1"}, {"bob", "2"}}, all)
		}
	})
	t.Run("refract sql", func(t *testing.T) {
		require.Contains(t, s.MustRun("sql", documentedQuery), "ada")
		require.Equal(t, "distinct_id\nada\n", s.MustRun("sql", "--format", "csv", documentedQuery))
		require.JSONEq(t, `{"distinct_id":"ada"}`, s.MustRun("sql", "--json", documentedQuery))
		r := s.Run("sql", "SELECT no_such_column FROM mp_json_export.mp_master_event")
		require.Equal(t, 2, r.Status)
		require.Contains(t, r.Stderr, `column "no_such_column" does not exist`)
	})
	t.Run("a wrong password is refused", func(t *testing.T) {
		_, err := pgx.Connect(s.Context(), strings.Replace(s.DSN(), s.Secret("sql-password"), "wrong", 1))
		require.ErrorContains(t, err, "28")
	})
}
