package engine

import (
	"encoding/binary"
	"math"

	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// Days and microseconds between the epochs of Unix and PostgreSQL, 2000-01-01.
const (
	epochDays   = 10957
	epochMicros = epochDays * 86400 * 1e6
)

// appendBinary appends a value in PostgreSQL's binary format of type t. Types without one of their own, SUPER among them, are sent as
// their text.
func (f format) appendBinary(dst []byte, t rsql.Type, v *duck.Vector, row int) []byte {
	be := binary.BigEndian
	switch t.Kind {
	case rsql.KindBool:
		if v.Bool(row) {
			return append(dst, 1)
		}
		return append(dst, 0)
	case rsql.KindInt2:
		return be.AppendUint16(dst, uint16(v.Int(row)))
	case rsql.KindInt4, rsql.KindOID, rsql.KindRegclass, rsql.KindRegtype:
		return be.AppendUint32(dst, uint32(v.Int(row)))
	case rsql.KindInt8:
		_, lo := v.Wide(row)
		return be.AppendUint64(dst, lo)
	case rsql.KindFloat4:
		return be.AppendUint32(dst, math.Float32bits(float32(v.Float(row))))
	case rsql.KindFloat8:
		return be.AppendUint64(dst, math.Float64bits(v.Float(row)))
	case rsql.KindDecimal:
		hi, lo := v.Wide(row)
		return appendNumeric(dst, hi, lo, int(v.Type.Scale))
	case rsql.KindDate:
		return be.AppendUint32(dst, uint32(v.Int(row)-epochDays))
	case rsql.KindTimestamp, rsql.KindTimestampTZ:
		return be.AppendUint64(dst, uint64(v.Int(row)-epochMicros))
	case rsql.KindTime:
		return be.AppendUint64(dst, uint64(v.Int(row)))
	case rsql.KindTimeTZ:
		micros, offset := timeTZ(v, row)
		return be.AppendUint32(be.AppendUint64(dst, uint64(micros)), uint32(-offset))
	case rsql.KindIntervalYM:
		months, _, _ := v.Interval(row)
		return be.AppendUint32(dst, uint32(months))
	case rsql.KindIntervalDS:
		_, days, micros := v.Interval(row)
		return be.AppendUint64(dst, uint64(int64(days)*86400*1e6+micros))
	case rsql.KindVarbyte:
		return append(dst, v.Bytes(row)...)
	case rsql.KindCatalogArray:
		return f.appendBinaryArray(dst, *t.Elem, v, row)
	}
	return f.appendText(dst, t, v, row)
}

// appendNumeric appends numeric's binary form: the number of base 10000 digits, the weight of the first, the sign, the
// display scale, and the digits, without leading and trailing zeros.
func appendNumeric(dst []byte, hi int64, lo uint64, scale int) []byte {
	const base = 4 // decimal digits in one digit of the format
	negative, d := decimalDigits(hi, lo, scale)
	whole := len(d.text) - scale
	lead := (base - whole%base) % base // zeros to align the point
	weight := (whole+lead)/base - 1
	at := func(i int) int { // decimal digit i after alignment
		if i < lead || i-lead >= len(d.text) {
			return 0
		}
		return int(d.text[i-lead] - '0')
	}
	var groups []uint16
	for i := 0; i < lead+len(d.text); i += base {
		groups = append(groups, uint16(at(i)*1000+at(i+1)*100+at(i+2)*10+at(i+3)))
	}
	for len(groups) > 0 && groups[0] == 0 {
		groups = groups[1:]
		weight--
	}
	for len(groups) > 0 && groups[len(groups)-1] == 0 {
		groups = groups[:len(groups)-1]
	}
	sign := uint16(0)
	if negative {
		sign = 0x4000
	}
	if len(groups) == 0 {
		weight = 0
	}
	be := binary.BigEndian
	dst = be.AppendUint16(dst, uint16(len(groups)))
	dst = be.AppendUint16(dst, uint16(int16(weight)))
	dst = be.AppendUint16(dst, sign)
	dst = be.AppendUint16(dst, uint16(scale))
	for _, g := range groups {
		dst = be.AppendUint16(dst, g)
	}
	return dst
}

// appendBinaryArray appends a one-dimensional array.
func (f format) appendBinaryArray(dst []byte, elem rsql.Type, v *duck.Vector, row int) []byte {
	be := binary.BigEndian
	elements, first, end := v.List(row)
	if first == end {
		dst = be.AppendUint32(dst, 0)
		dst = be.AppendUint32(dst, 0)
		return be.AppendUint32(dst, uint32(elem.OID()))
	}
	dst = be.AppendUint32(dst, 1)
	dst = be.AppendUint32(dst, 1) // may hold NULL
	dst = be.AppendUint32(dst, uint32(elem.OID()))
	dst = be.AppendUint32(dst, uint32(end-first))
	dst = be.AppendUint32(dst, 1) // first index
	for i := first; i < end; i++ {
		if elements.Null(i) {
			dst = be.AppendUint32(dst, math.MaxUint32)
			continue
		}
		at := len(dst)
		dst = f.appendBinary(append(dst, 0, 0, 0, 0), elem, elements, i)
		be.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}
