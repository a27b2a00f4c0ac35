package s3bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/bucket/s3bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// wire stands in for the network: it keeps the requests and answers them.
type wire struct {
	mu       sync.Mutex
	requests []*http.Request
	answer   func(r *http.Request) (status int, header map[string]string, body string, err error)
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, r)
	status, header, body, err := w.answer(r)
	if err != nil {
		return nil, err
	}
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}
	for name, value := range header {
		resp.Header.Set(name, value)
	}
	return resp, nil
}

// config is of a process that talks over the wire.
func (w *wire) config() aws.Config {
	return aws.Config{Region: "eu-central-1", HTTPClient: w, Credentials: credentials.NewStaticCredentialsProvider("AKIAX", "planted-secret", "")}
}

func (w *wire) bucket(o s3bucket.Options) *s3bucket.Bucket {
	o.Bucket, o.Retry = "lake", bucket.RetryPolicy{Attempts: 3, Base: 1, Max: 1}
	return s3bucket.New(w.config(), o)
}

// storage answers as a server that takes everything.
func storage(r *http.Request) (int, map[string]string, string, error) {
	switch {
	case r.Method == http.MethodPost && r.URL.Query().Has("uploads"):
		return 200, nil, `<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`, nil
	case r.Method == http.MethodPost:
		return 200, nil, `<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>`, nil
	}
	return 200, map[string]string{"ETag": `"e"`, "X-Amz-Checksum-Crc32": "AAAAAA=="}, "", nil
}

func TestEncryptionIsAskedForAsConfigured(t *testing.T) {
	const key = "arn:aws:kms:eu-central-1:123456789012:key/1"
	for name, c := range map[string]struct {
		options      s3bucket.Options
		mode, keyARN string
	}{
		"none":              {s3bucket.Options{KMSKey: "ignored"}, "", ""},
		"SSE-S3":            {s3bucket.Options{Encryption: s3bucket.SSES3}, "AES256", ""},
		"SSE-KMS":           {s3bucket.Options{Encryption: s3bucket.SSEKMS}, "aws:kms", ""},
		"SSE-KMS and a key": {s3bucket.Options{Encryption: s3bucket.SSEKMS, KMSKey: key}, "aws:kms", key},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{answer: storage}
			require.NoError(t, put(t, w.bucket(c.options), "whole", "x", bucket.PutOptions{}))
			require.NoError(t, put(t, w.bucket(c.options), "parts", sizes["in parts"]+sizes["in parts"], bucket.PutOptions{}))
			seen := map[string]bool{}
			for _, r := range w.requests {
				creates := r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/whole") || r.URL.Query().Has("uploads")
				seen[r.URL.Path] = seen[r.URL.Path] || creates
				if creates {
					require.Equal(t, c.mode, r.Header.Get("X-Amz-Server-Side-Encryption"))
					require.Equal(t, c.keyARN, r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
				} else {
					require.Empty(t, r.Header.Get("X-Amz-Server-Side-Encryption"), "parts inherit it")
				}
				for name := range r.Header {
					require.NotContains(t, strings.ToLower(name), "acl")
					require.NotContains(t, strings.ToLower(name), "grant")
					require.NotContains(t, strings.ToLower(name), "bucket-key")
				}
			}
			require.Len(t, seen, 2)
		})
	}
}

func TestChecksumsGoToAWSOnly(t *testing.T) {
	for endpoint, atAWS := range map[string]bool{
		"": true, "https://bucket.vpce-1.s3.eu-central-1.vpce.amazonaws.com": true, "https://minio.example.com": false,
		"http://127.0.0.1:9000": false, "https://s3.amazonaws.com.example.com": false,
	} {
		w := &wire{answer: storage}
		b := w.bucket(s3bucket.Options{Endpoint: endpoint, PathStyle: true})
		require.NoError(t, put(t, b, "whole", "x", bucket.PutOptions{}))
		require.NoError(t, put(t, b, "parts", sizes["in parts"]+sizes["in parts"], bucket.PutOptions{}))
		for _, r := range w.requests {
			if r.Method != http.MethodPut {
				continue
			}
			trailer := r.Header.Get("X-Amz-Trailer") + r.Header.Get("X-Amz-Checksum-Crc32")
			require.Equal(t, atAWS, trailer != "", "%s: %v", endpoint, r.Header)
			if !atAWS {
				require.NotContains(t, r.Header.Get("Content-Encoding"), "aws-chunked")
				require.Len(t, r.Header.Get("X-Amz-Content-Sha256"), 64, "the signature covers the body")
			}
		}
	}
}

