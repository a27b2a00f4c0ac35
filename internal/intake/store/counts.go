package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store/segment"
	"github.com/refract-io/refract/internal/platform/fault"
)

// DayCount is how many records an event day has.
type DayCount struct {
	Day     event.Day
	Records int64
}

// Counts returns the number of sealed records of each day in the window that has any, in ascending order. It reads the index,
// and of segments that lie only partly in the window's log range their positions.
func (s *Store) Counts(ctx context.Context, w Window) ([]DayCount, error) {
	segments, release, err := s.retain(ctx, w)
	if err != nil {
		return nil, err
	}
	defer release()
	first, last := w.days()
	counts := map[event.Day]int64{}
	for i := range segments {
		g := &segments[i]
		if w.After <= g.After && g.UpTo <= w.UpTo {
			for _, d := range g.Days {
				if d.Day >= first && d.Day <= last {
					counts[d.Day] += d.Records
				}
			}
			continue
		}
		part := w
		part.After, part.UpTo = max(w.After, g.After), min(w.UpTo, g.UpTo)
		if err := s.scan(ctx, part, segment.Position, func(b *Batch) error {
			counts[b.Day] += int64(b.Len)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	all := make([]DayCount, 0, len(counts))
	for d, n := range counts {
		all = append(all, DayCount{d, n})
	}
	slices.SortFunc(all, func(a, b DayCount) int { return cmp.Compare(a.Day, b.Day) })
	return all, nil
}

// Accepted returns how many records of the project the sealed blocks announced in their headers when they were appended: what senders
// were told is kept. Segments hold as many, unless a block could not be decoded.
func (s *Store) Accepted(ctx context.Context, project int64) (int64, error) {
	var n int64
	if err := s.opts.DB.QueryRow(ctx, `SELECT coalesce(max(records), 0) FROM accepted WHERE project_id = ?`, project).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting accepted records of project %d: %w", project, err)
	}
	return n, nil
}

// Total is what the store has of one project and kind.
type Total struct {
	Project int64
	Kind    event.Kind
	// Sealed counts the records in segments, Unsealed those that are still in the log only.
	Sealed, Unsealed int64
	// Segments and Bytes are the number and the size of the segment files.
	Segments, Bytes int64
}

// totalsTries is how often Totals begins anew because a seal came between its reads.
const totalsTries = 5

// Totals returns what the store has of all projects, ordered by project and kind, at one moment: a record counts once, whether
// it is sealed or not. It reads all unsealed blocks, so the process needs the log.
func (s *Store) Totals(ctx context.Context) ([]Total, error) {
	if s.opts.Log == nil {
		return nil, fault.New(fault.Bug, "counting records", "", errors.New("the store has no log"), "")
	}
	for range totalsTries {
		totals, sealed, err := s.sealedTotals(ctx)
		if err != nil {
			return nil, err
		}
		if err := s.addUnsealed(ctx, totals, sealed); err != nil {
			return nil, err
		}
		now, err := s.Sealed(ctx)
		if err != nil {
			return nil, err
		}
		if now != sealed {
			continue
		}
		all := make([]Total, 0, len(totals))
		for _, t := range totals {
			all = append(all, *t)
		}
		slices.SortFunc(all, func(a, b Total) int { return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Kind, b.Kind)) })
		return all, nil
	}
	return nil, fault.New(fault.Transient, "counting records", "", errors.New("seals kept coming between"), "")
}

// sealedTotals reads index and watermark in one statement, so that they belong together.
func (s *Store) sealedTotals(ctx context.Context) (map[group]*Total, eventlog.Position, error) {
	rows, err := s.opts.DB.Query(ctx, `SELECT project_id, kind, CAST(sum(records) AS BIGINT), CAST(sum(bytes) AS BIGINT), count(*)
		FROM segment GROUP BY project_id, kind UNION ALL SELECT 0, 0, position, 0, 0 FROM sealed_watermark`)
	if err != nil {
		return nil, 0, fmt.Errorf("counting sealed records: %w", err)
	}
	defer rows.Close()
	totals := map[group]*Total{}
	var sealed eventlog.Position
	for rows.Next() {
		var t Total
		if err := rows.Scan(&t.Project, &t.Kind, &t.Sealed, &t.Bytes, &t.Segments); err != nil {
			return nil, 0, fmt.Errorf("counting sealed records: %w", err)
		}
		if t.Kind == 0 {
			sealed = eventlog.Position(t.Sealed)
			continue
		}
		totals[group{t.Project, t.Kind}] = &t
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("counting sealed records: %w", err)
	}
	return totals, sealed, nil
}

// addUnsealed counts what the log holds after sealed, as it will be sealed: blocks that cannot be decoded have no records, and
// of blocks with the same key the first counts.
func (s *Store) addUnsealed(ctx context.Context, totals map[group]*Total, sealed eventlog.Position) error {
	seen := map[blockKey]bool{}
	var decoder eventlog.Decoder
	err := s.opts.Log.Read(ctx, sealed, func(b *eventlog.Block) error {
		key := blockKey{project: b.Project, key: b.Key}
		if b.Key != "" {
			_, known, err := s.KnownKey(ctx, b.Project, b.Key)
			if err != nil || known || seen[key] {
				return err
			}
		}
		counts := map[event.Kind]int64{}
		if decoder.Decode(b, func(_ int, r *event.Record) error { counts[r.Kind]++; return checkRecord(r) }) != nil {
			return nil
		}
		if b.Key != "" {
			seen[key] = true
		}
		for kind, n := range counts {
			g := group{b.Project, kind}
			if totals[g] == nil {
				totals[g] = &Total{Project: b.Project, Kind: kind}
			}
			totals[g].Unsealed += n
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("counting unsealed records: %w", err)
	}
	return nil
}
