package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Watched is a table that a Watch looks at.
type Watched struct {
	// Table is its name in SQL, with the schema's.
	Table string
	// ID is the SQL expression of what no two rows may share.
	ID string
	// Days is true for a table whose days are looked at one by one: each may only grow.
	Days bool
}

// query counts the rows and the different ids of each part of the table.
func (w *Watched) query() string {
	part := "'all'"
	if w.Days {
		part = "mp_date"
	}
	return fmt.Sprintf("SELECT %s, count(*), count(DISTINCT %s) FROM %s GROUP BY 1", part, w.ID, w.Table)
}

// Watch is a reader that looks at tables again and again. What it has seen must stay: a table and each of its days only grow, and no row is
// there twice.
type Watch struct {
	tb     testing.TB
	tables []Watched
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	looks map[string]int            // by table
	seen  map[string]map[string]int // rows, by table and part
}

// NewWatch reads the tables over the SQL service of dsn until it is stopped, or the test ends. Tables that are not there yet are asked for again,
// and so are queries that the service's death ends.
func NewWatch(tb testing.TB, dsn string, tables ...Watched) *Watch {
	ctx, cancel := context.WithCancel(tb.Context())
	w := &Watch{tb: tb, tables: tables, cancel: cancel, done: make(chan struct{}), looks: map[string]int{}, seen: map[string]map[string]int{}}
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			w.connected(ctx, dsn)
			pause(ctx)
		}
	}()
	tb.Cleanup(w.Stop)
	return w
}

// notYet are the answers of a service that has no such schema or table yet.
var notYet = []string{"3F000", "42P01"}

// leaving are the answers of a service that is being shut down.
var leaving = []string{"57P01", "57P03"}

// pause leaves the machine to others for a moment.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Millisecond):
	}
}

// connected looks at all tables until the connection or the watch ends.
func (w *Watch) connected(ctx context.Context, dsn string) {
	conn, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return // the service is down
	}
	defer func() { _ = conn.Close(ctx) }() // the service may be gone
	for ; ctx.Err() == nil; pause(ctx) {
		for i := range w.tables {
			table := w.tables[i].Table
			found, err := conn.Exec(ctx, w.tables[i].query()).ReadAll()
			answer, told := errors.AsType[*pgconn.PgError](err)
			switch {
			case err == nil:
				for _, wrong := range w.judge(table, found[0].Rows) {
					w.tb.Error(wrong)
				}
			case ctx.Err() != nil || !told || slices.Contains(leaving, answer.Code):
				return
			case slices.Contains(notYet, answer.Code) && w.looks[table] == 0: // this goroutine alone counts
			default:
				w.tb.Errorf("a reader of %s was told: %v", table, err)
				return
			}
		}
	}
}

// judge compares the parts of a table, with their rows and different ids, with what was there before.
func (w *Watch) judge(table string, rows [][][]byte) (wrong []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]int{}
	for _, row := range rows {
		n, err := strconv.Atoi(string(row[1]))
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", table, err))
		}
		if string(row[1]) != string(row[2]) {
			wrong = append(wrong, fmt.Sprintf("%s: %s has %s rows with %s ids", table, row[0], row[1], row[2]))
		}
		found[string(row[0])] = n
	}
	for part, n := range w.seen[table] {
		if found[part] < n {
			wrong = append(wrong, fmt.Sprintf("%s: %s had %d rows, now %d", table, part, n, found[part]))
		}
	}
	w.seen[table] = found
	w.looks[table]++
	return wrong
}

// Looks returns how often the table was read that was read least.
func (w *Watch) Looks() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	least := w.looks[w.tables[0].Table]
	for _, t := range w.tables {
		least = min(least, w.looks[t.Table])
	}
	return least
}

// Stop ends the reader.
func (w *Watch) Stop() {
	w.cancel()
	<-w.done
}
