package control

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/intake/collect"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/platform/project"
)

type fakeReplayer struct {
	filter quarantine.Filter
	whole  bool
	err    error
}

func (f *fakeReplayer) Replay(_ context.Context, filter quarantine.Filter, whole bool) (quarantine.Outcome, error) {
	f.filter, f.whole = filter, whole
	return quarantine.Outcome{Replayed: 2, Rejected: 1}, f.err
}

type fixture struct {
	*Client
	server     *Server
	quarantine *quarantine.Quarantine
	replayer   *fakeReplayer
}

func start(t *testing.T) *fixture {
	t.Helper()
	ctx := context.Background()
	db, err := meta.Open(ctx, filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	q := quarantine.Open(db, quarantine.Config{})
	f := &fixture{quarantine: q, replayer: &fakeReplayer{}}
	f.server = &Server{
		Projects: project.NewRegistry(db), Quarantine: q, Replayer: f.replayer,
		Status: func(context.Context) (Status, error) { return Status{Version: "v1", LogPosition: 7}, nil },
	}
	http := httptest.NewServer(RequireToken("secret-token", f.server.Handler()))
	f.Client = &Client{URL: http.URL + "/", Token: "secret-token"}
	t.Cleanup(func() {
		http.Close()
		q.Close()
		require.NoError(t, db.Close())
	})
	return f
}

func TestEveryRouteNeedsTheAdminToken(t *testing.T) {
	f := start(t)
	for _, token := range []string{"", "wrong", "secret-toke", "secret-token-and-more"} {
		_, err := (&Client{URL: f.URL, Token: token}).Status(context.Background())
		var failure *Failure
		require.ErrorAs(t, err, &failure, "token %q", token)
		require.Contains(t, failure.Message, "needs the admin token")
	}
	s, err := f.Status(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 7, s.LogPosition)
}

func TestAProjectsSecretIsShownOnce(t *testing.T) {
	ctx := context.Background()
	f := start(t)
	made, err := f.CreateProject(ctx, NewProject{Name: "shop", TimeZone: "Europe/Berlin", GroupKeys: []string{"company"}})
	require.NoError(t, err)
	require.NotEmpty(t, made.Secret)
	all, err := f.Projects(ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Empty(t, all[0].Secret)
	made.Secret = ""
	require.Equal(t, made, all[0])

	account, err := f.CreateAccount(ctx, Account{Username: "importer", ProjectID: made.ID, Role: "admin"})
	require.NoError(t, err)
	require.NotEmpty(t, account.Secret)
	stored, err := f.server.Projects.Account(ctx, "importer")
	require.NoError(t, err)
	require.True(t, stored.SecretMatches(account.Secret))
	require.False(t, stored.SecretMatches("x"))
}

func TestMistakesAreAnsweredWithWhatToDo(t *testing.T) {
	ctx := context.Background()
	f := start(t)
	_, badZone := f.CreateProject(ctx, NewProject{Name: "x", TimeZone: "Mars/Base"})
	_, noProject := f.CreateAccount(ctx, Account{Username: "u", ProjectID: 99, Role: "admin"})
	_, noWorker := f.Verify(ctx, 1)
	_, noEntry := f.QuarantineEntry(ctx, 12)
	for want, err := range map[string]error{
		"use a name of the IANA database": badZone, "no such project": noProject, "this process runs no worker": noWorker,
		"no such quarantine entry": noEntry, "unknown field": f.Do(ctx, http.MethodPost, "/api/refract/projects", map[string]string{"nam": "x"}, nil),
	} {
		require.ErrorContains(t, err, want)
		var failure *Failure
		require.ErrorAs(t, err, &failure)
		require.Equal(t, "setup", failure.Class, want)
	}
}

func TestAServerThatIsNotThereIsTransient(t *testing.T) {
	_, err := (&Client{URL: "http://127.0.0.1:1"}).Status(context.Background())
	require.Equal(t, fault.Transient, fault.ClassOf(err))
	require.ErrorContains(t, err, "is `refract up` running?")
}

func TestACertificateThatIsNotTrustedIsTheUsersToMend(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	_, err := (&Client{URL: server.URL, Patience: time.Minute}).Status(context.Background())
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	require.ErrorContains(t, err, "SSL_CERT_FILE")
}

func TestAPatientClientWaitsForAServiceThatRestarts(t *testing.T) {
	var tries atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) < 3 {
			panic(http.ErrAbortHandler)
		}
		writeJSON(w, http.StatusOK, Status{Version: "v1"})
	}))
	defer server.Close()
	s, err := (&Client{URL: server.URL, Patience: time.Minute}).Status(context.Background())
	require.NoError(t, err)
	require.Equal(t, "v1", s.Version)
	tries.Store(0)
	_, err = (&Client{URL: server.URL, Patience: time.Minute}).CreateProject(context.Background(), NewProject{Name: "x"})
	require.Error(t, err, "what may have had an effect is not repeated")
	require.EqualValues(t, 1, tries.Load())
}

func TestTheQuarantineIsListedInPages(t *testing.T) {
	ctx := context.Background()
	f := start(t)
	var entries []quarantine.Entry
	for i := range 5 {
		entries = append(entries, quarantine.Entry{Project: 7, Time: time.UnixMilli(int64(i)), Endpoint: "track", Position: string(rune('a' + i)), Field: "event", Message: "m", Raw: []byte("{bad")})
	}
	entries[4].Project = 8
	require.NoError(t, f.quarantine.Add(ctx, entries))
	var seen []int64
	for cursor := int64(0); ; {
		page, err := f.Client.Quarantine(ctx, Selection{Project: 7, Endpoint: "track", Field: "event"}, cursor, 2)
		require.NoError(t, err)
		for _, e := range page.Entries {
			seen = append(seen, e.ID)
			require.Empty(t, e.Raw)
		}
		if cursor = page.Next; cursor == 0 {
			break
		}
	}
	require.Len(t, seen, 4)
	one, err := f.QuarantineEntry(ctx, seen[0])
	require.NoError(t, err)
	require.Equal(t, "{bad", string(one.Raw))
}

func TestReplayPassesTheSelectionOn(t *testing.T) {
	ctx := context.Background()
	f := start(t)
	out, err := f.Replay(ctx, ReplayRequest{Selection: Selection{Project: 7, IDs: []int64{1, 2}}, Whole: true})
	require.NoError(t, err)
	require.Equal(t, ReplayOutcome{Replayed: 2, Rejected: 1}, out)
	require.Equal(t, quarantine.Filter{Project: 7, IDs: []int64{1, 2}}, f.replayer.filter)
	require.True(t, f.replayer.whole)
	f.replayer.err = fault.New(fault.Transient, "appending", "", errors.New("disk full"), "free some")
	_, err = f.Replay(ctx, ReplayRequest{})
	var failure *Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, &Failure{Message: "appending: disk full", Class: "transient", Hint: "free some"}, failure)
}

func TestRecordsOfNoProjectAreShown(t *testing.T) {
	f := start(t)
	_, err := f.Unattributed(context.Background())
	require.ErrorContains(t, err, "runs no collector")
	at := time.UnixMilli(5).UTC()
	f.server.Unattributed = func() []collect.Sample {
		return []collect.Sample{{Time: at, Endpoint: "track", Token: "wrong", Raw: []byte("{}")}}
	}
	all, err := f.Unattributed(context.Background())
	require.NoError(t, err)
	require.Equal(t, []Sample{{Time: at, Endpoint: "track", Token: "wrong", Raw: []byte("{}")}}, all)
}
