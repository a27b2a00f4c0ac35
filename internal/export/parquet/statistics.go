package parquet

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// maxBoundBytes is how long the bounds of a string column are.
const maxBoundBytes = 64

// bounds are the least and the greatest value of a column chunk in the PLAIN layout, strings without their length.
type bounds struct {
	min, max           []byte
	minExact, maxExact bool
}

// boundsOf returns the bounds of count values in the PLAIN layout, or none when they cannot be told: no values, NaN among them, or a
// greatest string that nothing short is greater than.
func boundsOf(kind Type, data []byte, count int) (b bounds) {
	if count == 0 {
		return b
	}
	b.minExact, b.maxExact = true, true
	switch kind {
	case String:
		return stringBounds(data)
	case Double:
		low, high := math.Inf(1), math.Inf(-1)
		for ; len(data) > 0; data = data[8:] {
			v := math.Float64frombits(binary.LittleEndian.Uint64(data))
			if v != v {
				return bounds{}
			}
			low, high = min(low, v), max(high, v)
		}
		// Readers may take -0 and 0 for different values, so the bounds include both.
		if low == 0 {
			low = math.Copysign(0, -1)
		}
		if high == 0 {
			high = 0
		}
		b.min = binary.LittleEndian.AppendUint64(nil, math.Float64bits(low))
		b.max = binary.LittleEndian.AppendUint64(nil, math.Float64bits(high))
	case Boolean:
		low, high := byte(1), byte(0)
		for _, v := range data {
			low, high = min(low, v), max(high, v)
		}
		b.min, b.max = []byte{low}, []byte{high}
	default:
		low, high := int64(math.MaxInt64), int64(math.MinInt64)
		for ; len(data) > 0; data = data[8:] {
			v := int64(binary.LittleEndian.Uint64(data))
			low, high = min(low, v), max(high, v)
		}
		b.min = binary.LittleEndian.AppendUint64(nil, uint64(low))
		b.max = binary.LittleEndian.AppendUint64(nil, uint64(high))
	}
	return b
}

// stringBounds compares first bytes before texts: most values lie between the bounds found so far, and that shows in them.
func stringBounds(data []byte) bounds {
	n := int(binary.LittleEndian.Uint32(data))
	low := data[4 : 4+n]
	high, lowHead, highHead := low, head(low), head(low)
	for pos := 4 + n; pos < len(data); {
		n := int(binary.LittleEndian.Uint32(data[pos:]))
		v := data[pos+4 : pos+4+n]
		pos += 4 + n
		h := head(v)
		if h <= lowHead && bytes.Compare(v, low) < 0 {
			low, lowHead = v, h
		}
		if h >= highHead && bytes.Compare(v, high) > 0 {
			high, highHead = v, h
		}
	}
	b := bounds{minExact: true, maxExact: true, min: bytes.Clone(low), max: bytes.Clone(high)}
	if len(low) > maxBoundBytes {
		b.min, b.minExact = b.min[:cutText(low, maxBoundBytes)], false
	}
	if len(high) > maxBoundBytes {
		b.max, b.maxExact = upperBound(b.max[:cutText(high, maxBoundBytes)]), false
	}
	if b.max == nil {
		return bounds{}
	}
	return b
}

// head returns the first eight bytes as a number that sorts as they do.
func head(v []byte) uint64 {
	if len(v) >= 8 {
		return binary.BigEndian.Uint64(v)
	}
	var h uint64
	for i, c := range v {
		h |= uint64(c) << (56 - 8*i)
	}
	return h
}

// cutText returns the largest length of at most limit that does not split a character.
func cutText(v []byte, limit int) int {
	for n := limit; n > limit-utf8.UTFMax; n-- {
		if utf8.RuneStart(v[n]) {
			return n
		}
	}
	return limit
}

// upperBound returns a text that is greater than all that begin with prefix: its last character that can be raised is, and what
// follows is dropped. It returns nil if there is none, or if the prefix is no UTF-8.
func upperBound(prefix []byte) []byte {
	if !utf8.Valid(prefix) {
		return nil
	}
	for len(prefix) > 0 {
		r, size := utf8.DecodeLastRune(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xd7ff:
			r = 0xe000 // the surrogates between are no characters
		default:
			r++
		}
		return utf8.AppendRune(prefix, r)
	}
	return nil
}
