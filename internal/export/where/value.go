package where

import (
	"github.com/refract-io/refract/internal/event"
)

type kind uint8

const (
	kindUndefined kind = iota
	kindNull
	kindBoolean
	kindNumber
	kindText
	kindList
	kindObject
	kindTime
)

var kindNames = [...]string{"undefined", "null", "a boolean", "a number", "a text", "a list", "an object", "a time"}

// value is what an expression yields.
type value struct {
	kind    kind
	boolean bool
	number  number
	// text is a text's content, or the JSON text of a list or an object of a record.
	text []byte
	// elements are those of a list in the expression.
	elements []value
	// time is in milliseconds since 1970-01-01 UTC.
	time int64
}

func booleanValue(b bool) value  { return value{kind: kindBoolean, boolean: b} }
func numberValue(n number) value { return value{kind: kindNumber, number: n} }
func textValue(t []byte) value   { return value{kind: kindText, text: t} }
func timeValue(ms int64) value   { return value{kind: kindTime, time: ms} }

// idValue is the value of an id, of which empty means absent.
func idValue(id []byte) value {
	if len(id) == 0 {
		return value{}
	}
	return textValue(id)
}

// moment reads the value as datetime() does.
func (v *value) moment() (ms int64, ok bool) {
	switch v.kind {
	case kindTime:
		return v.time, true
	case kindNumber:
		var buffer [64]byte
		return event.ParseTime(v.number.append(buffer[:0]))
	case kindText:
		return parseDatetime(v.text)
	default:
		return 0, false
	}
}

// fieldValue returns the value of a scanned member or element. Texts with escapes are resolved into v's scratch memory.
func (v *View) fieldValue(f *event.Field, src []byte) value {
	switch f.Kind {
	case event.Null:
		return value{kind: kindNull}
	case event.True, event.False:
		return booleanValue(f.Kind == event.True)
	case event.Number:
		n, _ := parseNumber(f.Raw(src)) // it is JSON's number, which is a part of ours
		return numberValue(n)
	case event.String:
		if f.Flags&event.Escaped == 0 {
			raw := f.Raw(src)
			return textValue(raw[1 : len(raw)-1])
		}
		start := len(v.scratch)
		v.scratch = f.AppendText(v.scratch, src)
		return textValue(v.scratch[start:len(v.scratch):len(v.scratch)])
	case event.Array:
		return value{kind: kindList, text: f.Raw(src)}
	default:
		return value{kind: kindObject, text: f.Raw(src)}
	}
}
