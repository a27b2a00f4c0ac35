package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/control"
)

// The catalog databases of the pipelines of TestKillSchematized and the external schemas that show them. The test makes the schemas: which database
// gets mp_json_export depends on which one is attached first, and kills decide that.
const (
	syncSchema   = "synced"
	appendSchema = "appended"
	multiSchema  = "multi"
)

// TestKillSchematized kills the service again and again while schematized pipelines of every kind and a raw one export what clients
// send, and readers look at the tables all the time: they never see a day or a person twice, half, or not at all. In the end every
// acknowledged record is there once.
func TestKillSchematized(t *testing.T) {
	t.Parallel()
	rnd := random(t, 11)
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms", "--http-listen", harness.FreePort(t), "--sql-listen", harness.FreePort(t),
		"--rate-limit-records-per-second", "500") // every run of the sync pipeline reads all that there is of its days
	s.Start()
	p := s.CreateProject("shop", "--time-zone", "Asia/Kolkata")
	create := func(args ...string) {
		s.MustRun(append([]string{"pipeline", "create", "--project", "shop"}, args...)...)
	}
	continuous := []string{"--type", "aws", "--frequency", "continuous", "--interval", "200ms"}
	create(append(continuous, "--source", "events", "--format", "parquet", "--sync", "--glue-database", syncSchema, "--s3-prefix", syncSchema)...)
	create(append(continuous, "--source", "people", "--format", "parquet", "--glue-database", syncSchema, "--s3-prefix", syncSchema)...)
	create(append(continuous, "--source", "events", "--format", "json", "--glue-database", appendSchema, "--s3-prefix", appendSchema)...)
	create(append(continuous, "--source", "events", "--format", "parquet", "--schema", "multischema", "--glue-database", multiSchema, "--s3-prefix", multiSchema)...)
	for _, schema := range []string{syncSchema, appendSchema, multiSchema} {
		s.Rows("CREATE EXTERNAL SCHEMA " + schema + " FROM DATA CATALOG DATABASE '" + schema + "' IAM_ROLE default CREATE EXTERNAL DATABASE IF NOT EXISTS")
	}
	create("--type", "s3-raw", "--frequency", "hourly", "--from", time.Now().AddDate(0, 0, -25).Format(time.DateOnly), "--s3-prefix", "raw")
	clients := startTraffic(t, s, p)
	watched := watchTables(t, s)
	for n := 1; n <= *kills/3 || watched.looks() < 20; n++ {
		if n%3 == 0 {
			pause(rnd, 400*time.Millisecond, 2*time.Second)
		} else {
			pause(rnd, 5*time.Millisecond, 400*time.Millisecond)
		}
		s.RequireRunning()
		s.Kill()
		s.Start()
		s.MustRun("pipeline", "run", "--project", "shop", rawName(t, s, p))
	}
	clients.Stop()
	watched.stop()
	t.Logf("readers looked %d times", watched.looks())
	s.MustRun("pipeline", "run", "--project", "shop", rawName(t, s, p))
	s.AwaitPublished(p.ID)
	s.AwaitAttached(p.ID)
	s.RequireExact("shop")
	for _, query := range []string{
		"SELECT id FROM " + syncSchema + ".mp_master_event", "SELECT id FROM " + appendSchema + ".mp_master_event",
		"SELECT id FROM " + multiSchema + ".viewed UNION ALL SELECT id FROM " + multiSchema + ".imported",
	} {
		require.Empty(t, clients.events.Differences(s.Tally(query)), query)
	}
	require.Empty(t, clients.events.Differences(rawIDs(t, filepath.Join(s.Dir, "lake", "raw"))), "raw lines")
	operations := map[string]int{}
	for _, row := range s.Rows("SELECT ids FROM " + syncSchema + ".mp_people_data WHERE mp_distinct_id LIKE 'profile-%'") {
		var ids []string
		require.NoError(t, json.Unmarshal([]byte(row[0]), &ids), row[0])
		for _, id := range ids {
			operations[id]++
		}
	}
	require.Empty(t, clients.operations.Differences(operations), "operations")
	links := map[string]int{}
	for _, row := range s.Rows("SELECT distinct_id, resolved_distinct_id FROM " + syncSchema + ".mp_identity_mappings_data") {
		links[row[0]]++
	}
	require.Empty(t, clients.links.Differences(links), "identity mappings")
	t.Logf("%d runs were interrupted", interrupted(t, s, p))
}

// rawName returns the name of the raw pipeline.
func rawName(t *testing.T, s *harness.Service, p control.Project) string {
	t.Helper()
	all, err := s.API().Pipelines(s.Context(), p.ID)
	require.NoError(t, err)
	for _, x := range all {
		if x.Type == "s3-raw" {
			return x.Name
		}
	}
	require.FailNow(t, "there is no raw pipeline")
	return ""
}

