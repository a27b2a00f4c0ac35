package event

// ValueKind is the type of a JSON value.
type ValueKind uint8

const (
	Null ValueKind = iota + 1
	False
	True
	Number
	String
	Object
	Array
)

// Flags tell what a member contains that a plain copy of it would get wrong.
// A member without flags can be copied byte by byte.
type Flags uint16

const (
	// KeyEscaped: the key contains an escape sequence.
	KeyEscaped Flags = 1 << iota
	// Escaped: a string in the value (or a key in it) contains an escape
	// sequence. This alone does not prevent a plain copy.
	Escaped
	// LoneSurrogate: the key or the value contains a \u escape of half a
	// surrogate pair without the other half.
	LoneSurrogate
	// BadUTF8: the key or the value contains bytes that are not UTF-8.
	BadUTF8
	// Spaced: the value is an object or an array with white space between its
	// parts.
	Spaced
	// Deep: objects are nested in the value deeper than MaxNesting levels, the
	// value itself being level 1.
	Deep
	// ManyKeys: an object in the value has more than MaxNestedKeys members.
	ManyKeys
	// ManyElements: an array in the value has more than MaxArrayElements
	// elements.
	ManyElements
)

// Field is one member of a scanned object, or one element of a scanned array
// (whose key is empty). Offsets count bytes of the scanned text.
type Field struct {
	Key, KeyEnd int32 // the key's text between the quotes, as written
	Val, ValEnd int32 // the value's text as written, quotes included
	Kind        ValueKind
	Flags       Flags
}

// RawKey returns the key as it is written between the quotes.
func (f *Field) RawKey(src []byte) []byte { return src[f.Key:f.KeyEnd] }

// Raw returns the value as it is written, with the quotes of a string.
func (f *Field) Raw(src []byte) []byte { return src[f.Val:f.ValEnd] }

// AppendKey appends the key with its escapes resolved.
func (f *Field) AppendKey(dst, src []byte) []byte {
	if f.Flags&KeyEscaped == 0 {
		return append(dst, src[f.Key:f.KeyEnd]...)
	}
	return AppendUnescaped(dst, src[f.Key:f.KeyEnd])
}

// AppendText appends the contents of a string value with its escapes
// resolved, or the text of any other value as it is written.
func (f *Field) AppendText(dst, src []byte) []byte {
	switch {
	case f.Kind != String:
		return append(dst, src[f.Val:f.ValEnd]...)
	case f.Flags&Escaped == 0:
		return append(dst, src[f.Val+1:f.ValEnd-1]...)
	default:
		return AppendUnescaped(dst, src[f.Val+1:f.ValEnd-1])
	}
}

// KeyIs reports whether the key, with its escapes resolved, is name.
func (f *Field) KeyIs(src []byte, name string) bool {
	if f.Flags&KeyEscaped == 0 {
		return string(src[f.Key:f.KeyEnd]) == name
	}
	return unescapedEqual(src[f.Key:f.KeyEnd], name)
}
