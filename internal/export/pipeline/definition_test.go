package pipeline

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/golden"
)

func open(t *testing.T) *house {
	t.Helper()
	h, done := newHouse(t, t.TempDir())
	t.Cleanup(done)
	return h
}

func requireSetup(t *testing.T, err error, text string) {
	t.Helper()
	require.ErrorContains(t, err, text)
	require.Equal(t, fault.Setup, fault.ClassOf(err), err)
}

func TestDefaultsAreMixpanels(t *testing.T) {
	h := open(t)
	p, err := h.store.Create(h.ctx, Spec{Project: h.project, Source: Events, S3: S3{Bucket: "lake"}, Glue: Glue{Use: true, Database: "mixpanel"}})
	require.NoError(t, err)
	require.Equal(t, "events-daily-json-1", p.Name)
	require.Equal(t, "mp_master_event", p.Table)
	require.Equal(t, Active, p.State)
	c := h.create(Spec{Source: People})
	require.Equal(t, "people-continuous-json-2", c.Name)
	require.Equal(t, time.Minute, c.Interval)
	require.Equal(t, time.Second, h.create(Spec{S3: S3{Prefix: "/b/"}, Glue: Glue{Database: "b"}}).Interval)
	for _, key := range []string{p.ID, p.Name} {
		found, err := h.store.Find(h.ctx, h.project, key)
		require.NoError(t, err)
		require.Equal(t, p, found)
	}
	_, err = h.store.Find(h.ctx, 1, p.Name)
	require.ErrorIs(t, err, ErrNotFound)
}

func TestSpecsThatAreWrongNameTheField(t *testing.T) {
	h := open(t)
	good := Spec{Project: h.project, Source: Events, Frequency: Continuous, S3: S3{Bucket: "lake"}, Glue: Glue{Use: true, Database: "mixpanel"}}
	for field, change := range map[string]func(*Spec){
		"data_source":   func(s *Spec) { s.Source = "groups" },
		"data_format":   func(s *Spec) { s.Format = "csv" },
		"frequency":     func(s *Spec) { s.Frequency = "weekly" },
		"interval":      func(s *Spec) { s.Interval = time.Millisecond },
		"from_date":     func(s *Spec) { s.Source, s.From = People, 20000 },
		"to_date":       func(s *Spec) { s.From, s.To = 20000, 19999 },
		"s3_bucket":     func(s *Spec) { s.S3.Bucket = "" },
		"s3_prefix":     func(s *Spec) { s.S3.Prefix = "a//b" },
		"glue_database": func(s *Spec) { s.Glue.Database = "My DB" },
		"table":         func(s *Spec) { s.Table = "_hidden" },
		"milliseconds":  func(s *Spec) { s.Source, s.Milliseconds = Identities, true },
		"name":          func(s *Spec) { s.Name = "no spaces" },
		"project_id":    func(s *Spec) { s.Project = 5 },
	} {
		s := good
		change(&s)
		_, err := h.store.Create(h.ctx, s)
		requireSetup(t, err, field)
	}
	s := good
	s.Frequency, s.Interval = Hourly, time.Second
	_, err := h.store.Create(h.ctx, s)
	requireSetup(t, err, "interval")
}

func TestACancelledPipelineHoldsItsRangeWhileItHasExportedSomething(t *testing.T) {
	h := open(t)
	unused := h.create(Spec{})
	require.NoError(t, h.store.Cancel(h.ctx, unused.ID))
	used := h.create(Spec{})
	h.reader.append(h.project, clicks(0)...)
	h.reader.seal()
	h.drain()
	require.NoError(t, h.store.Cancel(h.ctx, used.ID))
	_, err := h.store.Create(h.ctx, Spec{Project: h.project, Source: Events, S3: S3{Bucket: "lake"}, Glue: Glue{Use: true, Database: "mixpanel"}})
	requireSetup(t, err, "1 objects are still there")
	require.NoError(t, h.store.Delete(h.ctx, used.ID))
	_, err = h.store.Get(h.ctx, used.ID)
	require.ErrorIs(t, err, ErrNotFound)
	h.create(Spec{})
}

