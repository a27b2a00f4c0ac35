package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// TestTheRealStoreIsExportedToTheLastRow runs a worker over the real event store while it seals and merges segments, kills calls of
// the destination on the way, and compares the table with the records.
func TestTheRealStoreIsExportedToTheLastRow(t *testing.T) {
	h := open(t)
	log := logtest.NewMemory()
	segments, err := bucket.OpenLocal("store", filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	s, err := store.Open(h.ctx, store.Options{
		DB: h.db, Bucket: segments, Projects: h.config.Projects, Log: log, Dir: t.TempDir(),
		SealAfter: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(h.ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			require.NoError(t, err)
		}
	}()
	h.config.Reader, h.config.MaxRecords = s, 500
	events := h.create(Spec{Interval: minInterval})
	people := h.create(Spec{Source: People, Interval: minInterval})
	start(t, h)
	for i := range 40 {
		var batch []event.Record
		for j := range 25 {
			batch = append(batch, click(-(i*j)%60))
		}
		if i%10 == 0 {
			batch = append(batch, event.Record{Kind: event.KindProfile, Time: epoch.UnixMilli(), Received: epoch.UnixMilli(), Name: []byte("$set"),
				DistinctID: []byte{'p', byte('0' + i/10)}, Properties: []byte(`{"$set":{"$email":"a@example.com"}}`)})
		}
		var enc eventlog.Encoder
		for k := range batch {
			require.NoError(t, enc.Append(&batch[k]))
		}
		data, err := enc.Finish(nil)
		require.NoError(t, err)
		_, err = log.Append(h.ctx, eventlog.Block{Project: h.project, Count: enc.Count(), Data: data})
		require.NoError(t, err)
		h.reader.append(h.project, batch...) // what wanted compares with
		if i%7 == 3 {
			h.faults.plan(i%5+1, lose)
		}
	}
	h.reader.seal()
	last, err := log.Last(h.ctx)
	require.NoError(t, err)
	for _, p := range []*Pipeline{events, people} {
		eventually(t, "all is exported", func() bool { return h.get(p).Published >= last })
	}
	h.faults.plan(0, "")
	require.Equal(t, h.wanted(0, 0), h.table("mixpanel", "mp_master_event"))
	require.Len(t, h.table("mixpanel", "mp_people_data"), 4)
	counts, err := Verify(h.ctx, h.store, h.bucket, events, true)
	require.NoError(t, err)
	require.Empty(t, counts.Stray)
}
