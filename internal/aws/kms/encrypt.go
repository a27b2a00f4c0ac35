package kms

import (
	"context"
	"crypto/rand"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

// Limits of the API reference.
const (
	maxPlaintext  = 4096
	maxCiphertext = 6144
	maxDataKey    = 1024
	algorithm     = "SYMMETRIC_DEFAULT"
)

// common holds members that several requests have and that are not served.
type common struct {
	EncryptionAlgorithm string
	DryRun              bool
	Recipient           map[string]any
}

func (c *common) check() error {
	switch {
	case c.DryRun:
		return &awsjson.Error{Code: "UnsupportedOperationException", Message: "DryRun is not supported by this endpoint."}
	case c.Recipient != nil:
		return &awsjson.Error{Code: "UnsupportedOperationException", Message: "Recipient is not supported by this endpoint."}
	case c.EncryptionAlgorithm != "" && c.EncryptionAlgorithm != algorithm:
		return &awsjson.Error{Code: "InvalidKeyUsageException", Message: "The keys of this endpoint are symmetric: the algorithm is " + algorithm + "."}
	}
	return nil
}

type encryptIn struct {
	common
	KeyID             string `json:"KeyId"`
	Plaintext         []byte
	EncryptionContext map[string]string
}

type encryptOut struct {
	CiphertextBlob      []byte
	KeyID               string `json:"KeyId"`
	EncryptionAlgorithm string
}

func (s *Service) encrypt(ctx context.Context, in *encryptIn) (*encryptOut, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if n := len(in.Plaintext); n < 1 || n > maxPlaintext {
		return nil, validation("1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length between 1 and %d, inclusive", maxPlaintext)
	}
	k, err := s.use(ctx, "kms:Encrypt", in.KeyID, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &encryptOut{k.seal(in.Plaintext, in.EncryptionContext), k.arn, algorithm}, nil
}

type decryptIn struct {
	common
	CiphertextBlob    []byte
	KeyID             string `json:"KeyId"`
	EncryptionContext map[string]string
}

type decryptOut struct {
	KeyID               string `json:"KeyId"`
	Plaintext           []byte
	EncryptionAlgorithm string
}

func (s *Service) decrypt(ctx context.Context, in *decryptIn) (*decryptOut, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	k, plaintext, err := s.unseal(ctx, "kms:Decrypt", in.CiphertextBlob, in.KeyID, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &decryptOut{k.arn, plaintext, algorithm}, nil
}

// unseal decrypts for a caller who may do action with the key that the ciphertext names, which must be the one that the request names.
func (s *Service) unseal(ctx context.Context, action string, ciphertext []byte, name string, encryption map[string]string) (*key, []byte, error) {
	if n := len(ciphertext); n < 1 || n > maxCiphertext {
		return nil, nil, validation("1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length between 1 and %d, inclusive", maxCiphertext)
	}
	id, ok := keyOf(ciphertext)
	if !ok || s.byID(id.String()) == nil {
		return nil, nil, invalidCiphertext
	}
	if name != "" {
		named, _, err := s.find(name)
		if err != nil {
			return nil, nil, err
		}
		if named.id != id {
			return nil, nil, &awsjson.Error{Code: "IncorrectKeyException", Message: "The key ID in the request does not identify a CMK that can perform this operation."}
		}
	}
	k, err := s.use(ctx, action, id.String(), encryption)
	if err != nil {
		return nil, nil, err
	}
	plaintext, ok := k.open(ciphertext, encryption)
	if !ok {
		return nil, nil, invalidCiphertext
	}
	return k, plaintext, nil
}

// invalidCiphertext tells nothing of what is wrong, as AWS's doesn't.
var invalidCiphertext = &awsjson.Error{Code: "InvalidCiphertextException"}

type reEncryptIn struct {
	CiphertextBlob                 []byte
	SourceKeyID                    string `json:"SourceKeyId"`
	SourceEncryptionContext        map[string]string
	SourceEncryptionAlgorithm      string
	DestinationKeyID               string `json:"DestinationKeyId"`
	DestinationEncryptionContext   map[string]string
	DestinationEncryptionAlgorithm string
	DryRun                         bool
}

type reEncryptOut struct {
	CiphertextBlob                 []byte
	SourceKeyID                    string `json:"SourceKeyId"`
	KeyID                          string `json:"KeyId"`
	SourceEncryptionAlgorithm      string
	DestinationEncryptionAlgorithm string
}

func (s *Service) reEncrypt(ctx context.Context, in *reEncryptIn) (*reEncryptOut, error) {
	for _, c := range []common{{EncryptionAlgorithm: in.SourceEncryptionAlgorithm, DryRun: in.DryRun}, {EncryptionAlgorithm: in.DestinationEncryptionAlgorithm}} {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	to, err := s.use(ctx, "kms:ReEncryptTo", in.DestinationKeyID, in.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	from, plaintext, err := s.unseal(ctx, "kms:ReEncryptFrom", in.CiphertextBlob, in.SourceKeyID, in.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	return &reEncryptOut{to.seal(plaintext, in.DestinationEncryptionContext), from.arn, to.arn, algorithm, algorithm}, nil
}

type dataKeyIn struct {
	common
	KeyID             string `json:"KeyId"`
	KeySpec           string
	NumberOfBytes     *int
	EncryptionContext map[string]string
}

type dataKeyOut struct {
	CiphertextBlob []byte
	Plaintext      []byte `json:",omitempty"`
	KeyID          string `json:"KeyId"`
}

func (in *dataKeyIn) size() (int, error) {
	switch {
	case in.KeySpec == "" && in.NumberOfBytes == nil, in.KeySpec != "" && in.NumberOfBytes != nil:
		return 0, validation("Please specify either number of bytes or key spec.")
	case in.KeySpec == "AES_256":
		return 32, nil
	case in.KeySpec == "AES_128":
		return 16, nil
	case in.KeySpec != "":
		return 0, validation("1 validation error detected: Value '%s' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]", in.KeySpec)
	case *in.NumberOfBytes < 1 || *in.NumberOfBytes > maxDataKey:
		return 0, validation("1 validation error detected: Value '%d' at 'numberOfBytes' failed to satisfy constraint: Member must have value between 1 and %d, inclusive", *in.NumberOfBytes, maxDataKey)
	}
	return *in.NumberOfBytes, nil
}

func (s *Service) generateDataKey(ctx context.Context, in *dataKeyIn) (*dataKeyOut, error) {
	return s.dataKey(ctx, "kms:GenerateDataKey", in)
}

func (s *Service) generateDataKeyWithoutPlaintext(ctx context.Context, in *dataKeyIn) (*dataKeyOut, error) {
	out, err := s.dataKey(ctx, "kms:GenerateDataKeyWithoutPlaintext", in)
	if err == nil {
		out.Plaintext = nil
	}
	return out, err
}

func (s *Service) dataKey(ctx context.Context, action string, in *dataKeyIn) (*dataKeyOut, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	size, err := in.size()
	if err != nil {
		return nil, err
	}
	k, err := s.use(ctx, action, in.KeyID, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	plaintext := make([]byte, size)
	_, _ = rand.Read(plaintext) // never fails
	return &dataKeyOut{k.seal(plaintext, in.EncryptionContext), plaintext, k.arn}, nil
}
