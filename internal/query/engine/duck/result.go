package duck

import (
	"context"
	"fmt"
	"unsafe"

	native "github.com/duckdb/duckdb-go-bindings"
)

// Kind is the physical form of a column's values.
type Kind uint8

// The kinds a result can hold.
const (
	Bool Kind = iota + 1
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Int128
	Float32
	Float64
	Decimal
	String
	Blob
	Date
	Time
	TimeTZ
	Timestamp
	TimestampTZ
	Interval
	List
)

// Type is a column's type.
type Type struct {
	Kind Kind
	// Width and Scale are those of a Decimal.
	Width, Scale uint8
	// Storage is the integer kind that holds a Decimal.
	Storage Kind
	// Elem is the type of a List's elements.
	Elem *Type
}

// Result is the result of a query. It is read by one goroutine.
type Result struct {
	ctx      context.Context // of the query, for its error
	conn     *Conn
	stmt     native.PreparedStatement
	res      native.Result
	executed bool
	release  func()
	chunk    native.DataChunk

	// Types are the types of the columns.
	Types []Type
}

var plainKinds = map[native.Type]Kind{
	native.TypeBoolean: Bool, native.TypeTinyInt: Int8, native.TypeSmallInt: Int16, native.TypeInteger: Int32,
	native.TypeBigInt: Int64, native.TypeUTinyInt: Uint8, native.TypeUSmallInt: Uint16, native.TypeUInteger: Uint32,
	native.TypeUBigInt: Uint64, native.TypeHugeInt: Int128, native.TypeFloat: Float32, native.TypeDouble: Float64,
	native.TypeVarchar: String, native.TypeBlob: Blob, native.TypeDate: Date, native.TypeTime: Time,
	native.TypeTimeTZ: TimeTZ, native.TypeTimestamp: Timestamp, native.TypeTimestampTZ: TimestampTZ,
	native.TypeInterval: Interval, native.TypeSQLNull: Int32,
}

func (r *Result) describe() error {
	n := int(native.ColumnCount(&r.res))
	r.Types = make([]Type, n)
	for i := range r.Types {
		lt := native.ColumnLogicalType(&r.res, native.IdxT(i))
		t, err := describeType(lt)
		native.DestroyLogicalType(&lt)
		if err != nil {
			return fmt.Errorf("reading column %d: %w", i+1, err)
		}
		r.Types[i] = t
	}
	return nil
}

func describeType(lt native.LogicalType) (Type, error) {
	id := native.GetTypeId(lt)
	if k, ok := plainKinds[id]; ok {
		return Type{Kind: k}, nil
	}
	switch id {
	case native.TypeDecimal:
		return Type{
			Kind: Decimal, Width: native.DecimalWidth(lt), Scale: native.DecimalScale(lt),
			Storage: plainKinds[native.DecimalInternalType(lt)],
		}, nil
	case native.TypeList:
		child := native.ListTypeChildType(lt)
		defer native.DestroyLogicalType(&child)
		elem, err := describeType(child)
		return Type{Kind: List, Elem: &elem}, err
	}
	return Type{}, fmt.Errorf("values of DuckDB type %d have no form in Redshift", id)
}

// Next returns the next rows, or nil at the end. The chunk is valid until the next call.
func (r *Result) Next() (*Chunk, error) {
	r.drop()
	r.chunk = native.FetchChunk(r.res)
	if r.chunk.Ptr == nil {
		if message := native.ResultError(&r.res); message != "" {
			return nil, r.cause(&Error{message, native.ResultErrorType(&r.res)})
		}
		return nil, nil
	}
	c := &Chunk{rows: int(native.DataChunkGetSize(r.chunk)), Columns: make([]Vector, len(r.Types))}
	if c.rows == 0 {
		return nil, nil
	}
	for i := range c.Columns {
		c.Columns[i] = newVector(native.DataChunkGetVector(r.chunk, native.IdxT(i)), r.Types[i])
	}
	return c, nil
}

