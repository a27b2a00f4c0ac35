package quarantine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
)

const (
	// replayEntries and replayBytes bound one batch of a replay, and so its memory.
	replayEntries = 500
	replayBytes   = 4 << 20
)

// Retaker judges quarantined records again and takes those that have become good. The collector implements it.
type Retaker interface {
	// Judge returns nil if the record would be taken now, or an *event.Invalid with the reason why it still would not, or
	// event.ErrIgnored. It changes nothing. Any other error ends the replay.
	Judge(ctx context.Context, e *Entry) error
	// Retake appends the records, all of one project and all taken by Judge before, durably, as one block under the key. It appends
	// nothing when the key is known already, also if the block has long left the log. A failed call is repeated with the same key
	// and entries, possibly by another process or a later version of the program: what that one would not take any more it leaves
	// out and returns the ids of. When the key is known, all entries are in the block.
	Retake(ctx context.Context, project int64, key string, entries []Entry) (rejected []int64, err error)
}

// Outcome is what a replay did.
type Outcome struct {
	// Replayed went into the log and left the quarantine.
	Replayed int
	// Rejected are still bad and stay.
	Rejected int
}

// Replay judges the entries that the filter selects again, takes those that have become good and removes them.
//
// Each entry is taken exactly once, whatever crashes: a batch of good entries is first marked with a random key, then appended
// under that key, then removed and counted. A replay that died in between is finished by the next one, before it begins anything
// else: the log and the store recognise the key. Replays of several processes may overlap only in finishing the same batch,
// which the key makes harmless.
//
//	kept ──claim──▶ claimed(key) ──append(key)──▶ in the log ──remove──▶ counted as replayed
func (q *Quarantine) Replay(ctx context.Context, f Filter, r Retaker) (Outcome, error) {
	var out Outcome
	if err := q.resume(ctx, r, &out); err != nil {
		return out, err
	}
	cursor := int64(0)
	for {
		page, err := q.List(ctx, f, cursor, replayEntries)
		if err != nil || len(page) == 0 {
			return out, err
		}
		cursor = page[len(page)-1].ID
		if err := q.replayPage(ctx, page, r, &out); err != nil {
			return out, err
		}
	}
}

// replayPage takes a page in batches of one project and at most replayBytes.
func (q *Quarantine) replayPage(ctx context.Context, page []Entry, r Retaker, out *Outcome) error {
	slices.SortStableFunc(page, func(a, b Entry) int {
		switch {
		case a.Project < b.Project:
			return -1
		case a.Project > b.Project:
			return 1
		}
		return 0
	})
	for len(page) > 0 {
		n, bytes := 0, int64(0)
		for n < len(page) && page[n].Project == page[0].Project && (n == 0 || bytes+page[n].Bytes <= replayBytes) {
			bytes += page[n].Bytes
			n++
		}
		if err := q.replayBatch(ctx, page[:n], r, out); err != nil {
			return err
		}
		page = page[n:]
	}
	return nil
}

func (q *Quarantine) replayBatch(ctx context.Context, batch []Entry, r Retaker, out *Outcome) error {
	good := make([]int64, 0, len(batch))
	for i := range batch {
		e, err := q.Get(ctx, batch[i].ID)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		err = r.Judge(ctx, &e)
		if _, bad := errors.AsType[*event.Invalid](err); bad || errors.Is(err, event.ErrIgnored) {
			out.Rejected++
			continue
		}
		if err != nil {
			return fmt.Errorf("judging quarantine entry %d: %w", e.ID, err)
		}
		good = append(good, e.ID)
	}
	if len(good) == 0 {
		return nil
	}
	key := "quarantine/" + rand.Text()
	where, args := (&Filter{IDs: good}).conditions()
	if _, err := q.db.Exec(ctx, `UPDATE quarantine_entry SET batch = ? WHERE batch IS NULL`+where, append([]any{key}, args...)...); err != nil {
		return fault.New(fault.Transient, "marking quarantine entries for replay", "", err, "")
	}
	return q.finish(ctx, key, r, out)
}

// resume finishes the batches that earlier replays left behind.
func (q *Quarantine) resume(ctx context.Context, r Retaker, out *Outcome) error {
	rows, err := q.db.Query(ctx, `SELECT DISTINCT batch FROM quarantine_entry WHERE batch IS NOT NULL ORDER BY batch`)
	if err != nil {
		return fmt.Errorf("looking for unfinished replays: %w", err)
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return fmt.Errorf("looking for unfinished replays: %w", err)
		}
		keys = append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("looking for unfinished replays: %w", err)
	}
	for _, key := range keys {
		if err := q.finish(ctx, key, r, out); err != nil {
			return err
		}
	}
	return nil
}

// finish appends a marked batch and removes it. The batch is what carries the mark, not what the caller saw: another process may
// have deleted or marked some of the entries first.
func (q *Quarantine) finish(ctx context.Context, key string, r Retaker, out *Outcome) error {
	batch, err := q.marked(ctx, key)
	if err != nil || len(batch) == 0 {
		return err
	}
	rejected, err := r.Retake(ctx, batch[0].Project, key, batch)
	if err != nil {
		return fmt.Errorf("replaying %d quarantine entries: %w", len(batch), err)
	}
	if len(rejected) > 0 {
		out.Rejected += len(rejected)
		where, args := (&Filter{IDs: rejected}).conditions()
		if _, err := q.db.Exec(ctx, `UPDATE quarantine_entry SET batch = NULL WHERE batch = ?`+where, append([]any{key}, args...)...); err != nil {
			return fault.New(fault.Transient, "releasing quarantine entries from a replay", "", err, "")
		}
	}
	n, err := q.remove(ctx, "replayed", `batch = ?`, key)
	if err != nil {
		return fault.New(fault.Transient, "removing replayed quarantine entries", "", err, "run the replay again: it goes on where it stopped")
	}
	out.Replayed += n
	return nil
}

func (q *Quarantine) marked(ctx context.Context, key string) ([]Entry, error) {
	rows, err := q.db.Query(ctx, `SELECT id, project, time_ms, endpoint, position, field, message, bytes, raw FROM quarantine_entry
		WHERE batch = ? ORDER BY id`, key)
	if err != nil {
		return nil, fmt.Errorf("reading a batch to replay: %w", err)
	}
	defer rows.Close()
	var batch []Entry
	for rows.Next() {
		var e Entry
		var ms int64
		if err := rows.Scan(&e.ID, &e.Project, &ms, &e.Endpoint, &e.Position, &e.Field, &e.Message, &e.Bytes, &e.Raw); err != nil {
			return nil, fmt.Errorf("reading a batch to replay: %w", err)
		}
		e.Time = time.UnixMilli(ms).UTC()
		batch = append(batch, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading a batch to replay: %w", err)
	}
	return batch, nil
}
