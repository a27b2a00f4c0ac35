package event

import "encoding/binary"

// reserved names a property key that means something to ingestion.
type reserved uint8

const (
	ordinary reserved = iota
	// Lifted out of the properties into the record.
	keyTime
	keyDistinctID
	keyDeviceID
	keyUserID
	keyInsertID
	keyToken
	// Used and removed: an address is never stored.
	keyIP
	// Removed because ingestion adds its own.
	keyEndpoint
	keyReceived
	keyProcessed
	keySize
	keyImport // on /import only
	// Looked at and kept.
	keyIgnore
	keyCity
	keyRegion
	keyCountry
	reservedCount
)

var reservedNames = [reservedCount]string{
	keyTime:       "time",
	keyDistinctID: "distinct_id",
	keyDeviceID:   "$device_id",
	keyUserID:     "$user_id",
	keyInsertID:   "$insert_id",
	keyToken:      "token",
	keyIP:         "ip",
	keyEndpoint:   "$mp_api_endpoint",
	keyReceived:   "$mp_api_timestamp_ms",
	keyProcessed:  "mp_processing_time_ms",
	keySize:       "$mp_event_size",
	keyImport:     "$import",
	keyIgnore:     "$ignore",
	keyCity:       "$city",
	keyRegion:     "$region",
	keyCountry:    "mp_country_code",
}

// reservedByHash is a perfect hash of reservedNames on the top byte of
// hashKey; a test holds it to that.
var reservedByHash = func() (t [256]reserved) {
	for i, name := range reservedNames {
		if name != "" {
			t[hashKey([]byte(name), 0, len(name))>>56] = reserved(i)
		}
	}
	return t
}()

// reservedKey returns what the key means, given its hash.
func reservedKey(key []byte, hash uint64) reserved {
	if r := reservedByHash[hash>>56]; r != ordinary && string(key) == reservedNames[r] {
		return r
	}
	return ordinary
}

// hashKey hashes the key src[start:end] by its length, its first and its last
// eight bytes. It is fast, not safe: keys that differ only in the middle
// collide, so what uses it must stay cheap when many do.
func hashKey(src []byte, start, end int) uint64 {
	const m1, m2 = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f
	n := end - start
	var a, b uint64
	switch {
	case n >= 8:
		a = binary.LittleEndian.Uint64(src[start:])
		b = binary.LittleEndian.Uint64(src[end-8:])
	case start+8 <= len(src):
		a = binary.LittleEndian.Uint64(src[start:]) & (1<<(8*n) - 1)
	default:
		for i := end - 1; i >= start; i-- {
			a = a<<8 | uint64(src[i])
		}
	}
	h := (a^uint64(n))*m1 ^ b*m2
	return (h ^ h>>29) * m1
}
