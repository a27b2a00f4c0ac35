package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/meta"
)

// lake is a bucket and a catalog database, as a JSON pipeline leaves them.
type lake struct {
	t       testing.TB
	dir     string
	meta    *meta.DB
	catalog *catalog.Embedded
	bucket  *bucket.Local
}

const glueDatabase = "mp_glue"

func newLake(t testing.TB) *lake {
	t.Helper()
	dir := t.TempDir()
	db, err := meta.Open(context.Background(), filepath.Join(dir, "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	b, err := bucket.OpenLocal("lake", filepath.Join(dir, "lake"))
	require.NoError(t, err)
	l := &lake{t, dir, db, catalog.Open(db), b}
	require.NoError(t, l.catalog.CreateDatabase(context.Background(), catalog.Database{Name: glueDatabase}))
	return l
}

func (l *lake) options() Options {
	return Options{
		Dir: filepath.Join(l.dir, "engine"), Threads: 2, MemoryLimit: 1 << 30, Admin: "admin", AdminPassword: "secret", Catalog: l.catalog, Meta: l.meta,
		Folders: []string{filepath.Join(l.dir, "lake")},
		Buckets: func(name string) (bucket.Bucket, error) {
			require.Equal(l.t, "lake", name)
			return l.bucket, nil
		},
		Log: slog.New(slog.NewTextHandler(l.t.Output(), nil)),
	}
}

func (l *lake) put(key string, body []byte) {
	l.t.Helper()
	_, err := l.bucket.Put(context.Background(), key, bytes.NewReader(body), int64(len(body)), bucket.PutOptions{})
	require.NoError(l.t, err)
}

func (l *lake) get(key string) []byte {
	l.t.Helper()
	r, _, err := l.bucket.Get(context.Background(), key)
	require.NoError(l.t, err)
	defer r.Close()
	body, err := io.ReadAll(r)
	require.NoError(l.t, err)
	return body
}

func gz(t testing.TB, lines ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func descriptor(serde, location string, params map[string]string, columns ...catalog.Column) catalog.StorageDescriptor {
	return catalog.StorageDescriptor{
		Columns: columns, Location: location, NumberOfBuckets: -1, InputFormat: "org.apache.hadoop.mapred.TextInputFormat",
		OutputFormat: "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
		SerdeInfo:    catalog.SerDeInfo{SerializationLibrary: serde, Parameters: params},
	}
}

// columns reads "name type" pairs.
func columns(specs ...string) []catalog.Column {
	var out []catalog.Column
	for _, s := range specs {
		name, typ, _ := strings.Cut(s, " ")
		out = append(out, catalog.Column{Name: name, Type: typ})
	}
	return out
}

// table creates a table of the SerDe; partition key mp_date unless the name begins with "flat".
func (l *lake) table(name, serde string, params map[string]string, cols ...string) {
	l.t.Helper()
	t := catalog.TableInput{
		Name: name, TableType: "EXTERNAL_TABLE", Parameters: map[string]string{"EXTERNAL": "TRUE"}, PartitionKeys: columns("mp_date string"),
		StorageDescriptor: descriptor(serde, "s3://lake/"+name+"/", params, columns(cols...)...),
	}
	if strings.HasPrefix(name, "flat") {
		t.PartitionKeys = nil
	}
	require.NoError(l.t, l.catalog.CreateTable(context.Background(), glueDatabase, t))
}

// partition registers partitions of days, whose folders need not be named after them.
func (l *lake) partition(table string, folders map[string]string) {
	l.t.Helper()
	t, err := l.catalog.GetTable(context.Background(), glueDatabase, table)
	require.NoError(l.t, err)
	var batch []catalog.PartitionInput
	flush := func() {
		require.NoError(l.t, l.catalog.BatchCreatePartition(context.Background(), glueDatabase, table, batch))
		batch = nil
	}
	for day, folder := range folders {
		d := t.StorageDescriptor
		d.Location = "s3://lake/" + folder
		batch = append(batch, catalog.PartitionInput{Values: []string{day}, StorageDescriptor: d})
		if len(batch) == catalog.MaxBatchCreate {
			flush()
		}
	}
	if len(batch) > 0 {
		flush()
	}
}

// events are the table and columns of a JSON pipeline, with three days of data.
func (l *lake) events() {
	l.table("mp_master_event", serdeJSON, map[string]string{"case.insensitive": "false"},
		"event_name string", "time timestamp", "distinct_id string", "properties string")
	for day, lines := range map[string][]string{
		"2024-05-01": {
			`{"event_name":"Sign Up","time":"2024-05-01T10:00:00.123Z","distinct_id":"ann","properties":"{\"$city\":\"San Francisco\",\"price\":1.10,\"id\":12345678901234567890}"}`,
			`{"event_name":"Page View","time":"2024-05-01T11:00:00Z","distinct_id":"bob","properties":"{\"$city\":\"Oslo\"}"}`,
		},
		"2024-05-02": {
			`{"event_name":"Page View","time":"2024-05-02T00:00:00Z","distinct_id":"cem","properties":"{\"$city\":\"San Francisco\",\"note\":\"a \\\"quoted\\\" word\"}"}`,
		},
		"2024-05-03": {
			`{"event_name":"Page View","time":"2024-05-03T23:59:59Z","distinct_id":"dag","properties":"{\"$city\":\"San José\"}"}`,
			`{"event_name":"Sign Up","distinct_id":"eve","properties":"{}"}`,
		},
	} {
		l.put("mp_master_event/"+day+"/part-0.json.gz", gz(l.t, lines...))
	}
	l.partition("mp_master_event", map[string]string{
		"2024-05-01": "mp_master_event/2024-05-01/", "2024-05-02": "mp_master_event/2024-05-02", "2024-05-03": "mp_master_event/2024-05-03/",
	})
}
