package quarantine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

// Filter selects entries. Zero fields select everything.
type Filter struct {
	Project  int64
	Endpoint string
	Field    string
	// IDs selects single entries, at most MaxPage.
	IDs []int64
	// Since and Until bound the time of arrival: [Since, Until).
	Since, Until time.Time
}

// MaxPage is how many entries List returns at most.
const MaxPage = 1000

// conditions returns the filter as SQL conditions that follow another one, with their arguments.
func (f *Filter) conditions() (string, []any) {
	var where string
	var args []any
	and := func(condition string, arg any) {
		where += ` AND ` + condition
		args = append(args, arg)
	}
	if f.Project != 0 {
		and(`project = ?`, f.Project)
	}
	if f.Endpoint != "" {
		and(`endpoint = ?`, f.Endpoint)
	}
	if f.Field != "" {
		and(`field = ?`, f.Field)
	}
	if !f.Since.IsZero() {
		and(`time_ms >= ?`, f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		and(`time_ms < ?`, f.Until.UnixMilli())
	}
	if len(f.IDs) > 0 {
		where += ` AND id IN (` + list("?", len(f.IDs)) + `)`
		for _, id := range f.IDs {
			args = append(args, id)
		}
	}
	return where, args
}

// List returns the entries that the filter selects, without Raw, by ascending id, beginning after the id cursor (0 for the first
// page). It returns at most limit of them, 1 to MaxPage. The id of the last one is the cursor of the next page.
func (q *Quarantine) List(ctx context.Context, f Filter, cursor int64, limit int) ([]Entry, error) {
	if len(f.IDs) > MaxPage {
		return nil, fault.New(fault.Setup, "listing the quarantine", "", fmt.Errorf("%d ids are more than %d", len(f.IDs), MaxPage), "ask for fewer at a time")
	}
	where, args := f.conditions()
	rows, err := q.db.Query(ctx, `SELECT id, project, time_ms, endpoint, position, field, message, bytes FROM quarantine_entry
		WHERE id > ?`+where+fmt.Sprintf(` ORDER BY id LIMIT %d`, min(max(limit, 1), MaxPage)), append([]any{cursor}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("listing the quarantine: %w", err)
	}
	defer rows.Close()
	var found []Entry
	for rows.Next() {
		var e Entry
		var ms int64
		if err := rows.Scan(&e.ID, &e.Project, &ms, &e.Endpoint, &e.Position, &e.Field, &e.Message, &e.Bytes); err != nil {
			return nil, fmt.Errorf("listing the quarantine: %w", err)
		}
		e.Time = time.UnixMilli(ms).UTC()
		found = append(found, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing the quarantine: %w", err)
	}
	return found, nil
}

// Get returns one entry with its Raw, or an error that is ErrNotFound.
func (q *Quarantine) Get(ctx context.Context, id int64) (Entry, error) {
	e := Entry{ID: id}
	var ms int64
	err := q.db.QueryRow(ctx, `SELECT project, time_ms, endpoint, position, field, message, bytes, raw FROM quarantine_entry WHERE id = ?`, id).
		Scan(&e.Project, &ms, &e.Endpoint, &e.Position, &e.Field, &e.Message, &e.Bytes, &e.Raw)
	if errors.Is(err, sql.ErrNoRows) {
		return Entry{}, fault.New(fault.Setup, "reading quarantine entry", fmt.Sprint(id), ErrNotFound, "it may have been replayed or deleted; list what is there")
	}
	if err != nil {
		return Entry{}, fmt.Errorf("reading quarantine entry %d: %w", id, err)
	}
	e.Time = time.UnixMilli(ms).UTC()
	return e, nil
}

// Delete gives entries up and returns how many there were. Ids that are not there, or that a replay is working on, are passed
// over.
func (q *Quarantine) Delete(ctx context.Context, ids ...int64) (int, error) {
	total := 0
	for chunk := range slices.Chunk(ids, MaxPage) {
		where, args := (&Filter{IDs: chunk}).conditions()
		n, err := q.remove(ctx, "deleted", `batch IS NULL`+where, args...)
		total += n
		if err != nil {
			return total, fmt.Errorf("deleting quarantine entries: %w", err)
		}
	}
	return total, nil
}

// remove deletes the entries that the condition selects and moves them from kept to the count that column names, in one
// transaction. An entry that is gone already, because another process was faster, is not counted again.
func (q *Quarantine) remove(ctx context.Context, column, where string, args ...any) (n int, err error) {
	err = q.db.InTx(ctx, func(tx *meta.Tx) error {
		if _, _, err := lockCounts(ctx, tx, 0); err != nil {
			return err
		}
		gone, err := sums(ctx, tx, where, args)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM quarantine_entry WHERE `+where, args...); err != nil {
			return err
		}
		n = int(gone[0].Kept)
		for project, c := range gone {
			_, err := tx.Exec(ctx, `UPDATE quarantine_count SET kept = kept - ?, kept_bytes = kept_bytes - ?, `+column+` = `+column+` + ?
				WHERE project = ?`, c.Kept, c.KeptBytes, c.Kept, project)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// sums returns how many entries a condition selects, by project and, under 0, in all.
func sums(ctx context.Context, tx *meta.Tx, where string, args []any) (map[int64]Counts, error) {
	rows, err := tx.Query(ctx, `SELECT project, count(*), CAST(sum(bytes) AS BIGINT) FROM quarantine_entry WHERE `+where+` GROUP BY project`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int64]Counts{}
	var all Counts
	for rows.Next() {
		var c Counts
		if err := rows.Scan(&c.Project, &c.Kept, &c.KeptBytes); err != nil {
			return nil, err
		}
		found[c.Project] = c
		all.Kept += c.Kept
		all.KeptBytes += c.KeptBytes
	}
	found[0] = all
	return found, rows.Err()
}
