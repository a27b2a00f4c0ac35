package quarantine

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/platform/meta"
)

// source names a fresh database: a SQLite file, or a schema of the PostgreSQL database that REFRACT_TEST_POSTGRES names.
func source(t testing.TB) string {
	t.Helper()
	postgres := os.Getenv("REFRACT_TEST_POSTGRES")
	if postgres == "" {
		return filepath.Join(t.TempDir(), "meta.db")
	}
	db, err := sql.Open("pgx", postgres)
	require.NoError(t, err)
	schema := "quarantine_" + strings.ToLower(rand.Text())
	_, err = db.Exec(`CREATE SCHEMA ` + schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec(`DROP SCHEMA ` + schema + ` CASCADE`)
		require.NoError(t, errors.Join(err, db.Close()))
	})
	address, err := url.Parse(postgres)
	require.NoError(t, err)
	query := address.Query()
	query.Set("search_path", schema)
	address.RawQuery = query.Encode()
	return address.String()
}

func openDB(t testing.TB, path string) *meta.DB {
	t.Helper()
	db, err := meta.Open(context.Background(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func open(t testing.TB, c Config) *Quarantine {
	t.Helper()
	q := Open(openDB(t, source(t)), c)
	t.Cleanup(q.Close)
	return q
}

var arrival = time.Date(2026, 5, 1, 12, 0, 0, 123e6, time.UTC)

func entry(project int64, position string) Entry {
	return Entry{
		Project: project, Time: arrival, Endpoint: "track", Position: position,
		Field: "properties.time", Message: "too old", Raw: []byte("raw " + position),
	}
}

// counts returns the counts of a project, 0 for all, and checks the sum that Counts promises for every project.
func counts(t testing.TB, q *Quarantine, project int64) Counts {
	t.Helper()
	all, err := q.Stats(context.Background())
	require.NoError(t, err)
	var found Counts
	for _, c := range all {
		require.Equal(t, c.Added, c.Kept+c.Refused+c.Replayed+c.Deleted, "project %d", c.Project)
		if c.Project == project {
			found = c
		}
	}
	return found
}

func TestAnEntryComesBackAsItWasAdded(t *testing.T) {
	ctx := context.Background()
	q := open(t, Config{})
	added := []Entry{entry(7, "r#0"), entry(7, "r#1"), entry(8, "r#2")}
	added[1].Raw = []byte{0, 0xff, '\n', 0}
	require.NoError(t, q.Add(ctx, added))
	require.Equal(t, []int64{1, 2, 3}, []int64{added[0].ID, added[1].ID, added[2].ID})

	got, err := q.Get(ctx, 2)
	require.NoError(t, err)
	require.Equal(t, added[1], got)

	listed, err := q.List(ctx, Filter{Project: 7}, 0, 10)
	require.NoError(t, err)
	require.Len(t, listed, 2)
	want := added[0]
	want.Raw = nil
	require.Equal(t, want, listed[0])

	_, err = q.Get(ctx, 99)
	require.ErrorIs(t, err, ErrNotFound)
}

func TestListFiltersAndGoesOnAfterTheCursor(t *testing.T) {
	ctx := context.Background()
	q := open(t, Config{})
	entries := []Entry{entry(7, "a"), entry(7, "b"), entry(7, "c"), entry(8, "d")}
	entries[1].Endpoint = "import"
	entries[2].Field = "event"
	entries[2].Time = arrival.Add(time.Hour)
	require.NoError(t, q.Add(ctx, entries))
	for name, test := range map[string]struct {
		filter Filter
		cursor int64
		limit  int
		want   string
	}{
		"everything":           {Filter{}, 0, 10, "a b c d"},
		"a page":               {Filter{}, 0, 2, "a b"},
		"the page after":       {Filter{}, 2, 2, "c d"},
		"a project":            {Filter{Project: 8}, 0, 10, "d"},
		"an endpoint":          {Filter{Endpoint: "import"}, 0, 10, "b"},
		"a field":              {Filter{Field: "event"}, 0, 10, "c"},
		"since":                {Filter{Since: arrival.Add(time.Minute)}, 0, 10, "c"},
		"until":                {Filter{Until: arrival.Add(time.Minute)}, 0, 10, "a b d"},
		"ids":                  {Filter{IDs: []int64{4, 1}}, 0, 10, "a d"},
		"a limit out of range": {Filter{}, 0, -1, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := q.List(ctx, test.filter, test.cursor, test.limit)
			require.NoError(t, err)
			var positions []string
			for _, e := range found {
				positions = append(positions, e.Position)
			}
			require.Equal(t, test.want, strings.Join(positions, " "))
		})
	}
}

func TestAPositionIsKeptOnce(t *testing.T) {
	ctx := context.Background()
	q := open(t, Config{})
	require.NoError(t, q.Add(ctx, []Entry{entry(7, "r#0"), entry(7, "r#0")}))
	again := []Entry{entry(7, "r#0"), entry(7, "r#1"), entry(8, "r#0")}
	require.NoError(t, q.Add(ctx, again))
	require.Zero(t, again[0].ID)
	require.EqualValues(t, 2, counts(t, q, 7).Added)
	require.EqualValues(t, 3, counts(t, q, 0).Kept)
}

func TestWhatIsOverABoundIsCountedAndNotKept(t *testing.T) {
	ctx := context.Background()
	one := entry(7, "a")
	one.prepare()
	path := source(t)
	bound := Config{MaxBytes: 5 * one.Bytes, MaxProjectBytes: 3 * one.Bytes}
	q := Open(openDB(t, path), bound)
	require.NoError(t, q.Add(ctx, []Entry{entry(7, "a"), entry(7, "b"), entry(7, "c"), entry(7, "d")}))
	require.Equal(t, Counts{Project: 7, Added: 4, Kept: 3, KeptBytes: 3 * one.Bytes, Refused: 1}, counts(t, q, 7))
	q.Close()

	q = Open(openDB(t, path), bound)
	defer q.Close()
	require.NoError(t, q.Add(ctx, []Entry{entry(7, "e"), entry(8, "f"), entry(8, "g"), entry(8, "h")}))
	require.EqualValues(t, 2, counts(t, q, 7).Refused, "the project's share is remembered")
	require.EqualValues(t, 1, counts(t, q, 8).Refused, "the bound of the installation comes before the share")
	require.EqualValues(t, 5*one.Bytes, counts(t, q, 0).KeptBytes)

	n, err := q.Delete(ctx, 1, 2, 77)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.NoError(t, q.Add(ctx, []Entry{entry(8, "i")}))
	require.EqualValues(t, 3, counts(t, q, 8).Kept, "deleting makes room")
	found, err := q.List(ctx, Filter{}, 0, 10)
	require.NoError(t, err)
	require.EqualValues(t, 6, found[len(found)-1].ID, "an id is not used again")
}

func TestTextsThatADatabaseCannotHoldAreMended(t *testing.T) {
	ctx := context.Background()
	q := open(t, Config{})
	e := entry(7, "p\x00")
	e.Message = "bad \xff text\x00"
	require.NoError(t, q.Add(ctx, []Entry{e}))
	got, err := q.Get(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, "bad \ufffd text\ufffd", got.Message)
	_, err = q.Delete(ctx, 1)
	require.NoError(t, err)
	require.Zero(t, counts(t, q, 7).KeptBytes, "the bytes that went in came out")
}

func TestOverlappingAddsLoseNothing(t *testing.T) {
	ctx := context.Background()
	path := source(t)
	// Two processes on one database.
	qs := []*Quarantine{Open(openDB(t, path), Config{}), Open(openDB(t, path), Config{})}
	const callers, each = 40, 5
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			var entries []Entry
			for j := range each {
				entries = append(entries, entry(int64(1+i%3), fmt.Sprintf("%d#%d", i, j)))
			}
			if err := qs[i%2].Add(ctx, entries); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, callers*each, counts(t, qs[0], 0).Kept)
	var kept int64
	for project := range int64(3) {
		kept += counts(t, qs[0], project+1).Kept
	}
	require.EqualValues(t, callers*each, kept)
	for _, q := range qs {
		q.Close()
	}
}

func TestAddFailsWhenTheDatabaseDoesAndAfterClose(t *testing.T) {
	db, err := meta.Open(context.Background(), source(t))
	require.NoError(t, err)
	q := Open(db, Config{})
	require.NoError(t, db.Close())
	require.Error(t, q.Add(context.Background(), []Entry{entry(7, "a")}))
	q.Close()
	q.Close()
	require.ErrorIs(t, q.Add(context.Background(), []Entry{entry(7, "a")}), errClosed)
}

func TestCountsAgreeWithTheEntriesWhateverHappens(t *testing.T) {
	ctx := context.Background()
	q := open(t, Config{MaxBytes: 4000, MaxProjectBytes: 2500})
	next := 0
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				var entries []Entry
				for range rapid.IntRange(0, 6).Draw(t, "entries") {
					e := entry(rapid.Int64Range(1, 3).Draw(t, "project"), fmt.Sprint(next))
					e.Raw = make([]byte, rapid.IntRange(0, 900).Draw(t, "size"))
					next++
					entries = append(entries, e)
				}
				require.NoError(t, q.Add(ctx, entries))
			case 1:
				listed, err := q.List(ctx, Filter{}, 0, MaxPage)
				require.NoError(t, err)
				ids := []int64{-1}
				for _, e := range listed {
					if rapid.Bool().Draw(t, "delete") {
						ids = append(ids, e.ID)
					}
				}
				_, err = q.Delete(ctx, ids...)
				require.NoError(t, err)
			case 2:
				log := &fakeLog{good: func(e *Entry) bool { return e.ID%2 == 0 }}
				_, err := q.Replay(ctx, Filter{Project: rapid.Int64Range(0, 3).Draw(t, "replayed")}, log)
				require.NoError(t, err)
			}
		}
		all, err := q.Stats(ctx)
		require.NoError(t, err)
		listed, err := q.List(ctx, Filter{}, 0, MaxPage)
		require.NoError(t, err)
		want := map[int64]Counts{}
		for _, e := range listed {
			for _, project := range []int64{0, e.Project} {
				c := want[project]
				c.Kept++
				c.KeptBytes += e.Bytes
				want[project] = c
			}
		}
		var added int64
		for _, c := range all {
			require.Equal(t, c.Added, c.Kept+c.Refused+c.Replayed+c.Deleted)
			require.Equal(t, want[c.Project].Kept, c.Kept)
			require.Equal(t, want[c.Project].KeptBytes, c.KeptBytes)
			require.LessOrEqual(t, c.KeptBytes, int64(4000))
			if c.Project != 0 {
				require.LessOrEqual(t, c.KeptBytes, int64(2500))
				added += c.Added
			}
		}
		require.EqualValues(t, next, all[0].Added, "every record that was offered is counted")
		require.EqualValues(t, next, added)
	})
}
