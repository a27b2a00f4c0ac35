package e2e

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
)

// TestEveryKindOfPipelineUnderTraffic runs pipelines of every kind while clients send. A reader asks the table whose days are replaced all
// the time: it finds every event once, and never fewer than before. Then the service is killed while it exports the rest, and every day of
// every table, and every column, agrees from the store to SQL.
func TestEveryKindOfPipelineUnderTraffic(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--seal-after", "50ms", "--pipeline-interval", "100ms")
	p := s.CreateProject("shop", "--time-zone", "Asia/Kolkata")
	createKinds(s)
	clients := startTraffic(t, s, p)
	s.Await("the table is attached", func() bool {
		all, err := s.API().Pipelines(s.Context(), p.ID)
		for _, x := range all {
			if x.Name == "days" {
				return err == nil && x.Attached
			}
		}
		return false
	})

	var reader sync.WaitGroup
	done := make(chan struct{})
	reads := 0
	reader.Go(func() {
		conn := s.Connect(true)
		var before int64
		for {
			select {
			case <-done:
				return
			default:
			}
			var rows, events int64
			err := conn.QueryRow(s.Context(), `SELECT count(*), count(DISTINCT mp_insert_id) FROM `+externalTable(t, s, "days", "mp_master_event")).Scan(&rows, &events)
			if errors.Is(err, pgx.ErrNoRows) || err != nil {
				t.Errorf("reading while days are replaced: %v", err)
				return
			}
			if rows != events || rows < before {
				t.Errorf("%d rows of %d events, after %d", rows, events, before)
				return
			}
			before = rows
			reads++
		}
	})
	sent, _ := clients.events.Counts()
	s.Await("more events are sent", func() bool { n, _ := clients.events.Counts(); return n > sent+2000 })
	clients.Stop()
	close(done)
	reader.Wait()
	require.Greater(t, reads, 3)

	s.Kill()
	s.Start()
	awaitPublished(s, p.ID)
	s.AwaitAttached(p.ID)
	all, err := s.API().Pipelines(s.Context(), p.ID)
	require.NoError(t, err)
	for _, x := range all {
		if x.UseGlue {
			require.EqualValues(t, 1, x.Attachment.Rows, x.Name)
		}
	}
	report := s.RequireExact("shop")
	require.Len(t, report.Pipelines, 6, "with the identity mappings that people bring along")
	var columns int
	for _, section := range report.Pipelines {
		columns += len(section.Lines)
	}
	require.Greater(t, columns, 20)
	s.RequireSpectrumSafe(filepath.Join(s.Dir, "lake"), p.ID)
	require.Contains(t, s.MustRun("pipeline", "schema", "tables"), "mp_insert_id")
}

// createKinds makes a pipeline of each kind that is not a plain JSON pipeline, each in a place of its own. Raw ones run when they are told to.
func createKinds(s *harness.Service) {
	create := func(name string, args ...string) {
		s.MustRun(append([]string{"pipeline", "create", "--name", name, "--s3-prefix", name}, args...)...)
	}
	create("days", "--type", "aws", "--format", "parquet", "--sync", "--frequency", "continuous", "--interval", "200ms", "--glue-database", "days")
	create("tables", "--type", "aws", "--schema", "multischema", "--frequency", "continuous", "--interval", "200ms", "--glue-database", "tables")
	create("people", "--type", "aws", "--source", "people", "--format", "parquet", "--frequency", "continuous", "--interval", "300ms", "--glue-database", "people")
	create("raw", "--type", "s3-raw", "--frequency", "hourly", "--from", time.Now().AddDate(0, 0, -2).Format(time.DateOnly))
	create("chosen", "--frequency", "continuous", "--interval", "200ms", "--glue-database", "chosen", "--where", `defined(properties["id"])`,
		"--properties", "id", "--properties", "$insert_id")
}

// awaitPublished waits until all pipelines have published what is in the log. The raw one, whose next turn may be an hour away, is told to
// run whenever something more is sealed.
func awaitPublished(s *harness.Service, project int64) {
	api := s.API()
	status, err := api.Status(s.Context())
	if err == nil {
		s.Await("raw events are published", func() bool {
			s.MustRun("pipeline", "run", "raw")
			raw, err := api.Pipeline(s.Context(), project, "raw")
			return err == nil && raw.Published >= status.LogPosition
		})
	}
	s.AwaitPublished(project)
}

// externalTable returns the name of a catalog table in SQL.
func externalTable(t *testing.T, s *harness.Service, database, table string) string {
	t.Helper()
	for _, row := range s.Rows(`SELECT schemaname, databasename FROM svv_external_schemas`) {
		if row[1] == database {
			return pgx.Identifier{row[0], table}.Sanitize()
		}
	}
	t.Fatalf("no external schema shows %s", database)
	return ""
}
