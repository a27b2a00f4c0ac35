package event

import (
	"bytes"
	"math/big"
	"strconv"
)

// maxDecimalDigits bounds the digits that a number has when it is written
// without exponent, so that 1e999999999 cannot be made to fill memory.
const maxDecimalDigits = 400

// decimal is the exact value unscaled * 10^-scale, scale >= 0.
type decimal struct {
	unscaled big.Int
	scale    int
}

// parseDecimal reads the text of a JSON number. It reports false if the
// number is not JSON or is longer than maxDecimalDigits.
func parseDecimal(text []byte) (d decimal, ok bool) {
	mantissa, exponent := text, 0
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		if exponent, ok = parseExponent(text[i:]); !ok {
			return d, false
		}
		mantissa = text[:i]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	digits := make([]byte, 0, len(mantissa))
	digits = append(append(digits, whole...), fraction...)
	if zero := len(bytes.Trim(digits, "-0")) == 0; zero {
		return d, len(digits) > 0
	}
	d.scale = len(fraction) - exponent
	if len(digits) > maxDecimalDigits || d.scale > maxDecimalDigits || len(digits)-d.scale > maxDecimalDigits {
		return d, false
	}
	for ; d.scale < 0; d.scale++ {
		digits = append(digits, '0')
	}
	_, ok = d.unscaled.SetString(string(digits), 10)
	return d, ok
}

// add returns the exact sum.
func (d decimal) add(e decimal) decimal {
	if d.scale < e.scale {
		d, e = e, d
	}
	var sum decimal
	sum.scale = d.scale
	sum.unscaled.Exp(big.NewInt(10), big.NewInt(int64(d.scale-e.scale)), nil)
	sum.unscaled.Mul(&sum.unscaled, &e.unscaled)
	sum.unscaled.Add(&sum.unscaled, &d.unscaled)
	return sum
}

// append appends the number without exponent and without zeros at the end of
// its fraction: 0.1 + 0.2 is 0.3, and 1.5 + 1.5 is 3.
func (d decimal) append(dst []byte) []byte {
	digits := d.unscaled.Append(nil, 10)
	if digits[0] == '-' {
		dst = append(dst, '-')
		digits = digits[1:]
	}
	for len(digits) <= d.scale {
		digits = append([]byte{'0'}, digits...)
	}
	whole, fraction := digits[:len(digits)-d.scale], digits[len(digits)-d.scale:]
	dst = append(dst, whole...)
	if fraction = bytes.TrimRight(fraction, "0"); len(fraction) > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst
}

// appendCanonicalNumber appends a text that is the same for all spellings of
// a JSON number: its digits without zeros around them, and an exponent. It
// costs no more than the text is long, whatever the exponent.
func appendCanonicalNumber(dst, text []byte) []byte {
	mantissa, exponent := text, int64(0)
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.ParseInt(string(bytes.TrimPrefix(text[i+1:], []byte{'+'})), 10, 64)
		if err != nil {
			// Beyond all arithmetic: only the same spelling is the same number.
			return append(dst, text...)
		}
		exponent, mantissa = e, text[:i]
	}
	negative := len(mantissa) > 0 && mantissa[0] == '-'
	mantissa = bytes.TrimPrefix(mantissa, []byte{'-'})
	whole, fraction, _ := bytes.Cut(mantissa, []byte{'.'})
	digits := append(append(make([]byte, 0, len(mantissa)), whole...), fraction...)
	exponent -= int64(len(fraction))
	digits = bytes.TrimLeft(digits, "0")
	if len(digits) == 0 {
		return append(dst, '0')
	}
	trimmed := bytes.TrimRight(digits, "0")
	exponent += int64(len(digits) - len(trimmed))
	if negative {
		dst = append(dst, '-')
	}
	dst = append(append(dst, trimmed...), 'e')
	return strconv.AppendInt(dst, exponent, 10)
}
