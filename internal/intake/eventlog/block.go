// # Log block, version 1
//
// Block.Data is a header of 16 bytes and one Zstandard frame (RFC 8878). Integers of the header are little-endian.
//
//	offset  size  what
//	0       3     the bytes "RLB"
//	3       1     version: 1
//	4       4     number of records
//	8       4     size of the content, in bytes: what the frame decompresses to, at most 64 MiB
//	12      4     CRC-32C (Castagnoli) of the content
//	16      ...   the Zstandard frame, without dictionary and without its own checksum
//
// The content is the records one after another, with nothing between, before or after them:
//
//	kind        1 byte, not 0 (1 event, 2 profile operation, 3 group operation)
//	time        varint, zigzag: milliseconds since 1970-01-01 UTC
//	received    varint, zigzag: likewise
//	name, distinct_id, device_id, user_id, insert_id, group_key, properties
//	            each a uvarint length and that many bytes
//
// Varints are those of Protocol Buffers (base 128, least significant group first), at most 10 bytes. No record refers to another
// one or to the header, so encoded records can be joined byte by byte: that is what lets many requests share one block. Zstandard
// finds again what neighbouring records repeat.
//
// A reader checks magic, version, sizes and checksum before it hands out the first record, and the number of records against the
// header at the end.
package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/refract-io/refract/internal/platform/fault"
)

const (
	blockMagic   = "RLB"
	blockVersion = 1
	headerSize   = 16
	// minRecordSize is a record with both times 0 and all fields empty.
	minRecordSize = 1 + 1 + 1 + 7
)

// MaxContent is how many bytes the records of one block may take before compression.
const MaxContent = 64 << 20

// ErrCorrupt is what every error about the bytes of a block wraps. Such errors have the class fault.Poison.
var ErrCorrupt = errors.New("corrupt log block")

// ErrTooLarge says that records don't fit into one block or that a block doesn't fit into the log. Such errors have the class
// fault.Poison: the same append can't succeed later.
var ErrTooLarge = errors.New("too large for a log block")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The coders are shared: EncodeAll and DecodeAll are safe for concurrent use and keep at most GOMAXPROCS working states.
var compressor = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	if err != nil {
		panic(fmt.Sprintf("eventlog: options of the zstd encoder: %v", err))
	}
	return e
})

var decompressor = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(MaxContent),
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(fmt.Sprintf("eventlog: options of the zstd decoder: %v", err))
	}
	return d
})

// AppendBlock appends the Data of a block that holds count encoded records to dst. The content is what Encoder.Bytes returned, or
// several such pieces joined. It is safe for concurrent use. It fails with ErrTooLarge when content is larger than MaxContent.
func AppendBlock(dst, content []byte, count int) ([]byte, error) {
	if len(content) > MaxContent || count < 0 || count > len(content)/minRecordSize {
		return dst, fault.New(fault.Poison, "encoding a log block", fmt.Sprintf("of %d records, %d bytes", count, len(content)),
			ErrTooLarge, "send fewer records at once")
	}
	dst = append(dst, blockMagic...)
	dst = append(dst, blockVersion)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(count))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(content)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(content, castagnoli))
	return compressor().EncodeAll(content, dst), nil
}

// header is the fixed part of a block.
type header struct {
	count int
	size  int
	sum   uint32
}

func parseHeader(data []byte) (header, error) {
	switch {
	case len(data) < headerSize:
		return header{}, fmt.Errorf("%w: %d bytes are less than a header", ErrCorrupt, len(data))
	case string(data[:3]) != blockMagic:
		return header{}, fmt.Errorf("%w: it begins with %q, not with %q", ErrCorrupt, data[:3], blockMagic)
	case data[3] != blockVersion:
		return header{}, fmt.Errorf("%w: version %d is not known to this program", ErrCorrupt, data[3])
	}
	count := binary.LittleEndian.Uint32(data[4:])
	size := binary.LittleEndian.Uint32(data[8:])
	if size > MaxContent {
		return header{}, fmt.Errorf("%w: a content of %d bytes is above the limit of %d", ErrCorrupt, size, MaxContent)
	}
	if count > size/minRecordSize {
		return header{}, fmt.Errorf("%w: %d records can't be in %d bytes", ErrCorrupt, count, size)
	}
	return header{count: int(count), size: int(size), sum: binary.LittleEndian.Uint32(data[12:])}, nil
}
