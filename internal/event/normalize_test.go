package event

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const testNow = 1777593600000 // 2026-05-01T00:00:00Z

// normalizeOne takes one event through a Batch and a Normalizer.
func normalizeOne(t require.TestingT, text string, p Policy) (Record, error) {
	var b Batch
	b.Reset([]byte(text), "properties")
	require.True(t, b.Next())
	require.NoError(t, b.Err())
	var n Normalizer
	var rec Record
	err := n.Event(&rec, &b, &p)
	return rec, err
}

type fixedPlace Place

func (f fixedPlace) Locate(netip.Addr) Place { return Place(f) }

func TestAnEventBecomesARecord(t *testing.T) {
	p := ImportPolicy(testNow, Simplified, true)
	p.Host, p.Processed = "api.mixpanel.com", testNow+5
	text := `{"event":"Signed \u0075p","properties":{"token":"T","time":1777593599.250,"distinct_id":"u1","$device_id":"$device:d1","$user_id":"u1",` +
		`"$insert_id":"i-1","plan":"free","n":1.10,"ip":"10.0.0.1","big":12345678901234567890,"o":{"z":1,"a":[1e400]}},"more":1}`
	rec, err := normalizeOne(t, text, p)
	require.NoError(t, err)
	require.Equal(t, Record{
		Kind: KindEvent, Time: testNow - 750, Received: testNow,
		Name: []byte("Signed up"), DistinctID: []byte("u1"), DeviceID: []byte("d1"), UserID: []byte("u1"), InsertID: []byte("i-1"),
		Properties: []byte(`{"plan":"free","n":1.10,"big":12345678901234567890,"o":{"z":1,"a":[1e400]},"$import":true,` +
			`"$mp_api_endpoint":"api.mixpanel.com","$mp_api_timestamp_ms":1777593600000,"$mp_event_size":` + strconv.Itoa(len(text)) +
			`,"mp_processing_time_ms":1777593600005}`),
	}, rec)
}

// kept normalizes an event with the properties on /track and returns the
// properties that it keeps, without those that ingestion adds.
func kept(t require.TestingT, properties string, edit func(*Policy)) string {
	p := TrackPolicy(testNow, Simplified)
	if edit != nil {
		edit(&p)
	}
	rec, err := normalizeOne(t, `{"event":"e","properties":{`+properties+`}}`, p)
	require.NoError(t, err, properties)
	require.True(t, json.Valid(rec.Properties), "%s", rec.Properties)
	added := strings.Index(string(rec.Properties), `"$mp_api_timestamp_ms":1777593600000`)
	return strings.TrimSuffix(string(rec.Properties[:added]), ",") + "}"
}

