package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/control"
)

// traffic is clients that send all the time, and the ledgers of what they sent: events and profile operations by id, and the devices that
// events linked to users.
type traffic struct {
	t                  *testing.T
	sender             *harness.Sender
	events, operations *harness.Ledger
	links              *harness.Ledger
	stop               context.CancelFunc
	clients            sync.WaitGroup
	mu                 sync.Mutex
	refused            map[int]int // answers by status, but for 200
}

// startTraffic starts trackers, importers and an engager. Stop ends them.
func startTraffic(t *testing.T, s *harness.Service, p control.Project) *traffic {
	ctx, stop := context.WithCancel(t.Context())
	c := &traffic{
		t: t, sender: &harness.Sender{Service: s, Token: p.Token}, events: harness.NewLedger(), operations: harness.NewLedger(),
		links: harness.NewLedger(), stop: stop, refused: map[int]int{},
	}
	for i := range 2 {
		c.clients.Go(func() { c.track(ctx, "t"+strconv.Itoa(i), rand.New(rand.NewPCG(*seed, uint64(100+i)))) })
		c.clients.Go(func() { c.importing(ctx, "i"+strconv.Itoa(i), rand.New(rand.NewPCG(*seed, uint64(200+i)))) })
	}
	c.clients.Go(func() { c.engage(ctx, rand.New(rand.NewPCG(*seed, 300))) })
	t.Cleanup(c.Stop)
	return c
}

// Stop ends the clients and returns when they have their last answers.
func (c *traffic) Stop() {
	c.stop()
	c.clients.Wait()
}

// sleepOr pauses unless the context ends, and reports whether to go on.
func sleepOr(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// note records an answer and how long to wait before the next request. A request under way when the clients are stopped is answered
// still.
func (c *traffic) note(a harness.Answer, err error, taken func()) time.Duration {
	switch {
	case err != nil:
		return 10 * time.Millisecond // the service is down
	case a.Taken():
		taken()
		return 0
	}
	c.mu.Lock()
	c.refused[a.Status]++
	c.mu.Unlock()
	if a.Status < 429 || a.Status == 500 {
		c.t.Errorf("unexpected answer: %+v", a)
	}
	return 50 * time.Millisecond
}

func (c *traffic) refusals(status int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused[status]
}

func (c *traffic) track(ctx context.Context, name string, rnd *rand.Rand) {
	for n := 0; ; {
		var events []harness.Object
		var ids, links []string
		for range 1 + rnd.IntN(20) {
			n++
			id := fmt.Sprintf("%s-%d", name, n)
			at := time.Now().Add(-time.Duration(rnd.Int64N(int64(70 * time.Hour))))
			properties := harness.Object{"id": id, "$insert_id": id, "time": at.UnixMilli(), "$city": "San Francisco", "n": n}
			if n%5 == 0 {
				properties["$device_id"], properties["$user_id"] = "dev-"+id, "user-"+id
				links = append(links, "$device:dev-"+id)
			} else {
				properties["distinct_id"] = "user-" + strconv.Itoa(n%50)
			}
			ids = append(ids, id)
			events = append(events, c.sender.Event("Viewed", properties))
		}
		c.events.Sending(ids...)
		c.links.Sending(links...)
		a, err := c.sender.Track(context.WithoutCancel(ctx), events)
		wait := c.note(a, err, func() { c.events.Acknowledged(ids...); c.links.Acknowledged(links...) })
		if !sleepOr(ctx, wait+time.Duration(rnd.Int64N(int64(20*time.Millisecond)))) {
			return
		}
	}
}

func (c *traffic) importing(ctx context.Context, name string, rnd *rand.Rand) {
	for n := 0; ; {
		var events []harness.Object
		var ids []string
		for range 20 + rnd.IntN(200) {
			n++
			id := fmt.Sprintf("%s-%d", name, n)
			at := time.Now().AddDate(0, 0, -rnd.IntN(20))
			ids = append(ids, id)
			events = append(events, c.sender.Event("Imported", harness.Object{
				"id": id, "$insert_id": id, "time": at.UnixMilli(), "distinct_id": "user-" + strconv.Itoa(n%50), "nested": harness.Object{"n": n},
			}))
		}
		c.events.Sending(ids...)
		a, err := c.sender.Import(context.WithoutCancel(ctx), events)
		wait := c.note(a, err, func() { c.events.Acknowledged(ids...) })
		if !sleepOr(ctx, wait+time.Duration(rnd.Int64N(int64(60*time.Millisecond)))) {
			return
		}
	}
}

// listSize is how many operations append to the list of one profile.
const listSize = 30

func (c *traffic) engage(ctx context.Context, rnd *rand.Rand) {
	for n := 0; ; {
		var operations []harness.Object
		var ids []string
		for range 1 + rnd.IntN(10) {
			n++
			id := strconv.Itoa(n)
			ids = append(ids, id)
			operations = append(operations, harness.Object{
				"$distinct_id": "profile-" + strconv.Itoa(n/listSize), "$append": harness.Object{"ids": id},
			})
		}
		c.operations.Sending(ids...)
		a, err := c.sender.Engage(context.WithoutCancel(ctx), operations)
		wait := c.note(a, err, func() { c.operations.Acknowledged(ids...) })
		if !sleepOr(ctx, wait+time.Duration(rnd.Int64N(int64(40*time.Millisecond)))) {
			return
		}
	}
}

// requireAllThere compares what SQL finds in the tables with what was acknowledged.
func (c *traffic) requireAllThere(s *harness.Service, eventTables ...string) {
	c.t.Helper()
	sent, acknowledged := c.events.Counts()
	c.t.Logf("%d events sent, %d acknowledged", sent, acknowledged)
	require.NotZero(c.t, acknowledged)
	for _, table := range eventTables {
		require.Empty(c.t, c.events.Differences(s.Tally(harness.IDs(table))), table)
	}
	operations := elements(c.t, s, "SELECT json_extract_path_text(properties, 'ids') FROM mp_json_export.mp_people_data WHERE distinct_id LIKE 'profile-%'")
	require.Empty(c.t, c.operations.Differences(operations), "operations")
	links := map[string]int{}
	for _, row := range s.Rows("SELECT distinct_id, resolved_distinct_id FROM mp_json_export.mp_identity_mappings_data") {
		links[row[0]]++
		require.Equal(c.t, "user-"+row[0][len("$device:dev-"):], row[1], "the user that device %s belongs to", row[0])
	}
	require.Empty(c.t, c.links.Differences(links), "identity mappings")
}
