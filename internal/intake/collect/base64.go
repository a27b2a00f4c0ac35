package collect

import (
	"bytes"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

var errBase64 = errors.New("not base64")

// base64Values maps the characters of both alphabets to their values. A space is a + that went through a form without being
// escaped.
var base64Values = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	t['-'], t['_'], t[' '] = 62, 63, 62
	return t
}()

// decodeBase64 decodes b in place: the standard or the URL alphabet, with padding or without, line breaks passed over.
func decodeBase64(b []byte) ([]byte, error) {
	for len(b) > 0 && (b[len(b)-1] == '=' || b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	out, i := 0, 0
	for i+4 <= len(b) {
		v0, v1, v2, v3 := base64Values[b[i]], base64Values[b[i+1]], base64Values[b[i+2]], base64Values[b[i+3]]
		if v0|v1|v2|v3 == 0xff {
			break // a line break, or wrong
		}
		b[out], b[out+1], b[out+2] = v0<<2|v1>>4, v1<<4|v2>>2, v2<<6|v3
		i += 4
		out += 3
	}
	var bits uint32
	n := 0
	for ; i < len(b); i++ {
		if b[i] == '\n' || b[i] == '\r' {
			continue
		}
		v := base64Values[b[i]]
		if v == 0xff {
			return nil, errBase64
		}
		bits = bits<<6 | uint32(v)
		if n++; n == 4 {
			b[out], b[out+1], b[out+2] = byte(bits>>16), byte(bits>>8), byte(bits)
			out += 3
			n, bits = 0, 0
		}
	}
	switch n {
	case 1:
		return nil, errBase64
	case 2:
		b[out] = byte(bits >> 4)
		out++
	case 3:
		b[out], b[out+1] = byte(bits>>10), byte(bits>>2)
		out += 2
	}
	return b[:out], nil
}

// joinSurrogates turns pairs of surrogates that are encoded one by one, three bytes each (CESU-8), into the characters that they stand
// for, in place. The JavaScript SDK's base64 encoder writes emoji so. What is no pair stays, and is refused as invalid UTF-8.
func joinSurrogates(b []byte) []byte {
	in := bytes.IndexByte(b, 0xed)
	if in < 0 {
		return b
	}
	out := in
	for in < len(b) {
		if c, ok := surrogatePair(b[in:]); ok {
			out += utf8.EncodeRune(b[out:out+utf8.UTFMax], c)
			in += 6
			continue
		}
		b[out] = b[in]
		in++
		out++
	}
	return b[:out]
}

func surrogatePair(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != 0xed || b[1]&0xf0 != 0xa0 || b[2]&0xc0 != 0x80 || b[3] != 0xed || b[4]&0xf0 != 0xb0 || b[5]&0xc0 != 0x80 {
		return 0, false
	}
	high := 0xd000 | rune(b[1]&0x3f)<<6 | rune(b[2]&0x3f)
	low := 0xd000 | rune(b[4]&0x3f)<<6 | rune(b[5]&0x3f)
	return utf16.DecodeRune(high, low), true
}
