package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/platform/bucket"
)

const (
	// markAfter is how long after its end a folder of a raw pipeline is complete: what arrives later is late. Runs start then (Mixpanel,
	// "Data pipelines", export schedule).
	markAfter = 30 * time.Minute
	// maxMarks bounds the markers that one turn writes.
	maxMarks = 500
	// markUploads bounds the markers that are on their way at the same time.
	markUploads = 8
)

// mark writes the markers of the folders that were over when the cycle began, whose data is published when it is called: everything that
// was sealed by then. It returns the time up to which folders have their markers, and whether there are more to write. Writing a marker
// again changes nothing, so that a turn that was not recorded is repeated.
func (a *attempt) mark(ctx context.Context, cycle time.Time) (marked time.Time, more bool, err error) {
	at, until := a.calendar.start(a.p.From), cycle.Add(-markAfter).UnixMilli()
	if a.p.To != 0 {
		until = min(until, a.calendar.start(a.p.To+1))
	}
	if !a.p.Marked.IsZero() {
		at = a.p.Marked.UnixMilli()
	}
	puts, ctx := errgroup.WithContext(ctx)
	puts.SetLimit(markUploads)
	f := folders{attempt: a}
	for n := 0; ; n++ {
		dir, end := f.dir(at), f.until
		for end <= until && f.dir(end) == dir { // an hour that the clock repeats
			end = f.until
		}
		if end > until {
			break
		}
		if n == maxMarks {
			more = true
			break
		}
		at = end
		puts.Go(func() error { return a.putMarker(ctx, lake.CompleteKey(dir)) })
	}
	if err := puts.Wait(); err != nil {
		return a.p.Marked, false, err
	}
	return time.UnixMilli(at).UTC(), more, nil
}

func (a *attempt) putMarker(ctx context.Context, key string) error {
	ctx, done := context.WithTimeout(ctx, lake.DefaultPutTimeout)
	defer done()
	if _, err := a.bucket.Put(ctx, key, bytes.NewReader(nil), 0, bucket.PutOptions{ContentType: "application/octet-stream"}); err != nil {
		return fmt.Errorf("writing %s: %w", a.bucket.Location(key), err)
	}
	a.progress()
	return nil
}
