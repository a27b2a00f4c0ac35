package parquet

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

const (
	// A dictionary beyond these is no gain: its indexes get wide, and it is one page that must be read before any other.
	maxDictionaryEntries = 1 << 16
	maxDictionaryBytes   = 1 << 20
	// After so many values at least half of them must have been repetitions.
	dictionaryTrial = 4096
)

// dictionary finds the distinct values of a column chunk. Its hash is seeded, so that no client can send values that collide; the
// order of entries is that of first appearance and does not depend on the seed.
type dictionary struct {
	seed    maphash.Seed
	slots   []uint32 // entry + 1
	entries []entry
	page    []byte   // the entries in the PLAIN layout
	indexes []uint32 // for each value its entry
}

type entry struct {
	hash       uint64
	start, end uint32 // in page
}

// build takes the array's values and reports whether a dictionary makes them smaller.
func (d *dictionary) build(a *array) bool {
	if a.kind == Boolean || a.count < 2 {
		return false
	}
	if d.slots == nil {
		d.seed = maphash.MakeSeed()
		d.slots = make([]uint32, 256)
	}
	d.slots = d.slots[:256]
	clear(d.slots)
	d.entries, d.page, d.indexes = d.entries[:0], d.page[:0], d.indexes[:0]
	var last []byte
	var lastIndex uint32
	for pos := 0; pos < len(a.data); {
		end := a.span(pos)
		value := a.data[pos:end]
		pos = end
		if len(d.indexes) == 0 || !bytes.Equal(value, last) {
			lastIndex = d.add(value)
			last = value
		}
		d.indexes = append(d.indexes, lastIndex)
		if len(d.entries) > maxDictionaryEntries || len(d.page) > maxDictionaryBytes ||
			len(d.indexes) == dictionaryTrial && len(d.entries) > dictionaryTrial/2 {
			return false
		}
	}
	return len(d.page)+a.count*d.width()/8 < len(a.data)
}

// width returns how many bits an index takes. It is never 0, which not all readers take.
func (d *dictionary) width() int { return max(1, bits.Len(uint(len(d.entries)-1))) }

func (d *dictionary) add(value []byte) uint32 {
	hash := maphash.Bytes(d.seed, value)
	mask := uint64(len(d.slots) - 1)
	i := hash & mask
	for ; d.slots[i] != 0; i = (i + 1) & mask {
		if e := &d.entries[d.slots[i]-1]; e.hash == hash && bytes.Equal(d.page[e.start:e.end], value) {
			return d.slots[i] - 1
		}
	}
	start := uint32(len(d.page))
	d.page = append(d.page, value...)
	d.entries = append(d.entries, entry{hash, start, uint32(len(d.page))})
	d.slots[i] = uint32(len(d.entries))
	if len(d.entries)*2 > len(d.slots) {
		d.grow()
	}
	return uint32(len(d.entries) - 1)
}

func (d *dictionary) grow() {
	size := 2 * len(d.slots)
	if size <= cap(d.slots) {
		d.slots = d.slots[:size]
		clear(d.slots)
	} else {
		d.slots = make([]uint32, size)
	}
	mask := uint64(size - 1)
	for n := range d.entries {
		i := d.entries[n].hash & mask
		for d.slots[i] != 0 {
			i = (i + 1) & mask
		}
		d.slots[i] = uint32(n + 1)
	}
}
