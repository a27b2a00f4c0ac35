package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/query/engine/duck"
)

var schematized = Benchmark{
	Name: "schematized", Title: "Schematized Parquet, with DuckDB as the yardstick",
	About: "Events of three days with 22 columns, the same properties in every one, are sealed into segments, and lie in a file of JSON lines as well. " +
		"A schematized pipeline exports the segments as Snappy-compressed Parquet, a folder an event day, with all that a run does: planning, reading, splitting, " +
		"encoding, hashing, storing with fsync, manifest, mapping file and catalog. In turns with it DuckDB, which is told the columns and their types, does " +
		"`COPY (SELECT ... FROM read_json(...)) TO ... (FORMAT parquet, COMPRESSION snappy, PARTITION_BY (mp_date))` with the file, with one thread and with one for " +
		"each core. Both results are compared by DuckDB before anything counts. Then the same for events that each have 16 of 2,000 properties. All in this process.",
	run: runSchematized,
}

const flatDays = 3

func runSchematized(t *trial) error {
	dense, err := t.exportFlat()
	if err != nil {
		return err
	}
	sparse, err := t.exportSparse()
	if err != nil {
		return err
	}
	t.add(Figure{Name: "cost of an event, 2,000 sparse columns / 22", Unit: "times", Bar: below(3), Means: "CPU time of an event with 16 of 2,000 properties to that of one with 22 columns.",
		Bound: "a row group holds a chunk of every column, of few values each, with headers and statistics of its own."}, dense/sparse)
	return nil
}

// filledHouse opens a house on a new folder with n events of the stream, sealed.
func (t *trial) filledHouse(dir string, stream events, n int) (*house, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("creating the folder: %w", err)
	}
	h, err := openHouse(t, dir, stream)
	if err != nil {
		return nil, err
	}
	if err := h.append(t, n); err != nil {
		return nil, errors.Join(err, h.close())
	}
	if _, err := h.seal(t, 0); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// exportFlat measures the events of 22 columns and returns how many a CPU-second takes.
func (t *trial) exportFlat() (perSecond float64, err error) {
	n := t.size(500_000, 3_000)
	dir := filepath.Join(t.dir, "flat")
	h, err := t.filledHouse(dir, newFlatEvents(n, flatDays), n)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	y := &yardstick{dir: dir, lines: filepath.Join(dir, "events.ndjson")}
	if err := y.write(newFlatEvents(n, flatDays), n); err != nil {
		return 0, err
	}
	var parquet, text, single, parallel, sizes []float64
	round := 0
	err = t.rounds(func(counted bool) error {
		round++
		p, err := h.createSchematized(t, "parquet"+strconv.Itoa(round), pipeline.Parquet)
		if err != nil {
			return err
		}
		_, used, err := h.run(t, p)
		if err != nil {
			return err
		}
		ours := filepath.Join(dir, "lake", p.S3.Prefix)
		one, err := y.copy(t, 1)
		if err != nil {
			return err
		}
		if err := y.compare(t, ours); err != nil {
			return err
		}
		size, err := folderSizes(ours, y.out())
		if err != nil {
			return err
		}
		all, err := y.copy(t, runtime.GOMAXPROCS(0))
		if err != nil {
			return err
		}
		q, err := h.createSchematized(t, "json"+strconv.Itoa(round), pipeline.JSON)
		if err != nil {
			return err
		}
		_, asText, err := h.run(t, q)
		if err != nil {
			return err
		}
		if counted {
			parquet, text = append(parquet, float64(n)/used.Seconds()), append(text, float64(n)/asText.Seconds())
			single, parallel = append(single, float64(n)/one.Seconds()), append(parallel, float64(n)/all.Seconds())
			sizes = append(sizes, size)
		}
		return errors.Join(h.forget(t, p), h.forget(t, q), removeAll(t, h.lake, p.S3.Prefix+"/"), removeAll(t, h.lake, q.S3.Prefix+"/"))
	})
	if err != nil {
		return 0, err
	}
	var ratios []float64
	for i := range parquet {
		ratios = append(ratios, parquet[i]/max(single[i], parallel[i]))
	}
	const unit = "events/CPU-s"
	t.add(Figure{Name: "exported as Parquet, 22 columns", Unit: unit, Bar: atLeast(350_000), Means: "Rows in published objects per CPU-second of everything a run does.",
		Bound: "reading segments, splitting properties into columns and encoding them are the most of it."}, parquet...)
	t.add(Figure{Name: "DuckDB, one thread", Unit: unit, Means: "Rows that DuckDB's COPY wrote per CPU-second, with `threads=1`."}, single...)
	t.add(Figure{Name: "DuckDB, a thread for each core", Unit: unit, Means: "The same with as many threads as the machine has cores."}, parallel...)
	t.add(Figure{Name: "Refract / DuckDB", Unit: "times", Bar: atLeast(1), Means: "The first figure to the better one of DuckDB's of the same round.",
		Bound: "DuckDB parses the whole text again, where segments hold ids and times apart."}, ratios...)
	t.add(Figure{Name: "size, Refract / DuckDB", Unit: "times", Means: "Bytes of the Parquet files of both."}, sizes...)
	t.add(Figure{Name: "exported as JSON lines, 22 columns", Unit: unit, Means: "The same pipeline with `data_format=json`: gzip level 5 is the most of it."}, text...)
	return median(slices.Sorted(slices.Values(parquet))), nil
}

