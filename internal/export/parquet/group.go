package parquet

import (
	"encoding/binary"
	"math"
	"slices"
	"unsafe"
)

const (
	// MaxGroupBytes is how large a row group may be, uncompressed (Redshift Spectrum, data files: the part of a Parquet file that is
	// read at once should be at most 128 MB).
	MaxGroupBytes = 128 << 20
	// DefaultGroupBytes is the size at which a Group is full: 32 MB, as UNLOAD writes them.
	DefaultGroupBytes = 32 << 20
	// DefaultGroupRows is the number of rows at which a Group is full.
	DefaultGroupRows = 100_000
)

// Group collects the rows of one row group, column by column. A row is made by setting some of its columns, in any order, and
// EndRow; columns that are not set are null. Setting costs the same however many columns there are.
//
// A Group serves one goroutine and keeps its buffers from one row group to the next.
type Group struct {
	// MaxRows and MaxBytes say when the group is Full; zero fields mean the defaults.
	MaxRows  int
	MaxBytes int64

	arrays []array
	rows   int
	bytes  int64
	// expected has the sizes that the buffers of the columns get with their first value, as far as it goes.
	expected []int
}

// array holds one column. Only values are stored, no nulls, in the PLAIN layout of pages, except that a boolean takes a byte.
type array struct {
	kind Type
	// rows is the number of rows up to the last value; those after it are null.
	rows  int
	count int
	// valid has a bit for each of these rows, the lowest first: 1 for a value, 0 for null; and zero bytes after them.
	valid []byte
	data  []byte
	// cuts are where pages end, page is the last of them.
	cuts []cut
	page cut
}

// AddColumn adds a column, null in the rows so far, and returns its index.
func (g *Group) AddColumn(t Type) int {
	n := len(g.arrays)
	if n == cap(g.arrays) {
		g.Reserve(max(4, n/4))
	}
	g.arrays = g.arrays[:n+1]
	g.arrays[n].reset()
	g.arrays[n].kind = t
	return n
}

// Reserve makes room for further columns, so that adding them one by one takes no more than they need.
func (g *Group) Reserve(columns int) {
	if n := len(g.arrays); cap(g.arrays)-n < columns {
		arrays := make([]array, n+columns)
		copy(arrays, g.arrays[:cap(g.arrays)]) // columns that are not in use have buffers, too
		g.arrays = arrays[:n]
	}
}

// Columns returns the number of columns.
func (g *Group) Columns() int { return len(g.arrays) }

// Used returns how many columns there are up to the last one that has a value.
func (g *Group) Used() int {
	n := len(g.arrays)
	for n > 0 && g.arrays[n-1].count == 0 {
		n--
	}
	return n
}

// AddCounts adds to counts, for each column, the number of its values that are not null. It grows counts to the columns in use.
func (g *Group) AddCounts(counts []int64) []int64 {
	used := g.Used()
	if n := used - len(counts); n > 0 {
		counts = append(counts, make([]int64, n)...)
	}
	for i := range g.arrays[:used] {
		counts[i] += int64(g.arrays[i].count)
	}
	return counts
}

// Held returns how many bytes of memory the group's buffers take, used or not.
func (g *Group) Held() int64 {
	arrays := g.arrays[:cap(g.arrays)]
	held := int64(cap(g.arrays)) * int64(unsafe.Sizeof(array{}))
	for i := range arrays {
		a := &arrays[i]
		held += int64(cap(a.valid)+cap(a.data)) + int64(cap(a.cuts))*int64(unsafe.Sizeof(cut{}))
	}
	return held
}

// Sizes returns the bytes of values of each column, as Expect takes them.
func (g *Group) Sizes() []int {
	sizes := make([]int, len(g.arrays))
	for i := range g.arrays {
		sizes[i] = len(g.arrays[i].data)
	}
	return sizes
}

// Expect makes the columns' first values allocate buffers of such sizes and an eighth more, for rows like those of the group that had them.
func (g *Group) Expect(sizes []int) { g.expected = sizes }

// Rows returns the number of rows that are ended.
func (g *Group) Rows() int { return g.rows }

// Bytes returns about how large the row group is before compression.
func (g *Group) Bytes() int64 { return g.bytes + int64(g.rows/8)*int64(len(g.arrays)) }

// Full reports whether it is time to write the group.
func (g *Group) Full() bool {
	rows, size := g.MaxRows, g.MaxBytes
	if rows == 0 {
		rows = DefaultGroupRows
	}
	if size == 0 {
		size = DefaultGroupBytes
	}
	return g.rows >= rows || g.Bytes() >= size
}

