package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store/segment"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

const contentType = "application/vnd.apache.parquet"

// errFull ends the reading of the log when enough is read for a seal.
var errFull = errors.New("enough for a seal")

// errOtherSealer says that the watermark is not where this process left it.
var errOtherSealer = errors.New("the sealed position was moved by another process")

// sealer is the state of Run's sealing loop.
type sealer struct {
	store   *Store
	pending *pending
	// buffers are for files on their way to the bucket; who takes one gives it back.
	buffers chan *bytes.Buffer
}

// parallelPuts is how many files go to the bucket at a time: with many projects a seal would otherwise wait for each in turn.
const parallelPuts = 8

func (s *Store) newSealer(ctx context.Context) (*sealer, error) {
	sealed, err := s.Sealed(ctx)
	if err != nil {
		return nil, err
	}
	z := &sealer{store: s, pending: newPending(sealed)}
	z.buffers = make(chan *bytes.Buffer, parallelPuts)
	for range parallelPuts {
		z.buffers <- new(bytes.Buffer)
	}
	return z, nil
}

// run seals until ctx ends or another process turns out to seal too. All other failures are tried again.
func (z *sealer) run(ctx context.Context, sealed func([]Segment)) error {
	retry := z.store.newBackoff()
	for ctx.Err() == nil {
		err := z.turn(ctx, sealed)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errOtherSealer):
			return err
		case err != nil:
			retry.failed(ctx, "sealing", err)
		default:
			retry.succeeded()
		}
	}
	return ctx.Err()
}

// turn reads what the log has, seals if it is time, and otherwise waits for more.
func (z *sealer) turn(ctx context.Context, sealed func([]Segment)) error {
	full, readErr := z.read(ctx)
	p := z.pending
	wait := z.store.opts.SealAfter - z.store.opts.Now().Sub(p.since)
	// A log that cannot be read on does not keep what was read from being sealed.
	if !p.empty() && (full || wait <= 0) {
		segments, err := z.seal(ctx)
		if err != nil {
			return errors.Join(readErr, err)
		}
		sealed(segments)
		return readErr
	}
	if readErr != nil {
		return readErr
	}
	var timer <-chan time.Time
	if !p.empty() {
		timer = time.After(wait)
	}
	select {
	case <-ctx.Done():
	case <-z.store.opts.Log.Appended(p.upTo):
	case <-timer:
	}
	return nil
}

// read adds the log's blocks to what is pending and reports whether that is enough to be sealed at once.
func (z *sealer) read(ctx context.Context) (full bool, err error) {
	p, s := z.pending, z.store
	limit := int64(s.opts.SealBytes)
	if _, size := p.size(); size >= limit {
		return true, nil
	}
	err = s.opts.Log.Read(ctx, p.upTo, func(b *eventlog.Block) error {
		if p.empty() {
			p.since = s.opts.Now()
		}
		if err := s.add(ctx, p, b); err != nil {
			return err
		}
		if _, size := p.size(); size >= limit {
			return errFull
		}
		return nil
	})
	records, size := p.size()
	s.count(func(st *Stats) { st.PendingRecords, st.PendingBytes, st.pendingSince = records, size, p.since })
	if errors.Is(err, errFull) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the log after position %d: %w", p.upTo, err)
	}
	return false, nil
}

// seal writes what is pending to segments, moves the watermark behind it and releases the log.
func (z *sealer) seal(ctx context.Context) ([]Segment, error) {
	p, s := z.pending, z.store
	segments, err := z.writeAll(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.commitSeal(ctx, p, segments); err != nil {
		return nil, err
	}
	poison, duplicates, upTo := int64(len(p.poison)), p.duplicates, p.upTo
	p.sealedTo()
	s.count(func(st *Stats) {
		st.Seals++
		for i := range segments {
			st.Segments++
			st.Records += segments[i].Records
			st.Bytes += segments[i].Bytes
		}
		st.PoisonBlocks += poison
		st.DuplicateBlocks += duplicates
		st.PendingRecords, st.PendingBytes, st.pendingSince = 0, 0, time.Time{}
	})
	s.advance(upTo)
	s.release(ctx, upTo)
	return segments, nil
}

// writeAll puts what is pending into the bucket, a segment for each group.
func (z *sealer) writeAll(ctx context.Context) ([]Segment, error) {
	puts, ctx := errgroup.WithContext(ctx)
	var segments []Segment
	for _, g := range z.pending.sorted() {
		out := <-z.buffers
		seg, err := z.write(g, out)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			z.buffers <- out
			return nil, errors.Join(puts.Wait(), err)
		}
		segments = append(segments, seg)
		puts.Go(func() error {
			defer func() { z.buffers <- out }()
			body := bytes.NewReader(out.Bytes())
			if _, err := z.store.opts.Bucket.Put(ctx, seg.Key, body, seg.Bytes, bucket.PutOptions{ContentType: contentType}); err != nil {
				return fmt.Errorf("storing %s: %w", seg.Key, err)
			}
			return nil
		})
	}
	return segments, puts.Wait()
}

