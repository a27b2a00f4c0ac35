package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store/identity"
	"github.com/refract-io/refract/internal/intake/store/segment"
	"github.com/refract-io/refract/internal/platform/project"
)

// ScanIdentities implements Reader. It makes the snapshot at upTo if there is none, from the one before it and the events since,
// of which it reads only the columns that hold ids. upTo must be sealed; otherwise it fails with a transient error.
func (s *Store) ScanIdentities(ctx context.Context, projectID int64, upTo eventlog.Position, fn func(distinctID, resolved []byte) error) error {
	p, err := s.opts.Projects.ByID(ctx, projectID)
	if err != nil {
		return fmt.Errorf("reading the identity mode of project %d: %w", projectID, err)
	}
	next := s.foldDevices(projectID)
	if p.Identity == project.Original {
		next = s.foldClusters(projectID)
	}
	return s.scanSnapshot(ctx, snapshotName{projectID, identities}, upTo, event.KindEvent, next, segment.UserID,
		func(b *Batch, i int) error { return fn(b.DistinctID.At(i), b.UserID.At(i)) })
}

// maxLinks bounds the links and operations that a fold holds in memory, at some 200 bytes each.
const maxLinks = 250_000

// link is the first event that carries a device and a user.
type link struct {
	position uint64
	index    uint32
	user     string
}

// foldDevices returns the fold of the simplified mode. Each row of the snapshot is a device, with its user in user_id and the
// place in the log of the event that tied them. Which event was first can be seen from that place, so the order in which events
// are read does not matter.
//
// A user id that looks like a device's is none: it would make the mapping point at a row of its own.
func (s *Store) foldDevices(projectID int64) fold {
	return func(ctx context.Context, base *mergeSource, after, upTo eventlog.Position, w *segment.Writer) (err error) {
		sorted := &sorter{store: s}
		defer func() { err = errors.Join(err, sorted.close()) }()
		links := map[string]link{}
		flush := func() error {
			r := event.Record{Kind: event.KindProfile}
			for device, l := range links {
				r.DistinctID = append(append(r.DistinctID[:0], identity.DevicePrefix...), device...)
				r.UserID = append(r.UserID[:0], l.user...)
				if err := sorted.add(ctx, l.position, l.index, &r); err != nil {
					return err
				}
			}
			clear(links)
			return nil
		}
		window := Window{Project: projectID, Kind: event.KindEvent, After: after, UpTo: upTo}
		columns := segment.Position | segment.Index | segment.DeviceID | segment.UserID
		err = s.scan(ctx, window, columns, func(b *Batch) error {
			for i := range b.Len {
				device, user := b.DeviceID.At(i), b.UserID.At(i)
				if len(device) == 0 || len(user) == 0 || bytes.HasPrefix(user, []byte(identity.DevicePrefix)) {
					continue
				}
				old, ok := links[string(device)]
				if ok && cmp.Or(cmp.Compare(old.position, b.Position[i]), cmp.Compare(old.index, b.Index[i])) <= 0 {
					continue
				}
				links[string(device)] = link{b.Position[i], b.Index[i], string(user)}
			}
			if len(links) < maxLinks {
				return nil
			}
			return flush()
		})
		if err != nil {
			return err
		}
		if err := flush(); err != nil {
			return err
		}
		out := stage{w: w}
		var last []byte
		err = sorted.each(ctx, base, func(m *mergeSource) error {
			var r event.Record
			m.batch.Record(event.KindProfile, m.at, &r)
			if bytes.Equal(r.DistinctID, last) {
				return nil
			}
			last = append(last[:0], r.DistinctID...)
			return out.add(m.batch.Position[m.at], m.batch.Index[m.at], &r)
		})
		if err != nil {
			return err
		}
		return out.flush()
	}
}

// foldClusters returns the fold of the original mode. Each row of the snapshot is an alias, with its canonical id in user_id.
// Only clusters that an operation mentions are held in memory.
func (s *Store) foldClusters(projectID int64) fold {
	return func(ctx context.Context, base *mergeSource, after, upTo eventlog.Position, w *segment.Writer) (err error) {
		segments, release, err := s.retain(ctx, Window{Project: projectID, Kind: event.KindEvent, After: after, UpTo: upTo})
		if err != nil {
			return err
		}
		defer release()
		var made []*mergeSource
		defer func() {
			for _, m := range made {
				err = errors.Join(err, m.close())
			}
		}()
		var operations []placedOperation
		// Segments follow each other in the log, so what was said in one of them can be applied before the next is read.
		for i := range segments {
			operations, err = s.identityOperations(ctx, &segments[i], after, upTo, operations)
			if err != nil {
				return err
			}
			if len(operations) < maxLinks || i == len(segments)-1 {
				continue
			}
			t := &sorter{store: s}
			err = t.writeRun(func(w *segment.Writer) error { return applyOperations(ctx, base, operations, w) })
			made = append(made, t.runs...)
			if err != nil {
				return err
			}
			base, operations = t.runs[0], operations[:0]
		}
		return applyOperations(ctx, base, operations, w)
	}
}

