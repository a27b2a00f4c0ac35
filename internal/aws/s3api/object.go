package s3api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	vgw "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// lookUp opens an object for a request that reads it, after its conditions and the caller's right on its key.
func (b *backend) lookUp(ctx context.Context, bucketName, key, version *string, conditions vgw.PreConditions) (*os.File, stored, error) {
	if text(version) != "" && text(version) != "null" {
		return nil, stored{}, s3err.GetInvalidArgumentErr(s3err.InvalidArgVersionId, *version)
	}
	f, err := b.find(bucketName)
	if err != nil {
		return nil, stored{}, err
	}
	if _, err := f.LocalPath(*key); err != nil {
		return nil, stored{}, b.absent(ctx, f, *key)
	}
	file, object, kept, err := f.OpenFile(ctx, *key)
	if errors.Is(err, bucket.ErrNotFound) {
		return nil, stored{}, b.absent(ctx, f, *key)
	}
	if err != nil {
		return nil, stored{}, internal(b.log, err)
	}
	o, err := read(object, kept)
	if err == nil {
		err = b.decrypt(ctx, o.Encryption, *bucketName, *key)
	}
	if err == nil {
		err = vgw.EvaluatePreconditions(o.attributes.ETag, o.Modified, conditions)
	}
	if err != nil {
		_ = file.Close() // nothing was written
		return nil, stored{}, internal(b.log, err)
	}
	return file, o, nil
}

// section is the part of an object that a request reads.
type section struct {
	start, length int64
	rangeHeader   *string // Content-Range
	parts         *int32
}

func sectionOf(o *stored, byteRange *string, part *int32) (section, error) {
	if part == nil {
		start, length, ranged, err := vgw.ParseObjectRange(o.Size, text(byteRange))
		s := section{start: start, length: length}
		if err == nil && ranged {
			s.rangeHeader = contentRange(start, length, o.Size)
		}
		return s, err
	}
	ends := o.Parts
	if ends == nil {
		ends = []int64{o.Size}
	}
	count := int32(len(ends))
	if *part > count {
		return section{}, s3err.GetInvalidPartNumberRangeErr(count, *part)
	}
	s := section{length: ends[*part-1]}
	if *part > 1 {
		s.start = ends[*part-2]
		s.length -= s.start
	}
	if o.Parts != nil {
		s.parts = &count
	}
	if o.Size > 0 {
		s.rangeHeader = contentRange(s.start, s.length, o.Size)
	}
	return s, nil
}

func contentRange(start, length, size int64) *string {
	s := fmt.Sprintf("bytes %d-%d/%d", start, start+length-1, size)
	return &s
}

// fileSection is a section's reader, which closes the file.
type fileSection struct {
	io.Reader
	io.Closer
}

// GetObject reads an object or a section of it.
func (b *backend) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	file, o, err := b.lookUp(ctx, in.Bucket, in.Key, in.VersionId, vgw.PreConditions{
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModSince: in.IfModifiedSince, IfUnmodeSince: in.IfUnmodifiedSince,
	})
	if err != nil {
		return nil, err
	}
	s, err := sectionOf(&o, in.Range, in.PartNumber)
	if err != nil {
		_ = file.Close() // nothing was written
		return nil, err
	}
	exchangeOf(ctx).answer = o.Encryption
	out := &s3.GetObjectOutput{
		Body:          fileSection{io.NewSectionReader(file, s.start, s.length), file},
		AcceptRanges:  orNil("bytes"),
		ContentLength: &s.length, ContentRange: s.rangeHeader, PartsCount: s.parts,
		ETag: &o.attributes.ETag, LastModified: &o.Modified, Metadata: o.Metadata, ContentType: &o.ContentType, ContentEncoding: orNil(o.Encoding),
		ContentDisposition: orNil(o.Disposition), ContentLanguage: orNil(o.Language), CacheControl: orNil(o.Cache), ExpiresString: orNil(o.Expires),
	}
	if in.ChecksumMode == types.ChecksumModeEnabled && s.length == o.Size {
		c := o.Checksum.response()
		out.ChecksumType = c.Type
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = c.CRC32, c.CRC32C, c.CRC64NVME, c.SHA1, c.SHA256
		out.ChecksumSHA512, out.ChecksumMD5, out.ChecksumXXHASH64, out.ChecksumXXHASH3, out.ChecksumXXHASH128 = c.SHA512, c.MD5, c.XXHASH64, c.XXHASH3, c.XXHASH128
	}
	return out, nil
}

