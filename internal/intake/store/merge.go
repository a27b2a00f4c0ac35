package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store/segment"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/meta"
)

// Merge says which neighbouring segments of a project and kind are merged into larger ones.
//
// A segment's weight is the larger of its shares of MaxRecords and MaxBytes; from a half on it is full and left alone. Below
// that there are four levels, each Fanout times the one before. Whenever Fanout neighbours lie on a level or below, unpinned and
// between segments above it, the first of them are merged, as many as weigh 1 together. So a record is written again at most
// about once a level, and between two full segments there are fewer than Fanout others: N records of one project and kind lie
// in fewer than Fanout x (2N/MaxRecords + 2B/MaxBytes + 1) segments, B being their size in files, once merging has caught up.
// Pinned segments come on top.
type Merge struct {
	Fanout     int   // default 8
	MaxRecords int64 // default 1,000,000
	MaxBytes   int64 // default 256 MiB
}

const (
	mergeLevels = 4
	// maxMerged bounds the memory of a merge: a page of each column of so many segments.
	maxMerged = 32
	// stageBytes is how much a merge collects before it writes pages.
	stageBytes = 8 << 20
)

func (m *Merge) setDefaults() {
	if m.Fanout < 2 {
		m.Fanout = 8
	}
	if m.MaxRecords == 0 {
		m.MaxRecords = 1_000_000
	}
	if m.MaxBytes == 0 {
		m.MaxBytes = 256 << 20
	}
}

func (m *Merge) weight(g *Segment) float64 {
	return max(float64(g.Records)/float64(m.MaxRecords), float64(g.Bytes)/float64(m.MaxBytes))
}

// choose returns the neighbours to merge next, or none. The segments are those of one project and kind in log order.
func (m *Merge) choose(segments []Segment, pinned func(after, upTo eventlog.Position) bool) []Segment {
	limit := 0.5
	for range mergeLevels - 1 {
		limit /= float64(m.Fanout)
	}
	for range mergeLevels {
		from := 0
		for from < len(segments) {
			to, total := from, 0.0
			var take int
			for to < len(segments) && m.weight(&segments[to]) < limit && !pinned(segments[from].After, segments[to].UpTo) {
				total += m.weight(&segments[to])
				to++
				if total <= 1 && to-from <= maxMerged {
					take = to
				}
			}
			if to-from >= m.Fanout {
				return segments[from:take]
			}
			from = max(to, from+1)
		}
		limit *= float64(m.Fanout)
	}
	return nil
}

// neighbours returns the segments of a project and kind in log order, without their days.
func (s *Store) neighbours(ctx context.Context, g group) ([]Segment, error) {
	rows, err := s.opts.DB.Query(ctx, `SELECT id, after_pos, upto_pos, object_key, bytes, records FROM segment
		WHERE project_id = ? AND kind = ? ORDER BY after_pos`, g.project, int64(g.kind))
	if err != nil {
		return nil, fmt.Errorf("reading the segment index of project %d: %w", g.project, err)
	}
	defer rows.Close()
	var all []Segment
	for rows.Next() {
		seg := Segment{Project: g.project, Kind: g.kind}
		if err := rows.Scan(&seg.ID, &seg.After, &seg.UpTo, &seg.Key, &seg.Bytes, &seg.Records); err != nil {
			return nil, fmt.Errorf("reading the segment index of project %d: %w", g.project, err)
		}
		all = append(all, seg)
	}
	return all, rows.Err()
}

// mergeOnce merges one run of neighbours, if there is one, and reports whether it did.
func (s *Store) mergeOnce(ctx context.Context, g group) (bool, error) {
	all, err := s.neighbours(ctx, g)
	if err != nil {
		return false, err
	}
	inputs := s.opts.Merge.choose(all, func(after, upTo eventlog.Position) bool { return s.pinned(g.project, after, upTo) })
	if len(inputs) < 2 {
		return false, nil
	}
	merged := Segment{Project: g.project, Kind: g.kind, After: inputs[0].After, UpTo: inputs[len(inputs)-1].UpTo}
	merged.Key = segmentKey(g.project, g.kind, merged.After, merged.UpTo)
	if err := s.writeMerged(ctx, &merged, inputs); err != nil {
		return false, fmt.Errorf("merging %d segments into %s: %w", len(inputs), merged.Key, err)
	}
	done, err := s.replace(ctx, &merged, inputs)
	if err != nil {
		return false, fmt.Errorf("merging %d segments into %s: %w", len(inputs), merged.Key, err)
	}
	if !done {
		if err := s.opts.Bucket.Delete(ctx, merged.Key); err != nil {
			return false, fmt.Errorf("removing %s, which a pin made useless: %w", merged.Key, err)
		}
		return false, nil
	}
	s.count(func(st *Stats) { st.Merges++; st.MergedRecords += merged.Records })
	return true, nil
}

