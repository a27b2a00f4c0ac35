package event

import (
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// plain marks the bytes that stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\'
	}
	return t
}()

// AppendString appends text as a JSON string in quotes. Quotes, backslashes
// and control characters are escaped, nothing else is: text in UTF-8 keeps
// its bytes. Bytes that are not UTF-8 become U+FFFD.
func AppendString[T []byte | string](dst []byte, text T) []byte {
	dst = append(dst, '"')
	dst = AppendEscaped(dst, text)
	return append(dst, '"')
}

// AppendEscaped appends text as AppendString does, without the quotes.
func AppendEscaped[T []byte | string](dst []byte, text T) []byte {
	run := 0
	for i := 0; i < len(text); {
		c := text[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := decodeRune(text, i)
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, text[run:i]...)
		switch {
		case c >= utf8.RuneSelf:
			dst = append(dst, "\ufffd"...)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		run = i
	}
	return append(dst, text[run:]...)
}

func decodeRune[T []byte | string](text T, i int) (rune, int) {
	var b [utf8.UTFMax]byte
	n := copy(b[:], text[i:min(i+utf8.UTFMax, len(text))])
	return utf8.DecodeRune(b[:n])
}

// AppendKey appends a member's key and the colon, with a comma before it
// unless dst ends with the brace that opens the object.
func AppendKey[T []byte | string](dst []byte, key T) []byte {
	if len(dst) > 0 && dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = AppendString(dst, key)
	return append(dst, ':')
}

// AppendStringMember appends "key":"value" to an open object.
func AppendStringMember[K, V []byte | string](dst []byte, key K, value V) []byte {
	return AppendString(AppendKey(dst, key), value)
}

// AppendIntMember appends "key":123 to an open object.
func AppendIntMember[K []byte | string](dst []byte, key K, value int64) []byte {
	return strconv.AppendInt(AppendKey(dst, key), value, 10)
}

// AppendRawMember appends "key":raw to an open object; raw is JSON text.
func AppendRawMember[K []byte | string](dst []byte, key K, raw []byte) []byte {
	return append(AppendKey(dst, key), raw...)
}

// AppendUnescaped appends the contents of a JSON string, as written between
// its quotes, with the escapes resolved. The text must have been scanned.
// Unpaired surrogates become U+FFFD, as in encoding/json.
func AppendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		run := i
		for i < len(raw) && raw[i] != '\\' {
			i++
		}
		dst = append(dst, raw[run:i]...)
		if i < len(raw) {
			var r rune
			r, i = unescapeRune(raw, i)
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// unescapeRune resolves the escape sequence whose backslash is at raw[i] and
// returns the offset after it.
func unescapeRune(raw []byte, i int) (rune, int) {
	if i+1 >= len(raw) {
		return utf8.RuneError, len(raw)
	}
	switch c := raw[i+1]; c {
	case 'b':
		return '\b', i + 2
	case 'f':
		return '\f', i + 2
	case 'n':
		return '\n', i + 2
	case 'r':
		return '\r', i + 2
	case 't':
		return '\t', i + 2
	case 'u':
	default:
		return rune(c), i + 2
	}
	r, ok := hex4(raw, i+2)
	if !ok {
		return utf8.RuneError, len(raw)
	}
	i += 6
	if r&0xf800 != 0xd800 {
		return r, i
	}
	if r < 0xdc00 && i+1 < len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
		if low, ok := hex4(raw, i+2); ok && low&0xfc00 == 0xdc00 {
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, i + 6
		}
	}
	return utf8.RuneError, i
}

// unescapedEqual compares raw, with its escapes resolved, to text.
func unescapedEqual(raw []byte, text string) bool {
	var b [utf8.UTFMax]byte
	for i := 0; i < len(raw); {
		n := 1
		if raw[i] != '\\' {
			b[0] = raw[i]
			i++
		} else {
			var r rune
			r, i = unescapeRune(raw, i)
			n = utf8.EncodeRune(b[:], r)
		}
		if len(text) < n || text[:n] != string(b[:n]) {
			return false
		}
		text = text[n:]
	}
	return text == ""
}

// AppendCompact appends scanned JSON text without the white space between its
// parts and with unpaired surrogate escapes as \ufffd. All else is kept as it
// is written.
func AppendCompact(dst, value []byte) []byte {
	for i := 0; i < len(value); {
		c := value[i]
		i++
		if c != '"' {
			if c > ' ' {
				dst = append(dst, c)
			}
			continue
		}
		start := i
		for value[i] != '"' {
			if value[i] == '\\' {
				i++
			}
			i++
		}
		dst = append(dst, '"')
		dst = appendPaired(dst, value[start:i])
		dst = append(dst, '"')
		i++
	}
	return dst
}

// appendPaired appends a string's text between the quotes as it is written,
// except that unpaired surrogate escapes become \ufffd.
func appendPaired(dst, raw []byte) []byte {
	run := 0
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			i++
			continue
		}
		r, next := unescapeRune(raw, i)
		if r == utf8.RuneError && raw[i+1] == 'u' && raw[i+2]|0x20 == 'd' {
			dst = append(append(dst, raw[run:i]...), `\ufffd`...)
			run = next
		}
		i = next
	}
	return append(dst, raw[run:]...)
}

// truncateRaw returns the longest prefix of a string's text between the
// quotes, as written, that holds at most limit characters. An escape sequence
// is one character, and so is a surrogate pair.
func truncateRaw(raw []byte, limit int) []byte {
	if len(raw) <= limit {
		return raw
	}
	i := 0
	for ; limit > 0 && i < len(raw); limit-- {
		if raw[i] == '\\' {
			_, i = unescapeRune(raw, i)
			continue
		}
		_, size := utf8.DecodeRune(raw[i:])
		i += size
	}
	return raw[:i]
}

// truncateText is truncateRaw for text without escapes.
func truncateText(text []byte, limit int) []byte {
	if len(text) <= limit {
		return text
	}
	i := 0
	for ; limit > 0 && i < len(text); limit-- {
		_, size := utf8.DecodeRune(text[i:])
		i += size
	}
	return text[:i]
}
