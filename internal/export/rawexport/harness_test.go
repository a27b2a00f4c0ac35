package rawexport

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

var today = time.Date(2026, 8, 3, 10, 0, 0, 0, time.UTC)

// memory is a store in memory. Profiles are kept by position.
type memory struct {
	sealed   eventlog.Position
	events   []event.Record // ascending by day
	profiles map[eventlog.Position][][2]string
	// batch is how many events come at a time; 0 for two.
	batch int
	// fail is returned after failAfter records; hold is called before each batch.
	fail      error
	failAfter int
	hold      func(context.Context) error

	mu      sync.Mutex
	windows []store.Window
}

func (m *memory) Sealed(context.Context) (eventlog.Position, error) { return m.sealed, nil }

func (m *memory) Scan(ctx context.Context, w store.Window, fn func(*store.Batch) error) error {
	if w.UpTo == 0 {
		return errors.New("nothing is sealed")
	}
	m.mu.Lock()
	m.windows = append(m.windows, w)
	m.mu.Unlock()
	var some []event.Record
	given := 0
	give := func() error {
		if len(some) == 0 {
			return nil
		}
		if m.hold != nil {
			if err := m.hold(ctx); err != nil {
				return err
			}
		}
		err := fn(batchOf(some))
		given += len(some)
		some = nil
		if err == nil && m.fail != nil && given >= m.failAfter {
			return m.fail
		}
		if err != nil {
			return fmt.Errorf("scanning: %w", err)
		}
		return nil
	}
	for _, r := range m.events {
		if r.Day() < w.FirstDay || w.LastDay != 0 && r.Day() > w.LastDay {
			continue
		}
		if len(some) > 0 && (some[0].Day() != r.Day() || len(some) >= max(m.batch, 2)) {
			if err := give(); err != nil {
				return err
			}
		}
		some = append(some, r)
	}
	return give()
}

func (m *memory) ScanProfiles(_ context.Context, _ int64, upTo eventlog.Position, fn func(distinctID, properties []byte, received int64) error) error {
	if upTo == 0 {
		return errors.New("nothing is sealed")
	}
	for i, p := range m.profiles[upTo] {
		if m.fail != nil && i == m.failAfter {
			return m.fail
		}
		if err := fn([]byte(p[0]), []byte(p[1]), 0); err != nil {
			return fmt.Errorf("scanning: %w", err)
		}
	}
	return nil
}

func batchOf(records []event.Record) *store.Batch {
	b := &store.Batch{Day: records[0].Day(), Len: len(records)}
	text := func(get func(*event.Record) []byte) (t store.Text) {
		t.Offsets = []uint32{0}
		for i := range records {
			t.Data = append(t.Data, get(&records[i])...)
			t.Offsets = append(t.Offsets, uint32(len(t.Data)))
		}
		return t
	}
	for i := range records {
		b.Position = append(b.Position, 1)
		b.Index = append(b.Index, uint32(i))
		b.Time = append(b.Time, records[i].Time)
		b.Received = append(b.Received, records[i].Received)
	}
	b.Name = text(func(r *event.Record) []byte { return r.Name })
	b.DistinctID = text(func(r *event.Record) []byte { return r.DistinctID })
	b.DeviceID = text(func(r *event.Record) []byte { return r.DeviceID })
	b.UserID = text(func(r *event.Record) []byte { return r.UserID })
	b.InsertID = text(func(r *event.Record) []byte { return r.InsertID })
	b.GroupKey = text(func(r *event.Record) []byte { return r.GroupKey })
	b.Properties = text(func(r *event.Record) []byte { return r.Properties })
	return b
}

// tenants are a registry with a project and its credentials.
type tenants struct {
	registry                *project.Registry
	shop                    *project.Project
	secret, analyst, lapsed string
}

func openTenants(t *testing.T) *tenants {
	t.Helper()
	ctx := context.Background()
	db, err := meta.Open(ctx, filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	x := &tenants{registry: project.NewRegistry(db)}
	x.shop, x.secret, err = x.registry.Create(ctx, project.Spec{ID: 2195193, Name: "shop"})
	require.NoError(t, err)
	_, _, err = x.registry.Create(ctx, project.Spec{ID: 7, Name: "other"})
	require.NoError(t, err)
	x.analyst, err = x.registry.CreateServiceAccount(ctx, "analyst", 2195193, project.Analyst, time.Time{})
	require.NoError(t, err)
	x.lapsed, err = x.registry.CreateServiceAccount(ctx, "lapsed", 2195193, project.Owner, today.Add(-time.Minute))
	require.NoError(t, err)
	return x
}

// house is a handler over a memory, with a clock that is set by hand.
type house struct {
	*tenants
	t       *testing.T
	reader  *memory
	clock   time.Time
	config  Config
	handler http.Handler
}

func open(t *testing.T) *house {
	h := &house{tenants: openTenants(t), t: t, clock: today, reader: &memory{sealed: 9, profiles: map[eventlog.Position][][2]string{}}}
	none := Limits{-1, -1, -1}
	h.config = Config{
		Reader: h.reader, Projects: h.registry, Export: none, Engage: none,
		Now: func() time.Time { return h.clock }, Logger: slog.New(slog.DiscardHandler),
	}
	h.handler = New(h.config)
	return h
}

func authorization(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func (h *house) do(r *http.Request) *httptest.ResponseRecorder {
	if r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", authorization(h.secret, ""))
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

func exportRequest(params ...string) *http.Request {
	return httptest.NewRequest("GET", exportPath+"?"+values(params).Encode(), nil)
}

func engageRequest(params ...string) *http.Request {
	r := httptest.NewRequest("POST", engagePath+"?project_id=2195193", strings.NewReader(values(params).Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func values(params []string) url.Values {
	v := url.Values{}
	for i := 0; i < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	return v
}

// export returns the body of a good answer.
func (h *house) export(params ...string) string {
	h.t.Helper()
	w := h.do(exportRequest(append([]string{"from_date", "2026-08-01", "to_date", "2026-08-03"}, params...)...))
	require.Equal(h.t, http.StatusOK, w.Code, w.Body.String())
	return w.Body.String()
}

// happened is an event of the first days of August.
func happened(day int, name, id, properties string) event.Record {
	at := time.Date(2026, 8, day, 23, 59, 59, 999e6, time.UTC).UnixMilli()
	return event.Record{Kind: event.KindEvent, Time: at, Received: at, Name: []byte(name), DistinctID: []byte(id), Properties: []byte(properties)}
}

func readAll(t *testing.T, r io.Reader) string {
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(b)
}
