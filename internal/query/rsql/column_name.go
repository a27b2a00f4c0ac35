package rsql

// Strength of a result column name: a type name gives way to CASE's own.
const (
	nameNone = iota
	nameWeak
	nameStrong
)

// columnName is the name Redshift gives a result column without alias.
func (b *binder) columnName(x Expr) string {
	name, strength := b.figureName(x)
	if strength == nameNone {
		return "?column?"
	}
	return name
}

// functionNames are result column names that differ from the function's name,
// as the examples of the Redshift guide show them.
var functionNames = map[string]string{
	"dateadd": "date_add", "datediff": "date_diff", "date_part": "pgdate_part", "nvl": "coalesce", "ifnull": "coalesce", "nvl2": "case", "decode": "case",
	"sysdate": "timestamp", "current_date": "date", "current_timestamp": "timestamptz", "current_time": "timetz", "localtimestamp": "timestamp",
	"localtime": "time", "user": "current_user", "trim": "btrim", "len": "len", "character_length": "char_length",
	"substr": "substr", "approximate count": "count", "isnull": "coalesce",
}

// typeLabels are the internal names by which a cast of a nameless expression
// labels its column.
var typeLabels = map[Kind]string{
	KindBool: "bool", KindInt2: "int2", KindInt4: "int4", KindInt8: "int8", KindDecimal: "numeric", KindFloat4: "float4",
	KindFloat8: "float8", KindChar: "bpchar", KindVarchar: "varchar", KindDate: "date", KindTime: "time", KindTimeTZ: "timetz",
	KindTimestamp: "timestamp", KindTimestampTZ: "timestamptz", KindIntervalYM: "intervaly2m", KindIntervalDS: "intervald2s",
	KindSuper: "super", KindVarbyte: "varbyte", KindName: "name", KindOID: "oid", KindRegclass: "regclass",
	KindRegtype: "regtype",
}

func (b *binder) figureName(x Expr) (string, int) {
	switch x := x.(type) {
	case *ColumnRef:
		return b.fold(x.Names[len(x.Names)-1]), nameStrong
	case *Field:
		return b.fold(x.Name), nameStrong
	case *Index:
		return b.figureName(x.X)
	case *Func:
		if name, ok := functionNames[x.Name]; ok {
			return name, nameStrong
		}
		return x.Name, nameStrong
	case *Extract:
		return "date_part", nameStrong
	case *AtTimeZone:
		return "timezone", nameStrong
	case *Collate:
		return b.figureName(x.X)
	case *Cast:
		if name, strength := b.figureName(x.X); strength == nameStrong {
			return name, strength
		}
		return b.typeLabel(x.Type)
	case *TypedLiteral:
		return b.typeLabel(x.Type)
	case *Interval:
		return "interval", nameWeak
	case *Case:
		if x.Else != nil {
			if name, strength := b.figureName(x.Else); strength == nameStrong {
				return name, strength
			}
		}
		return "case", nameWeak
	case *ArrayQuery:
		return "?column?", nameWeak
	}
	return "", nameNone
}

func (b *binder) typeLabel(t Type) (string, int) {
	if name, ok := typeLabels[t.Kind]; ok {
		return name, nameWeak
	}
	return t.Name(), nameWeak
}
