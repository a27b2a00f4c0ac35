package pipeline

import (
	"context"
	"math"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/store"
)

// rawOpen is how many folders a raw pipeline's writer keeps open: the hours of two days and some more, since records are read in UTC days,
// segment after segment.
const rawOpen = 64

// writeRaw writes the events of a raw pipeline as the export API does.
func (a *attempt) writeRaw(ctx context.Context) (*lake.Manifest, error) {
	selector, err := a.selector(ctx)
	if err != nil {
		return nil, err
	}
	options := a.writer()
	options.Open = rawOpen
	out := lake.NewWriter(ctx, a.bucket, a.p.Layout(), a.run.name(), options)
	f := folders{attempt: a, from: math.MaxInt64}
	err = a.scan(ctx, a.run.window(&a.p.Definition), selector, func(b *store.Batch) error {
		return a.spans(b, func(d event.Day, from, to int) error {
			for i := from; i < to; i++ {
				if err := out.Begin(lake.Folder{Dir: f.dir(b.Time[i]), Day: d.String()}); err != nil {
					return err
				}
				if err := out.Commit(transform.AppendRawEvent(out.Buffer(), b, i, false), b.Position[i]); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		out.Abort()
		return nil, err
	}
	data, err := out.Close()
	if err != nil {
		return nil, err
	}
	return a.manifest(lake.RawFormat, data, nil), nil
}

// folders tells the folders of a raw pipeline. It remembers the one it told last.
type folders struct {
	*attempt
	from, until int64
	name        string
}

// dir returns the folder of an instant.
func (f *folders) dir(ms int64) string {
	if ms < f.from || ms >= f.until {
		hourly := f.p.Frequency == Hourly
		f.from, f.until = ms, f.next(ms)
		f.name = f.p.Layout().RawDir(time.UnixMilli(ms).In(f.calendar.zone), hourly)
	}
	return f.name
}

// next returns an instant after ms up to which the folder is the same.
func (f *folders) next(ms int64) int64 {
	if f.p.Frequency == Hourly {
		return f.calendar.nextHour(ms)
	}
	return f.calendar.nextDay(ms)
}
