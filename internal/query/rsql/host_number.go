package rsql

import (
	"fmt"
	"math/big"
	"strings"
)

// formatNumber is TO_CHAR of a number, given as text: 9 and 0 are digits, the
// rest is decimal point, group separator, sign and text.
func formatNumber(number, format string) (*string, error) {
	pattern := strings.ToUpper(strings.ReplaceAll(strings.ReplaceAll(format, "G", ","), "D", "."))
	fill := true
	if rest, ok := strings.CutPrefix(pattern, "FM"); ok {
		pattern, fill = rest, false
	}
	whole, fraction, point := strings.Cut(pattern, ".")
	value, ok := new(big.Rat).SetString(strings.TrimSpace(number))
	if !ok {
		return nil, &Error{SQLState: StateInvalidText, Message: fmt.Sprintf("invalid number: %s", number)}
	}
	negative := value.Sign() < 0
	text := value.Abs(value).FloatString(strings.Count(fraction, "9") + strings.Count(fraction, "0"))
	digits, decimals, _ := strings.Cut(text, ".")
	if digits == "0" && !strings.Contains(whole, "0") && point {
		digits = ""
	}
	places := strings.Count(whole, "9") + strings.Count(whole, "0")
	if len(digits) > places {
		return some(strings.Repeat("#", len(format)))
	}
	left := layWhole(whole, digits, places)
	out := left
	if point {
		out += "." + layFraction(fraction, decimals)
	}
	switch {
	case strings.ContainsAny(pattern, "S"):
		out = signed(out, pattern, negative)
	case strings.HasSuffix(pattern, "MI"):
		out = strings.TrimSuffix(out, "MI") + map[bool]string{true: "-", false: " "}[negative]
	case strings.HasSuffix(pattern, "PR"):
		out = strings.TrimSuffix(out, "PR")
		if negative {
			out = "<" + strings.TrimLeft(out, " ") + ">"
		}
	default:
		sign := " "
		if negative {
			sign = "-"
		}
		n := len(out) - len(strings.TrimLeft(out, " "))
		out = out[:n] + sign + out[n:]
	}
	if !fill {
		out = strings.TrimSpace(out)
		// Without fill, zeros that 9s stand for at the end are left out.
		for optional := len(fraction) - len(strings.TrimRight(fraction, "9")); point && optional > 0 && strings.HasSuffix(out, "0"); optional-- {
			out = strings.TrimSuffix(out, "0")
		}
	}
	return some(out)
}

// layWhole fills the pattern before the point from the right.
func layWhole(pattern, digits string, places int) string {
	padded := strings.Repeat(" ", places-len(digits)) + digits
	if i := strings.IndexByte(strings.ReplaceAll(pattern, ",", ""), '0'); i >= 0 {
		// From the first 0 on, missing digits are zeros.
		first := strings.Count(strings.ReplaceAll(pattern, ",", "")[:i], "9")
		padded = padded[:first] + strings.ReplaceAll(padded[first:], " ", "0")
	}
	var out strings.Builder
	n := 0
	for _, c := range pattern {
		switch c {
		case '9', '0':
			out.WriteByte(padded[n])
			n++
		case ',':
			if n > 0 && padded[n-1] != ' ' {
				out.WriteByte(',')
			} else {
				out.WriteByte(' ')
			}
		case 'S':
		case 'L', '$':
			out.WriteByte('$')
		default:
			out.WriteRune(c)
		}
	}
	return out.String()
}

func layFraction(pattern, decimals string) string {
	var out strings.Builder
	n := 0
	for _, c := range pattern {
		switch c {
		case '9', '0':
			out.WriteByte(decimals[n])
			n++
		case 'S':
		default:
			out.WriteRune(c)
		}
	}
	return out.String()
}

func signed(out, pattern string, negative bool) string {
	sign := "+"
	if negative {
		sign = "-"
	}
	if strings.HasSuffix(pattern, "S") {
		return out + sign
	}
	n := len(out) - len(strings.TrimLeft(out, " "))
	return out[:n] + sign + out[n:]
}

// parseNumber is TO_NUMBER: the digits, sign and point of the text; what stands
// between them must be what the format has.
func parseNumber(text, format string) (*string, error) {
	var out strings.Builder
	negative := strings.ContainsAny(text, "-<")
	point := false
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			out.WriteRune(c)
		case c == '.' && !point && strings.ContainsAny(strings.ToUpper(format), ".D"):
			point = true
			out.WriteRune(c)
		case strings.ContainsRune(" ,$+-<>", c):
		default:
			return nil, &Error{SQLState: StateInvalidText, Message: fmt.Sprintf("invalid input syntax for type numeric: \"%s\"", text)}
		}
	}
	digits := out.String()
	if strings.Trim(digits, ".") == "" {
		return nil, &Error{SQLState: StateInvalidText, Message: fmt.Sprintf("invalid input syntax for type numeric: \"%s\"", text)}
	}
	if negative {
		digits = "-" + digits
	}
	return some(digits)
}
