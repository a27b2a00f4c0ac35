package lake

import (
	"context"
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/bucket"
)

// deleteBatch is how many keys go to one Delete (Amazon S3, DeleteObjects: 1,000).
const deleteBatch = 1000

// Sweep deletes the run's objects that m does not name: what an earlier attempt left when the present one wrote fewer parts. The
// folders looked through are those of days or, when days is nil, the snapshot's version; nothing of another run is touched.
func Sweep(ctx context.Context, b bucket.Bucket, l Layout, w Window, days []event.Day, m *Manifest) error {
	named := map[string]bool{}
	for _, o := range slices.Concat(m.Data, m.Oversize) {
		named[o.Key] = true
	}
	prefixes := []string{l.OversizeDir() + l.stem(w)}
	if days == nil {
		prefixes = append(prefixes, l.VersionDir(w))
	}
	for _, d := range days {
		prefixes = append(prefixes, l.DayDir(d)+l.stem(w))
	}
	for _, prefix := range prefixes {
		err := deleteBelow(ctx, b, prefix, func(key string) bool { return !named[key] })
		if err != nil {
			return err
		}
	}
	return nil
}

// Abandon removes what a run without a manifest has written. days as for Sweep.
func Abandon(ctx context.Context, b bucket.Bucket, l Layout, w Window, days []event.Day) error {
	return Sweep(ctx, b, l, w, days, &Manifest{})
}

// RemoveVersion deletes a snapshot that a later one has replaced, and then its manifest.
func RemoveVersion(ctx context.Context, b bucket.Bucket, l Layout, w Window) error {
	if err := Abandon(ctx, b, l, w, nil); err != nil {
		return err
	}
	return deleteKeys(ctx, b, []string{l.ManifestKey(w)})
}

func deleteBelow(ctx context.Context, b bucket.Bucket, prefix string, which func(key string) bool) error {
	var keys []string
	for o, err := range b.List(ctx, prefix) {
		if err != nil {
			return fmt.Errorf("listing %s: %w", b.Location(prefix), err)
		}
		if which(o.Key) {
			keys = append(keys, o.Key)
		}
	}
	return deleteKeys(ctx, b, keys)
}

func deleteKeys(ctx context.Context, b bucket.Bucket, keys []string) error {
	for batch := range slices.Chunk(keys, deleteBatch) {
		if err := b.Delete(ctx, batch...); err != nil {
			return fmt.Errorf("deleting %s and %d more: %w", b.Location(batch[0]), len(batch)-1, err)
		}
	}
	return nil
}
