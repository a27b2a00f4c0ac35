// Package kms serves the calls of AWS Key Management Service that encryption in S3 and policies about keys need, by AWS JSON 1.1 with the
// target TrentService: DescribeKey, ListKeys, ListAliases, Encrypt, Decrypt, ReEncrypt, GenerateDataKey and
// GenerateDataKeyWithoutPlaintext.
//
// Keys are symmetric and come from the configuration; alias/aws/s3 is always there. A key's material is made when the key is first seen,
// and kept in one file that its owner alone can read: whoever loses it loses what it encrypted. A ciphertext is
//
//	1 byte    version, 1
//	16 bytes  the key's id, a UUID
//	12 bytes  nonce
//	the rest  AES-256-GCM of the plaintext; the encryption context is the associated data
//
// Keys have the key policy that AWS gives them by default: the account's users and roles may do what their own policies allow, and
// nobody else anything. Grants, key policies, asymmetric and multi-Region keys are not there.
package kms

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

// Authorizer decides what the caller of a request, whom the context names, may do. It must be safe for concurrent use.
type Authorizer interface {
	// AuthorizeWith returns nil if the caller may do action to every one of the resources, or a *policy.DeniedError. keys are the
	// condition keys of the request, by lower-case name.
	AuthorizeWith(ctx context.Context, action string, resources []string, keys map[string][]string) error
}

// Key declares a key.
type Key struct {
	// Alias is its name without "alias/".
	Alias string
	// ID is a UUID; "" is one that the alias tells.
	ID          string
	Description string
	Disabled    bool
}

// Config says what keys there are.
type Config struct {
	// Account has 12 digits; Region is like "eu-central-1".
	Account, Region string
	Keys            []Key
	// Path is the file of the keys' material.
	Path string
	Auth Authorizer
	Log  *slog.Logger
}

// defaultKey is what S3 encrypts with when a request names no key. It belongs to AWS: every principal of the account may use it by way
// of S3, and nobody by calling KMS.
const defaultKey = "aws/s3"

// Service holds the keys. It is safe for concurrent use.
type Service struct {
	config  Config
	keys    []*key          // in the order of their ids
	aliases map[string]*key // by name without "alias/"
	http    *awsjson.Service
}

// New opens the keys and makes the material of those that have none.
func New(c Config) (*Service, error) {
	s := &Service{config: c, aliases: map[string]*key{}}
	for _, declared := range append([]Key{{Alias: defaultKey, Description: "Default key that protects my S3 objects when no other key is defined"}}, c.Keys...) {
		if declared.ID == "" {
			declared.ID = uuid.NewSHA1(uuid.NameSpaceURL, []byte(s.arn("alias/"+declared.Alias))).String()
		}
		id, err := uuid.Parse(declared.ID)
		if err != nil {
			return nil, fmt.Errorf("reading key %s: its id %q is not a UUID", declared.Alias, declared.ID)
		}
		if s.aliases[declared.Alias] != nil || s.byID(id.String()) != nil {
			return nil, fmt.Errorf("reading key %s: another key has its alias or its id", declared.Alias)
		}
		k := &key{Key: declared, id: id, arn: s.arn("key/" + id.String())}
		s.keys = append(s.keys, k)
		s.aliases[declared.Alias] = k
	}
	slices.SortFunc(s.keys, func(a, b *key) int { return strings.Compare(a.arn, b.arn) })
	if err := loadMaterial(c.Path, s.keys); err != nil {
		return nil, err
	}
	s.http = &awsjson.Service{
		Target: "TrentService", Internal: "KMSInternalException", Log: c.Log,
		Operations: map[string]awsjson.Operation{
			"DescribeKey":                     awsjson.Handle(s.describeKey),
			"ListKeys":                        awsjson.Handle(s.listKeys),
			"ListAliases":                     awsjson.Handle(s.listAliases),
			"Encrypt":                         awsjson.Handle(s.encrypt),
			"Decrypt":                         awsjson.Handle(s.decrypt),
			"ReEncrypt":                       awsjson.Handle(s.reEncrypt),
			"GenerateDataKey":                 awsjson.Handle(s.generateDataKey),
			"GenerateDataKeyWithoutPlaintext": awsjson.Handle(s.generateDataKeyWithoutPlaintext),
		},
	}
	return s, nil
}

