package event

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// propertyInvalid refuses a property of an event.
func propertyInvalid(name, reason string) *Invalid {
	field := "properties." + name
	return &Invalid{Field: field, Message: "'" + field + "' is invalid: " + reason}
}

func tooManyProperties() *Invalid {
	return &Invalid{
		Field:   "properties",
		Message: "'properties' is invalid: must have at most " + strconv.Itoa(MaxProperties) + " properties",
	}
}

// copyCarefully does what copyPlain does for events with repeated keys,
// escapes in keys, texts to cut off or white space to remove, and says what
// is wrong with those that are beyond a limit.
func (n *Normalizer) copyCarefully(s *Scanner, p *Policy) error {
	n.properties = append(n.properties[:0], '{')
	clear(n.lifted[:])
	if err := n.resolveNames(s.Inner, s.src, "properties"); err != nil {
		return err
	}
	kept, chars := 0, MaxStringChars
	if p.Whole {
		chars = math.MaxInt
	}
	for i := range s.Inner {
		f, name := &s.Inner[i], n.names[i]
		if n.dropped[i] {
			continue
		}
		if reason := valueFault(f); reason != "" && !p.Whole {
			return propertyInvalid(string(name), reason)
		}
		if f.Flags&BadUTF8 != 0 {
			return badText("properties." + string(name))
		}
		r := reservedKey(name, hashKey(name, 0, len(name)))
		if r != ordinary && n.lift(r, i, p) {
			continue
		}
		if kept++; kept > MaxProperties && !p.Whole {
			return tooManyProperties()
		}
		n.properties = appendName(n.properties, f, s.src, name)
		start := len(n.properties)
		n.properties = appendValue(n.properties, f, s.src, chars)
		if size := len(n.properties) - start; size > MaxEventValueBytes && (f.Kind == Object || f.Kind == Array) && !p.Whole {
			return propertyInvalid(string(name), "must be at most "+strconv.Itoa(MaxEventValueBytes)+" bytes")
		}
	}
	return nil
}

// resolveNames fills n.names with the members' names, escapes resolved and
// cut off, and marks in n.dropped those that a later member repeats.
func (n *Normalizer) resolveNames(fields []Field, src []byte, parent string) error {
	n.names, n.dropped = n.names[:0], n.dropped[:0]
	for i := range fields {
		f := &fields[i]
		name := f.RawKey(src)
		if f.Flags&KeyEscaped != 0 {
			start := len(n.text)
			n.text = f.AppendKey(n.text, src)
			name = n.text[start:]
		}
		if f.Flags&BadUTF8 != 0 && !utf8.Valid(name) {
			return badText(parent)
		}
		n.names = append(n.names, truncateText(name, MaxNameChars))
		n.dropped = append(n.dropped, false)
	}
	n.keys.reset(len(fields))
	for i := len(fields) - 1; i >= 0; i-- {
		n.dropped[i] = !n.keys.add(n.names[i])
	}
	return nil
}

// badText is worded as Mixpanel words it.
func badText(field string) *Invalid {
	return &Invalid{Field: field, Message: field + " is invalid: string should be valid utf8"}
}

// valueFault says which limit a property value breaks, or "".
func valueFault(f *Field) string {
	switch {
	case f.Flags&Deep != 0:
		return "must not nest objects deeper than " + strconv.Itoa(MaxNesting) + " levels"
	case f.Flags&ManyKeys != 0:
		return "must have at most " + strconv.Itoa(MaxNestedKeys) + " keys in an object"
	case f.Flags&ManyElements != 0:
		return "must have at most " + strconv.Itoa(MaxArrayElements) + " elements in an array"
	}
	return ""
}

// appendName appends the member's key and colon: as written if the name is
// whole, otherwise written anew.
func appendName(dst []byte, f *Field, src, name []byte) []byte {
	if f.Flags&LoneSurrogate != 0 || f.KeyEnd-f.Key > MaxNameChars {
		return AppendKey(dst, name)
	}
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, src[f.Key-1:f.KeyEnd+1]...)
	return append(dst, ':')
}

// appendValue appends the value, compact, and a string cut off after so many
// characters.
func appendValue(dst []byte, f *Field, src []byte, chars int) []byte {
	raw := f.Raw(src)
	if f.Kind == String {
		raw = truncateRaw(raw[1:len(raw)-1], chars)
		dst = append(dst, '"')
		if f.Flags&LoneSurrogate != 0 {
			dst = appendPaired(dst, raw)
		} else {
			dst = append(dst, raw...)
		}
		return append(dst, '"')
	}
	if f.Flags&(Spaced|LoneSurrogate) != 0 {
		return AppendCompact(dst, raw)
	}
	return append(dst, raw...)
}
