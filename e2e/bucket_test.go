package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/buckettest"
	"github.com/refract-io/refract/internal/platform/fault"
)

// TestBucketFaults lets a destination fail, stall and lose its answers while events arrive and the process restarts, for pipelines of every
// kind. A reader asks SQL all the time: it never sees a day or a person twice, half, or not at all. In the end SQL finds in every table exactly
// what was appended, and so do the raw objects.
func TestBucketFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		effects []buckettest.Effect
		rate    float64
		retries bool
	}{
		{"calls fail before they have an effect", []buckettest.Effect{buckettest.ErrorBefore}, 0.1, false},
		{"answers are lost", []buckettest.Effect{buckettest.ErrorAfter}, 0.15, false},
		{"calls stall", []buckettest.Effect{buckettest.Stall}, 0.04, false},
		{"all of it, behind retries", []buckettest.Effect{buckettest.ErrorBefore, buckettest.ErrorAfter, buckettest.Slow}, 0.15, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlant(t, t.TempDir())
			p.config.MaxRecords = 300
			p.config.Writer.PartBytes = 2 << 10
			p.config.Writer.PutTimeout = 100 * time.Millisecond
			p.config.AttemptTimeout = 500 * time.Millisecond
			var faulty *buckettest.Faulty
			p.wrap = func(b bucket.Bucket) bucket.Bucket {
				if faulty == nil {
					// Chance may spare a run with few calls; the scripted fault does not.
					faulty = buckettest.NewFaulty(b, buckettest.Fault{Effect: c.effects[0], Skip: 3}).Random(*seed, c.rate, c.effects...)
				}
				if c.retries {
					return bucket.Retrying(faulty, bucket.RetryPolicy{Base: time.Millisecond, Max: 5 * time.Millisecond})
				}
				return faulty
			}
			p.open()
			defer func() { p.close() }()
			sql := startSQL(t, p)
			rnd := rand.New(rand.NewPCG(*seed, 2))
			backlog := p.appendEvents(rnd, 0, 1500)
			x := p.create(pipeline.Spec{Source: pipeline.Events})
			kinds := []*pipeline.Pipeline{
				p.create(pipeline.Spec{Type: pipeline.TypeAWS, Source: pipeline.Events, Format: pipeline.Parquet, Sync: true, S3: pipeline.S3{Prefix: "days"}, Glue: pipeline.Glue{TablePrefix: "days_"}}),
				p.create(pipeline.Spec{Type: pipeline.TypeAWS, Source: pipeline.Events, SchemaType: pipeline.Multischema, S3: pipeline.S3{Prefix: "tables"}, Glue: pipeline.Glue{TablePrefix: "tables_"}}),
				p.create(pipeline.Spec{Source: pipeline.People}),
				p.create(pipeline.Spec{Source: pipeline.Identities}),
				p.create(pipeline.Spec{Type: pipeline.TypeAWS, Source: pipeline.People, Format: pipeline.Parquet, S3: pipeline.S3{Prefix: "users"}, Glue: pipeline.Glue{TablePrefix: "users_"}}),
				p.create(pipeline.Spec{Type: pipeline.TypeRaw, Source: pipeline.Events, From: firstHappening, To: firstHappening + 5, S3: pipeline.S3{Prefix: "raw"}}),
			}
			watched := harness.NewWatch(t, sql.DSN(),
				harness.Watched{Table: "lake.mp_master_event", ID: "insert_id", Days: true},
				harness.Watched{Table: "lake.days_mp_master_event", ID: "mp_insert_id", Days: true},
				harness.Watched{Table: "lake.tables_clicked__x_", ID: "mp_insert_id", Days: true},
				harness.Watched{Table: "lake.mp_people_data", ID: "distinct_id"},
				harness.Watched{Table: "lake.mp_identity_mappings_data", ID: "distinct_id"},
				harness.Watched{Table: "lake.users_mp_people_data", ID: "mp_distinct_id"},
			)
			n := backlog
			operations := harness.NewLedger()
			began := time.Now()
			for round := 0; round < 12 || watched.Looks() < 5 && time.Since(began) < harness.Limit/2; round++ {
				if round >= 12 {
					time.Sleep(50 * time.Millisecond) // the reader shares the machine with all other tests
				}
				n = p.appendEvents(rnd, n, 60)
				id := strconv.Itoa(round)
				operations.Sending(id)
				p.append(visit(round%5, id))
				operations.Acknowledged(id)
				if round%4 == 3 {
					p.restart()
				}
			}
			p.drain()
			watched.Stop()
			require.Positive(t, watched.Looks(), "the reader has looked at every table")
			require.Positive(t, faulty.Injected(), "the destination has failed")
			p.requireReconciled(x)
			for _, kind := range kinds {
				p.requireExact(kind)
			}
			for _, query := range []string{
				"SELECT insert_id FROM lake.mp_master_event", "SELECT mp_insert_id FROM lake.days_mp_master_event", "SELECT mp_insert_id FROM lake.tables_clicked__x_",
			} {
				require.Empty(t, p.events.Differences(sql.Tally(query)), query)
			}
			require.Empty(t, p.events.Differences(rawInsertIDs(t, filepath.Join(p.dir, "lake", "raw"))), "raw lines")
			for _, query := range []string{
				"SELECT json_extract_path_text(properties, 'visits') FROM lake.mp_people_data", "SELECT visits FROM lake.users_mp_people_data",
			} {
				require.Empty(t, operations.Differences(elements(t, sql, query)), query)
			}
			var links [][]string
			for i := range 7 { // each device belongs to the one user of its events
				links = append(links, []string{fmt.Sprintf("$device:d%d", i), fmt.Sprintf("u%d", i)})
			}
			for _, table := range []string{"mp_identity_mappings_data", "users_mp_identity_mappings_data"} {
				require.ElementsMatch(t, links, sql.Rows("SELECT distinct_id, resolved_distinct_id FROM lake."+table), table)
			}
		})
	}
}

