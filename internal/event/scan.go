package event

import (
	"fmt"
	"math"
)

// MaxDepth is how deep objects and arrays may nest in scanned text. It bounds
// the scanner's stack; the rules for property values are far stricter.
const MaxDepth = 128

// maxIdleFields is how large tables a Scanner keeps from one text to the next,
// so that one absurd text does not hold memory for ever.
const maxIdleFields = 1 << 14

// SyntaxError says where text stops being JSON.
type SyntaxError struct {
	// Offset is the position in the scanned text, in bytes.
	Offset int
	// Message says what was expected or is wrong.
	Message string
	// Rest is true when everything after the offset is unreadable too.
	Rest bool
}

// Error returns the message with its position.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Message)
}

// Scanner checks JSON text against RFC 8259 in one pass and notes where the
// members of an object are. It accepts and refuses exactly what
// encoding/json.Valid does, except that nesting ends at MaxDepth; invalid
// UTF-8 in strings is accepted and flagged (BadUTF8). Texts are shorter than
// 2 GiB.
//
// A Scanner reuses its tables: they hold until the next call.
type Scanner struct {
	// Members are the members of the scanned object in the order of the text,
	// repeated keys included.
	Members []Field
	// Inner are the members of the object that is the value of the member
	// named by Within. When that key repeats, they are those of the last.
	Inner []Field
	// Within names the member whose members are noted too; empty for none.
	Within string

	src   []byte
	flags Flags
	// failAt and failure hold the first error while the scan unwinds.
	failAt  int
	failure string
}

// Object scans the object that starts at src[pos], white space before it
// allowed, and returns the offset after it. The error is a *SyntaxError.
func (s *Scanner) Object(src []byte, pos int) (end int, err error) {
	end, failed := s.scanObject(src, pos)
	if failed != nil {
		return pos, failed
	}
	return end, nil
}

func (s *Scanner) scanObject(src []byte, pos int) (end int, err *SyntaxError) {
	if !s.begin(src) {
		return pos, s.syntaxError()
	}
	pos = s.space(pos)
	if pos == len(src) || src[pos] != '{' {
		s.fail(pos, "expected an object")
		return pos, s.syntaxError()
	}
	end, s.Members = s.members(pos, s.Members, s.Within != "", 1)
	if end < 0 {
		return pos, s.syntaxError()
	}
	return end, nil
}

// Value scans the value of any kind that starts at src[pos], white space
// before it allowed, without noting members. It returns the value as a Field
// without a key; ValEnd is the offset after it. The error is a *SyntaxError.
func (s *Scanner) Value(src []byte, pos int) (Field, error) {
	f, failed := s.scanValue(src, pos)
	if failed != nil {
		return f, failed
	}
	return f, nil
}

func (s *Scanner) scanValue(src []byte, pos int) (Field, *SyntaxError) {
	if !s.begin(src) {
		return Field{}, s.syntaxError()
	}
	f, _ := s.element(pos, 0)
	if f.ValEnd < 0 {
		return Field{}, s.syntaxError()
	}
	return f, nil
}

// Array scans the array that starts at src[pos], white space before it
// allowed, notes its elements in Members, and returns the offset after it.
// The error is a *SyntaxError.
func (s *Scanner) Array(src []byte, pos int) (end int, err error) {
	if !s.begin(src) {
		return pos, s.syntaxError()
	}
	pos = s.space(pos)
	if pos == len(src) || src[pos] != '[' {
		s.fail(pos, "expected an array")
		return pos, s.syntaxError()
	}
	i := s.space(pos + 1)
	if i < len(src) && src[i] == ']' {
		return i + 1, nil
	}
	for {
		var f Field
		f, i = s.element(i, 1)
		if i < 0 {
			return pos, s.syntaxError()
		}
		s.Members = append(s.Members, f)
		i = s.space(i)
		if i < len(src) && src[i] == ',' {
			i++
			continue
		}
		if i < len(src) && src[i] == ']' {
			return i + 1, nil
		}
		s.fail(i, "expected ',' or ']' after an array element")
		return pos, s.syntaxError()
	}
}

