package event

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
)

// Messages that Mixpanel is known to answer with.
const (
	messageEventBlank = "'event' must not be missing or blank"
	messageEventTrack = "event, missing"
	messageToken      = "token, missing or empty"
	messageTime       = "'properties.time' is invalid: must be specified as seconds since epoch"

	// IdentityMessage refuses $identify, $create_alias and $merge events in
	// projects with simplified identity management. Mixpanel then refuses the
	// whole batch.
	IdentityMessage = "identity events are not allowed when project is using simplified identity management"
)

// Normalizer turns scanned records into Records. The zero value is ready; it
// keeps its buffers between records and serves one goroutine.
//
// The Records it returns refer to its buffers and to the body: they hold
// until its next call or until the body changes. Record.Clone keeps one.
type Normalizer struct {
	// properties and text are the memory of the record being built.
	properties []byte
	text       []byte
	// lifted holds, for each reserved key, one plus the index of the inner
	// member with the key, or 0.
	lifted [reservedCount]int32
	// seen is a set of key hashes of the current event.
	seen [64]uint64

	// For records that cannot be copied as they are, and for profiles.
	names   [][]byte
	dropped []bool
	keys    keySet
	payload Scanner
}

// EventToken returns properties.token of an event scanned with
// Batch.Reset(body, "properties"), or an *Invalid.
func EventToken(s *Scanner) ([]byte, error) {
	return tokenText(s.InnerMember("token"), s.src, "properties.token", messageToken)
}

// ProfileToken returns $token of a profile or group update, or an *Invalid.
func ProfileToken(s *Scanner) ([]byte, error) {
	return tokenText(s.Member("$token"), s.src, "$token", "$"+messageToken)
}

func tokenText(f *Field, src []byte, field, message string) ([]byte, error) {
	if f == nil || f.Kind != String || f.ValEnd-f.Val == 2 {
		return nil, &Invalid{Field: field, Message: message}
	}
	if f.Flags&Escaped == 0 {
		return src[f.Val+1 : f.ValEnd-1], nil
	}
	return f.AppendText(nil, src), nil
}

// IsIdentityEvent reports whether events of this name tie ids together
// instead of telling what happened.
func IsIdentityEvent(name []byte) bool {
	switch string(name) {
	case "$identify", "$create_alias", "$merge":
		return true
	}
	return false
}

// Event fills rec from the current record of b, which must have been reset
// with "properties" and have no error. It returns an *Invalid if the event
// cannot be taken, or ErrIgnored.
func (n *Normalizer) Event(rec *Record, b *Batch, p *Policy) error {
	s := &b.scanner
	*rec = Record{Kind: KindEvent, Received: p.Now}
	n.text = n.text[:0]
	n.properties = append(n.properties[:0], '{')
	clear(n.lifted[:])

	size := b.end - b.start
	if size >= MaxRecordBytes {
		return &Invalid{Message: "event is invalid: must be smaller than " + strconv.Itoa(MaxRecordBytes) + " bytes"}
	}
	name, err := n.eventName(s, p)
	if err != nil {
		return err
	}
	rec.Name = name
	if len(s.Inner) > MaxProperties+int(reservedCount) && !p.Whole {
		return tooManyProperties()
	}
	plain := n.copyPlain(s, p)
	if !plain {
		if err := n.copyCarefully(s, p); err != nil {
			return err
		}
	}
	if n.ignored(s) {
		return ErrIgnored
	}
	identity := IsIdentityEvent(name)
	if identity && p.Identity == Simplified {
		return &Invalid{Field: "event", Message: IdentityMessage}
	}
	if rec.Time, err = n.eventTime(s, p, identity); err != nil {
		return err
	}
	if err := n.identify(rec, s, p, identity); err != nil {
		return err
	}
	if rec.InsertID, err = n.insertID(s, p, identity); err != nil {
		return err
	}
	n.addGeo(s, p)
	rec.Properties = n.finish(p, size)
	return nil
}

