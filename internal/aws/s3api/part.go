package s3api

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	vgw "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// part is one part of an upload.
type part struct {
	Number   int32     `json:"number"`
	ETag     string    `json:"etag"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Checksum checksum  `json:"checksum"`
}

func (u *upload) partPath(number int32) string {
	return filepath.Join(u.path, strconv.Itoa(int(number)))
}

// UploadPart writes a part of an upload; it replaces one of the same number.
func (b *backend) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	f, err := b.find(in.Bucket)
	if err != nil {
		return nil, err
	}
	u, err := b.writableUpload(ctx, f, in.Key, in.UploadId)
	if err != nil {
		return nil, err
	}
	want := given(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256,
		in.ChecksumSHA512, in.ChecksumMD5, in.ChecksumXXHASH64, in.ChecksumXXHASH3, in.ChecksumXXHASH128)
	p, err := b.writePart(ctx, f, u, *in.PartNumber, in.Body, in.ContentLength, want)
	if err != nil {
		return nil, err
	}
	sum := p.Checksum.response()
	return &s3.UploadPartOutput{
		ETag: &p.ETag, ChecksumCRC32: sum.CRC32, ChecksumCRC32C: sum.CRC32C, ChecksumCRC64NVME: sum.CRC64NVME, ChecksumSHA1: sum.SHA1, ChecksumSHA256: sum.SHA256,
		ChecksumSHA512: sum.SHA512, ChecksumMD5: sum.MD5, ChecksumXXHASH64: sum.XXHASH64, ChecksumXXHASH3: sum.XXHASH3, ChecksumXXHASH128: sum.XXHASH128,
	}, nil
}

// writePart writes the content aside and gives it the part's name. A part that is described is whole.
func (b *backend) writePart(ctx context.Context, f *folder, u *upload, number int32, body io.Reader, size *int64, want checksum) (*part, error) {
	e := u.Attributes.Encryption
	if e.Algorithm == types.ServerSideEncryptionAwsKms {
		// "To upload parts under a KMS key you need kms:GenerateDataKey and kms:Decrypt" (Multipart upload API and permissions).
		if _, err := b.use(ctx, "kms:GenerateDataKey", e, f.name, u.Key); err != nil {
			return nil, err
		}
		if err := b.decrypt(ctx, e, f.name, u.Key); err != nil {
			return nil, err
		}
	}
	exchangeOf(ctx).answer = e
	// Without a checksum of the upload's own, S3 keeps CRC-64/NVME.
	standard := u.Attributes.Checksum.Algorithm
	if standard == "" {
		standard = types.ChecksumAlgorithmCrc64nvme
	}
	s, err := f.Stage()
	if err != nil {
		return nil, internal(b.log, err)
	}
	defer s.Discard()
	p := &part{Number: number}
	if p.ETag, p.Checksum, err = receive(s.File, body, size, want, standard); err != nil {
		return nil, writeFailure(b.log, u.Key, err)
	}
	if p.Checksum.Algorithm != standard {
		if u.Attributes.Checksum.Algorithm != "" {
			return nil, s3err.GetChecksumTypeMismatchErr(standard, p.Checksum.Algorithm)
		}
		// The object's checksum is made of the parts' ones of one algorithm.
		if p.Checksum, err = checksumOf(s.File, standard); err != nil {
			return nil, internal(b.log, err)
		}
	}
	info, err := s.File.Stat()
	if err != nil {
		return nil, internal(b.log, err)
	}
	p.Size, p.Modified = info.Size(), info.ModTime().UTC()
	path := u.partPath(number)
	f.publish.Lock()
	defer f.publish.Unlock()
	if err := errors.Join(os.Rename(s.File.Name(), path), writeJSON(path+".json", p)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, s3err.GetNoSuchUploadErr(u.id) // it has ended meanwhile
		}
		return nil, internal(b.log, err)
	}
	return p, nil
}

func checksumOf(file *os.File, algorithm types.ChecksumAlgorithm) (checksum, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return checksum{}, err
	}
	_, sum, err := receive(io.Discard, file, nil, checksum{}, algorithm)
	return sum, err
}

// UploadPartCopy writes a part of an upload that has another object's content.
func (b *backend) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (s3response.CopyPartResult, error) {
	var none s3response.CopyPartResult
	f, err := b.find(in.Bucket)
	if err != nil {
		return none, err
	}
	u, err := b.writableUpload(ctx, f, in.Key, in.UploadId)
	if err != nil {
		return none, err
	}
	source, o, err := b.openSource(ctx, in.CopySource, in.ExpectedSourceBucketOwner, vgw.PreConditions{
		IfMatch: in.CopySourceIfMatch, IfNoneMatch: in.CopySourceIfNoneMatch, IfModSince: in.CopySourceIfModifiedSince, IfUnmodeSince: in.CopySourceIfUnmodifiedSince,
	})
	if err != nil {
		return none, err
	}
	defer source.Close()
	start, length, err := vgw.ParseCopySourceRange(o.Size, text(in.CopySourceRange))
	if err != nil {
		return none, err
	}
	p, err := b.writePart(ctx, f, u, *in.PartNumber, io.NewSectionReader(source, start, length), nil, checksum{})
	if err != nil {
		return none, err
	}
	sum := p.Checksum.response()
	return s3response.CopyPartResult{
		ETag: &p.ETag, LastModified: p.Modified,
		ChecksumCRC32: sum.CRC32, ChecksumCRC32C: sum.CRC32C, ChecksumCRC64NVME: sum.CRC64NVME, ChecksumSHA1: sum.SHA1, ChecksumSHA256: sum.SHA256,
		ChecksumSHA512: sum.SHA512, ChecksumMD5: sum.MD5, ChecksumXXHASH64: sum.XXHASH64, ChecksumXXHASH3: sum.XXHASH3, ChecksumXXHASH128: sum.XXHASH128,
	}, nil
}

// parts returns the parts of an upload in the order of their numbers.
func (u *upload) parts() ([]*part, error) {
	files, err := filepath.Glob(filepath.Join(u.path, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []*part
	for _, file := range files {
		if filepath.Base(file) == uploadFile {
			continue
		}
		p := &part{}
		if err := readJSON(file, p); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *part) int { return int(a.Number - b.Number) })
	return out, nil
}

// ListParts lists the parts of an upload.
func (b *backend) ListParts(_ context.Context, in *s3.ListPartsInput) (s3response.ListPartsResult, error) {
	var none s3response.ListPartsResult
	f, err := b.find(in.Bucket)
	if err != nil {
		return none, err
	}
	u, err := b.upload(f, in.Key, in.UploadId)
	if err != nil {
		return none, err
	}
	after := 0
	if marker := text(in.PartNumberMarker); marker != "" {
		if after, err = strconv.Atoi(marker); err != nil {
			return none, s3err.GetInvalidArgMaxLimiter("part-number-marker", marker)
		}
	}
	all, err := u.parts()
	if err != nil {
		return none, internal(b.log, err)
	}
	out := s3response.ListPartsResult{
		Bucket: *in.Bucket, Key: *in.Key, UploadID: *in.UploadId, MaxParts: int(*in.MaxParts), PartNumberMarker: after, StorageClass: types.StorageClassStandard,
		ChecksumAlgorithm: u.Attributes.Checksum.Algorithm, ChecksumType: u.Attributes.Checksum.Type,
		Initiator: s3response.Initiator{ID: b.config.Account}, Owner: s3response.Owner{ID: b.config.Account},
	}
	for _, p := range all {
		if int(p.Number) <= after {
			continue
		}
		if len(out.Parts) == out.MaxParts {
			out.IsTruncated = true
			break
		}
		sum := p.Checksum.response()
		out.NextPartNumberMarker = int(p.Number)
		out.Parts = append(out.Parts, s3response.Part{
			PartNumber: int(p.Number), ETag: p.ETag, Size: p.Size, LastModified: p.Modified,
			ChecksumCRC32: sum.CRC32, ChecksumCRC32C: sum.CRC32C, ChecksumCRC64NVME: sum.CRC64NVME, ChecksumSHA1: sum.SHA1, ChecksumSHA256: sum.SHA256,
			ChecksumSHA512: sum.SHA512, ChecksumMD5: sum.MD5, ChecksumXXHASH64: sum.XXHASH64, ChecksumXXHASH3: sum.XXHASH3, ChecksumXXHASH128: sum.XXHASH128,
		})
	}
	return out, nil
}
