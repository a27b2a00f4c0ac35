package e2e

import (
	"errors"
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
			}
			n := backlog
			for round := range 12 {
				n = p.appendEvents(rnd, n, 60)
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
