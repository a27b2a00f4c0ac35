package collect

import "net/http"

// allowOrigin lets pages of any origin send records, with credentials, because the browser SDK sends requests with
// withCredentials, for which browsers demand that the origin be named. Nothing that these endpoints do depends on a cookie or a
// login. /import is left out: there a browser that remembers a login could be made to use it.
func allowOrigin(h http.Header, r *http.Request) {
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, X-Requested-With")
		h.Set("Access-Control-Max-Age", "86400")
	} else {
		h.Set("Access-Control-Expose-Headers", "Retry-After")
	}
}
