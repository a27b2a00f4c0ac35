package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store/segment"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// pending is what has been read from the log and is not sealed yet: the blocks in (after, upTo].
type pending struct {
	after, upTo eventlog.Position
	since       time.Time // when the first block was read
	groups      map[group]*segment.Rows
	spare       []*segment.Rows
	keys        []blockKey
	known       map[blockKey]bool // the keys of keys, without positions
	poison      []poisonBlock
	duplicates  int64
	// announced is how many records the blocks' headers promise, by project: what senders were told is kept.
	announced map[int64]int64
	decoder   eventlog.Decoder
}

// group is what goes into one segment.
type group struct {
	project int64
	kind    event.Kind
}

type blockKey struct {
	project  int64
	key      string
	position eventlog.Position
}

type poisonBlock struct {
	position       eventlog.Position
	project        int64
	key            string
	records, bytes int64
	reason         string
}

// maxSpareRows is how many groups' memory is kept for the next seal.
const maxSpareRows = 16

func newPending(sealed eventlog.Position) *pending {
	return &pending{after: sealed, upTo: sealed, groups: map[group]*segment.Rows{}, known: map[blockKey]bool{}, announced: map[int64]int64{}}
}

// empty reports whether there is nothing to seal, not even a watermark to move.
func (p *pending) empty() bool { return p.upTo == p.after }

func (p *pending) size() (records, bytes int64) {
	for _, r := range p.groups {
		records += int64(r.Len())
		bytes += int64(r.Bytes())
	}
	return records, bytes
}

// sorted returns the groups in a fixed order.
func (p *pending) sorted() []group {
	all := make([]group, 0, len(p.groups))
	for g, r := range p.groups {
		if r.Len() > 0 {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b group) int { return cmp.Or(cmp.Compare(a.project, b.project), cmp.Compare(a.kind, b.kind)) })
	return all
}

// sealedTo begins anew after what has been sealed.
func (p *pending) sealedTo() {
	p.after = p.upTo
	p.since = time.Time{}
	for g, r := range p.groups {
		r.Reset()
		if len(p.spare) < maxSpareRows {
			p.spare = append(p.spare, r)
		}
		delete(p.groups, g)
	}
	p.keys, p.poison, p.duplicates = nil, nil, 0
	clear(p.known)
	clear(p.announced)
}

func (p *pending) rows(g group) *segment.Rows {
	r := p.groups[g]
	if r == nil {
		if n := len(p.spare); n > 0 {
			r, p.spare = p.spare[n-1], p.spare[:n-1]
		} else {
			r = new(segment.Rows)
		}
		p.groups[g] = r
	}
	return r
}

// Times whose day is a Day. Ingestion lets nothing near them through.
const (
	minTime = math.MinInt32 * 86_400_000
	maxTime = math.MaxInt32 * 86_400_000
)

// checkRecord reports a record that a segment cannot hold.
func checkRecord(r *event.Record) error {
	switch {
	case r.Kind < event.KindEvent || r.Kind > event.KindGroup:
		return fmt.Errorf("the kind %d is unknown", r.Kind)
	case r.Time < minTime || r.Time >= maxTime:
		return fmt.Errorf("the time %d ms is no day", r.Time)
	}
	return nil
}

// add reads a block. After an error the block is as if it had not been read.
func (s *Store) add(ctx context.Context, p *pending, b *eventlog.Block) error {
	if b.Key != "" {
		duplicate, err := s.duplicate(ctx, p, b)
		if err != nil {
			return err
		}
		if duplicate {
			p.duplicates++
			p.upTo = b.Position
			return nil
		}
	}
	var rows [4]*segment.Rows
	var before [4]int
	err := p.decoder.Decode(b, func(index int, r *event.Record) error {
		if err := checkRecord(r); err != nil {
			return fmt.Errorf("record %d: %w", index, err)
		}
		to := rows[r.Kind]
		if to == nil {
			to = p.rows(group{b.Project, r.Kind})
			rows[r.Kind], before[r.Kind] = to, to.Len()
		}
		to.Append(uint64(b.Position), uint32(index), r)
		return nil
	})
	if err != nil {
		for kind, r := range rows {
			if r != nil {
				r.Truncate(before[kind])
			}
		}
		if err := s.keepAside(ctx, p, b, err); err != nil {
			return err
		}
	} else if b.Key != "" {
		p.keys = append(p.keys, blockKey{b.Project, b.Key, b.Position})
		p.known[blockKey{project: b.Project, key: b.Key}] = true
	}
	p.announced[b.Project] += int64(b.Count)
	p.upTo = b.Position
	return nil
}

// duplicate reports whether a block with the same key was read or sealed before.
func (s *Store) duplicate(ctx context.Context, p *pending, b *eventlog.Block) (bool, error) {
	if p.known[blockKey{project: b.Project, key: b.Key}] {
		return true, nil
	}
	_, known, err := s.KnownKey(ctx, b.Project, b.Key)
	return known, err
}

// keepAside puts a block that cannot be decoded where it can be looked at.
func (s *Store) keepAside(ctx context.Context, p *pending, b *eventlog.Block, reason error) error {
	key := poisonKey(b.Position)
	if _, err := s.opts.Bucket.Put(ctx, key, bytes.NewReader(b.Data), int64(len(b.Data)), bucket.PutOptions{}); err != nil {
		return fmt.Errorf("keeping corrupt block %d aside: %w", b.Position, err)
	}
	s.opts.Logger.Warn("a log block cannot be decoded; its records are missing, its bytes are kept",
		"position", uint64(b.Position), "project", b.Project, "records", b.Count, "object", s.opts.Bucket.Location(key), "error", reason)
	p.poison = append(p.poison, poisonBlock{b.Position, b.Project, b.Key, int64(b.Count), int64(len(b.Data)), reason.Error()})
	return nil
}

func poisonKey(position eventlog.Position) string {
	return fmt.Sprintf("%s%020d", poisonPrefix, position)
}

// KnownKey returns the position of the sealed block with the key, if there is one. Keys are remembered for KeepKeys. Those of
// blocks that are not sealed yet the log knows.
func (s *Store) KnownKey(ctx context.Context, project int64, key string) (eventlog.Position, bool, error) {
	var position int64
	err := s.opts.DB.QueryRow(ctx, `SELECT position FROM sealed_key WHERE project_id = ? AND block_key = ?`, project, key).Scan(&position)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("looking up block key %q of project %d: %w", key, project, err)
	}
	return eventlog.Position(position), true, nil
}