// exportSparse measures the events of 2,000 sparse columns and returns how many a CPU-second takes.
func (t *trial) exportSparse() (perSecond float64, err error) {
	n := t.size(200_000, 3_000)
	dir := filepath.Join(t.dir, "sparse")
	h, err := t.filledHouse(dir, newSparseEvents(n, flatDays, 2_000), n)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	var samples []float64
	round := 0
	err = t.rounds(func(counted bool) error {
		round++
		p, err := h.createSchematized(t, "sparse"+strconv.Itoa(round), pipeline.Parquet)
		if err != nil {
			return err
		}
		_, used, err := h.run(t, p)
		if counted {
			samples = append(samples, float64(n)/used.Seconds())
		}
		return errors.Join(err, h.forget(t, p), removeAll(t, h.lake, p.S3.Prefix+"/"))
	})
	if err != nil {
		return 0, err
	}
	t.add(Figure{Name: "exported as Parquet, 2,000 sparse columns", Unit: "events/CPU-s", Means: "Events with 16 properties each, of 2,000 that there are, exported by a new pipeline."}, samples...)
	return median(slices.Sorted(slices.Values(samples))), nil
}

// createSchematized makes a schematized pipeline of all events with a folder and a database of its own.
func (h *house) createSchematized(ctx context.Context, name string, format pipeline.Format) (*pipeline.Pipeline, error) {
	return h.pipelines.Create(ctx, pipeline.Spec{
		Project: h.project, Name: name, Type: pipeline.TypeAWS, Source: pipeline.Events, Format: format, Frequency: pipeline.Continuous,
		S3: pipeline.S3{Bucket: "lake", Prefix: name}, Glue: pipeline.Glue{Use: true, Database: "mp_" + name},
	})
}

// yardstick is DuckDB doing a schematized pipeline's work, from a file of JSON lines.
type yardstick struct{ dir, lines string }

// out is the folder that copy writes.
func (y *yardstick) out() string { return filepath.Join(y.dir, "duckdb") }

func (y *yardstick) write(from events, n int) error {
	var text []byte
	file, err := os.Create(y.lines)
	if err != nil {
		return fmt.Errorf("creating the file of events: %w", err)
	}
	for i := range n {
		text = append(from.Next(text), '\n')
		if len(text) > 1<<20 || i == n-1 {
			if _, err := file.Write(text); err != nil {
				return errors.Join(fmt.Errorf("writing the file of events: %w", err), file.Close())
			}
			text = text[:0]
		}
	}
	return file.Close()
}

// open opens a DuckDB of so many threads that may read and write in the folder.
func (y *yardstick) open(threads int) (*duck.DB, *duck.Conn, error) {
	db, err := duck.Open(duck.Options{Folders: []string{y.dir}, TempDir: y.dir, Threads: threads})
	if err != nil {
		return nil, nil, err
	}
	c, err := db.Connect()
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, c, nil
}

