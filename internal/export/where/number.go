package where

import (
	"cmp"
	"math"
	"math/bits"
	"strconv"
)

// number is coefficient * 10^exponent, or, with more than 18 digits or a huge exponent, the decimal number that text spells.
type number struct {
	coefficient int64
	exponent    int32
	text        []byte
}

const (
	maxDigits   = 18
	maxExponent = 1 << 20
)

var powers = func() (p [maxDigits + 1]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// parseNumber reads digits with an optional sign, fraction and exponent, and nothing else. The number may refer to text.
func parseNumber(text []byte) (n number, ok bool) {
	i, negative := 0, false
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		negative = text[i] == '-'
		i++
	}
	seen, significant, point := 0, 0, false
	exponent := 0
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if !isDigit(c) {
			break
		}
		seen++
		if point {
			exponent--
		}
		if significant > 0 || c != '0' {
			significant++
		}
		if significant <= maxDigits {
			n.coefficient = n.coefficient*10 + int64(c-'0')
		}
	}
	if seen == 0 || text[i-1] == '.' {
		return n, false
	}
	if i < len(text) {
		e, ok := parseExponent(text[i:])
		if !ok {
			return n, false
		}
		exponent += e
	}
	switch {
	case significant == 0:
		return number{}, true
	case significant > maxDigits || exponent > maxExponent || exponent < -maxExponent:
		return number{text: text}, true
	}
	if negative {
		n.coefficient = -n.coefficient
	}
	n.exponent = int32(exponent)
	return n, true
}

// parseExponent reads e5, E+5 or e-5. Exponents too large to matter are cut.
func parseExponent(text []byte) (int, bool) {
	if len(text) < 2 || text[0]|0x20 != 'e' {
		return 0, false
	}
	text = text[1:]
	negative := text[0] == '-'
	if negative || text[0] == '+' {
		text = text[1:]
	}
	e := 0
	for _, c := range text {
		if !isDigit(c) {
			return 0, false
		}
		e = min(e*10+int(c-'0'), 1<<40)
	}
	if negative {
		e = -e
	}
	return e, len(text) > 0
}

func (n number) zero() bool { return n.text == nil && n.coefficient == 0 }

// digits is a number other than 0 as 0.d1d2d3... * 10^magnitude. The digits may hold a point, which counts as nothing.
type digits struct {
	negative  bool
	magnitude int
	digits    []byte
}

func (n number) digits(buffer []byte) (d digits) {
	text := n.text
	if text == nil {
		text = strconv.AppendInt(buffer[:0], n.coefficient, 10)
		d.magnitude = int(n.exponent)
	}
	if text[0] == '-' || text[0] == '+' {
		d.negative = text[0] == '-'
		text = text[1:]
	}
	for i, c := range text {
		if c|0x20 == 'e' {
			e, _ := parseExponent(text[i:]) // checked when it was read
			d.magnitude += e
			text = text[:i]
			break
		}
	}
	whole := len(text)
	for i, c := range text {
		if c == '.' {
			whole = i
		}
	}
	first := 0
	for text[first] == '0' || text[first] == '.' {
		first++
	}
	if first < whole {
		d.magnitude += whole - first
	} else {
		d.magnitude -= first - whole - 1
	}
	d.digits = text[first:]
	return d
}

// next takes the first digit off, 0 after the last one.
func (d *digits) next() byte {
	for len(d.digits) > 0 {
		c := d.digits[0]
		d.digits = d.digits[1:]
		if c != '.' {
			return c
		}
	}
	return '0'
}

// compare returns -1, 0 or 1 as a is less than, equal to or greater than b, exactly.
func compare(a, b number) int {
	if x, y, _, ok := align(a, b); ok {
		return cmp.Compare(x, y)
	}
	if a.zero() || b.zero() {
		return cmp.Compare(a.sign(), b.sign())
	}
	var first, second [20]byte
	x, y := a.digits(first[:]), b.digits(second[:])
	if x.negative != y.negative {
		return cmp.Compare(a.sign(), b.sign())
	}
	result := cmp.Compare(x.magnitude, y.magnitude)
	for result == 0 && (len(x.digits) > 0 || len(y.digits) > 0) {
		result = cmp.Compare(x.next(), y.next())
	}
	if x.negative {
		return -result
	}
	return result
}

func (n number) sign() int {
	if n.text == nil {
		return cmp.Compare(n.coefficient, 0)
	}
	if n.text[0] == '-' {
		return -1
	}
	return 1
}

// align returns the coefficients of both numbers for one exponent, if they fit.
func align(a, b number) (x, y int64, exponent int32, ok bool) {
	if a.text != nil || b.text != nil {
		return 0, 0, 0, false
	}
	x, y, exponent = a.coefficient, b.coefficient, min(a.exponent, b.exponent)
	if x, ok = shift(x, a.exponent-exponent); ok {
		y, ok = shift(y, b.exponent-exponent)
	}
	return x, y, exponent, ok
}

// shift returns x * 10^by.
func shift(x int64, by int32) (int64, bool) {
	if by == 0 || x == 0 {
		return x, true
	}
	if by > maxDigits {
		return 0, false
	}
	return multiply(x, powers[by])
}

