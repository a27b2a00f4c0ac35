package catalog

import (
	"bytes"
	"fmt"
)

// A partition's sort key holds its values one after the other, each ended by 00 01; a zero byte in a value is written 00 FF.
// Sort keys in byte order are value lists in the order of their first differing value in byte order.

func appendSortKey(key []byte, value string) []byte {
	for i := range len(value) {
		key = append(key, value[i])
		if value[i] == 0 {
			key = append(key, 0xff)
		}
	}
	return append(key, 0, 1)
}

func sortKey(values []string) []byte {
	n := 0
	for _, value := range values {
		n += len(value) + 2
	}
	key := make([]byte, 0, n)
	for _, value := range values {
		key = appendSortKey(key, value)
	}
	return key
}

// parseSortKey returns the values of a sort key, which has n of them.
func parseSortKey(key []byte, n int) ([]string, error) {
	values := make([]string, 0, n)
	for rest := key; len(rest) > 0; {
		var value []byte
		for {
			zero := bytes.IndexByte(rest, 0)
			if zero < 0 || zero+1 == len(rest) {
				return nil, fmt.Errorf("sort key %x is cut off", key)
			}
			value = append(value, rest[:zero]...)
			mark := rest[zero+1]
			rest = rest[zero+2:]
			if mark == 1 {
				break
			}
			value = append(value, 0)
		}
		values = append(values, string(value))
	}
	if len(values) != n {
		return nil, fmt.Errorf("sort key %x has %d values for %d keys", key, len(values), n)
	}
	return values, nil
}
