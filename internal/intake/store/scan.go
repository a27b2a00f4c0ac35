package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/store/segment"
)

// Scan implements Reader.
//
// Each segment is read by one cursor from front to back, which goes on from day to day and holds one page of each column, so
// that every page is decoded once. At most MaxOpen cursors are kept from one day to the next. When a window has more segments
// whose days overlap than that, the further ones are opened for each day anew and closed behind it: such a segment is still read
// only where its days lie, but its footer once a day, and pages that hold several days once for each of them.
func (s *Store) Scan(ctx context.Context, w Window, fn func(*Batch) error) error {
	return s.scan(ctx, w, segment.All, fn)
}

// scan is Scan with a choice of columns.
func (s *Store) scan(ctx context.Context, w Window, choice segment.Columns, fn func(*Batch) error) (err error) {
	segments, release, err := s.retain(ctx, w)
	if err != nil {
		return err
	}
	defer release()
	first, last := w.days()
	sources := make([]*source, len(segments))
	var days []event.Day
	for i := range segments {
		g := &segments[i]
		from := sort.Search(len(g.Days), func(i int) bool { return g.Days[i].Day >= first })
		to := sort.Search(len(g.Days), func(i int) bool { return g.Days[i].Day > last })
		for _, d := range g.Days[from:to] {
			days = append(days, d.Day)
		}
		sources[i] = &source{store: s, segment: g, days: g.Days[from:to], window: w, choice: choice}
		if g.After < w.After || g.UpTo > w.UpTo {
			sources[i].choice |= segment.Position
			sources[i].filter = new(segment.Filtered)
		}
	}
	slices.Sort(days)
	days = slices.Compact(days)
	open := 0
	defer func() {
		for _, src := range sources {
			err = errors.Join(err, src.close())
		}
	}()
	for _, day := range days {
		for _, src := range sources {
			if len(src.days) == 0 || src.days[0].Day != day {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if src.cursor == nil {
				if err := src.open(ctx); err != nil {
					return err
				}
				src.keep = open < s.opts.MaxOpen
				if src.keep {
					open++
				}
			}
			if err := src.read(fn); err != nil {
				return err
			}
			done := len(src.days) == 0
			if done && src.keep {
				open--
			}
			if done || !src.keep {
				if err := src.close(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// source is a segment in a scan: what of it is still to be read, and how far.
type source struct {
	store   *Store
	segment *Segment
	window  Window
	choice  segment.Columns
	days    []DayRange
	filter  *segment.Filtered // nil when the window holds the whole segment

	object *object
	file   *segment.File
	cursor *segment.Cursor
	keep   bool
	batch  Batch
}

func (src *source) open(ctx context.Context) error {
	o, err := src.store.openObject(ctx, src.segment.Key)
	if err != nil {
		return err
	}
	f, err := segment.Open(o, o.size)
	if err == nil && f.Records() != src.segment.Records {
		err = fmt.Errorf("it has %d records, the index says %d", f.Records(), src.segment.Records)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("opening segment %s: %w", src.segment.Key, err), o.Close())
	}
	src.object, src.file, src.cursor = o, f, f.Cursor(src.choice)
	return nil
}

// read calls fn with the records of the next day.
func (src *source) read(fn func(*Batch) error) error {
	d := src.days[0]
	src.days = src.days[1:]
	if err := src.cursor.SeekRow(d.FirstRow); err != nil {
		return fmt.Errorf("reading segment %s: %w", src.segment.Key, err)
	}
	for left := d.Records; left > 0; left -= int64(src.batch.Len) {
		err := src.cursor.Next(left, &src.batch)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("reading segment %s: %w", src.segment.Key, err)
		}
		src.batch.Day = d.Day
		b := &src.batch
		if src.filter != nil {
			b = src.filter.Select(b, uint64(src.window.After), uint64(src.window.UpTo))
		}
		if b.Len == 0 {
			continue
		}
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}

func (src *source) close() error {
	if src.cursor == nil {
		return nil
	}
	err := errors.Join(src.cursor.Close(), src.object.Close())
	src.cursor, src.file, src.object = nil, nil, nil
	if err != nil {
		return fmt.Errorf("closing segment %s: %w", src.segment.Key, err)
	}
	return nil
}
