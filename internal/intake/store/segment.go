// Package store keeps what the log delivers: it seals blocks into segments, and it is what exports read.
//
// # Sealing
//
// Store.Run reads the log after the watermark, groups the records by project and kind, and seals them: it writes one segment
// file for each group to the bucket and then, in one metadata transaction, adds the segments with their days to the index, notes
// the keys of keyed blocks and moves the watermark. Only then the log is released. A crash before the transaction leaves objects
// that no index entry names, which the next start removes; a crash after it leaves blocks in the log that the watermark skips.
// So no record is lost and none is there twice, and what is read does not depend on how the records were cut into blocks, seals
// and segments, apart from the order within a day (see Reader).
//
// # Objects
//
//	segments/<project>/<kind>/<after>-<up to>.parquet   records of a log range (package segment)
//	snapshots/<project>/<content>/<position>-<random>.parquet
//	                                                     profiles or identities as of a position, one row each in the
//	                                                     columns of a segment, ordered by distinct_id
//	_poison/<position>                                   a block that cannot be decoded, as it was
//
// Numbers in keys are positions of 20 digits. One process at a time runs a store; any number read it.
package store

import (
	"context"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/eventlog"
	"github.com/refract-io/refract/internal/intake/store/segment"
)

// Segment is the index entry of a sealed, immutable file: all records of one project and kind in the log range (After, UpTo].
type Segment struct {
	ID      int64
	Project int64
	Kind    event.Kind
	After   eventlog.Position
	UpTo    eventlog.Position
	// Key is the object in the store's bucket.
	Key     string
	Bytes   int64
	Records int64
	// Days are the event days (UTC) that the segment holds, ascending, each a run of neighbouring rows.
	Days []DayRange
}

// DayRange is one event day's rows in a segment.
type DayRange = segment.DayRange

// Text is a column of byte strings.
type Text = segment.Text

// Batch is some rows of one event day, as columns.
type Batch = segment.Batch

// Filtered selects rows of batches.
type Filtered = segment.Filtered

// Window is what a reader asks for: one project's records of one kind in the log range (After, UpTo], narrowed to the event days
// [FirstDay, LastDay], of which a zero one means no bound.
type Window struct {
	Project  int64
	Kind     event.Kind
	After    eventlog.Position
	UpTo     eventlog.Position
	FirstDay event.Day
	LastDay  event.Day
}

// Reader is what exports read the store through.
//
// Batches arrive day by day in ascending order; within a day ordered segment by segment in log order, and within a segment by
// (time, position, index). For a window whose segments are pinned (Pin) the sequence is the same every time it is read, which is
// what makes a repeated run write the same objects.
type Reader interface {
	// Sealed returns the position up to which every block is sealed into segments.
	Sealed(ctx context.Context) (eventlog.Position, error)
	// SealedAfter returns a channel that is closed when Sealed is beyond the position.
	SealedAfter(p eventlog.Position) <-chan struct{}
	// Segments returns the index entries that overlap the window, in log order. It reads no files: an export plans with it.
	Segments(ctx context.Context, w Window) ([]Segment, error)
	// Scan calls fn with all records of the window. The batch is valid during the call only. Memory is bounded whatever the window.
	Scan(ctx context.Context, w Window, fn func(*Batch) error) error
	// Pin keeps the segmentation of a log range as it is until the returned function is called: nothing merges or removes its
	// segments. Pins of a process end with it; a run that goes on after a restart pins again before anything else runs.
	Pin(project int64, after, upTo eventlog.Position) (release func())
	// ScanProfiles calls fn with every profile of the project as of the log position upTo, ordered by distinct_id (bytes), each with
	// its folded properties (a JSON object) and the arrival of its last operation, in milliseconds since 1970-01-01 UTC.
	ScanProfiles(ctx context.Context, project int64, upTo eventlog.Position, fn func(distinctID, properties []byte, received int64) error) error
	// ScanIdentities calls fn with the flattened identity mapping as of upTo, ordered by distinct_id: each alias once, with its
	// canonical id. Canonical ids themselves do not appear on the left.
	ScanIdentities(ctx context.Context, project int64, upTo eventlog.Position, fn func(distinctID, resolved []byte) error) error
}
