package s3api

import (
	"context"
	"crypto/md5"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	vgw "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// receive writes a body, which the front verifies while it is read, and returns its ETag and its checksum: the one that the request
// has in a header or behind the body, else one of the given algorithm. size is what the request says that the body has, or nil: the front ends a
// body without an error when the client goes, and where neither a digest nor a checksum is sent nothing else tells that the rest is missing.
func receive(w io.Writer, body io.Reader, size *int64, want checksum, standard types.ChecksumAlgorithm) (etag string, sum checksum, err error) {
	digest := md5.New()
	var received counter
	defer func() {
		if err == nil && size != nil && int64(received) != *size {
			err = s3err.GetAPIError(s3err.ErrIncompleteBody)
		}
	}()
	hashed := io.TeeReader(body, io.MultiWriter(digest, &received))
	if trailing, ok := body.(middlewares.ChecksumReader); ok && trailing.Algorithm() != "" {
		if _, err := io.Copy(w, hashed); err != nil {
			return "", checksum{}, err
		}
		return vgw.GenerateEtag(digest), checksum{types.ChecksumAlgorithm(strings.ToUpper(trailing.Algorithm())), types.ChecksumTypeFullObject, trailing.Checksum()}, nil
	}
	if want.Algorithm == "" {
		want = checksum{Algorithm: standard, Type: types.ChecksumTypeFullObject}
	}
	reader, err := utils.NewHashReader(hashed, want.Value, utils.HashType(strings.ToLower(string(want.Algorithm))))
	if err != nil {
		return "", checksum{}, err
	}
	if _, err := io.Copy(w, reader); err != nil {
		return "", checksum{}, err
	}
	want.Value = reader.Sum()
	return vgw.GenerateEtag(digest), want, nil
}

// counter is an io.Writer that counts bytes.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// conditions are those under which an object is written.
type conditions struct{ ifMatch, ifNoneMatch *string }

// commit gives a staged object its key if the conditions hold.
func (b *backend) commit(ctx context.Context, f *folder, s *bucket.Staged, key string, a *attributes, c conditions) (stored, error) {
	f.publish.Lock()
	defer f.publish.Unlock()
	if err := b.check(ctx, f, key, c); err != nil {
		return stored{}, err
	}
	o, err := s.Commit(key, bucket.CommitOptions{IfAbsent: c.ifNoneMatch != nil, Attributes: a.bytes()})
	if err != nil {
		return stored{}, writeFailure(b.log, key, err)
	}
	return stored{o, *a}, nil
}

// check evaluates the conditions. It is called before a body is read too, so that nobody sends what is refused then.
func (b *backend) check(ctx context.Context, f *folder, key string, c conditions) error {
	if c.ifMatch == nil && c.ifNoneMatch == nil {
		return nil
	}
	old, exists, err := b.exists(ctx, f, key)
	if err != nil {
		return err
	}
	if text(c.ifMatch) == "*" && exists {
		return nil
	}
	return vgw.EvaluateObjectPutPreconditions(old.attributes.ETag, c.ifMatch, c.ifNoneMatch, exists)
}

// writable returns the bucket that a write of a whole object goes to, after the refusals that all such writes share.
func (b *backend) writable(ctx context.Context, name, key, tagging *string) (*folder, error) {
	if err := b.mayPut(ctx, *name, *key, exchangeOf(ctx).asked); err != nil {
		return nil, err
	}
	f, err := b.find(name)
	if err != nil {
		return nil, err
	}
	if err := checkKey(f.Local, *key); err != nil {
		return nil, err
	}
	if text(tagging) != "" {
		return nil, notImplemented("Tagging")
	}
	return f, nil
}

// PutObject writes an object, whole or not at all, durable when it is answered.
func (b *backend) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	var none s3response.PutObjectOutput
	f, err := b.writable(ctx, in.Bucket, in.Key, in.Tagging)
	if err != nil {
		return none, err
	}
	c := conditions{in.IfMatch, in.IfNoneMatch}
	if err := b.check(ctx, f, *in.Key, c); err != nil {
		return none, err
	}
	a := attributes{
		ContentType: text(in.ContentType), Encoding: text(in.ContentEncoding), Disposition: text(in.ContentDisposition), Language: text(in.ContentLanguage),
		Cache: text(in.CacheControl), Expires: text(in.Expires), Metadata: in.Metadata,
	}
	if a.Encryption, err = b.encrypt(ctx, *in.Bucket, *in.Key); err != nil {
		return none, err
	}
	s, err := f.Stage()
	if err != nil {
		return none, internal(b.log, err)
	}
	defer s.Discard()
	want := given(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256,
		in.ChecksumSHA512, in.ChecksumMD5, in.ChecksumXXHASH64, in.ChecksumXXHASH3, in.ChecksumXXHASH128)
	if want.Algorithm == "" && in.ChecksumAlgorithm != "" {
		want = checksum{Algorithm: in.ChecksumAlgorithm, Type: types.ChecksumTypeFullObject}
	}
	if a.ETag, a.Checksum, err = receive(s.File, in.Body, in.ContentLength, want, types.ChecksumAlgorithmCrc64nvme); err != nil {
		return none, writeFailure(b.log, *in.Key, err)
	}
	o, err := b.commit(ctx, f, s, *in.Key, &a, c)
	if err != nil {
		return none, err
	}
	sum := a.Checksum.response()
	return s3response.PutObjectOutput{
		ETag: a.ETag, Size: &o.Size, ChecksumType: sum.Type,
		ChecksumCRC32: sum.CRC32, ChecksumCRC32C: sum.CRC32C, ChecksumCRC64NVME: sum.CRC64NVME, ChecksumSHA1: sum.SHA1, ChecksumSHA256: sum.SHA256,
		ChecksumSHA512: sum.SHA512, ChecksumMD5: sum.MD5, ChecksumXXHASH64: sum.XXHASH64, ChecksumXXHASH3: sum.XXHASH3, ChecksumXXHASH128: sum.XXHASH128,
	}, nil
}

