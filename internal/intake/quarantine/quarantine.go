// Package quarantine keeps the records that could not be taken, with the reason, until someone replays or deletes them.
//
// Entries are rows of the metadata database, so that every collector of an installation sees the same quarantine and an entry
// and the counts that include it are one transaction. Calls of Add that overlap share a transaction: under a flood of bad
// requests the disk is synced once per group, not once per record or request.
//
// The quarantine is bounded, in all and per project. What arrives over the bound is counted and not kept: the entries that are
// there, which someone may be looking at, are never pushed out by a flood. For each project, at any moment,
//
//	added = kept + replayed + deleted + refused
//
// where added counts every record that was ever offered. The counts are durable and exact; `refract verify` relies on them.
package quarantine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

// ErrNotFound says that there is no entry with the id. It may have been replayed or deleted.
var ErrNotFound = errors.New("no such quarantine entry")

// Entry is a record that could not be taken.
type Entry struct {
	// ID is set by Add. Ids grow and are never used twice.
	ID      int64
	Project int64
	// Time is when the record arrived, to the millisecond. A replay judges the record's age by it.
	Time time.Time
	// Endpoint says by which rules the record was judged: "track", "import", "engage" or "groups".
	Endpoint string
	// Position names the record for ever: the request and the index in it, or the file and line. A project keeps one entry per
	// position, so that a request or file that is sent again after a failure is not counted twice.
	Position string
	// Field and Message are the reason, as in event.Invalid.
	Field, Message string
	// Raw is the record as it was received, after the request's encodings (gzip, base64) were undone. List leaves it out.
	Raw []byte
	// Bytes is what the entry counts against the bound. Add sets it.
	Bytes int64
}

// entryOverhead is what an entry counts besides its texts, in bytes: about what its row and its index entries take.
const entryOverhead = 200

// prepare makes the texts fit for TEXT columns (PostgreSQL takes neither broken UTF-8 nor U+0000, and a reason may quote what a
// client sent) and counts the bytes.
func (e *Entry) prepare() {
	e.ID = 0
	for _, s := range []*string{&e.Endpoint, &e.Position, &e.Field, &e.Message} {
		*s = strings.ReplaceAll(strings.ToValidUTF8(*s, "\ufffd"), "\x00", "\ufffd")
	}
	e.Bytes = int64(entryOverhead + len(e.Endpoint) + len(e.Position) + len(e.Field) + len(e.Message) + len(e.Raw))
}

// Config bounds a quarantine. Zero fields get the defaults.
type Config struct {
	// MaxBytes bounds what is kept in all (default 1 GiB).
	MaxBytes int64
	// MaxProjectBytes bounds what is kept for one project (default a quarter of MaxBytes).
	MaxProjectBytes int64
}

// Quarantine is safe for concurrent use, also by several processes on one metadata database.
type Quarantine struct {
	db     *meta.DB
	config Config

	adds chan *addition
	done chan struct{}

	mu     sync.RWMutex // held for reading while sending on adds
	closed bool
}

type addition struct {
	entries []Entry
	result  chan error
}

// Open returns the quarantine in db. Close ends it.
func Open(db *meta.DB, config Config) *Quarantine {
	if config.MaxBytes == 0 {
		config.MaxBytes = 1 << 30
	}
	if config.MaxProjectBytes == 0 {
		config.MaxProjectBytes = config.MaxBytes / 4
	}
	q := &Quarantine{db: db, config: config, adds: make(chan *addition, maxGroup), done: make(chan struct{})}
	go q.commitGroups()
	return q
}

// Close waits for the calls of Add under way and ends the quarantine. The database stays open.
func (q *Quarantine) Close() {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.adds)
	}
	q.mu.Unlock()
	<-q.done
}

// errClosed answers Add during shutdown.
var errClosed = fault.New(fault.Transient, "adding to the quarantine", "", errors.New("it is closed"), "")

// Add keeps the entries, as far as the bounds allow, and counts them. They are durable, and their IDs set, when it returns nil;
// the ID of an entry over the bound, or whose position is there already, stays 0. After an error none of them is kept, and Add may
// be called again. Once begun, Add ends with the commit, not with ctx: the caller may reuse Raw when it returns.
func (q *Quarantine) Add(ctx context.Context, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	a := &addition{entries: entries, result: make(chan error, 1)}
	if err := q.enqueue(ctx, a); err != nil {
		return err
	}
	return <-a.result
}

func (q *Quarantine) enqueue(ctx context.Context, a *addition) error {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return errClosed
	}
	select {
	case q.adds <- a:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to add to the quarantine: %w", context.Cause(ctx))
	}
}

// Counts are a project's, or in Stats also the installation's, durable totals in records.
type Counts struct {
	// Project is 0 for the installation.
	Project int64
	// Added is every record ever offered: the sum of the fields below, without KeptBytes.
	Added int64
	// Kept are in the quarantine now, with KeptBytes in all.
	Kept, KeptBytes int64
	// Refused came when the quarantine was full and are not kept.
	Refused int64
	// Replayed went back into the log, Deleted were given up.
	Replayed, Deleted int64
}

// Stats returns the counts of the installation first (zero if nothing was ever added), then those of each project that has any,
// by id.
func (q *Quarantine) Stats(ctx context.Context) ([]Counts, error) {
	rows, err := q.db.Query(ctx, `SELECT project, added, kept, kept_bytes, refused, replayed, deleted FROM quarantine_count ORDER BY project`)
	if err != nil {
		return nil, fmt.Errorf("reading the quarantine's counts: %w", err)
	}
	defer rows.Close()
	var all []Counts
	for rows.Next() {
		var c Counts
		if err := rows.Scan(&c.Project, &c.Added, &c.Kept, &c.KeptBytes, &c.Refused, &c.Replayed, &c.Deleted); err != nil {
			return nil, fmt.Errorf("reading the quarantine's counts: %w", err)
		}
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the quarantine's counts: %w", err)
	}
	if len(all) == 0 {
		all = []Counts{{}}
	}
	return all, nil
}
