package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/export/lake"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/sample"
)

var export = Benchmark{
	Name: "export", Title: "Sealing, reading back and exporting",
	About: "Events of seven days, of which some are late, are appended to the log and sealed into segments. A pipeline then exports all of them as " +
		"gzip-compressed JSON lines, a folder an event day: planning, reading, assembling, compressing at level 5, hashing, storing with fsync, manifest and " +
		"catalog. In turns with it, the exported bytes are compressed alone, and the segments read alone. All in this process.",
	run: runExport,
}

func runExport(t *trial) (err error) {
	perRound := t.size(200_000, 3_000)
	h, err := openHouse(t, t.dir, sample.New(sample.Options{Events: perRound * (1 + t.size(3, 1))}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	h.sealing.Merge.Fanout = 1 << 20 // none: it would fall into some rounds only
	var sealing, scanning, exporting, floors, ratios, sizes []float64
	err = t.rounds(func(counted bool) error {
		if err := h.append(t, perRound); err != nil {
			return err
		}
		sealed, err := h.seal(t, 0)
		if counted {
			sealing = append(sealing, float64(perRound)/sealed.Seconds())
		}
		return err
	})
	if err != nil {
		return err
	}
	n := 0
	err = t.rounds(func(counted bool) error {
		n++
		p, err := h.create(t, "round"+strconv.Itoa(n))
		if err != nil {
			return err
		}
		rows, used, err := h.run(t, p)
		if err != nil {
			return err
		}
		floor, plain, packed, err := gzipFloor(t, h.lake, p.Layout().TableDir())
		if err != nil {
			return err
		}
		scanned, scan, err := h.scan(t)
		if err != nil {
			return err
		}
		if scanned != rows {
			return fmt.Errorf("%d events were exported of %d", rows, scanned)
		}
		if counted {
			exporting = append(exporting, float64(rows)/used.Seconds())
			floors = append(floors, float64(rows)/floor.Seconds())
			ratios = append(ratios, floor.Seconds()/used.Seconds())
			scanning = append(scanning, float64(scanned)/scan.Seconds())
			sizes = append(sizes, float64(plain)/float64(packed))
		}
		return errors.Join(h.forget(t, p), removeAll(t, h.lake, p.S3.Prefix+"/"))
	})
	if err != nil {
		return err
	}
	const unit = "events/CPU-s"
	t.add(Figure{Name: "exported events", Unit: unit, Bar: atLeast(200_000), Means: "Rows in published objects per CPU-second of everything a run does.",
		Bound: "three fifths are gzip at level 5."}, exporting...)
	t.add(Figure{Name: "floor: gzip 5 alone", Unit: unit, Means: "The same bytes, object by object, through the same compressor."}, floors...)
	t.add(Figure{Name: "export / floor", Unit: "times", Means: "How much of an export's time is compression that nothing can save."}, ratios...)
	t.add(Figure{Name: "compression", Unit: "times", Means: "Bytes of rows to bytes of objects."}, sizes...)
	t.add(Figure{Name: "sealed events", Unit: unit, Means: "From the log into segments: reading and decoding blocks, sorting, Parquet, index; without the merging of small segments."}, sealing...)
	t.add(Figure{Name: "events read back", Unit: unit, Means: "A scan of all columns of all segments in the order of days."}, scanning...)
	return nil
}

// scan reads all events of the house.
func (h *house) scan(ctx context.Context) (rows int64, used time.Duration, err error) {
	sealed, err := h.store.Sealed(ctx)
	if err != nil {
		return 0, 0, err
	}
	before, err := cpuOf(0)
	if err != nil {
		return 0, 0, err
	}
	err = h.store.Scan(ctx, store.Window{Project: h.project, Kind: event.KindEvent, UpTo: sealed}, func(b *store.Batch) error {
		rows += int64(b.Len)
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	after, err := cpuOf(0)
	return rows, after - before, err
}

// gzipFloor compresses anew what the objects below the prefix hold and returns the CPU time of the compression alone, and the sizes.
func gzipFloor(ctx context.Context, b bucket.Bucket, prefix string) (used time.Duration, plain, packed int64, err error) {
	zip, err := gzip.NewWriterLevel(io.Discard, lake.DefaultLevel)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("preparing gzip: %w", err)
	}
	var text bytes.Buffer
	for o, err := range b.List(ctx, prefix) {
		if err != nil {
			return 0, 0, 0, err
		}
		text.Reset()
		if err := inflate(ctx, b, o.Key, &text); err != nil {
			return 0, 0, 0, err
		}
		before, err := cpuOf(0)
		if err != nil {
			return 0, 0, 0, err
		}
		zip.Reset(io.Discard)
		const chunk = 256 << 10
		for rest := text.Bytes(); len(rest) > 0; rest = rest[min(chunk, len(rest)):] {
			if _, err := zip.Write(rest[:min(chunk, len(rest))]); err != nil {
				return 0, 0, 0, fmt.Errorf("compressing: %w", err)
			}
		}
		if err := zip.Close(); err != nil {
			return 0, 0, 0, fmt.Errorf("compressing: %w", err)
		}
		after, err := cpuOf(0)
		if err != nil {
			return 0, 0, 0, err
		}
		used += after - before
		plain += int64(text.Len())
		packed += o.Size
	}
	return used, plain, packed, nil
}

func inflate(ctx context.Context, b bucket.Bucket, key string, into *bytes.Buffer) error {
	in, _, err := b.Get(ctx, key)
	if err != nil {
		return err
	}
	defer in.Close()
	unzip, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("reading %s: %w", key, err)
	}
	if _, err := into.ReadFrom(unzip); err != nil {
		return fmt.Errorf("reading %s: %w", key, err)
	}
	return nil
}

// removeAll deletes the objects below the prefix.
func removeAll(ctx context.Context, b bucket.Bucket, prefix string) error {
	var keys []string
	for o, err := range b.List(ctx, prefix) {
		if err != nil {
			return err
		}
		keys = append(keys, o.Key)
	}
	return b.Delete(ctx, keys...)
}
