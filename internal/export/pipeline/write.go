package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// write makes an attempt: objects, manifest, catalog. A manifest that an earlier attempt has written says that the objects are
// complete; they are not written again then.
func (w *Worker) write(ctx context.Context, p *Pipeline, run *Run) (*lake.Manifest, error) {
	if p.Type != TypeJSON {
		return nil, fault.New(fault.Setup, "exporting", p.Name, fmt.Errorf("the type %s is not exported yet", p.Type), "pause the pipeline")
	}
	b, err := w.Destinations.Bucket(ctx, &p.Definition)
	if err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", p.S3.Bucket, err)
	}
	c, err := w.Destinations.Catalog(ctx, &p.Definition)
	if err != nil {
		return nil, fmt.Errorf("opening the catalog of database %s: %w", p.Glue.Database, err)
	}
	layout := p.Layout()
	var m *lake.Manifest
	if run.Attempts > 1 {
		if m, err = lake.ReadManifest(ctx, b, layout, run.name()); err != nil && !errors.Is(err, bucket.ErrNotFound) {
			return nil, err
		}
	}
	written := m == nil
	if written {
		if m, err = w.writeObjects(ctx, b, p, run); err != nil {
			return nil, err
		}
	}
	if run.Attempts > 1 {
		days, err := w.days(ctx, p, run)
		if err != nil {
			return nil, err
		}
		if err := lake.Sweep(ctx, b, layout, run.name(), layout.Folders(run.name(), days, false), m); err != nil {
			return nil, err
		}
	}
	if p.Source.Snapshot() {
		m.Location = b.Location(layout.VersionDir(run.name()))
	}
	if written && (len(m.Data) > 0 || p.Source.Snapshot()) {
		if err := lake.WriteManifest(ctx, b, layout, m); err != nil {
			return nil, err
		}
	}
	table := lake.Table{Database: p.Glue.Database, Name: p.Table, Columns: columns(&p.Definition), Root: b.Location(layout.TableDir())}
	if p.Source.Snapshot() {
		table.Location = m.Location
		return m, w.publisher.PublishVersion(ctx, c, table)
	}
	table.Partitioned, table.Location = true, table.Root
	days, err := m.Days()
	if err != nil {
		return nil, err
	}
	partitions := make([]lake.Partition, len(days))
	for i, d := range days {
		partitions[i] = lake.Partition{Day: d, Location: b.Location(layout.DayDir(d))}
	}
	unpartitioned, err := w.publisher.PublishPartitions(ctx, c, table, partitions)
	if unpartitioned {
		w.Logger.Warn("the role may not work on partitions, so the table has none", "pipeline", p.Name, "table", p.Glue.Database+"."+p.Table)
	}
	return m, err
}

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

// writeObjects writes the rows of the run's window.
func (w *Worker) writeObjects(ctx context.Context, b bucket.Bucket, p *Pipeline, run *Run) (*lake.Manifest, error) {
	layout := p.Layout()
	out := lake.NewWriter(ctx, b, layout, run.name(), w.Writer)
	whole := lake.NewWriter(ctx, b, layout, run.name(), w.Writer)
	rows := &transform.Rows{Milliseconds: p.Milliseconds, Whole: func(row []byte, position uint64) error {
		if err := whole.Begin(lake.Folder{Dir: layout.OversizeDir()}); err != nil {
			return err
		}
		return whole.Commit(append(whole.Buffer(), row...), position)
	}}
	err := w.scan(ctx, p, run, rows, out)
	if err != nil {
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
	m := &lake.Manifest{
		Format: lake.ManifestFormat, RowFormat: lake.RowFormat, Pipeline: p.ID, Name: p.Name, Project: p.Project, Source: string(p.Source),
		Table: p.Table, Window: run.name(), FirstDay: dayText(p.From), LastDay: dayText(p.To), Data: data, Oversize: kept,
	}
	m.Sum()
	m.Totals.Long, m.Totals.Reduced = rows.Long, rows.Reduced
	return m, nil
}

func (w *Worker) scan(ctx context.Context, p *Pipeline, run *Run, rows *transform.Rows, out *lake.Writer) error {
	layout := p.Layout()
	switch p.Source {
	case People:
		if err := out.Begin(lake.Folder{Dir: layout.VersionDir(run.name())}); err != nil {
			return err
		}
		return w.Reader.ScanProfiles(ctx, p.Project, run.UpTo, func(distinctID, properties []byte) error {
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
		return w.Reader.ScanIdentities(ctx, p.Project, run.UpTo, func(distinctID, resolved []byte) error {
			return out.Commit(rows.AppendIdentity(out.Buffer(), distinctID, resolved), 0)
		})
	}
	var day event.Day
	first := true
	return w.Reader.Scan(ctx, run.window(&p.Definition), func(b *store.Batch) error {
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
