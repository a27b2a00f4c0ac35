package transform

import (
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/intake/store"
	"github.com/refract-io/refract/internal/platform/fault"
)

// Projection reduces properties to selected ones, by their names as they were sent. Members keep their order, spelling and digits. What
// ingestion lifts out of properties (time, distinct_id, $insert_id, $device_id, $user_id) is not among them and always stays.
//
// A Projection serves one goroutine.
type Projection struct {
	include, exclude []string
	all              bool
	scanner          event.Scanner
	key              []byte
	batch            store.Batch
}

// NewProjection returns the projection to the properties that include names and exclude does not. A nil include means all.
func NewProjection(include, exclude []string) *Projection {
	sorted := func(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
	return &Projection{include: sorted(include), exclude: sorted(exclude), all: include == nil}
}

// Append appends the object of the selected properties. An error is a fault.Bug: properties are an object.
func (p *Projection) Append(dst, properties []byte) ([]byte, error) {
	if _, err := p.scanner.Object(properties, 0); err != nil {
		return dst, fault.New(fault.Bug, "selecting properties", "", fmt.Errorf("stored properties are no object: %w", err), "")
	}
	dst = append(dst, '{')
	first := true
	for i := range p.scanner.Members {
		f := &p.scanner.Members[i]
		key := f.RawKey(properties)
		if f.Flags&event.KeyEscaped != 0 {
			p.key = f.AppendKey(p.key[:0], properties)
			key = p.key
		}
		if !p.selects(key) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(append(dst, '"'), f.RawKey(properties)...), '"', ':')
		dst = append(dst, f.Raw(properties)...)
	}
	return append(dst, '}'), nil
}

func (p *Projection) selects(key []byte) bool {
	if _, out := slices.BinarySearch(p.exclude, string(key)); out {
		return false
	}
	_, in := slices.BinarySearch(p.include, string(key))
	return p.all || in
}

// Batch returns the batch with its properties projected, and all else as it is. It is valid until the next call, and not longer than b.
func (p *Projection) Batch(b *store.Batch) (*store.Batch, error) {
	data, offsets := p.batch.Properties.Data[:0], append(p.batch.Properties.Offsets[:0], 0)
	for i := range b.Len {
		var err error
		if data, err = p.Append(data, b.Properties.At(i)); err != nil {
			return nil, err
		}
		offsets = append(offsets, uint32(len(data)))
	}
	p.batch = *b
	p.batch.Properties = store.Text{Data: data, Offsets: offsets}
	return &p.batch, nil
}
