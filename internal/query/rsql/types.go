package rsql

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the family of a Type.
type Kind uint8

// The kinds of types. KindUnknown is that of a string literal or NULL whose
// type its surroundings decide.
const (
	KindUnknown Kind = iota
	KindBool
	KindInt2
	KindInt4
	KindInt8
	KindDecimal
	KindFloat4
	KindFloat8
	KindChar
	KindVarchar
	KindDate
	KindTime
	KindTimeTZ
	KindTimestamp
	KindTimestampTZ
	KindIntervalYM // INTERVAL YEAR TO MONTH
	KindIntervalDS // INTERVAL DAY TO SECOND
	KindSuper
	KindVarbyte
	KindGeometry
	KindGeography
	KindHLLSketch
	KindName // name, the identifier type of the system catalog
	KindOID
	KindRegclass
	KindRegtype
	KindCatalogArray // array of Elem in the system catalog
	KindArray        // array<> of Glue
	KindStruct       // struct<> of Glue
	KindMap          // map<> of Glue
)

// Lengths Redshift gives types written without one, and the largest ones.
const (
	TextLength       = 256
	MaxVarcharLength = 65535
	MaxCharLength    = 4096
	MaxPrecision     = 38
)

// Type is a Redshift type. The zero value is unknown.
type Type struct {
	Kind      Kind
	Length    int // bytes, for char, varchar and varbyte
	Precision int // for decimal
	Scale     int
	Elem      *Type         // of an array or map value
	Key       *Type         // of a map
	Fields    []StructField // of a struct
}

// StructField is one member of a struct type.
type StructField struct {
	Name string
	Type Type
}

// Varchar is character varying(n), n in bytes.
func Varchar(n int) Type { return Type{Kind: KindVarchar, Length: n} }

// Char is character(n), n in bytes.
func Char(n int) Type { return Type{Kind: KindChar, Length: n} }

// Decimal is numeric(precision, scale).
func Decimal(precision, scale int) Type {
	return Type{Kind: KindDecimal, Precision: precision, Scale: scale}
}

// ArrayOf is the array type with the given element type.
func ArrayOf(elem Type) Type { return Type{Kind: KindArray, Elem: &elem} }

// Types without parameters.
var (
	Unknown     = Type{}
	Bool        = Type{Kind: KindBool}
	Int2        = Type{Kind: KindInt2}
	Int4        = Type{Kind: KindInt4}
	Int8        = Type{Kind: KindInt8}
	Float4      = Type{Kind: KindFloat4}
	Float8      = Type{Kind: KindFloat8}
	Date        = Type{Kind: KindDate}
	Time        = Type{Kind: KindTime}
	TimeTZ      = Type{Kind: KindTimeTZ}
	Timestamp   = Type{Kind: KindTimestamp}
	TimestampTZ = Type{Kind: KindTimestampTZ}
	IntervalYM  = Type{Kind: KindIntervalYM}
	IntervalDS  = Type{Kind: KindIntervalDS}
	Super       = Type{Kind: KindSuper}
	NameType    = Type{Kind: KindName}
	OID         = Type{Kind: KindOID}
	Regclass    = Type{Kind: KindRegclass}
	Regtype     = Type{Kind: KindRegtype}
	Text        = Varchar(TextLength)
)

// kindInfo is what is known about a kind without its parameters. The object
// ids are PostgreSQL's, and those of the AWS drivers for Redshift's own types.
var kindInfo = map[Kind]struct {
	name   string // as error messages and format_type give it
	oid    int
	array  int // oid of the array type
	size   int // wire size in bytes, -1 when it varies
	duckdb string
}{
	KindUnknown:      {"\"unknown\"", 705, 1002, -2, "VARCHAR"},
	KindBool:         {"boolean", 16, 1000, 1, "BOOLEAN"},
	KindInt2:         {"smallint", 21, 1005, 2, "SMALLINT"},
	KindInt4:         {"integer", 23, 1007, 4, "INTEGER"},
	KindInt8:         {"bigint", 20, 1016, 8, "BIGINT"},
	KindDecimal:      {"numeric", 1700, 1231, -1, "DECIMAL"},
	KindFloat4:       {"real", 700, 1021, 4, "FLOAT"},
	KindFloat8:       {"double precision", 701, 1022, 8, "DOUBLE"},
	KindChar:         {"character", 1042, 1014, -1, "VARCHAR"},
	KindVarchar:      {"character varying", 1043, 1015, -1, "VARCHAR"},
	KindDate:         {"date", 1082, 1182, 4, "DATE"},
	KindTime:         {"time without time zone", 1083, 1183, 8, "TIME"},
	KindTimeTZ:       {"time with time zone", 1266, 1270, 12, "TIMETZ"},
	KindTimestamp:    {"timestamp without time zone", 1114, 1115, 8, "TIMESTAMP"},
	KindTimestampTZ:  {"timestamp with time zone", 1184, 1185, 8, "TIMESTAMPTZ"},
	KindIntervalYM:   {"interval year to month", 1188, 1187, 4, "INTERVAL"},
	KindIntervalDS:   {"interval day to second", 1190, 1187, 8, "INTERVAL"},
	KindSuper:        {"super", 4000, 1015, -1, "VARCHAR"},
	KindVarbyte:      {"binary varying", 6551, 1015, -1, "BLOB"},
	KindGeometry:     {"geometry", 3000, 1015, -1, "VARCHAR"},
	KindGeography:    {"geography", 3001, 1015, -1, "VARCHAR"},
	KindHLLSketch:    {"hllsketch", 2935, 1015, -1, "VARCHAR"},
	KindName:         {"name", 19, 1003, 64, "VARCHAR"},
	KindOID:          {"oid", 26, 1028, 4, "BIGINT"},
	KindRegclass:     {"regclass", 2205, 2210, 4, "BIGINT"},
	KindRegtype:      {"regtype", 2206, 2211, 4, "BIGINT"},
	KindStruct:       {"struct", 4000, 1015, -1, "VARCHAR"},
	KindMap:          {"map", 4000, 1015, -1, "VARCHAR"},
	KindCatalogArray: {"array", 1009, 1009, -1, "VARCHAR[]"},
	KindArray:        {"array", 4000, 1015, -1, "VARCHAR"},
}

