package project

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

// clock is the registries' time.
type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()) }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func open(t *testing.T) (*meta.DB, *clock) {
	t.Helper()
	db, err := meta.Open(t.Context(), filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db, new(clock)
}

func TestAProjectIsFoundByWhatItHas(t *testing.T) {
	ctx := t.Context()
	db, clock := open(t)
	r := newRegistry(db, clock.now)
	made, secret, err := r.Create(ctx, Spec{ID: 17, Name: "shop", Token: "tok", TimeZone: "Europe/Berlin", Identity: Original, GroupKeys: []string{"company"}})
	require.NoError(t, err)
	require.Len(t, secret, 32, "128 bits in hexadecimal")
	other := newRegistry(db, clock.now) // another process
	for name, find := range map[string]func() (*Project, error){
		"token": func() (*Project, error) { return other.ByToken(ctx, "tok") }, "id": func() (*Project, error) { return other.ByID(ctx, 17) },
		"secret": func() (*Project, error) { return other.BySecret(ctx, secret) },
	} {
		p, err := find()
		require.NoError(t, err, name)
		require.Equal(t, made, p, name)
		require.True(t, p.SecretMatches(secret))
		require.False(t, p.SecretMatches(secret+"x"))
		require.False(t, p.SecretMatches(""))
	}
	all, err := other.List(ctx)
	require.NoError(t, err)
	require.Equal(t, []*Project{made}, all)
	for _, err := range []error{second(r.ByToken(ctx, "")), second(r.ByToken(ctx, "TOK")), second(r.ByID(ctx, 18)), second(r.BySecret(ctx, ""))} {
		require.ErrorIs(t, err, ErrNotFound)
	}
}

func second[T any](_ T, err error) error { return err }

func TestAProjectsDefaults(t *testing.T) {
	db, clock := open(t)
	r := newRegistry(db, clock.now)
	seen := map[string]bool{}
	for range 20 {
		p, secret, err := r.Create(t.Context(), Spec{Name: "p"})
		require.NoError(t, err)
		require.Equal(t, time.UTC, p.Zone)
		require.Equal(t, Simplified, p.Identity)
		require.Len(t, p.Token, 32)
		require.GreaterOrEqual(t, p.ID, int64(1_000_000))
		require.Less(t, p.ID, int64(10_000_000))
		for _, unique := range []string{p.Token, secret, fmt.Sprint(p.ID)} {
			require.False(t, seen[unique])
			seen[unique] = true
		}
	}
}

func TestWhatIsTakenOrWrongIsRefused(t *testing.T) {
	ctx := t.Context()
	db, clock := open(t)
	r := newRegistry(db, clock.now)
	_, _, err := r.Create(ctx, Spec{ID: 17, Name: "shop", Token: "tok", Secret: "sec"})
	require.NoError(t, err)
	for want, s := range map[string]Spec{
		"id is taken":         {ID: 17, Name: "x"},
		"token is taken":      {Name: "x", Token: "tok"},
		"API secret is taken": {Name: "x", Secret: "sec"},
		"name is empty":       {},
		"is negative":         {Name: "x", ID: -1},
		`"odd" is unknown`:    {Name: "x", Identity: "odd"},
		`"Mars/Olympus"`:      {Name: "x", TimeZone: "Mars/Olympus"},
		`"Local"`:             {Name: "x", TimeZone: "Local"},
		"holds blanks":        {Name: "x", Token: "a b"},
		"too long":            {Name: "x", Token: strings.Repeat("t", 256)},
	} {
		_, _, err := r.Create(ctx, s)
		require.ErrorContains(t, err, want)
		require.Equal(t, fault.Setup, fault.ClassOf(err), want)
	}
	all, err := r.List(ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestServiceAccounts(t *testing.T) {
	ctx := t.Context()
	db, clock := open(t)
	r := newRegistry(db, clock.now)
	_, _, err := r.Create(ctx, Spec{ID: 17, Name: "shop"})
	require.NoError(t, err)
	_, err = r.Account(ctx, "ci")
	require.ErrorIs(t, err, ErrNotFound)
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	secret, err := r.CreateServiceAccount(ctx, "ci", 17, Admin, expires)
	require.NoError(t, err)
	require.Len(t, secret, 32)
	a, err := r.Account(ctx, "ci")
	require.NoError(t, err, "what this process creates is known at once")
	require.EqualValues(t, 17, a.ProjectID)
	require.Equal(t, Admin, a.Role)
	require.Equal(t, expires, a.Expires)
	require.True(t, a.SecretMatches(secret))
	require.False(t, a.SecretMatches("x"))
	_, err = r.CreateServiceAccount(ctx, "forever", 17, Owner, time.Time{})
	require.NoError(t, err)
	a, err = r.Account(ctx, "forever")
	require.NoError(t, err)
	require.True(t, a.Expires.IsZero())
	for want, create := range map[string]func() (string, error){
		"taken":            func() (string, error) { return r.CreateServiceAccount(ctx, "ci", 17, Admin, expires) },
		"no project 18":    func() (string, error) { return r.CreateServiceAccount(ctx, "x", 18, Admin, expires) },
		`role "god"`:       func() (string, error) { return r.CreateServiceAccount(ctx, "x", 17, "god", expires) },
		"is empty":         func() (string, error) { return r.CreateServiceAccount(ctx, "", 17, Admin, expires) },
		"or holds a colon": func() (string, error) { return r.CreateServiceAccount(ctx, "a:b", 17, Admin, expires) },
	} {
		_, err := create()
		require.ErrorContains(t, err, want)
		require.Equal(t, fault.Setup, fault.ClassOf(err), want)
	}
}

func TestSecretsAreKeptOnlyAsHashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	db, err := meta.Open(t.Context(), path)
	require.NoError(t, err)
	r := NewRegistry(db)
	_, secret, err := r.Create(t.Context(), Spec{ID: 17, Name: "shop", Secret: "a-secret-of-the-user"})
	require.NoError(t, err)
	account, err := r.CreateServiceAccount(t.Context(), "ci", 17, Admin, time.Time{})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(content), "shop", "the file holds what was written")
	require.NotContains(t, string(content), secret)
	require.NotContains(t, string(content), account)
}

func TestAnswersAreCachedAndRefreshed(t *testing.T) {
	ctx := t.Context()
	db, clock := open(t)
	here, there := newRegistry(db, clock.now), newRegistry(db, clock.now)
	_, err := here.ByToken(ctx, "tok")
	require.ErrorIs(t, err, ErrNotFound)
	_, _, err = there.Create(ctx, Spec{ID: 17, Name: "shop", Token: "tok"})
	require.NoError(t, err)
	_, err = here.ByToken(ctx, "tok")
	require.ErrorIs(t, err, ErrNotFound, "another process's project is seen after a while")
	clock.advance(refreshAfter + 1)
	p, err := here.ByToken(ctx, "tok")
	require.NoError(t, err)

	_, err = db.Exec(ctx, `UPDATE project SET name = ?`, "store")
	require.NoError(t, err)
	clock.advance(refreshAfter)
	again, err := here.ByToken(ctx, "tok")
	require.NoError(t, err)
	require.Same(t, p, again)
	clock.advance(1)
	again, err = here.ByToken(ctx, "tok")
	require.NoError(t, err)
	require.Equal(t, "store", again.Name)
	_, err = db.Exec(ctx, `DELETE FROM project`)
	require.NoError(t, err)
	clock.advance(refreshAfter + 1)
	_, err = here.ByToken(ctx, "tok")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestWhatWasKnownHoldsWhileTheDatabaseIsAway(t *testing.T) {
	ctx := t.Context()
	db, err := meta.Open(ctx, filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	clock := new(clock)
	r := newRegistry(db, clock.now)
	_, _, err = r.Create(ctx, Spec{ID: 17, Name: "shop", Token: "tok"})
	require.NoError(t, err)
	_, err = r.ByToken(ctx, "tok")
	require.NoError(t, err)
	_, err = r.ByToken(ctx, "unknown")
	require.ErrorIs(t, err, ErrNotFound)
	require.NoError(t, db.Close())
	clock.advance(staleFor)
	p, err := r.ByToken(ctx, "tok")
	require.NoError(t, err)
	require.EqualValues(t, 17, p.ID)
	_, err = r.ByToken(ctx, "unknown")
	require.Equal(t, fault.Transient, fault.ClassOf(err), "nobody knows")
	require.NotErrorIs(t, err, ErrNotFound)
	clock.advance(1)
	_, err = r.ByToken(ctx, "tok")
	require.Equal(t, fault.Transient, fault.ClassOf(err))
	_, _, err = r.Create(ctx, Spec{Name: "x"})
	require.Equal(t, fault.Transient, fault.ClassOf(err))
}

func TestTheDatabaseIsAskedOnceHoweverManyWait(t *testing.T) {
	c := newCache[string, int](new(clock).now)
	var asked atomic.Int32
	release := make(chan struct{})
	value := 7
	ask := func(ctx context.Context) (*int, error) {
		asked.Add(1)
		select {
		case <-release:
			return &value, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	// The first one's patience ends; the others get the answer all the same.
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- second(c.load(ctx, "k", ask)) }()
	for asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
	var wg sync.WaitGroup
	var joined atomic.Int32
	for range 8 {
		wg.Go(func() {
			joined.Add(1)
			if v, err := c.load(t.Context(), "k", ask); err != nil || *v != 7 {
				t.Error(v, err)
			}
		})
	}
	for joined.Load() < 8 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	require.EqualValues(t, 1, asked.Load())
	v, known := c.fresh("k")
	require.True(t, known)
	require.Equal(t, 7, *v)
}

func TestAnAnswerThatIsOutOfDateOnArrivalIsNotKept(t *testing.T) {
	c := newCache[string, int](new(clock).now)
	_, err := c.load(t.Context(), "k", func(context.Context) (*int, error) {
		c.forget("k") // it was created after the question
		return nil, ErrNotFound
	})
	require.ErrorIs(t, err, ErrNotFound)
	_, known := c.fresh("k")
	require.False(t, known)
}

func TestAnswersAboutNothingAreBounded(t *testing.T) {
	c := newCache[int, int](new(clock).now)
	value := 7
	for i := range maxUnknown * 2 {
		ask := func(context.Context) (*int, error) { return nil, ErrNotFound }
		if i%1000 == 0 {
			ask = func(context.Context) (*int, error) { return &value, nil }
		}
		if err := second(c.load(t.Context(), i, ask)); err != nil {
			require.ErrorIs(t, err, ErrNotFound)
		}
	}
	require.LessOrEqual(t, len(c.entries), maxUnknown+20)
	for i := 0; i < maxUnknown*2; i += 1000 {
		v, known := c.fresh(i)
		require.True(t, known)
		require.Equal(t, 7, *v)
	}
	nothing := 0
	for _, e := range c.entries {
		if e.value == nil {
			nothing++
		}
	}
	require.Equal(t, c.unknown, nothing)
	_, known := c.fresh(maxUnknown*2 - 1)
	require.True(t, known, "answers about nothing are still kept after there were too many")
}

func TestConcurrentCreationOfOneProjectSucceedsOnce(t *testing.T) {
	db, clock := open(t)
	r := newRegistry(db, clock.now)
	var made, refused atomic.Int32
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			switch _, _, err := r.Create(t.Context(), Spec{Name: "shop", Token: "tok"}); {
			case err == nil:
				made.Add(1)
			case fault.ClassOf(err) == fault.Setup:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, made.Load())
	require.EqualValues(t, 5, refused.Load())
	_, err := r.ByToken(t.Context(), "tok")
	require.NoError(t, err)
}

func TestAKnownTokenIsFoundWithoutAllocating(t *testing.T) {
	db, clock := open(t)
	r := newRegistry(db, clock.now)
	_, _, err := r.Create(t.Context(), Spec{ID: 17, Name: "shop", Token: "tok"})
	require.NoError(t, err)
	_, err = r.ByToken(t.Context(), "tok")
	require.NoError(t, err)
	ctx := context.Background()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := r.ByToken(ctx, "tok"); err != nil {
			t.Error(errors.Unwrap(err))
		}
	}))
}
