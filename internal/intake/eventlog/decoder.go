package eventlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Decoder reads blocks one after another into one reused buffer of at most MaxContent bytes. The zero value is ready. It serves
// one goroutine at a time.
type Decoder struct {
	buf []byte
	rec event.Record
}

var decoders = sync.Pool{New: func() any { return new(Decoder) }}

// Decode calls fn with the records of the block. It is Decoder.Decode with a shared Decoder, and safe for concurrent use.
func Decode(b *Block, fn RecordFunc) error {
	d := decoders.Get().(*Decoder)
	defer decoders.Put(d)
	return d.Decode(b, fn)
}

// Decode calls fn with the records of the block, in order, with indexes from 0. An error of fn ends it and is returned as it is. A
// block that is not what the format says gives an error of class fault.Poison that wraps ErrCorrupt. Damage is found by the
// checksum before the first record is handed out; only a block that was written wrongly can fail later.
func (d *Decoder) Decode(b *Block, fn RecordFunc) error {
	h, err := parseHeader(b.Data)
	if err != nil {
		return corrupt(b, err)
	}
	if b.Count != h.count {
		return corrupt(b, fmt.Errorf("%w: the log says %d records and the header %d", ErrCorrupt, b.Count, h.count))
	}
	content, err := d.content(h, b.Data[headerSize:])
	if err != nil {
		return corrupt(b, err)
	}
	for i := range h.count {
		content, err = parseRecord(content, &d.rec)
		if err != nil {
			return corrupt(b, fmt.Errorf("record %d: %w", i, err))
		}
		if err := fn(i, &d.rec); err != nil {
			return err
		}
	}
	if len(content) != 0 {
		return corrupt(b, fmt.Errorf("%w: %d bytes after the last record", ErrCorrupt, len(content)))
	}
	return nil
}

// content decompresses the frame and verifies it. The decompressor stops at the capacity it is given, so that a frame that
// unfolds to more than its header says costs no more than that.
func (d *Decoder) content(h header, frame []byte) ([]byte, error) {
	// A block of a frame takes 4 bytes at least and unfolds to 128 KiB at most (RFC 8878), so a small one can't ask for much memory.
	if h.size > len(frame)<<15 {
		return nil, fmt.Errorf("%w: %d bytes can't unfold to %d", ErrCorrupt, len(frame), h.size)
	}
	if cap(d.buf) < h.size {
		d.buf = make([]byte, 0, h.size)
	}
	content, err := decompressor().DecodeAll(frame, d.buf[:0:h.size])
	if err != nil {
		return nil, fmt.Errorf("%w: decompressing: %w", ErrCorrupt, err)
	}
	if len(content) != h.size {
		return nil, fmt.Errorf("%w: the content is %d bytes, not %d", ErrCorrupt, len(content), h.size)
	}
	if sum := crc32.Checksum(content, castagnoli); sum != h.sum {
		return nil, fmt.Errorf("%w: the checksum is %08x, not %08x", ErrCorrupt, sum, h.sum)
	}
	return content, nil
}

// parseRecord reads the first record of content into r, whose slices then point into content, and returns the rest.
func parseRecord(content []byte, r *event.Record) ([]byte, error) {
	if len(content) == 0 {
		return nil, fmt.Errorf("%w: the content ends before it", ErrCorrupt)
	}
	if content[0] == 0 {
		return nil, fmt.Errorf("%w: its kind is 0", ErrCorrupt)
	}
	r.Kind = event.Kind(content[0])
	rest := content[1:]
	for _, t := range [...]*int64{&r.Time, &r.Received} {
		v, n := binary.Varint(rest)
		if n <= 0 {
			return nil, fmt.Errorf("%w: a time is cut off or too long", ErrCorrupt)
		}
		*t, rest = v, rest[n:]
	}
	for _, f := range [...]*[]byte{&r.Name, &r.DistinctID, &r.DeviceID, &r.UserID, &r.InsertID, &r.GroupKey, &r.Properties} {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return nil, fmt.Errorf("%w: a field is longer than the content", ErrCorrupt)
		}
		end := n + int(size)
		*f, rest = rest[n:end:end], rest[end:]
	}
	return rest, nil
}

func corrupt(b *Block, err error) error {
	return fault.New(fault.Poison, "decoding log block", fmt.Sprintf("%d of project %d", b.Position, b.Project), err, "")
}
