package event

import (
	"bytes"
	"slices"
)

// appendCanonical appends a text that is the same for all spellings of a JSON
// value: numbers by value, strings by content, objects without regard to the
// order of their members (a repeated key counts as often as it stands). The
// value must have been scanned.
func appendCanonical(dst, value []byte) []byte {
	switch value[0] {
	case '"':
		return AppendString(dst, AppendUnescaped(nil, value[1:len(value)-1]))
	case '{':
		var s Scanner
		if _, err := s.Object(value, 0); err != nil {
			return append(dst, value...)
		}
		members := make([][]byte, len(s.Members))
		for i := range s.Members {
			f := &s.Members[i]
			member := append(AppendString(nil, f.AppendKey(nil, value)), ':')
			members[i] = appendCanonical(member, f.Raw(value))
		}
		slices.SortFunc(members, bytes.Compare)
		return appendJoined(dst, '{', members, '}')
	case '[':
		var s Scanner
		if _, err := s.Array(value, 0); err != nil {
			return append(dst, value...)
		}
		elements := make([][]byte, len(s.Members))
		for i := range s.Members {
			elements[i] = appendCanonical(nil, s.Members[i].Raw(value))
		}
		return appendJoined(dst, '[', elements, ']')
	case 't', 'f', 'n':
		return append(dst, value...)
	default:
		return appendCanonicalNumber(dst, value)
	}
}

func appendJoined(dst []byte, open byte, parts [][]byte, end byte) []byte {
	dst = append(dst, open)
	for i, part := range parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, part...)
	}
	return append(dst, end)
}
