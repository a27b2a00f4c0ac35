package engine

import (
	"encoding/hex"
	"math"
	"math/bits"
	"strconv"
	"time"

	"github.com/refract-io/refract/internal/query/engine/duck"
	"github.com/refract-io/refract/internal/query/rsql"
)

// appendText appends a value in PostgreSQL's text format, as Redshift's leader node prints it.
func (f format) appendText(dst []byte, t rsql.Type, v *duck.Vector, row int) []byte {
	switch v.Type.Kind {
	case duck.Bool:
		if v.Bool(row) {
			return append(dst, 't')
		}
		return append(dst, 'f')
	case duck.Float32:
		return f.appendFloat(dst, v.Float(row), 32)
	case duck.Float64:
		if t.Kind == rsql.KindFloat4 {
			return f.appendFloat(dst, v.Float(row), 32)
		}
		return f.appendFloat(dst, v.Float(row), 64)
	case duck.Decimal:
		hi, lo := v.Wide(row)
		return appendDecimal(dst, hi, lo, int(v.Type.Scale))
	case duck.Int128, duck.Uint64:
		hi, lo := v.Wide(row)
		return appendDecimal(dst, hi, lo, 0)
	case duck.String:
		return append(dst, v.Bytes(row)...)
	case duck.Blob:
		return hex.AppendEncode(dst, v.Bytes(row))
	case duck.Date:
		return appendDate(dst, time.Unix(v.Int(row)*86400, 0).UTC())
	case duck.Time:
		return appendClock(dst, v.Int(row))
	case duck.TimeTZ:
		micros, offset := timeTZ(v, row)
		return appendOffset(appendClock(dst, micros), offset)
	case duck.Timestamp:
		return appendTimestamp(dst, time.UnixMicro(v.Int(row)).UTC())
	case duck.TimestampTZ:
		at := time.UnixMicro(v.Int(row)).In(f.zone)
		_, offset := at.Zone()
		return appendOffset(appendTimestamp(dst, at), offset)
	case duck.Interval:
		return appendInterval(dst, v, row)
	case duck.List:
		return f.appendArray(dst, t, v, row)
	}
	return strconv.AppendInt(dst, v.Int(row), 10)
}

// appendFloat prints as C's %g does with 15 significant digits (6 for real) and extra_float_digits more.
func (f format) appendFloat(dst []byte, v float64, size int) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	}
	digits, most := 15, 17
	if size == 32 {
		digits, most = 6, 9
	}
	return strconv.AppendFloat(dst, v, 'g', min(max(1, digits+f.extraDigits), most), size)
}

// appendDecimal prints a 128 bit integer with its last scale digits after the point.
func appendDecimal(dst []byte, hi int64, lo uint64, scale int) []byte {
	negative, digits := decimalDigits(hi, lo, scale)
	if negative {
		dst = append(dst, '-')
	}
	point := len(digits.text) - scale
	dst = append(dst, digits.text[:point]...)
	if scale > 0 {
		dst = append(dst, '.')
		dst = append(dst, digits.text[point:]...)
	}
	return dst
}

type digitBuffer struct {
	buf  [64]byte
	text []byte
}

// decimalDigits gives the decimal digits of a 128 bit integer, with zeros in front so that one digit is left before the point.
func decimalDigits(hi int64, lo uint64, scale int) (negative bool, d *digitBuffer) {
	high := uint64(hi)
	if hi < 0 {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		high, _ = bits.Sub64(0, high, borrow)
		negative = true
	}
	d = &digitBuffer{}
	n := len(d.buf)
	for high != 0 || lo != 0 || len(d.buf)-n <= scale {
		var rest uint64
		quotient := high / 10
		lo, rest = bits.Div64(high%10, lo, 10)
		high = quotient
		n--
		d.buf[n] = byte('0' + rest)
	}
	d.text = d.buf[n:]
	return negative, d
}

// appendPadded prints n >= 0 with zeros in front up to width digits.
func appendPadded(dst []byte, n, width int) []byte {
	for limit := pow10(width - 1); limit > 1 && n < limit; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

func appendDate(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	bc := year <= 0
	if bc {
		year = 1 - year
	}
	dst = append(appendPadded(dst, year, 4), '-')
	dst = append(appendPadded(dst, int(month), 2), '-')
	dst = appendPadded(dst, day, 2)
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

func appendTimestamp(dst []byte, t time.Time) []byte {
	dst = append(appendDate(dst, t), ' ')
	hour, minute, second := t.Clock()
	return appendClock(dst, int64(hour*3600+minute*60+second)*1e6+int64(t.Nanosecond()/1000))
}

// appendClock prints microseconds of a day; the fraction has no trailing zeros.
func appendClock(dst []byte, micros int64) []byte {
	seconds := int(micros / 1e6)
	dst = append(appendPadded(dst, seconds/3600, 2), ':')
	dst = append(appendPadded(dst, seconds/60%60, 2), ':')
	dst = appendPadded(dst, seconds%60, 2)
	if fraction := int(micros % 1e6); fraction != 0 {
		dst = appendPadded(append(dst, '.'), fraction, 6)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}

// appendOffset prints seconds east of Greenwich as +HH or +HH:MM.
func appendOffset(dst []byte, seconds int) []byte {
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	dst = appendPadded(append(dst, sign), seconds/3600, 2)
	if minutes := seconds / 60 % 60; minutes != 0 {
		dst = appendPadded(append(dst, ':'), minutes, 2)
	}
	return dst
}

// timeTZ splits DuckDB's form: 40 bits of microseconds, then 24 bits of the offset counted down from its maximum.
func timeTZ(v *duck.Vector, row int) (micros int64, offset int) {
	const maxOffset = 16*3600 - 1
	raw := uint64(v.Int(row))
	return int64(raw >> 24), maxOffset - int(raw&0xffffff)
}

func appendInterval(dst []byte, v *duck.Vector, row int) []byte {
	months, days, micros := v.Interval(row)
	start := len(dst)
	part := func(n int32, one, many string) {
		if n == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(strconv.AppendInt(dst, int64(n), 10), ' ')
		if n == 1 {
			dst = append(dst, one...)
		} else {
			dst = append(dst, many...)
		}
	}
	part(months/12, "year", "years")
	part(months%12, "mon", "mons")
	part(days, "day", "days")
	if micros == 0 && len(dst) > start {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	if micros < 0 {
		dst, micros = append(dst, '-'), -micros
	}
	return appendClock(dst, micros)
}

// appendArray prints an array of the system catalog: {a,b,"c d",NULL}.
func (f format) appendArray(dst []byte, t rsql.Type, v *duck.Vector, row int) []byte {
	elements, first, end := v.List(row)
	var elem rsql.Type
	if t.Elem != nil {
		elem = *t.Elem
	}
	dst = append(dst, '{')
	for i := first; i < end; i++ {
		if i > first {
			dst = append(dst, ',')
		}
		if elements.Null(i) {
			dst = append(dst, "NULL"...)
			continue
		}
		at := len(dst)
		dst = quoteElement(f.appendText(dst, elem, elements, i), at)
	}
	return append(dst, '}')
}

// quoteElement puts the array element that starts at dst[at] into quotes where the array syntax needs them.
func quoteElement(dst []byte, at int) []byte {
	text := string(dst[at:])
	plain := text != "" && text != "NULL"
	for i := 0; plain && i < len(text); i++ {
		switch text[i] {
		case '{', '}', ',', '"', '\\', ' ', '\t', '\n', '\r':
			plain = false
		}
	}
	if plain {
		return dst
	}
	dst = append(dst[:at], '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, text[i])
	}
	return append(dst, '"')
}
