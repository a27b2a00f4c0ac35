package s3api_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// Pipelines write by the bucket and clients by S3: both must see one set of objects, whatever was written by whom.
func TestBothDoorsLeadToTheSameObjects(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	rapid.Check(t, func(rt *rapid.T) {
		var all []string
		for o, err := range h.lake.List(ctx, "") {
			require.NoError(rt, err)
			all = append(all, o.Key)
		}
		require.NoError(rt, h.lake.Delete(ctx, all...))
		model := map[string]string{}
		names := rapid.SampledFrom([]string{"a.json", "a/b.json", "a/c/d.json.gz", "a-1", "ä/ö u+%20=&.json", "z"})
		rt.Repeat(map[string]func(*rapid.T){
			"put by a pipeline": func(rt *rapid.T) {
				k, v := names.Draw(rt, "key"), rapid.String().Draw(rt, "value")
				_, err := h.lake.Put(ctx, k, strings.NewReader(v), int64(len(v)), bucket.PutOptions{})
				require.NoError(rt, err)
				model[k] = v
			},
			"put by S3": func(rt *rapid.T) {
				k, v := names.Draw(rt, "key"), rapid.String().Draw(rt, "value")
				require.NoError(rt, h.put(c, k, v))
				model[k] = v
			},
			"copy by S3": func(rt *rapid.T) {
				from, to := names.Draw(rt, "from"), names.Draw(rt, "to")
				v, ok := model[from]
				if !ok || from == to {
					rt.Skip()
				}
				_, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String(lake), Key: &to, CopySource: aws.String(lake + "/" + urlEncode(from))})
				require.NoError(rt, err)
				model[to] = v
			},
			"delete by a pipeline": func(rt *rapid.T) {
				k := names.Draw(rt, "key")
				require.NoError(rt, h.lake.Delete(ctx, k))
				delete(model, k)
			},
			"delete by S3": func(rt *rapid.T) {
				k := names.Draw(rt, "key")
				_, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String(lake), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: &k}}}})
				require.NoError(rt, err)
				delete(model, k)
			},
			"": func(rt *rapid.T) {
				listed, _ := h.keys(c, &s3.ListObjectsV2Input{MaxKeys: aws.Int32(2)})
				want := slices.Sorted(maps.Keys(model))
				require.Equal(rt, want, slices.Clip(listed))
				for k, v := range model {
					got, err := h.get(c, k)
					require.NoError(rt, err)
					require.Equal(rt, v, got)
					r, _, err := h.lake.Get(ctx, k)
					require.NoError(rt, err)
					plain, err := io.ReadAll(r)
					require.NoError(rt, err)
					require.NoError(rt, r.Close())
					require.Equal(rt, v, string(plain))
				}
			},
		})
	})
}

func urlEncode(key string) string {
	return strings.NewReplacer("%", "%25", "+", "%2B", " ", "%20", "&", "%26", "=", "%3D").Replace(key)
}

func TestAnObjectHasWhatItWasGiven(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	const body = "hello, lake"
	sum := md5.Sum([]byte(body))
	etag := `"` + hex.EncodeToString(sum[:]) + `"`
	put, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(lake), Key: aws.String("a/b.json"), Body: strings.NewReader(body), ContentType: aws.String("application/json"),
		ContentEncoding: aws.String("identity"), CacheControl: aws.String("no-cache"), Metadata: map[string]string{"run": "7"}, ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	require.NoError(t, err)
	require.Equal(t, etag, *put.ETag)
	require.Equal(t, types.ServerSideEncryptionAes256, put.ServerSideEncryption, "every object of S3 is encrypted")
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(lake), Key: aws.String("a/b.json"), ChecksumMode: types.ChecksumModeEnabled})
	require.NoError(t, err)
	require.Equal(t, etag, *head.ETag)
	require.Equal(t, "application/json", *head.ContentType)
	require.Equal(t, "no-cache", *head.CacheControl)
	require.Equal(t, map[string]string{"run": "7"}, head.Metadata)
	require.Equal(t, put.ChecksumSHA256, head.ChecksumSHA256)
	require.NotNil(t, head.ChecksumSHA256)

	get, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(lake), Key: aws.String("a/b.json"), Range: aws.String("bytes=7-10")})
	require.NoError(t, err)
	part, err := io.ReadAll(get.Body)
	require.NoError(t, err)
	require.Equal(t, "lake", string(part))
	require.Equal(t, "bytes 7-10/11", *get.ContentRange)
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(lake), Key: aws.String("a/b.json"), Range: aws.String("bytes=99-")})
	require.Equal(t, "InvalidRange", code(t, err))
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(lake), Key: aws.String("a/b.json"), IfMatch: aws.String(`"other"`)})
	require.Equal(t, "PreconditionFailed", code(t, err))
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(lake), Key: aws.String("a")})
	require.Equal(t, "NoSuchKey", code(t, err), "a folder is no object")

	attributes, err := c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: aws.String(lake), Key: aws.String("a/b.json"), ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesObjectSize}})
	require.NoError(t, err)
	require.EqualValues(t, len(body), *attributes.ObjectSize)

	// Whoever edits the file in place doesn't leave its old ETag behind.
	path, err := h.lake.LocalPath("a/b.json")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("else"), 0o644))
	head, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(lake), Key: aws.String("a/b.json")})
	require.NoError(t, err)
	require.NotEqual(t, etag, *head.ETag)
}

