package project

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What Mixpanel is known to answer to wrong credentials.
const (
	BadCredentials = "Invalid credentials"
	BadUsername    = "Not a valid service account username"
	BadSecret      = "Unauthorized, invalid project secret. See docs for more information: " +
		"https://developer.mixpanel.com/reference/authentication#project-secret"
	BadProject = "Mismatch between project secret's project ID and URL project ID"
)

// Credentials are the parts of an Authorization header. User is not empty.
type Credentials struct{ User, Password string }

// ParseBasic reads an Authorization header with Basic credentials, in base64 as RFC 7617 says, or plain as Mixpanel takes them too
// (Mixpanel, "Service accounts").
func ParseBasic(header string) (Credentials, bool) {
	scheme, value, _ := strings.Cut(strings.TrimSpace(header), " ")
	value = strings.TrimSpace(value)
	if !strings.EqualFold(scheme, "Basic") || value == "" {
		return Credentials{}, false
	}
	// A colon is in no base64 text.
	if !strings.Contains(value, ":") {
		decoded, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			decoded, err = base64.RawStdEncoding.DecodeString(value)
		}
		// A token or secret that stands there plain is often base64 too, but of no text.
		if err == nil && utf8.Valid(decoded) && bytes.IndexFunc(decoded, unicode.IsControl) < 0 {
			value = string(decoded)
		}
	}
	user, password, _ := strings.Cut(value, ":")
	return Credentials{user, password}, user != ""
}
