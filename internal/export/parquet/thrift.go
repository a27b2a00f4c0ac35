package parquet

import "encoding/binary"

// Types of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftBinary = 8
	thriftList   = 9
	thriftStruct = 12
)

// compact appends structures in Thrift's compact protocol. Fields are written in ascending order, as parquet.thrift numbers them, at
// most 15 apart.
type compact struct {
	buf []byte
	// last is the number of the last field of the open structure, outer those of the structures around it.
	last  int
	outer []int
}

func (t *compact) field(id int, kind byte) {
	t.buf = append(t.buf, byte(id-t.last)<<4|kind)
	t.last = id
}

func (t *compact) varint(v int64) {
	t.buf = binary.AppendUvarint(t.buf, uint64(v)<<1^uint64(v>>63))
}

func (t *compact) i16(id int, v int64) { t.field(id, thriftI16); t.varint(v) }
func (t *compact) i32(id int, v int64) { t.field(id, thriftI32); t.varint(v) }
func (t *compact) i64(id int, v int64) { t.field(id, thriftI64); t.varint(v) }

func (t *compact) boolean(id int, v bool) {
	if v {
		t.field(id, thriftTrue)
	} else {
		t.field(id, thriftFalse)
	}
}

func (t *compact) binary(id int, v []byte) {
	t.field(id, thriftBinary)
	t.buf = append(binary.AppendUvarint(t.buf, uint64(len(v))), v...)
}

func (t *compact) text(id int, v string) {
	t.field(id, thriftBinary)
	t.element(v)
}

// element appends a string of a list.
func (t *compact) element(v string) {
	t.buf = append(binary.AppendUvarint(t.buf, uint64(len(v))), v...)
}

// list begins a list of n elements, which follow without headers.
func (t *compact) list(id, n int, kind byte) {
	t.field(id, thriftList)
	if n < 15 {
		t.buf = append(t.buf, byte(n)<<4|kind)
		return
	}
	t.buf = binary.AppendUvarint(append(t.buf, 0xf0|kind), uint64(n))
}

// begin opens a structure that is a field.
func (t *compact) begin(id int) {
	t.field(id, thriftStruct)
	t.open()
}

// open opens a structure that is an element of a list.
func (t *compact) open() {
	t.outer = append(t.outer, t.last)
	t.last = 0
}

func (t *compact) end() {
	t.buf = append(t.buf, 0)
	t.last = t.outer[len(t.outer)-1]
	t.outer = t.outer[:len(t.outer)-1]
}

// reset begins a new outermost structure, to be ended with stop.
func (t *compact) reset() {
	t.buf, t.last, t.outer = t.buf[:0], 0, t.outer[:0]
}

func (t *compact) stop() { t.buf = append(t.buf, 0) }
