package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/aws/sigv4"
)

var now = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

type keys map[string]sigv4.Key

func (k keys) Key(_ context.Context, id string) (sigv4.Key, error) {
	key, ok := k[id]
	if !ok {
		return key, sigv4.ErrUnknownKey
	}
	return key, nil
}

var (
	user    = aws.Credentials{AccessKeyID: "AKIAUSER", SecretAccessKey: "s3cr/et+="}
	session = aws.Credentials{AccessKeyID: "ASIASESSION", SecretAccessKey: "other", SessionToken: "to/ken+=="}
	ended   = aws.Credentials{AccessKeyID: "ASIAENDED", SecretAccessKey: "old", SessionToken: "t"}
)

func verifier() *sigv4.Verifier {
	return &sigv4.Verifier{
		Keys: keys{
			user.AccessKeyID:    {Secret: user.SecretAccessKey},
			session.AccessKeyID: {Secret: session.SecretAccessKey, Token: session.SessionToken, Expires: now.Add(time.Minute)},
			ended.AccessKeyID:   {Secret: ended.SecretAccessKey, Token: ended.SessionToken, Expires: now},
		},
		Region: "eu-central-1", Services: []string{"glue", "s3", "sts"}, MaxBody: 1 << 20, Now: func() time.Time { return now },
	}
}

func sum(body string) string {
	s := sha256.Sum256([]byte(body))
	return hex.EncodeToString(s[:])
}

// signed is a request and how it is signed by AWS's own signer.
type signed struct {
	credentials     aws.Credentials
	method, url     string
	body            string
	header          http.Header
	service, region string
	at              time.Time
	payload         string
	presign         bool
	change          func(*http.Request) // what happens to it on its way
}

func glue() signed {
	return signed{
		credentials: user, method: "POST", url: "http://glue.local:4566/", body: `{"Name":"db"}`, service: "glue", region: "eu-central-1", at: now,
		header: http.Header{"X-Amz-Target": {"AWSGlue.GetDatabase"}, "Content-Type": {"application/x-amz-json-1.1"}},
	}
}

// received returns the request as a server reads it.
func (s signed) received(t interface {
	require.TestingT
	Context() context.Context
}) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), s.method, s.url, strings.NewReader(s.body))
	require.NoError(t, err)
	for name, values := range s.header {
		r.Header[name] = values
	}
	if s.payload == "" {
		s.payload = sum(s.body)
	}
	options := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.service == "s3" }
	signer := v4.NewSigner(options)
	if s.presign {
		uri, headers, err := signer.PresignHTTP(t.Context(), s.credentials, r, s.payload, s.service, s.region, s.at)
		require.NoError(t, err)
		r, err = http.NewRequestWithContext(t.Context(), s.method, uri, strings.NewReader(s.body))
		require.NoError(t, err)
		for name, values := range headers {
			if name != "Host" && name != "Content-Length" {
				r.Header[name] = values
			}
		}
	} else {
		require.NoError(t, signer.SignHTTP(t.Context(), s.credentials, r, s.payload, s.service, s.region, s.at))
	}
	var wire bytes.Buffer
	require.NoError(t, r.Write(&wire))
	out, err := http.ReadRequest(bufio.NewReader(&wire))
	require.NoError(t, err)
	if s.change != nil {
		s.change(out)
	}
	return out.WithContext(t.Context())
}

