package event

import "hash/maphash"

// keySet finds repeated keys. Its hash is seeded, so that no client can write
// keys that collide.
type keySet struct {
	seed  maphash.Seed
	mask  uint64
	slots []int32 // index into keys, plus one
	keys  [][]byte
}

// reset empties the set and makes room for n keys.
func (s *keySet) reset(n int) {
	if s.slots == nil {
		s.seed = maphash.MakeSeed()
	}
	size := 64
	for size < 2*n {
		size *= 2
	}
	if size > len(s.slots) {
		s.slots = make([]int32, size)
	} else {
		clear(s.slots[:size])
	}
	s.mask = uint64(size - 1)
	s.keys = s.keys[:0]
}

// add reports whether the key is new, and puts it into the set. The set
// refers to the key's memory.
func (s *keySet) add(key []byte) bool {
	for i := maphash.Bytes(s.seed, key) & s.mask; ; i = (i + 1) & s.mask {
		if s.slots[i] == 0 {
			s.keys = append(s.keys, key)
			s.slots[i] = int32(len(s.keys))
			return true
		}
		if string(s.keys[s.slots[i]-1]) == string(key) {
			return false
		}
	}
}
