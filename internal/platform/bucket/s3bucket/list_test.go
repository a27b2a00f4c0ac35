package s3bucket_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/awstest"
	"github.com/refract-io/refract/internal/platform/bucket/s3bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

func TestAListingGoesThroughAllPagesAndDecodesKeys(t *testing.T) {
	page := func(more string, keys ...string) string {
		text := "<ListBucketResult><EncodingType>url</EncodingType>"
		for _, key := range keys {
			text += "<Contents><Key>" + key + "</Key><Size>1</Size></Contents>"
		}
		if more != "" {
			text += "<IsTruncated>true</IsTruncated><NextContinuationToken>" + more + "</NextContinuationToken>"
		}
		return text + "</ListBucketResult>"
	}
	pages := map[string]string{
		"":  page("1", "p/", "p/a+b%2Bc", "p/%01"),
		"1": page("2"),
		"2": page("", "p/sub/", "p/z%20%C3%A9"),
	}
	w := &wire{answer: func(r *http.Request) (int, map[string]string, string, error) {
		return 200, nil, pages[r.URL.Query().Get("continuation-token")], nil
	}}
	var keys []string
	for o, err := range w.bucket(s3bucket.Options{}).List(t.Context(), "p/") {
		require.NoError(t, err)
		keys = append(keys, o.Key)
	}
	require.Equal(t, []string{"p/a b+c", "p/\x01", "p/z é"}, keys, "the folders that consoles make are left out")
	require.Len(t, w.requests, 3)
	for _, r := range w.requests {
		require.Equal(t, "p/", r.URL.Query().Get("prefix"), "policies that narrow s3:ListBucket name the folder with its slash")
	}
}

func TestAPageThatFailsEndsTheListing(t *testing.T) {
	w := &wire{answer: func(r *http.Request) (int, map[string]string, string, error) {
		if r.URL.Query().Has("continuation-token") {
			return 403, nil, xmlError("AccessDenied", "Access Denied"), nil
		}
		return 200, nil, "<ListBucketResult><Contents><Key>a</Key></Contents><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>", nil
	}}
	var seen []string
	for o, err := range w.bucket(s3bucket.Options{}).List(t.Context(), "") {
		if err != nil {
			require.Equal(t, fault.Setup, fault.ClassOf(err))
			require.ErrorContains(t, err, "allow s3:ListBucket on the bucket, for this prefix")
			seen = append(seen, "error")
			continue
		}
		seen = append(seen, o.Key)
	}
	require.Equal(t, []string{"a", "error"}, seen)
}

func TestOldUploadsOfOnesOwnAreAborted(t *testing.T) {
	g := awstest.StartGateway(t)
	g.CreateBucket(t, "lake")
	for _, key := range []string{"p/mine-1", "p/mine-2", "p/yours", "elsewhere/mine-3"} {
		_, err := g.Client().CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("lake"), Key: &key})
		require.NoError(t, err)
	}
	b := s3bucket.New(g.Config(), s3bucket.Options{Bucket: "lake", PathStyle: true})
	mine := func(key string) bool { return key != "p/yours" }
	n, err := b.AbortUploads(t.Context(), "p/", time.Hour, mine)
	require.NoError(t, err)
	require.Zero(t, n, "they are young")
	n, err = b.AbortUploads(t.Context(), "p/", 0, mine)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.ElementsMatch(t, []string{"p/yours", "elsewhere/mine-3"}, g.Uploads(t, "lake"))
}

func TestUploadsAreListedOverAllPages(t *testing.T) {
	w := &wire{answer: func(r *http.Request) (int, map[string]string, string, error) {
		if r.Method == http.MethodDelete {
			return 204, nil, "", nil
		}
		n := len(r.URL.Query().Get("key-marker"))
		text := fmt.Sprintf("<ListMultipartUploadsResult><EncodingType>url</EncodingType><Upload><Key>k%d%%20x</Key><UploadId>u%d</UploadId></Upload>", n, n)
		if n < 2 {
			text += fmt.Sprintf("<IsTruncated>true</IsTruncated><NextKeyMarker>%s</NextKeyMarker><NextUploadIdMarker>m%d</NextUploadIdMarker>", "xx"[:n+1], n)
		}
		return 200, nil, text + "</ListMultipartUploadsResult>", nil
	}}
	n, err := w.bucket(s3bucket.Options{}).AbortUploads(t.Context(), "", 0, func(string) bool { return true })
	require.NoError(t, err)
	require.Equal(t, 3, n)

	w.answer = func(*http.Request) (int, map[string]string, string, error) {
		return 403, nil, xmlError("AccessDenied", "Access Denied"), nil
	}
	_, err = w.bucket(s3bucket.Options{}).AbortUploads(t.Context(), "", 0, func(string) bool { return true })
	require.Equal(t, fault.Setup, fault.ClassOf(err))
	require.ErrorContains(t, err, "s3:ListBucketMultipartUploads")
}
