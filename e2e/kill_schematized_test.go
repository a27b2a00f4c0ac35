package e2e

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	watched := harness.NewWatch(t, s.DSN(),
		harness.Watched{Table: syncSchema + ".mp_master_event", ID: "id", Days: true},
		harness.Watched{Table: syncSchema + ".mp_people_data", ID: "mp_distinct_id"},
		harness.Watched{Table: syncSchema + ".mp_identity_mappings_data", ID: "distinct_id"},
		harness.Watched{Table: appendSchema + ".mp_master_event", ID: "id", Days: true},
		harness.Watched{Table: multiSchema + ".viewed", ID: "id", Days: true},
	)
	for n := 1; n <= *kills/3 || n <= 3**kills && watched.Looks() < 5; n++ {
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
	watched.Stop()
	require.GreaterOrEqual(t, watched.Looks(), 5, "the reader has looked at every table")
	s.MustRun("pipeline", "run", "--project", "shop", rawName(t, s, p))
	s.AwaitPublished(p.ID)
	s.AwaitAttached(p.ID)
	s.RequireExact("shop")
	s.RequireSpectrumSafe(filepath.Join(s.Dir, "lake"), p.ID)
	for _, query := range []string{
		"SELECT id FROM " + syncSchema + ".mp_master_event", "SELECT id FROM " + appendSchema + ".mp_master_event",
		"SELECT id FROM " + multiSchema + ".viewed UNION ALL SELECT id FROM " + multiSchema + ".imported",
	} {
		require.Empty(t, clients.events.Differences(s.Tally(query)), query)
	}
	require.Empty(t, clients.events.Differences(rawIDs(t, filepath.Join(s.Dir, "lake", "raw"))), "raw lines")
	operations := elements(t, s, "SELECT ids FROM "+syncSchema+".mp_people_data WHERE mp_distinct_id LIKE 'profile-%'")
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
	eachRawLine(t, dir, func(path string, e rawEvent) {
		found[e.Properties.ID]++
		hour := time.Unix(e.Properties.Time, 0).In(kolkata).Format("2006/01/02/15")
		require.Equal(t, hour, filepath.ToSlash(filepath.Dir(path))[len(filepath.ToSlash(filepath.Dir(path)))-len(hour):])
		if time.Since(time.Unix(e.Properties.Time, 0)) > 2*time.Hour {
			require.FileExists(t, filepath.Join(filepath.Dir(path), "complete"))
		}
	})
	return found
}

// rawEvent is what tests read of a line of a raw pipeline.
type rawEvent struct {
	Properties struct {
		ID       string `json:"id"`
		InsertID string `json:"$insert_id"`
		Time     int64  `json:"time"`
	} `json:"properties"`
}

// eachRawLine calls fn for each line of each object of a raw pipeline, with the object's path.
func eachRawLine(t *testing.T, dir string, fn func(path string, e rawEvent)) {
	t.Helper()
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
			var e rawEvent
			require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
			fn(path, e)
		}
		require.NoError(t, lines.Err())
		return nil
	}))
}

var kolkata = time.FixedZone("IST", 5*3600+1800)
