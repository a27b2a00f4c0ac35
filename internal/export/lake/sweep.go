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

// Folders returns the folders in which a run may have left objects of the table: those of days, in their versions if there are such,
// or the snapshot's if days is nil, and those of oversize rows.
func (l Layout) Folders(w Window, days []event.Day, versioned bool) []string {
	dirs := []string{l.OversizeDir()}
	if days == nil {
		return append(dirs, l.VersionDir(w))
	}
	for _, d := range days {
		if versioned {
			dirs = append(dirs, l.DayVersionDir(d, w), l.OversizeDayDir(d))
		} else {
			dirs = append(dirs, l.DayDir(d))
		}
	}
	return dirs
}

// Sweep deletes the run's objects in the folders that m does not name: what an earlier attempt left when the present one wrote fewer
// parts. Nothing of another run is touched.
func Sweep(ctx context.Context, b bucket.Bucket, l Layout, w Window, dirs []string, m *Manifest) error {
	named := map[string]bool{}
	for _, o := range slices.Concat(m.Data, m.Oversize) {
		named[o.Key] = true
	}
	for _, dir := range dirs {
		err := DeleteBelow(ctx, b, dir+l.stem(w), func(key string) bool { return !named[key] })
		if err != nil {
			return err
		}
	}
	return nil
}

// Abandon removes what a run without a manifest has written in the folders.
func Abandon(ctx context.Context, b bucket.Bucket, l Layout, w Window, dirs []string) error {
	return Sweep(ctx, b, l, w, dirs, &Manifest{})
}

// RemoveVersion deletes a snapshot that a later one has replaced, and then its manifest.
func RemoveVersion(ctx context.Context, b bucket.Bucket, l Layout, w Window) error {
	if err := Abandon(ctx, b, l, w, l.Folders(w, nil, false)); err != nil {
		return err
	}
	return RemoveManifest(ctx, b, l, w)
}

// RemoveManifest deletes a run's manifest, if there is one.
func RemoveManifest(ctx context.Context, b bucket.Bucket, l Layout, w Window) error {
	return deleteKeys(ctx, b, []string{l.ManifestKey(w)})
}

// DeleteBelow deletes the objects below the prefix that which chooses.
func DeleteBelow(ctx context.Context, b bucket.Bucket, prefix string, which func(key string) bool) error {
	var keys []string
	for o, err := range b.List(ctx, prefix) {
		if err != nil {
			return fmt.Errorf("listing %s: %w", b.Location(prefix), err)
		}
		if !which(o.Key) {
			continue
		}
		if keys = append(keys, o.Key); len(keys) == deleteBatch {
			if err := deleteKeys(ctx, b, keys); err != nil {
				return err
			}
			keys = keys[:0]
		}
	}
	return deleteKeys(ctx, b, keys)
}

// deleteKeys deletes at most deleteBatch objects.
func deleteKeys(ctx context.Context, b bucket.Bucket, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	if err := b.Delete(ctx, keys...); err != nil {
		return fmt.Errorf("deleting %s and %d more: %w", b.Location(keys[0]), len(keys)-1, err)
	}
	return nil
}
