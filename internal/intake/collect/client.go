package collect

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientIP returns the address that a request came from: the peer's, or, behind trusted proxies, the last address in
// X-Forwarded-For that is not one of theirs. What stands further left was written by the client, who may write anything.
func clientIP(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	forwarded := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for forwarded != "" && contains(trusted, addr) {
		i := strings.LastIndexByte(forwarded, ',')
		next, ok := parseHop(strings.TrimSpace(forwarded[i+1:]))
		if !ok {
			break
		}
		addr = next
		forwarded = forwarded[:max(i, 0)]
	}
	return addr
}

// parseHop reads an address as proxies write it, some of them with a port.
func parseHop(s string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return addr.Unmap().WithZone(""), true
	}
	hop, err := netip.ParseAddrPort(s)
	return hop.Addr().Unmap().WithZone(""), err == nil
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
