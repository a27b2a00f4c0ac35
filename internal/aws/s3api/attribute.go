package s3api

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3response"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// attributes is what an object has besides its content and its key. An object that a pipeline wrote has none: its ETag is the bucket's,
// which is no MD5, as that of an object of several parts is none.
type attributes struct {
	ETag        string            `json:"etag,omitempty"` // with its quotes
	ContentType string            `json:"content_type,omitempty"`
	Encoding    string            `json:"encoding,omitempty"`
	Disposition string            `json:"disposition,omitempty"`
	Language    string            `json:"language,omitempty"`
	Cache       string            `json:"cache,omitempty"`
	Expires     string            `json:"expires,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Checksum    checksum          `json:"checksum,omitzero"`
	// Parts holds where each part of a multipart upload ends, unless they are too many to be kept: then the object reads as one part.
	Parts []int64 `json:"parts,omitempty"`
	// Upload is the id of that upload.
	Upload     string     `json:"upload,omitempty"`
	Encryption encryption `json:"encryption,omitzero"`
}

// checksum is one checksum of an object: of all of it, or of its parts' checksums.
type checksum struct {
	Algorithm types.ChecksumAlgorithm `json:"algorithm,omitempty"`
	Type      types.ChecksumType      `json:"type,omitempty"`
	Value     string                  `json:"value,omitempty"`
}

// encryption is how an object is said to be encrypted.
type encryption struct {
	Algorithm types.ServerSideEncryption `json:"algorithm,omitempty"`
	// Key is the ARN of a key of KMS.
	Key       string `json:"key,omitempty"`
	BucketKey bool   `json:"bucket_key,omitempty"`
}

const defaultContentType = "binary/octet-stream"

// stored is an object with its attributes.
type stored struct {
	bucket.Object
	attributes
}

// read completes what is kept of an object's attributes.
func read(o bucket.Object, kept []byte) (stored, error) {
	out := stored{Object: o}
	if kept != nil {
		if err := json.Unmarshal(kept, &out.attributes); err != nil {
			return out, fmt.Errorf("reading the attributes of %s: %w", o.Key, err)
		}
	}
	if out.attributes.ETag == "" {
		out.attributes.ETag = `"` + o.ETag + `"`
	}
	if out.ContentType == "" {
		out.ContentType = defaultContentType
	}
	return out, nil
}

// maxKept is how many bytes of attributes every file system with extended attributes keeps: ext4 has a block of 4 KiB for all of a file's.
const maxKept = 3500

// bytes is what is kept of the attributes. Uploads of hundreds of parts have more of them than fit.
func (a *attributes) bytes() []byte {
	text, _ := json.Marshal(a) // texts and numbers always encode
	if len(text) <= maxKept || a.Parts == nil {
		return text
	}
	fewer := *a
	fewer.Parts = nil
	return fewer.bytes()
}

// response returns the checksum in the place that the protocol has for its algorithm.
func (c checksum) response() s3response.Checksum {
	out := s3response.Checksum{Algorithm: c.Algorithm, Type: c.Type}
	if c.Value == "" {
		return out
	}
	switch c.Algorithm {
	case types.ChecksumAlgorithmCrc32:
		out.CRC32 = &c.Value
	case types.ChecksumAlgorithmCrc32c:
		out.CRC32C = &c.Value
	case types.ChecksumAlgorithmCrc64nvme:
		out.CRC64NVME = &c.Value
	case types.ChecksumAlgorithmSha1:
		out.SHA1 = &c.Value
	case types.ChecksumAlgorithmSha256:
		out.SHA256 = &c.Value
	case types.ChecksumAlgorithmSha512:
		out.SHA512 = &c.Value
	case types.ChecksumAlgorithmMd5:
		out.MD5 = &c.Value
	case types.ChecksumAlgorithmXxhash64:
		out.XXHASH64 = &c.Value
	case types.ChecksumAlgorithmXxhash3:
		out.XXHASH3 = &c.Value
	case types.ChecksumAlgorithmXxhash128:
		out.XXHASH128 = &c.Value
	}
	return out
}

// given returns the checksum that a request has, or none. The pointers are in the order of the algorithms.
func given(values ...*string) checksum {
	for i, value := range values {
		if value != nil && *value != "" {
			return checksum{Algorithm: algorithms[i], Type: types.ChecksumTypeFullObject, Value: *value}
		}
	}
	return checksum{}
}

var algorithms = []types.ChecksumAlgorithm{
	types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256,
	types.ChecksumAlgorithmSha512, types.ChecksumAlgorithmMd5, types.ChecksumAlgorithmXxhash64, types.ChecksumAlgorithmXxhash3, types.ChecksumAlgorithmXxhash128,
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// orNil leaves out what an object doesn't have.
func orNil(s string) *string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return &s
}
