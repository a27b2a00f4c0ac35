package expression

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// kind groups the types that are cast and compared alike.
type kind uint8

const (
	kindString kind = iota
	kindInteger
	kindDecimal
	kindDate
	kindTimestamp
)

// kindOf returns the kind of a Hive type, ignoring its parameters: "decimal(10,2)" is a decimal.
func kindOf(hiveType string) (kind, error) {
	base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(hiveType)), "(")
	switch strings.TrimSpace(base) {
	case "string", "char", "varchar":
		return kindString, nil
	case "tinyint", "smallint", "int", "integer", "bigint", "long":
		return kindInteger, nil
	case "decimal":
		return kindDecimal, nil
	case "date":
		return kindDate, nil
	case "timestamp":
		return kindTimestamp, nil
	}
	return 0, &Error{fmt.Sprintf("Unknown type : '%s'", hiveType)}
}

// likeName is how Glue names the kind when it refuses LIKE.
func (k kind) likeName() string {
	return [...]string{kindInteger: "Integral", kindDecimal: "Decimal", kindDate: "Date", kindTimestamp: "Timestamp"}[k]
}

// value is a literal or partition value cast to its key's kind. Strings, dates and timestamps compare by text: a date has the
// form 2024-05-01 and a timestamp always nine digits of fraction.
type value struct {
	text   string
	number number
}

func (k kind) compare(a, b value) int {
	if k == kindInteger || k == kindDecimal {
		return a.number.compare(b.number)
	}
	return cmp.Compare(a.text, b.text)
}

// cast returns text as a value of kind k. The message of a failure is Glue's.
func (k kind) cast(text string) (v value, message string) {
	switch k {
	case kindInteger:
		if n, ok := parseNumber(text); ok && !strings.ContainsAny(text, ".eE") {
			return value{number: n}, ""
		}
		return value{}, fmt.Sprintf("%q is not an integer.", text)
	case kindDecimal:
		if n, ok := parseNumber(text); ok {
			return value{number: n}, ""
		}
		return value{}, text + " is not a decimal."
	case kindDate:
		if isTime(text, time.DateOnly) {
			return value{text: text}, ""
		}
		return value{}, text + " is not a date."
	case kindTimestamp:
		seconds, fraction, dot := strings.Cut(text, ".")
		if isTime(seconds, time.DateTime) && dot == (fraction != "") && len(fraction) <= 9 && digitsLength(fraction) == len(fraction) {
			return value{text: seconds + "." + fraction + "000000000"[len(fraction):]}, ""
		}
		return value{}, "Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff] " + text + " is not a timestamp."
	default:
		return value{text: text}, ""
	}
}

// isTime reports whether s is a time in exactly this layout. The length matters: package time also takes an hour of one digit.
func isTime(s, layout string) bool {
	if len(s) != len(layout) {
		return false
	}
	_, err := time.Parse(layout, s)
	return err == nil
}

// number is a decimal of any size, exactly: sign × 0.digits × 10^point. Zero has sign 0.
type number struct {
	sign   int
	digits string // without zeros at either end
	point  int
}

// parseNumber reads [+-]digits[.digits][e[+-]digits].
func parseNumber(s string) (number, bool) {
	n := number{sign: 1}
	if s != "" && (s[0] == '+' || s[0] == '-') {
		if s[0] == '-' {
			n.sign = -1
		}
		s = s[1:]
	}
	mantissa, exponent := s, 0
	if e := strings.IndexAny(s, "eE"); e >= 0 {
		var err error
		if exponent, err = strconv.Atoi(s[e+1:]); err != nil || exponent > 1e9 || exponent < -1e9 {
			return number{}, false
		}
		mantissa = s[:e]
	}
	whole, fraction, dot := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || digitsLength(digits) != len(digits) || dot && fraction == "" {
		return number{}, false
	}
	significant := strings.TrimLeft(digits, "0")
	n.point = len(whole) + exponent - (len(digits) - len(significant))
	n.digits = strings.TrimRight(significant, "0")
	if n.digits == "" {
		return number{}, true
	}
	return n, true
}

func (n number) compare(o number) int {
	if n.sign != o.sign || n.sign == 0 {
		return cmp.Compare(n.sign, o.sign)
	}
	return n.sign * cmp.Or(cmp.Compare(n.point, o.point), cmp.Compare(n.digits, o.digits))
}
