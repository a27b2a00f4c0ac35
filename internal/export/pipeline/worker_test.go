package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// start runs a worker on the real clock until the test ends.
func start(t *testing.T, h *house) {
	t.Helper()
	h.real.Store(true)
	h.config.Poll = 20 * time.Millisecond
	h.config.Backoff = func(int) time.Duration { return time.Millisecond }
	worker := NewWorker(h.config)
	ctx, stop := context.WithCancel(h.ctx)
	ended := make(chan error)
	go func() { ended <- worker.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 15*time.Second, 5*time.Millisecond, what)
}

func TestAContinuousPipelineFollowsWhatIsSealed(t *testing.T) {
	h := open(t)
	h.config.Attacher = h
	p := h.create(Spec{Interval: minInterval})
	start(t, h)
	for range 3 {
		h.reader.append(h.project, clicks(0, -1)...)
		h.reader.seal()
		eventually(t, "the new events are exported", func() bool { return h.get(p).Published == h.reader.sealed })
	}
	eventually(t, "the warehouse is attached", func() bool { return h.get(p).Attached })
	require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
	require.Equal(t, 1, h.attached)
	runs, err := h.store.Runs(h.ctx, p.ID, 10)
	require.NoError(t, err)
	require.Len(t, runs, 3)
}

// broken are destinations that never answer for one bucket and say no for another.
type broken struct{ *house }

func (b broken) Bucket(ctx context.Context, d *Definition) (bucket.Bucket, error) {
	switch prefix, _, _ := strings.Cut(d.S3.Prefix, "/"); prefix {
	case "hangs":
		<-ctx.Done()
		return nil, ctx.Err()
	case "denied":
		return nil, fault.New(fault.Setup, "opening bucket", "denied", errors.New("no"), "grant it")
	}
	return b.house.Bucket(ctx, d)
}

func TestABrokenPipelineDelaysNoOther(t *testing.T) {
	h := open(t)
	h.config.Destinations = broken{h}
	h.config.Runs = 2
	h.config.AttemptTimeout = 50 * time.Millisecond
	h.config.FailedPause = time.Millisecond
	var hangs []*Pipeline
	for i, spec := range []Spec{
		{}, {}, {Type: TypeAWS}, {Type: TypeAWS, Sync: true, Interval: time.Second}, {Type: TypeRaw, Frequency: Hourly, From: 20000},
		{Type: TypeAWS, Source: Identities, Interval: time.Second}, {},
	} {
		spec.S3.Prefix = fmt.Sprintf("%s/%d", []string{"hangs", "denied"}[i%2], i)
		spec.Glue.Database = fmt.Sprintf("broken%d", i)
		if spec.Type == TypeRaw {
			spec.Glue.Database = ""
		}
		hangs = append(hangs, h.create(spec))
	}
	h.reader.append(h.project, clicks(0)...)
	h.reader.seal()
	start(t, h)
	eventually(t, "all broken ones have been tried twice", func() bool {
		for _, p := range hangs {
			if runs, err := h.store.Runs(h.ctx, p.ID, 1); err != nil || len(runs) == 0 || runs[0].Attempts < 2 {
				return false
			}
		}
		return true
	})
	good := h.create(Spec{Interval: minInterval})
	for range 3 {
		h.reader.append(h.project, clicks(0)...)
		h.reader.seal()
		eventually(t, "the good one is exported", func() bool { return h.get(good).Published == h.reader.sealed })
	}
	hung, denied := h.lastRun(hangs[0]), h.lastRun(hangs[1])
	require.NotNil(t, hung.LastError)
	require.Equal(t, "setup", denied.LastError.Class)
	require.Equal(t, "grant it", denied.LastError.Hint)
	require.EqualValues(t, 1, hung.Number, "the window of a failing run is kept")
}

func TestAPipelineIsNotTakenForIdleWhenItsRunHasEndedMeanwhile(t *testing.T) {
	h := open(t)
	p := h.create(Spec{})
	h.reader.append(h.project, clicks(0)...)
	h.reader.seal()
	did, err := h.worker.export(h.ctx, candidate{Pipeline: p, open: true}, h.reader.sealed)
	require.NoError(t, err)
	require.False(t, did)
	require.Zero(t, h.get(p).Published, "nothing is passed over")
	require.Equal(t, 1, h.once())
	require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
}

