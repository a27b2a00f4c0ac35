package event

// Limits of Mixpanel's ingestion API. The source of each stands beside it;
// where two pages differ, both are named and the choice is explained.
const (
	// MaxRequestRecords is how many events or profile updates one request may
	// carry (Import Events; Track Event; User Profile limits).
	MaxRequestRecords = 2000
	// MaxRequestBytes is how large a request may be after decompression
	// (Import Events: 10 MB. The 413 sample of the OpenAPI file says 2097152;
	// the prose is newer and more generous).
	MaxRequestBytes = 10 << 20
	// MaxRecordBytes is how large the JSON text of one event or one profile
	// update may be (Import Events, User Profile limits: 1 MB).
	MaxRecordBytes = 1 << 20
	// MaxProperties is how many properties an event may have, not counting
	// those that are lifted out of it (Events and Properties: up to 255;
	// Import Events says fewer than 255).
	MaxProperties = 255
	// MaxNesting is how many levels of objects a property value may have
	// (Import Events: nesting depth 3). Arrays do not count as a level.
	MaxNesting = 3
	// MaxNestedKeys is how many members an object in a property value may have
	// (Import Events: fewer than 255).
	MaxNestedKeys = 254
	// MaxArrayElements is how many elements an array in a property value may
	// have (Import Events: fewer than 255).
	MaxArrayElements = 254
	// MaxEventValueBytes is how large an object or array in an event may be,
	// as JSON text without white space (Data Types: 8 KB).
	MaxEventValueBytes = 8 << 10
	// MaxProfileValueBytes is the same for profiles (Data Types: 256 KB).
	MaxProfileValueBytes = 256 << 10
	// MaxStringChars is where string values are cut off, in characters (Import
	// Events: 255 characters; Data Types says bytes, which would cut non-Latin
	// text to a third). Strings inside objects and arrays are not cut.
	MaxStringChars = 255
	// MaxNameChars is where property names and event names are cut off, in
	// characters (Events and Properties).
	MaxNameChars = 255
	// MaxInsertIDBytes is how long a $insert_id may be (Import Events).
	MaxInsertIDBytes = 36
	// MaxProfileProperties is how many properties a profile may have; further
	// ones are not added (User Profiles).
	MaxProfileProperties = 2000
	// MaxEventGroups is how many values of one group key an event may carry;
	// the rest is ignored when groups are counted (Group Analytics).
	MaxEventGroups = 300
	// MaxTrackAge is how old an event may be on /track, in milliseconds (Track
	// Event: 5 days).
	MaxTrackAge = 5 * dayMillis
	// MaxFuture is how far ahead of the server's clock an event may be, in
	// milliseconds (Import Events: 1 hour).
	MaxFuture = 60 * 60 * 1000
	// MinTime is the earliest time an event may have, 1971-01-01 UTC in
	// milliseconds (Import Events).
	MinTime = 365 * dayMillis
)

// DisallowedID reports whether id is one of the values that Mixpanel refuses
// as distinct_id and $insert_id because they come from missing values, not
// from users (Import Events). The comparison is exact.
func DisallowedID(id []byte) bool {
	switch string(id) {
	case "00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a", "na",
		"undefined", "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}":
		return true
	}
	return false
}

// ValidInsertID reports whether id is 1 to MaxInsertIDBytes ASCII letters,
// digits and hyphens (Import Events).
func ValidInsertID(id []byte) bool {
	if len(id) == 0 || len(id) > MaxInsertIDBytes {
		return false
	}
	for _, c := range id {
		if c != '-' && c-'0' > 9 && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
