package event

import "net/netip"

// Endpoint is the address a record was sent to, which decides how strictly it
// is judged.
type Endpoint uint8

const (
	// Track is the endpoint of untrusted clients: recent events only, bad ids
	// are put right instead of refused.
	Track Endpoint = iota + 1
	// Import is the endpoint of trusted servers, for events of any age.
	Import
)

// IdentityMode is how a project tells users apart (Mixpanel docs, identity
// management). It cannot change once the project has data.
type IdentityMode uint8

const (
	// Simplified derives distinct_id from $user_id and $device_id.
	Simplified IdentityMode = iota + 1
	// Original takes distinct_id as sent; $identify, $create_alias and $merge
	// events tie ids together.
	Original
)

// FuturePolicy is what becomes of an event that is more than MaxFuture ahead
// of the server's clock. Mixpanel's Import Events page says both.
type FuturePolicy uint8

const (
	// FutureClamped gives the event the time at which it was received.
	FutureClamped FuturePolicy = iota + 1
	// FutureRejected refuses the event.
	FutureRejected
)

// Policy says how the records of one request are judged. A Normalizer only
// reads it.
type Policy struct {
	Endpoint Endpoint
	// Strict refuses what is otherwise put right: missing, malformed and
	// disallowed ids (strict=1 of /import).
	Strict bool
	// Whole keeps properties whatever their number, length, depth and width:
	// Refract's addition, for importing data that never was Mixpanel's.
	Whole    bool
	Identity IdentityMode
	Future   FuturePolicy
	// MaxAge is how old an event may be, in milliseconds; 0 for any age since
	// 1971.
	MaxAge int64
	// Now is when the request was received, in milliseconds since 1970-01-01
	// UTC.
	Now int64
	// Processed is when the record is processed, in the same unit; 0 for Now.
	Processed int64
	// IP is the address the request came from. It is used for geolocation and
	// as the last resort for distinct_id only if UseIP is set (ip=1).
	IP    netip.Addr
	UseIP bool
	// Salt goes into the hash of IP that stands in for a distinct_id, so that
	// projects cannot be joined by it; usually the project's token.
	Salt string
	// Geo finds places; nil for none.
	Geo Locator
	// Host is written as $mp_api_endpoint, for example "api.mixpanel.com".
	Host string
}

// Locator finds where an address is. It is called once per event that has an
// address, from many goroutines at a time, and must not block.
type Locator interface {
	// Locate returns what is known about addr; empty fields are unknown.
	Locate(addr netip.Addr) Place
}

// Place is a location of an address.
type Place struct {
	City     string // such as "San Francisco"
	Region   string // such as "California"
	Country  string // ISO 3166-1 alpha-2, such as "US"
	Timezone string // IANA name; profiles only
}

// TrackPolicy returns the rules of /track, /engage and /groups at the time
// now, in milliseconds since 1970-01-01 UTC.
func TrackPolicy(now int64, identity IdentityMode) Policy {
	return Policy{Endpoint: Track, Identity: identity, Future: FutureClamped, MaxAge: MaxTrackAge, Now: now}
}

// ImportPolicy returns the rules of /import. In strict mode an event in the
// future is refused, because the sender gets to hear of it; otherwise it is
// dated now.
func ImportPolicy(now int64, identity IdentityMode, strict bool) Policy {
	p := Policy{Endpoint: Import, Strict: strict, Identity: identity, Future: FutureClamped, Now: now}
	if strict {
		p.Future = FutureRejected
	}
	return p
}
