package eventlog

import (
	"encoding/binary"
	"fmt"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Encoder collects encoded records, in memory. The zero value is ready. It keeps its buffer over Reset, so a reused Encoder
// allocates nothing per record. It serves one goroutine at a time.
type Encoder struct {
	buf   []byte
	count int
}

// Reset empties the encoder. Slices that Bytes returned are overwritten by the records that follow.
func (e *Encoder) Reset() {
	e.buf = e.buf[:0]
	e.count = 0
}

// Append adds a record; it copies the record's bytes. It fails with ErrTooLarge when the content would be larger than MaxContent,
// and is then as if it had not been called.
func (e *Encoder) Append(r *event.Record) error {
	need := 1 + 9*binary.MaxVarintLen64 + len(r.Name) + len(r.DistinctID) + len(r.DeviceID) + len(r.UserID) + len(r.InsertID) +
		len(r.GroupKey) + len(r.Properties)
	if need > MaxContent-len(e.buf) {
		return fault.New(fault.Poison, "encoding a record", fmt.Sprintf("of %d bytes after %d bytes of others", need, len(e.buf)),
			ErrTooLarge, "send fewer records at once")
	}
	if r.Kind == 0 {
		return fault.New(fault.Bug, "encoding a record", "", fmt.Errorf("its kind is not set"), "")
	}
	b := append(e.buf, byte(r.Kind))
	b = binary.AppendVarint(b, r.Time)
	b = binary.AppendVarint(b, r.Received)
	b = appendField(b, r.Name)
	b = appendField(b, r.DistinctID)
	b = appendField(b, r.DeviceID)
	b = appendField(b, r.UserID)
	b = appendField(b, r.InsertID)
	b = appendField(b, r.GroupKey)
	b = appendField(b, r.Properties)
	e.buf = b
	e.count++
	return nil
}

func appendField(b, field []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}

// Len returns the size of the encoded records in bytes, before compression.
func (e *Encoder) Len() int { return len(e.buf) }

// Count returns the number of records.
func (e *Encoder) Count() int { return e.count }

// Bytes returns the encoded records. They are valid until the next Append or Reset.
func (e *Encoder) Bytes() []byte { return e.buf }

// Finish appends the Data of a block with the collected records to dst, which may be nil, and leaves the encoder as it is.
func (e *Encoder) Finish(dst []byte) ([]byte, error) { return AppendBlock(dst, e.buf, e.count) }