// OID is the object id of the type on the wire.
func (t Type) OID() int {
	if t.Kind == KindCatalogArray {
		return kindInfo[t.Elem.Kind].array
	}
	return kindInfo[t.Kind].oid
}

// Size is the size of a value on the wire in bytes, or negative when it varies.
func (t Type) Size() int { return kindInfo[t.Kind].size }

// Modifier is the type modifier on the wire: length or precision and scale as
// PostgreSQL packs them, -1 when there is none.
func (t Type) Modifier() int {
	switch t.Kind {
	case KindChar, KindVarchar:
		return t.Length + 4
	case KindVarbyte:
		return t.Length
	case KindDecimal:
		return t.Precision<<16 | t.Scale + 4
	}
	return -1
}

// DuckDB is the type that holds such values in emitted SQL. SUPER and nested
// values are VARCHAR with the JSON text.
func (t Type) DuckDB() string {
	switch {
	case t.Kind == KindDecimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case t.Kind == KindCatalogArray:
		return t.Elem.DuckDB() + "[]"
	}
	return kindInfo[t.Kind].duckdb
}

// CatalogArray is the type of PostgreSQL arrays (name[], oid[], smallint[]) as
// the system catalog has them. Their DuckDB type is a list.
func CatalogArray(elem Type) Type { return Type{Kind: KindCatalogArray, Elem: &elem} }

// Nested reports whether values are structs, arrays or maps of an external
// table.
func (t Type) Nested() bool {
	return t.Kind == KindStruct || t.Kind == KindMap || t.Kind == KindArray
}

// Name is the type without length, precision or scale, as error messages of
// Redshift name it.
func (t Type) Name() string {
	if t.Kind == KindCatalogArray {
		return t.Elem.Name() + "[]"
	}
	return kindInfo[t.Kind].name
}

// String is the type as Redshift's catalog formats it. For nested types it is
// Spectrum's notation: struct<name:varchar(10)>.
func (t Type) String() string {
	switch t.Kind {
	case KindChar, KindVarchar, KindVarbyte:
		return t.Name() + "(" + strconv.Itoa(t.Length) + ")"
	case KindDecimal:
		return fmt.Sprintf("numeric(%d,%d)", t.Precision, t.Scale)
	case KindUnknown:
		return "unknown"
	case KindArray:
		return "array<" + t.Elem.String() + ">"
	case KindCatalogArray:
		return t.Elem.String() + "[]"
	case KindMap:
		return "map<" + t.Key.String() + "," + t.Elem.String() + ">"
	case KindStruct:
		var b strings.Builder
		b.WriteString("struct<")
		for i, f := range t.Fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(Print(&ColumnRef{Names: []Name{{Text: f.Name, Quoted: !plainIdent(f.Name)}}}))
			b.WriteByte(':')
			b.WriteString(f.Type.String())
		}
		b.WriteByte('>')
		return b.String()
	}
	return t.Name()
}

func (t Type) integer() bool { return t.Kind >= KindInt2 && t.Kind <= KindInt8 }

func (t Type) exact() bool { return t.Kind >= KindInt2 && t.Kind <= KindDecimal }

func (t Type) float() bool { return t.Kind == KindFloat4 || t.Kind == KindFloat8 }

func (t Type) numeric() bool { return t.Kind >= KindInt2 && t.Kind <= KindFloat8 }

func (t Type) text() bool {
	return t.Kind == KindChar || t.Kind == KindVarchar || t.Kind == KindName
}

func (t Type) interval() bool { return t.Kind == KindIntervalYM || t.Kind == KindIntervalDS }

func (t Type) datetime() bool {
	return t.Kind == KindDate || t.Kind == KindTimestamp || t.Kind == KindTimestampTZ
}

func (t Type) oidLike() bool {
	return t.Kind == KindOID || t.Kind == KindRegclass || t.Kind == KindRegtype
}

// isSuper reports whether values are JSON documents: SUPER and nested columns.
func (t Type) isSuper() bool { return t.Kind == KindSuper || t.Nested() }
