package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/platform/meta"
)

// TableDay is what was exported of a day to a table, the sum over all runs or, where days are replaced, of the last run that did.
type TableDay struct {
	// Table is "" for raw pipelines.
	Table string
	// Day is 0 for a snapshot.
	Day event.Day
	// Version is the log position in the name of the folder of a day that was replaced, 0 for others.
	Version eventlog.Position
	Rows    int64
	Bytes   int64
	Objects int
	// Values has for each column of a schematized table, in order, the number of values that are not null. Columns that the table got
	// later are missing at the end.
	Values []int64
}

// TableDays returns what was exported to each table, by day.
func (s *Store) TableDays(ctx context.Context, id string) ([]TableDay, error) {
	return queryTableDays(ctx, s.db, id)
}

func (s *Store) tableDays(ctx context.Context, p *Pipeline) ([]TableDay, error) {
	return queryTableDays(ctx, s.db, p.ID)
}

// Days returns what was exported per event day, the sum over all tables and runs. A snapshot has one entry with the day 0.
func (s *Store) Days(ctx context.Context, id string) (map[event.Day]lake.Totals, error) {
	all, err := queryTableDays(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	days := map[event.Day]lake.Totals{}
	for _, d := range all {
		t := days[d.Day]
		t.Rows += d.Rows
		t.Bytes += d.Bytes
		t.Objects += d.Objects
		t.Days = 1
		days[d.Day] = t
	}
	return days, nil
}

func queryTableDays(ctx context.Context, q meta.Querier, id string) ([]TableDay, error) {
	rows, err := q.Query(ctx, `SELECT table_name, day, version, row_count, byte_count, object_count, value_counts FROM pipeline_day
		WHERE pipeline_id = ? ORDER BY table_name, day`, id)
	if err != nil {
		return nil, metaFault("reading exported days", err)
	}
	defer rows.Close()
	var all []TableDay
	for rows.Next() {
		var d TableDay
		var day, version int64
		var values string
		if err := rows.Scan(&d.Table, &day, &version, &d.Rows, &d.Bytes, &d.Objects, &values); err != nil {
			return nil, metaFault("reading exported days", err)
		}
		d.Day, d.Version = event.Day(day), eventlog.Position(version)
		if values != "" {
			if err := json.Unmarshal([]byte(values), &d.Values); err != nil {
				return nil, fmt.Errorf("reading the values of table %s: %w", d.Table, err)
			}
		}
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, metaFault("reading exported days", err)
	}
	return all, nil
}

// sumDays returns what a manifest names by table and day, the days that it emptied among them. A snapshot has the day 0.
func sumDays(p *Pipeline, m *lake.Manifest) ([]*TableDay, error) {
	found := map[lake.TableDay]*TableDay{}
	var all []*TableDay
	at := func(td lake.TableDay) (*TableDay, error) {
		if d := found[td]; d != nil {
			return d, nil
		}
		d := &TableDay{Table: cmp.Or(td.Table, p.table())}
		if p.Sync {
			d.Version = eventlog.Position(m.Window.UpTo)
		}
		if td.Day != "" {
			var err error
			if d.Day, err = event.ParseDay(td.Day); err != nil {
				return nil, err
			}
		}
		found[td] = d
		all = append(all, d)
		return d, nil
	}
	for _, o := range m.Data {
		d, err := at(lake.TableDay{Table: o.Table, Day: o.Day})
		if err != nil {
			return nil, err
		}
		d.Rows += o.Rows
		d.Bytes += o.Bytes
		d.Objects++
		d.Values = lake.AddValues(d.Values, o.Values)
	}
	for _, td := range m.Emptied {
		if _, err := at(td); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// storeDays adds what a run has published to the bookkeeping of its days or, where days are replaced, puts it in the place of what was
// there, whose versions are to be removed from then on.
func storeDays(ctx context.Context, tx *meta.Tx, p *Pipeline, run *Run, m *lake.Manifest, now, supersededMS int64) error {
	days, err := sumDays(p, m)
	if err != nil {
		return err
	}
	synced := map[event.Day]bool{}
	for _, d := range days {
		if err := storeDay(ctx, tx, p, d, supersededMS); err != nil {
			return metaFault("storing the days of pipeline "+p.Name, err)
		}
		if synced[d.Day] || d.Day == 0 {
			continue
		}
		synced[d.Day] = true
		_, err := tx.Exec(ctx, `INSERT INTO pipeline_sync (pipeline_id, day, number, synced_ms) VALUES (?, ?, ?, ?)`, p.ID, int64(d.Day), run.Number, now)
		if err != nil {
			return metaFault("storing the days of pipeline "+p.Name, err)
		}
	}
	return nil
}

func storeDay(ctx context.Context, tx *meta.Tx, p *Pipeline, d *TableDay, supersededMS int64) error {
	var values string
	if p.Sync {
		_, err := tx.Exec(ctx, `INSERT INTO pipeline_superseded (pipeline_id, table_name, day, version, superseded_ms)
			SELECT pipeline_id, table_name, day, version, ? FROM pipeline_day WHERE pipeline_id = ? AND table_name = ? AND day = ? AND object_count > 0`,
			supersededMS, p.ID, d.Table, int64(d.Day))
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM pipeline_day WHERE pipeline_id = ? AND table_name = ? AND day = ?`, p.ID, d.Table, int64(d.Day))
		}
		if err != nil {
			return err
		}
	}
	if len(d.Values) > 0 {
		var err error
		if values, err = addedValues(ctx, tx, p, d); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO pipeline_day (pipeline_id, table_name, day, version, row_count, byte_count, object_count, value_counts)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (pipeline_id, table_name, day) DO UPDATE SET row_count = pipeline_day.row_count + excluded.row_count,
		byte_count = pipeline_day.byte_count + excluded.byte_count, object_count = pipeline_day.object_count + excluded.object_count,
		value_counts = excluded.value_counts`,
		p.ID, d.Table, int64(d.Day), int64(d.Version), d.Rows, d.Bytes, d.Objects, values)
	return err
}

// storeLeft counts objects that stay although no run has published them: without their rows.
func storeLeft(ctx context.Context, tx *meta.Tx, p *Pipeline, m *lake.Manifest) error {
	days, err := sumDays(p, m)
	if err != nil {
		return err
	}
	for _, d := range days {
		_, err := tx.Exec(ctx, `INSERT INTO pipeline_day (pipeline_id, table_name, day, version, row_count, byte_count, object_count, value_counts)
			VALUES (?, ?, ?, 0, 0, 0, ?, '') ON CONFLICT (pipeline_id, table_name, day) DO UPDATE SET object_count = pipeline_day.object_count + excluded.object_count`,
			p.ID, d.Table, int64(d.Day), d.Objects)
		if err != nil {
			return metaFault("storing the days of pipeline "+p.Name, err)
		}
	}
	return nil
}

// addedValues returns the day's counts of values with those that are stored.
func addedValues(ctx context.Context, tx *meta.Tx, p *Pipeline, d *TableDay) (string, error) {
	rows, err := tx.Query(ctx, `SELECT value_counts FROM pipeline_day WHERE pipeline_id = ? AND table_name = ? AND day = ?`, p.ID, d.Table, int64(d.Day))
	if err != nil {
		return "", err
	}
	defer rows.Close()
	values := d.Values
	for rows.Next() {
		var text string
		var stored []int64
		if err := rows.Scan(&text); err != nil {
			return "", err
		}
		if text != "" {
			if err := json.Unmarshal([]byte(text), &stored); err != nil {
				return "", err
			}
		}
		values = lake.AddValues(stored, values)
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	text, err := json.Marshal(values)
	return string(text), err
}

// version is a version of a table's day that was replaced.
type version struct {
	table string
	day   event.Day
	upTo  eventlog.Position
}

// replaced returns the pipeline's versions of days that were replaced before the time, oldest first, at most 1,000.
func (s *Store) replaced(ctx context.Context, id string, before time.Time) ([]*version, error) {
	rows, err := s.db.Query(ctx, `SELECT table_name, day, version FROM pipeline_superseded WHERE pipeline_id = ? AND superseded_ms <= ?
		ORDER BY superseded_ms, table_name, day LIMIT 1000`, id, before.UnixMilli())
	if err != nil {
		return nil, metaFault("reading replaced days", err)
	}
	defer rows.Close()
	var all []*version
	for rows.Next() {
		var v version
		var day, upTo int64
		if err := rows.Scan(&v.table, &day, &upTo); err != nil {
			return nil, metaFault("reading replaced days", err)
		}
		v.day, v.upTo = event.Day(day), eventlog.Position(upTo)
		all = append(all, &v)
	}
	if err := rows.Err(); err != nil {
		return nil, metaFault("reading replaced days", err)
	}
	return all, nil
}

// removedVersion records that the objects of a version are gone.
func (s *Store) removedVersion(ctx context.Context, id string, v *version) error {
	_, err := s.db.Exec(ctx, `DELETE FROM pipeline_superseded WHERE pipeline_id = ? AND table_name = ? AND day = ? AND version = ?`,
		id, v.table, int64(v.day), int64(v.upTo))
	if err != nil {
		return metaFault("recording a removed day", err)
	}
	return nil
}
