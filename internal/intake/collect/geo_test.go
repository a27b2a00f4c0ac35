package collect

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/fault"
)

// mmdbValue encodes strings, uint16 (as int), slices and maps as the MaxMind DB format, version 2.0, says.
func mmdbValue(v any) []byte {
	switch v := v.(type) {
	case string:
		return append([]byte{byte(2<<5 | len(v))}, v...)
	case int:
		return []byte{5<<5 | 2, byte(v >> 8), byte(v)}
	case []any:
		b := []byte{byte(len(v)), 11 - 7}
		for _, e := range v {
			b = append(b, mmdbValue(e)...)
		}
		return b
	case map[string]any:
		b := []byte{byte(7<<5 | len(v))}
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			b = append(append(b, mmdbValue(k)...), mmdbValue(v[k])...)
		}
		return b
	}
	panic(fmt.Sprintf("no encoding for %T", v))
}

// writeMMDB writes a database of IPv4 networks, which must not overlap, and returns its path.
func writeMMDB(t testing.TB, networks map[string]any) string {
	t.Helper()
	const empty, isData = -1, 1 << 20
	nodes := [][2]int{{empty, empty}}
	var data []byte
	for network, value := range networks {
		prefix := netip.MustParsePrefix(network)
		addr := prefix.Addr().As4()
		node := 0
		for bit := range prefix.Bits() {
			side := addr[bit/8] >> (7 - bit%8) & 1
			if bit == prefix.Bits()-1 {
				nodes[node][side] = isData + len(data)
				break
			}
			if nodes[node][side] == empty {
				nodes = append(nodes, [2]int{empty, empty})
				nodes[node][side] = len(nodes) - 1
			}
			node = nodes[node][side]
		}
		data = append(data, mmdbValue(value)...)
	}
	var file []byte
	for _, node := range nodes {
		for _, record := range node {
			switch {
			case record == empty:
				record = len(nodes)
			case record >= isData:
				record += len(nodes) + 16 - isData
			}
			file = append(file, byte(record>>16), byte(record>>8), byte(record))
		}
	}
	file = append(append(file, make([]byte, 16)...), data...)
	file = append(file, "\xab\xcd\xefMaxMind.com"...)
	file = append(file, mmdbValue(map[string]any{
		"binary_format_major_version": 2, "binary_format_minor_version": 0, "database_type": "City", "ip_version": 4,
		"node_count": len(nodes), "record_size": 24, "build_epoch": 1, "languages": []any{"en"}, "description": map[string]any{"en": "test"},
	})...)
	path := filepath.Join(t.TempDir(), "city.mmdb")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	return path
}

var sanFrancisco = event.Place{City: "San Francisco", Region: "California", Country: "US", Timezone: "America/Los_Angeles"}

func openTestMaxMind(t testing.TB) *MaxMind {
	t.Helper()
	names := func(name string) map[string]any { return map[string]any{"names": map[string]any{"en": name}} }
	m, err := OpenMaxMind(writeMMDB(t, map[string]any{
		"136.24.0.0/16": map[string]any{
			"city": names("San Francisco"), "country": map[string]any{"iso_code": "US"},
			"location": map[string]any{"time_zone": "America/Los_Angeles"}, "subdivisions": []any{names("California"), names("SF")},
		},
		"127.0.0.0/8":   map[string]any{"country": map[string]any{"iso_code": "ZZ"}},
		"198.51.0.0/16": "not a place",
	}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

func TestMaxMindLocates(t *testing.T) {
	m := openTestMaxMind(t)
	for address, want := range map[string]event.Place{
		"136.24.0.114":        sanFrancisco,
		"::ffff:136.24.0.114": sanFrancisco,
		"127.0.0.1":           {Country: "ZZ"},
		"8.8.8.8":             {},
		"198.51.100.1":        {},
		"2001:db8::1":         {},
	} {
		for range 2 {
			require.Equal(t, want, m.Locate(netip.MustParseAddr(address)), address)
		}
	}
	addr := netip.MustParseAddr("136.24.0.114")
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Locate(addr) }), "what was found is remembered")
}

