// Package eventlog is the durable log between the collector and the store.
//
// The log is one sequence of blocks. A block holds records of one project in arrival order; its place in the sequence is its
// Position, and (Position, index within the block) names a record for ever. Append returns only when the block is durable, so
// that the collector may answer 200. The store seals what lies in the log into segments and then releases it.
package eventlog

import (
	"context"

	"github.com/refract-io/refract/internal/event"
)

// Position is a block's place in the log: 1 is the first block, 0 lies before it. Positions grow; they may have gaps.
type Position uint64

// Block is what one durable append holds.
type Block struct {
	// Position is set by the log.
	Position Position
	Project  int64
	// Key makes an append idempotent: of all blocks of a project with the same non-empty Key that were ever appended, the log
	// holds at most one, for as long as the log holds it or remembers it (see Log.Append). Interactive traffic has no key.
	Key string
	// Count is the number of records.
	Count int
	// Data is the records, encoded and compressed as the package's format says. Use Encoder and Decoder.
	Data []byte
}

// Log is an append-only sequence of blocks. It is safe for concurrent use.
type Log interface {
	// Append stores the block and returns its position once it is durable. After an error the block may or may not be there; a
	// block with a Key can be appended again without being stored twice, in which case the first position is returned. The log
	// remembers keys at least until their block is released; who needs them longer keeps them elsewhere (the store does).
	// Errors are fault.Transient when trying again can help (a full disk, a lost quorum), and then nothing was acknowledged.
	Append(ctx context.Context, b Block) (Position, error)
	// Read calls fn with the blocks after the position, in order, until fn or the log ends it: it returns nil when it reaches the
	// position that was the last one when Read was called. The block is valid during the call only.
	Read(ctx context.Context, after Position, fn func(*Block) error) error
	// Last returns the position of the newest block, 0 when there was never one. Released blocks count.
	Last(ctx context.Context) (Position, error)
	// Appended returns a channel that is closed when a block after the position exists.
	Appended(after Position) <-chan struct{}
	// Release says that blocks up to and including the position are kept elsewhere. The log may drop them.
	Release(ctx context.Context, upTo Position) error
	// Close ends the log. Appends under way finish or fail first.
	Close() error
}

// RecordFunc receives the records of a block with their index. The record's bytes are valid during the call only.
type RecordFunc func(index int, r *event.Record) error
