package segment

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/refract-io/refract/internal/event"
)

// Rows are records in memory, on their way into a file. They are kept as bytes in large chunks and put in order by sorting
// small keys, so that a record is copied in once and out once. A Rows is reused: Reset keeps its memory.
type Rows struct {
	rows   []row
	order  []key
	chunks [][]byte
	used   int // chunks in use; the last of them has room
	spare  []key
	bytes  int
}

// row is where a record lies: its texts follow each other in a chunk, text t ending at start+ends[t].
type row struct {
	time, received int64
	position       uint64
	index          uint32
	chunk          uint32
	start          uint32
	ends           [numTexts]uint32
}

// key is what rows are ordered by, and the row. Keys are appended in the order of position and index.
type key struct {
	time int64
	row  uint32
}

// The texts of a record in the order of the file's columns.
const (
	textName = iota
	textDistinctID
	textDeviceID
	textUserID
	textInsertID
	textGroupKey
	textProperties
	numTexts
)

const (
	firstChunk = 8 << 10
	chunkBytes = 1 << 20
	rowBytes   = 72 + 2*16 // a row and its keys
)

// Len returns the number of records.
func (r *Rows) Len() int { return len(r.rows) }

// Bytes returns about how much memory the records take.
func (r *Rows) Bytes() int { return r.bytes }

// Append copies a record in.
func (r *Rows) Append(position uint64, index uint32, rec *event.Record) {
	size := len(rec.Name) + len(rec.DistinctID) + len(rec.DeviceID) + len(rec.UserID) + len(rec.InsertID) + len(rec.GroupKey) + len(rec.Properties)
	chunk := r.room(size)
	b := r.chunks[chunk]
	start := len(b)
	w := row{time: rec.Time, received: rec.Received, position: position, index: index, chunk: uint32(chunk), start: uint32(start)}
	b = append(b, rec.Name...)
	w.ends[textName] = uint32(len(b) - start)
	b = append(b, rec.DistinctID...)
	w.ends[textDistinctID] = uint32(len(b) - start)
	b = append(b, rec.DeviceID...)
	w.ends[textDeviceID] = uint32(len(b) - start)
	b = append(b, rec.UserID...)
	w.ends[textUserID] = uint32(len(b) - start)
	b = append(b, rec.InsertID...)
	w.ends[textInsertID] = uint32(len(b) - start)
	b = append(b, rec.GroupKey...)
	w.ends[textGroupKey] = uint32(len(b) - start)
	b = append(b, rec.Properties...)
	w.ends[textProperties] = uint32(len(b) - start)
	r.chunks[chunk] = b
	r.order = append(r.order, key{rec.Time, uint32(len(r.rows))})
	r.rows = append(r.rows, w)
	r.bytes += size + rowBytes
}

// room returns the chunk that has room for size bytes.
func (r *Rows) room(size int) int {
	if r.used > 0 {
		if c := r.chunks[r.used-1]; cap(c)-len(c) >= size {
			return r.used - 1
		}
	}
	if r.used == len(r.chunks) {
		r.chunks = append(r.chunks, nil)
	}
	c := r.chunks[r.used]
	if cap(c) < size {
		// Chunks begin small, because a seal may have a few records each of very many projects.
		c = make([]byte, 0, max(size, min(chunkBytes, firstChunk<<r.used)))
	}
	r.chunks[r.used] = c[:0]
	r.used++
	return r.used - 1
}

// Truncate forgets the records after the first n in the order of their appending. Rows that have been sorted cannot be truncated.
func (r *Rows) Truncate(n int) {
	for i := n; i < len(r.rows); i++ {
		r.bytes -= int(r.rows[i].ends[numTexts-1]) + rowBytes
	}
	if n < len(r.rows) {
		w := &r.rows[n]
		r.used = int(w.chunk) + 1
		r.chunks[w.chunk] = r.chunks[w.chunk][:w.start]
	}
	r.rows, r.order = r.rows[:n], r.order[:n]
}

// Reset forgets all records and keeps the memory, apart from chunks that an oversize record needed.
func (r *Rows) Reset() {
	for i := range r.used {
		if cap(r.chunks[i]) > chunkBytes {
			r.chunks[i] = nil
		}
	}
	r.rows, r.order, r.used, r.bytes = r.rows[:0], r.order[:0], 0, 0
}

// text returns one of a record's texts.
func (r *Rows) text(w *row, t int) []byte {
	from := uint32(0)
	if t > 0 {
		from = w.ends[t-1]
	}
	c := r.chunks[w.chunk]
	return c[w.start+from : w.start+w.ends[t] : w.start+w.ends[t]]
}

// SortByTime orders the records by time, then position and index, provided that they were appended by position and index.
func (r *Rows) SortByTime() {
	if slices.IsSortedFunc(r.order, func(a, b key) int { return cmp.Compare(a.time, b.time) }) {
		return
	}
	r.radixSort()
}

// SortByID orders the records by distinct_id, then position and index: the order in which profiles are folded.
func (r *Rows) SortByID() {
	slices.SortFunc(r.order, func(a, b key) int {
		x, y := &r.rows[a.row], &r.rows[b.row]
		return cmp.Or(
			bytes.Compare(r.text(x, textDistinctID), r.text(y, textDistinctID)),
			cmp.Compare(x.position, y.position),
			cmp.Compare(x.index, y.index))
	})
}

// radixSort sorts the keys by time, stably and in linear time: a seal's times span days, so two or three passes do.
func (r *Rows) radixSort() {
	const bits, size = 11, 1 << 11
	lo, hi := r.order[0].time, r.order[0].time
	for _, k := range r.order {
		lo, hi = min(lo, k.time), max(hi, k.time)
	}
	if cap(r.spare) < len(r.order) {
		r.spare = make([]key, len(r.order), cap(r.order))
	}
	from, to := r.order, r.spare[:len(r.order)]
	var counts [size]uint32
	// As unsigned numbers the differences are right whatever the times.
	for shift := 0; shift < 64 && (uint64(hi)-uint64(lo))>>shift != 0; shift += bits {
		clear(counts[:])
		for _, k := range from {
			counts[(uint64(k.time)-uint64(lo))>>shift&(size-1)]++
		}
		at := uint32(0)
		for i, n := range counts {
			counts[i] = at
			at += n
		}
		for _, k := range from {
			digit := (uint64(k.time) - uint64(lo)) >> shift & (size - 1)
			to[counts[digit]] = k
			counts[digit]++
		}
		from, to = to, from
	}
	r.order, r.spare = from, to
}
