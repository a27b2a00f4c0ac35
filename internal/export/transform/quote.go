package transform

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Eight bytes at a time: each byte of these words holds the same value.
const (
	ones    = 0x0101010101010101
	highs   = 0x80 * ones
	quotes  = '"' * ones
	slashes = '\\' * ones
	spaces  = ' ' * ones
)

const hexDigits = "0123456789abcdef"

// appendQuoted appends text, which is JSON in UTF-8, as the inside of a JSON string. JSON text that has been through the scanner
// holds quotes and backslashes to escape; control characters are escaped too, so that no input can break a line.
//
// It copies eight bytes and then looks at them, since in JSON a quote comes every few bytes: a search followed by a copy would touch
// them twice and make a call for each.
func appendQuoted(dst, text []byte) []byte {
	// Twice the length is what text of nothing but quotes needs; eight bytes more let the last word be written whole. Control
	// characters, which need six bytes each, grow on their own.
	n := len(dst)
	dst = slices.Grow(dst, 2*len(text)+8)
	buf := dst[:cap(dst)]
	i := 0
	for i+8 <= len(text) {
		x := binary.LittleEndian.Uint64(text[i:])
		binary.LittleEndian.PutUint64(buf[n:], x)
		q, b := x^quotes, x^slashes
		// A borrow can raise a false mark, but only above a true one, and the lowest mark is the one that counts.
		marks := ((q-ones)&^q | (b-ones)&^b | (x-spaces)&^x) & highs
		if marks == 0 {
			i += 8
			n += 8
			continue
		}
		k := bits.TrailingZeros64(marks) >> 3
		i += k
		n += k
		if text[i] < ' ' {
			return appendQuotedSlow(buf[:n], text[i:])
		}
		buf[n] = '\\'
		buf[n+1] = text[i]
		i++
		n += 2
	}
	return appendQuotedSlow(buf[:n], text[i:])
}

// appendQuotedSlow does the same byte by byte.
func appendQuotedSlow(dst, text []byte) []byte {
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
