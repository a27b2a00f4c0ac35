package parquet

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Value is a value of a row. Bytes are a string's text, eight bytes of a number or a time in little-endian order, or 0 or 1 for a
// boolean; they belong to the group.
type Value struct {
	Column int
	Bytes  []byte
}

// Double returns the value of a Double column.
func (v *Value) Double() float64 { return math.Float64frombits(binary.LittleEndian.Uint64(v.Bytes)) }

// Int64 returns the value of an Int64 column, or that of a Timestamp column in microseconds.
func (v *Value) Int64() int64 { return int64(binary.LittleEndian.Uint64(v.Bytes)) }

// Boolean returns the value of a Boolean column.
func (v *Value) Boolean() bool { return v.Bytes[0] != 0 }

// blockRows is how many rows are read together: as many as a word of a column's bitmap has bits.
const blockRows = 64

// Rows reads the rows of a group that is complete. It keeps its buffers from one group to the next. The cost of a row depends on the
// number of its values; of a column without values in the next rows only a word of its bitmap is looked at.
type Rows struct {
	group *Group
	row   int
	block [blockRows][]Value
	// positions are where the next values of columns begin.
	positions []int
}

// Reset begins to read a group.
func (r *Rows) Reset(g *Group) {
	r.group, r.row = g, -1
	r.positions = append(r.positions[:0], make([]int, len(g.arrays))...)
}

// Next goes to the next row, and reports whether there is one.
func (r *Rows) Next() bool {
	r.row++
	if r.row >= r.group.rows {
		return false
	}
	if r.row%blockRows == 0 {
		r.read()
	}
	return true
}

// Values returns the values of the row that are not null, in the order of the columns. They are valid until Next.
func (r *Rows) Values() []Value { return r.block[r.row%blockRows] }

// read takes the values of the next rows out of the columns.
func (r *Rows) read() {
	for i := range r.block {
		r.block[i] = r.block[i][:0]
	}
	for column := range r.group.arrays {
		a := &r.group.arrays[column]
		pos := r.positions[column]
		for word := a.word(r.row); word != 0; word &= word - 1 {
			end, start := a.span(pos), pos
			if a.kind == String {
				start += 4
			}
			at := bits.TrailingZeros64(word)
			r.block[at] = append(r.block[at], Value{column, a.data[start:end]})
			pos = end
		}
		r.positions[column] = pos
	}
}

// word returns the bitmap of 64 rows from row on, which is a multiple of 64.
func (a *array) word(row int) uint64 {
	from := row >> 3
	if from >= len(a.valid) {
		return 0
	}
	if from+8 <= len(a.valid) {
		return binary.LittleEndian.Uint64(a.valid[from:])
	}
	var word [8]byte
	copy(word[:], a.valid[from:])
	return binary.LittleEndian.Uint64(word[:])
}
