package s3api_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// decoded undoes encoding-type=url.
func decoded(t require.TestingT, name *string) string {
	if name == nil {
		return ""
	}
	plain, err := url.QueryUnescape(*name)
	require.NoError(t, err)
	return plain
}

// grouped is the slow model of a listing: the names after a marker's, with those of one group in one.
func grouped(keys []string, prefix, delimiter string) []string {
	out := map[string]bool{}
	for _, k := range keys {
		rest, below := strings.CutPrefix(k, prefix)
		if !below {
			continue
		}
		if before, _, found := strings.Cut(rest, delimiter); delimiter != "" && found {
			k = prefix + before + delimiter
		}
		out[k] = true
	}
	return slices.Sorted(maps.Keys(out))
}

// Every key is listed once and by its name, whatever characters it has and wherever a page ends.
func TestListingsGiveEveryKeyItsName(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	segment := rapid.StringOfN(rapid.SampledFrom([]rune("ab \x01\x1f\t\n\r\x7f+%&=<>\"'?#*~.,;\\ü€😀\u200b\ufffd\ufffe")), 1, 3, -1).
		Filter(func(s string) bool { return s != "." && s != ".." })
	names := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(segment, 1, 3).Draw(t, "segments"), "/")
	}), 1, 7, rapid.ID)
	rapid.Check(t, func(t *rapid.T) {
		var keys []string
		for _, k := range names.Draw(t, "keys") {
			if _, err := h.lake.Put(ctx, k, strings.NewReader("x"), 1, bucket.PutOptions{}); err == nil { // else it is above another one
				keys = append(keys, k)
			}
		}
		defer func() {
			for _, k := range keys {
				require.NoError(t, h.lake.Delete(ctx, k))
			}
		}()
		delimiter := rapid.SampledFrom([]string{"", "/", " ", "\x01", "%"}).Draw(t, "delimiter")
		prefix := rapid.SampledFrom([]string{"", "a", " ", "\x01", "a/", "ü"}).Draw(t, "prefix")
		most := aws.Int32(rapid.Int32Range(1, 3).Draw(t, "page"))
		want := grouped(keys, prefix, delimiter)

		var got []string
		in := &s3.ListObjectsV2Input{Bucket: aws.String(lake), Prefix: &prefix, Delimiter: &delimiter, MaxKeys: most, EncodingType: types.EncodingTypeUrl}
		for pages := s3.NewListObjectsV2Paginator(c, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			require.NoError(t, err)
			require.Equal(t, prefix, decoded(t, page.Prefix))
			require.Equal(t, delimiter, decoded(t, page.Delimiter))
			require.Equal(t, types.EncodingTypeUrl, page.EncodingType)
			for _, o := range page.Contents {
				got = append(got, decoded(t, o.Key))
			}
			for _, p := range page.CommonPrefixes {
				got = append(got, decoded(t, p.Prefix))
			}
			require.LessOrEqual(t, len(got), len(want), "a name is listed twice")
		}
		slices.Sort(got) // a page has its prefixes behind its keys
		require.Equal(t, want, got)

		got = nil
		for marker := ""; ; {
			page, err := c.ListObjects(ctx, &s3.ListObjectsInput{Bucket: aws.String(lake), Prefix: &prefix, Delimiter: &delimiter, MaxKeys: most, Marker: &marker, EncodingType: types.EncodingTypeUrl})
			require.NoError(t, err)
			require.Equal(t, marker, decoded(t, page.Marker))
			for _, o := range page.Contents {
				got = append(got, decoded(t, o.Key))
			}
			for _, p := range page.CommonPrefixes {
				got = append(got, decoded(t, p.Prefix))
			}
			require.LessOrEqual(t, len(got), len(want), "a name is listed twice")
			if marker = decoded(t, page.NextMarker); !*page.IsTruncated {
				break
			}
		}
		slices.Sort(got)
		require.Equal(t, want, got)

		after := rapid.SampledFrom(keys).Draw(t, "start after")
		page, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(lake), StartAfter: &after, EncodingType: types.EncodingTypeUrl})
		require.NoError(t, err)
		require.Equal(t, after, decoded(t, page.StartAfter))
		require.Len(t, page.Contents, len(slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k <= after })))
	})
}

func TestListingsOfUploadsGiveEveryOneOnce(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	var want []string
	for _, k := range []string{"a\x01", "a\x01", "a\x01", "a b", "a/+", "a/%41", "b/ü", "c"} {
		created, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(lake), Key: &k})
		require.NoError(t, err)
		want = append(want, k+" "+*created.UploadId)
	}
	for _, most := range []int32{1, 2, 3, 100} {
		for _, delimiter := range []string{"", "/"} {
			var got []string
			in := &s3.ListMultipartUploadsInput{Bucket: aws.String(lake), Delimiter: &delimiter, MaxUploads: &most, EncodingType: types.EncodingTypeUrl}
			for more := true; more; {
				page, err := c.ListMultipartUploads(ctx, in)
				require.NoError(t, err)
				for _, u := range page.Uploads {
					got = append(got, decoded(t, u.Key)+" "+*u.UploadId)
				}
				for _, p := range page.CommonPrefixes {
					got = append(got, decoded(t, p.Prefix))
				}
				require.LessOrEqual(t, len(got), len(want))
				in.KeyMarker, in.UploadIdMarker, more = aws.String(decoded(t, page.NextKeyMarker)), page.NextUploadIdMarker, *page.IsTruncated
			}
			if delimiter == "" {
				require.ElementsMatch(t, want, got, most)
			} else {
				require.ElementsMatch(t, append(slices.Clone(want[:4]), want[7], "a/", "b/"), got, most)
			}
		}
	}
}

func TestAListingThatCantBeWrittenIsRefused(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	for _, k := range []string{"a", "k\x01a", "z"} {
		require.NoError(t, h.put(c, k, "x"))
	}
	_, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(lake)})
	require.Equal(t, "InvalidRequest", code(t, err))
	require.ErrorContains(t, err, "encoding-type=url")
	page, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(lake), MaxKeys: aws.Int32(1)})
	require.NoError(t, err, "only what a page has must be written")
	require.Equal(t, "a", *page.Contents[0].Key)
	for _, token := range []string{"junk", "a", *page.NextContinuationToken + "AAAA", "AAAA" + *page.NextContinuationToken, "====", "AAAAAAAAAA=="} {
		_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(lake), ContinuationToken: &token})
		require.Equal(t, "InvalidArgument", code(t, err), token)
	}
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(lake), EncodingType: "base64"})
	require.Equal(t, "InvalidArgument", code(t, err))
}