func TestPropertiesAreKeptAsTheyAreWritten(t *testing.T) {
	long := strings.Repeat("é", 300)
	geo := func(p *Policy) {
		p.Geo = fixedPlace{City: "Köln", Region: "NRW", Country: "DE"}
		p.IP = netip.MustParseAddr("192.0.2.1")
	}
	useIP := func(p *Policy) { geo(p); p.UseIP = true }
	for _, c := range []struct {
		name, properties, want string
		policy                 func(*Policy)
	}{
		{"none", ``, `{}`, nil},
		{"in their order with their spelling", `"b":1.0,"a":"\u0041\/","c":[1,2]`, `{"b":1.0,"a":"\u0041\/","c":[1,2]}`, nil},
		{"without white space between the parts", "\n \"a\" : 1 ,\n\"b\": { \"x y\" : [ 1 ] } ,\"c\":2", `{"a":1,"b":{"x y":[1]},"c":2}`, nil},
		{"white space around some of them", `"a":1,"b":2,"c": 3,"d":4, "e":5 ,"f":6`, `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}`, nil},
		{"those around a lifted one", `"a":1,"time":1777593600,"b":2,"c":3,"token":"T"`, `{"a":1,"b":2,"c":3}`, nil},
		{"null values", `"a":null`, `{"a":null}`, nil},
		{"the last of a repeated key", `"a":1,"b":2,"a":3`, `{"b":2,"a":3}`, nil},
		{"the last of a key repeated in another spelling", `"a":1,"b":2,"\u0061":3`, `{"b":2,"\u0061":3}`, nil},
		{"lifted keys in any spelling", `"tim\u0065":1777593600,"a":1,"dist\u0069nct_id":"x"`, `{"a":1}`, nil},
		{"lifted keys that are null", `"time":null,"$user_id":null,"$device_id":null,"a":1,"$insert_id":null`, `{"a":1}`, nil},
		{"half a surrogate pair replaced", `"a":"x\ud800y","b\udc00":["\ud800"]`, "{\"a\":\"x\\ufffdy\",\"b\ufffd\":[\"\\ufffd\"]}", nil},
		{"a whole one", `"a":"\ud83d\ude00"`, `{"a":"\ud83d\ude00"}`, nil},
		{"the escape of NUL", `"a":"\u0000"`, `{"a":"\u0000"}`, nil},
		{"strings cut off", `"a":"` + long + `","b":1`, `{"a":"` + strings.Repeat("é", 255) + `","b":1}`, nil},
		{"strings within 255 characters whole", `"a":"` + strings.Repeat("é", 255) + `"`, `{"a":"` + strings.Repeat("é", 255) + `"}`, nil},
		{"strings inside lists whole", `"a":["` + long + `"]`, `{"a":["` + long + `"]}`, nil},
		{"names cut off", `"` + long + `":1`, `{"` + strings.Repeat("é", 255) + `":1}`, nil},
		{"the last of names that are equal when cut off", `"` + long + `a":1,"` + long + `b":2`, `{"` + strings.Repeat("é", 255) + `":2}`, nil},
		{"what ingestion adds only once", `"$mp_api_timestamp_ms":5,"mp_processing_time_ms":5,"$mp_event_size":5,"$mp_api_endpoint":"x","a":1`, `{"a":1}`, nil},
		{"$import on /track", `"$import":true`, `{"$import":true}`, nil},
		{"$ignore that is not set", `"$ignore":"","a":1`, `{"$ignore":"","a":1}`, nil},
		{"$ignore that is false", `"$ignore":false`, `{"$ignore":false}`, nil},
		{"no address", `"ip":"192.0.2.1","a":1`, `{"a":1}`, nil},
		{"the place of the address", `"ip":"192.0.2.1","a":1`, `{"a":1,"$city":"Köln","$region":"NRW","mp_country_code":"DE"}`, geo},
		{"no place of an address of 0", `"ip":0,"a":1`, `{"a":1}`, useIP},
		{"no place without an address", `"a":1`, `{"a":1}`, geo},
		{"the place of the request", `"a":1`, `{"a":1,"$city":"Köln","$region":"NRW","mp_country_code":"DE"}`, useIP},
		{"the place of the request alone", ``, `{"$city":"Köln","$region":"NRW","mp_country_code":"DE"}`, useIP},
		{"its own place before that of the address", `"$city":"Bonn","mp_country_code":null,"$latitude":50.7`, `{"$city":"Bonn","mp_country_code":null,"$latitude":50.7,"$region":"NRW"}`, useIP},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, kept(t, c.properties, c.policy)) })
	}
}

