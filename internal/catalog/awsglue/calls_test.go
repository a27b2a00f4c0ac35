package awsglue_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/catalog/awsglue"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
)

// recorder notes the operations that are called.
type recorder struct {
	http.Handler
	mu    sync.Mutex
	calls []string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	r.calls = append(r.calls, strings.TrimPrefix(request.Header.Get("X-Amz-Target"), "AWSGlue."))
	r.mu.Unlock()
	r.Handler.ServeHTTP(w, request)
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// TestAddingAPartitionTakesTheSameCallsInAnyTable counts the requests that reach Glue.
func TestAddingAPartitionTakesTheSameCallsInAnyTable(t *testing.T) {
	api := &recorder{Handler: api(t)}
	c := awsglue.New(serve(t, api), "")
	require.NoError(t, c.CreateDatabase(t.Context(), catalog.Database{Name: "db"}))
	for _, size := range []int{0, 10, 2500} {
		table := lake.Table{
			Database: "db", Name: fmt.Sprintf("t%d", size), Partitioned: true, Columns: []catalog.Column{{Name: "time", Type: "bigint"}},
			Root: "s3://lake/t/", Location: "s3://lake/t/",
		}
		publish := func(days ...event.Day) {
			var parts []lake.Partition
			for _, day := range days {
				parts = append(parts, lake.Partition{Day: day, Location: table.Root + day.Path() + "/"})
			}
			// A new publisher has seen nothing lately, as a process that was started again.
			_, err := lake.NewPublisher(time.Now).PublishPartitions(t.Context(), c, table, parts)
			require.NoError(t, err)
		}
		var days []event.Day
		for i := range size {
			days = append(days, event.Day(i))
		}
		publish(append(days, event.Day(size))...)
		api.take()
		publish(event.Day(size + 1))
		require.Equal(t, []string{"GetTable", "GetPartitions", "BatchCreatePartition"}, api.take(), "in a table of %d", size)
		publish(event.Day(size + 1))
		require.Equal(t, []string{"GetTable", "GetPartitions"}, api.take(), "again, in a table of %d", size)
		ps, err := c.GetPartitions(t.Context(), "db", table.Name, "")
		require.NoError(t, err)
		require.Len(t, ps, size+2)
		require.True(t, slices.IsSortedFunc(ps, func(a, b *catalog.Partition) int { return slices.Compare(a.Values, b.Values) }))
		api.take()
	}
}
