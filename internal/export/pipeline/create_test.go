package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

func TestNamesFollowMixpanelsPattern(t *testing.T) {
	h := open(t)
	for _, c := range []struct {
		want string
		spec Spec
	}{
		{"events-daily-aws-monoschema", Spec{Type: TypeAWS, Frequency: Daily}},
		{"events-daily-aws-monoschema-2", Spec{Type: TypeAWS, Frequency: Daily, S3: S3{Prefix: "b"}, Glue: Glue{Database: "b"}}},
		{"events-hourly-aws-multischema", Spec{Type: TypeAWS, SchemaType: Multischema, Frequency: Hourly, S3: S3{Prefix: "c"}, Glue: Glue{Database: "c"}}},
		{"trial-people-daily-aws-monoschema", Spec{Type: TypeAWS, Source: People, Trial: true, Frequency: Daily}},
		{"events-hourly-s3-raw", Spec{Type: TypeRaw, Frequency: Hourly, From: 20000}},
		{"trial-events-daily-json-7", Spec{Trial: true, Frequency: Daily, S3: S3{Prefix: "d"}, Glue: Glue{Database: "d"}}},
	} {
		require.Equal(t, c.want, h.create(c.spec).Name)
	}
}

func TestACancelledPipelineGivesItsNameFree(t *testing.T) {
	h := open(t)
	first := h.create(Spec{Name: "shop"})
	require.NoError(t, h.store.Cancel(h.ctx, first.ID))
	found, err := h.store.Find(h.ctx, h.project, "shop")
	require.NoError(t, err)
	require.Equal(t, first.ID, found.ID, "nobody else has the name yet")
	second := h.create(Spec{Name: "shop"})
	found, err = h.store.Find(h.ctx, h.project, "shop")
	require.NoError(t, err)
	require.Equal(t, second.ID, found.ID)
}

func TestSchematizedPeopleBringIdentityMappingsAlong(t *testing.T) {
	h := open(t)
	people := h.create(Spec{Type: TypeAWS, Source: People, Frequency: Daily})
	both := func() []*Pipeline {
		all, err := h.store.List(h.ctx, h.project)
		require.NoError(t, err)
		require.Len(t, all, 2)
		return all
	}
	companion := both()[0]
	require.Equal(t, "identities-daily-aws-monoschema", companion.Name)
	require.Equal(t, Identities, companion.Source)
	require.Equal(t, people.ID, companion.Leader)
	require.NoError(t, h.store.Pause(h.ctx, people.ID))
	for _, p := range both() {
		require.Equal(t, Paused, p.State)
	}
	require.NoError(t, h.store.Resume(h.ctx, companion.ID), "the companion speaks for both")
	database := "other"
	require.NoError(t, h.store.Edit(h.ctx, people.ID, Change{GlueDatabase: &database}))
	require.NoError(t, h.store.RunNow(h.ctx, people.ID))
	for _, p := range both() {
		require.Equal(t, Active, p.State)
		require.Equal(t, "other", p.Glue.Database)
		require.EqualValues(t, 2, p.Revision)
	}
	require.NoError(t, h.store.Cancel(h.ctx, people.ID))
	require.NoError(t, h.store.Delete(h.ctx, people.ID))
	all, err := h.store.List(h.ctx, h.project)
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestATrialBeginsTheDayBeforeInTheProjectsTimeZone(t *testing.T) {
	at := time.Date(2026, 8, 1, 2, 0, 0, 0, time.UTC) // still the day before in New York
	zone, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	from, to := trialRange(at, zone)
	require.Equal(t, "2026-07-30", from.String())
	require.Equal(t, "2026-08-28", to.String())
	h := open(t)
	_, err = h.store.Create(h.ctx, Spec{Project: h.project, Source: Events, Trial: true, From: 20000, S3: S3{Bucket: "lake"}})
	requireSetup(t, err, "own dates")
}

func TestAnEditIsCheckedAndKeepsWhatWasBefore(t *testing.T) {
	h := open(t)
	p := h.create(Spec{Type: TypeAWS})
	h.create(Spec{S3: S3{Prefix: "b"}, Glue: Glue{Database: "taken"}})
	taken, broken, where, events := "taken", "properties[", `properties["plan"] == "free"`, []string{"Signed up"}
	requireSetup(t, h.store.Edit(h.ctx, p.ID, Change{GlueDatabase: &taken}), "another destination")
	requireSetup(t, h.store.Edit(h.ctx, p.ID, Change{Where: &broken}), "where")
	require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{}), "nothing changes")
	require.EqualValues(t, 1, h.get(p).Revision)
	require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{Where: &where, Events: &events}))
	now := h.get(p)
	require.EqualValues(t, 2, now.Revision)
	require.Equal(t, Selection{Events: events, Where: where}, now.Selection)
	before, err := h.store.definitionAt(h.ctx, now, 1)
	require.NoError(t, err)
	require.Equal(t, p.Definition, before.Definition)
	require.NoError(t, h.store.Cancel(h.ctx, p.ID))
	requireSetup(t, h.store.Edit(h.ctx, p.ID, Change{Where: new(string)}), "it is cancelled")
}

