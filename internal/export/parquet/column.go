package parquet

import "fmt"

// Type is the type of a column's values.
type Type uint8

const (
	// String is text in UTF-8.
	String Type = iota + 1
	// Int64 is Glue's bigint.
	Int64
	// Double is an IEEE 754 double.
	Double
	// Boolean is true or false.
	Boolean
	// Timestamp is an instant in milliseconds since 1970-01-01 UTC.
	Timestamp
)

// String returns the type's name in Glue and Redshift.
func (t Type) String() string {
	switch t {
	case String:
		return "string"
	case Int64:
		return "bigint"
	case Double:
		return "double"
	case Boolean:
		return "boolean"
	case Timestamp:
		return "timestamp"
	default:
		return fmt.Sprintf("Type(%d)", uint8(t))
	}
}

// Column is a column of a file. All columns are optional.
type Column struct {
	Name string
	Type Type
}

// Numbers of the format's enumerations (parquet.thrift).
const (
	physicalBoolean   = 0
	physicalInt64     = 2
	physicalDouble    = 5
	physicalByteArray = 6

	convertedUTF8            = 0
	convertedTimestampMicros = 10
	convertedInt64           = 18
	convertedNone            = -1

	repetitionOptional = 1

	encodingPlain         = 0
	encodingRLE           = 3
	encodingRLEDictionary = 8

	codecSnappy = 1

	pageData       = 0
	pageDictionary = 2
)

// physical returns the type's physical and converted type.
func (t Type) physical() (physical, converted int32) {
	switch t {
	case String:
		return physicalByteArray, convertedUTF8
	case Int64:
		return physicalInt64, convertedInt64
	case Timestamp:
		return physicalInt64, convertedTimestampMicros
	case Double:
		return physicalDouble, convertedNone
	default:
		return physicalBoolean, convertedNone
	}
}
