package quarantine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

const (
	// maxGroup is how many calls of Add share a transaction at most.
	maxGroup = 64
	// insertRows is how many rows one statement inserts: with 9 parameters each it stays well below SQLite's 32,766.
	insertRows = 100
	// commitTimeout bounds a transaction, so that a stuck database answers requests instead of holding them.
	commitTimeout = 45 * time.Second
)

// commitGroups is the goroutine of a Quarantine: it commits what waits, one group after the other, until Close.
func (q *Quarantine) commitGroups() {
	defer close(q.done)
	group := make([]*addition, 0, maxGroup)
	for first := range q.adds {
		group = append(group[:0], first)
	gather:
		for len(group) < maxGroup {
			select {
			case a, open := <-q.adds:
				if !open {
					break gather
				}
				group = append(group, a)
			default:
				break gather
			}
		}
		err := q.commit(group)
		for _, a := range group {
			a.result <- err
		}
	}
}

func (q *Quarantine) commit(group []*addition) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	var entries []*Entry
	for _, a := range group {
		for i := range a.entries {
			a.entries[i].prepare()
			entries = append(entries, &a.entries[i])
		}
	}
	err := q.db.InTx(ctx, func(tx *meta.Tx) error { return q.insert(ctx, tx, entries) })
	if err != nil {
		for _, e := range entries {
			e.ID = 0
		}
		return fault.New(fault.Transient, "adding to the quarantine", "", err, "")
	}
	return nil
}

// insert writes the entries and the counts. It updates the row of the installation first: that serialises the transactions of
// all processes, which makes the bounds exact and the ids grow with the commits.
func (q *Quarantine) insert(ctx context.Context, tx *meta.Tx, entries []*Entry) error {
	projects := map[int64]*change{}
	for _, e := range entries {
		projects[e.Project] = &change{}
	}
	total, lastID, err := lockCounts(ctx, tx, 0)
	if err != nil {
		return err
	}
	ids := slices.Sorted(maps.Keys(projects))
	for _, id := range ids {
		if projects[id].before, _, err = lockCounts(ctx, tx, id); err != nil {
			return err
		}
	}
	present, err := positions(ctx, tx, entries)
	if err != nil {
		return err
	}

	all := change{before: total}
	keep := entries[:0:0]
	for _, e := range entries {
		at := place{e.Project, e.Position}
		if present[at] {
			continue
		}
		p, size := projects[e.Project], e.Bytes
		if all.bytes()+size > q.config.MaxBytes || p.bytes()+size > q.config.MaxProjectBytes {
			p.refused++
			all.refused++
			continue
		}
		present[at] = true
		lastID++
		e.ID = lastID
		keep = append(keep, e)
		p.add(size)
		all.add(size)
	}
	for chunk := range slices.Chunk(keep, insertRows) {
		if err := insertChunk(ctx, tx, chunk); err != nil {
			return err
		}
	}
	if err := all.write(ctx, tx, 0, lastID); err != nil {
		return err
	}
	for _, id := range ids {
		if err := projects[id].write(ctx, tx, id, 0); err != nil {
			return err
		}
	}
	return nil
}

// change is what a transaction adds to a project's counts.
type change struct {
	before                   Counts
	kept, keptBytes, refused int64
}

func (c *change) bytes() int64 { return c.before.KeptBytes + c.keptBytes }

func (c *change) add(size int64) {
	c.kept++
	c.keptBytes += size
}

func (c *change) write(ctx context.Context, tx *meta.Tx, project, lastID int64) error {
	_, err := tx.Exec(ctx, `UPDATE quarantine_count SET last_id = ?, added = added + ?, kept = kept + ?, kept_bytes = kept_bytes + ?,
		refused = refused + ? WHERE project = ?`, lastID, c.kept+c.refused, c.kept, c.keptBytes, c.refused, project)
	if err != nil {
		return fmt.Errorf("counting quarantine entries: %w", err)
	}
	return nil
}

// lockCounts returns a project's counts and holds its row for the rest of the transaction. The update that changes nothing takes
// the lock on PostgreSQL; on SQLite the transaction has it already.
func lockCounts(ctx context.Context, tx *meta.Tx, project int64) (c Counts, lastID int64, err error) {
	err = tx.QueryRow(ctx, `INSERT INTO quarantine_count (project, last_id, added, kept, kept_bytes, refused, replayed, deleted)
		VALUES (?, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (project) DO UPDATE SET kept = quarantine_count.kept
		RETURNING last_id, kept_bytes`, project).Scan(&lastID, &c.KeptBytes)
	if err != nil {
		return c, 0, fmt.Errorf("reading the quarantine's counts: %w", err)
	}
	return c, lastID, nil
}

type place struct {
	project  int64
	position string
}

// positions returns which of the entries' positions are in the quarantine.
func positions(ctx context.Context, tx *meta.Tx, entries []*Entry) (map[place]bool, error) {
	present := map[place]bool{}
	byProject := map[int64][]any{}
	for _, e := range entries {
		byProject[e.Project] = append(byProject[e.Project], e.Position)
	}
	for project, all := range byProject {
		for chunk := range slices.Chunk(all, 500) {
			if err := positionsOf(ctx, tx, project, chunk, present); err != nil {
				return nil, err
			}
		}
	}
	return present, nil
}

func positionsOf(ctx context.Context, tx *meta.Tx, project int64, chunk []any, present map[place]bool) error {
	rows, err := tx.Query(ctx, `SELECT position FROM quarantine_entry WHERE project = ? AND position IN (`+list("?", len(chunk))+`)`,
		append([]any{project}, chunk...)...)
	if err != nil {
		return fmt.Errorf("looking for quarantine entries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var position string
		if err := rows.Scan(&position); err != nil {
			return fmt.Errorf("looking for quarantine entries: %w", err)
		}
		present[place{project, position}] = true
	}
	return rows.Err()
}

func insertChunk(ctx context.Context, tx *meta.Tx, chunk []*Entry) error {
	args := make([]any, 0, 9*len(chunk))
	for _, e := range chunk {
		raw := e.Raw
		if raw == nil {
			raw = []byte{}
		}
		args = append(args, e.ID, e.Project, e.Time.UnixMilli(), e.Endpoint, e.Position, e.Field, e.Message, raw, e.Bytes)
	}
	_, err := tx.Exec(ctx, `INSERT INTO quarantine_entry (id, project, time_ms, endpoint, position, field, message, raw, bytes) VALUES `+
		list("(?, ?, ?, ?, ?, ?, ?, ?, ?)", len(chunk)), args...)
	if err != nil {
		return fmt.Errorf("inserting quarantine entries: %w", err)
	}
	return nil
}

func list(item string, n int) string { return strings.TrimSuffix(strings.Repeat(item+", ", n), ", ") }