// Close frees the result.
func (r *Result) Close() {
	r.drop()
	if r.executed {
		native.DestroyResult(&r.res)
		r.executed = false
	}
	native.DestroyPrepare(&r.stmt)
	if r.release != nil {
		r.release()
		r.release = nil
	}
}

func (r *Result) drop() {
	if r.chunk.Ptr != nil {
		native.DestroyDataChunk(&r.chunk)
	}
}

// cause is the error of the context when that is what ended the query.
func (r *Result) cause(err error) error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return err
}

// Chunk is a run of rows.
type Chunk struct {
	rows    int
	Columns []Vector
}

// Len is the number of rows.
func (c *Chunk) Len() int { return c.rows }

// Vector is a column of a Chunk. Its accessors take a row that is not NULL and must fit the type's kind.
type Vector struct {
	Type     Type
	data     unsafe.Pointer
	validity unsafe.Pointer
	child    *Vector
}

func newVector(v native.Vector, t Type) Vector {
	out := Vector{Type: t, data: native.VectorGetData(v), validity: native.VectorGetValidity(v)}
	if t.Kind == List {
		child := newVector(native.ListVectorGetChild(v), *t.Elem)
		out.child = &child
	}
	return out
}

// Null reports whether the row is NULL.
func (v *Vector) Null(row int) bool {
	return v.validity != nil && *(*uint64)(unsafe.Add(v.validity, row/64*8))>>(row%64)&1 == 0
}

func at[T any](v *Vector, row int) T {
	return *(*T)(unsafe.Add(v.data, uintptr(row)*unsafe.Sizeof(*new(T))))
}

// Bool returns a Bool.
func (v *Vector) Bool(row int) bool { return at[uint8](v, row) != 0 }

// Int returns an integer of up to 64 bits, the days of a Date, the microseconds of a Time or Timestamp.
func (v *Vector) Int(row int) int64 {
	k := v.Type.Kind
	if k == Decimal {
		k = v.Type.Storage
	}
	switch k {
	case Int8:
		return int64(at[int8](v, row))
	case Int16:
		return int64(at[int16](v, row))
	case Int32, Date:
		return int64(at[int32](v, row))
	case Uint8:
		return int64(at[uint8](v, row))
	case Uint16:
		return int64(at[uint16](v, row))
	case Uint32:
		return int64(at[uint32](v, row))
	}
	return at[int64](v, row)
}

// Wide returns an integer or the digits of a Decimal as 128 bits in two's complement.
func (v *Vector) Wide(row int) (hi int64, lo uint64) {
	if v.Type.Kind == Int128 || v.Type.Kind == Decimal && v.Type.Storage == Int128 {
		w := at[struct {
			Lo uint64
			Hi int64
		}](v, row)
		return w.Hi, w.Lo
	}
	if v.Type.Kind == Uint64 {
		return 0, at[uint64](v, row)
	}
	n := v.Int(row)
	return n >> 63, uint64(n)
}

// Float returns a Float32 or Float64.
func (v *Vector) Float(row int) float64 {
	if v.Type.Kind == Float32 {
		return float64(at[float32](v, row))
	}
	return at[float64](v, row)
}

// inlineLength is the longest text that DuckDB keeps within its string header.
const inlineLength = 12

// Bytes returns a String or Blob. It is valid as long as the chunk.
func (v *Vector) Bytes(row int) []byte {
	head := unsafe.Add(v.data, row*16)
	n := int(*(*uint32)(head))
	if n <= inlineLength {
		return unsafe.Slice((*byte)(unsafe.Add(head, 4)), n)
	}
	return unsafe.Slice(*(**byte)(unsafe.Add(head, 8)), n)
}

// Interval returns the three parts of an Interval.
func (v *Vector) Interval(row int) (months, days int32, micros int64) {
	i := at[struct {
		Months, Days int32
		Micros       int64
	}](v, row)
	return i.Months, i.Days, i.Micros
}

// List returns the elements of a List: rows first to end of the vector.
func (v *Vector) List(row int) (elements *Vector, first, end int) {
	e := at[struct{ Offset, Length uint64 }](v, row)
	return v.child, int(e.Offset), int(e.Offset + e.Length)
}
