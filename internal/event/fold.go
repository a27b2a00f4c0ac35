package event

import (
	"bytes"
	"fmt"
	"time"
)

// ProfileFold applies profile and group operations, in order, to the
// properties of one profile. It is a pure function of the profile and the
// operations: the same ones give the same bytes.
//
// Properties keep the order in which they were first set; values keep their
// spelling, except that $add writes its exact sum as a plain decimal. Where
// an operation does not fit the value it meets ($add to a text, $union to a
// value that is no list), the value stays as it is. A profile has at most
// MaxProfileProperties properties and a list at most MaxProfileValueBytes:
// what would go beyond is not added.
//
// $last_seen is set to the time of every operation on a user profile that
// leaves one behind, as 2006-01-02T15:04:05 in UTC, except by operations with
// $ignore_time and by those that name $last_seen themselves.
//
// A ProfileFold is reused from profile to profile.
type ProfileFold struct {
	exists  bool
	order   []profileProperty
	index   map[string]int
	live    int
	outer   Scanner
	inner   Scanner
	list    Scanner
	equal   keySet
	scratch []byte
}

// profileProperty is a property of the profile; a nil value means that it was
// removed again.
type profileProperty struct {
	name  string
	value []byte
}

const lastSeen = "$last_seen"

// FoldProfile applies the operations to a profile's properties, nil for no
// profile, and returns the new properties, nil for no profile.
func FoldProfile(properties []byte, operations []Record) ([]byte, error) {
	var fold ProfileFold
	if err := fold.Reset(properties); err != nil {
		return nil, err
	}
	for i := range operations {
		if err := fold.Apply(&operations[i]); err != nil {
			return nil, err
		}
	}
	return fold.Properties(nil), nil
}

// Reset begins with the profile's properties as JSON text, nil for no
// profile. The text must not change before Properties is called.
func (p *ProfileFold) Reset(properties []byte) error {
	p.clear()
	p.exists = properties != nil
	if !p.exists {
		return nil
	}
	if _, err := p.outer.Object(properties, 0); err != nil {
		return fmt.Errorf("reading a profile: %w", err)
	}
	for i := range p.outer.Members {
		f := &p.outer.Members[i]
		p.set(string(f.AppendKey(nil, properties)), f.Raw(properties))
	}
	return nil
}

func (p *ProfileFold) clear() {
	p.exists, p.live = false, 0
	clear(p.order)
	p.order = p.order[:0]
	if p.index == nil {
		p.index = make(map[string]int)
	}
	clear(p.index)
}

// Properties appends the properties as JSON text to dst and returns it, or
// returns nil if there is no profile.
func (p *ProfileFold) Properties(dst []byte) []byte {
	if !p.exists {
		return nil
	}
	dst = append(dst, '{')
	first := len(dst)
	for i := range p.order {
		if property := &p.order[i]; property.value != nil {
			if len(dst) > first {
				dst = append(dst, ',')
			}
			dst = append(AppendString(dst, property.name), ':')
			dst = append(dst, property.value...)
		}
	}
	return append(dst, '}')
}

// Apply applies one operation as a Normalizer made it. It keeps no reference
// to op. An error means that op.Properties is not such an operation.
func (p *ProfileFold) Apply(op *Record) error {
	src := bytes.Clone(op.Properties)
	if _, err := p.outer.Object(src, 0); err != nil {
		return fmt.Errorf("reading a %s operation: %w", op.Kind, err)
	}
	operator := Operator(op.Name)
	payload := p.outer.Member(string(operator))
	if payload == nil || operatorOf(payload, src) != operator {
		return fmt.Errorf("reading a %s operation: no operator %q in %.100q", op.Kind, op.Name, src)
	}
	if operator == OpDelete {
		p.clear()
		return nil
	}
	var err error
	if operator == OpUnset {
		_, err = p.inner.Array(src, int(payload.Val))
	} else {
		_, err = p.inner.Object(src, int(payload.Val))
	}
	if err != nil {
		return fmt.Errorf("reading a %s operation's %s: %w", op.Kind, operator, err)
	}
	if operator != OpUnset && operator != OpRemove {
		p.exists = true
	}
	if !p.exists {
		return nil
	}
	touch := op.Kind == KindProfile && !truthy(p.outer.Member("$ignore_time"), src)
	for i := range p.inner.Members {
		f := &p.inner.Members[i]
		var name string
		if operator == OpUnset {
			name = string(f.AppendText(nil, src))
		} else {
			name = string(f.AppendKey(nil, src))
		}
		touch = touch && name != lastSeen
		p.apply(operator, name, f.Raw(src))
	}
	if touch {
		seen := append([]byte{'"'}, time.UnixMilli(op.Time).UTC().Format(isoDateTime)...)
		p.set(lastSeen, append(seen, '"'))
	}
	return nil
}