// copy writes the file of events as Parquet, partitioned by day, and returns the CPU time of the statement.
func (y *yardstick) copy(ctx context.Context, threads int) (time.Duration, error) {
	if err := os.RemoveAll(y.out()); err != nil {
		return 0, fmt.Errorf("removing the last copy: %w", err)
	}
	db, c, err := y.open(threads)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	defer c.Close()
	types := map[flatKind]string{flatFew: "VARCHAR", flatMany: "VARCHAR", flatJSON: "VARCHAR", flatWhole: "DOUBLE", flatAmount: "DOUBLE", flatFlag: "BOOLEAN"}
	fields := []string{"time BIGINT", "distinct_id VARCHAR", `"$user_id" VARCHAR`, `"$device_id" VARCHAR`, `"$insert_id" VARCHAR`}
	columns := []string{"event AS mp_event_name", "make_timestamp(properties.time * 1000) AS time", "properties.distinct_id AS distinct_id",
		`properties."$insert_id" AS mp_insert_id`, `properties."$device_id" AS mp_device_id`, `properties."$user_id" AS mp_user_id`}
	for _, p := range flatProperties {
		name := duck.QuoteName(p.name)
		fields = append(fields, name+" "+types[p.kind])
		columns = append(columns, "properties."+name+" AS "+duck.QuoteName(strings.Replace(p.name, "$", "mp_", 1)))
	}
	statement := "COPY (SELECT " + strings.Join(columns, ", ") + ", strftime(make_timestamp(properties.time * 1000), '%Y-%m-%d') AS mp_date FROM read_json(" + duck.Quote(y.lines) +
		", format = 'newline_delimited', columns = {event: 'VARCHAR', properties: " + duck.Quote("STRUCT("+strings.Join(fields, ", ")+")") + "})) TO " +
		duck.Quote(y.out()) + " (FORMAT parquet, COMPRESSION snappy, PARTITION_BY (mp_date))"
	before, err := cpuOf(0)
	if err != nil {
		return 0, err
	}
	if err := c.Exec(statement); err != nil {
		return 0, fmt.Errorf("copying with DuckDB: %w", err)
	}
	after, err := cpuOf(0)
	return after - before, errors.Join(err, ctx.Err())
}

// compare fails unless the Parquet files below both folders hold the same rows, each as often.
func (y *yardstick) compare(ctx context.Context, ours string) error {
	db, c, err := y.open(0)
	if err != nil {
		return err
	}
	defer db.Close()
	defer c.Close()
	names := []string{"mp_event_name", "time", "distinct_id", "mp_insert_id", "mp_device_id", "mp_user_id"}
	for _, p := range flatProperties {
		names = append(names, duck.QuoteName(strings.Replace(p.name, "$", "mp_", 1)))
	}
	rows := func(dir string) string {
		return "SELECT " + strings.Join(names, ", ") + " FROM read_parquet(" + duck.Quote(dir+"/**/*.parquet") + ", hive_partitioning = false)"
	}
	theirs, mine := rows(y.out()), rows(ours)
	count := func(of string) string { return "CAST((SELECT count(*) FROM (" + of + ")) AS VARCHAR)" }
	r, err := c.Query(ctx, "SELECT "+count(theirs+" EXCEPT ALL "+mine)+", "+count(mine+" EXCEPT ALL "+theirs), true)
	if err != nil {
		return fmt.Errorf("comparing the rows: %w", err)
	}
	defer r.Close()
	first, err := r.Next()
	if err != nil {
		return fmt.Errorf("comparing the rows: %w", err)
	}
	missing, more := string(first.Columns[0].Bytes(0)), string(first.Columns[1].Bytes(0))
	if missing != "0" || more != "0" {
		return fmt.Errorf("%s of DuckDB's rows are not in the pipeline's files, which have %s others", missing, more)
	}
	return nil
}

// folderSizes returns how many times the Parquet files below a take the bytes of those below b.
func folderSizes(a, b string) (float64, error) {
	size := func(dir string) (n int64, err error) {
		err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".parquet") {
				return err
			}
			info, err := d.Info()
			if err == nil {
				n += info.Size()
			}
			return err
		})
		return n, err
	}
	ours, err := size(a)
	if err != nil {
		return 0, err
	}
	theirs, err := size(b)
	return float64(ours) / float64(theirs), err
}
