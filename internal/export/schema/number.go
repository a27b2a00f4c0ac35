package schema

import (
	"bytes"
	"math"
	"strconv"
	"unsafe"
)

// powers are the powers of ten that a double holds.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// maxSignificant bounds the digits that are compared; no double needs more.
const maxSignificant = 800

// numbers reads JSON numbers with buffers that it reuses.
type numbers struct {
	digits, printed, again []byte
}

// parse returns the double nearest to the JSON number, and whether that double keeps it: printed with as many digits as the number
// has, it is the same number. Numbers out of range are infinite, and not kept.
func (n *numbers) parse(text []byte) (v float64, kept bool) {
	i, negative := 0, false
	if text[0] == '-' {
		i, negative = 1, true
	}
	// Up to 18 digits fit into m. Up to 15 are kept by every double, and so are whole numbers up to 2^53; the quotient of two
	// numbers that doubles hold is rounded once, to the nearest.
	var m uint64
	fraction, point := 0, false
	for limit := min(len(text), i+19); i < limit; i++ {
		c := text[i]
		if c == '.' {
			point = true
			continue
		}
		if c-'0' > 9 {
			break
		}
		m = m*10 + uint64(c-'0')
		if point {
			fraction++
		}
	}
	if i < len(text) || fraction == 0 && m > 1<<53 || fraction > 0 && m >= 1e15 {
		return n.parseLong(text)
	}
	v = float64(m) / powers[fraction]
	if negative {
		v = -v
	}
	return v, true
}

func (n *numbers) parseLong(text []byte) (v float64, kept bool) {
	// ParseFloat does not keep its argument; its errors hold a copy.
	v, err := strconv.ParseFloat(unsafe.String(&text[0], len(text)), 64)
	if err != nil {
		return math.Inf(1), false
	}
	n.digits = appendSignificant(n.digits[:0], text)
	if len(n.digits) > maxSignificant {
		return v, false
	}
	if len(n.digits) == 0 {
		return v, true
	}
	n.printed = strconv.AppendFloat(n.printed[:0], math.Abs(v), 'e', len(n.digits)-1, 64)
	n.again = appendSignificant(n.again[:0], n.printed)
	return v, bytes.Equal(n.again, n.digits)
}

// appendSignificant appends the digits of the number's mantissa without zeros before and after them.
func appendSignificant(dst, text []byte) []byte {
	start := len(dst)
	for _, c := range text {
		if c|0x20 == 'e' {
			break
		}
		if c-'0' <= 9 && (c != '0' || len(dst) > start) {
			dst = append(dst, c)
		}
	}
	for len(dst) > start && dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}