// HeadObject describes an object.
func (b *backend) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	file, o, err := b.lookUp(ctx, in.Bucket, in.Key, in.VersionId, vgw.PreConditions{
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModSince: in.IfModifiedSince, IfUnmodeSince: in.IfUnmodifiedSince,
	})
	if err != nil {
		return nil, err
	}
	_ = file.Close() // nothing was written
	s, err := sectionOf(&o, in.Range, in.PartNumber)
	if err != nil {
		return nil, err
	}
	exchangeOf(ctx).answer = o.Encryption
	out := &s3.HeadObjectOutput{
		AcceptRanges: orNil("bytes"), ContentLength: &s.length, ContentRange: s.rangeHeader, PartsCount: s.parts,
		ETag: &o.attributes.ETag, LastModified: &o.Modified, Metadata: o.Metadata, ContentType: &o.ContentType, ContentEncoding: orNil(o.Encoding),
		ContentDisposition: orNil(o.Disposition), ContentLanguage: orNil(o.Language), CacheControl: orNil(o.Cache), ExpiresString: orNil(o.Expires),
	}
	if in.ChecksumMode == types.ChecksumModeEnabled && s.length == o.Size {
		c := o.Checksum.response()
		out.ChecksumType = c.Type
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = c.CRC32, c.CRC32C, c.CRC64NVME, c.SHA1, c.SHA256
		out.ChecksumSHA512, out.ChecksumMD5, out.ChecksumXXHASH64, out.ChecksumXXHASH3, out.ChecksumXXHASH128 = c.SHA512, c.MD5, c.XXHASH64, c.XXHASH3, c.XXHASH128
	}
	return out, nil
}

// GetObjectAttributes describes an object in a body.
func (b *backend) GetObjectAttributes(ctx context.Context, in *s3.GetObjectAttributesInput) (s3response.GetObjectAttributesResponse, error) {
	file, o, err := b.lookUp(ctx, in.Bucket, in.Key, in.VersionId, vgw.PreConditions{})
	if err != nil {
		return s3response.GetObjectAttributesResponse{}, err
	}
	_ = file.Close() // nothing was written
	etag := strings.Trim(o.attributes.ETag, `"`)
	c := o.Checksum.response()
	return s3response.GetObjectAttributesResponse{
		ETag: &etag, ObjectSize: &o.Size, StorageClass: types.StorageClassStandard, LastModified: &o.Modified,
		Checksum: &types.Checksum{
			ChecksumType: c.Type, ChecksumCRC32: c.CRC32, ChecksumCRC32C: c.CRC32C, ChecksumCRC64NVME: c.CRC64NVME, ChecksumSHA1: c.SHA1, ChecksumSHA256: c.SHA256,
		},
	}, nil
}

// DeleteObject removes an object; that there is none is no error, unless the request has a condition.
func (b *backend) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	if text(in.VersionId) != "" && text(in.VersionId) != "null" {
		return nil, s3err.GetInvalidArgumentErr(s3err.InvalidArgVersionId, *in.VersionId)
	}
	f, err := b.find(in.Bucket)
	if err != nil {
		return nil, err
	}
	if _, err := f.LocalPath(*in.Key); err != nil {
		return &s3.DeleteObjectOutput{}, nil // no object has such a key
	}
	if in.IfMatch != nil || in.IfMatchLastModifiedTime != nil || in.IfMatchSize != nil {
		f.publish.Lock()
		defer f.publish.Unlock()
		o, err := b.describe(ctx, f, *in.Key)
		if err != nil {
			return nil, err
		}
		if text(in.IfMatch) == "*" {
			in.IfMatch = nil
		}
		if err := vgw.EvaluateObjectDeletePreconditions(o.attributes.ETag, o.Modified, o.Size, vgw.ObjectDeletePreconditions{
			IfMatch: in.IfMatch, IfMatchLastModTime: in.IfMatchLastModifiedTime, IfMatchSize: in.IfMatchSize,
		}); err != nil {
			return nil, err
		}
	}
	if err := f.Delete(ctx, *in.Key); err != nil {
		return nil, internal(b.log, err)
	}
	return &s3.DeleteObjectOutput{}, nil
}

// DeleteObjects removes several objects, and tells of each that could not be.
func (b *backend) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	var out s3response.DeleteResult
	for _, o := range in.Delete.Objects {
		_, err := b.DeleteObject(ctx, &s3.DeleteObjectInput{
			Bucket: in.Bucket, Key: o.Key, VersionId: o.VersionId, IfMatch: o.ETag, IfMatchLastModifiedTime: o.LastModifiedTime, IfMatchSize: o.Size,
		})
		if err != nil {
			out.Error = append(out.Error, s3err.ObjectDeleteError(o.Key, o.VersionId, err))
			continue
		}
		out.Deleted = append(out.Deleted, types.DeletedObject{Key: o.Key})
	}
	return out, nil
}

// describe returns an object of a bucket, or NoSuchKey.
func (b *backend) describe(ctx context.Context, f *folder, key string) (stored, error) {
	object, kept, err := f.Describe(ctx, key)
	if err != nil {
		return stored{}, readFailure(b.log, err)
	}
	o, err := read(object, kept)
	if err != nil {
		return stored{}, internal(b.log, err)
	}
	return o, nil
}

// exists is describe for an object that need not be there.
func (b *backend) exists(ctx context.Context, f *folder, key string) (stored, bool, error) {
	object, kept, err := f.Describe(ctx, key)
	if errors.Is(err, bucket.ErrNotFound) {
		return stored{}, false, nil
	}
	if err != nil {
		return stored{}, false, internal(b.log, err)
	}
	o, err := read(object, kept)
	if err != nil {
		return stored{}, false, internal(b.log, err)
	}
	return o, true, nil
}
