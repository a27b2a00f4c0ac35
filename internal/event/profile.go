package event

import (
	"bytes"
	"strconv"
)

// maxModifiers bounds the members of a profile update beside its operators;
// the official clients send six at most.
const maxModifiers = 64

// Profile appends the user profile operations of b's current record to dst:
// one Record per operator, in the order of the text, although the official
// clients send one operator a record. The batch must have been reset without
// an inner name. It returns an *Invalid and appends nothing if the record
// cannot be taken.
//
// The address in $ip, or the request's, is used for geolocation and not kept.
func (n *Normalizer) Profile(dst []Record, b *Batch, p *Policy) ([]Record, error) {
	return n.operations(dst, b, p, KindProfile)
}

// Group is Profile for updates of group profiles, which $group_key and
// $group_id name instead of $distinct_id, and which are not located.
func (n *Normalizer) Group(dst []Record, b *Batch, p *Policy) ([]Record, error) {
	return n.operations(dst, b, p, KindGroup)
}

func (n *Normalizer) operations(dst []Record, b *Batch, p *Policy, kind Kind) ([]Record, error) {
	s := &b.scanner
	n.text, n.properties = n.text[:0], n.properties[:0]
	if b.end-b.start >= MaxRecordBytes {
		return dst, &Invalid{Message: "update is invalid: must be smaller than " + strconv.Itoa(MaxRecordBytes) + " bytes"}
	}
	if len(s.Members) > maxModifiers {
		return dst, &Invalid{Message: "update is invalid: must have at most " + strconv.Itoa(maxModifiers) + " members"}
	}
	rec := Record{Kind: kind, Time: p.Now, Received: p.Now}
	var err error
	if kind == KindGroup {
		if rec.GroupKey, err = n.profileID(s, "$group_key"); err != nil {
			return dst, err
		}
		rec.DistinctID, err = n.profileID(s, "$group_id")
	} else {
		rec.DistinctID, err = n.profileID(s, "$distinct_id")
	}
	if err != nil {
		return dst, err
	}
	if kind == KindProfile && DisallowedID(rec.DistinctID) {
		return dst, &Invalid{Field: "$distinct_id", Message: `$distinct_id is invalid: "` + string(rec.DistinctID) + `" is not allowed`}
	}
	first := len(dst)
	for i := range s.Members {
		f := &s.Members[i]
		op := operatorOf(f, s.src)
		if op == "" || s.Member(string(op)) != f {
			continue
		}
		rec.Name = f.RawKey(s.src)
		if rec.Properties, err = n.operation(s, f, op, kind, p); err != nil {
			return dst[:first], err
		}
		dst = append(dst, rec)
	}
	if len(dst) == first {
		return dst, &Invalid{Message: "update is invalid: must have one of " +
			"$set, $set_once, $add, $union, $append, $remove, $unset, $delete"}
	}
	return dst, nil
}

func (n *Normalizer) profileID(s *Scanner, name string) ([]byte, error) {
	f := s.Member(name)
	if f == nil || f.Kind == Null || f.Kind == String && f.ValEnd-f.Val == 2 {
		return nil, &Invalid{Field: name, Message: name + ", missing or empty"}
	}
	switch {
	case f.Flags&BadUTF8 != 0:
		return nil, badText(name)
	case f.Kind == String:
		return truncateText(n.stringText(f, s.src), MaxStringChars), nil
	case f.Kind == Number:
		return f.Raw(s.src), nil
	}
	return nil, &Invalid{Field: name, Message: name + " is invalid: must be a string"}
}

// operation builds the Properties of one operator's record behind what is
// already in n.properties, because all of a record's operations hold together.
func (n *Normalizer) operation(s *Scanner, f *Field, op Operator, kind Kind, p *Policy) ([]byte, error) {
	start := len(n.properties)
	n.properties = append(n.properties, '{')
	n.properties = AppendKey(n.properties, string(op))
	var err error
	switch op {
	case OpDelete:
		n.properties = append(n.properties, `""`...)
	case OpUnset:
		err = n.nameList(s, f)
	case OpAppend:
		if kind == KindGroup {
			return nil, operatorInvalid(op, "", "is not supported for groups")
		}
		err = n.payloadObject(s, f, op, kind, p)
	default:
		err = n.payloadObject(s, f, op, kind, p)
	}
	if err != nil {
		return nil, err
	}
	for i := range s.Members {
		if m := &s.Members[i]; isModifier(m, s) {
			if m.Flags&BadUTF8 != 0 {
				return nil, badText(string(m.AppendKey(nil, s.src)))
			}
			n.properties = AppendKey(n.properties, m.AppendKey(nil, s.src))
			n.properties = AppendCompact(n.properties, m.Raw(s.src))
		}
	}
	n.properties = append(n.properties, '}')
	return n.properties[start:len(n.properties):len(n.properties)], nil
}