// TestACancelledPipelineHoldsItsRangeUntilItsRunIsCleared keeps a run whose objects are complete, and which is published when it is cleared,
// from meeting a new pipeline that exports the same again.
func TestACancelledPipelineHoldsItsRangeUntilItsRunIsCleared(t *testing.T) {
	h := open(t)
	spec := Spec{Project: h.project, Source: Events, Frequency: Continuous, S3: S3{Bucket: "lake"}, Glue: Glue{Use: true, Database: "mixpanel"}}
	p := h.create(Spec{})
	h.reader.append(h.project, clicks(0)...)
	h.reader.seal()
	h.faults.plan(3, refuse) // an object and the manifest are written
	h.once()
	h.faults.plan(0, "")
	require.NoError(t, h.store.Cancel(h.ctx, p.ID))
	_, err := h.store.Create(h.ctx, spec)
	requireSetup(t, err, "a run under way")
	h.once()
	require.Equal(t, Succeeded, h.lastRun(p).State)
	_, err = h.store.Create(h.ctx, spec)
	requireSetup(t, err, "1 objects are still there")
}

// TestObjectsOfACancelledRunThatCannotBePublishedAreNotForgotten loses the right to work on a catalog that was reached before: it may name
// some of them already.
func TestObjectsOfACancelledRunThatCannotBePublishedAreNotForgotten(t *testing.T) {
	h := open(t)
	p := h.create(Spec{})
	h.reader.append(h.project, clicks(0)...)
	h.reader.seal()
	h.drain()
	h.refused = func(*Definition) bool { return true }
	h.reader.append(h.project, clicks(1)...)
	h.reader.seal()
	h.turns(1)
	require.NoError(t, h.store.Cancel(h.ctx, p.ID))
	h.once()
	run := h.lastRun(p)
	require.Equal(t, Canceled, run.State)
	require.Contains(t, run.LastError.Hint, "name another")
	require.Contains(t, run.LastError.Message, "clearing away what run 2 has written: ")
	_, err := h.store.Create(h.ctx, Spec{Project: h.project, Source: Events, S3: S3{Bucket: "lake"}, Glue: Glue{Use: true, Database: "mixpanel"}})
	requireSetup(t, err, "2 objects are still there")
	require.NoError(t, h.store.Delete(h.ctx, p.ID))
}

func TestAPipelineWhoseCatalogWasNeverReachedCanBeCancelledAndMadeAnew(t *testing.T) {
	for name, spec := range map[string]Spec{
		"JSON": {}, "schematized": {Type: TypeAWS, SchemaType: Multischema}, "sync": {Type: TypeAWS, Sync: true, Interval: time.Second},
		"people": {Source: People, Interval: time.Second},
	} {
		for _, how := range []damage{"", refuse, denied} { // what happens to the removal
			t.Run(name+" "+string(how), func(t *testing.T) {
				h := open(t)
				h.refused = func(d *Definition) bool { return d.ID == "pipe01" }
				p := h.create(spec)
				h.reader.append(h.project, named("A", 0), named("B", -24), event.Record{
					Kind: event.KindProfile, Time: epoch.UnixMilli(), DistinctID: []byte("u"), Properties: []byte(`{}`),
				})
				h.reader.seal()
				h.turns(1)
				require.Equal(t, Failed, h.lastRun(p).State)
				require.NoError(t, h.store.Cancel(h.ctx, p.ID))
				calls := []int{2, 3} // the manifest is read, removed, and objects are listed
				if spec.Type == TypeAWS {
					calls = []int{3, 4} // beside that the mapping file is written
				}
				switch how {
				case "":
					calls = nil
				case denied:
					calls = calls[:1]
				}
				for _, call := range calls {
					h.faults.plan(call, how)
					h.once()
					require.True(t, h.faults.hit)
					h.faults.plan(0, "")
					h.advance(housekeepingPause)
				}
				h.drain()
				require.Equal(t, Canceled, h.lastRun(p).State)
				if how == denied {
					_, err := h.store.Create(h.ctx, p.Spec)
					requireSetup(t, err, "objects are still there")
					return
				}
				require.Contains(t, h.lastRun(p).LastError.Hint, "name another")
				require.Empty(t, h.keys("2195193/_manifest/"))
				spec.Name = "again"
				again := h.create(spec)
				h.drain()
				require.Equal(t, Succeeded, h.lastRun(again).State)
				h.requireExact(again)
			})
		}
	}
}

