package sigv4

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest returns the text that is signed.
func canonicalRequest(r *http.Request, c *claim, payload string) (string, error) {
	headers, err := canonicalHeaders(r, c)
	if err != nil {
		return "", err
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	if c.Service != "s3" {
		path = encode(path, true)
	}
	return strings.Join([]string{r.Method, path, canonicalQuery(c.query), headers, strings.Join(c.headers, ";"), payload}, "\n"), nil
}

func canonicalQuery(query url.Values) string {
	var pairs []string
	for key, values := range query {
		if key == "X-Amz-Signature" {
			continue
		}
		for _, value := range values {
			// "=" sorts behind digits and "-" and "." in names: sort name and value as they are joined by the least character.
			pairs = append(pairs, encode(key, false)+"\x00"+encode(value, false))
		}
	}
	slices.Sort(pairs)
	return strings.ReplaceAll(strings.Join(pairs, "&"), "\x00", "=")
}

// canonicalHeaders returns a line for each signed header. A header that acts on the request (x-amz-*) must be signed: otherwise a
// signature for one operation would do for another one.
func canonicalHeaders(r *http.Request, c *claim) (string, error) {
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(c.headers, name) {
			return "", &Error{SignatureDoesNotMatch, "There were headers present in the request which were not signed: " + name}
		}
	}
	var b strings.Builder
	for _, name := range c.headers {
		b.WriteString(name)
		b.WriteByte(':')
		values := r.Header.Values(name)
		switch {
		case name == "host":
			values = []string{r.Host}
		case name == "content-length" && len(values) == 0:
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		for i, value := range values {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.Join(strings.Fields(value), " "))
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// payloadHash returns the last line of the canonical request, and refuses a body that has another hash than was signed.
func (v *Verifier) payloadHash(r *http.Request, c *claim) (string, error) {
	declared := r.Header.Get("X-Amz-Content-Sha256")
	if c.Service == "s3" {
		if c.Presigned && declared == "" {
			declared = c.query.Get("X-Amz-Content-Sha256")
		}
		switch {
		case declared == unsignedPayload, c.Presigned && declared == "":
			return unsignedPayload, nil
		case strings.HasPrefix(declared, "STREAMING-"):
			return "", incomplete("Bodies that are signed in chunks (" + declared + ") are not supported.")
		case declared == "":
			return "", incomplete("Missing required header for this request: x-amz-content-sha256")
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, v.MaxBody))
	if _, is := errors.AsType[*http.MaxBytesError](err); is {
		return "", &Error{RequestEntityTooLarge, "The request's body is larger than " + strconv.FormatInt(v.MaxBody, 10) + " bytes."}
	}
	if err != nil {
		return "", incomplete("The request's body could not be read: " + err.Error())
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	actual := hash(body)
	if declared != "" && declared != actual {
		return "", &Error{SignatureDoesNotMatch, "The provided 'x-amz-content-sha256' header does not match what was computed."}
	}
	return actual, nil
}

// encode writes all bytes but letters, digits and -._~ as %XX, and keeps slashes of paths.
func encode(s string, path bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~', path && c == '/':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}
