package s3api_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"
)

const mib = 1 << 20

func TestAnUploadOfPartsBecomesOneObject(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	parts := [][]byte{bytes.Repeat([]byte("a"), 5*mib), bytes.Repeat([]byte("b"), 6*mib), []byte("the end")}
	for _, algorithm := range []types.ChecksumAlgorithm{"", types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmSha256, types.ChecksumAlgorithmCrc64nvme} {
		k := aws.String("parts/" + string(algorithm) + "x")
		created, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(lake), Key: k, ChecksumAlgorithm: algorithm, ContentType: aws.String("application/gzip")})
		require.NoError(t, err)
		listed, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(lake)})
		require.NoError(t, err)
		require.Len(t, listed.Uploads, 1)
		require.Equal(t, *k, *listed.Uploads[0].Key)
		var done []types.CompletedPart
		for i, body := range parts {
			p, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String(lake), Key: k, UploadId: created.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm})
			require.NoError(t, err, algorithm)
			done = append(done, types.CompletedPart{
				PartNumber: aws.Int32(int32(i + 1)), ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32, ChecksumSHA256: p.ChecksumSHA256, ChecksumCRC64NVME: p.ChecksumCRC64NVME,
			})
		}
		page, err := c.ListParts(ctx, &s3.ListPartsInput{Bucket: aws.String(lake), Key: k, UploadId: created.UploadId, MaxParts: aws.Int32(2)})
		require.NoError(t, err)
		require.True(t, *page.IsTruncated)
		require.Len(t, page.Parts, 2)
		_, err = h.get(c, *k)
		require.Equal(t, "NoSuchKey", code(t, err), "nothing is there before the end")
		complete := &s3.CompleteMultipartUploadInput{Bucket: aws.String(lake), Key: k, UploadId: created.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done}}
		first, err := c.CompleteMultipartUpload(ctx, complete)
		require.NoError(t, err, algorithm)
		require.Regexp(t, `^"[0-9a-f]{32}-3"$`, *first.ETag)
		again, err := c.CompleteMultipartUpload(ctx, complete)
		require.NoError(t, err, "a client that lost the answer asks again")
		require.Equal(t, first.ETag, again.ETag)
		got, err := h.get(c, *k)
		require.NoError(t, err)
		require.Equal(t, string(bytes.Join(parts, nil)), got)
		head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(lake), Key: k, ChecksumMode: types.ChecksumModeEnabled})
		require.NoError(t, err)
		require.Equal(t, "application/gzip", *head.ContentType)
		second, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(lake), Key: k, PartNumber: aws.Int32(3)})
		require.NoError(t, err)
		tail, err := io.ReadAll(second.Body)
		require.NoError(t, err)
		require.Equal(t, "the end", string(tail))
		require.EqualValues(t, 3, *second.PartsCount)
		if algorithm == "" || algorithm == types.ChecksumAlgorithmCrc64nvme {
			// The checksum of the whole is that of the content put in one piece.
			one, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(lake), Key: aws.String("one"), Body: bytes.NewReader(bytes.Join(parts, nil)), ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme})
			require.NoError(t, err)
			require.Equal(t, one.ChecksumCRC64NVME, head.ChecksumCRC64NVME)
		}
	}
}

func TestWrongPartsAreRefused(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	begin := func() *string {
		out, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(lake), Key: aws.String("k")})
		require.NoError(t, err)
		return out.UploadId
	}
	upload := func(id *string, number int32, body string) types.CompletedPart {
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String(lake), Key: aws.String("k"), UploadId: id, PartNumber: &number, Body: bytes.NewReader([]byte(body))})
		require.NoError(t, err)
		return types.CompletedPart{PartNumber: &number, ETag: out.ETag}
	}
	complete := func(id *string, parts ...types.CompletedPart) error {
		_, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: aws.String(lake), Key: aws.String("k"), UploadId: id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		return err
	}
	id := begin()
	one, two := upload(id, 1, "small"), upload(id, 2, "x")
	require.Equal(t, "EntityTooSmall", code(t, complete(id, one, two)))
	require.Equal(t, "InvalidPartOrder", code(t, complete(id, two, one)))
	require.Equal(t, "InvalidPart", code(t, complete(id, types.CompletedPart{PartNumber: aws.Int32(1), ETag: two.ETag})))
	require.Equal(t, "InvalidPart", code(t, complete(id, types.CompletedPart{PartNumber: aws.Int32(7), ETag: two.ETag})))
	other := upload(id, 1, "replaced")
	require.Equal(t, "InvalidPart", code(t, complete(id, one)), "the part has been replaced")
	require.NoError(t, complete(id, other))
	got, err := h.get(c, "k")
	require.NoError(t, err)
	require.Equal(t, "replaced", got)

	id = begin()
	part := upload(id, 1, "x")
	_, err = c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String(lake), Key: aws.String("k"), UploadId: id})
	require.NoError(t, err)
	require.Equal(t, "NoSuchUpload", code(t, complete(id, part)))
	for _, id := range []string{"../../../etc", "nothing", "11111111-1111-1111-1111-111111111111"} {
		_, err = c.ListParts(ctx, &s3.ListPartsInput{Bucket: aws.String(lake), Key: aws.String("k"), UploadId: &id})
		require.Equal(t, "NoSuchUpload", code(t, err), id)
	}

	id = begin()
	part = upload(id, 1, "later")
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: aws.String(lake), Key: aws.String("k"), UploadId: id, IfNoneMatch: aws.String("*"), MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{part}},
	})
	require.Equal(t, "PreconditionFailed", code(t, err))
}

func TestAPartIsCopiedFromAnObject(t *testing.T) {
	h := newHouse(t)
	c := h.client(key("admin"))
	ctx := t.Context()
	require.NoError(t, h.put(c, "source", "0123456789"))
	created, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(lake), Key: aws.String("k")})
	require.NoError(t, err)
	p, err := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: aws.String(lake), Key: aws.String("k"), UploadId: created.UploadId, PartNumber: aws.Int32(1), CopySource: aws.String(lake + "/source"), CopySourceRange: aws.String("bytes=2-4"),
	})
	require.NoError(t, err)
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: aws.String(lake), Key: aws.String("k"), UploadId: created.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: p.CopyPartResult.ETag}}}})
	require.NoError(t, err)
	got, err := h.get(c, "k")
	require.NoError(t, err)
	require.Equal(t, "234", got)
}
