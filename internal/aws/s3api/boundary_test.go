package s3api_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/sts"
)

// A right on an object is asked for by the object's name, however a request writes it.
func TestACopysSourceIsAskedForByItsName(t *testing.T) {
	careful := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:GetObject*","Resource":"arn:aws:s3:::lake/secret"}]}`
	h := newHouse(t, sts.Account{ID: account, Users: []sts.User{admin, user("careful", careful)}})
	ctx := t.Context()
	require.NoError(t, h.put(h.client(key("admin")), "secret", "x"))
	c := h.client(key("careful"))
	upload, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(lake), Key: aws.String("copy")})
	require.NoError(t, err)
	for _, source := range []string{
		"lake/secret", "/lake/secret", "lake%2Fsecret", "lake/%73ecret", "lake/secret?versionId=null", "lake/secret?versionId=", "lake/secret%3FversionId=null", "lake/secret%3fversionId%3Dnull",
	} {
		_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String(lake), Key: aws.String("copy"), CopySource: &source})
		require.Error(t, err, source)
		_, err = c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: aws.String(lake), Key: aws.String("copy"), UploadId: upload.UploadId, PartNumber: aws.Int32(1), CopySource: &source})
		require.Error(t, err, source)
	}
	_, err = h.get(h.client(key("admin")), "copy")
	require.Equal(t, "NoSuchKey", code(t, err))
}

func TestAPresignedPutIsNoCopy(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	require.NoError(t, h.put(c, "secret", "x"))
	signed, err := s3.NewPresignClient(c).PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(lake), Key: aws.String("gift")})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, signed.URL, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("X-Amz-Copy-Source", "lake/secret")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
	_, err = h.get(c, "gift")
	require.Equal(t, "NoSuchKey", code(t, err))
}

// S3 says that a copy with conditions on its target answers 501 (conditional-writes-enforce). What must not happen is that they are ignored.
func TestACopyThatMustNotReplaceReplacesNothing(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	require.NoError(t, h.put(c, "a", "a"))
	require.NoError(t, h.put(c, "b", "b"))
	for _, in := range []*s3.CopyObjectInput{{IfNoneMatch: aws.String("*")}, {IfMatch: aws.String(`"0"`)}} {
		in.Bucket, in.Key, in.CopySource = aws.String(lake), aws.String("b"), aws.String("lake/a")
		_, err := c.CopyObject(t.Context(), in)
		require.Equal(t, "NotImplemented", code(t, err))
		got, err := h.get(c, "b")
		require.NoError(t, err)
		require.Equal(t, "b", got)
	}
}

func TestWhatIsBeingWrittenIsInNoListing(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	upload, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(lake), Key: aws.String("k")})
	require.NoError(t, err)
	for _, prefix := range []string{".", ".staging", ".staging/", ".staging/uploads", ".staging/uploads/", ".staging/uploads/" + *upload.UploadId + "/", ".staging/../", "../", "/", "//", "./"} {
		for _, delimiter := range []string{"", "/"} {
			keys, prefixes := h.keys(c, &s3.ListObjectsV2Input{Prefix: &prefix, Delimiter: &delimiter})
			require.Empty(t, keys, prefix)
			require.Empty(t, prefixes, prefix)
		}
	}
	require.NoError(t, h.put(c, "a/.staging/x", "x"))
	require.NoError(t, h.put(c, "b/.staging", "x"))
	keys, _ := h.keys(c, &s3.ListObjectsV2Input{})
	require.Equal(t, []string{"a/.staging/x", "b/.staging"}, keys, "only the folder at the top is hidden")
}

// A part's record may outlive its content when the machine loses power, and another part of the number may replace it while the object is put
// together. Neither may become an object whose ETag and checksum are those of other bytes.
func TestAnObjectIsMadeOfThePartsThatWereNamed(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	for name, damage := range map[string]func(path string) error{
		"cut":      func(path string) error { return os.Truncate(path, 1) },
		"replaced": func(path string) error { return os.WriteFile(path, []byte("other"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			k := aws.String("k-" + name)
			upload, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(lake), Key: k})
			require.NoError(t, err)
			part, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: aws.String(lake), Key: k, UploadId: upload.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("bytes")})
			require.NoError(t, err)
			require.NoError(t, damage(h.lake.StagingPath("uploads", *upload.UploadId, "1")))
			_, err = c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: aws.String(lake), Key: k, UploadId: upload.UploadId,
				MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}}})
			require.Equal(t, "InvalidPart", code(t, err))
			_, err = h.get(c, *k)
			require.Equal(t, "NoSuchKey", code(t, err))
		})
	}
}

