package control

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"github.com/refract-io/refract/internal/platform/fault"
)

// RequireToken lets only requests with the bearer token through.
func RequireToken(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="refract"`)
			writeJSON(w, http.StatusUnauthorized, Failure{
				Message: fmt.Sprintf("%s needs the admin token", r.URL.Path), Class: fault.Setup.String(),
				Hint: "send the content of the file admin-token of the data folder as a bearer token",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}
