package event

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// devicePrefix marks a distinct_id that stands for a device whose user is not
// known.
const devicePrefix = "$device:"

// identify fills the ids of rec by the rules of the project's identity mode.
//
// Simplified: $user_id is the distinct_id; without one it is "$device:" and
// $device_id; without either, a distinct_id as sent is taken for the one or
// the other by its prefix. Original: distinct_id is as sent. A distinct_id
// that is sent empty belongs to no user; one that is missing is an error in
// strict mode and otherwise, if the request's address may be used, a hash of
// it.
func (n *Normalizer) identify(rec *Record, s *Scanner, p *Policy, identityEvent bool) error {
	distinct, sent, err := n.id(s, p, keyDistinctID)
	if err != nil {
		return err
	}
	device, _, err := n.id(s, p, keyDeviceID)
	if err != nil {
		return err
	}
	user, _, err := n.id(s, p, keyUserID)
	if err != nil {
		return err
	}
	rec.DistinctID, rec.DeviceID, rec.UserID = distinct, device, user
	if p.Identity == Simplified {
		n.derive(rec)
	}
	if len(rec.DistinctID) > 0 || sent || identityEvent {
		return nil
	}
	if p.Strict {
		return &Invalid{Field: "properties.distinct_id", Message: "'properties.distinct_id' is invalid: must not be missing"}
	}
	if p.UseIP && p.IP.IsValid() {
		rec.DistinctID = n.hashAddress(p)
	}
	return nil
}

func (n *Normalizer) derive(rec *Record) {
	rec.DeviceID = bytes.TrimPrefix(rec.DeviceID, []byte(devicePrefix))
	switch {
	case len(rec.UserID) > 0:
		rec.DistinctID = rec.UserID
	case len(rec.DeviceID) > 0:
		start := len(n.text)
		n.text = append(append(n.text, devicePrefix...), rec.DeviceID...)
		rec.DistinctID = n.text[start:]
	case bytes.HasPrefix(rec.DistinctID, []byte(devicePrefix)):
		rec.DeviceID = rec.DistinctID[len(devicePrefix):]
	default:
		rec.UserID = rec.DistinctID
	}
}

// id returns the text of an id property: that of a string, or a number or
// boolean as it is written. Sent is true if it is there. A disallowed value
// is refused in strict mode and otherwise as good as absent.
func (n *Normalizer) id(s *Scanner, p *Policy, r reserved) (text []byte, sent bool, err error) {
	f := n.reservedMember(s, r)
	if f == nil {
		return nil, false, nil
	}
	field := reservedNames[r]
	switch f.Kind {
	case String:
		text = truncateText(n.stringText(f, s.src), MaxStringChars)
	case Object, Array:
		return nil, true, propertyInvalid(field, "must be a string")
	default:
		text = f.Raw(s.src)
	}
	if len(text) <= MaxInsertIDBytes && DisallowedID(text) {
		if p.Strict {
			return nil, true, propertyInvalid(field, `"`+string(text)+`" is not allowed`)
		}
		return nil, false, nil
	}
	return text, true, nil
}

// insertID returns $insert_id. Strict import refuses one that is missing or
// malformed. Otherwise a missing or disallowed one is replaced by a random
// one, so that the event is not taken for a duplicate of another, and a
// malformed one by a hash of it, so that its duplicates still are.
func (n *Normalizer) insertID(s *Scanner, p *Policy, identityEvent bool) ([]byte, error) {
	text, _, err := n.id(s, p, keyInsertID)
	if err != nil {
		return nil, err
	}
	if ValidInsertID(text) {
		return text, nil
	}
	if p.Strict && len(text) > 0 {
		return nil, propertyInvalid("$insert_id", "must be at most 36 letters, digits and hyphens")
	}
	if p.Strict && !identityEvent {
		return nil, propertyInvalid("$insert_id", "must not be missing")
	}
	if len(text) > 0 {
		sum := sha256.Sum256(text)
		return n.hex(sum[:16]), nil
	}
	var random [16]byte
	binary.LittleEndian.PutUint64(random[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(random[8:], rand.Uint64())
	return n.hex(random[:]), nil
}

func (n *Normalizer) hashAddress(p *Policy) []byte {
	address := p.IP.As16()
	start := len(n.text)
	n.text = append(append(append(n.text, p.Salt...), 0), address[:]...)
	sum := sha256.Sum256(n.text[start:])
	n.text = n.text[:start]
	return n.hex(sum[:16])
}

func (n *Normalizer) hex(b []byte) []byte {
	start := len(n.text)
	for _, c := range b {
		n.text = append(n.text, hexDigits[c>>4], hexDigits[c&15])
	}
	return n.text[start:]
}
