package s3api

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	vgw "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// CompleteMultipartUpload makes an object of the parts that the request names, in the order of their numbers.
func (b *backend) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	var none s3response.CompleteMultipartUploadResult
	f, err := b.find(in.Bucket)
	if err != nil {
		return none, "", err
	}
	u, err := b.upload(f, in.Key, in.UploadId)
	var asked encryption
	var done *attributes
	if err == nil {
		asked = u.Asked
	} else if o, exists, _ := b.exists(ctx, f, *in.Key); exists && o.Upload != "" && o.Upload == *in.UploadId {
		// A client that lost the answer completes again.
		asked, done = o.Encryption, &o.attributes
	}
	if denied := b.mayPut(ctx, f.name, *in.Key, asked); denied != nil {
		return none, "", denied
	}
	if done != nil {
		return completed(ctx, in, done), "", nil
	}
	if err != nil {
		return none, "", err
	}
	c := conditions{in.IfMatch, in.IfNoneMatch}
	if err := b.check(ctx, f, *in.Key, c); err != nil {
		return none, "", err
	}
	if err := b.decrypt(ctx, u.Attributes.Encryption, *in.Bucket, *in.Key); err != nil {
		return none, "", err
	}
	chosen, err := b.choose(u, in)
	if err != nil {
		return none, "", err
	}
	a := u.Attributes
	a.Upload = u.id
	if a.ETag, err = vgw.ComputeMultipartETagFromPartETags(in.MultipartUpload.Parts); err != nil {
		return none, "", err
	}
	if a.Checksum, err = combine(a.Checksum, chosen); err != nil {
		return none, "", internal(b.log, err)
	}
	want := given(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256,
		in.ChecksumSHA512, in.ChecksumMD5, in.ChecksumXXHASH64, in.ChecksumXXHASH3, in.ChecksumXXHASH128)
	if want.Algorithm == a.Checksum.Algorithm && want.Value != a.Checksum.Value && fmt.Sprintf("%s-%d", want.Value, len(chosen)) != a.Checksum.Value {
		return none, "", s3err.GetChecksumBadDigestErr(want.Algorithm)
	}
	s, err := f.Stage()
	if err != nil {
		return none, "", internal(b.log, err)
	}
	defer s.Discard()
	var end int64
	for _, p := range chosen {
		etag, err := appendFile(s.File, u.partPath(p.Number))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return none, "", s3err.GetNoSuchUploadErr(u.id) // it has ended meanwhile
		case err != nil:
			return none, "", writeFailure(b.log, *in.Key, err)
		case etag != p.ETag:
			// Another part has taken the number meanwhile, or a crash has kept the record and not the content.
			return none, "", s3err.GetInvalidPartErr(u.id, p.Number, p.ETag)
		}
		end += p.Size
		a.Parts = append(a.Parts, end)
	}
	if in.MpuObjectSize != nil && *in.MpuObjectSize != end {
		return none, "", s3err.GetIncorrectMpObjectSizeErr(end, *in.MpuObjectSize)
	}
	if _, err := b.commit(ctx, f, s, *in.Key, &a, c); err != nil {
		return none, "", err
	}
	if err := u.remove(); err != nil {
		b.log.Warn("the parts of a completed upload could not be removed", "object", f.Location(*in.Key), "error", err)
	}
	return completed(ctx, in, &a), "", nil
}

func completed(ctx context.Context, in *s3.CompleteMultipartUploadInput, a *attributes) s3response.CompleteMultipartUploadResult {
	exchangeOf(ctx).answer = a.Encryption
	sum := a.Checksum.response()
	return s3response.CompleteMultipartUploadResult{
		Bucket: in.Bucket, Key: in.Key, ETag: &a.ETag, ChecksumType: &a.Checksum.Type,
		ChecksumCRC32: sum.CRC32, ChecksumCRC32C: sum.CRC32C, ChecksumCRC64NVME: sum.CRC64NVME, ChecksumSHA1: sum.SHA1, ChecksumSHA256: sum.SHA256,
		ChecksumSHA512: sum.SHA512, ChecksumMD5: sum.MD5, ChecksumXXHASH64: sum.XXHASH64, ChecksumXXHASH3: sum.XXHASH3, ChecksumXXHASH128: sum.XXHASH128,
	}
}

// choose returns the parts that a request names, which must be there as it says.
func (b *backend) choose(u *upload, in *s3.CompleteMultipartUploadInput) ([]*part, error) {
	all, err := u.parts()
	if err != nil {
		return nil, internal(b.log, err)
	}
	byNumber := make(map[int32]*part, len(all))
	for _, p := range all {
		byNumber[p.Number] = p
	}
	named := in.MultipartUpload.Parts
	for i, n := range named {
		if n.PartNumber == nil || n.ETag == nil {
			return nil, s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		if i > 0 && *n.PartNumber <= *named[i-1].PartNumber {
			return nil, s3err.GetAPIError(s3err.ErrInvalidPartOrder)
		}
	}
	var out []*part
	for i, n := range named {
		p := byNumber[*n.PartNumber]
		if p == nil || !vgw.AreEtagsSame(p.ETag, *n.ETag) {
			return nil, s3err.GetInvalidPartErr(u.id, *n.PartNumber, *n.ETag)
		}
		want := given(n.ChecksumCRC32, n.ChecksumCRC32C, n.ChecksumCRC64NVME, n.ChecksumSHA1, n.ChecksumSHA256,
			n.ChecksumSHA512, n.ChecksumMD5, n.ChecksumXXHASH64, n.ChecksumXXHASH3, n.ChecksumXXHASH128)
		if want.Algorithm == p.Checksum.Algorithm && want.Value != p.Checksum.Value {
			return nil, s3err.GetInvalidPartErr(u.id, *n.PartNumber, *n.ETag)
		}
		if i < len(named)-1 && p.Size < vgw.MinPartSize {
			return nil, s3err.GetEntityTooSmallErr(p.Size, vgw.MinPartSize)
		}
		out = append(out, p)
	}
	return out, nil
}

// combine makes the object's checksum of the parts' ones: the checksum of all of the content, or that of the parts' checksums and their
// number.
func combine(c checksum, parts []*part) (checksum, error) {
	if c.Algorithm == "" {
		c.Algorithm = types.ChecksumAlgorithmCrc64nvme
	}
	if c.Type == "" {
		c.Type = types.ChecksumTypeFullObject
	}
	if c.Type == types.ChecksumTypeComposite {
		reader, err := utils.NewCompositeChecksumReader(utils.HashType(strings.ToLower(string(c.Algorithm))))
		if err != nil {
			return c, err
		}
		for _, p := range parts {
			if err := reader.Process(p.Checksum.Value); err != nil {
				return c, err
			}
		}
		c.Value = fmt.Sprintf("%s-%d", reader.Sum(), len(parts))
		return c, nil
	}
	for i, p := range parts {
		if i == 0 {
			c.Value = p.Checksum.Value
			continue
		}
		var err error
		if c.Value, err = utils.AddCRCChecksum(c.Algorithm, c.Value, p.Checksum.Value, p.Size); err != nil {
			return c, err
		}
	}
	return c, nil
}

// appendFile appends a part's content and returns the ETag of what it has read.
func appendFile(to *os.File, path string) (etag string, err error) {
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer from.Close()
	digest := md5.New()
	if _, err := io.Copy(io.MultiWriter(to, digest), from); err != nil {
		return "", err
	}
	return vgw.GenerateEtag(digest), nil
}
