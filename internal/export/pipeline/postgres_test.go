package pipeline

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/meta"
)

// TestTheSameStatementsServePostgres takes pipelines through their lives on PostgreSQL.
func TestTheSameStatementsServePostgres(t *testing.T) {
	source := os.Getenv("REFRACT_TEST_POSTGRES")
	if source == "" {
		t.Skip("REFRACT_TEST_POSTGRES names no database")
	}
	db, err := meta.Open(t.Context(), source)
	require.NoError(t, err)
	schema := fmt.Sprintf("pipeline_%d", time.Now().UnixNano())
	_, err = db.Exec(t.Context(), `CREATE SCHEMA `+schema)
	require.NoError(t, err)
	defer func() {
		_, err := db.Exec(context.Background(), `DROP SCHEMA `+schema+` CASCADE`)
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}()
	u, err := url.Parse(source)
	require.NoError(t, err)
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()

	h, done := newHouseOn(t, t.TempDir(), u.String())
	defer done()
	h.config.Attacher = h
	h.config.Grace = -1
	h.restart()
	events, people := h.create(Spec{Frequency: Hourly}), h.create(Spec{Source: Identities})
	kinds := []*Pipeline{
		h.create(Spec{Type: TypeAWS, Sync: true, Interval: time.Second, S3: S3{Prefix: "sync"}, Glue: Glue{Database: "sync"}}),
		h.create(Spec{Type: TypeAWS, SchemaType: Multischema, S3: S3{Prefix: "tables"}, Glue: Glue{Database: "tables"}}),
		h.create(Spec{Type: TypeRaw, Frequency: Hourly, From: event.DayOfTime(epoch) - 40}),
		h.create(Spec{Type: TypeAWS, Source: People, S3: S3{Prefix: "people"}, Glue: Glue{Database: "people"}}),
	}
	for i := range 3 {
		records := clicks(0, -1, -30)
		records[0].UserID = fmt.Appendf(nil, "u%d", i)
		h.reader.append(h.project, records...)
		h.reader.seal()
		h.faults.plan(2*i+2, denied)
		h.once()
		h.faults.plan(0, "")
		h.advance(time.Hour)
		h.once()
	}
	require.NoError(t, h.store.RunNow(h.ctx, events.ID))
	h.drain()
	require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
	require.Len(t, h.table("mixpanel", "mp_identity_mappings_data"), 1)
	for _, p := range []*Pipeline{events, people} {
		require.True(t, h.get(p).Attached)
		require.Equal(t, "IAMR:reader", h.get(p).Attachment.User)
		counts, err := Verify(h.ctx, h.store, h.bucket, p, true)
		require.NoError(t, err)
		require.Empty(t, counts.Stray)
		for _, d := range counts.Days {
			require.Equal(t, DayCount{Place: d.Place, Runs: d.Runs, Manifests: d.Runs, Objects: d.Runs}, d)
		}
		require.NoError(t, h.store.Pause(h.ctx, p.ID))
		require.NoError(t, h.store.Cancel(h.ctx, p.ID))
		h.drain()
		require.NoError(t, h.store.Delete(h.ctx, p.ID))
	}
	where := `properties["n"] > 1`
	for _, p := range kinds {
		require.Equal(t, h.reader.sealed, h.get(p).Published)
		h.requireExact(p)
		if p.Source == Events {
			require.NoError(t, h.store.Edit(h.ctx, p.ID, Change{Where: &where}))
		}
		for _, read := range []func() error{
			func() error { _, err := h.store.Timeline(h.ctx, p.ID); return err },
			func() error { _, err := h.store.Schema(h.ctx, p.ID); return err },
			func() error { _, err := h.store.CountRuns(h.ctx, p.ID); return err },
			func() error { _, err := h.store.Runs(h.ctx, p.ID, 5, Succeeded, Failed); return err },
		} {
			require.NoError(t, read())
		}
		require.NoError(t, h.store.Cancel(h.ctx, p.ID))
		h.drain()
		require.NoError(t, h.store.Delete(h.ctx, p.ID))
	}
	all, err := h.store.List(h.ctx, h.project)
	require.NoError(t, err)
	require.Empty(t, all)
	h.real.Store(true)
	again := h.create(Spec{S3: S3{Prefix: "again"}, Interval: minInterval, Glue: Glue{Database: "again"}})
	start(t, h)
	eventually(t, "a running worker exports", func() bool { return h.get(again).Published == h.reader.sealed })
}