func (n *Normalizer) eventName(s *Scanner, p *Policy) ([]byte, error) {
	var name, properties *Field
	for i := range s.Members {
		switch f := &s.Members[i]; {
		case f.KeyIs(s.src, "event"):
			name = f
		case f.KeyIs(s.src, "properties"):
			properties = f
		}
	}
	if name != nil && name.Kind != Null && name.Kind != String {
		return nil, &Invalid{Field: "event", Message: "'event' is invalid: must be a string"}
	}
	var text []byte
	if name != nil && name.Kind == String {
		if name.Flags&BadUTF8 != 0 {
			return nil, &Invalid{Field: "event", Message: "event is invalid: string should be valid utf8"}
		}
		text = truncateText(n.stringText(name, s.src), MaxNameChars)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		message := messageEventBlank
		if p.Endpoint == Track {
			message = messageEventTrack
		}
		return nil, &Invalid{Field: "event", Message: message}
	}
	if properties != nil && properties.Kind != Object && properties.Kind != Null {
		return nil, &Invalid{Field: "properties", Message: "'properties' is invalid: must be an object"}
	}
	return text, nil
}

// stringText returns the contents of a string value, in the source if it has
// no escapes and in n.text otherwise.
func (n *Normalizer) stringText(f *Field, src []byte) []byte {
	if f.Flags&Escaped == 0 {
		return src[f.Val+1 : f.ValEnd-1]
	}
	start := len(n.text)
	n.text = f.AppendText(n.text, src)
	return n.text[start:]
}

// copyPlain copies the kept properties run by run and notes the reserved
// ones. It reports false, without a result, as soon as it meets one that it
// cannot copy byte by byte.
func (n *Normalizer) copyPlain(s *Scanner, p *Policy) bool {
	clear(n.seen[:])
	src := s.src
	// The run of kept members to copy next is src[run:end]; nothing joins an
	// empty one.
	run, end := int32(0), int32(-2)
	kept := 0
	for i := range s.Inner {
		f := &s.Inner[i]
		if f.Flags&^Escaped != 0 || f.KeyEnd-f.Key > MaxNameChars {
			return false
		}
		switch size := f.ValEnd - f.Val; {
		case size <= MaxStringChars+2, p.Whole:
		case f.Kind == String, size > MaxEventValueBytes && (f.Kind == Object || f.Kind == Array):
			return false
		}
		hash := hashKey(src, int(f.Key), int(f.KeyEnd))
		if r := reservedKey(src[f.Key:f.KeyEnd], hash); r != ordinary && n.lift(r, i, p) {
			continue
		}
		bit := uint64(1) << (hash >> 32 & 63)
		if word := &n.seen[hash>>40&63]; *word&bit == 0 {
			*word |= bit
		} else if repeats(s, i) {
			return false
		}
		kept++
		// The member begins with its quote. It joins the run if only a comma
		// lies between, and only a colon between its key and its value.
		if f.Val-f.KeyEnd != 2 {
			n.copyRun(src, run, end)
			n.copyMember(src, f)
			run, end = 0, -2
			continue
		}
		if f.Key-1 != end+1 {
			n.copyRun(src, run, end)
			run = f.Key - 1
		}
		end = f.ValEnd
	}
	n.copyRun(src, run, end)
	return kept <= MaxProperties || p.Whole
}

// repeats reports whether the inner member i has the key of an earlier one.
// No key has escapes.
func repeats(s *Scanner, i int) bool {
	key := s.Inner[i].RawKey(s.src)
	for j := range s.Inner[:i] {
		if bytes.Equal(s.Inner[j].RawKey(s.src), key) {
			return true
		}
	}
	return false
}

func (n *Normalizer) comma() {
	if len(n.properties) > 1 {
		n.properties = append(n.properties, ',')
	}
}

func (n *Normalizer) copyRun(src []byte, run, end int32) {
	if run < end {
		n.comma()
		n.properties = append(n.properties, src[run:end]...)
	}
}

func (n *Normalizer) copyMember(src []byte, f *Field) {
	n.comma()
	n.properties = append(n.properties, src[f.Key-1:f.KeyEnd+1]...)
	n.properties = append(n.properties, ':')
	n.properties = append(n.properties, src[f.Val:f.ValEnd]...)
}

// lift notes the reserved member i and reports whether it leaves the
// properties.
func (n *Normalizer) lift(r reserved, i int, p *Policy) bool {
	n.lifted[r] = int32(i) + 1
	return r < keyImport || r == keyImport && p.Endpoint == Import
}