func TestPrefixesAndDelimitersList(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	for _, k := range []string{"1/mp_master_event/2026/05/01/full_day/a.json.gz", "1/mp_master_event/2026/05/02/full_day/a.json.gz", "1/mp_people_data/x.json.gz", "2/y", "top"} {
		_, err := h.lake.Put(t.Context(), k, strings.NewReader("x"), 1, bucket.PutOptions{})
		require.NoError(t, err)
	}
	s, err := h.lake.Stage() // an object that is being written
	require.NoError(t, err)
	defer s.Discard()
	keys, prefixes := h.keys(c, &s3.ListObjectsV2Input{Delimiter: aws.String("/")})
	require.Equal(t, []string{"top"}, keys)
	require.Equal(t, []string{"1/", "2/"}, prefixes)
	keys, prefixes = h.keys(c, &s3.ListObjectsV2Input{Delimiter: aws.String("/"), Prefix: aws.String("1/mp_"), MaxKeys: aws.Int32(1)})
	require.Empty(t, keys)
	require.Equal(t, []string{"1/mp_master_event/", "1/mp_people_data/"}, prefixes)
	keys, _ = h.keys(c, &s3.ListObjectsV2Input{Prefix: aws.String("1/mp_master_event/"), StartAfter: aws.String("1/mp_master_event/2026/05/01/z")})
	require.Equal(t, []string{"1/mp_master_event/2026/05/02/full_day/a.json.gz"}, keys)
	one, err := c.ListObjects(t.Context(), &s3.ListObjectsInput{Bucket: aws.String(lake), MaxKeys: aws.Int32(4)})
	require.NoError(t, err)
	require.True(t, *one.IsTruncated)
	require.Len(t, one.Contents, 4)
	two, err := c.ListObjects(t.Context(), &s3.ListObjectsInput{Bucket: aws.String(lake), Marker: one.Contents[3].Key})
	require.NoError(t, err)
	require.Len(t, two.Contents, 1)
}

func TestOfManyWhoCreateAnObjectOneDoes(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	var wg sync.WaitGroup
	created := make(chan string, 16)
	for i := range 16 {
		wg.Go(func() {
			body := fmt.Sprint("writer ", i)
			var err error
			if i%2 == 0 {
				_, err = h.lake.Put(t.Context(), "once", strings.NewReader(body), int64(len(body)), bucket.PutOptions{IfAbsent: true})
			} else {
				_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(lake), Key: aws.String("once"), Body: strings.NewReader(body), IfNoneMatch: aws.String("*")})
				if err != nil && code(t, err) != "PreconditionFailed" {
					t.Error(err)
				}
			}
			if err == nil {
				created <- body
			}
		})
	}
	wg.Wait()
	require.Len(t, created, 1)
	got, err := h.get(c, "once")
	require.NoError(t, err)
	require.Equal(t, <-created, got)

	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(lake), Key: aws.String("once")})
	require.NoError(t, err)
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(lake), Key: aws.String("once"), Body: strings.NewReader("2"), IfMatch: head.ETag})
	require.NoError(t, err)
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(lake), Key: aws.String("once"), Body: strings.NewReader("3"), IfMatch: head.ETag})
	require.Equal(t, "PreconditionFailed", code(t, err))
	_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(lake), Key: aws.String("once"), IfMatch: head.ETag})
	require.Equal(t, "PreconditionFailed", code(t, err))
}

func TestADamagedBodyIsRefusedAndLeavesNothing(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(lake), Key: aws.String("k"), Body: strings.NewReader("x"), ChecksumCRC32: aws.String("AAAAAA==")})
	require.Contains(t, []string{"BadDigest", "InvalidRequest"}, code(t, err))
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(lake), Key: aws.String("k"), Body: strings.NewReader("x"), ContentMD5: aws.String("AAAAAAAAAAAAAAAAAAAAAA==")})
	require.Equal(t, "BadDigest", code(t, err))
	_, err = h.get(c, "k")
	require.Equal(t, "NoSuchKey", code(t, err))
	left, err := os.ReadDir(h.lake.StagingPath())
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestWhatAFolderCantHoldIsRefusedInWords(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	require.NoError(t, h.put(c, "a/b", "x"))
	for k, want := range map[string]string{
		"a": "ObjectParentIsFile", "a/b/c": "ObjectParentIsFile", "folder/": "InvalidArgument", ".staging/x": "InvalidArgument", "a//b": "InvalidArgument",
		"../x": "InvalidArgument", "a/../../x": "InvalidArgument", "..": "InvalidArgument", "a/../b": "InvalidArgument",
		strings.Repeat("x", 300): "KeyTooLongError",
	} {
		require.Equal(t, want, code(t, h.put(c, k, "x")), k)
	}
	_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(lake), Key: aws.String(".staging")})
	require.NoError(t, err, "what no object can be called is gone already")
	require.DirExists(t, h.lake.StagingPath())
}

