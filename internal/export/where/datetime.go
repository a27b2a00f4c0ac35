package where

import "time"

// parseDatetime reads yyyy-mm-dd, optionally followed by T or a blank and hh:mm, hh:mm:ss or hh:mm:ss.fff, and that by Z, ±hh:mm or
// ±hhmm. Without an offset it is UTC. It returns milliseconds since 1970; finer fractions are cut off.
func parseDatetime(text []byte) (ms int64, ok bool) {
	r := datetimeReader{text}
	year, month, day := r.digits(4), r.after('-', 2), r.after('-', 2)
	if year < 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	ms = time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).UnixMilli()
	if len(r.text) == 0 {
		return ms, true
	}
	if r.text[0] != 'T' && r.text[0] != ' ' {
		return 0, false
	}
	r.text = r.text[1:]
	hour, minute, second, fraction := r.digits(2), r.after(':', 2), 0, 0
	if r.at(':') {
		second = r.after(':', 2)
		fraction = r.fraction()
	}
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || fraction < 0 {
		return 0, false
	}
	offset, ok := r.offset()
	ms += int64(((hour*60+minute-offset)*60+second)*1000 + fraction)
	return ms, ok && len(r.text) == 0
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// datetimeReader takes parts off the front of a text. What is missing is -1.
type datetimeReader struct{ text []byte }

func (r *datetimeReader) at(c byte) bool { return len(r.text) > 0 && r.text[0] == c }

func (r *datetimeReader) digits(n int) int {
	if len(r.text) < n {
		return -1
	}
	v := 0
	for _, c := range r.text[:n] {
		if !isDigit(c) {
			return -1
		}
		v = v*10 + int(c-'0')
	}
	r.text = r.text[n:]
	return v
}

func (r *datetimeReader) after(sign byte, n int) int {
	if !r.at(sign) {
		return -1
	}
	r.text = r.text[1:]
	return r.digits(n)
}

// fraction takes a point and digits, and returns milliseconds.
func (r *datetimeReader) fraction() int {
	if !r.at('.') {
		return 0
	}
	r.text = r.text[1:]
	ms, n := 0, 0
	for ; len(r.text) > 0 && isDigit(r.text[0]); n++ {
		if n < 3 {
			ms = ms*10 + int(r.text[0]-'0')
		}
		r.text = r.text[1:]
	}
	if n == 0 {
		return -1
	}
	for ; n < 3; n++ {
		ms *= 10
	}
	return ms
}

// offset takes an offset from UTC, if there is one, and returns minutes.
func (r *datetimeReader) offset() (int, bool) {
	if r.at('Z') {
		r.text = r.text[1:]
		return 0, true
	}
	if !r.at('+') && !r.at('-') {
		return 0, true
	}
	west := r.at('-')
	r.text = r.text[1:]
	hours := r.digits(2)
	if r.at(':') {
		r.text = r.text[1:]
	}
	minutes := r.digits(2)
	if hours < 0 || minutes < 0 || minutes > 59 {
		return 0, false
	}
	if west {
		return -hours*60 - minutes, true
	}
	return hours*60 + minutes, true
}
