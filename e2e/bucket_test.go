package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/pipeline"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/buckettest"
	"github.com/refract-io/refract/internal/platform/fault"
)

// TestBucketFaults lets a destination fail, stall and lose its answers while events arrive and the process restarts. In the end the
// table holds exactly the rows.
func TestBucketFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		effects []buckettest.Effect
		rate    float64
		retries bool
	}{
		{"calls fail before they have an effect", []buckettest.Effect{buckettest.ErrorBefore}, 0.15, false},
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
			n := backlog
			for round := range 12 {
				n = p.appendEvents(rnd, n, 60)
				p.append(profile(round%5, round))
				if round%4 == 3 {
					p.restart()
				}
			}
			p.drain()
			require.Positive(t, faulty.Injected(), "the destination has failed")
			p.requireReconciled(x)
			for _, kind := range kinds {
				p.requireExact(kind)
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

// profile returns an update of the n-th user's profile.
func profile(n, visits int) event.Record {
	at := time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC).UnixMilli() + int64(visits)
	return event.Record{
		Kind: event.KindProfile, Time: at, Received: at, Name: []byte("$set"), DistinctID: fmt.Appendf(nil, "u%d", n),
		Properties: fmt.Appendf(nil, `{"$set":{"visits":%d,"plan":"free"}}`, visits),
	}
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
