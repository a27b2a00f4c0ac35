package engine

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/query/pgwire"
	"github.com/refract-io/refract/internal/query/rsql"
)

// typeOfOID is the type of a parameter that the client gives a type; unknown for 0 and for types that parameters can't have, which
// the statement then decides.
func typeOfOID(oid uint32) rsql.Type {
	if oid == 25 {
		return rsql.Varchar(rsql.MaxVarcharLength)
	}
	for _, t := range pgTypes {
		if uint32(t.typ.OID()) != oid {
			continue
		}
		switch t.typ.Kind {
		case rsql.KindVarchar:
			return rsql.Varchar(rsql.MaxVarcharLength)
		case rsql.KindChar:
			return rsql.Char(rsql.MaxCharLength)
		case rsql.KindDecimal:
			return rsql.Unknown // precision and scale are those of the surroundings
		}
		return t.typ
	}
	return rsql.Unknown
}

// paramTexts turns parameter values as sent into their texts; nil is NULL.
func paramTexts(types []rsql.Type, values []pgwire.Value) ([]*string, error) {
	if len(types) != len(values) {
		return nil, failure("08P01", "the statement has %d parameters, %d were supplied", len(types), len(values))
	}
	out := make([]*string, len(values))
	for i, v := range values {
		if v.Data == nil {
			continue
		}
		text := string(v.Data)
		if v.Binary {
			var err error
			if text, err = binaryText(types[i], v.Data); err != nil {
				return nil, failure("22P03", "incorrect binary data format in bind parameter %d: %s", i+1, err)
			}
		}
		if strings.IndexByte(text, 0) >= 0 || !validText(text) {
			return nil, failure("22021", "invalid byte sequence for encoding \"UTF8\" in bind parameter %d", i+1)
		}
		out[i] = &text
	}
	return out, nil
}

func validText(s string) bool { return strings.ToValidUTF8(s, "") == s }

// binarySizes are the lengths of the fixed binary formats.
var binarySizes = map[rsql.Kind]int{
	rsql.KindBool: 1, rsql.KindInt2: 2, rsql.KindInt4: 4, rsql.KindInt8: 8, rsql.KindFloat4: 4, rsql.KindFloat8: 8, rsql.KindDate: 4,
	rsql.KindTimestamp: 8, rsql.KindTimestampTZ: 8, rsql.KindTime: 8, rsql.KindOID: 4,
}

// binaryText gives the text of a value in PostgreSQL's binary format of type t.
func binaryText(t rsql.Type, data []byte) (string, error) {
	if size, fixed := binarySizes[t.Kind]; fixed && len(data) != size {
		return "", fmt.Errorf("%d bytes for type %s", len(data), t.Name())
	}
	be := binary.BigEndian
	switch t.Kind {
	case rsql.KindBool:
		return strconv.FormatBool(data[0] != 0), nil
	case rsql.KindInt2:
		return strconv.Itoa(int(int16(be.Uint16(data)))), nil
	case rsql.KindInt4:
		return strconv.Itoa(int(int32(be.Uint32(data)))), nil
	case rsql.KindOID:
		return strconv.FormatUint(uint64(be.Uint32(data)), 10), nil
	case rsql.KindInt8:
		return strconv.FormatInt(int64(be.Uint64(data)), 10), nil
	case rsql.KindFloat4:
		return strconv.FormatFloat(float64(math.Float32frombits(be.Uint32(data))), 'g', -1, 32), nil
	case rsql.KindFloat8:
		return strconv.FormatFloat(math.Float64frombits(be.Uint64(data)), 'g', -1, 64), nil
	case rsql.KindDate:
		return string(appendDate(nil, time.Unix((int64(int32(be.Uint32(data)))+epochDays)*86400, 0).UTC())), nil
	case rsql.KindTimestamp, rsql.KindTimestampTZ:
		text := appendTimestamp(nil, time.UnixMicro(int64(be.Uint64(data))+epochMicros).UTC())
		if t.Kind == rsql.KindTimestampTZ {
			text = append(text, "+00"...)
		}
		return string(text), nil
	case rsql.KindTime:
		return string(appendClock(nil, int64(be.Uint64(data)))), nil
	case rsql.KindDecimal:
		return numericText(data)
	case rsql.KindChar, rsql.KindVarchar, rsql.KindName, rsql.KindSuper, rsql.KindUnknown:
		return string(data), nil
	}
	return "", fmt.Errorf("parameters of type %s are taken in text format only", t.Name())
}

// numericText reads numeric's binary format; appendNumeric describes it.
func numericText(data []byte) (string, error) {
	be := binary.BigEndian
	if len(data) < 8 || len(data) != 8+2*int(be.Uint16(data)) {
		return "", fmt.Errorf("%d bytes for type numeric", len(data))
	}
	weight, sign, scale := int(int16(be.Uint16(data[2:]))), be.Uint16(data[4:]), int(be.Uint16(data[6:]))
	if sign != 0 && sign != 0x4000 {
		return "", fmt.Errorf("numeric without a value")
	}
	if weight > 100 || weight < -100 || scale > 1000 {
		return "", fmt.Errorf("numeric beyond 38 digits")
	}
	group := func(i int) int { // the group of weight i
		if k := weight - i; k >= 0 && 8+2*k < len(data) {
			return int(be.Uint16(data[8+2*k:]))
		}
		return 0
	}
	var b strings.Builder
	if sign != 0 {
		b.WriteByte('-')
	}
	b.WriteString(strconv.Itoa(group(max(weight, 0))))
	for i := max(weight, 0) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "%04d", group(i))
	}
	if scale > 0 {
		var fraction strings.Builder
		for i := -1; fraction.Len() < scale; i-- {
			fmt.Fprintf(&fraction, "%04d", group(i))
		}
		b.WriteByte('.')
		b.WriteString(fraction.String()[:scale])
	}
	return b.String(), nil
}