// isModifier reports whether the member is kept beside the operator: it is
// not an address of the record, and no later member repeats it.
func isModifier(m *Field, s *Scanner) bool {
	if operatorOf(m, s.src) != "" {
		return false
	}
	name := string(m.AppendKey(nil, s.src))
	switch name {
	case "$token", "$distinct_id", "$group_key", "$group_id", "$ip":
		return false
	}
	return s.Member(name) == m
}

func operatorInvalid(op Operator, name, reason string) *Invalid {
	field := string(op)
	if name != "" {
		field += "." + name
	}
	return &Invalid{Field: field, Message: "'" + field + "' is invalid: " + reason}
}

// nameList writes the payload of $unset: a list of property names. A single
// name is taken for a list of one.
func (n *Normalizer) nameList(s *Scanner, f *Field) error {
	const reason = "must be a list of property names"
	if f.Flags&BadUTF8 != 0 {
		return badText(string(OpUnset))
	}
	fields := []Field{*f}
	switch f.Kind {
	case Array:
		if _, err := n.payload.Array(s.src, int(f.Val)); err != nil {
			return err
		}
		fields = n.payload.Members
	case String:
	default:
		return operatorInvalid(OpUnset, "", reason)
	}
	n.properties = append(n.properties, '[')
	for i := range fields {
		if fields[i].Kind != String {
			return operatorInvalid(OpUnset, "", reason)
		}
		if i > 0 {
			n.properties = append(n.properties, ',')
		}
		n.properties = AppendString(n.properties, truncateText(fields[i].AppendText(nil, s.src), MaxNameChars))
	}
	n.properties = append(n.properties, ']')
	return nil
}

// payloadObject writes the payload of an operator that takes an object.
func (n *Normalizer) payloadObject(s *Scanner, f *Field, op Operator, kind Kind, p *Policy) error {
	if f.Kind != Object {
		return operatorInvalid(op, "", "must be an object")
	}
	if _, err := n.payload.Object(s.src, int(f.Val)); err != nil {
		return err
	}
	fields := n.payload.Members
	if len(fields) > MaxProfileProperties {
		return operatorInvalid(op, "", "must have at most "+strconv.Itoa(MaxProfileProperties)+" properties")
	}
	if err := n.resolveNames(fields, s.src, string(op)); err != nil {
		return err
	}
	n.properties = append(n.properties, '{')
	for i := range fields {
		v, name := &fields[i], n.names[i]
		if n.dropped[i] {
			continue
		}
		if v.Flags&BadUTF8 != 0 {
			return badText(string(op) + "." + string(name))
		}
		if reason := payloadFault(op, v, s.src); reason != "" {
			return operatorInvalid(op, string(name), reason)
		}
		n.properties = appendName(n.properties, v, s.src, name)
		start := len(n.properties)
		list := op == OpUnion && v.Kind != Array
		if list {
			n.properties = append(n.properties, '[')
		}
		n.properties = appendValue(n.properties, v, s.src, MaxStringChars)
		if list {
			n.properties = append(n.properties, ']')
		}
		if len(n.properties)-start > MaxProfileValueBytes {
			return operatorInvalid(op, string(name), "must be at most "+strconv.Itoa(MaxProfileValueBytes)+" bytes")
		}
	}
	if op == OpSet && kind == KindProfile {
		n.addProfileGeo(s, p)
	}
	n.properties = append(n.properties, '}')
	return nil
}

// payloadFault says what is wrong with the value of one property under the
// operator, or "".
func payloadFault(op Operator, v *Field, src []byte) string {
	switch op {
	case OpAdd:
		if v.Kind != Number {
			return "must be a number"
		}
		if _, ok := parseDecimal(v.Raw(src)); !ok {
			return "must be a number of at most " + strconv.Itoa(maxDecimalDigits) + " digits"
		}
	case OpUnion:
		if v.Kind == Array && len(bytes.Trim(v.Raw(src)[1:v.ValEnd-v.Val-1], " \t\r\n")) == 0 {
			return "must be a list that is not empty"
		}
	}
	if v.Flags&(Deep|ManyKeys) != 0 {
		return valueFault(v)
	}
	return ""
}

// addProfileGeo adds to a $set the place of $ip, or of the request, where the
// update does not name it itself.
func (n *Normalizer) addProfileGeo(s *Scanner, p *Policy) {
	if p.Geo == nil {
		return
	}
	ip := s.Member("$ip")
	if ip != nil && ip.Kind == Null {
		ip = nil
	}
	addr := p.address(ip, s.src)
	if !addr.IsValid() {
		return
	}
	place := p.Geo.Locate(addr)
	for _, member := range [...]struct{ name, value string }{
		{"$city", place.City}, {"$region", place.Region}, {"$country_code", place.Country}, {"$timezone", place.Timezone},
	} {
		if member.value != "" && n.keys.add([]byte(member.name)) {
			n.properties = AppendStringMember(n.properties, member.name, member.value)
		}
	}
}
