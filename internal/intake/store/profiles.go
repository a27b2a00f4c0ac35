package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store/segment"
)

// ScanProfiles implements Reader. It makes the snapshot at upTo if there is none, from the one before it and the operations
// since, in memory of about SealBytes. upTo must be sealed; otherwise it fails with a transient error.
func (s *Store) ScanProfiles(ctx context.Context, project int64, upTo eventlog.Position, fn func(distinctID, properties []byte, received int64) error) error {
	name := snapshotName{project, profiles}
	return s.scanSnapshot(ctx, name, upTo, event.KindProfile, s.foldProfiles(name), segment.Properties|segment.Received,
		func(b *Batch, i int) error { return fn(b.DistinctID.At(i), b.Properties.At(i), b.Received[i]) })
}

// scanSnapshot calls fn with the rows of the snapshot at upTo. Batches have the distinct_id and the chosen column.
func (s *Store) scanSnapshot(ctx context.Context, name snapshotName, upTo eventlog.Position, kind event.Kind, next fold,
	choice segment.Columns, fn func(b *Batch, i int) error) (err error) {
	snap, release, err := s.snapshotAt(ctx, name, upTo, kind, next)
	if err != nil {
		return err
	}
	defer release()
	if snap == nil {
		return nil
	}
	m, err := s.openFile(ctx, snap.key, segment.DistinctID|choice)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	return m.each(ctx, fn)
}

// each calls fn with the rest of the rows.
func (m *mergeSource) each(ctx context.Context, fn func(b *Batch, i int) error) error {
	for {
		err := m.cursor.Next(1<<30, &m.batch)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", m.segment.Key, err)
		}
		for i := range m.batch.Len {
			if err := fn(&m.batch, i); err != nil {
				return err
			}
		}
	}
}

// foldProfiles returns the fold of a project's profile operations. Each row of the snapshot is a profile, with position, index
// and time of its last operation.
func (s *Store) foldProfiles(name snapshotName) fold {
	return func(ctx context.Context, base *mergeSource, after, upTo eventlog.Position, w *segment.Writer) (err error) {
		sorted := &sorter{store: s}
		defer func() { err = errors.Join(err, sorted.close()) }()
		var r event.Record
		err = s.Scan(ctx, Window{Project: name.project, Kind: event.KindProfile, After: after, UpTo: upTo}, func(b *Batch) error {
			for i := range b.Len {
				b.Record(event.KindProfile, i, &r)
				if err := sorted.add(ctx, b.Position[i], b.Index[i], &r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		p := &profile{out: stage{w: w}}
		if err := sorted.each(ctx, base, func(m *mergeSource) error { return p.next(m, m == base) }); err != nil {
			return err
		}
		if err := p.write(); err != nil {
			return err
		}
		if p.refused > 0 {
			s.opts.Logger.Warn("profile operations that are none were skipped", "project", name.project,
				"count", p.refused, "error", p.reason)
		}
		return p.out.flush()
	}
}

// profile is the profile that is being folded: the rows of one distinct_id come one after the other, an earlier snapshot's first.
type profile struct {
	out      stage
	begun    bool
	last     event.Record // its texts are copies
	position uint64
	index    uint32
	exists   bool // last.Properties is the profile before the operations
	applied  bool // operations went into fold
	fold     event.ProfileFold
	text     []byte

	refused int
	reason  error
}

func (p *profile) next(m *mergeSource, base bool) error {
	var r event.Record
	m.batch.Record(event.KindProfile, m.at, &r)
	if !p.begun || !bytes.Equal(r.DistinctID, p.last.DistinctID) {
		if err := p.write(); err != nil {
			return err
		}
		p.begun, p.exists, p.applied = true, false, false
		p.last.Kind = event.KindProfile
		p.last.DistinctID = append(p.last.DistinctID[:0], r.DistinctID...)
	}
	p.last.Time, p.last.Received = r.Time, r.Received
	p.position, p.index = m.batch.Position[m.at], m.batch.Index[m.at]
	if base {
		p.exists = true
		p.last.Properties = append(p.last.Properties[:0], r.Properties...)
		return nil
	}
	if !p.applied {
		p.applied = true
		var before []byte
		if p.exists {
			before = p.last.Properties
		}
		if err := p.fold.Reset(before); err != nil {
			return fmt.Errorf("folding profile %q: %w", r.DistinctID, err)
		}
	}
	// What is no operation was not let in by this version; one such record must not keep all profiles from being exported.
	if err := p.fold.Apply(&r); err != nil {
		p.refused++
		p.reason = err
	}
	return nil
}

// write writes the finished profile, if there is one.
func (p *profile) write() error {
	if !p.begun {
		return nil
	}
	r := p.last
	if p.applied {
		// Properties of no profile are nil, which would throw the buffer away.
		text := p.fold.Properties(p.text[:0])
		if text == nil {
			return nil
		}
		p.text = text
		r.Properties = text
	}
	return p.out.add(p.position, p.index, &r)
}