// element scans a value without a key inside depth containers, white space
// before it allowed.
func (s *Scanner) element(i, depth int) (Field, int) {
	s.flags = 0
	i = s.space(i)
	end, kind := s.value(i, depth, 0)
	return Field{Key: int32(i), KeyEnd: int32(i), Val: int32(i), ValEnd: int32(end), Kind: kind, Flags: s.flags}, end
}

// Source returns the text of the last scan, which the offsets refer to.
func (s *Scanner) Source() []byte { return s.src }

// Member returns the last of the scanned object's members with the name, or
// nil.
func (s *Scanner) Member(name string) *Field { return lastNamed(s.Members, s.src, name) }

// InnerMember returns the last of the inner members with the name, or nil.
func (s *Scanner) InnerMember(name string) *Field { return lastNamed(s.Inner, s.src, name) }

func lastNamed(fields []Field, src []byte, name string) *Field {
	for i := len(fields) - 1; i >= 0; i-- {
		if fields[i].KeyIs(src, name) {
			return &fields[i]
		}
	}
	return nil
}

// begin prepares the tables for src and reports whether it can be scanned.
func (s *Scanner) begin(src []byte) bool {
	if cap(s.Members)+cap(s.Inner) > maxIdleFields {
		s.Members, s.Inner = nil, nil
	}
	s.Members, s.Inner = s.Members[:0], s.Inner[:0]
	s.src, s.flags = src, 0
	if len(src) > math.MaxInt32 {
		s.fail(math.MaxInt32, "text is longer than 2 GiB")
		return false
	}
	return true
}

// fail notes an error and returns the -1 that tells the callers to unwind.
func (s *Scanner) fail(at int, message string) int {
	if at >= len(s.src) {
		at, message = len(s.src), "unexpected end of text"
	}
	s.failAt, s.failure = at, message
	return -1
}

func (s *Scanner) syntaxError() *SyntaxError {
	return &SyntaxError{Offset: s.failAt, Message: s.failure}
}

func (s *Scanner) space(i int) int {
	src := s.src
	for i < len(src) && (src[i] == ' ' || src[i] == '\n' || src[i] == '\r' || src[i] == '\t') {
		i++
	}
	return i
}

// members scans the object whose '{' is at src[i] and appends its members to
// dst. With inner set it also notes the members of the member Within.
func (s *Scanner) members(i int, dst []Field, inner bool, depth int) (int, []Field) {
	src := s.src
	i++
	if i < len(src) && src[i] <= ' ' {
		i = s.space(i)
	}
	if i < len(src) && src[i] == '}' {
		return i + 1, dst
	}
	for {
		if i >= len(src) || src[i] != '"' {
			return s.fail(i, "expected a string as object key"), dst
		}
		s.flags = 0
		key := i + 1
		i = s.text(key)
		if i < 0 {
			return i, dst
		}
		// A key's escapes are told apart from the value's.
		keyFlags := s.flags&^Escaped | (s.flags&Escaped)>>1
		f := Field{Key: int32(key), KeyEnd: int32(i), Flags: keyFlags}
		i++
		if i < len(src) && src[i] <= ' ' {
			i = s.space(i)
		}
		if i >= len(src) || src[i] != ':' {
			return s.fail(i, "expected ':' after an object key"), dst
		}
		i++
		if i < len(src) && src[i] <= ' ' {
			i = s.space(i)
		}
		f.Val = int32(i)
		s.flags = 0
		within := inner && f.KeyIs(src, s.Within)
		if within {
			s.Inner = s.Inner[:0]
		}
		if within && i < len(src) && src[i] == '{' {
			f.Kind = Object
			i, s.Inner = s.members(i, s.Inner, false, depth+1)
		} else {
			i, f.Kind = s.value(i, depth, 0)
		}
		if i < 0 {
			return i, dst
		}
		f.ValEnd = int32(i)
		f.Flags |= s.flags
		dst = append(dst, f)
		if i < len(src) && src[i] <= ' ' {
			i = s.space(i)
		}
		if i < len(src) && src[i] == ',' {
			i++
			if i < len(src) && src[i] <= ' ' {
				i = s.space(i)
			}
			continue
		}
		if i < len(src) && src[i] == '}' {
			return i + 1, dst
		}
		return s.fail(i, "expected ',' or '}' after an object member"), dst
	}
}

