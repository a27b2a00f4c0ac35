package duck

/*
#include <stdlib.h>

void refract_call(void *, void *, void *);
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	native "github.com/duckdb/duckdb-go-bindings"
)

// Function is a scalar function over texts, written in Go. A NULL argument gives NULL without a call.
type Function struct {
	Name string
	// Parameters and Result are the kinds: String, Int64, Bool or Float64.
	Parameters []Kind
	Result     Kind
	// Volatile functions may give different results for the same arguments.
	Volatile bool
	// Call computes one row. Arguments are only valid during the call. A nil result is NULL. It is called from several
	// goroutines at a time.
	Call func(args []Value) (Value, error)
}

// Value is an argument or a result: the field of its kind is used.
type Value struct {
	Null  bool
	Text  []byte
	Int   int64
	Float float64
	Bool  bool
}

var (
	functionsMu sync.RWMutex
	functions   []Function
)

func registerFunction(c *Conn, f Function) error {
	nf := native.CreateScalarFunction()
	defer native.DestroyScalarFunction(&nf)
	native.ScalarFunctionSetName(nf, f.Name)
	for _, k := range f.Parameters {
		t := native.CreateLogicalType(kindTypes[k])
		native.ScalarFunctionAddParameter(nf, t)
		native.DestroyLogicalType(&t)
	}
	t := native.CreateLogicalType(kindTypes[f.Result])
	native.ScalarFunctionSetReturnType(nf, t)
	native.DestroyLogicalType(&t)
	if f.Volatile {
		native.ScalarFunctionSetVolatile(nf)
	}
	functionsMu.Lock()
	id := int64(len(functions))
	functions = append(functions, f)
	functionsMu.Unlock()
	native.ScalarFunctionSetExtraInfo(nf, box(id), C.free)
	native.ScalarFunctionSetFunction(nf, C.refract_call)
	if native.RegisterScalarFunction(c.conn, nf) == native.StateError {
		return errors.New("registering function " + f.Name)
	}
	return nil
}

//export refract_call
func refract_call(p, in, out unsafe.Pointer) {
	info := native.FunctionInfo{Ptr: p}
	fail := func(message string) { native.ScalarFunctionSetError(info, message) }
	defer guard(fail)
	functionsMu.RLock()
	f := &functions[unbox(native.ScalarFunctionGetExtraInfo(info))]
	functionsMu.RUnlock()
	chunk := native.DataChunk{Ptr: in}
	vectors := make([]Vector, len(f.Parameters))
	for i, k := range f.Parameters {
		vectors[i] = newVector(native.DataChunkGetVector(chunk, native.IdxT(i)), Type{Kind: k})
	}
	result := Block{}
	result.beginVector(native.Vector{Ptr: out})
	args := make([]Value, len(vectors))
rows:
	for row := range int(native.DataChunkGetSize(chunk)) {
		for i := range vectors {
			if vectors[i].Null(row) {
				continue rows
			}
			args[i] = vectors[i].value(row)
		}
		v, err := f.Call(args)
		if err != nil {
			fail(err.Error())
			return
		}
		if !v.Null {
			result.setValue(row, f.Result, v)
		}
	}
}

func (v *Vector) value(row int) Value {
	switch v.Type.Kind {
	case Bool:
		return Value{Bool: v.Bool(row)}
	case Float64:
		return Value{Float: v.Float(row)}
	case Int64:
		return Value{Int: v.Int(row)}
	}
	return Value{Text: v.Bytes(row)}
}

func (b *Block) beginVector(v native.Vector) {
	native.VectorEnsureValidityWritable(v)
	b.columns = []blockColumn{{
		vector: v, data: native.VectorGetData(v),
		validity: unsafe.Slice((*uint64)(native.VectorGetValidity(v)), (BlockSize+63)/64),
	}}
	clear(b.columns[0].validity)
}

func (b *Block) setValue(row int, k Kind, v Value) {
	switch k {
	case Bool:
		b.SetBool(0, row, v.Bool)
	case Float64:
		b.SetFloat64(0, row, v.Float)
	case Int64:
		b.SetInt64(0, row, v.Int)
	case String:
		b.SetString(0, row, v.Text)
	default:
		panic(fmt.Sprintf("kind %d has no scalar form", k))
	}
}