// truthy reports whether a modifier is switched on: true, a number other than
// 0, or a string other than "", "0" and "false".
func truthy(f *Field, src []byte) bool {
	if f == nil {
		return false
	}
	switch f.Kind {
	case True:
		return true
	case Number:
		return string(appendCanonicalNumber(nil, f.Raw(src))) != "0"
	case String:
		switch string(f.AppendText(nil, src)) {
		case "", "0", "false":
			return false
		}
		return true
	}
	return false
}

// set writes a property. The value must not change afterwards.
func (p *ProfileFold) set(name string, value []byte) {
	i, ok := p.index[name]
	switch {
	case ok:
		p.order[i].value = value
	case p.live < MaxProfileProperties:
		p.index[name] = len(p.order)
		p.order = append(p.order, profileProperty{name: name, value: value})
		p.live++
	}
}

// unset removes a property. Set again, it moves to the end.
func (p *ProfileFold) unset(name string) {
	if i, ok := p.index[name]; ok {
		p.order[i] = profileProperty{}
		delete(p.index, name)
		p.live--
	}
}

func (p *ProfileFold) apply(operator Operator, name string, value []byte) {
	var old []byte
	if i, ok := p.index[name]; ok {
		old = p.order[i].value
	}
	switch operator {
	case OpSet:
		p.set(name, value)
	case OpSetOnce:
		if old == nil {
			p.set(name, value)
		}
	case OpUnset:
		p.unset(name)
	case OpAdd:
		if old == nil {
			old = []byte{'0'}
		}
		a, numeric := parseNumber(old)
		b, addend := parseNumber(value)
		if numeric && addend {
			p.set(name, a.add(b).append(nil))
		}
	case OpAppend:
		if old == nil {
			old = []byte("[]")
		}
		if old[0] == '[' && len(old)+len(value) < MaxProfileValueBytes {
			p.set(name, appendElement(bytes.Clone(old), value))
		}
	case OpUnion:
		if old == nil {
			old = []byte("[]")
		}
		if old[0] == '[' && value[0] == '[' {
			p.set(name, p.union(old, value))
		}
	case OpRemove:
		if old != nil && old[0] == '[' {
			p.set(name, p.without(old, value))
		}
	}
}

func parseNumber(value []byte) (decimal, bool) {
	if c := value[0]; c != '-' && c-'0' > 9 {
		return decimal{}, false
	}
	return parseDecimal(value)
}

// appendElement appends an element to a list.
func appendElement(list, value []byte) []byte {
	list = bytes.TrimRight(list[:len(list)-1], " \t\r\n")
	if list[len(list)-1] != '[' {
		list = append(list, ',')
	}
	return append(append(list, value...), ']')
}

// union returns the list with those elements of more that are not in it.
func (p *ProfileFold) union(list, more []byte) []byte {
	if _, err := p.list.Array(list, 0); err != nil {
		return list
	}
	have := len(p.list.Members)
	// Fewer elements than half the bytes, in either text.
	p.equal.reset(have + len(more)/2 + 1)
	for i := range p.list.Members {
		p.equal.add(appendCanonical(nil, p.list.Members[i].Raw(list)))
	}
	if _, err := p.list.Array(more, 0); err != nil {
		return list
	}
	result := bytes.Clone(list)
	for i := range p.list.Members {
		value := p.list.Members[i].Raw(more)
		if len(result)+len(value) < MaxProfileValueBytes && p.equal.add(appendCanonical(nil, value)) {
			result = appendElement(result, value)
		}
	}
	return result
}

// without returns the list without the elements that equal the value.
func (p *ProfileFold) without(list, value []byte) []byte {
	if _, err := p.list.Array(list, 0); err != nil {
		return list
	}
	unwanted := appendCanonical(nil, value)
	result := []byte("[]")
	for i := range p.list.Members {
		element := p.list.Members[i].Raw(list)
		p.scratch = appendCanonical(p.scratch[:0], element)
		if !bytes.Equal(p.scratch, unwanted) {
			result = appendElement(result, element)
		}
	}
	return result
}