// value scans a value at src[i] inside depth containers, of which the last
// objects are objects that belong to one property value.
func (s *Scanner) value(i, depth, objects int) (int, ValueKind) {
	src := s.src
	if i >= len(src) {
		return s.fail(i, "expected a value"), 0
	}
	switch c := src[i]; c {
	case '"':
		if i = s.text(i + 1); i < 0 {
			return i, 0
		}
		return i + 1, String
	case '{':
		return s.object(i, depth+1, objects+1), Object
	case '[':
		return s.array(i, depth+1, objects), Array
	case 't':
		return s.literal(i, "true"), True
	case 'f':
		return s.literal(i, "false"), False
	case 'n':
		return s.literal(i, "null"), Null
	default:
		if c == '-' || c-'0' <= 9 {
			return s.number(i), Number
		}
		return s.fail(i, "expected a value"), 0
	}
}

func (s *Scanner) literal(i int, word string) int {
	if len(s.src)-i < len(word) || string(s.src[i:i+len(word)]) != word {
		return s.fail(i, "expected a value")
	}
	return i + len(word)
}

// gap skips white space inside a property value and notes that there is some.
func (s *Scanner) gap(i int) int {
	if i < len(s.src) && s.src[i] <= ' ' {
		if j := s.space(i); j != i {
			s.flags |= Spaced
			return j
		}
	}
	return i
}

func (s *Scanner) object(i, depth, objects int) int {
	if depth > MaxDepth {
		return s.fail(i, "nested too deep")
	}
	if objects > MaxNesting {
		s.flags |= Deep
	}
	src := s.src
	i = s.gap(i + 1)
	if i < len(src) && src[i] == '}' {
		return i + 1
	}
	for n := 1; ; n++ {
		if i >= len(src) || src[i] != '"' {
			return s.fail(i, "expected a string as object key")
		}
		if i = s.text(i + 1); i < 0 {
			return i
		}
		i = s.gap(i + 1)
		if i >= len(src) || src[i] != ':' {
			return s.fail(i, "expected ':' after an object key")
		}
		if i, _ = s.value(s.gap(i+1), depth, objects); i < 0 {
			return i
		}
		i = s.gap(i)
		if i < len(src) && src[i] == ',' {
			i = s.gap(i + 1)
			continue
		}
		if i < len(src) && src[i] == '}' {
			if n > MaxNestedKeys {
				s.flags |= ManyKeys
			}
			return i + 1
		}
		return s.fail(i, "expected ',' or '}' after an object member")
	}
}

func (s *Scanner) array(i, depth, objects int) int {
	if depth > MaxDepth {
		return s.fail(i, "nested too deep")
	}
	src := s.src
	i = s.gap(i + 1)
	if i < len(src) && src[i] == ']' {
		return i + 1
	}
	for n := 1; ; n++ {
		if i, _ = s.value(i, depth, objects); i < 0 {
			return i
		}
		i = s.gap(i)
		if i < len(src) && src[i] == ',' {
			i = s.gap(i + 1)
			continue
		}
		if i < len(src) && src[i] == ']' {
			if n > MaxArrayElements {
				s.flags |= ManyElements
			}
			return i + 1
		}
		return s.fail(i, "expected ',' or ']' after an array element")
	}
}

func (s *Scanner) number(i int) int {
	src := s.src
	if src[i] == '-' {
		i++
	}
	switch {
	case i < len(src) && src[i] == '0':
		i++
	case i < len(src) && src[i]-'1' < 9:
		for i++; i < len(src) && src[i]-'0' <= 9; i++ {
		}
	default:
		return s.fail(i, "expected a digit")
	}
	if i < len(src) && src[i] == '.' {
		start := i + 1
		for i++; i < len(src) && src[i]-'0' <= 9; i++ {
		}
		if i == start {
			return s.fail(i, "expected a digit after the decimal point")
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		i++
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		start := i
		for ; i < len(src) && src[i]-'0' <= 9; i++ {
		}
		if i == start {
			return s.fail(i, "expected a digit in the exponent")
		}
	}
	return i
}