// EndRow ends the current row.
func (g *Group) EndRow() { g.rows++ }

// Reset empties the group. Its columns stay.
func (g *Group) Reset() {
	for i := range g.arrays {
		g.arrays[i].reset()
	}
	g.rows, g.bytes = 0, 0
}

// clear takes everything from the group but its buffers.
func (g *Group) clear() {
	arrays := g.arrays[:0]
	*g = Group{arrays: arrays}
}

func (a *array) reset() {
	a.rows, a.count = 0, 0
	a.valid, a.data = a.valid[:0], a.data[:0]
	a.cuts, a.page = a.cuts[:0], cut{}
}

// SetString sets a String column of the current row. It reports false, as the other setters do, and changes nothing if the column is
// set already. The value is copied.
func (g *Group) SetString(column int, value []byte) bool {
	to := g.add(column, 4+len(value))
	if to == nil {
		return false
	}
	binary.LittleEndian.PutUint32(to, uint32(len(value)))
	copy(to[4:], value)
	return true
}

// SetInt64 sets an Int64 column of the current row.
func (g *Group) SetInt64(column int, value int64) bool { return g.setWord(column, uint64(value)) }

// SetTimestamp sets a Timestamp column of the current row to a time in milliseconds since 1970-01-01 UTC. Times that do not fit
// into microseconds, beyond the year 294,000, are set to the nearest that do.
func (g *Group) SetTimestamp(column int, ms int64) bool {
	const limit = math.MaxInt64 / 1000
	return g.setWord(column, uint64(min(max(ms, -limit), limit)*1000))
}

// SetDouble sets a Double column of the current row.
func (g *Group) SetDouble(column int, value float64) bool {
	return g.setWord(column, math.Float64bits(value))
}

func (g *Group) setWord(column int, word uint64) bool {
	to := g.add(column, 8)
	if to == nil {
		return false
	}
	binary.LittleEndian.PutUint64(to, word)
	return true
}

// SetBoolean sets a Boolean column of the current row.
func (g *Group) SetBoolean(column int, value bool) bool {
	to := g.add(column, 1)
	if to == nil {
		return false
	}
	to[0] = 0
	if value {
		to[0] = 1
	}
	return true
}

// add adds a value of n bytes to a column of the current row and returns where to write it, nil if the column is set already. The length of the
// buffer is changed in place, since an assignment of what append returns would tell the garbage collector of a pointer with each value.
func (g *Group) add(column, n int) []byte {
	a, row, size := &g.arrays[column], g.rows, len(g.arrays[column].data)
	if a.rows > row {
		return nil
	}
	if row>>3 >= len(a.valid) || cap(a.data)-size < n || row >= a.page.row+pageRows || size >= a.page.pos+pageBytes {
		a.divide(row)
		a.cover(row)
		g.room(column, n)
	}
	a.valid[row>>3] |= 1 << (row & 7)
	a.rows = row + 1
	a.count++
	a.data = a.data[:size+n]
	g.bytes += int64(n)
	return a.data[size : size+n : size+n]
}

// coveredBytes is how many bytes bitmaps grow by: enough for 512 rows.
const coveredBytes = 64

// cover makes the bitmap reach the row.
func (a *array) cover(row int) {
	if n := row>>3 - len(a.valid); n >= 0 {
		a.valid = append(a.valid, make([]byte, n+coveredBytes)...)
	}
}

// doubledBytes is the size up to which the buffer of a column doubles when it is full; a larger one grows by half.
const doubledBytes = 1 << 20

// room makes room for n bytes in a column. Buffers grow faster than append would make them, by a quarter, which copies each byte several times.
func (g *Group) room(column, n int) {
	a := &g.arrays[column]
	if cap(a.data)-len(a.data) >= n {
		return
	}
	more := len(a.data)
	if more > doubledBytes {
		more /= 2
	}
	if cap(a.data) == 0 && column < len(g.expected) {
		more = g.expected[column] + g.expected[column]/8
	}
	a.data = slices.Grow(a.data, max(n, more))
}

// span returns the end of the value that begins at data[pos].
func (a *array) span(pos int) int {
	switch a.kind {
	case String:
		return pos + 4 + int(binary.LittleEndian.Uint32(a.data[pos:]))
	case Boolean:
		return pos + 1
	default:
		return pos + 8
	}
}
