package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Eight bytes at a time: each byte of these words holds the same value.
const (
	ones    = 0x0101010101010101
	highs   = 0x80 * ones
	quotes  = '"' * ones
	slashes = '\\' * ones
	spaces  = ' ' * ones
)

// text scans a string whose first byte after the quote is src[i] and returns
// the offset of the closing quote. This is the way of plain ASCII strings;
// the first byte that is anything else hands over to richText.
func (s *Scanner) text(i int) int {
	src := s.src
	start := i
	for i+8 <= len(src) {
		x := binary.LittleEndian.Uint64(src[i:])
		q, b := x^quotes, x^slashes
		// A borrow can raise a false mark, but only above a true one, and the
		// lowest mark is the one that counts.
		marks := ((q-ones)&^q | (b-ones)&^b | (x-spaces)&^x | x) & highs
		if marks == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(marks) >> 3
		if src[i] == '"' {
			return i
		}
		return s.richText(start, i)
	}
	return s.richText(start, i)
}

// richText continues text at src[i] in a string that begins at src[start].
func (s *Scanner) richText(start, i int) int {
	src := s.src
	var high uint64
	for {
		for i+8 <= len(src) {
			x := binary.LittleEndian.Uint64(src[i:])
			q, b := x^quotes, x^slashes
			marks := ((q-ones)&^q | (b-ones)&^b | (x-spaces)&^x) & highs
			if marks == 0 {
				high |= x & highs
				i += 8
				continue
			}
			high |= x & highs & (marks&-marks - 1)
			i += bits.TrailingZeros64(marks) >> 3
			break
		}
		for ; i < len(src); i++ {
			if c := src[i]; c == '"' || c == '\\' || c < ' ' {
				break
			}
			high |= uint64(src[i]) & 0x80
		}
		if i >= len(src) {
			return s.fail(i, "")
		}
		switch src[i] {
		case '"':
			if high != 0 && !utf8.Valid(src[start:i]) {
				s.flags |= BadUTF8
			}
			return i
		case '\\':
			s.flags |= Escaped
			if i = s.escape(i); i < 0 {
				return i
			}
		default:
			return s.fail(i, "control character in a string")
		}
	}
}

// escape checks the escape sequence whose backslash is at src[i] and returns
// the offset after it, and after its second half if it is a surrogate pair.
func (s *Scanner) escape(i int) int {
	src := s.src
	if i+1 >= len(src) {
		return s.fail(i+1, "")
	}
	switch src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return s.fail(i+1, "unknown escape in a string")
	}
	r, ok := hex4(src, i+2)
	if !ok {
		return s.fail(min(i+2, len(src)-1), "expected four hexadecimal digits after \\u")
	}
	i += 6
	if r&0xf800 != 0xd800 {
		return i
	}
	if r < 0xdc00 && i+1 < len(src) && src[i] == '\\' && src[i+1] == 'u' {
		if low, ok := hex4(src, i+2); ok && low&0xfc00 == 0xdc00 {
			return i + 6
		}
	}
	s.flags |= LoneSurrogate
	return i
}

// hex4 reads four hexadecimal digits at src[i].
func hex4(src []byte, i int) (r rune, ok bool) {
	if i+4 > len(src) {
		return 0, false
	}
	for _, c := range src[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