func TestEventsThatCannotBeTaken(t *testing.T) {
	strict := ImportPolicy(testNow, Simplified, true)
	lenient := ImportPolicy(testNow, Simplified, false)
	track := TrackPolicy(testNow, Simplified)
	good := `"time":1777593600,"distinct_id":"u","$insert_id":"i"`
	with := func(more string) string { return `{"event":"e","properties":{` + good + `,` + more + `}}` }
	only := func(properties string) string { return `{"event":"e","properties":{` + properties + `}}` }
	members := func(n int) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(`"p%d":%d`, i, i))
		}
		return strings.Join(parts, ",")
	}
	ones := func(n int) string { return strings.TrimSuffix(strings.Repeat("1,", n), ",") }
	for _, c := range []struct {
		name           string
		policy         Policy
		text           string
		field, message string
	}{
		{"no event name on import", strict, `{"properties":{}}`, "event", `'event' must not be missing or blank`},
		{"a blank event name", lenient, `{"event":" \t","properties":{}}`, "event", `'event' must not be missing or blank`},
		{"no event name on track", track, `{"properties":{}}`, "event", `event, missing`},
		{"an event name of null", track, `{"event":null}`, "event", `event, missing`},
		{"an event name that is no string", track, `{"event":5}`, "event", `'event' is invalid: must be a string`},
		{"an event name that is not UTF-8", track, "{\"event\":\"\xff\"}", "event", `event is invalid: string should be valid utf8`},
		{"properties that are no object", track, `{"event":"e","properties":[]}`, "properties", `'properties' is invalid: must be an object`},
		{"no properties on import", strict, `{"event":"e"}`, "properties.time", `'properties.time' is invalid: must be specified as seconds since epoch`},
		{"no time on lenient import", lenient, only(`"distinct_id":"u"`), "properties.time", `'properties.time' is invalid: must be specified as seconds since epoch`},
		{"a date as time", track, only(`"time":"2026-05-01T00:00:00"`), "properties.time", `'properties.time' is invalid: must be specified as seconds since epoch`},
		{"a boolean as time", track, only(`"time":true`), "properties.time", `'properties.time' is invalid: must be specified as seconds since epoch`},
		{"a time before 1971", strict, only(`"time":31535999.999`), "properties.time", `'properties.time' is invalid: must be on or after 1971-01-01`},
		{"a negative time", strict, only(`"time":-1777593600`), "properties.time", `'properties.time' is invalid: must be on or after 1971-01-01`},
		{"a time in the future on strict import", strict, only(`"time":1777597200.001`), "properties.time", `'properties.time' is invalid: must not be more than 1 hour in the future`},
		{"an old event on track", track, only(`"time":1777161599.999`), "properties.time", `'properties.time' is invalid: must be within the last 5 days`},
		{"an event older than another limit", Policy{Endpoint: Track, MaxAge: 7200_000, Now: testNow}, only(`"time":1777586399`), "properties.time", `'properties.time' is invalid: must be within the last 2 hours`},
		{"no id on strict import", strict, only(`"time":1777593600,"$insert_id":"i"`), "properties.distinct_id", `'properties.distinct_id' is invalid: must not be missing`},
		{"an id that is no string", track, only(`"distinct_id":{"a":1}`), "properties.distinct_id", `'properties.distinct_id' is invalid: must be a string`},
		{"a disallowed id on strict import", strict, only(`"time":1777593600,"distinct_id":"undefined","$insert_id":"i"`), "properties.distinct_id", `'properties.distinct_id' is invalid: "undefined" is not allowed`},
		{"a boolean as id on strict import", strict, only(`"time":1777593600,"distinct_id":"u","$user_id":true,"$insert_id":"i"`), "properties.$user_id", `'properties.$user_id' is invalid: "true" is not allowed`},
		{"no insert id on strict import", strict, only(`"time":1777593600,"distinct_id":"u"`), "properties.$insert_id", `'properties.$insert_id' is invalid: must not be missing`},
		{"an empty insert id on strict import", strict, only(`"time":1777593600,"distinct_id":"u","$insert_id":""`), "properties.$insert_id", `'properties.$insert_id' is invalid: must not be missing`},
		{"a malformed insert id on strict import", strict, only(`"time":1777593600,"distinct_id":"u","$insert_id":"a_b"`), "properties.$insert_id", `'properties.$insert_id' is invalid: must be at most 36 letters, digits and hyphens`},
		{"a disallowed insert id on strict import", strict, only(`"time":1777593600,"distinct_id":"u","$insert_id":"null"`), "properties.$insert_id", `'properties.$insert_id' is invalid: "null" is not allowed`},
		{"an identity event in a simplified project", track, `{"event":"$identify","properties":{}}`, "event", IdentityMessage},
		{"text that is not UTF-8", strict, with("\"utm_source\":\"\xff\""), "properties.utm_source", `properties.utm_source is invalid: string should be valid utf8`},
		{"text inside a value that is not UTF-8", track, with("\"a\":[{\"b\":\"\xc3\"}]"), "properties.a", `properties.a is invalid: string should be valid utf8`},
		{"a name that is not UTF-8", track, with("\"\xff\":1"), "properties", `properties is invalid: string should be valid utf8`},
		{"too many properties", track, with(members(256)), "properties", `'properties' is invalid: must have at most 255 properties`},
		{"far too many properties", track, with(members(2000)), "properties", `'properties' is invalid: must have at most 255 properties`},
		{"objects nested too deep", track, with(`"a":{"b":{"c":{"d":{}}}}`), "properties.a", `'properties.a' is invalid: must not nest objects deeper than 3 levels`},
		{"too many keys", track, with(`"a":{` + members(255) + `}`), "properties.a", `'properties.a' is invalid: must have at most 254 keys in an object`},
		{"too many elements", track, with(`"a":[` + ones(255) + `]`), "properties.a", `'properties.a' is invalid: must have at most 254 elements in an array`},
		{"a list that is too large", track, with(`"\u0061":["` + strings.Repeat("x", 8189) + `"]`), "properties.a", `'properties.a' is invalid: must be at most 8192 bytes`},
		{"an event that is too large", track, with(`"a":"` + strings.Repeat("x", 1<<20) + `"`), "", `event is invalid: must be smaller than 1048576 bytes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := normalizeOne(t, c.text, c.policy)
			var invalid *Invalid
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, Invalid{Field: c.field, Message: c.message}, *invalid)
		})
	}
	for name, text := range map[string]string{
		"255 properties":              with(members(255)),
		"254 keys":                    with(`"a":{` + members(254) + `}`),
		"254 elements":                with(`"a":[` + ones(254) + `]`),
		"objects of three levels":     with(`"a":{"b":[{"c":{"d":[]}}]}`),
		"a list of 8192 bytes":        with(`"a":["` + strings.Repeat("x", 8188) + `"]`),
		"more bytes with white space": with(`"a":[ "` + strings.Repeat("x", 8188) + `" ]`),
		"an hour in the future":       only(`"time":1777597200,"distinct_id":"","$insert_id":"i"`),
		"exactly 1971":                only(`"time":"31536000","distinct_id":"u","$insert_id":"0123456789-0123456789-abcdef-ABCDEFG"`),
	} {
		_, err := normalizeOne(t, text, strict)
		require.NoError(t, err, name)
	}
}

func TestEventsMarkedIgnoreAreIgnored(t *testing.T) {
	for _, value := range []string{`true`, `"yes"`, `"false"`} {
		_, err := normalizeOne(t, `{"event":"e","properties":{"$ignore":`+value+`}}`, TrackPolicy(testNow, Simplified))
		require.ErrorIs(t, err, ErrIgnored)
	}
}

func TestTimesThatArePutRight(t *testing.T) {
	for properties, policy := range map[string]Policy{
		`"a":1`:                TrackPolicy(testNow, Simplified),
		`"time":null`:          TrackPolicy(testNow, Simplified),
		`"time":1777597201`:    TrackPolicy(testNow, Simplified),
		`"time":1e400`:         ImportPolicy(testNow, Simplified, false),
		`"time":1777597201000`: ImportPolicy(testNow, Original, false),
	} {
		rec, err := normalizeOne(t, `{"event":"e","properties":{`+properties+`}}`, policy)
		require.NoError(t, err)
		require.Equal(t, int64(testNow), rec.Time, properties)
	}
}

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		name, properties string
		identity         IdentityMode
		want             string // distinct_id|device_id|user_id
	}{
		{"the user is the distinct_id", `"$user_id":"u","$device_id":"d","distinct_id":"x"`, Simplified, "u|d|u"},
		{"the device is the distinct_id while there is no user", `"$device_id":"d","distinct_id":"x"`, Simplified, "$device:d|d|"},
		{"one prefix is taken off the device", `"$device_id":"$device:$device:d"`, Simplified, "$device:$device:d|$device:d|"},
		{"a bare distinct_id is a user", `"distinct_id":"u"`, Simplified, "u||u"},
		{"a bare distinct_id with the prefix is a device", `"distinct_id":"$device:d"`, Simplified, "$device:d|d|"},
		{"an empty distinct_id is no user", `"distinct_id":""`, Simplified, "||"},
		{"empty ids are absent", `"distinct_id":"u","$user_id":"","$device_id":""`, Simplified, "u||u"},
		{"null ids are absent", `"distinct_id":"u","$user_id":null,"$device_id":null`, Simplified, "u||u"},
		{"numbers are text", `"distinct_id":12345678901234567890,"$device_id":1.50`, Original, "12345678901234567890|1.50|"},
		{"escapes are resolved", `"distinct_id":"\u00e9\n"`, Original, "é\n||"},
		{"disallowed ids are absent", `"distinct_id":"null","$device_id":"undefined","$user_id":0`, Simplified, "||"},
		{"a disallowed user leaves the device", `"$device_id":"d","$user_id":"anonymous"`, Simplified, "$device:d|d|"},
		{"original takes ids as they are sent", `"distinct_id":"x","$device_id":"$device:d","$user_id":"u"`, Original, "x|$device:d|u"},
		{"original derives nothing", `"$user_id":"u"`, Original, "|" + "|u"},
		{"none at all", ``, Simplified, "||"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec, err := normalizeOne(t, `{"event":"e","properties":{`+c.properties+`}}`, TrackPolicy(testNow, c.identity))
			require.NoError(t, err)
			require.Equal(t, c.want, fmt.Sprintf("%s|%s|%s", rec.DistinctID, rec.DeviceID, rec.UserID))
		})
	}
}

func TestTheAddressStandsInForAMissingID(t *testing.T) {
	id := func(properties, address, salt string, useIP bool) string {
		p := TrackPolicy(testNow, Simplified)
		p.IP, p.UseIP, p.Salt = netip.MustParseAddr(address), useIP, salt
		rec, err := normalizeOne(t, `{"event":"e","properties":{`+properties+`}}`, p)
		require.NoError(t, err)
		require.NotContains(t, string(rec.Properties), address)
		return string(rec.DistinctID)
	}
	hash := id(``, "192.0.2.1", "T", true)
	require.Regexp(t, "^[0-9a-f]{32}$", hash)
	require.Equal(t, hash, id(`"a":1`, "192.0.2.1", "T", true))
	require.NotEqual(t, hash, id(``, "192.0.2.2", "T", true))
	require.NotEqual(t, hash, id(``, "192.0.2.1", "U", true))
	require.Empty(t, id(``, "192.0.2.1", "T", false))
	require.Empty(t, id(`"distinct_id":""`, "192.0.2.1", "T", true))
}

func TestInsertIDsThatArePutRight(t *testing.T) {
	id := func(value string) string {
		rec, err := normalizeOne(t, `{"event":"e","properties":{"$insert_id":`+value+`}}`, TrackPolicy(testNow, Simplified))
		require.NoError(t, err)
		require.True(t, ValidInsertID(rec.InsertID))
		return string(rec.InsertID)
	}
	require.Equal(t, "abc-1", id(`"abc-1"`))
	require.Equal(t, "77", id(`77`))
	require.NotEqual(t, id(`null`), id(`null`), "made up ids are random")
	require.NotEqual(t, id(`"undefined"`), id(`"undefined"`))
	require.Equal(t, id(`"a_b"`), id(`"a_b"`), "malformed ids still find duplicates")
	require.NotEqual(t, id(`"a_b"`), id(`"a_c"`))
}

func TestIdentityEventsOfOriginalProjectsNeedNoMore(t *testing.T) {
	rec, err := normalizeOne(t, `{"event":"$merge","properties":{"$distinct_ids":["a","b"],"token":"T"}}`, ImportPolicy(testNow, Original, true))
	require.NoError(t, err)
	require.Equal(t, int64(testNow), rec.Time)
	require.Contains(t, string(rec.Properties), `{"$distinct_ids":["a","b"],"$import":true`)
}

func TestTokens(t *testing.T) {
	for text, want := range map[string]string{
		`{"event":"e","properties":{"token":"T"}}`:                  "T",
		`{"event":"e","properties":{"token":"a","token":"\u0062"}}`: "b",
		`{"event":"e","properties":{"token":""}}`:                   "!token, missing or empty",
		`{"event":"e","properties":{"token":5}}`:                    "!token, missing or empty",
		`{"event":"e","properties":{}}`:                             "!token, missing or empty",
		`{"event":"e"}`:                                             "!token, missing or empty",
		`{"$token":"P"}`:                                            "P",
		`{"$token":null,"$set":{}}`:                                 "!$token, missing or empty",
	} {
		var b Batch
		b.Reset([]byte(text), "properties")
		b.Next()
		token := EventToken
		if strings.Contains(text, `$token`) {
			token = ProfileToken
		}
		got, err := token(b.Scanner())
		if err != nil {
			got = []byte("!" + err.Error())
		}
		require.Equal(t, want, string(got), text)
	}
}

var reservedList = reservedNames[1:]

// checkNormalize takes any body through the normalizer and holds what comes
// out to what Record and the limits promise.
func checkNormalize(t require.TestingT, body []byte, p Policy) {
	var b Batch
	var n Normalizer
	var rec Record
	for b.Reset(body, "properties"); b.Next(); {
		if b.Err() != nil {
			continue
		}
		if err := n.Event(&rec, &b, &p); err != nil {
			if _, ok := err.(*Invalid); !ok {
				require.ErrorIs(t, err, ErrIgnored)
			}
			continue
		}
		checkRecord(t, &rec, p)
		checkPathsAgree(t, &b, p)
		// What came out goes in again and stays as it is.
		again, err := normalizeOne(t, asEvent(&rec), p)
		require.NoError(t, err, "%s", asEvent(&rec))
		want := rec
		want.Properties = withoutSize(t, rec.Properties)
		again.Properties = withoutSize(t, again.Properties)
		require.Equal(t, render(want), render(again))
	}
}

func render(r Record) string {
	return fmt.Sprintf("%v %d %d %q %q device=%q user=%q insert=%q group=%q %s",
		r.Kind, r.Time, r.Received, r.Name, r.DistinctID, r.DeviceID, r.UserID, r.InsertID, r.GroupKey, r.Properties)
}

// asEvent writes the record as the event that it would be on /import.
func asEvent(rec *Record) string {
	dst := AppendStringMember([]byte{'{'}, "event", rec.Name)
	dst = AppendKey(dst, "properties")
	dst = AppendIntMember(append(dst, '{'), "time", rec.Time/1000)
	dst = fmt.Appendf(dst, ".%03d", rec.Time%1000)
	dst = AppendStringMember(dst, "distinct_id", rec.DistinctID)
	if len(rec.DeviceID) > 0 {
		device := string(rec.DeviceID)
		if strings.HasPrefix(device, devicePrefix) {
			device = devicePrefix + device
		}
		dst = AppendStringMember(dst, "$device_id", device)
	}
	if len(rec.UserID) > 0 {
		dst = AppendStringMember(dst, "$user_id", rec.UserID)
	}
	dst = AppendStringMember(dst, "$insert_id", rec.InsertID)
	dst = append(append(dst, ','), rec.Properties[1:]...)
	return string(append(dst, '}'))
}

func withoutSize(t require.TestingT, properties []byte) []byte {
	var s Scanner
	_, err := s.Object(properties, 0)
	require.NoError(t, err)
	f := s.Member("$mp_event_size")
	return append(append([]byte{}, properties[:f.Val]...), properties[f.ValEnd:]...)
}

func checkRecord(t require.TestingT, rec *Record, p Policy) {
	require.Equal(t, KindEvent, rec.Kind)
	require.GreaterOrEqual(t, rec.Time, int64(MinTime))
	require.LessOrEqual(t, rec.Time, p.Now+MaxFuture)
	require.True(t, ValidInsertID(rec.InsertID))
	for _, text := range [][]byte{rec.Name, rec.DistinctID, rec.DeviceID, rec.UserID, rec.Properties} {
		require.True(t, utf8.Valid(text), "%q", text)
	}
	require.LessOrEqual(t, utf8.RuneCount(rec.Name), MaxNameChars)
	require.True(t, json.Valid(rec.Properties), "%s", rec.Properties)
	var s Scanner
	_, err := s.Object(rec.Properties, 0)
	require.NoError(t, err)
	names := map[string]bool{}
	for i := range s.Members {
		f := &s.Members[i]
		require.Zero(t, f.Flags&(LoneSurrogate|BadUTF8|Spaced|Deep|ManyKeys|ManyElements))
		name := string(f.AppendKey(nil, rec.Properties))
		require.False(t, names[name], "%q is repeated in %s", name, rec.Properties)
		names[name] = true
		require.LessOrEqual(t, utf8.RuneCountInString(name), MaxNameChars)
		if f.Kind == String {
			require.LessOrEqual(t, utf8.RuneCount(f.AppendText(nil, rec.Properties)), MaxStringChars)
		} else {
			require.LessOrEqual(t, len(f.Raw(rec.Properties)), MaxEventValueBytes)
		}
	}
	for _, name := range []string{"time", "distinct_id", "$device_id", "$user_id", "$insert_id", "token", "ip"} {
		require.False(t, names[name], name)
	}
	require.LessOrEqual(t, len(names), MaxProperties+8)
}

// checkPathsAgree takes the event by the plain way and the careful one, which
// must not differ wherever the plain one is open, and reports whether it is.
func checkPathsAgree(t require.TestingT, b *Batch, p Policy) bool {
	var plain, careful Normalizer
	plain.properties = []byte{'{'}
	if !plain.copyPlain(&b.scanner, &p) {
		return false
	}
	require.NoError(t, careful.copyCarefully(&b.scanner, &p))
	require.Equal(t, string(careful.properties), string(plain.properties))
	require.Equal(t, careful.lifted, plain.lifted)
	return true
}

func TestNormalizedEventsKeepTheirPromises(t *testing.T) {
	policies := []Policy{
		TrackPolicy(testNow, Simplified), ImportPolicy(testNow, Original, false), ImportPolicy(testNow, Simplified, false),
	}
	rapid.Check(t, func(t *rapid.T) {
		g := jsonGen{t, rapid.Bool().Draw(t, "spaces")}
		properties := g.object(3, reservedList)
		if rapid.Bool().Draw(t, "good time") {
			properties = strings.TrimSuffix(strings.TrimSpace(properties), "}")
			if strings.TrimSpace(properties) != "{" {
				properties += ","
			}
			properties += `"time":1777593600.5,"distinct_id":"u"}`
		}
		p := rapid.SampledFrom(policies).Draw(t, "policy")
		checkNormalize(t, []byte(`{"event":"e","properties":`+properties+`}`), p)
	})
}

// Keys without escapes, so that the plain way is open.
func TestThePlainWayAgreesWithTheCarefulOne(t *testing.T) {
	names := append([]string{"a", "b", "c", "plan", "$os", "a longer name", "a longer name too", "ä"}, reservedList...)
	open := 0
	rapid.Check(t, func(t *rapid.T) {
		g := jsonGen{t, rapid.Bool().Draw(t, "spaces")}
		var parts []string
		for range rapid.IntRange(0, 8).Draw(t, "members") {
			value := rapid.SampledFrom([]string{"1.10", `"x"`, `{"k":[1]}`, "null", `"\u0041"`}).Draw(t, "value")
			parts = append(parts, g.space()+`"`+rapid.SampledFrom(names).Draw(t, "name")+`"`+g.space()+":"+g.space()+value+g.space())
		}
		var b Batch
		b.Reset([]byte(`{"event":"e","properties":{`+strings.Join(parts, ",")+`}}`), "properties")
		require.True(t, b.Next())
		require.NoError(t, b.Err())
		p := rapid.SampledFrom([]Policy{TrackPolicy(testNow, Simplified), ImportPolicy(testNow, Simplified, true)}).Draw(t, "policy")
		if checkPathsAgree(t, &b, p) {
			open++
		}
	})
	require.NotZero(t, open)
}

func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{
		`{"event":"e","properties":{"token":"T","time":1777593600,"distinct_id":"u","$insert_id":"i","a":1.10}}`,
		`{"event":"e","properties":{"a":1,"\u0061":2, "b" : [ {"c":"\ud800"} ],"$device_id":"$device:$device:d"}}`,
		`[{"event":"e","properties":{"time":"1777593600","ip":"10.0.0.1","$import":1}},{"event":"x"}]`,
		`{"event":"\ud800","properties":{"$user_id":"` + strings.Repeat("é", 300) + `","` + strings.Repeat("x", 300) + `":1}}`,
	} {
		f.Add([]byte(seed), uint8(0))
		f.Add([]byte(seed), uint8(2))
	}
	policies := []Policy{
		TrackPolicy(testNow, Simplified), ImportPolicy(testNow, Original, false), ImportPolicy(testNow, Simplified, true),
	}
	f.Fuzz(func(t *testing.T, body []byte, policy uint8) {
		checkNormalize(t, body, policies[int(policy)%len(policies)])
	})
}

func TestNormalizingAllocatesNothing(t *testing.T) {
	body := benchBody(10)
	p := TrackPolicy(testNow, Simplified)
	p.Host = "api.mixpanel.com"
	var b Batch
	var n Normalizer
	var rec Record
	run := func() {
		for b.Reset(body, "properties"); b.Next(); {
			if err := n.Event(&rec, &b, &p); err != nil {
				t.Fatal(err)
			}
		}
	}
	run()
	require.Zero(t, testing.AllocsPerRun(10, run))
}

func TestBenchmarkEventsTakeThePlainWay(t *testing.T) {
	body := benchBody(100)
	p := TrackPolicy(testNow, Simplified)
	var b Batch
	bytes := 0
	for b.Reset(body, "properties"); b.Next(); {
		var n Normalizer
		n.properties = []byte{'{'}
		require.True(t, n.copyPlain(b.Scanner(), &p))
		bytes += len(b.Raw())
	}
	require.InDelta(t, 645, bytes/100, 25)
}

func TestWholePropertiesKnowNoLimits(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 20) + `1` + strings.Repeat(`}`, 20)
	wide := "[" + strings.Repeat("1,", 400) + "1]"
	many := `"p0":0`
	for i := range 300 {
		many += fmt.Sprintf(`,"p%d":%d`, i+1, i)
	}
	text := `"` + strings.Repeat(`é\n`, 300) + `"`
	for name, properties := range map[string]string{
		"nesting": `"deep":` + deep, "elements": `"wide":` + wide, "number": many, "text": `"text":` + text,
		"size": `"big":{"x":"` + strings.Repeat("y", 10_000) + `"}`, "text beside an escaped key": `"\u0061":1,"text":` + text,
	} {
		t.Run(name, func(t *testing.T) {
			got := kept(t, properties, func(p *Policy) { p.Whole = true })
			require.JSONEq(t, `{`+properties+`}`, got)
		})
	}
}