func TestBucketsComeAndGo(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("customer"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}})
	require.NoError(t, err)
	_, err = c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("customer"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}})
	require.Equal(t, "BucketAlreadyOwnedByYou", code(t, err))
	list, err := c.ListBuckets(ctx, nil)
	require.NoError(t, err)
	require.Len(t, list.Buckets, 2)
	location, err := c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: aws.String("customer")})
	require.NoError(t, err)
	require.EqualValues(t, region, location.LocationConstraint)
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("customer"), Key: aws.String("k"), Body: strings.NewReader("x")})
	require.NoError(t, err)
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("customer")})
	require.Equal(t, "BucketNotEmpty", code(t, err))
	_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("customer"), Key: aws.String("k")})
	require.NoError(t, err)
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("customer")})
	require.NoError(t, err)
	_, err = c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("customer")})
	require.Error(t, err)
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String(lake)})
	require.Equal(t, "NotImplemented", code(t, err))
	_, err = c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(lake), ExpectedBucketOwner: aws.String(account)})
	require.NoError(t, err)
	_, err = c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(lake), ExpectedBucketOwner: aws.String(vendor)})
	require.Error(t, err)
}

func TestWhatIsNotServedSaysSo(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	require.NoError(t, h.put(c, "k", "x"))
	for _, in := range []*s3.PutObjectInput{
		{Tagging: aws.String("a=b")}, {StorageClass: types.StorageClassGlacier}, {WriteOffsetBytes: aws.Int64(1)}, {ACL: types.ObjectCannedACLPublicRead},
	} {
		want := "NotImplemented"
		if in.ACL != "" {
			want = "AccessControlListNotSupported"
		}
		in.Bucket, in.Key, in.Body = aws.String(lake), aws.String("k"), strings.NewReader("y")
		_, err := c.PutObject(ctx, in)
		require.Equal(t, want, code(t, err))
	}
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("tagged"), CreateBucketConfiguration: &types.CreateBucketConfiguration{
		LocationConstraint: region, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}},
	}})
	require.Equal(t, "NotImplemented", code(t, err))
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String(lake), Key: aws.String("copy"), CopySource: aws.String("lake/k"), ExpectedSourceBucketOwner: aws.String(vendor)})
	require.Equal(t, "AccessDenied", code(t, err))
	// A presigned copy whose source stands in the query is no put of nothing, and a query that can't be read is nobody's.
	for query, want := range map[string]string{"x-amz-copy-source=lake/k": "NotImplemented", "uploadId=%zz": "InvalidURI", "a;b": "InvalidURI", "renameObject": "NotImplemented"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, h.url+"/lake/k?"+query, strings.NewReader(""))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
		require.Contains(t, string(text), "<Code>"+want+"</Code>", query)
	}
	got, err := h.get(c, "k")
	require.NoError(t, err)
	require.Equal(t, "x", got)
}

func TestPresignedURLsWork(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	p := s3.NewPresignClient(c)
	put, err := p.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(lake), Key: aws.String("by url")}, s3.WithPresignExpires(time.Minute))
	require.NoError(t, err)
	do := func(method, url, body string, header http.Header) (int, string) {
		r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
		require.NoError(t, err)
		r.Header = header.Clone()
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	status, text := do("PUT", put.URL, "content", put.SignedHeader)
	require.Equal(t, 200, status, text)
	get, err := p.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(lake), Key: aws.String("by url")})
	require.NoError(t, err)
	status, text = do("GET", get.URL, "", get.SignedHeader)
	require.Equal(t, 200, status)
	require.Equal(t, "content", text)
	status, text = do("GET", strings.Replace(get.URL, "by%20url", "other", 1), "", get.SignedHeader)
	require.Equal(t, 403, status)
	require.Contains(t, text, "SignatureDoesNotMatch")
	status, text = do("GET", h.url+"/"+lake+"/by%20url", "", nil)
	require.Equal(t, 403, status)
	require.Contains(t, text, "<Code>AccessDenied</Code>")
}

func TestTheFoldersOfBucketsAreThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	l, err := bucket.OpenLocal(lake, filepath.Join(dir, "lake"))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(l.StagingPath("uploads", "x"), 0o755))
	require.NoError(t, os.Chtimes(l.StagingPath("uploads"), time.Now().Add(-48*time.Hour), time.Now().Add(-48*time.Hour)))
	_, err = bucket.OpenLocal(lake, filepath.Join(dir, "lake"))
	require.NoError(t, err)
	require.DirExists(t, l.StagingPath("uploads", "x"), "uploads outlive the process")
}