// TestBucketThatIsGoneComesBack denies the destination until the pipeline has failed for good, and mends it.
func TestBucketThatIsGoneComesBack(t *testing.T) {
	t.Parallel()
	p := newPlant(t, t.TempDir())
	faulty := (*buckettest.Faulty)(nil)
	p.wrap = func(b bucket.Bucket) bucket.Bucket {
		if faulty == nil {
			faulty = buckettest.NewFaulty(b, buckettest.Fault{Err: fault.New(fault.Setup, "calling", "", errors.New("access denied"), ""), Times: 25})
		}
		return faulty
	}
	p.open()
	defer func() { p.close() }()
	n := p.appendEvents(rand.New(rand.NewPCG(*seed, 3)), 0, 200)
	x := p.create(pipeline.Spec{Source: pipeline.Events})
	p.appendEvents(rand.New(rand.NewPCG(*seed, 4)), n, 100)
	p.drain()
	require.Equal(t, 25, faulty.Injected())
	p.requireReconciled(x)
}

// firstHappening is the first day of what appendEvents appends.
var firstHappening = event.DayOfTime(time.Date(2026, 7, 27, 0, 0, 0, 0, time.UTC))

// visit returns an operation on the n-th user's profile that appends an id to its list.
func visit(n int, id string) event.Record {
	at := time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC).UnixMilli()
	return event.Record{
		Kind: event.KindProfile, Time: at, Received: at, Name: []byte("$append"), DistinctID: fmt.Appendf(nil, "u%d", n),
		Properties: fmt.Appendf(nil, `{"$append":{"visits":%q}}`, id),
	}
}

// startSQL serves SQL over the plant's folder by a process of its own, which sees the lake as it is and not as it fails. External schema lake
// shows the catalog database of the plant's pipelines.
func startSQL(t *testing.T, p *plant) *harness.Service {
	s := harness.In(t, p.dir, "--roles", "query")
	s.Start()
	s.Rows("CREATE EXTERNAL SCHEMA lake FROM DATA CATALOG DATABASE 'mixpanel' IAM_ROLE default CREATE EXTERNAL DATABASE IF NOT EXISTS")
	return s
}

// elements counts those of the JSON lists that a query returns.
func elements(t *testing.T, s *harness.Service, query string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, row := range s.Rows(query) {
		var list []string
		require.NoError(t, json.Unmarshal([]byte(row[0]), &list), row[0])
		for _, element := range list {
			found[element]++
		}
	}
	return found
}

// rawInsertIDs counts the insert ids of the lines in all objects of a raw pipeline.
func rawInsertIDs(t *testing.T, dir string) map[string]int {
	t.Helper()
	found := map[string]int{}
	eachRawLine(t, dir, func(_ string, e rawEvent) { found[e.Properties.InsertID]++ })
	return found
}

// appendEvents appends n events from number first on in blocks of any size, and returns the number of the next one.
func (p *plant) appendEvents(rnd *rand.Rand, first, n int) int {
	for left := n; left > 0; {
		block := make([]event.Record, min(left, 1+rnd.IntN(100)))
		for i := range block {
			block[i] = happening(first, rnd.IntN(6))
			first++
		}
		left -= len(block)
		p.append(block...)
	}
	return first
}