// replace puts the merged segment into the place of the others, unless they were pinned meanwhile.
func (s *Store) replace(ctx context.Context, merged *Segment, inputs []Segment) (bool, error) {
	s.index.Lock()
	defer s.index.Unlock()
	if s.pinned(merged.Project, merged.After, merged.UpTo) {
		return false, nil
	}
	now := s.nowMillis()
	err := s.opts.DB.InTx(ctx, func(tx *meta.Tx) error {
		for i := range inputs {
			if err := deleteSegment(ctx, tx, &inputs[i], now+s.opts.Grace.Milliseconds()); err != nil {
				return err
			}
		}
		return insertSegment(ctx, tx, merged, now)
	})
	return err == nil, err
}

// writeMerged writes the records of the inputs, by time, position and index, to the object of merged and describes it there.
func (s *Store) writeMerged(ctx context.Context, merged *Segment, inputs []Segment) (err error) {
	f, err := s.tempFile()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := segment.NewWriter(f, merged.Kind)
	sources := make([]*mergeSource, 0, len(inputs))
	defer func() {
		for _, m := range sources {
			err = errors.Join(err, m.close())
		}
	}()
	for i := range inputs {
		m := &mergeSource{source: source{store: s, segment: &inputs[i], choice: segment.All}}
		if err := m.open(ctx); err != nil {
			return err
		}
		sources = append(sources, m)
	}
	if err := mergeRows(ctx, w, merged.Kind, slices.Clone(sources), compareTimes); err != nil {
		return err
	}
	if merged.Days, err = w.Close(); err != nil {
		return err
	}
	if err := checkDays(merged.Days); err != nil {
		return err
	}
	merged.Records = w.Records()
	if merged.Bytes, err = f.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("sizing a temporary file: %w", err)
	}
	if _, err := s.opts.Bucket.Put(ctx, merged.Key, f, merged.Bytes, bucket.PutOptions{ContentType: contentType}); err != nil {
		return fmt.Errorf("storing %s: %w", merged.Key, err)
	}
	return nil
}

// mergeSource is a segment that is merged: its next record is row at of the batch.
type mergeSource struct {
	source
	at int
}

// advance goes to the next record and reports whether there is one.
func (m *mergeSource) advance() (bool, error) {
	if m.at++; m.at < m.batch.Len {
		return true, nil
	}
	m.at = 0
	err := m.cursor.Next(1<<30, &m.batch)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading segment %s: %w", m.segment.Key, err)
	}
	return true, nil
}

func compareTimes(a, b *mergeSource) int {
	return cmp.Or(
		cmp.Compare(a.batch.Time[a.at], b.batch.Time[b.at]),
		cmp.Compare(a.batch.Position[a.at], b.batch.Position[b.at]),
		cmp.Compare(a.batch.Index[a.at], b.batch.Index[b.at]))
}

// mergeRows writes the records of the sources in the given order, each source being in it. It consumes the slice.
func mergeRows(ctx context.Context, w *segment.Writer, kind event.Kind, sources []*mergeSource, compare func(a, b *mergeSource) int) error {
	var rows segment.Rows
	var r event.Record
	err := mergeOrder(sources, compare, func(m *mergeSource) error {
		m.batch.Record(kind, m.at, &r)
		rows.Append(m.batch.Position[m.at], m.batch.Index[m.at], &r)
		if rows.Bytes() < stageBytes {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err := w.Write(&rows)
		rows.Reset()
		return err
	})
	if err != nil {
		return err
	}
	return w.Write(&rows)
}

// mergeOrder calls fn with the source of each record, in the given order. The sources lie in a heap; the first is the next.
func mergeOrder(sources []*mergeSource, compare func(a, b *mergeSource) int, fn func(*mergeSource) error) error {
	heap := sources[:0]
	for _, m := range sources {
		m.at = m.batch.Len
		more, err := m.advance()
		if err != nil {
			return err
		}
		if more {
			heap = append(heap, m)
		}
	}
	slices.SortFunc(heap, compare)
	for len(heap) > 0 {
		if err := fn(heap[0]); err != nil {
			return err
		}
		more, err := heap[0].advance()
		if err != nil {
			return err
		}
		if !more {
			heap[0] = heap[len(heap)-1]
			heap = heap[:len(heap)-1]
		}
		for i := 0; ; {
			least := i
			for child := 2*i + 1; child <= 2*i+2 && child < len(heap); child++ {
				if compare(heap[child], heap[least]) < 0 {
					least = child
				}
			}
			if least == i {
				break
			}
			heap[i], heap[least] = heap[least], heap[i]
			i = least
		}
	}
	return nil
}
