package event

import "testing"

func TestEveryReservedNameIsFoundByItsHash(t *testing.T) {
	for i, name := range reservedNames {
		if name == "" {
			continue
		}
		padded := []byte(`"` + name + `":"and more text"`)
		for _, src := range [][]byte{padded, padded[:len(name)+1]} {
			hash := hashKey(src, 1, 1+len(name))
			if got := reservedKey(src[1:1+len(name)], hash); got != reserved(i) {
				t.Errorf("%s is found as %d, want %d", name, got, i)
			}
		}
	}
}
