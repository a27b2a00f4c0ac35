package duck

/*
#include <stdlib.h>

void refract_call(void *, void *, void *);
*/
import "C"

import (
	"errors"
	"sync"
	"unsafe"

	native "github.com/duckdb/duckdb-go-bindings"
)

// Function is a scalar function over texts, written in Go.
type Function struct {
	Name string
	// Parameters is the number of arguments.
	Parameters int
	// Call computes one row; nil is NULL. It isn't called when an argument is NULL: the result is NULL. It is called from several
	// goroutines at a time.
	Call func(args []string) (*string, error)
}

var (
	functionsMu sync.RWMutex
	functions   []Function
)

func registerFunction(c *Conn, f Function) error {
	nf := native.CreateScalarFunction()
	defer native.DestroyScalarFunction(&nf)
	native.ScalarFunctionSetName(nf, f.Name)
	varchar := native.CreateLogicalType(native.TypeVarchar)
	defer native.DestroyLogicalType(&varchar)
	for range f.Parameters {
		native.ScalarFunctionAddParameter(nf, varchar)
	}
	native.ScalarFunctionSetReturnType(nf, varchar)
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
	vectors := make([]Vector, f.Parameters)
	for i := range vectors {
		vectors[i] = newVector(native.DataChunkGetVector(chunk, native.IdxT(i)), Type{Kind: String})
	}
	result := Block{}
	result.beginVector(native.Vector{Ptr: out})
	args := make([]string, len(vectors))
rows:
	for row := range int(native.DataChunkGetSize(chunk)) {
		for i := range vectors {
			if vectors[i].Null(row) {
				continue rows
			}
			args[i] = string(vectors[i].Bytes(row))
		}
		v, err := f.Call(args)
		if err != nil {
			fail(err.Error())
			return
		}
		if v != nil {
			result.SetString(0, row, []byte(*v))
		}
	}
}

func (b *Block) beginVector(v native.Vector) {
	native.VectorEnsureValidityWritable(v)
	b.columns = []blockColumn{{
		vector: v, data: native.VectorGetData(v),
		validity: unsafe.Slice((*uint64)(native.VectorGetValidity(v)), (BlockSize+63)/64),
	}}
	clear(b.columns[0].validity)
}
