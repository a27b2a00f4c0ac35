package pipeline

import (
	"context"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/store"
)

// columns are those of a JSON pipeline's table.
func columns(d *Definition) []catalog.Column {
	switch d.Source {
	case People:
		return transform.ProfileColumns()
	case Identities:
		return transform.IdentityColumns()
	default:
		return transform.EventColumns(d.Milliseconds)
	}
}

// writeRows writes the rows of a JSON pipeline.
func (a *attempt) writeRows(ctx context.Context) (*lake.Manifest, error) {
	layout := a.p.Layout()
	out := lake.NewWriter(ctx, a.bucket, layout, a.run.name(), a.writer())
	whole := lake.NewWriter(ctx, a.bucket, layout, a.run.name(), a.writer())
	rows := &transform.Rows{Milliseconds: a.p.Milliseconds, Whole: func(row []byte, position uint64) error {
		if err := whole.Begin(lake.Folder{Dir: layout.OversizeDir()}); err != nil {
			return err
		}
		return whole.Commit(append(whole.Buffer(), row...), position)
	}}
	if err := a.scanRows(ctx, rows, out); err != nil {
		out.Abort()
		whole.Abort()
		return nil, err
	}
	data, err := out.Close()
	if err != nil {
		whole.Abort()
		return nil, err
	}
	kept, err := whole.Close()
	if err != nil {
		return nil, err
	}
	m := a.manifest(lake.RowFormat, data, kept)
	m.Totals.Long, m.Totals.Reduced = rows.Long, rows.Reduced
	return m, nil
}

func (a *attempt) scanRows(ctx context.Context, rows *transform.Rows, out *lake.Writer) error {
	layout, run := a.p.Layout(), a.run
	switch a.p.Source {
	case People:
		if err := out.Begin(lake.Folder{Dir: layout.VersionDir(run.name())}); err != nil {
			return err
		}
		return a.Reader.ScanProfiles(ctx, a.p.Project, run.UpTo, func(distinctID, properties []byte, _ int64) error {
			a.progress()
			row, err := rows.AppendProfile(out.Buffer(), distinctID, properties)
			if err != nil {
				return err
			}
			return out.Commit(row, 0)
		})
	case Identities:
		if err := out.Begin(lake.Folder{Dir: layout.VersionDir(run.name())}); err != nil {
			return err
		}
		return a.Reader.ScanIdentities(ctx, a.p.Project, run.UpTo, func(distinctID, resolved []byte) error {
			a.progress()
			return out.Commit(rows.AppendIdentity(out.Buffer(), distinctID, resolved), 0)
		})
	}
	selector, err := a.selector(ctx)
	if err != nil {
		return err
	}
	var day event.Day
	first := true
	return a.scan(ctx, run.window(&a.p.Definition), selector, func(b *store.Batch) error {
		if first || b.Day != day {
			first, day = false, b.Day
			if err := out.Begin(lake.Folder{Dir: layout.DayDir(day), Day: day.String()}); err != nil {
				return err
			}
		}
		for i := range b.Len {
			row, err := rows.AppendEvent(out.Buffer(), b, i)
			if err != nil {
				return err
			}
			if err := out.Commit(row, b.Position[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
