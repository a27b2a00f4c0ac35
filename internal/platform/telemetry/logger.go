// Package telemetry is how a process tells about itself: its log, its metrics and its health.
//
// Normal operation is quiet: a log line is something that somebody should know. Values under the names of secrets never reach the
// log.
package telemetry

import (
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// NewLogger returns a logger that writes lines of format "json", or else "text", from level on. It replaces the values of secrets
// by "(secret)": attributes whose name, or whose group's name, has a word such as password, secret, token or authorization in
// it, such headers of an http.Header, and passwords in addresses.
func NewLogger(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: redact}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

const redacted = "(secret)"

// secretWords are words of names, in lower case. Pairs stand for two words in a row.
var secretWords = map[string]bool{
	"password": true, "passwd": true, "passphrase": true, "pwd": true, "secret": true, "secrets": true, "token": true, "authorization": true,
	"credential": true, "credentials": true, "cookie": true, "signature": true, "apikey": true,
	"api key": true, "access key": true, "private key": true, "encryption key": true,
}

// redact is a slog ReplaceAttr.
func redact(groups []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindGroup {
		return a // its members come one by one
	}
	secret := isSecret(a.Key)
	for _, group := range groups {
		secret = secret || isSecret(group)
	}
	if secret {
		if a.Value.Kind() == slog.KindString && a.Value.String() == "" {
			return a // that there is none is worth knowing
		}
		return slog.String(a.Key, redacted)
	}
	switch v := a.Value.Any().(type) {
	case string:
		a.Value = slog.StringValue(withoutPassword(v))
	case *url.URL:
		if v != nil {
			a.Value = slog.StringValue(v.Redacted())
		}
	case http.Header:
		shown := make(http.Header, len(v))
		for name, values := range v {
			if isSecret(name) {
				values = []string{redacted}
			}
			shown[name] = values
		}
		a.Value = slog.AnyValue(shown)
	}
	return a
}

// withoutPassword hides the password in a text that is an address.
func withoutPassword(s string) string {
	if !strings.Contains(s, "://") || !strings.Contains(s, "@") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	if _, has := u.User.Password(); !has {
		return s
	}
	return u.Redacted()
}

// isSecret reports whether a word of the name, or two in a row, are a secret's. Words end where letters do and where upper case
// follows lower: api_key, api-key, apiKey, X-Api-Key.
func isSecret(name string) bool {
	last, word := "", []rune{}
	end := func() bool {
		this := strings.ToLower(string(word))
		word = word[:0]
		if this == "" {
			return false
		}
		found := secretWords[this] || secretWords[last+" "+this]
		last = this
		return found
	}
	lower := false
	for _, r := range name {
		if !unicode.IsLetter(r) {
			if end() {
				return true
			}
			lower = false
			continue
		}
		if unicode.IsUpper(r) && lower && end() {
			return true
		}
		lower = unicode.IsLower(r)
		word = append(word, r)
	}
	return end()
}