func multiply(x, y int64) (int64, bool) {
	high, low := bits.Mul64(magnitude(x), magnitude(y))
	if high != 0 || low > math.MaxInt64 {
		return 0, false
	}
	if (x < 0) != (y < 0) {
		return -int64(low), true
	}
	return int64(low), true
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

// calculate applies + - * / %. It reports false for what is undefined.
func calculate(o op, a, b number) (number, bool) {
	if (o == opDivide || o == opRemainder) && b.zero() {
		return number{}, false
	}
	if n, ok := calculateExactly(o, a, b); ok {
		return n, true
	}
	x, y := a.float(), b.float()
	switch o {
	case opAdd:
		x += y
	case opSubtract:
		x -= y
	case opMultiply:
		x *= y
	case opDivide:
		x /= y
	default:
		x = math.Mod(x, y)
	}
	return fromFloat(x)
}

func calculateExactly(o op, a, b number) (number, bool) {
	if o == opMultiply {
		product, ok := multiply(a.coefficient, b.coefficient)
		exponent := a.exponent + b.exponent
		ok = ok && a.text == nil && b.text == nil && exponent <= maxExponent && exponent >= -maxExponent
		return number{coefficient: product, exponent: exponent}, ok
	}
	x, y, exponent, ok := align(a, b)
	if !ok {
		return number{}, false
	}
	switch o {
	case opSubtract:
		if y == math.MinInt64 {
			return number{}, false
		}
		y = -y
		fallthrough
	case opAdd:
		sum := x + y
		return number{coefficient: sum, exponent: exponent}, (sum > x) == (y > 0)
	case opDivide:
		return number{coefficient: x / y}, x%y == 0 && x != math.MinInt64
	default:
		return number{coefficient: x % y, exponent: exponent}, true
	}
}

// wholeNumber applies floor, round and ceil; round goes away from zero at a half.
func wholeNumber(o op, n number) (number, bool) {
	if n.text == nil && n.exponent >= 0 {
		return n, true
	}
	if n.text != nil || n.exponent < -maxDigits {
		f := n.float()
		switch o {
		case opFloor:
			f = math.Floor(f)
		case opCeil:
			f = math.Ceil(f)
		default:
			f = math.Round(f)
		}
		return fromFloat(f)
	}
	unit := powers[-n.exponent]
	whole, rest := n.coefficient/unit, n.coefficient%unit
	half := magnitude(rest) >= uint64(unit)-magnitude(rest)
	switch {
	case o == opFloor && rest < 0, o == opRound && rest < 0 && half:
		whole--
	case o == opCeil && rest > 0, o == opRound && rest > 0 && half:
		whole++
	}
	return number{coefficient: whole}, true
}

func (n number) negate() number {
	switch {
	case n.text == nil && n.coefficient != math.MinInt64:
		n.coefficient = -n.coefficient
		return n
	case n.text == nil:
		return number{text: []byte("9223372036854775808e" + strconv.Itoa(int(n.exponent)))}
	case n.text[0] == '-':
		return number{text: n.text[1:]}
	case n.text[0] == '+':
		return number{text: append([]byte{'-'}, n.text[1:]...)}
	default:
		return number{text: append([]byte{'-'}, n.text...)}
	}
}

// float returns the nearest double, which may be infinite.
func (n number) float() float64 {
	if n.text == nil && n.exponent == 0 {
		return float64(n.coefficient)
	}
	var buffer [32]byte
	f, _ := strconv.ParseFloat(string(n.append(buffer[:0])), 64) // out of range it is infinite or 0
	return f
}

func fromFloat(f float64) (number, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return number{}, false
	}
	return parseNumber(strconv.AppendFloat(nil, f, 'g', -1, 64))
}

// maxZeros is how many zeros are written before an exponent is.
const maxZeros = 20

// append appends the number in plain decimals; one with a large exponent or more than 18 digits as it was written.
func (n number) append(dst []byte) []byte {
	if n.text != nil {
		return append(dst, n.text...)
	}
	start := len(dst)
	dst = strconv.AppendInt(dst, n.coefficient, 10)
	switch e := int(n.exponent); {
	case n.coefficient == 0 || e == 0:
		return dst
	case e > maxZeros || e < -maxDigits-maxZeros:
		return strconv.AppendInt(append(dst, 'e'), int64(e), 10)
	case e > 0:
		for ; e > 0; e-- {
			dst = append(dst, '0')
		}
		return dst
	default:
		return appendPoint(dst, start, -e)
	}
}

// appendPoint puts a point before the last places of the number that begins at start, and drops zeros behind it.
func appendPoint(dst []byte, start, places int) []byte {
	if dst[start] == '-' {
		start++
	}
	for len(dst)-start <= places {
		dst = append(dst, 0)
		copy(dst[start+1:], dst[start:])
		dst[start] = '0'
	}
	point := len(dst) - places
	dst = append(dst, 0)
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	if dst[len(dst)-1] == '.' {
		dst = dst[:len(dst)-1]
	}
	return dst
}
