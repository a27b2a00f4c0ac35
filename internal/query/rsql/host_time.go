package rsql

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timePatterns are the patterns of TO_CHAR and TO_DATE, longest first where one
// begins another.
var timePatterns = []string{
	"YYYY", "YYY", "YY", "Y", "MONTH", "Month", "month", "MON", "Mon", "mon", "MM", "MI", "MS", "DDD", "DD", "DAY", "Day", "day",
	"DY", "Dy", "dy", "D", "HH24", "HH12", "HH", "SSSS", "SS", "US", "AM", "PM", "am", "pm", "A.M.", "P.M.", "a.m.", "p.m.",
	"CC", "Q", "WW", "W", "IYYY", "IYY", "IY", "IW", "ID", "J", "RM", "TZ", "tz", "OF",
}

// splitPattern cuts a format into patterns and literal text; a pattern may have
// the prefix FM, which is reported. Quoted text is literal.
func splitPattern(format string, visit func(pattern string, literal, fill bool) error) error {
	fill := true
	for format != "" {
		if rest, ok := strings.CutPrefix(format, "FM"); ok {
			format, fill = rest, false
			continue
		}
		if format[0] == '"' {
			text, rest, _ := strings.Cut(format[1:], `"`)
			if err := visit(text, true, fill); err != nil {
				return err
			}
			format = rest
			continue
		}
		matched := ""
		for _, pattern := range timePatterns {
			if len(pattern) <= len(format) && (format[:len(pattern)] == pattern || strings.ToUpper(pattern) == pattern && len(pattern) > len(matched) && isCaseless(pattern) && strings.EqualFold(format[:len(pattern)], pattern)) {
				matched = pattern
				break
			}
		}
		n := max(len(matched), 1)
		text := matched
		if matched == "" {
			for n < len(format) && format[n]&0xc0 == 0x80 {
				n++
			}
			text = format[:n]
		}
		if err := visit(text, matched == "", fill); err != nil {
			return err
		}
		format = format[n:]
		if matched != "" {
			fill = true
		}
	}
	return nil
}

// isCaseless reports whether the case of a pattern has no meaning: that of
// names and of AM and PM chooses the case of the output.
func isCaseless(pattern string) bool {
	switch strings.ToUpper(pattern) {
	case "MONTH", "MON", "DAY", "DY", "AM", "PM", "A.M.", "P.M.", "TZ":
		return false
	}
	return true
}