// CopyObject writes an object that has another one's content, and its attributes or new ones.
func (b *backend) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	var none s3response.CopyObjectOutput
	f, err := b.writable(ctx, in.Bucket, in.Key, in.Tagging)
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
	a := o.attributes
	if in.MetadataDirective == types.MetadataDirectiveReplace {
		a.ContentType, a.Encoding, a.Disposition = text(in.ContentType), text(in.ContentEncoding), text(in.ContentDisposition)
		a.Language, a.Cache, a.Expires, a.Metadata = text(in.ContentLanguage), text(in.CacheControl), text(in.Expires), in.Metadata
	} else if o.Key == *in.Key && o.bucket == *in.Bucket && exchangeOf(ctx).asked == (encryption{}) {
		return none, s3err.GetAPIError(s3err.ErrInvalidCopyDest)
	}
	if a.Encryption, err = b.encrypt(ctx, *in.Bucket, *in.Key); err != nil {
		return none, err
	}
	s, err := f.Stage()
	if err != nil {
		return none, internal(b.log, err)
	}
	defer s.Discard()
	standard := in.ChecksumAlgorithm
	if standard == "" {
		standard = types.ChecksumAlgorithmCrc64nvme
	}
	a.Parts = nil
	if a.ETag, a.Checksum, err = receive(s.File, source, &o.Size, checksum{}, standard); err != nil {
		return none, writeFailure(b.log, *in.Key, err)
	}
	written, err := b.commit(ctx, f, s, *in.Key, &a, conditions{})
	if err != nil {
		return none, err
	}
	sum := a.Checksum.response()
	return s3response.CopyObjectOutput{CopyObjectResult: &s3response.CopyObjectResult{
		ETag: &a.ETag, LastModified: &written.Modified, ChecksumType: sum.Type,
		ChecksumCRC32: sum.CRC32, ChecksumCRC32C: sum.CRC32C, ChecksumCRC64NVME: sum.CRC64NVME, ChecksumSHA1: sum.SHA1, ChecksumSHA256: sum.SHA256,
		ChecksumSHA512: sum.SHA512, ChecksumMD5: sum.MD5, ChecksumXXHASH64: sum.XXHASH64, ChecksumXXHASH3: sum.XXHASH3, ChecksumXXHASH128: sum.XXHASH128,
	}}, nil
}

// sourceObject is an object that is copied.
type sourceObject struct {
	stored
	bucket string
}

func (b *backend) openSource(ctx context.Context, source, owner *string, c vgw.PreConditions) (*os.File, sourceObject, error) {
	if text(owner) != "" && *owner != b.config.Account {
		return nil, sourceObject{}, s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	bucketName, key, version, err := vgw.ParseCopySource(*source)
	if err != nil {
		return nil, sourceObject{}, err
	}
	file, o, err := b.lookUp(ctx, &bucketName, &key, &version, c)
	if answer, ok := errors.AsType[s3err.S3Error](err); ok && answer.StatusCode() == 304 {
		// A copy has no "not modified".
		err = s3err.GetPreconditionFailedErr(s3err.ConditionIfNoneMatch)
	}
	return file, sourceObject{o, bucketName}, err
}