func TestPauseStopsARunUnderWayAndResumeTakesItUpAgain(t *testing.T) {
	h := open(t)
	p := h.create(Spec{})
	h.reader.append(h.project, clicks(0, -1)...)
	h.reader.seal()
	h.faults.plan(2, stall)
	start(t, h)
	eventually(t, "the run is under way", func() bool {
		h.faults.mu.Lock()
		defer h.faults.mu.Unlock()
		return h.faults.hit
	})
	require.NoError(t, h.store.Pause(h.ctx, p.ID))
	eventually(t, "the run is stopped", func() bool { return h.lastRun(p).State == Canceled })
	require.NoError(t, h.store.Resume(h.ctx, p.ID))
	eventually(t, "the run goes on", func() bool { return h.lastRun(p).State == Succeeded })
	require.EqualValues(t, 1, h.lastRun(p).Number)
	require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
}

func TestCancelRemovesWhatWasNotPublished(t *testing.T) {
	for step := 2; step <= 7; step++ {
		h := open(t)
		p := h.create(Spec{})
		h.reader.append(h.project, clicks(0, -1, -2)...)
		h.reader.seal()
		h.faults.plan(step, refuse)
		h.once()
		require.Equal(t, Retried, h.lastRun(p).State)
		require.NoError(t, h.store.Cancel(h.ctx, p.ID))
		h.drain()
		counts, err := Verify(h.ctx, h.store, h.bucket, p, true)
		require.NoError(t, err)
		require.Empty(t, counts.Stray)
		if step <= 4 { // three days, then the manifest
			require.Equal(t, Canceled, h.lastRun(p).State)
			require.Empty(t, h.keys(""))
		} else {
			require.Equal(t, Succeeded, h.lastRun(p).State, "a run whose manifest is written is published")
			require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
		}
		require.NoError(t, h.store.Delete(h.ctx, p.ID))
	}
}

func TestTwoWorkersShareTheWorkAndOneLeasesAPipelineAtATime(t *testing.T) {
	h := open(t)
	h.config.MaxRecords = 1
	var all []*Pipeline
	for i := range 3 {
		all = append(all, h.create(Spec{Table: fmt.Sprintf("t%d", i), Interval: minInterval}))
	}
	start(t, h)
	start(t, h)
	for range 5 {
		h.reader.append(h.project, clicks(0, -1)...)
		h.reader.seal()
	}
	for i, p := range all {
		eventually(t, "all is exported", func() bool { return h.get(p).Published == h.reader.sealed })
		require.Equal(t, h.wanted(0, 0), h.table("mixpanel", fmt.Sprintf("t%d", i)))
		runs, err := h.store.Runs(h.ctx, p.ID, 100)
		require.NoError(t, err)
		for i, run := range runs {
			require.Equal(t, 1, run.Attempts)
			if i > 0 {
				require.Equal(t, run.UpTo, runs[i-1].After, "windows follow each other")
			}
		}
	}
}

func TestALostLeaseKeepsTheResultFromBeingRecorded(t *testing.T) {
	h := open(t)
	p := h.create(Spec{})
	h.reader.append(h.project, clicks(0)...)
	h.reader.seal()
	run := &Run{Pipeline: p.ID, UpTo: 1}
	require.NoError(t, h.store.begin(h.ctx, p, run, 1, h.now(), "first", h.now().Add(time.Second)))
	h.worker.Owner = "first"
	m, err := h.worker.write(h.ctx, p, run, func() {})
	require.NoError(t, err)
	require.ErrorIs(t, h.store.begin(h.ctx, p, &Run{Number: 1}, 1, h.now(), "second", h.now().Add(time.Second)), errLeaseLost)
	h.advance(time.Minute)
	require.ErrorIs(t, h.store.begin(h.ctx, p, &Run{Pipeline: p.ID, UpTo: 1}, 1, h.now(), "second", h.now().Add(time.Second)), errLeaseLost, "there is an open run")
	require.NoError(t, h.store.begin(h.ctx, p, &Run{Number: 1, Attempts: 1}, 1, h.now(), "second", h.now().Add(time.Second)))
	require.ErrorIs(t, h.store.succeed(h.ctx, p, run, m, "first", h.now(), false), errLeaseLost)
	require.Equal(t, Running, h.lastRun(p).State)
	_, err = h.store.renew(h.ctx, p.ID, "first", h.now())
	require.ErrorIs(t, err, errLeaseLost)
}

