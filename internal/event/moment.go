package event

import "math"

// millisThreshold is the smallest number that is read as milliseconds instead
// of seconds. As seconds it is the year 5138, as milliseconds 3 March 1973, so
// only times in the first two of the years that are allowed are ambiguous;
// they must be given in seconds. Mixpanel takes both units and does not say
// where it draws the line.
const millisThreshold = 100_000_000_000

// ParseTime reads the text of properties.time: seconds or milliseconds since
// 1970-01-01 UTC as an integer, a decimal or a number with exponent. It
// returns milliseconds; finer fractions are cut off. The text never passes
// through floating point; its first 18 significant digits count. Numbers out
// of the range of int64 return the nearest int64.
func ParseTime(text []byte) (ms int64, ok bool) {
	var v int64
	for i, c := range text {
		if c-'0' > 9 || i == 18 {
			return parseDecimalTime(text)
		}
		v = v*10 + int64(c-'0')
	}
	if v < millisThreshold {
		v *= 1000
	}
	return v, len(text) > 0
}

func parseDecimalTime(text []byte) (ms int64, ok bool) {
	i, negative := 0, false
	if i < len(text) && text[i] == '-' {
		negative = true
		i++
	}
	// The number is digits * 10^exponent; digits beyond the 18th are too fine
	// to count, or so many that the result is out of range anyway.
	var digits int64
	var exponent, count int
	point := false
	start := i
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' && !point && i > start {
			point = true
			start = i + 1
			continue
		}
		if c-'0' > 9 {
			break
		}
		if count < 18 {
			digits = digits*10 + int64(c-'0')
			if digits > 0 {
				count++
			}
			if point {
				exponent--
			}
		} else if !point {
			exponent++
		}
	}
	if i == start {
		return 0, false
	}
	if i < len(text) {
		e, ok := parseExponent(text[i:])
		if !ok {
			return 0, false
		}
		exponent += e
	}
	v := scale(digits, exponent)
	if v < millisThreshold {
		v = scale(digits, exponent+3)
	}
	if negative {
		v = -v
	}
	return v, true
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
		if c-'0' > 9 {
			return 0, false
		}
		e = min(e*10+int(c-'0'), 1_000_000_000)
	}
	if negative {
		e = -e
	}
	return e, len(text) > 0
}

// scale returns digits * 10^exponent, rounded down, at most MaxInt64.
func scale(digits int64, exponent int) int64 {
	if digits == 0 || exponent < -18 {
		return 0
	}
	for ; exponent < 0; exponent++ {
		digits /= 10
	}
	for ; exponent > 0; exponent-- {
		if digits > math.MaxInt64/10 {
			return math.MaxInt64
		}
		digits *= 10
	}
	return digits
}
