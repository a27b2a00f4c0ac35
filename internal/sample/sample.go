// Package sample makes up a product's event stream: the same seed gives the same bytes on every machine.
//
// The stream has what real ones have and pipelines trip over: sessions of users on several devices who are anonymous until they log
// in, events that arrive days late, a few sent twice, nested objects and arrays, text in many scripts, nulls and missing properties,
// and properties whose type drifts.
package sample

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// Options shape a stream. The zero value of a field means its default.
type Options struct {
	// Seed chooses the stream. The default is 1.
	Seed uint64
	// Events is the number of events over which the clock walks from Start to End. Default 10,000. The stream does not end there.
	Events int
	// Users is the number of people. Default: one for every 40 events.
	Users int
	// Start and End bound the event times but for late and early stragglers. Default: 2026-05-01 to 2026-05-08, UTC.
	Start, End time.Time
	// LatePercent is the share of events whose time lies up to LateBy before the clock. Default 2, up to 72 hours.
	LatePercent int
	LateBy      time.Duration
	// DuplicatePerMille is the share of events sent twice. Default 5.
	DuplicatePerMille int
}

func (o *Options) fill() {
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Events == 0 {
		o.Events = 10_000
	}
	if o.Users == 0 {
		o.Users = max(5, o.Events/40)
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.End.IsZero() {
		o.End = o.Start.AddDate(0, 0, 7)
	}
	if o.LatePercent == 0 {
		o.LatePercent = 2
	}
	if o.LateBy == 0 {
		o.LateBy = 72 * time.Hour
	}
	if o.DuplicatePerMille == 0 {
		o.DuplicatePerMille = 5
	}
}

// concurrentSessions is how many sessions interleave.
const concurrentSessions = 40

// Stream yields events. It is not safe for concurrent use.
type Stream struct {
	opts     Options
	rng      *rand.Rand
	sessions [concurrentSessions]session
	n        int
	step     float64 // milliseconds between events
	previous []byte
	repeats  int
}

// New returns the stream's beginning.
func New(o Options) *Stream {
	o.fill()
	return &Stream{
		opts: o,
		rng:  rand.New(rand.NewPCG(o.Seed, 0x5eed)),
		step: float64(o.End.Sub(o.Start).Milliseconds()) / float64(o.Events),
	}
}

// session is one visit.
type session struct {
	person *person
	device int
	left   int
	logged bool
	carted int
}

// Next appends the next event to dst: {"event":...,"properties":{...}} without a token. About one in LatePercent of them is late and
// DuplicatePerMille of them repeat the event before, byte for byte.
func (s *Stream) Next(dst []byte) []byte {
	if len(s.previous) > 0 && s.rng.IntN(1000) < s.opts.DuplicatePerMille {
		s.n++
		s.repeats++
		return append(dst, s.previous...)
	}
	at := len(dst)
	dst = s.event(dst)
	s.previous = append(s.previous[:0], dst[at:]...)
	s.n++
	return dst
}

// Repeats returns how many of the events so far repeated the one before.
func (s *Stream) Repeats() int { return s.repeats }

func (s *Stream) event(dst []byte) []byte {
	v := &s.sessions[s.rng.IntN(concurrentSessions)]
	if v.left == 0 {
		p := s.person(s.rng.IntN(s.opts.Users))
		*v = session{person: p, device: s.rng.IntN(p.devices), left: 3 + s.rng.IntN(20), logged: s.rng.IntN(3) == 0}
	}
	v.left--

	ms := s.opts.Start.UnixMilli() + int64(float64(s.n)*s.step) + s.rng.Int64N(20_000) - 10_000
	if s.rng.IntN(100) < s.opts.LatePercent {
		ms -= s.rng.Int64N(s.opts.LateBy.Milliseconds())
	}
	w := writer{b: dst}
	switch {
	case v.left == 0:
		s.sessionEnd(&w, v, ms)
	case !v.logged && s.rng.IntN(4) == 0:
		v.logged = true
		s.login(&w, v, ms)
	case v.carted > 0 && s.rng.IntN(3) == 0:
		s.checkout(&w, v, ms)
	case s.rng.IntN(4) == 0:
		s.addToCart(&w, v, ms)
	default:
		s.pageView(&w, v, ms)
	}
	return w.b
}

// open writes everything that all events share.
func (s *Stream) open(w *writer, name string, v *session, ms int64) {
	p := v.person
	w.raw(`{"event":`).text(name).raw(`,"properties":{"time":`).number(ms)
	device := deviceID(p.id, v.device)
	if v.logged {
		w.key("distinct_id").text(p.name()).key("$user_id").text(p.name())
	} else {
		w.key("distinct_id").text("$device:" + device)
	}
	w.key("$device_id").text(device).key("$insert_id").raw(`"`).hex(s.rng.Uint64()).hex(s.rng.Uint64()).raw(`"`)
	c := cities[p.city]
	w.key("$city").text(c.city).key("$region").text(c.region).key("mp_country_code").text(c.country)
	b := browsers[(p.id+v.device)%len(browsers)]
	w.key("$os").text(b.os).key("$browser").text(b.browser).key("$browser_version").number(int64(90 + p.id%40))
	w.key("$screen_width").number(int64(b.width)).key("$screen_height").number(int64(b.height))
	w.key("mp_lib").text("web").key("$lib_version").text("2.55.1")
	w.key("$current_url").raw(`"https:\/\/shop.example\/`).raw(pages[s.rng.IntN(len(pages))]).raw(`?ref=`).hex(s.rng.Uint64()).raw(`"`)
	switch s.rng.IntN(3) {
	case 0:
		w.key("$referrer").text("https://www.search.example/").key("$referring_domain").text("www.search.example")
	case 1:
		w.key("$initial_referrer").text("$direct").key("utm_source").raw("null")
	}
	w.key("plan").text(plans[p.id%len(plans)])
	// A client release once wrote the flag as text.
	if s.rng.IntN(50) == 0 {
		w.key("beta").text("true")
	} else {
		w.key("beta").bool(p.id%3 == 0)
	}
}

func (s *Stream) pageView(w *writer, v *session, ms int64) {
	s.open(w, "Page Viewed", v, ms)
	w.key("title").text(titles[s.rng.IntN(len(titles))]).key("scroll").decimal(s.rng.IntN(10_000), 4)
	w.key("load").raw(`{"dns":`).number(s.rng.Int64N(40)).raw(`,"ttfb":`).decimal(s.rng.IntN(50_000), 2).raw(`,"cached":`).bool(s.rng.IntN(2) == 0).raw(`}`)
	w.raw("}}")
}

func (s *Stream) login(w *writer, v *session, ms int64) {
	s.open(w, "Log In", v, ms)
	w.key("method").text([]string{"password", "sso", "passkey"}[s.rng.IntN(3)]).key("attempts").number(1 + s.rng.Int64N(3))
	w.raw("}}")
}

func (s *Stream) addToCart(w *writer, v *session, ms int64) {
	v.carted++
	s.open(w, "Add To Cart", v, ms)
	w.key("sku").text("SKU-" + strconv.Itoa(1000+s.rng.IntN(400)))
	// One old app sends the price as text.
	if s.rng.IntN(100) == 0 {
		w.key("price").raw(`"`).decimal(s.rng.IntN(20_000), 2).raw(`"`)
	} else {
		w.key("price").decimal(s.rng.IntN(20_000), 2)
	}
	w.key("tags").raw(`["new",`).text(titles[s.rng.IntN(len(titles))]).raw(`,`).number(s.rng.Int64N(9)).raw(`]`)
	w.raw("}}")
}

func (s *Stream) checkout(w *writer, v *session, ms int64) {
	s.open(w, "Purchase", v, ms)
	w.key("order_id").number(1<<53 + s.rng.Int64N(1<<40)) // beyond what a double holds
	w.key("amount").decimal(100+s.rng.IntN(90_000), 2).key("currency").text("EUR")
	w.key("cart").raw(`[`)
	for i := range v.carted {
		if i > 0 {
			w.raw(`,`)
		}
		w.raw(`{"sku":`).text("SKU-"+strconv.Itoa(1000+s.rng.IntN(400))).raw(`,"qty":`).number(1+s.rng.Int64N(4)).
			raw(`,"price":`).decimal(s.rng.IntN(20_000), 2).raw(`}`)
	}
	w.raw(`]`)
	v.carted = 0
	w.raw("}}")
}

func (s *Stream) sessionEnd(w *writer, v *session, ms int64) {
	s.open(w, "Session Ended", v, ms)
	w.key("$duration").decimal(s.rng.IntN(3_600_000), 3).key("feedback").text(feedback[s.rng.IntN(len(feedback))])
	w.raw("}}")
}