func TestABackfillGoesInBoundedWindowsAndTheHourWaitsForItsTurn(t *testing.T) {
	h := open(t)
	h.config.MaxRecords = 5
	h.restart()
	for i := range 10 {
		h.reader.append(h.project, clicks(-i, -200, 0)...)
		h.reader.seal()
	}
	p := h.create(Spec{Frequency: Hourly})
	for h.once() > 0 {
	}
	require.Equal(t, h.reader.sealed, h.get(p).Published)
	runs, err := h.store.Runs(h.ctx, p.ID, 100)
	require.NoError(t, err)
	require.Len(t, runs, 10)
	require.Equal(t, epoch.Add(30*time.Minute), h.get(p).Next)
	h.reader.append(h.project, clicks(-3)...)
	h.reader.seal()
	require.Zero(t, h.once())
	h.advance(31 * time.Minute)
	require.Equal(t, 1, h.once())
	require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
	h.reader.append(h.project, clicks(-3)...)
	h.reader.seal()
	require.NoError(t, h.store.RunNow(h.ctx, p.ID))
	require.Equal(t, 1, h.once())
	require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
}

func TestARequestToRunDuringARunIsNotForgotten(t *testing.T) {
	h := open(t)
	p := h.create(Spec{Frequency: Daily})
	h.reader.append(h.project, clicks(0)...)
	h.reader.seal()
	h.advance(time.Second)
	run := &Run{Pipeline: p.ID, UpTo: 1}
	require.NoError(t, h.store.begin(h.ctx, p, run, 1, h.now(), h.worker.Owner, h.now().Add(time.Second)))
	m, err := h.worker.write(h.ctx, p, run, func() {})
	require.NoError(t, err)
	require.NoError(t, h.store.RunNow(h.ctx, p.ID))
	require.NoError(t, h.store.succeed(h.ctx, p, run, m, h.worker.Owner, h.now().Add(time.Hour), false))
	require.Equal(t, h.now(), h.get(p).Next)
}

func TestAnIdlePipelineIsMovedOnWithoutARun(t *testing.T) {
	h := open(t)
	p := h.create(Spec{})
	for range 3 {
		h.reader.append(77, click(0))
		h.reader.seal()
		before := h.get(p).Published
		require.Zero(t, h.once())
		if before > 0 {
			require.Equal(t, before, h.get(p).Published, "it is stored at most once in a while")
			h.advance(h.config.Poll + time.Second)
			require.Zero(t, h.once())
		}
		require.Equal(t, h.reader.sealed, h.get(p).Published)
	}
	h.reader.append(h.project, clicks(0)...)
	h.reader.seal()
	h.drain()
	require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
}

func TestASnapshotIsReadableForTheGracePeriod(t *testing.T) {
	h := open(t)
	p := h.create(Spec{Source: Identities})
	mapping := func(alias, id string) event.Record {
		r := click(0)
		r.DistinctID, r.UserID = []byte(alias), []byte(id)
		return r
	}
	h.reader.append(h.project, mapping("$device:a", "u1"))
	h.reader.seal()
	h.once()
	table, err := h.catalog.GetTable(h.ctx, "mixpanel", "mp_identity_mappings_data")
	require.NoError(t, err)
	old := table.StorageDescriptor.Location
	h.advance(time.Minute)
	h.reader.append(h.project, mapping("$device:a", "u2"), mapping("$device:b", "u2"))
	h.reader.seal()
	h.once()
	want := []string{`{"distinct_id":"$device:a","resolved_distinct_id":"u2"}`, `{"distinct_id":"$device:b","resolved_distinct_id":"u2"}`}
	require.Equal(t, want, h.table("mixpanel", "mp_identity_mappings_data"))
	require.Len(t, h.rowsBelow(old, ""), 1, "queries that began before go on")
	h.advance(14 * time.Minute)
	h.once()
	require.Len(t, h.rowsBelow(old, ""), 1)
	h.advance(2 * time.Minute)
	h.once()
	require.Empty(t, h.rowsBelow(old, ""))
	require.Equal(t, want, h.table("mixpanel", "mp_identity_mappings_data"))
	require.Len(t, h.keys("2195193/mp_identity_mappings_data/"), 1)
	require.False(t, h.get(p).Attached)
}

