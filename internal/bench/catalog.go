package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/aws/assume"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/awsglue"
	"github.com/refract-io/refract/internal/catalog/glueapi"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/platform/meta"
)

var catalogs = Benchmark{
	Name: "catalog", Title: "A table of 100,000 partitions",
	About: "The embedded catalog, on SQLite, holds a table of 100,000 partitions by day and hour, each with the 200 columns of a schematized table. It is " +
		"created in batches of 100 and read as a pipeline reads it, and then over the Glue API with the AWS SDK, as Spark's and Hive's clients read it: by " +
		"pages of 1,000 and in 5 segments at once. Requests are not signed here. All in this process, client and server.",
	run: runCatalog,
}

// catalogTrial is a catalog with its API.
type catalogTrial struct {
	*trial
	catalog  *catalog.Embedded
	sdk      *glue.Client
	far      *awsglue.Client
	requests atomic.Int64
	n        int
}

const catalogDatabase = "bench"

func runCatalog(t *trial) (err error) {
	db, err := meta.Open(t, filepath.Join(t.dir, "meta.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c := &catalogTrial{trial: t, catalog: catalog.Open(db), n: t.size(100_000, 1_200)}
	stop, err := c.serve()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := c.catalog.CreateDatabase(t, catalog.Database{Name: catalogDatabase}); err != nil {
		return err
	}
	for _, measure := range []func() error{c.create, c.read, c.readOverAPI, c.publish} {
		if err := measure(); err != nil {
			return err
		}
	}
	return nil
}

// anyone may do everything.
type anyone struct{}

func (anyone) Authorize(context.Context, string, []string) error { return nil }

// serve opens the catalog's API on a port of loopback.
func (c *catalogTrial) serve() (stop func() error, err error) {
	api := glueapi.New(c.catalog, anyone{}, glueapi.Config{Partition: "aws", Account: "000000000000", Region: "us-east-1", Log: slog.New(slog.DiscardHandler)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a port: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		api.ServeHTTP(w, r)
	})}
	var g errgroup.Group
	g.Go(func() error { return server.Serve(l) })
	config := aws.Config{Region: "us-east-1", HTTPClient: assume.HTTPClient(nil), BaseEndpoint: aws.String("http://" + l.Addr().String()), Credentials: aws.AnonymousCredentials{}}
	c.sdk, c.far = glue.NewFromConfig(config), awsglue.New(config, "")
	return func() error {
		err := server.Close()
		if e := g.Wait(); !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}

// table is the definition of a table partitioned by keys.
func (c *catalogTrial) table(name string, keys ...string) catalog.TableInput {
	in := catalog.TableInput{Name: name, TableType: "EXTERNAL_TABLE", StorageDescriptor: catalogDescriptor("s3://lake/" + name + "/")}
	for _, key := range keys {
		in.PartitionKeys = append(in.PartitionKeys, catalog.Column{Name: key, Type: "string"})
	}
	return in
}

func catalogDescriptor(location string) catalog.StorageDescriptor {
	d := catalog.StorageDescriptor{
		Location: location, Compressed: true, NumberOfBuckets: -1,
		InputFormat:  "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
		OutputFormat: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
		SerdeInfo: catalog.SerDeInfo{
			SerializationLibrary: "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", Parameters: map[string]string{"serialization.format": "1"},
		},
	}
	for i := range 200 {
		d.Columns = append(d.Columns, catalog.Column{Name: "property_" + strconv.Itoa(i), Type: "string"})
	}
	return d
}

// fill creates n partitions of a table in batches.
func (c *catalogTrial) fill(table string, n int, values func(i int) []string) error {
	d := catalogDescriptor("")
	for from := 0; from < n; from += catalog.MaxBatchCreate {
		var batch []catalog.PartitionInput
		for i := from; i < min(from+catalog.MaxBatchCreate, n); i++ {
			d.Location = "s3://lake/" + table + "/" + strconv.Itoa(i) + "/"
			batch = append(batch, catalog.PartitionInput{Values: values(i), StorageDescriptor: d})
		}
		if err := c.catalog.BatchCreatePartition(c, catalogDatabase, table, batch); err != nil {
			return err
		}
	}
	return nil
}

func byHour(i int) []string { return []string{event.Day(i / 24).String(), fmt.Sprintf("%02d", i%24)} }

// create fills a table a round. The last one stays, as big.
func (c *catalogTrial) create() error {
	var wall, perCPU []float64
	err := c.rounds(func(counted bool) error {
		if err := c.catalog.DeleteTable(c, catalogDatabase, "big"); err != nil && !errors.Is(err, catalog.ErrNotFound) {
			return err
		}
		if err := c.catalog.CreateTable(c, catalogDatabase, c.table("big", "mp_date", "hour")); err != nil {
			return err
		}
		took, used, err := timed(func() error { return c.fill("big", c.n, byHour) })
		if counted {
			wall, perCPU = append(wall, float64(c.n)/took.Seconds()), append(perCPU, float64(c.n)/used.Seconds())
		}
		return err
	})
	if err != nil {
		return err
	}
	c.add(Figure{Name: "created partitions", Unit: "partitions/s", Means: "Batches of 100, one after the other; every batch is on disk (fsync) when it is answered."}, wall...)
	c.add(Figure{Name: "created partitions per CPU-second", Unit: "partitions/CPU-s", Means: "The same per second of CPU time."}, perCPU...)
	return nil
}

// timed returns the wall clock and the CPU time of a call.
func timed(fn func() error) (took, used time.Duration, err error) {
	before, err := cpuOf(0)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := fn(); err != nil {
		return 0, 0, err
	}
	took = time.Since(start)
	after, err := cpuOf(0)
	return took, after - before, err
}

// read reports what a pipeline's and the embedded warehouse's lists cost.
func (c *catalogTrial) read() error {
	month := fmt.Sprintf("mp_date BETWEEN '%s' AND '%s'", event.Day(10), event.Day(39))
	for _, q := range []struct {
		name, expression, means string
		want, repeat            int
	}{
		{"one partition", "mp_date = '" + event.Day(20).String() + "' AND hour = '07'", "`mp_date = ... AND hour = ...`: the day's 24 are read from the index.", 1, 50},
		{"30 days", month, "`mp_date BETWEEN ...`: 720 partitions, read from the index.", 720, 10},
		{"one hour of every day", "hour = '07'", "`hour = ...`, the second key alone: all values are looked at.", (c.n + 16) / 24, 1},
		{"all partitions", "", "The whole list at once.", c.n, 1},
	} {
		var wall []float64
		err := c.rounds(func(counted bool) error {
			took, _, err := timed(func() error {
				for range q.repeat {
					found, err := c.catalog.GetPartitions(c, catalogDatabase, "big", q.expression)
					if err != nil {
						return err
					}
					if len(found) != q.want {
						return fmt.Errorf("%q selects %d partitions instead of %d", q.expression, len(found), q.want)
					}
				}
				return nil
			})
			if counted {
				wall = append(wall, milliseconds(took)/float64(q.repeat))
			}
			return err
		})
		if err != nil {
			return err
		}
		c.add(Figure{Name: "list of " + q.name, Unit: "ms", Means: q.means}, wall...)
	}
	held, err := c.held()
	if err != nil {
		return err
	}
	c.add(Figure{Name: "memory of the whole list", Unit: "MiB", Means: "What the list of all partitions holds as long as somebody has it. Their columns are shared."}, mib(held))
	return nil
}

// held returns how many bytes the list of all partitions keeps on the heap.
func (c *catalogTrial) held() (int64, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	all, err := c.catalog.GetPartitions(c, catalogDatabase, "big", "")
	if err != nil {
		return 0, err
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(all)
	return max(int64(after.HeapAlloc)-int64(before.HeapAlloc), 1), nil
}

// readOverAPI reports lists of all partitions as other clients make them, without the columns' 200 names in every partition.
func (c *catalogTrial) readOverAPI() error {
	pages := func(ctx context.Context, segment *types.Segment) (n int, err error) {
		p := glue.NewGetPartitionsPaginator(c.sdk, &glue.GetPartitionsInput{
			DatabaseName: aws.String(catalogDatabase), TableName: aws.String("big"), Segment: segment, ExcludeColumnSchema: aws.Bool(true),
		})
		for p.HasMorePages() {
			page, err := p.NextPage(ctx)
			if err != nil {
				return n, err
			}
			n += len(page.Partitions)
		}
		return n, nil
	}
	const total = 5
	for _, way := range []struct {
		name, means string
		list        func() (int, error)
	}{
		{"pages over the API", "Pages of 1,000 to the end, one after the other, with ExcludeColumnSchema: SQL, JSON, HTTP and the SDK's decoding.", func() (int, error) {
			return pages(c, nil)
		}},
		{"5 segments over the API", "The same as 5 segments at once.", func() (int, error) {
			var sum atomic.Int64
			g, ctx := errgroup.WithContext(c)
			for i := range int32(total) {
				g.Go(func() error {
					n, err := pages(ctx, &types.Segment{SegmentNumber: i, TotalSegments: aws.Int32(total)})
					sum.Add(int64(n))
					return err
				})
			}
			err := g.Wait()
			return int(sum.Load()), err
		}},
	} {
		var wall []float64
		err := c.rounds(func(counted bool) error {
			took, _, err := timed(func() error {
				n, err := way.list()
				if err == nil && n != c.n {
					err = fmt.Errorf("%s list %d partitions of %d", way.name, n, c.n)
				}
				return err
			})
			if counted {
				wall = append(wall, float64(c.n)/took.Seconds())
			}
			return err
		})
		if err != nil {
			return err
		}
		c.add(Figure{Name: way.name, Unit: "partitions/s", Means: way.means}, wall...)
	}
	return nil
}

// publish reports what a pipeline's run that adds one day costs in tables of 1,000 days and of many.
func (c *catalogTrial) publish() error {
	sizes := []int{1_000, c.n}
	var times [2][]float64
	var calls [2]float64
	for i, n := range sizes {
		name := "days_" + strconv.Itoa(n)
		t := lake.Table{
			Database: catalogDatabase, Name: name, Format: lake.Parquet, Partitioned: true, Root: "s3://lake/" + name + "/", Location: "s3://lake/" + name + "/",
			Columns: catalogDescriptor("").Columns,
		}
		in := c.table(name, "mp_date")
		in.Parameters = map[string]string{"classification": "parquet"}
		if err := c.catalog.CreateTable(c, catalogDatabase, in); err != nil {
			return err
		}
		if err := c.fill(name, n, func(i int) []string { return []string{event.Day(i).String()} }); err != nil {
			return err
		}
		next := n
		err := c.rounds(func(counted bool) error {
			day := event.Day(next)
			next++
			before := c.requests.Load()
			_, used, err := timed(func() error {
				publisher := lake.NewPublisher(time.Now) // a new one has not seen the table lately
				_, err := publisher.PublishPartitions(c, c.far, t, []lake.Partition{{Day: day, Location: t.Root + day.Path() + "/"}})
				return err
			})
			if counted {
				times[i] = append(times[i], milliseconds(used))
				calls[i] = float64(c.requests.Load() - before)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	c.add(Figure{Name: "calls of a run that adds a day", Unit: "calls", Means: "Requests to the Glue API by the publication of one new partition, the table's columns unchanged."}, calls[1])
	c.add(Figure{Name: "calls, 100,000 partitions / 1,000", Unit: "times", Bar: below(1.01), Means: "The same in a large table and in a small one.",
		Bound: "partitions are asked for by their days, so that answers and calls don't grow with the table."}, calls[1]/calls[0])
	c.add(Figure{Name: "CPU time of that publication", Unit: "ms", Means: "In the large table, client and server together."}, times[1]...)
	return nil
}
