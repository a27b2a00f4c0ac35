package segment

import (
	"bytes"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
)

var update = flag.Bool("update", false, "write the golden files anew; only for a new version of the format")

// golden are the records of testdata/group-1.parquet, in order.
func golden() (all []entry) {
	for i := range 5 {
		all = append(all, entry{position: 1 << 40, index: uint32(i), record: event.Record{
			Kind: event.KindGroup, Time: 1_777_593_600_000 + int64(i)*43_200_000, Received: 1_777_600_000_000,
			Name: []byte("$set"), DistinctID: fmt.Appendf(nil, "Ünïcode & \x00 %d", i), GroupKey: []byte("company"),
			Properties: fmt.Appendf(nil, `{"$set":{"big":123456789012345678901234567890,"price":1.10,"n":%d}}`, i),
		}})
	}
	return all
}

func TestFilesOfEarlierVersionsAreRead(t *testing.T) {
	path := filepath.Join("testdata", "group-1.parquet")
	if *update {
		content, _ := file(t, event.KindGroup, golden())
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, content, 0o644))
	}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	c := open(t, content).Cursor(All)
	defer c.Close()
	requireSame(t, golden(), read(t, c, event.KindGroup, 1000))
}

func TestDuckDBReadsASegmentAsItIs(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.Query(`SELECT position, index, epoch_ms(received_at), epoch_ms(time), event_name, distinct_id, device_id, user_id,
		insert_id, group_key, properties::VARCHAR FROM read_parquet('testdata/group-1.parquet')`)
	require.NoError(t, err)
	defer rows.Close()
	var got []entry
	for rows.Next() {
		e := entry{record: event.Record{Kind: event.KindGroup}}
		r := &e.record
		require.NoError(t, rows.Scan(&e.position, &e.index, &r.Received, &r.Time, &r.Name, &r.DistinctID, &r.DeviceID, &r.UserID,
			&r.InsertID, &r.GroupKey, &r.Properties))
		got = append(got, e)
	}
	require.NoError(t, rows.Err())
	requireSame(t, golden(), got)
}

func TestDuckDBReadsManyRowGroups(t *testing.T) {
	var rows Rows
	const n = rowGroupRows + 1000
	for i := range n {
		rows.Append(uint64(i), 0, &event.Record{Kind: event.KindEvent, Time: int64(n - i), Name: []byte("e"),
			Properties: bytes.Repeat([]byte{'1'}, i%400)})
	}
	path := filepath.Join(t.TempDir(), "s.parquet")
	require.NoError(t, os.WriteFile(path, write(t, &rows), 0o644))
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	defer db.Close()
	var count, sum, length int64
	require.NoError(t, db.QueryRow(`SELECT count(*), sum(position)::BIGINT, sum(length(properties::VARCHAR))::BIGINT FROM read_parquet('`+path+`')
		WHERE time >= make_timestamp(1000)`).Scan(&count, &sum, &length))
	want := int64(0)
	for i := range n {
		want += int64(i % 400)
	}
	require.Equal(t, []int64{n, n * (n - 1) / 2, want}, []int64{count, sum, length})
}