// The front reads whatever is no object's content into memory, before it asks for rights and also where the operation takes no body.
func TestOnlyContentsMayBeLarge(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	large := strings.Repeat("x", 17<<20)
	for name, change := range map[string]func(r *http.Request){
		"a list of keys":  func(r *http.Request) { r.Method = http.MethodPost; r.URL.RawQuery = "delete" },
		"a list of parts": func(r *http.Request) { r.Method = http.MethodPost; r.URL.Path += "/k"; r.URL.RawQuery = "uploadId=x" },
		"a copy": func(r *http.Request) {
			r.Method = http.MethodPut
			r.URL.Path += "/k"
			r.Header.Set("X-Amz-Copy-Source", "lake/a")
		},
		"a bucket":                 func(r *http.Request) { r.Method = http.MethodPut },
		"a request without a body": func(r *http.Request) { r.Method = http.MethodGet; r.URL.Path += "/k" },
		"a body of unknown length": func(r *http.Request) { r.Method = http.MethodPost; r.URL.RawQuery = "delete"; r.ContentLength = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, h.url+"/lake", strings.NewReader(large))
			require.NoError(t, err)
			change(r)
			resp, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, errors.Join(err, resp.Body.Close()))
			want := map[bool]string{true: "MissingContentLength", false: "EntityTooLarge"}[r.ContentLength < 0]
			require.Contains(t, string(text), "<Code>"+want+"</Code>")
		})
	}
	require.NoError(t, h.put(c, "k", large))
	got, err := h.get(c, "k")
	require.NoError(t, err)
	require.Len(t, got, len(large))
}

// The front asks for the right to put into the bucket when a form is posted, not for that on the key, so that a policy about keys would not hold.
func TestAFormIsNotAWayAroundAPolicy(t *testing.T) {
	careful := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:PutObject","Resource":"arn:aws:s3:::lake/keep/*"}]}`
	h := newHouse(t, sts.Account{ID: account, Users: []sts.User{admin, user("careful", careful)}})
	require.Equal(t, "AccessDenied", code(t, h.put(h.client(key("careful")), "keep/a", "x")))
	form, err := s3.NewPresignClient(h.client(key("careful"))).PresignPostObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(lake), Key: aws.String("keep/a")})
	require.NoError(t, err)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range form.Values {
		require.NoError(t, w.WriteField(name, value))
	}
	file, err := w.CreateFormFile("file", "a")
	require.NoError(t, err)
	_, err = file.Write([]byte("x"))
	require.NoError(t, errors.Join(err, w.Close()))
	for _, kind := range []string{w.FormDataContentType(), strings.Replace(w.FormDataContentType(), "multipart/form-data", "Multipart/FORM-data", 1)} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/lake", bytes.NewReader(body.Bytes()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", kind)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
		require.Contains(t, string(text), "<Code>NotImplemented</Code>")
	}
	_, err = h.get(h.client(key("admin")), "keep/a")
	require.Equal(t, "NoSuchKey", code(t, err))
}

// A client that dies in the middle leaves what was there before, also where no digest tells that the rest is missing.
func TestAContentThatEndsEarlyIsNoObject(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	require.NoError(t, h.put(c, "k", "before"))
	upload, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(lake), Key: aws.String("k")})
	require.NoError(t, err)
	presign := s3.NewPresignClient(c)
	object, err := presign.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(lake), Key: aws.String("k")})
	require.NoError(t, err)
	part, err := presign.PresignUploadPart(t.Context(), &s3.UploadPartInput{Bucket: aws.String(lake), Key: aws.String("k"), UploadId: upload.UploadId, PartNumber: aws.Int32(1)})
	require.NoError(t, err)
	for _, signed := range []string{object.URL, part.URL} {
		address, err := url.Parse(signed)
		require.NoError(t, err)
		for _, sent := range []int{0, 1, 1000, 100_000, 1<<20 - 1} {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address.Host)
			require.NoError(t, err)
			_, err = fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", address.RequestURI(), address.Host, 1<<20, strings.Repeat("x", sent))
			require.NoError(t, err)
			time.Sleep(50 * time.Millisecond) // the front begins to read
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			_, _ = io.Copy(io.Discard, conn) // until the server has given up
			require.NoError(t, conn.Close())
			got, err := h.get(c, "k")
			require.NoError(t, err)
			require.Len(t, got, len("before"), "%d bytes", sent)
			parts, err := c.ListParts(t.Context(), &s3.ListPartsInput{Bucket: aws.String(lake), Key: aws.String("k"), UploadId: upload.UploadId})
			require.NoError(t, err)
			require.Empty(t, parts.Parts, "%d bytes", sent)
		}
	}
}
