package duck

import (
	"unsafe"

	native "github.com/duckdb/duckdb-go-bindings"
)

// Block takes the rows that a Reader gives. Values not set are NULL.
type Block struct {
	columns []blockColumn
}

type blockColumn struct {
	vector   native.Vector
	data     unsafe.Pointer
	validity []uint64
}

// BlockSize is how many rows a Block takes.
var BlockSize = int(native.VectorSize())

func (b *Block) begin(chunk native.DataChunk, columns []SourceColumn) {
	if b.columns == nil {
		b.columns = make([]blockColumn, len(columns))
	}
	for i := range b.columns {
		v := native.DataChunkGetVector(chunk, native.IdxT(i))
		native.VectorEnsureValidityWritable(v)
		c := &b.columns[i]
		*c = blockColumn{
			vector: v, data: native.VectorGetData(v),
			validity: unsafe.Slice((*uint64)(native.VectorGetValidity(v)), (BlockSize+63)/64),
		}
		clear(c.validity)
	}
}

func set[T any](b *Block, col, row int, value T) {
	c := &b.columns[col]
	*(*T)(unsafe.Add(c.data, uintptr(row)*unsafe.Sizeof(value))) = value
	c.validity[row/64] |= 1 << (row % 64)
}

// SetBool sets a Bool.
func (b *Block) SetBool(col, row int, v bool) { set(b, col, row, v) }

// SetInt16 sets an Int16.
func (b *Block) SetInt16(col, row int, v int16) { set(b, col, row, v) }

// SetInt32 sets an Int32, or the days since 1970-01-01 of a Date.
func (b *Block) SetInt32(col, row int, v int32) { set(b, col, row, v) }

// SetInt64 sets an Int64, or the microseconds since 1970-01-01 of a Timestamp.
func (b *Block) SetInt64(col, row int, v int64) { set(b, col, row, v) }

// SetFloat32 sets a Float32.
func (b *Block) SetFloat32(col, row int, v float32) { set(b, col, row, v) }

// SetFloat64 sets a Float64.
func (b *Block) SetFloat64(col, row int, v float64) { set(b, col, row, v) }

// SetString sets a String, which must be valid UTF-8.
func (b *Block) SetString(col, row int, v []byte) {
	c := &b.columns[col]
	c.validity[row/64] |= 1 << (row % 64)
	if len(v) <= inlineLength {
		// DuckDB keeps short texts in the string's header: length, then bytes padded with zeros.
		head := (*[16]byte)(unsafe.Add(c.data, row*16))
		*head = [16]byte{byte(len(v))}
		copy(head[4:], v)
		return
	}
	native.UnsafeVectorAssignStringElementLen(c.vector, native.IdxT(row), v)
}
