package engine

import (
	"time"

	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// Chunk is a run of result rows. It is valid until the result's next call. The formats are PostgreSQL's text and binary
// formats of the column's type; AppendText and AppendBinary take only values that are not NULL.
type Chunk interface {
	Len() int
	Null(column, row int) bool
	AppendText(dst []byte, column, row int) []byte
	AppendBinary(dst []byte, column, row int) []byte
}

// format is what the text of values depends on besides their types.
type format struct {
	zone *time.Location
	// extraDigits is the session's extra_float_digits.
	extraDigits int
}

// vectors is a Chunk over DuckDB's columns.
type vectors struct {
	chunk  *duck.Chunk
	types  []rsql.Type
	format format
}

func (v *vectors) Len() int { return v.chunk.Len() }

func (v *vectors) Null(column, row int) bool { return v.chunk.Columns[column].Null(row) }

func (v *vectors) AppendText(dst []byte, column, row int) []byte {
	return v.format.appendText(dst, v.types[column], &v.chunk.Columns[column], row)
}

func (v *vectors) AppendBinary(dst []byte, column, row int) []byte {
	return v.format.appendBinary(dst, v.types[column], &v.chunk.Columns[column], row)
}

// textRows is a Chunk of rows that the engine itself made, such as the answer to SHOW. Its columns are all of text types.
type textRows [][]string

func (t textRows) Len() int { return len(t) }

func (t textRows) Null(int, int) bool { return false }

func (t textRows) AppendText(dst []byte, column, row int) []byte {
	return append(dst, t[row][column]...)
}

func (t textRows) AppendBinary(dst []byte, column, row int) []byte {
	return append(dst, t[row][column]...)
}
