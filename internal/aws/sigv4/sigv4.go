// Package sigv4 verifies AWS Signature Version 4 on the server's side, in the Authorization header or in the query of a presigned
// URL ("AWS Signature Version 4 for API requests", IAM User Guide).
//
//	canonical request = method, path, query, signed headers, their names, SHA-256 of the body; each on its lines
//	string to sign    = "AWS4-HMAC-SHA256", time, scope, SHA-256 of the canonical request
//	scope             = date/region/service/aws4_request
//	key               = HMAC chain of "AWS4"+secret over the scope's parts
//
// S3 differs from the other services: the path is encoded once, not twice, and the client may leave the body unsigned.
package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// MaxSkew is how far the clocks of client and server may differ.
const MaxSkew = 5 * time.Minute

const (
	algorithm       = "AWS4-HMAC-SHA256"
	terminator      = "aws4_request"
	timeFormat      = "20060102T150405Z"
	unsignedPayload = "UNSIGNED-PAYLOAD"
)

// ErrUnknownKey is returned by Keys for an access key id that it doesn't know.
var ErrUnknownKey = errors.New("unknown access key")

// Key is what belongs to an access key id.
type Key struct {
	Secret string
	// Token is the session token that must come with the key; "" for a user's key, which comes without one.
	Token string
	// Expires is when a session ends; zero for a user's key.
	Expires time.Time
}

// Keys finds keys. It must be safe for concurrent use.
type Keys interface {
	// Key returns the key of an access key id or ErrUnknownKey. Expired sessions may be either.
	Key(ctx context.Context, accessKeyID string) (Key, error)
}

// Signature is a signature that holds.
type Signature struct {
	AccessKeyID     string
	Region, Service string
	SignedAt        time.Time
	Presigned       bool
}

// Verifier verifies requests. Set its fields before the first call; then it is safe for concurrent use.
type Verifier struct {
	Keys Keys
	// Region is the only one that signatures may name; "" takes any.
	Region string
	// Services are those that signatures may name; none takes any.
	Services []string
	// MaxBody is the greatest size of a signed body in bytes. It is read into memory.
	MaxBody int64
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Verify returns the signature of a request if it holds. It reads the body, unless that is unsigned, and puts a copy in its place.
// A request that is to be refused is an *Error; other errors are failures of Keys.
func (v *Verifier) Verify(r *http.Request) (*Signature, error) {
	c, err := parseClaim(r)
	if err != nil {
		return nil, err
	}
	if err := v.checkScope(c); err != nil {
		return nil, err
	}
	key, err := v.Keys.Key(r.Context(), c.AccessKeyID)
	if errors.Is(err, ErrUnknownKey) {
		return nil, invalidToken()
	}
	if err != nil {
		return nil, fmt.Errorf("looking up access key %s: %w", c.AccessKeyID, err)
	}
	now := time.Now()
	if v.Now != nil {
		now = v.Now()
	}
	if !equal(key.Token, c.token) {
		return nil, invalidToken()
	}
	if err := c.checkTime(now); err != nil {
		return nil, err
	}
	payload, err := v.payloadHash(r, c)
	if err != nil {
		return nil, err
	}
	canonical, err := canonicalRequest(r, c, payload)
	if err != nil {
		return nil, err
	}
	if !equal(sign(key.Secret, c, canonical), c.signature) {
		return nil, &Error{SignatureDoesNotMatch, "The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
	}
	// Only who holds the secret learns that the session has ended.
	if !key.Expires.IsZero() && !now.Before(key.Expires) {
		return nil, &Error{ExpiredToken, "The security token included in the request is expired"}
	}
	return &c.Signature, nil
}

func (v *Verifier) checkScope(c *claim) error {
	if v.Region != "" && c.Region != v.Region {
		return &Error{SignatureDoesNotMatch, fmt.Sprintf("Credential should be scoped to a valid region, not '%s'.", c.Region)}
	}
	if len(v.Services) > 0 && !slices.Contains(v.Services, c.Service) {
		return &Error{SignatureDoesNotMatch, fmt.Sprintf("Credential should be scoped to correct service: '%s'.", strings.Join(v.Services, "' or '"))}
	}
	return nil
}

// checkTime refuses what was signed in another time than now.
func (c *claim) checkTime(now time.Time) error {
	until := c.SignedAt.Add(MaxSkew)
	if c.expires > 0 {
		until = c.SignedAt.Add(c.expires)
	}
	if now.After(until) {
		return &Error{RequestTimeTooSkewed, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s.)", c.SignedAt.Format(timeFormat),
			now.UTC().Add(c.SignedAt.Sub(until)).Format(timeFormat), now.UTC().Format(timeFormat), until.Sub(c.SignedAt))}
	}
	if c.SignedAt.After(now.Add(MaxSkew)) {
		return &Error{RequestTimeTooSkewed, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 5 min.)", c.SignedAt.Format(timeFormat),
			now.UTC().Add(MaxSkew).Format(timeFormat), now.UTC().Format(timeFormat))}
	}
	return nil
}

func sign(secret string, c *claim, canonical string) string {
	date := c.SignedAt.Format("20060102")
	key := SigningKey(secret, date, c.Region, c.Service)
	scope := strings.Join([]string{date, c.Region, c.Service, terminator}, "/")
	return hex.EncodeToString(mac(key, strings.Join([]string{algorithm, c.SignedAt.Format(timeFormat), scope, hash([]byte(canonical))}, "\n")))
}

// SigningKey returns the key that signs the requests of a day (YYYYMMDD) to a region's service.
func SigningKey(secret, date, region, service string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, terminator} {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// equal compares in a time that doesn't depend on where the texts differ.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
