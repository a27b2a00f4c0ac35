package transform

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
)

// OversizeKey is the property that a reduced row carries: the size of its properties in bytes before the largest were left out.
const OversizeKey = "$refract_oversize"

// fit returns the properties as a row may hold them, and whether that is less than all. Members are left out, the largest first,
// until the rest fits; the rest keeps its order and spelling, and OversizeKey at the end tells that something is missing. A cut
// string would be no JSON any more, and one such row makes json_extract_path_text fail for a whole query.
func (r *Rows) fit(properties []byte) (fitted []byte, cut bool, err error) {
	if len(properties) <= LongProperties {
		return properties, false, nil
	}
	r.Long++
	if len(properties) <= MaxProperties {
		return properties, false, nil
	}
	r.Reduced++
	if _, err := r.scanner.Object(properties, 0); err != nil {
		return nil, false, fault.New(fault.Bug, "reducing oversize properties", "", fmt.Errorf("stored properties are no object: %w", err), "")
	}
	members := r.scanner.Members
	r.order, r.keep = r.order[:0], r.keep[:0]
	size := len(`{,"`+OversizeKey+`":}`) + 20 + len(members)
	for i := range members {
		r.order = append(r.order, i)
		r.keep = append(r.keep, true)
		size += memberSize(&members[i])
	}
	// The sort is stable, so that the same properties are always reduced the same way.
	slices.SortStableFunc(r.order, func(a, b int) int { return cmp.Compare(memberSize(&members[b]), memberSize(&members[a])) })
	for _, i := range r.order {
		if size <= MaxProperties {
			break
		}
		r.keep[i] = false
		size -= memberSize(&members[i]) + 1
	}
	r.reduced = append(r.reduced[:0], '{')
	for i := range members {
		if !r.keep[i] {
			continue
		}
		m := &members[i]
		if len(r.reduced) > 1 {
			r.reduced = append(r.reduced, ',')
		}
		r.reduced = append(append(append(r.reduced, '"'), m.RawKey(properties)...), '"', ':')
		r.reduced = append(r.reduced, m.Raw(properties)...)
	}
	r.reduced = event.AppendIntMember(r.reduced, OversizeKey, int64(len(properties)))
	return append(r.reduced, '}'), true, nil
}

// memberSize is the length of a member's text without the comma.
func memberSize(f *event.Field) int { return int(f.KeyEnd-f.Key) + int(f.ValEnd-f.Val) + len(`"":`) }