func TestAttachingIsTriedUntilItSucceedsAndStopsNoExport(t *testing.T) {
	h := open(t)
	h.config.Attacher = h
	h.attachErr = errors.New("grant CREATE on the database")
	h.restart()
	p := h.create(Spec{})
	for range 3 {
		h.reader.append(h.project, clicks(0)...)
		h.reader.seal()
		h.advance(2 * time.Second)
		h.once()
		require.Equal(t, h.reader.sealed, h.get(p).Published)
	}
	h.once()
	require.Equal(t, "grant CREATE on the database", h.get(p).AttachError)
	require.Nil(t, h.get(p).Attachment)
	h.attachErr = nil
	h.advance(time.Hour)
	h.once()
	require.True(t, h.get(p).Attached)
	require.Empty(t, h.get(p).AttachError)
	seen := Attachment{Schema: "mp_json_export", User: "IAMR:reader", Tables: 2, Table: "mp_master_event", Rows: 1, At: h.clock}
	require.Equal(t, &seen, h.get(p).Attachment)
	n := h.attached
	h.drain()
	require.Equal(t, n, h.attached)

	where, other := "true", "other"
	require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{Where: &where}))
	require.Equal(t, &seen, h.get(p).Attachment)
	require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{GlueDatabase: &other}))
	require.Nil(t, h.get(p).Attachment, "nobody has looked at the other database yet")
}

func TestPipelinesAreAttachedToAWarehouseOnlyWhereThereIsOne(t *testing.T) {
	cases := map[string]struct {
		spec Spec
		want bool
	}{
		"the SQL of this installation":    {Spec{}, true},
		"Redshift":                        {Spec{Glue: Glue{Use: true, Database: "d", Region: "eu-central-1"}, Redshift: Redshift{Workgroup: "w", Database: "dev", Role: "arn:aws:iam::123456789012:role/r"}}, true},
		"Glue that no warehouse is for":   {Spec{Glue: Glue{Use: true, Database: "d", Region: "eu-central-1"}}, false},
		"another account's Glue likewise": {Spec{Glue: Glue{Use: true, Database: "d", Role: "arn:aws:iam::123456789012:role/r"}}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			h.config.Attacher = h
			h.restart()
			p := h.create(c.spec)
			h.reader.append(h.project, clicks(0)...)
			h.reader.seal()
			h.drain()
			require.Equal(t, h.reader.sealed, h.get(p).Published)
			require.Equal(t, c.want, h.get(p).Attached)
		})
	}
}

func TestOversizeRowsAreInTheManifestAndTheRun(t *testing.T) {
	h := open(t)
	p := h.create(Spec{})
	big := click(0)
	big.Properties = fmt.Appendf(nil, `{"big":"%070000d","small":1}`, 7)
	h.reader.append(h.project, big, click(0))
	h.reader.seal()
	h.drain()
	totals := h.lastRun(p).Totals
	require.EqualValues(t, 1, totals.Long)
	require.EqualValues(t, 1, totals.Reduced)
	require.EqualValues(t, 2, totals.Rows)
	kept := h.keys("2195193/_oversize/")
	require.Len(t, kept, 1)
	require.Len(t, h.lines(kept[0]), 1)
	require.Len(t, h.table("mixpanel", "mp_master_event"), 2)
}

func TestManyDaysAreWrittenOneAfterTheOther(t *testing.T) {
	h := open(t)
	var days []int
	for i := range 100 {
		days = append(days, -i*3)
	}
	p := h.create(Spec{})
	h.reader.append(h.project, clicks(days...)...)
	h.reader.seal()
	h.once()
	require.Equal(t, 100, h.lastRun(p).Totals.Days)
	require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
}

func TestTheBackfillIsWhatHadArrivedWhenThePipelineWasFirstLookedAt(t *testing.T) {
	for _, failing := range []bool{false, true} {
		h := open(t)
		p := h.create(Spec{})
		h.reader.append(h.project, clicks(0)...)
		h.reader.seal()
		first := h.reader.sealed
		if failing { // and more arrives before it is exported
			h.faults.plan(1, denied)
			h.once()
			h.reader.append(h.project, clicks(0)...)
			h.reader.seal()
		}
		h.drain()
		require.Equal(t, first, h.get(p).Backfill)
		h.reader.append(h.project, clicks(0)...)
		h.reader.seal()
		h.faults.plan(1, denied)
		h.turns(1)
		now := h.get(p)
		require.Less(t, now.Published, now.Target, "a later run is under way")
		require.Equal(t, first, now.Backfill)
	}
}