func TestPartsKeepTheirBoundsAndTheirChecksums(t *testing.T) {
	var busy, most int
	var gate sync.Mutex
	gathered, complete := make(chan struct{}), ""
	w := &wire{answer: storage}
	slow := clientFunc(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut {
			gate.Lock()
			if busy++; busy > most {
				if most = busy; most == 3 {
					close(gathered)
				}
			}
			gate.Unlock()
			<-gathered // until as many as may be are under way
			defer func() { gate.Lock(); busy--; gate.Unlock() }()
		} else if !r.URL.Query().Has("uploads") {
			text, _ := io.ReadAll(r.Body)
			complete, r.Body = string(text), io.NopCloser(bytes.NewReader(text))
		}
		return w.Do(r)
	})
	cfg := w.config()
	cfg.HTTPClient = slow
	b := s3bucket.New(cfg, s3bucket.Options{Bucket: "lake", PartBytes: 5 << 20, Parts: 3})
	require.NoError(t, put(t, b, "k", strings.Repeat("x", 33<<20), bucket.PutOptions{}))
	require.Equal(t, 3, most)
	require.Equal(t, 7, strings.Count(complete, "<ChecksumCRC32>AAAAAA==</ChecksumCRC32>"), complete)
	require.Contains(t, complete, "<PartNumber>7</PartNumber>")
}

type clientFunc func(r *http.Request) (*http.Response, error)

func (f clientFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func xmlError(code, message string) string {
	return "<Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>"
}

func TestErrorsHaveTheClassAndTheHint(t *testing.T) {
	const denied = "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: "
	for name, c := range map[string]struct {
		status  int
		header  map[string]string
		body    string
		err     error
		class   fault.Class
		mention string
	}{
		"a denied action is named":       {status: 403, body: xmlError("AccessDenied", denied+"s3:PutObject on resource: x"), class: fault.Setup, mention: "allow s3:PutObject"},
		"a denial that names nothing":    {status: 403, body: xmlError("AccessDenied", "Access Denied"), class: fault.Setup, mention: "allow s3:PutObject"},
		"a denial of the key":            {status: 403, body: xmlError("AccessDenied", denied+"kms:GenerateDataKey on the resource"), class: fault.Setup, mention: "the bucket encrypts with KMS: allow kms:GenerateDataKey and kms:Decrypt"},
		"a denial by a policy elsewhere": {status: 403, body: xmlError("AccessDenied", denied+"s3:PutObject with an explicit deny in a service control policy"), class: fault.Setup, mention: "denies s3:PutObject expressly"},
		"a missing bucket":               {status: 404, body: xmlError("NoSuchBucket", "m"), class: fault.Setup, mention: "create bucket lake"},
		"another region, by the header":  {status: 301, header: map[string]string{"X-Amz-Bucket-Region": "us-west-2"}, body: xmlError("PermanentRedirect", "m"), class: fault.Setup, mention: "lies in region us-west-2, not in eu-central-1"},
		"another region, by the code":    {status: 400, body: xmlError("AuthorizationHeaderMalformed", "m"), class: fault.Setup, mention: "eu-central-1"},
		"wrong keys":                     {status: 403, body: xmlError("SignatureDoesNotMatch", "m"), class: fault.Setup, mention: "credentials"},
		"unknown keys":                   {status: 403, body: xmlError("InvalidAccessKeyId", "m"), class: fault.Setup, mention: "credentials"},
		"a disabled key":                 {status: 400, body: xmlError("KMS.DisabledException", "m"), class: fault.Setup, mention: "KMS key"},
		"an archived object":             {status: 403, body: xmlError("InvalidObjectState", "m"), class: fault.Setup, mention: "archive"},
		"an operation the server lacks":  {status: 501, body: xmlError("NotImplemented", "m"), class: fault.Setup, mention: "docs/operations.md"},
		"too fast":                       {status: 503, body: xmlError("SlowDown", "m"), class: fault.Transient, mention: "SlowDown"},
		"an outage":                      {status: 500, body: xmlError("InternalError", "m"), class: fault.Transient, mention: "InternalError"},
		"an outage of a proxy":           {status: 502, body: "<html>", class: fault.Transient},
		"a wrong clock":                  {status: 403, body: xmlError("RequestTimeTooSkewed", "m"), class: fault.Transient, mention: "clock"},
		"an ended session":               {status: 400, body: xmlError("ExpiredToken", "m"), class: fault.Transient, mention: "ExpiredToken"},
		"a slow body":                    {status: 400, body: xmlError("RequestTimeout", "m"), class: fault.Transient},
		"a full server":                  {status: 507, body: xmlError("XMinioStorageFull", "m"), class: fault.Transient, mention: "room"},
		"a broken connection":            {err: &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, class: fault.Transient},
		"a host that is not there":       {err: &net.DNSError{Name: "s3.nowhere.test", IsNotFound: true}, class: fault.Transient, mention: "there is no s3.nowhere.test"},
		"what nobody has foreseen":       {status: 418, body: xmlError("Teapot", "m"), class: fault.Bug, mention: "Teapot"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{answer: func(*http.Request) (int, map[string]string, string, error) { return c.status, c.header, c.body, c.err }}
			err := put(t, w.bucket(s3bucket.Options{}), "dir/k", "x", bucket.PutOptions{})
			require.Equal(t, c.class, fault.ClassOf(err), err)
			require.ErrorContains(t, err, c.mention)
			require.ErrorContains(t, err, "putting s3://lake/dir/k")
			require.NotContains(t, err.Error(), "planted-secret")
		})
	}
}