// TestAPipelineMadeAnewWithinAMinutePublishesAgain follows the hint about cancelled pipelines: objects and table are removed.
func TestAPipelineMadeAnewWithinAMinutePublishesAgain(t *testing.T) {
	h := open(t)
	p := h.create(Spec{})
	h.reader.append(h.project, clicks(0, -1)...)
	h.reader.seal()
	h.once()
	want := h.table("mixpanel", "mp_master_event")
	require.Len(t, want, 2)
	require.NoError(t, h.store.Cancel(h.ctx, p.ID))
	require.NoError(t, h.bucket.Delete(h.ctx, h.keys("")...))
	require.NoError(t, h.catalog.DeleteTable(h.ctx, "mixpanel", "mp_master_event"))
	require.NoError(t, h.store.Delete(h.ctx, p.ID))
	h.create(Spec{})
	h.once()
	require.Equal(t, want, h.table("mixpanel", "mp_master_event"))
}

func TestStatesChangeOnlyAsDrawn(t *testing.T) {
	h := open(t)
	p := h.create(Spec{})
	requireSetup(t, h.store.Delete(h.ctx, p.ID), "it is active")
	require.NoError(t, h.store.Resume(h.ctx, p.ID), "it is active already")
	require.NoError(t, h.store.Pause(h.ctx, p.ID))
	requireSetup(t, h.store.RunNow(h.ctx, p.ID), "resume it first")
	require.NoError(t, h.store.Cancel(h.ctx, p.ID))
	requireSetup(t, h.store.Resume(h.ctx, p.ID), "it is cancelled")
	requireSetup(t, h.store.Pause(h.ctx, p.ID), "it is cancelled")
	require.ErrorIs(t, h.store.Pause(h.ctx, "nobody"), ErrNotFound)
}

func TestSchedules(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at := func(s string) time.Time {
		ts, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return ts
	}
	for _, c := range []struct {
		frequency Frequency
		now, want string
	}{
		{Hourly, "2026-08-01T10:00:00Z", "2026-08-01T10:30:00Z"},
		{Hourly, "2026-08-01T10:30:00Z", "2026-08-01T11:30:00Z"},
		{Hourly, "2026-10-25T00:31:00Z", "2026-10-25T01:30:00Z"}, // the hour that the clock repeats
		{Daily, "2026-08-01T10:00:00Z", "2026-08-01T22:30:00Z"},
		{Daily, "2026-08-01T22:29:00Z", "2026-08-01T22:30:00Z"},
		{Daily, "2026-08-01T22:30:00Z", "2026-08-02T22:30:00Z"},
		{Daily, "2026-03-28T23:31:00Z", "2026-03-29T22:30:00Z"}, // the clocks change this day
	} {
		require.Equal(t, at(c.want), nextScheduled(c.frequency, berlin, at(c.now)), c)
	}
	kathmandu, err := time.LoadLocation("Asia/Kathmandu")
	require.NoError(t, err)
	// Its hours end at a quarter past those of UTC.
	require.Equal(t, at("2026-08-01T10:45:00Z"), nextScheduled(Hourly, kathmandu, at("2026-08-01T10:00:00Z")))
}

func TestPipelinesAndRunsAsJSONMatchTheGoldenFile(t *testing.T) {
	h := open(t)
	h.config.Attacher = h
	h.restart()
	p := h.create(Spec{From: 20000, S3: S3{Prefix: "raw"}, Milliseconds: true})
	h.reader.append(h.project, clicks(0, 1)...)
	h.reader.seal()
	h.faults.plan(1, denied)
	require.Equal(t, 1, h.once())
	failed := h.lastRun(p)
	h.advance(10 * time.Minute)
	h.once()
	h.once() // the warehouse is told
	done := h.lastRun(p)
	done.Totals.Bytes = 0 // it depends on what other tests have numbered
	got, err := json.MarshalIndent([]any{h.get(p), failed, done}, "", " ")
	require.NoError(t, err)
	golden.Equal(t, "testdata/shown.json", append(got, '\n'))
}