// formatTime is TO_CHAR of a timestamp given as DuckDB's text.
func formatTime(text, format string) (*string, error) {
	at, err := time.Parse("2006-01-02 15:04:05.999999", text)
	if err != nil {
		if at, err = time.Parse(time.DateOnly, text); err != nil {
			return nil, &Error{SQLState: StateInvalidDatetime, Message: "invalid timestamp: " + text}
		}
	}
	var out strings.Builder
	err = splitPattern(format, func(pattern string, literal, fill bool) error {
		if literal {
			out.WriteString(pattern)
			return nil
		}
		field := timeField(at, pattern)
		switch {
		case fill && (strings.EqualFold(pattern, "MONTH") || strings.EqualFold(pattern, "DAY")):
			field = fmt.Sprintf("%-9s", field) // names are padded to the longest
		case !fill:
			if trimmed := strings.TrimLeft(field, "0"); trimmed != "" {
				field = trimmed
			}
		}
		out.WriteString(field)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return some(out.String())
}

func withCase(pattern, s string) string {
	switch {
	case pattern == strings.ToUpper(pattern):
		return strings.ToUpper(s)
	case pattern == strings.ToLower(pattern):
		return strings.ToLower(s)
	}
	return s
}

func timeField(at time.Time, pattern string) string {
	hour12 := (at.Hour()+11)%12 + 1
	isoYear, isoWeek := at.ISOWeek()
	switch pattern {
	case "YYYY":
		return fmt.Sprintf("%04d", at.Year())
	case "YYY":
		return fmt.Sprintf("%03d", at.Year()%1000)
	case "YY":
		return fmt.Sprintf("%02d", at.Year()%100)
	case "Y":
		return strconv.Itoa(at.Year() % 10)
	case "MM":
		return fmt.Sprintf("%02d", at.Month())
	case "MI":
		return fmt.Sprintf("%02d", at.Minute())
	case "MS":
		return fmt.Sprintf("%03d", at.Nanosecond()/1e6)
	case "US":
		return fmt.Sprintf("%06d", at.Nanosecond()/1e3)
	case "DDD":
		return fmt.Sprintf("%03d", at.YearDay())
	case "DD":
		return fmt.Sprintf("%02d", at.Day())
	case "D":
		return strconv.Itoa(int(at.Weekday()) + 1)
	case "ID":
		return strconv.Itoa((int(at.Weekday())+6)%7 + 1)
	case "HH24":
		return fmt.Sprintf("%02d", at.Hour())
	case "HH12", "HH":
		return fmt.Sprintf("%02d", hour12)
	case "SS":
		return fmt.Sprintf("%02d", at.Second())
	case "SSSS":
		return strconv.Itoa(at.Hour()*3600 + at.Minute()*60 + at.Second())
	case "CC":
		return fmt.Sprintf("%02d", (at.Year()+99)/100)
	case "Q":
		return strconv.Itoa((int(at.Month())-1)/3 + 1)
	case "WW":
		return fmt.Sprintf("%02d", (at.YearDay()-1)/7+1)
	case "W":
		return strconv.Itoa((at.Day()-1)/7 + 1)
	case "IYYY":
		return fmt.Sprintf("%04d", isoYear)
	case "IYY":
		return fmt.Sprintf("%03d", isoYear%1000)
	case "IY":
		return fmt.Sprintf("%02d", isoYear%100)
	case "IW":
		return fmt.Sprintf("%02d", isoWeek)
	case "J":
		return strconv.FormatInt(at.Unix()/86400+2440588, 10)
	case "RM":
		return []string{"I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"}[at.Month()-1]
	case "TZ", "tz":
		return withCase(pattern, "UTC")
	case "OF":
		return "+00"
	}
	switch strings.ToUpper(pattern) {
	case "MONTH":
		return withCase(pattern, at.Month().String())
	case "MON":
		return withCase(pattern, at.Month().String()[:3])
	case "DAY":
		return withCase(pattern, at.Weekday().String())
	case "DY":
		return withCase(pattern, at.Weekday().String()[:3])
	}
	half := "AM"
	if at.Hour() >= 12 {
		half = "PM"
	}
	if strings.Contains(pattern, ".") {
		half = half[:1] + "." + half[1:] + "."
	}
	return withCase(pattern, half)
}

// timeParser reads a text by a format.
type timeParser struct {
	rest                                         string
	year, month, day, hour, minute, second, nano int
	yearDay                                      int
	pm, half                                     bool
}

// parseTime is TO_DATE and TO_TIMESTAMP: the ISO text of the time.
func parseTime(text, format string) (*string, error) {
	p := &timeParser{rest: strings.TrimSpace(text), year: 1, month: 1, day: 1}
	err := splitPattern(strings.TrimSpace(format), func(pattern string, literal, _ bool) error {
		if literal {
			// Any separator stands for any other.
			if p.rest != "" && !isDigit(p.rest[0]) && !isIdentStart(p.rest[0]) {
				p.rest = p.rest[1:]
			} else if p.rest != "" && strings.EqualFold(p.rest[:1], pattern) {
				p.rest = p.rest[1:]
			}
			return nil
		}
		if p.rest == "" {
			return nil
		}
		return p.field(pattern)
	})
	if err == nil && p.half {
		p.hour = p.hour % 12
		if p.pm {
			p.hour += 12
		}
	}
	if p.yearDay > 0 {
		p.month, p.day = 1, p.yearDay
	}
	at := time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute, p.second, p.nano, time.UTC)
	if err != nil || p.yearDay == 0 && (at.Month() != time.Month(p.month) || at.Day() != p.day) || p.hour > 23 || p.minute > 59 || p.second > 59 {
		return nil, &Error{SQLState: StateInvalidDatetime, Message: fmt.Sprintf("value \"%s\" does not match the format \"%s\"", text, format)}
	}
	return some(at.Format("2006-01-02 15:04:05.999999"))
}

var timeWidths = map[string]int{
	"YYYY": 4, "YY": 2, "MM": 2, "DD": 2, "DDD": 3, "HH": 2, "HH12": 2, "HH24": 2, "MI": 2, "SS": 2, "MS": 3, "US": 6,
}

func (p *timeParser) field(pattern string) error {
	if width, ok := timeWidths[pattern]; ok {
		n := 0
		for n < width && n < len(p.rest) && isDigit(p.rest[n]) {
			n++
		}
		value, err := strconv.Atoi(p.rest[:n])
		if err != nil {
			return fmt.Errorf("reading %s: %w", pattern, err)
		}
		digits := n
		p.rest = p.rest[n:]
		switch pattern {
		case "YYYY":
			p.year = value
		case "YY":
			p.year = 2000 + value
			if value >= 70 {
				p.year = 1900 + value
			}
		case "MM":
			p.month = value
		case "DD":
			p.day = value
		case "DDD":
			p.yearDay = value
		case "HH", "HH12", "HH24":
			p.hour = value
		case "MI":
			p.minute = value
		case "SS":
			p.second = value
		default:
			for ; digits < 9; digits++ {
				value *= 10
			}
			p.nano = value
		}
		return nil
	}
	upper := strings.ToUpper(pattern)
	switch upper {
	case "MONTH", "MON":
		for month := time.January; month <= time.December; month++ {
			for _, name := range []string{month.String(), month.String()[:3]} {
				if len(p.rest) >= len(name) && strings.EqualFold(p.rest[:len(name)], name) {
					p.month, p.rest = int(month), p.rest[len(name):]
					return nil
				}
			}
		}
		return fmt.Errorf("reading %s", pattern)
	case "DAY", "DY":
		n := 0
		for n < len(p.rest) && isIdentStart(p.rest[n]) {
			n++
		}
		p.rest = strings.TrimLeft(p.rest[n:], " ")
		return nil
	case "AM", "PM", "A.M.", "P.M.":
		for _, half := range []string{"A.M.", "P.M.", "AM", "PM"} {
			if len(p.rest) >= len(half) && strings.EqualFold(p.rest[:len(half)], half) {
				p.half, p.pm, p.rest = true, half[0] == 'P', p.rest[len(half):]
				return nil
			}
		}
	}
	return fmt.Errorf("reading %s", pattern)
}
