package sample

import (
	"strconv"
	"time"
)

// person is derived from its number alone, so that profiles and events agree without keeping anyone in memory.
type person struct {
	id      int
	devices int
	city    int
}

func (s *Stream) person(id int) *person {
	return &person{id: id, devices: 1 + id%3, city: (id * 7) % len(cities)}
}

func (p *person) name() string { return "user-" + strconv.Itoa(10_000+p.id) }

// deviceID looks like the UUIDs that clients make.
func deviceID(person, device int) string {
	w := writer{}
	h := uint64(person*31+device+1) * 0x9e3779b97f4a7c15
	w.hex(h)
	b := w.b
	w = writer{}
	w.raw(string(b[:8])).raw("-").raw(string(b[8:12])).raw("-4").raw(string(b[13:16])).raw("-9").raw(string(b[1:4])).raw("-").hex32(uint32(h >> 7)).raw("00ab")
	return string(w.b)
}

// Users returns the number of people in the stream.
func (s *Stream) Users() int { return s.opts.Users }

// Profile appends an operation on the profile of user i, 0 <= i < Users, without a token: what a client sends to /engage.
func (s *Stream) Profile(dst []byte, i int) []byte {
	p := s.person(i)
	c := cities[p.city]
	w := writer{b: dst}
	w.raw(`{"$distinct_id":`).text(p.name())
	switch i % 5 {
	case 4:
		w.raw(`,"$add":{"logins":1,"spent":`).decimal(100+i*37%9_000, 2).raw(`}}`)
	case 3:
		w.raw(`,"$union":{"labels":["early","`).raw(plans[i%len(plans)]).raw(`"]}}`)
	default:
		created := s.opts.Start.Add(-time.Duration(i%400) * 24 * time.Hour).Format("2006-01-02T15:04:05")
		w.raw(`,"$set":{"$name":`).text(names[i%len(names)]).raw(`,"$email":`).text(p.name() + "@mail.example").
			raw(`,"$city":`).text(c.city).raw(`,"plan":`).text(plans[i%len(plans)]).raw(`,"$created":`).text(created).raw(`}}`)
	}
	return w.b
}
