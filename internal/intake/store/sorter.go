package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/store/segment"
)

// sorter puts any number of records in the order of distinct_id, position and index. It holds SealBytes of them in memory; more
// go to temporary files, sorted, which are merged in the end.
type sorter struct {
	store *Store
	rows  segment.Rows
	runs  []*mergeSource
}

func (t *sorter) add(ctx context.Context, position uint64, index uint32, r *event.Record) error {
	t.rows.Append(position, index, r)
	if t.rows.Bytes() < t.store.opts.SealBytes {
		return nil
	}
	return t.spill(ctx)
}

// spill writes what is in memory to a run, and many runs to one.
func (t *sorter) spill(ctx context.Context) error {
	t.rows.SortByID()
	err := t.writeRun(func(w *segment.Writer) error { return w.Write(&t.rows) })
	t.rows.Reset()
	if err != nil || len(t.runs) < maxMerged {
		return err
	}
	runs := t.runs
	t.runs = nil
	err = t.writeRun(func(w *segment.Writer) error {
		return mergeRows(ctx, w, event.KindProfile, append([]*mergeSource{}, runs...), compareIDs)
	})
	for _, m := range runs {
		err = errors.Join(err, m.close())
	}
	return err
}

func (t *sorter) writeRun(write func(*segment.Writer) error) error {
	f, err := t.store.tempFile()
	if err != nil {
		return err
	}
	w := segment.NewUnorderedWriter(f, event.KindProfile)
	err = write(w)
	if err == nil {
		_, err = w.Close()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	m, err := openTemp(f)
	if err != nil {
		return err
	}
	t.runs = append(t.runs, m)
	return nil
}

// each calls fn with the records in order, those of base among them, which is sorted already and may be nil.
func (t *sorter) each(ctx context.Context, base *mergeSource, fn func(*mergeSource) error) error {
	if t.rows.Len() > 0 {
		if err := t.spill(ctx); err != nil {
			return err
		}
	}
	sources := append([]*mergeSource{}, t.runs...)
	if base != nil {
		sources = append(sources, base)
	}
	return mergeOrder(sources, compareIDs, fn)
}

func (t *sorter) close() error {
	var errs []error
	for _, m := range t.runs {
		errs = append(errs, m.close())
	}
	t.runs = nil
	return errors.Join(errs...)
}

func compareIDs(a, b *mergeSource) int {
	return cmp.Or(
		bytes.Compare(a.batch.DistinctID.At(a.at), b.batch.DistinctID.At(b.at)),
		cmp.Compare(a.batch.Position[a.at], b.batch.Position[b.at]),
		cmp.Compare(a.batch.Index[a.at], b.batch.Index[b.at]))
}

// stage collects rows for a writer.
type stage struct {
	w    *segment.Writer
	rows segment.Rows
}

func (g *stage) add(position uint64, index uint32, r *event.Record) error {
	g.rows.Append(position, index, r)
	if g.rows.Bytes() < stageBytes {
		return nil
	}
	return g.flush()
}

func (g *stage) flush() error {
	err := g.w.Write(&g.rows)
	g.rows.Reset()
	return err
}
