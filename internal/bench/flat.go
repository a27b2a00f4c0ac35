package bench

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// events yields events as clients send them; sample.Stream does.
type events interface {
	// Next appends one event, {"event":...,"properties":{...}}.
	Next(dst []byte) []byte
}

// flatKind is what a column of the flat events holds.
type flatKind int

const (
	flatFew    flatKind = iota // texts of few values
	flatMany                   // texts that hardly repeat
	flatJSON                   // an object
	flatWhole                  // whole numbers
	flatAmount                 // numbers with two decimals
	flatFlag                   // booleans
)

// flatProperties are the properties of the flat events. With the event's name, time and four ids they make 22 columns: no type drifts,
// so that they can be declared to a program that wants to know them before it reads.
var flatProperties = []struct {
	name string
	kind flatKind
}{
	{"$city", flatFew}, {"$region", flatFew}, {"mp_country_code", flatFew}, {"$os", flatFew}, {"$browser", flatFew}, {"plan", flatFew},
	{"$current_url", flatMany}, {"$referrer", flatMany}, {"title", flatMany}, {"cart", flatJSON}, {"load", flatJSON},
	{"$screen_width", flatWhole}, {"quantity", flatWhole}, {"amount", flatAmount}, {"beta", flatFlag}, {"returning", flatFlag},
}

// flatEvents are events of so many bytes and columns as the sample's, but with the same properties in all of them.
type flatEvents struct {
	rng  *rand.Rand
	n    int
	time int64
	step float64
}

var flatStart = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

// newFlatEvents returns events that walk through so many days in n events.
func newFlatEvents(n, days int) *flatEvents {
	return &flatEvents{rng: rand.New(rand.NewPCG(7, 22)), time: flatStart.UnixMilli(), step: float64(days) * 86_400_000 / float64(n)}
}

// Next implements events.
func (f *flatEvents) Next(dst []byte) []byte {
	dst = f.open(dst)
	for _, p := range flatProperties {
		dst = append(dst, ',', '"')
		dst = append(dst, p.name...)
		dst = append(dst, '"', ':')
		dst = f.value(dst, p.kind)
	}
	return append(dst, '}', '}')
}

// open begins an event with its name, time and ids.
func (f *flatEvents) open(dst []byte) []byte {
	user := f.rng.IntN(20_000)
	dst = fmt.Appendf(dst, `{"event":"Event %c","properties":{"time":%d,"distinct_id":"user-%d","$user_id":"user-%d","$device_id":"device-%d-%d","$insert_id":"`,
		'A'+rune(f.rng.IntN(12)), f.time+int64(float64(f.n)*f.step), user, user, user, f.rng.IntN(3))
	dst = appendHex(dst, f.rng.Uint64())
	dst = appendHex(dst, f.rng.Uint64())
	f.n++
	return append(dst, '"')
}

func (f *flatEvents) value(dst []byte, kind flatKind) []byte {
	switch kind {
	case flatFew:
		dst = append(dst, `"value number `...)
		dst = strconv.AppendInt(dst, f.rng.Int64N(30), 10)
		return append(dst, '"')
	case flatMany:
		dst = append(dst, `"https://shop.example/page/`...)
		dst = appendHex(dst, f.rng.Uint64())
		return append(dst, '"')
	case flatJSON:
		dst = append(dst, `{"sku":"SKU-`...)
		dst = strconv.AppendInt(dst, f.rng.Int64N(5_000), 10)
		dst = append(dst, `","qty":`...)
		dst = strconv.AppendInt(dst, 1+f.rng.Int64N(9), 10)
		return append(dst, '}')
	case flatWhole:
		return strconv.AppendInt(dst, f.rng.Int64N(4_000), 10)
	case flatAmount:
		return strconv.AppendFloat(dst, float64(f.rng.IntN(100_000))/100, 'f', 2, 64)
	default:
		return strconv.AppendBool(dst, f.rng.IntN(2) == 0)
	}
}

func appendHex(dst []byte, v uint64) []byte {
	return fmt.Appendf(dst, "%016x", v)
}

// sparseEvents have as many properties each as the flat ones, of so many that there are.
type sparseEvents struct {
	flatEvents
	columns int
}

// newSparseEvents returns events of so many properties in all, which walk through so many days in n events.
func newSparseEvents(n, days, columns int) *sparseEvents {
	return &sparseEvents{*newFlatEvents(n, days), columns}
}

// Next implements events. A property has always the same type.
func (s *sparseEvents) Next(dst []byte) []byte {
	dst = s.open(dst)
	at := s.rng.IntN(s.columns)
	for range flatProperties {
		at = (at + 1 + s.rng.IntN(s.columns/len(flatProperties)-1)) % s.columns
		dst = append(dst, `,"property `...)
		dst = strconv.AppendInt(dst, int64(at), 10)
		dst = append(dst, `":`...)
		dst = s.value(dst, flatProperties[at%len(flatProperties)].kind)
	}
	return append(dst, '}', '}')
}