// ServeHTTP answers a request of the caller that its context names.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.http.ServeHTTP(w, r) }

func (s *Service) arn(resource string) string {
	return "arn:aws:kms:" + s.config.Region + ":" + s.config.Account + ":" + resource
}

func (s *Service) byID(id string) *key {
	for _, k := range s.keys {
		if k.id.String() == id {
			return k
		}
	}
	return nil
}

// find returns the key of an id, an ARN, an alias or an alias's ARN, and the alias that it was found by.
func (s *Service) find(name string) (k *key, alias string, err error) {
	if name == "" {
		return nil, "", validation("1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null")
	}
	if len(name) > 2048 {
		return nil, "", validation("1 validation error detected: Value at 'keyId' failed to satisfy constraint: Member must have length less than or equal to 2048")
	}
	resource := name
	if strings.HasPrefix(name, "arn:") {
		parts := strings.SplitN(name, ":", 6)
		if len(parts) != 6 || parts[2] != "kms" {
			return nil, "", &awsjson.Error{Code: "InvalidArnException", Message: "Invalid arn " + name}
		}
		if parts[3] != s.config.Region {
			return nil, "", notFound("Invalid arn " + parts[3])
		}
		if parts[4] != s.config.Account {
			return nil, "", notFound("Key '" + name + "' does not exist")
		}
		resource = strings.TrimPrefix(parts[5], "key/")
	}
	if alias, ok := strings.CutPrefix(resource, "alias/"); ok {
		if k := s.aliases[alias]; k != nil {
			return k, "alias/" + alias, nil
		}
		return nil, "", notFound("Alias " + s.arn("alias/"+alias) + " is not found.")
	}
	if k := s.byID(resource); k != nil {
		return k, "", nil
	}
	return nil, "", notFound("Key '" + s.arn("key/"+resource) + "' does not exist")
}

// use returns a key that the caller may do action with and that is enabled.
func (s *Service) use(ctx context.Context, action, name string, encryption map[string]string) (*key, error) {
	k, alias, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, action, k, alias, encryption, nil); err != nil {
		return nil, err
	}
	if k.Alias == defaultKey {
		return nil, &awsjson.Error{Code: "AccessDeniedException", Message: "The key " + k.arn + " is AWS's own: only S3 uses it."}
	}
	if k.Disabled {
		return nil, &awsjson.Error{Code: "DisabledException", Message: k.arn + " is disabled."}
	}
	return k, nil
}

// authorize evaluates the caller's policies with the condition keys of KMS.
func (s *Service) authorize(ctx context.Context, action string, k *key, alias string, encryption map[string]string, more map[string][]string) error {
	keys := map[string][]string{"kms:calleraccount": {s.config.Account}, "kms:resourcealiases": {"alias/" + k.Alias}}
	if alias != "" {
		keys["kms:requestalias"] = []string{alias}
	}
	for name, value := range encryption {
		key := "kms:encryptioncontext:" + strings.ToLower(name)
		if keys[key] != nil {
			// Policies tell the names apart without regard to case: which of the values they saw would be left to chance.
			return validation("The encryption context has names that differ by their case only: %s", strings.ToLower(name))
		}
		keys[key] = []string{value}
		keys["kms:encryptioncontextkeys"] = append(keys["kms:encryptioncontextkeys"], name)
	}
	for name, values := range more {
		keys[name] = values
	}
	return s.config.Auth.AuthorizeWith(ctx, action, []string{k.arn}, keys)
}

func notFound(message string) error {
	return &awsjson.Error{Code: "NotFoundException", Message: message}
}

func validation(format string, args ...any) error {
	return &awsjson.Error{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}