func TestWhatTheSDKSignsIsVerified(t *testing.T) {
	s3 := func(s signed) signed {
		s.service, s.url = "s3", "http://127.0.0.1:9000/lake/a%20b/%C3%A4%2Bc/x=1.json.gz?prefix=a/b-c&list-type=2&x=&x=%20+"
		s.header = http.Header{"X-Amz-Content-Sha256": {sum(s.body)}, "X-Amz-Meta-A": {"  two   spaces "}}
		return s
	}
	cases := map[string]func(signed) signed{
		"a Glue call of a user":            func(s signed) signed { return s },
		"a call of a session":              func(s signed) signed { s.credentials = session; return s },
		"the greatest skew behind":         func(s signed) signed { s.at = now.Add(-sigv4.MaxSkew); return s },
		"the greatest skew ahead":          func(s signed) signed { s.at = now.Add(sigv4.MaxSkew); return s },
		"an empty body":                    func(s signed) signed { s.body = ""; return s },
		"a path with a slash and a space":  func(s signed) signed { s.url = "http://h/a%2Fb/c%20d//e"; return s },
		"a path with AWS's own characters": func(s signed) signed { s.url = "http://h/a:b@c,d;e(f)'*!$&+="; return s },
		"a query in an order of its own":   func(s signed) signed { s.url = "http://h/?b=2&a=1&a=0&a-=3&A=4&a.b=5&x=a%2Fb&x=a-b"; return s },
		"S3 with a signed body":            s3,
		"S3 with an unsigned body": func(s signed) signed {
			s = s3(s)
			s.payload, s.header["X-Amz-Content-Sha256"] = "UNSIGNED-PAYLOAD", []string{"UNSIGNED-PAYLOAD"}
			return s
		},
		"a presigned S3 URL": func(s signed) signed {
			s.service, s.method, s.body, s.header, s.presign, s.payload = "s3", "GET", "", nil, true, "UNSIGNED-PAYLOAD"
			s.url, s.at = "http://127.0.0.1:9000/lake/a%20b.json.gz?X-Amz-Expires=3600", now.Add(-time.Hour)
			return s
		},
		"a presigned URL of a session": func(s signed) signed {
			s.credentials, s.service, s.method, s.body, s.header, s.presign = session, "sts", "GET", "", nil, true
			s.url, s.at = "http://sts/?Action=GetCallerIdentity&Version=2011-06-15", now.Add(-14*time.Minute)
			return s
		},
	}
	for name, of := range cases {
		t.Run(name, func(t *testing.T) {
			s := of(glue())
			r := s.received(t)
			got, err := verifier().Verify(r)
			require.NoError(t, err)
			require.Equal(t, &sigv4.Signature{
				AccessKeyID: s.credentials.AccessKeyID, Region: s.region, Service: s.service, SignedAt: s.at, Presigned: s.presign,
			}, got)
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Equal(t, s.body, string(body), "the handler behind still reads the body")
		})
	}
}

func TestWhatDoesNotHoldIsRefused(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	presigned := func(s signed, at time.Time, expires string) signed {
		s.service, s.method, s.body, s.header, s.presign, s.payload = "s3", "GET", "", nil, true, "UNSIGNED-PAYLOAD"
		s.url, s.at = "http://127.0.0.1:9000/lake/a?X-Amz-Expires="+expires, at
		return s
	}
	cases := map[string]struct {
		of   func(signed) signed
		code sigv4.Code
	}{
		"another body":         {func(s signed) signed { s.change = body(`{"Name":"xx"}`); return s }, sigv4.SignatureDoesNotMatch},
		"another operation":    {func(s signed) signed { s.change = header("X-Amz-Target", "AWSGlue.DeleteDatabase"); return s }, sigv4.SignatureDoesNotMatch},
		"another method":       {func(s signed) signed { s.change = func(r *http.Request) { r.Method = "PUT" }; return s }, sigv4.SignatureDoesNotMatch},
		"another host":         {func(s signed) signed { s.change = func(r *http.Request) { r.Host = "evil" }; return s }, sigv4.SignatureDoesNotMatch},
		"another path":         {func(s signed) signed { s.change = func(r *http.Request) { r.URL.Path = "/x" }; return s }, sigv4.SignatureDoesNotMatch},
		"another query":        {func(s signed) signed { s.change = func(r *http.Request) { r.URL.RawQuery = "a" }; return s }, sigv4.SignatureDoesNotMatch},
		"an x-amz header more": {func(s signed) signed { s.change = header("X-Amz-Acl", "public"); return s }, sigv4.SignatureDoesNotMatch},
		"another secret":       {func(s signed) signed { s.credentials.SecretAccessKey = "wrong"; return s }, sigv4.SignatureDoesNotMatch},
		"another region":       {func(s signed) signed { s.region = "us-east-1"; return s }, sigv4.SignatureDoesNotMatch},
		"another service":      {func(s signed) signed { s.service = "kms"; return s }, sigv4.SignatureDoesNotMatch},
		"an unsigned body outside S3": {func(s signed) signed {
			s.payload, s.header["X-Amz-Content-Sha256"] = "UNSIGNED-PAYLOAD", []string{"UNSIGNED-PAYLOAD"}
			return s
		}, sigv4.SignatureDoesNotMatch},
		"an unknown key":                 {func(s signed) signed { s.credentials.AccessKeyID = "AKIAX"; return s }, sigv4.InvalidClientTokenID},
		"a session without its token":    {func(s signed) signed { s.credentials = session; s.credentials.SessionToken = ""; return s }, sigv4.InvalidClientTokenID},
		"a session with another token":   {func(s signed) signed { s.credentials = session; s.credentials.SessionToken = "x"; return s }, sigv4.InvalidClientTokenID},
		"a user with a token":            {func(s signed) signed { s.credentials.SessionToken = "x"; return s }, sigv4.InvalidClientTokenID},
		"a session that has ended":       {func(s signed) signed { s.credentials = ended; return s }, sigv4.ExpiredToken},
		"a clock behind":                 {func(s signed) signed { s.at = now.Add(-sigv4.MaxSkew - time.Second); return s }, sigv4.RequestTimeTooSkewed},
		"a clock ahead":                  {func(s signed) signed { s.at = now.Add(sigv4.MaxSkew + time.Second); return s }, sigv4.RequestTimeTooSkewed},
		"a presigned URL that has ended": {func(s signed) signed { return presigned(s, now.Add(-61*time.Second), "60") }, sigv4.RequestTimeTooSkewed},
		"a presigned URL for too long":   {func(s signed) signed { return presigned(s, now, "604801") }, sigv4.IncompleteSignature},
		"a presigned URL for another object": {func(s signed) signed {
			s = presigned(s, now, "60")
			s.change = func(r *http.Request) { r.URL.Path = "/lake/b" }
			return s
		}, sigv4.SignatureDoesNotMatch},
		"no signature":          {func(s signed) signed { s.change = func(r *http.Request) { r.Header.Del("Authorization") }; return s }, sigv4.MissingAuthenticationToken},
		"a Basic authorization": {func(s signed) signed { s.change = header("Authorization", "Basic eDp5"); return s }, sigv4.IncompleteSignature},
		"half a signature": {func(s signed) signed {
			s.change = header("Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request")
			return s
		}, sigv4.IncompleteSignature},
		"no date": {func(s signed) signed { s.change = func(r *http.Request) { r.Header.Del("X-Amz-Date") }; return s }, sigv4.IncompleteSignature},
		"another day than the scope's": {func(s signed) signed {
			s.change = header("X-Amz-Date", "20240502T000000Z")
			return s
		}, sigv4.SignatureDoesNotMatch},
		"a body beyond the limit": {func(s signed) signed { s.body = strings.Repeat("x", 1<<20+1); return s }, sigv4.RequestEntityTooLarge},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := verifier().Verify(test.of(glue()).received(t))
			var refused *sigv4.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, test.code, refused.Code, refused.Message)
		})
	}
}