func TestAGeoIPFileThatIsNoneIsTheUsersToMend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.mmdb")
	require.NoError(t, os.WriteFile(path, []byte("no database"), 0o600))
	for _, path := range []string{path, filepath.Join(t.TempDir(), "missing.mmdb")} {
		_, err := OpenMaxMind(path)
		require.Equal(t, fault.Setup, fault.ClassOf(err))
	}
}

func TestEventsGetPlaces(t *testing.T) {
	f := start(t, func(c *Config) {
		c.Geo = openTestMaxMind(t)
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	for _, test := range []struct {
		name, path, body, header, want string
		without                        string
	}{
		{name: "ip property", path: "/track", body: eventJSON("x", `"ip":"136.24.0.114"`), want: `"$city":"San Francisco","$region":"California","mp_country_code":"US"`, without: "136.24"},
		{name: "request address", path: "/track?ip=1", body: eventJSON("x", ""), want: `"mp_country_code":"ZZ"`},
		{name: "address before the proxy", path: "/track?ip=1", body: eventJSON("x", ""), header: "X-Forwarded-For: 1.2.3.4, 136.24.0.1, 127.0.0.9", want: `"$city":"San Francisco"`},
		{name: "ip=0", path: "/track?ip=0", body: eventJSON("x", ""), without: "mp_country_code"},
		{name: "no ip", path: "/track", body: eventJSON("x", ""), without: "mp_country_code"},
		{name: "ip=0 in the form", path: "/track", body: "ip=0&data=" + eventJSON("x", ""), without: "mp_country_code"},
		{name: "ip=1 in the form", path: "/track", body: "ip=1&data=" + eventJSON("x", ""), want: `"mp_country_code":"ZZ"`},
		{name: "profile", path: "/engage?ip=1", body: `{"$token":"` + testToken + `","$distinct_id":"u","$set":{}}`, want: `"$country_code":"ZZ"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(f.log.records(t))
			require.Equal(t, "1", f.post(test.path, test.body, "X-Nothing: 1"+cut(test.header)).body)
			line := f.log.records(t)[before]
			require.Contains(t, line, test.want)
			if test.without != "" {
				require.NotContains(t, line, test.without)
			}
		})
	}
}

// cut puts a header behind another one.
func cut(header string) string {
	if header == "" {
		return ""
	}
	return "\r\n" + header
}

func TestClientAddressIsOnlyBelievedFromTrustedProxies(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, test := range []struct {
		name, peer, forwarded, want string
	}{
		{"a stranger is who it is", "9.9.9.9:1", "1.1.1.1", "9.9.9.9"},
		{"a proxy tells", "10.0.0.1:1", "1.1.1.1", "1.1.1.1"},
		{"a proxy tells nothing", "10.0.0.1:1", "", "10.0.0.1"},
		{"what the client wrote is not believed", "10.0.0.1:1", "6.6.6.6, 1.1.1.1", "1.1.1.1"},
		{"proxies in a row", "10.0.0.1:1", "6.6.6.6, 1.1.1.1,10.2.2.2 , 10.3.3.3", "1.1.1.1"},
		{"proxies only", "10.0.0.1:1", "10.2.2.2", "10.2.2.2"},
		{"garbage ends it", "10.0.0.1:1", "1.1.1.1, unknown", "10.0.0.1"},
		{"with a port", "10.0.0.1:1", "1.1.1.1:55", "1.1.1.1"},
		{"IPv6", "[fd00::1]:1", "[2001:db8::1]:55", "2001:db8::1"},
		{"IPv6 in brackets", "[fd00::1]:1", "[2001:db8::1]", "2001:db8::1"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1", "::ffff:1.1.1.1", "1.1.1.1"},
		{"a zone", "[fe80::1%eth0]:1", "", "fe80::1"},
		{"no address", "pipe", "1.1.1.1", "invalid IP"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: test.peer, Header: http.Header{}}
			for part := range strings.SplitSeq(test.forwarded, ",") {
				if part != "" {
					r.Header.Add("X-Forwarded-For", part)
				}
			}
			require.Equal(t, test.want, clientIP(r, trusted).String())
		})
	}
}