// reservedMember returns the reserved member if it is there and not null.
func (n *Normalizer) reservedMember(s *Scanner, r reserved) *Field {
	i := n.lifted[r]
	if i == 0 || s.Inner[i-1].Kind == Null {
		return nil
	}
	return &s.Inner[i-1]
}

func (n *Normalizer) ignored(s *Scanner) bool {
	f := n.reservedMember(s, keyIgnore)
	return f != nil && (f.Kind == True || f.Kind == String && f.ValEnd-f.Val > 2)
}

func (n *Normalizer) eventTime(s *Scanner, p *Policy, identity bool) (int64, error) {
	const field = "properties.time"
	f := n.reservedMember(s, keyTime)
	if f == nil && (p.Endpoint == Track || identity) {
		return p.Now, nil
	}
	var ms int64
	ok := f != nil
	if ok {
		text := f.Raw(s.src)
		if f.Kind == String {
			text = n.stringText(f, s.src)
		}
		ms, ok = ParseTime(text)
	}
	switch {
	case !ok:
		return 0, &Invalid{Field: field, Message: messageTime}
	case ms < MinTime:
		return 0, &Invalid{Field: field, Message: "'properties.time' is invalid: must be on or after 1971-01-01"}
	case ms > p.Now+MaxFuture:
		if p.Future == FutureRejected {
			return 0, &Invalid{Field: field, Message: "'properties.time' is invalid: must not be more than 1 hour in the future"}
		}
		return p.Now, nil
	case p.MaxAge > 0 && ms < p.Now-p.MaxAge:
		message := fmt.Sprintf("'properties.time' is invalid: must be within the last %d hours", p.MaxAge/(60*60*1000))
		if p.MaxAge%dayMillis == 0 {
			message = fmt.Sprintf("'properties.time' is invalid: must be within the last %d days", p.MaxAge/dayMillis)
		}
		return 0, &Invalid{Field: field, Message: message}
	}
	return ms, nil
}

// addGeo adds the place of the ip property, or of the request, where the
// event does not name it itself.
func (n *Normalizer) addGeo(s *Scanner, p *Policy) {
	if p.Geo == nil {
		return
	}
	addr := p.address(n.reservedMember(s, keyIP), s.src)
	if !addr.IsValid() {
		return
	}
	place := p.Geo.Locate(addr)
	n.addPlace(keyCity, place.City)
	n.addPlace(keyRegion, place.Region)
	n.addPlace(keyCountry, place.Country)
}

func (n *Normalizer) addPlace(r reserved, value string) {
	if value != "" && n.lifted[r] == 0 {
		n.properties = AppendStringMember(n.properties, reservedNames[r], value)
	}
}

// address returns the address to locate: that of the record's own ip member
// if it has one, otherwise the request's if that may be used. An ip member
// that is no address, such as 0, asks for none.
func (p *Policy) address(ip *Field, src []byte) netip.Addr {
	if ip == nil {
		if p.UseIP {
			return p.IP
		}
		return netip.Addr{}
	}
	if ip.Kind != String || ip.Flags&Escaped != 0 {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(string(src[ip.Val+1 : ip.ValEnd-1]))
	if err != nil {
		return netip.Addr{}
	}
	return addr
}

// finish adds what ingestion adds to every event and closes the object.
func (n *Normalizer) finish(p *Policy, size int) []byte {
	processed := p.Processed
	if processed == 0 {
		processed = p.Now
	}
	dst := n.properties
	if p.Endpoint == Import {
		dst = append(dst, `,"$import":true`...)
	}
	if p.Host != "" {
		dst = append(dst, `,"$mp_api_endpoint":`...)
		dst = AppendString(dst, p.Host)
	}
	dst = append(dst, `,"$mp_api_timestamp_ms":`...)
	dst = strconv.AppendInt(dst, p.Now, 10)
	dst = append(dst, `,"$mp_event_size":`...)
	dst = strconv.AppendInt(dst, int64(size), 10)
	dst = append(dst, `,"mp_processing_time_ms":`...)
	dst = strconv.AppendInt(dst, processed, 10)
	dst = append(dst, '}')
	n.properties = dst
	if dst[1] == ',' {
		// Nothing was kept before: the comma makes room for the brace.
		dst[1] = '{'
		return dst[1:]
	}
	return dst
}
