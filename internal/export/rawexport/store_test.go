package rawexport

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/eventlog/logtest"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

// TestTheRealStoreIsRead appends events and profile operations to a log and reads back what the store made of them.
func TestTheRealStoreIsRead(t *testing.T) {
	h := open(t)
	ctx, stop := context.WithCancel(context.Background())
	db, err := meta.Open(ctx, filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	projects := project.NewRegistry(db)
	_, secret, err := projects.Create(ctx, project.Spec{ID: 2195193, Name: "shop"})
	require.NoError(t, err)
	segments, err := bucket.OpenLocal("store", filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	log := logtest.NewMemory()
	s, err := store.Open(ctx, store.Options{
		DB: db, Bucket: segments, Projects: projects, Log: log, Dir: t.TempDir(), SealAfter: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			require.NoError(t, err)
		}
	}()
	set := func(id, properties string) event.Record {
		return event.Record{
			Kind: event.KindProfile, Time: today.UnixMilli(), Received: today.UnixMilli(), Name: []byte("$set"),
			DistinctID: []byte(id), Properties: []byte(`{"$set":` + properties + `,"$ignore_time":true}`),
		}
	}
	var last eventlog.Position
	for i, records := range [][]event.Record{
		append(week(), happened(4, "Later", "ada", `{}`)),
		{set("bob", `{"age":20}`), set("ada", `{"age":36,"name":"Ada"}`)},
		append(many(400), set("bob", `{"age":21}`)),
	} {
		for _, id := range []int64{2195193, 7} {
			var enc eventlog.Encoder
			for k := range records {
				require.NoError(t, enc.Append(&records[k]))
			}
			data, err := enc.Finish(nil)
			require.NoError(t, err)
			if id == 7 && i == 0 {
				continue // the other project has less
			}
			last, err = log.Append(ctx, eventlog.Block{Project: id, Count: enc.Count(), Data: data})
			require.NoError(t, err)
		}
	}
	select {
	case <-s.SealedAfter(last - 1):
	case <-time.After(20 * time.Second):
		t.Fatal("the store does not seal")
	}
	h.config.Reader, h.config.Projects = s, projects
	h.handler, h.secret = New(h.config), secret

	body := h.export()
	require.Equal(t, 404, strings.Count(body, "\n"))
	require.NotContains(t, body, "Later")
	require.Contains(t, body, `{"event":"Signed up","properties":{"time":1785628799,"distinct_id":"ada","$device_id":"d-1","$user_id":"ada","$insert_id":"i-1","plan":"free","price":1.10,`)
	require.Equal(t, `{"event":"Paid","properties":{"time":1785715199,"distinct_id":"bob","price":20}}`+"\n",
		h.export("where", `user["age"] == 21`))
	require.Equal(t, 10, strings.Count(h.export("event", `["e"]`, "limit", "10"), "\n"))

	p := h.query("where", `properties["age"] > 20`)
	require.Equal(t, []string{"ada", "bob"}, p.ids())
	require.Equal(t, `{"age":36,"name":"Ada"}`, string(p.Results[0].Properties))
	require.Equal(t, `{"age":21}`, string(p.Results[1].Properties))
	require.Equal(t, 2, p.Total)
}