func body(text string) func(*http.Request) {
	return func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(text)) }
}

func TestAnyRequestIsVerifiedAndAnyChangeOfItsSignatureRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := glue()
		s.service = rapid.SampledFrom([]string{"glue", "sts"}).Draw(t, "service")
		path := rapid.StringMatching(`(/[ -~äß日]{0,8}){1,3}`).Draw(t, "path")
		query := url.Values{}
		for range rapid.IntRange(0, 4).Draw(t, "parameters") {
			query.Add(rapid.StringMatching(`[ -~ä]{1,6}`).Draw(t, "name"), rapid.StringMatching(`[ -~ä]{0,6}`).Draw(t, "value"))
		}
		s.url = (&url.URL{Scheme: "http", Host: "h:1", Path: path, RawQuery: query.Encode()}).String()
		s.body = rapid.String().Draw(t, "body")
		s.header["X-Amz-Meta"] = []string{rapid.StringMatching(`[!-~][ -~]{0,8}`).Draw(t, "header")}
		_, err := verifier().Verify(s.received(t))
		require.NoError(t, err)

		r := s.received(t)
		authorization := []byte(r.Header.Get("Authorization"))
		at := len(authorization) - 1 - rapid.IntRange(0, 63).Draw(t, "at")
		authorization[at] ^= 1
		r.Header.Set("Authorization", string(authorization))
		_, err = verifier().Verify(r)
		require.Error(t, err)
	})
}

func TestTheJSONProtocolHasItsOwnCodes(t *testing.T) {
	for code, want := range map[sigv4.Code]string{
		sigv4.InvalidClientTokenID: "UnrecognizedClientException", sigv4.SignatureDoesNotMatch: "InvalidSignatureException",
		sigv4.RequestTimeTooSkewed: "InvalidSignatureException", sigv4.ExpiredToken: "ExpiredTokenException",
		sigv4.MissingAuthenticationToken: "MissingAuthenticationTokenException", sigv4.IncompleteSignature: "IncompleteSignatureException",
	} {
		require.Equal(t, want, (&sigv4.Error{Code: code}).JSONCode())
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIAUSER/20240501/eu-central-1/glue/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "a=b", "20240501T120000Z")
	f.Add("", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAUSER%2F20240501%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20240501T120000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0", "")
	f.Fuzz(func(t *testing.T, authorization, query, date string) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader("{}"))
		r.URL.RawQuery = query
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		r.Header.Set("X-Amz-Date", date)
		_, err := verifier().Verify(r)
		var refused *sigv4.Error
		require.ErrorAs(t, err, &refused, "nothing holds that the secret didn't sign")
	})
}