// placedOperation is an identity operation and its place in the log.
type placedOperation struct {
	position uint64
	index    uint32
	identity.Operation
}

// identityOperations appends the identity operations in a segment, in log order. It reads the properties of identity events only.
func (s *Store) identityOperations(ctx context.Context, g *Segment, after, upTo eventlog.Position, to []placedOperation) (_ []placedOperation, err error) {
	names, err := s.openFile(ctx, g.Key, segment.Position|segment.Index|segment.Name|segment.DistinctID)
	if err != nil {
		return to, err
	}
	defer func() { err = errors.Join(err, names.close()) }()
	texts := names.file.Cursor(segment.Properties)
	defer func() { err = errors.Join(err, texts.Close()) }()
	var scan event.Scanner
	var text Batch
	first, row := len(to), int64(-1)
	err = names.each(ctx, func(b *Batch, i int) error {
		row++
		if !identity.IsVerb(b.Name.At(i)) || b.Position[i] <= uint64(after) || b.Position[i] > uint64(upTo) {
			return nil
		}
		if err := texts.SeekRow(row); err != nil {
			return fmt.Errorf("reading segment %s: %w", g.Key, err)
		}
		if err := texts.Next(1, &text); err != nil {
			return fmt.Errorf("reading segment %s: %w", g.Key, noEOF(err))
		}
		if op, ok := identity.Parse(&scan, b.Name.At(i), b.DistinctID.At(i), text.Properties.At(0)); ok {
			to = append(to, placedOperation{b.Position[i], b.Index[i], op})
		}
		return nil
	})
	slices.SortFunc(to[first:], func(a, b placedOperation) int {
		return cmp.Or(cmp.Compare(a.position, b.position), cmp.Compare(a.index, b.index))
	})
	return to, err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// applyOperations writes the aliases of base, nil for none, after the operations.
func applyOperations(ctx context.Context, base *mergeSource, operations []placedOperation, w *segment.Writer) error {
	clusters := identity.NewClusters()
	// touched are the canonical ids, before the operations, of all ids that the operations mention.
	touched := map[string]bool{}
	for i := range operations {
		touched[operations[i].First] = true
		touched[operations[i].Second] = true
	}
	eachAlias := func(fn func(alias, canonical []byte) error) error {
		if base == nil {
			return nil
		}
		if err := base.rewind(); err != nil {
			return err
		}
		return base.each(ctx, func(b *Batch, i int) error { return fn(b.DistinctID.At(i), b.UserID.At(i)) })
	}
	var canonicals []string
	err := eachAlias(func(alias, canonical []byte) error {
		if touched[string(alias)] {
			canonicals = append(canonicals, string(canonical))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range canonicals {
		touched[id] = true
	}
	err = eachAlias(func(alias, canonical []byte) error {
		if touched[string(canonical)] {
			clusters.Tie(string(alias), string(canonical))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range operations {
		clusters.Apply(operations[i].Operation)
	}

	out := stage{w: w}
	changed := make([][2]string, 0, len(touched))
	clusters.All(func(alias, canonical string) { changed = append(changed, [2]string{alias, canonical}) })
	slices.SortFunc(changed, func(a, b [2]string) int { return cmp.Compare(a[0], b[0]) })
	add := func(alias, canonical []byte) error {
		return out.add(0, 0, &event.Record{Kind: event.KindProfile, DistinctID: alias, UserID: canonical})
	}
	addChanged := func(before func(alias string) bool) error {
		for len(changed) > 0 && before(changed[0][0]) {
			if err := add([]byte(changed[0][0]), []byte(changed[0][1])); err != nil {
				return err
			}
			changed = changed[1:]
		}
		return nil
	}
	err = eachAlias(func(alias, canonical []byte) error {
		if err := addChanged(func(next string) bool { return next < string(alias) }); err != nil {
			return err
		}
		if touched[string(canonical)] {
			return nil
		}
		return add(alias, canonical)
	})
	if err != nil {
		return err
	}
	if err := addChanged(func(string) bool { return true }); err != nil {
		return err
	}
	return out.flush()
}