// write writes one group's segment.
func (z *sealer) write(g group, out *bytes.Buffer) (Segment, error) {
	p := z.pending
	seg := Segment{Project: g.project, Kind: g.kind, After: p.after, UpTo: p.upTo, Key: segmentKey(g.project, g.kind, p.after, p.upTo)}
	rows := p.groups[g]
	rows.SortByTime()
	out.Reset()
	w := segment.NewWriter(out, g.kind)
	err := w.Write(rows)
	if err == nil {
		seg.Days, err = w.Close()
	}
	if err == nil {
		err = checkDays(seg.Days)
	}
	if err != nil {
		return seg, fmt.Errorf("writing %s: %w", seg.Key, err)
	}
	seg.Records, seg.Bytes = w.Records(), int64(out.Len())
	return seg, nil
}

// commitSeal makes a seal's segments visible. If an earlier attempt committed although it reported an error, it does nothing.
func (s *Store) commitSeal(ctx context.Context, p *pending, segments []Segment) error {
	now := s.nowMillis()
	return s.opts.DB.InTx(ctx, func(tx *meta.Tx) error {
		var at int64
		if err := tx.QueryRow(ctx, `SELECT position FROM sealed_watermark WHERE id = 1`).Scan(&at); err != nil {
			return fmt.Errorf("reading the sealed position: %w", err)
		}
		if eventlog.Position(at) == p.upTo {
			return nil
		}
		moved, err := tx.Exec(ctx, `UPDATE sealed_watermark SET position = ? WHERE id = 1 AND position = ?`, int64(p.upTo), int64(p.after))
		if err != nil {
			return fmt.Errorf("moving the sealed position: %w", err)
		}
		if n, err := moved.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.New(fault.Setup, "sealing", fmt.Sprintf("log positions %d to %d", p.after+1, p.upTo),
				fmt.Errorf("%w: it is %d", errOtherSealer, at), "let only one process have the worker role"))
		}
		for i := range segments {
			if err := insertSegment(ctx, tx, &segments[i], now); err != nil {
				return err
			}
		}
		for _, k := range p.keys {
			if _, err := tx.Exec(ctx, `INSERT INTO sealed_key (project_id, block_key, position, sealed_ms) VALUES (?, ?, ?, ?)`,
				k.project, k.key, int64(k.position), now); err != nil {
				return fmt.Errorf("noting block key %q of project %d: %w", k.key, k.project, err)
			}
		}
		for project, n := range p.announced {
			if _, err := tx.Exec(ctx, `INSERT INTO accepted (project_id, records) VALUES (?, ?)
				ON CONFLICT (project_id) DO UPDATE SET records = accepted.records + excluded.records`, project, n); err != nil {
				return fmt.Errorf("counting accepted records of project %d: %w", project, err)
			}
		}
		for _, b := range p.poison {
			if _, err := tx.Exec(ctx, `INSERT INTO poison_block (position, project_id, block_key, records, bytes, reason, object_key, created_ms)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
				int64(b.position), b.project, b.key, b.records, b.bytes, b.reason, poisonKey(b.position), now); err != nil {
				return fmt.Errorf("noting corrupt block %d: %w", b.position, err)
			}
		}
		return nil
	})
}

// release lets the log drop what is sealed. A failure is not the seal's: the next seal releases further.
func (s *Store) release(ctx context.Context, upTo eventlog.Position) {
	if err := s.opts.Log.Release(ctx, upTo); err != nil && ctx.Err() == nil {
		s.opts.Logger.Warn("the log was not released; the next seal tries again", "position", uint64(upTo), "error", err)
	}
}