func TestPipelinesOfBeforeTheKindsAreMigrated(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "meta.db")
	db, err := meta.Open(ctx, path)
	require.NoError(t, err)
	projects := project.NewRegistry(db)
	_, _, err = projects.Create(ctx, project.Spec{ID: 1, Name: "shop"})
	require.NoError(t, err)
	// Back to the tables of the version before, by its own statements.
	for _, name := range []string{"mapping", "sync", "superseded", "day", "run", "revision", "sequence"} {
		_, err := db.Exec(ctx, `DROP TABLE pipeline_`+name)
		require.NoError(t, err)
	}
	_, err = db.Exec(ctx, `DROP TABLE pipeline`)
	require.NoError(t, err)
	text, err := os.ReadFile("../../platform/meta/migrations/0004_pipeline.sql")
	require.NoError(t, err)
	for _, statement := range []string{
		string(text),
		`INSERT INTO pipeline VALUES ('p1', 1, 'events-1', 'events', 'json', 'continuous', 1500, 20000, 0, 'la"ke\', 'a/b', 'mixpanel', 'mp_master_event', 1, 7000,
			'paused', 9, 11, 8000, 1, 0, 2, 'late', '', 0)`,
		`INSERT INTO pipeline_run VALUES ('p1', 3, 1, 'failed', 5, 9, 2, 1, 2, 3, 10, 20, 1, 1, 0, 0, 0, 'setup', 'o', 'j', 'm', 'h')`,
		`INSERT INTO pipeline_day VALUES ('p1', 20001, 10, 20, 1)`,
		`DELETE FROM migration WHERE name IN ('0008_kinds.sql', '0011_attach.sql', '0012_backfill.sql')`,
	} {
		_, err := db.Exec(ctx, statement)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	db, err = meta.Open(ctx, path)
	require.NoError(t, err)
	defer db.Close()
	s := NewStore(db, projects)
	p, err := s.Get(ctx, "p1")
	require.NoError(t, err)
	require.Equal(t, &Pipeline{
		Definition: Definition{
			Spec: Spec{
				Project: 1, Name: "events-1", Type: TypeJSON, Source: Events, Format: JSON, Frequency: Continuous, Interval: 1500 * time.Millisecond,
				From: event.Day(20000), S3: S3{Bucket: `la"ke\`, Prefix: "a/b", Encryption: NoEncryption}, Glue: Glue{Use: true, Database: "mixpanel"},
				Table: "mp_master_event", Milliseconds: true,
			},
			ID: "p1", State: Paused, Created: time.UnixMilli(7000).UTC(), Revision: 1,
		},
		Progress:    Progress{Published: 9, Target: 11, Backfill: 11, Next: time.UnixMilli(8000).UTC(), Attached: true, AttachError: "late"},
		attachTries: 2, cataloged: 1,
	}, p)
	runs, err := s.Runs(ctx, "p1", 10)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.EqualValues(t, 9, runs[0].UpTo)
	days, err := s.Days(ctx, "p1")
	require.NoError(t, err)
	require.EqualValues(t, 10, days[20001].Rows)
}
