package collect

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
)

// MaxMind finds places in a City database in MaxMind's format (GeoLite2 City, GeoIP2 City, DB-IP City Lite). It implements
// event.Locator and is safe for concurrent use.
type MaxMind struct {
	db   *maxminddb.Reader
	seed maphash.Seed
	// recent remembers what was found, by hash of the address: decoding a place costs more than the rest of an event, and the
	// records of a request mostly share one address.
	recent [4096]atomic.Pointer[located]
}

type located struct {
	addr  netip.Addr
	place event.Place
}

// city is the part of a database record that is used.
type city struct {
	City struct {
		Names struct {
			English string `maxminddb:"en"`
		} `maxminddb:"names"`
	} `maxminddb:"city"`
	Country struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	Location struct {
		TimeZone string `maxminddb:"time_zone"`
	} `maxminddb:"location"`
	Subdivisions []struct {
		Names struct {
			English string `maxminddb:"en"`
		} `maxminddb:"names"`
	} `maxminddb:"subdivisions"`
}

// OpenMaxMind opens the database file. Its errors are fault.Setup.
func OpenMaxMind(path string) (*MaxMind, error) {
	db, err := maxminddb.Open(path)
	if err != nil {
		return nil, fault.New(fault.Setup, "opening the GeoIP database", path, err, "give the path of a City database in MaxMind's .mmdb format, or none")
	}
	return &MaxMind{db: db, seed: maphash.MakeSeed()}, nil
}

// Close closes the file. Nothing may be located afterwards.
func (m *MaxMind) Close() error { return m.db.Close() }

// Locate implements event.Locator. An address that the database does not know, or whose record is damaged, is nowhere.
func (m *MaxMind) Locate(addr netip.Addr) event.Place {
	addr = addr.Unmap().WithZone("")
	slot := &m.recent[maphash.Comparable(m.seed, addr)%uint64(len(m.recent))]
	if found := slot.Load(); found != nil && found.addr == addr {
		return found.place
	}
	var c city
	var place event.Place
	if err := m.db.Lookup(addr).Decode(&c); err == nil {
		place = event.Place{City: c.City.Names.English, Country: c.Country.ISOCode, Timezone: c.Location.TimeZone}
		if len(c.Subdivisions) > 0 {
			place.Region = c.Subdivisions[0].Names.English
		}
	}
	slot.Store(&located{addr, place})
	return place
}
