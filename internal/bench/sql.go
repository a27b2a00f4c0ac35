package bench

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/refract-io/refract/internal/sample"
)

var sql = Benchmark{
	Name: "sql", Title: "Queries over the exported lake",
	About: "A pipeline exports events of seven days into the lake; the queries run over PostgreSQL's protocol against the embedded warehouse, " +
		"which reads the `.json.gz` objects as Redshift Spectrum would.",
	run: runSQL,
}

// sqlQuery is a statement to time, which reads so many rows.
type sqlQuery struct {
	name, statement, means string
	rows                   int64
}

func runSQL(t *trial) (err error) {
	s, err := t.start(filepath.Join(t.dir, "data"), "collector,worker,query")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	p, err := s.project(t)
	if err != nil {
		return err
	}
	all, err := bodies(t.size(150, 2), sample.Options{})
	if err != nil {
		return err
	}
	if err := importAll(t, s.URL, p.Token, all); err != nil {
		return err
	}
	if err := s.sealed(t); err != nil {
		return err
	}
	made, err := s.pipeline(t, p.ID, "daily")
	if err != nil {
		return err
	}
	if err := s.published(t, &made); err != nil {
		return err
	}
	if err := s.attached(t, &made); err != nil {
		return err
	}
	w, err := s.warehouse(t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close(t)) }()
	days, err := w.query(t, "SELECT mp_date, count(*) FROM "+eventsTable+" GROUP BY 1 ORDER BY 2 DESC, 1")
	if err != nil {
		return err
	}
	var total, inDay int64
	for i, row := range days {
		n, err := strconv.ParseInt(row[1], 10, 64)
		if err != nil {
			return fmt.Errorf("reading a count: %w", err)
		}
		if i == 0 {
			inDay = n
		}
		total += n
	}
	if want := int64(len(all) * perBody); total != want {
		return fmt.Errorf("the table holds %d of %d events", total, want)
	}
	for _, q := range []sqlQuery{
		{"count by day", "SELECT mp_date, count(*) FROM " + eventsTable + " GROUP BY 1",
			"`SELECT mp_date, count(*) ... GROUP BY 1`: every row, no property.", total},
		{"filter by a property", "SELECT count(distinct distinct_id) FROM " + eventsTable + " WHERE json_extract_path_text(properties, '$city') = 'San Francisco'",
			"`WHERE json_extract_path_text(properties, '$city') = 'San Francisco'`: every row's properties are parsed.", total},
		{"one day", "SELECT event_name, count(*) FROM " + eventsTable + " WHERE mp_date = '" + days[0][0] + "' GROUP BY 1",
			"`WHERE mp_date = ...`: the rows of that day; other partitions are not read.", inDay},
	} {
		if err := t.timeQuery(s, w, q); err != nil {
			return err
		}
	}
	return nil
}

// timeQuery reports the time of the query and how many of the rows that it reads it does in a second.
func (t *trial) timeQuery(s *server, w *warehouse, q sqlQuery) error {
	var wall, perSecond, perCPU []float64
	err := t.rounds(func(counted bool) error {
		before, err := s.cpu()
		if err != nil {
			return err
		}
		start := time.Now()
		if _, err := w.query(t, q.statement); err != nil {
			return err
		}
		took := time.Since(start)
		after, err := s.cpu()
		if err != nil || !counted {
			return err
		}
		wall = append(wall, milliseconds(took))
		perSecond = append(perSecond, float64(q.rows)/took.Seconds())
		perCPU = append(perCPU, float64(q.rows)/(after-before).Seconds())
		return nil
	})
	if err != nil {
		return err
	}
	t.add(Figure{Name: q.name + ": rows", Unit: "rows/s", Means: q.means + " Rows read per second of wall clock."}, perSecond...)
	t.add(Figure{Name: q.name + ": rows per CPU-second", Unit: "rows/CPU-s", Means: "The same per second of the service's CPU time."}, perCPU...)
	t.add(Figure{Name: q.name + ": time", Unit: "ms", Means: "Wall clock of the query over " + count(float64(q.rows)) + " rows."}, wall...)
	return nil
}
