package sigv4

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxPresigned     = 7 * 24 * time.Hour
	defaultPresigned = 15 * time.Minute // what services other than S3 take without X-Amz-Expires
)

// claim is what a request says of its signature.
type claim struct {
	Signature
	query     url.Values
	headers   []string // lower-case names, in order
	signature string
	token     string
	expires   time.Duration // of a presigned URL; 0 otherwise
}

func parseClaim(r *http.Request) (*claim, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, incomplete("The query string is not valid: " + err.Error())
	}
	c := &claim{query: query}
	var credential, headers, date string
	switch authorization := r.Header.Values("Authorization"); {
	case len(authorization) > 1:
		return nil, incomplete("There is more than one Authorization header.")
	case len(authorization) == 1:
		if credential, headers, err = c.parseHeader(authorization[0]); err != nil {
			return nil, err
		}
		date, c.token = r.Header.Get("X-Amz-Date"), r.Header.Get("X-Amz-Security-Token")
		if date == "" {
			date = r.Header.Get("Date")
		}
	case query.Has("X-Amz-Signature") || query.Has("X-Amz-Algorithm"):
		if query.Get("X-Amz-Algorithm") != algorithm {
			return nil, incomplete("X-Amz-Algorithm must be " + algorithm + ".")
		}
		c.Presigned = true
		credential, headers, date = query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders"), query.Get("X-Amz-Date")
		c.signature, c.token = query.Get("X-Amz-Signature"), query.Get("X-Amz-Security-Token")
		if c.expires, err = presignedFor(query); err != nil {
			return nil, err
		}
	default:
		return nil, &Error{MissingAuthenticationToken, "Request is missing Authentication Token"}
	}
	return c, c.parse(credential, headers, date)
}

// parseHeader reads "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...".
func (c *claim) parseHeader(authorization string) (credential, headers string, err error) {
	name, rest, _ := strings.Cut(authorization, " ")
	if name != algorithm {
		return "", "", incomplete(fmt.Sprintf("The Authorization header must begin with %s.", algorithm))
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := parts[key]; !ok || twice {
			return "", "", incomplete("The Authorization header is not a list of key=value pairs.")
		}
		parts[key] = value
	}
	for _, key := range []string{"Credential", "SignedHeaders", "Signature"} {
		if parts[key] == "" {
			return "", "", incomplete(fmt.Sprintf("Authorization header requires '%s' parameter.", key))
		}
	}
	c.signature = parts["Signature"]
	return parts["Credential"], parts["SignedHeaders"], nil
}

func presignedFor(query url.Values) (time.Duration, error) {
	if !query.Has("X-Amz-Expires") {
		return defaultPresigned, nil
	}
	seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	if err != nil || seconds < 1 || seconds > int(maxPresigned/time.Second) {
		return 0, incomplete(fmt.Sprintf("X-Amz-Expires must be a number of seconds from 1 to %d.", maxPresigned/time.Second))
	}
	return time.Duration(seconds) * time.Second, nil
}

func (c *claim) parse(credential, headers, date string) error {
	// An access key id has no slash.
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[0] == "" || parts[4] != terminator || c.signature == "" {
		return incomplete("The credential must be <access key id>/<date>/<region>/<service>/" + terminator + " and have a signature.")
	}
	c.AccessKeyID, c.Region, c.Service = parts[0], parts[2], parts[3]
	at, err := time.Parse(timeFormat, date)
	if err != nil {
		at, err = http.ParseTime(date)
	}
	if err != nil {
		return incomplete("The request's date must be in ISO-8601 'basic format', such as 20240501T000000Z, in X-Amz-Date.")
	}
	c.SignedAt = at.UTC()
	if parts[1] != c.SignedAt.Format("20060102") {
		return &Error{SignatureDoesNotMatch, fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			parts[1], c.SignedAt.Format("20060102"), c.SignedAt.Format(timeFormat))}
	}
	c.headers = strings.Split(headers, ";")
	if !slices.Contains(c.headers, "host") || !slices.IsSorted(c.headers) {
		return incomplete("The signed headers must be sorted, in lower case, and hold host.")
	}
	return nil
}

// ClaimedService returns the service that a request says it is signed for. signed is false if it says nothing of a signature. Nothing is
// verified: the answer is good for choosing who verifies.
func ClaimedService(r *http.Request) (service string, signed bool) {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		credential, _, _ = strings.Cut(rest, ",")
	}
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return "", credential != ""
	}
	return parts[3], true
}
