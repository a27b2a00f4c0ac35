package duck

/*
#include <stdint.h>
#include <stdlib.h>

void refract_source_bind(void *);
void refract_source_init(void *);
void refract_source_reader(void *);
void refract_source_fill(void *, void *);
void refract_rows_close(void *);
void refract_reader_close(void *);
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	native "github.com/duckdb/duckdb-go-bindings"
)

// SourceColumn is a column that a Source gives. Kind is one of Bool, Int16, Int32, Int64, Float32, Float64, String, Date and
// Timestamp.
type SourceColumn struct {
	Name string
	Kind Kind
}

// Source gives the rows of a table function. A statement may read it several times over, in a join with itself for one.
type Source interface {
	// Columns are the columns, at least one.
	Columns() []SourceColumn
	// Open begins to read the source from its first row.
	Open() (Rows, error)
}

// Rows is one reading of a Source. DuckDB's threads share it through readers.
type Rows interface {
	// Readers is how many readers can work side by side.
	Readers() int
	// Reader returns a reader for one thread. All readers together give each row once.
	Reader() (Reader, error)
}

// Reader gives rows to one thread at a time.
type Reader interface {
	// Read fills the block with rows and returns their number, 0 at the end.
	Read(b *Block) (int, error)
	// Close ends the reader, whether or not it came to its end.
	Close()
}

// sourceFunction is the table function's name in SQL.
const sourceFunction = "refract_source"

// AddSource makes s readable by SQL until remove is called. expr is the table expression.
func AddSource(s Source) (expr string, remove func()) {
	id := sourceID.Add(1)
	sources.Store(id, s)
	return fmt.Sprintf("%s(%d)", sourceFunction, id), func() { sources.Delete(id) }
}

// The tables below lead from the numbers that DuckDB carries back to Go values. They are global because DuckDB's callbacks know
// of nothing else; entries live as long as their statement.
var (
	sources  sync.Map // int64 -> Source
	sourceID atomic.Int64
	openings sync.Map     // int64 -> Rows
	readers  sync.Map     // int64 -> *blockReader
	lastID   atomic.Int64 // of openings and readers
)

// box puts a number where DuckDB carries it around. C memory, since DuckDB keeps the pointer.
func box(n int64) unsafe.Pointer {
	p := C.malloc(8)
	*(*int64)(p) = n
	return p
}

func unbox(p unsafe.Pointer) int64 { return *(*int64)(p) }

func registerSources(c *Conn) error {
	f := native.CreateTableFunction()
	defer native.DestroyTableFunction(&f)
	native.TableFunctionSetName(f, sourceFunction)
	bigint := native.CreateLogicalType(native.TypeBigInt)
	defer native.DestroyLogicalType(&bigint)
	native.TableFunctionAddParameter(f, bigint)
	native.TableFunctionSetBind(f, C.refract_source_bind)
	native.TableFunctionSetInit(f, C.refract_source_init)
	native.TableFunctionSetLocalInit(f, C.refract_source_reader)
	native.TableFunctionSetFunction(f, C.refract_source_fill)
	if native.RegisterTableFunction(c.conn, f) == native.StateError {
		return errors.New("registering the table function of sources")
	}
	return nil
}

var kindTypes = map[Kind]native.Type{
	Bool: native.TypeBoolean, Int16: native.TypeSmallInt, Int32: native.TypeInteger, Int64: native.TypeBigInt,
	Float32: native.TypeFloat, Float64: native.TypeDouble, String: native.TypeVarchar, Date: native.TypeDate,
	Timestamp: native.TypeTimestamp,
}

func lookupSource(id int64) (Source, error) {
	s, ok := sources.Load(id)
	if !ok {
		return nil, fmt.Errorf("there is no source %d", id)
	}
	return s.(Source), nil
}

// guard turns a panic into an error: it must not cross into C.
func guard(fail func(string)) {
	if p := recover(); p != nil {
		fail(fmt.Sprintf("panic in a source: %v", p))
	}
}

//export refract_source_bind
func refract_source_bind(p unsafe.Pointer) {
	info := native.BindInfo{Ptr: p}
	fail := func(message string) { native.BindSetError(info, message) }
	defer guard(fail)
	v := native.BindGetParameter(info, 0)
	id := native.GetInt64(v)
	native.DestroyValue(&v)
	s, err := lookupSource(id)
	if err != nil {
		fail(err.Error())
		return
	}
	for _, col := range s.Columns() {
		t := native.CreateLogicalType(kindTypes[col.Kind])
		native.BindAddResultColumn(info, col.Name, t)
		native.DestroyLogicalType(&t)
	}
	native.BindSetBindData(info, box(id), C.free)
}

//export refract_source_init
func refract_source_init(p unsafe.Pointer) {
	info := native.InitInfo{Ptr: p}
	fail := func(message string) { native.InitSetError(info, message) }
	defer guard(fail)
	s, err := lookupSource(unbox(native.InitGetBindData(info)))
	if err != nil {
		fail(err.Error())
		return
	}
	rows, err := s.Open()
	if err != nil {
		fail(err.Error())
		return
	}
	native.InitSetMaxThreads(info, native.IdxT(max(1, rows.Readers())))
	id := lastID.Add(1)
	openings.Store(id, rows)
	native.InitSetInitData(info, box(id), C.refract_rows_close)
}

//export refract_rows_close
func refract_rows_close(p unsafe.Pointer) {
	openings.Delete(unbox(p))
	C.free(p)
}

//export refract_source_reader
func refract_source_reader(p unsafe.Pointer) {
	info := native.InitInfo{Ptr: p}
	fail := func(message string) { native.InitSetError(info, message) }
	defer guard(fail)
	s, err := lookupSource(unbox(native.InitGetBindData(info)))
	if err != nil {
		fail(err.Error())
		return
	}
	// DuckDB shows the thread what refract_source_init left only when it asks for rows, so that the reader is made then.
	id := lastID.Add(1)
	readers.Store(id, &blockReader{columns: s.Columns()})
	native.InitSetInitData(info, box(id), C.refract_reader_close)
}

//export refract_reader_close
func refract_reader_close(p unsafe.Pointer) {
	id := unbox(p)
	C.free(p)
	if v, ok := readers.LoadAndDelete(id); ok {
		if r := v.(*blockReader); r.reader != nil {
			r.reader.Close()
		}
	}
}

//export refract_source_fill
func refract_source_fill(p, out unsafe.Pointer) {
	info := native.FunctionInfo{Ptr: p}
	chunk := native.DataChunk{Ptr: out}
	fail := func(message string) { native.FunctionSetError(info, message) }
	defer guard(fail)
	v, ok := readers.Load(unbox(native.FunctionGetLocalInitData(info)))
	if !ok {
		fail("the reader is closed")
		return
	}
	r := v.(*blockReader)
	if r.reader == nil {
		rows, ok := openings.Load(unbox(native.FunctionGetInitData(info)))
		if !ok {
			fail("the source is closed")
			return
		}
		var err error
		if r.reader, err = rows.(Rows).Reader(); err != nil {
			fail(err.Error())
			return
		}
	}
	r.block.begin(chunk, r.columns)
	n, err := r.reader.Read(&r.block)
	if err != nil {
		fail(err.Error())
		n = 0
	}
	native.DataChunkSetSize(chunk, native.IdxT(n))
}

type blockReader struct {
	reader  Reader // nil until the first rows are asked for
	columns []SourceColumn
	block   Block
}