// rawIDs counts the property id of the lines in all objects of a raw pipeline. Folders of hours that are over must be marked complete.
func rawIDs(t *testing.T, dir string) map[string]int {
	t.Helper()
	found := map[string]int{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".json.gz") || strings.Contains(path, "/_") {
			return err
		}
		file, err := os.Open(path)
		require.NoError(t, err)
		defer file.Close()
		zip, err := gzip.NewReader(file)
		require.NoError(t, err)
		lines := bufio.NewScanner(zip)
		for lines.Scan() {
			var e struct {
				Properties struct {
					ID   string `json:"id"`
					Time int64  `json:"time"`
				} `json:"properties"`
			}
			require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
			found[e.Properties.ID]++
			hour := time.Unix(e.Properties.Time, 0).In(kolkata).Format("2006/01/02/15")
			require.Equal(t, hour, filepath.ToSlash(filepath.Dir(path))[len(filepath.ToSlash(filepath.Dir(path)))-len(hour):])
			if time.Since(time.Unix(e.Properties.Time, 0)) > 2*time.Hour {
				require.FileExists(t, filepath.Join(filepath.Dir(path), "complete"))
			}
		}
		require.NoError(t, lines.Err())
		return nil
	}))
	return found
}

var kolkata = time.FixedZone("IST", 5*3600+1800)

// watch is a reader that looks at tables again and again.
type watch struct {
	cancel context.CancelFunc
	done   chan struct{}
	count  chan int
}

// watchTables reads the tables until it is stopped. What a reader has seen must stay: days only grow, nobody is there twice, and ids are
// unique. Queries that the service's death ends are asked again.
func watchTables(t *testing.T, s *harness.Service) *watch {
	ctx, cancel := context.WithCancel(t.Context())
	w := &watch{cancel, make(chan struct{}), make(chan int, 1)}
	w.count <- 0
	seen := map[string]int{}
	queries := []struct{ name, sql string }{
		{"synced days", "SELECT 'day ' || mp_date, count(*), count(DISTINCT id) FROM " + syncSchema + ".mp_master_event GROUP BY 1"},
		{"people", "SELECT 'people', count(*), count(DISTINCT mp_distinct_id) FROM " + syncSchema + ".mp_people_data"},
		{"identities", "SELECT 'identities', count(*), count(DISTINCT distinct_id) FROM " + syncSchema + ".mp_identity_mappings_data"},
		{"appended days", "SELECT 'appended ' || mp_date, count(*), count(DISTINCT id) FROM " + appendSchema + ".mp_master_event GROUP BY 1"},
	}
	dsn := s.DSN()
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			conn, err := pgconn.Connect(ctx, dsn)
			if err != nil {
				sleepOr(ctx, 20*time.Millisecond)
				continue
			}
			for err == nil && ctx.Err() == nil {
				for _, q := range queries {
					var found []*pgconn.Result
					if found, err = conn.Exec(ctx, q.sql).ReadAll(); err != nil {
						break
					}
					w.judge(t, q.name, found[0].Rows, seen)
				}
			}
			if answer, told := errors.AsType[*pgconn.PgError](err); told && ctx.Err() == nil && !slices.Contains(notYet, answer.Code) {
				t.Errorf("a reader was told: %v", err)
			}
			sleepOr(ctx, 20*time.Millisecond)
			_ = conn.Close(ctx) // the service may be gone
		}
	}()
	t.Cleanup(w.stop)
	return w
}

// notYet are the answers of a service that has no such schema or table yet, or that is being shut down.
var notYet = []string{"3F000", "42P01", "57P01", "57P03"}

// judge compares what a query found with what was there before: rows of a name, a count, and a count of different ids.
func (w *watch) judge(t *testing.T, name string, rows [][][]byte, seen map[string]int) {
	found := map[string]int{}
	for _, row := range rows {
		n, err := strconv.Atoi(string(row[1]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if string(row[1]) != string(row[2]) {
			t.Errorf("%s: %s has %s rows with %s ids", name, row[0], row[1], row[2])
		}
		found[string(row[0])] = n
	}
	prefix := map[string]string{"synced days": "day ", "people": "people", "identities": "identities", "appended days": "appended "}[name]
	for key, n := range seen {
		if strings.HasPrefix(key, prefix) && found[key] < n {
			t.Errorf("%s: %s had %d rows, now %d", name, key, n, found[key])
		}
	}
	for key, n := range found {
		seen[key] = n
	}
	w.count <- 1 + <-w.count
}

func (w *watch) looks() int {
	n := <-w.count
	w.count <- n
	return n
}

// stop ends the reader.
func (w *watch) stop() {
	w.cancel()
	<-w.done
}
