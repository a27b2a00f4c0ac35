package catalog

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/meta"
)

// withDays returns a catalog with the table db.t of so many days with 24 hours each.
func withDays(t *testing.T, days int) (*Embedded, *meta.DB) {
	db, err := meta.Open(t.Context(), filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	c := Open(db)
	require.NoError(t, c.CreateDatabase(t.Context(), Database{Name: "db"}))
	require.NoError(t, c.CreateTable(t.Context(), "db", TableInput{Name: "t", PartitionKeys: []Column{{Name: "dt", Type: "string"}, {Name: "hour", Type: "string"}}}))
	for day := range days {
		var batch []PartitionInput
		for hour := range 24 {
			batch = append(batch, PartitionInput{Values: []string{fmt.Sprintf("%04d", day), fmt.Sprintf("%02d", hour)}})
		}
		require.NoError(t, c.BatchCreatePartition(t.Context(), "db", "t", batch))
	}
	return c, db
}

func TestAScanReadsWhatItNeeds(t *testing.T) {
	const days = 200
	c, _ := withDays(t, days)
	for _, test := range []struct {
		name       string
		scan       Scan
		want, read int
	}{
		{"one day", Scan{Expression: "dt = '0100'"}, 24, 24},
		{"one hour of a day", Scan{Expression: "hour = '07' AND dt = '0100'"}, 1, 24},
		{"a range of days", Scan{Expression: "dt BETWEEN '0100' AND '0109'"}, 240, 240},
		{"days by a prefix", Scan{Expression: "dt LIKE '010%'"}, 240, 240},
		{"some days", Scan{Expression: "dt IN ('0000', '0199', '9999')"}, 48, 48},
		{"either of two ranges", Scan{Expression: "dt < '0002' OR dt >= '0198'"}, 96, 96},
		{"all but most days", Scan{Expression: "NOT (dt >= '0001' AND dt <= '0198')"}, 48, 48},
		{"days that are not there", Scan{Expression: "dt > '0199'"}, 0, 0},
		{"nothing", Scan{Expression: "dt = '0001' AND dt = '0002'"}, 0, 0},
		{"a page", Scan{Limit: 100}, 100, 101},
		{"a page near the end", Scan{Limit: 100, After: []string{"0198", "23"}}, 24, 24},
		{"a page of a range", Scan{Expression: "dt >= '0100'", Limit: 10, After: []string{"0150", "03"}}, 10, 11},
		{"the second key alone", Scan{Expression: "hour = '07'"}, days, days * 24},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, _, read, err := c.scan(t.Context(), "db", "t", test.scan)
			require.NoError(t, err)
			require.Len(t, found, test.want)
			require.Equal(t, test.read, read, "rows read")
		})
	}
}

func TestSegmentsReadEveryRowOnce(t *testing.T) {
	const all = 200 * 24
	c, _ := withDays(t, 200)
	for total := 1; total <= MaxSegments; total++ {
		sum := 0
		for segment := range total {
			found, _, read, err := c.scan(t.Context(), "db", "t", Scan{Segment: segment, TotalSegments: total})
			require.NoError(t, err)
			require.Equal(t, len(found), read, "no row of another segment is read")
			require.InEpsilon(t, all/total, read, 0.3, "segments are of similar sizes")
			sum += read
		}
		require.Equal(t, all, sum)
	}
}

// A database that an earlier version has written holds partitions that share only their columns and are in no bucket.
func TestPartitionsOfEarlierVersionsAreRead(t *testing.T) {
	c, db := withDays(t, 1)
	_, err := db.Exec(t.Context(), `INSERT INTO catalog_column_list (table_id, digest, columns) SELECT id, ?, ? FROM catalog_table`,
		[]byte("digest"), `[{"Name":"c","Type":"string"}]`)
	require.NoError(t, err)
	key := sortKey([]string{"old", "00"})
	_, err = db.Exec(t.Context(), `INSERT INTO catalog_partition (table_id, sort_key, column_list_id, body, created_ms)
		SELECT t.id, ?, l.id, ?, 1700000000000 FROM catalog_table t JOIN catalog_column_list l ON l.table_id = t.id WHERE l.digest = ?`,
		key, `{"StorageDescriptor":{"Columns":null,"Location":"s3://old/","InputFormat":"i","SerdeInfo":{},"BucketColumns":[],"SortColumns":[]},"Parameters":{"a":"b"}}`, []byte("digest"))
	require.NoError(t, err)
	old, err := c.GetPartition(t.Context(), "db", "t", []string{"old", "00"})
	require.NoError(t, err)
	want := PartitionInput{
		Values: []string{"old", "00"}, Parameters: map[string]string{"a": "b"},
		StorageDescriptor: StorageDescriptor{
			Columns: []Column{{Name: "c", Type: "string"}}, Location: "s3://old/", InputFormat: "i", BucketColumns: []string{}, SortColumns: []SortColumn{},
		},
	}
	require.Equal(t, want, old.PartitionInput)
	found := 0
	for segment := range 5 {
		ps, _, err := c.ScanPartitions(t.Context(), "db", "t", Scan{Expression: "dt = 'old'", Segment: segment, TotalSegments: 5})
		require.NoError(t, err)
		found += len(ps)
	}
	require.Equal(t, 1, found)

	require.NoError(t, c.BatchUpdatePartition(t.Context(), "db", "t", []PartitionInput{old.PartitionInput}))
	again, err := c.GetPartition(t.Context(), "db", "t", []string{"old", "00"})
	require.NoError(t, err)
	require.Equal(t, old, again, "an update writes it in today's form, which is the same")
	var body string
	require.NoError(t, db.QueryRow(t.Context(), `SELECT body FROM catalog_partition WHERE sort_key = ?`, key).Scan(&body))
	require.JSONEq(t, `{"Location":"s3://old/","Parameters":{"a":"b"}}`, body)
}