func TestAForbiddenHeadIsNeitherThereNorAbsent(t *testing.T) {
	w := &wire{answer: func(r *http.Request) (int, map[string]string, string, error) {
		if r.Method == http.MethodHead {
			return 403, nil, "", nil
		}
		return 403, nil, xmlError("AccessDenied", "User: x is not authorized to perform: s3:ListBucket on resource: y"), nil
	}}
	b := w.bucket(s3bucket.Options{})
	_, err := b.Head(t.Context(), "k")
	require.NotErrorIs(t, err, bucket.ErrNotFound)
	require.NotErrorIs(t, err, bucket.ErrExists)
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	require.ErrorContains(t, err, "allow s3:ListBucket", "the GET after it says what the HEAD cannot")

	// After a lost answer a conditional put that may not look is not a success either.
	tries := 0
	w.answer = func(r *http.Request) (int, map[string]string, string, error) {
		if r.Method != http.MethodPut {
			return 403, nil, "", nil
		}
		if tries++; tries == 1 {
			return 500, nil, xmlError("InternalError", "m"), nil
		}
		return 412, nil, xmlError("PreconditionFailed", "m"), nil
	}
	err = put(t, b, "k", "x", bucket.PutOptions{IfAbsent: true})
	require.NotErrorIs(t, err, bucket.ErrExists)
	require.Equal(t, fault.Setup, fault.ClassOf(err), err)
}

func TestDeletesGoInBatchesAndEachKeysErrorCounts(t *testing.T) {
	var batches []int
	refuse := ""
	w := &wire{answer: storage}
	client := clientFunc(func(r *http.Request) (*http.Response, error) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = nil
		batches = append(batches, strings.Count(string(text), "<Key>"))
		w.answer = func(*http.Request) (int, map[string]string, string, error) {
			if refuse != "" && strings.Contains(string(text), "<Key>k7</Key>") {
				return 200, nil, "<DeleteResult><Error><Key>k7</Key><Code>" + refuse + "</Code><Message>m</Message></Error></DeleteResult>", nil
			}
			return 200, nil, "<DeleteResult></DeleteResult>", nil
		}
		return w.Do(r)
	})
	cfg := w.config()
	cfg.HTTPClient = client
	b := s3bucket.New(cfg, s3bucket.Options{Bucket: "lake", Retry: bucket.RetryPolicy{Attempts: 3, Base: 1, Max: 1}})
	keys := make([]string, 2500)
	for i := range keys {
		keys[i] = fmt.Sprint("k", i)
	}
	require.NoError(t, b.Delete(t.Context(), keys...))
	require.Equal(t, []int{1000, 1000, 500}, batches)
	for _, r := range w.requests {
		require.NotEmpty(t, r.Header.Get("X-Amz-Checksum-Crc32")+r.Header.Get("Content-Md5"), "a batch needs a digest")
	}

	batches, refuse = nil, "AccessDenied"
	err := b.Delete(t.Context(), keys[:10]...)
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	require.ErrorContains(t, err, "deleting s3://lake/k7")
	require.ErrorContains(t, err, "s3:DeleteObject")
	require.Equal(t, []int{10}, batches)

	batches, refuse = nil, "InternalError"
	require.Equal(t, fault.Transient, fault.ClassOf(b.Delete(t.Context(), keys[:10]...)))
	require.Equal(t, []int{10, 1, 1}, batches, "only the failed key goes again")
}

func TestServersWithoutBatchesGetKeysOneByOne(t *testing.T) {
	w := &wire{answer: func(r *http.Request) (int, map[string]string, string, error) {
		if r.Method == http.MethodPost {
			return 501, nil, xmlError("NotImplemented", "m"), nil
		}
		return 204, nil, "", nil
	}}
	require.NoError(t, w.bucket(s3bucket.Options{Endpoint: "https://storage.example.com"}).Delete(t.Context(), "a", "b", "c\x01"))
	var singly []string
	for _, r := range w.requests {
		if r.Method == http.MethodDelete {
			singly = append(singly, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
		}
	}
	require.Equal(t, []string{"a", "b", "c\x01"}, singly)
}

func TestACancelledWaitEndsARequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &wire{answer: func(*http.Request) (int, map[string]string, string, error) {
		cancel()
		return 503, nil, xmlError("SlowDown", "m"), nil
	}}
	b := s3bucket.New(w.config(), s3bucket.Options{Bucket: "lake"})
	_, err := b.Head(ctx, "k")
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, w.requests, 1)
}
