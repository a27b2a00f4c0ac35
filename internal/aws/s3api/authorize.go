package s3api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"

	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/aws/sts"
)

// requestKeys returns the condition keys that an object's writing has of its request. The front hands few of them on, so that the right to put
// is decided here, where they are known.
func requestKeys(c fiber.Ctx) map[string][]string {
	keys := map[string][]string{}
	for header, key := range map[string]string{
		"User-Agent": "aws:useragent", "Referer": "aws:referer",
		"X-Amz-Acl": "s3:x-amz-acl", "X-Amz-Storage-Class": "s3:x-amz-storage-class", "X-Amz-Metadata-Directive": "s3:x-amz-metadata-directive",
		"If-None-Match": "s3:if-none-match",
	} {
		if value := c.Get(header); value != "" {
			keys[key] = []string{strings.Clone(value)}
		}
	}
	return keys
}

// mayPut refuses a caller who may not put an object under a key. asked is the encryption that the request asks for; the parts of an upload
// have that of its beginning.
func (b *backend) mayPut(ctx context.Context, bucketName, key string, asked encryption) error {
	keys := maps.Clone(exchangeOf(ctx).keys)
	if keys == nil {
		keys = map[string][]string{}
	}
	if asked.Algorithm != "" {
		keys["s3:x-amz-server-side-encryption"] = []string{string(asked.Algorithm)}
	}
	if asked.Key != "" {
		keys["s3:x-amz-server-side-encryption-aws-kms-key-id"] = []string{asked.Key}
	}
	return b.authorize(ctx, auth.PutObjectAction, bucketName+"/"+key, keys)
}

// absent returns the answer for a key that has no object: NoSuchKey to those who may list it, and to others a refusal, so that they can't
// find out what there is.
func (b *backend) absent(ctx context.Context, f *folder, key string) error {
	if err := b.authorize(ctx, auth.ListBucketAction, f.name, map[string][]string{"s3:prefix": {key}}); err != nil {
		return err
	}
	return s3err.GetAPIError(s3err.ErrNoSuchKey)
}

// authorize decides about a request beyond what the front asks for. resource is a bucket, or a bucket and a key.
func (b *backend) authorize(ctx context.Context, action auth.Action, resource string, keys map[string][]string) error {
	caller, err := b.caller(ctx)
	if err != nil {
		return err
	}
	keys["aws:securetransport"] = []string{strconv.FormatBool(b.config.Secure)}
	err = b.config.authorize(caller, string(action), "arn:aws:s3:::"+resource, keys)
	if denied, refused := errors.AsType[*policy.DeniedError](err); refused {
		return refuse(http.StatusForbidden, "AccessDenied", denied.Error())
	}
	if err != nil {
		return internal(b.log, err)
	}
	return nil
}

// authorize decides by the caller's own policies and its session's. Buckets have none, so that nobody of another account may use them. A
// refusal is a *policy.DeniedError.
func (c *Config) authorize(caller *sts.Caller, action, resource string, keys map[string][]string) error {
	if err := c.Authority.AuthorizeWith(sts.WithCaller(context.Background(), caller), action, []string{resource}, keys); err != nil {
		return err
	}
	if caller.Account != c.Account {
		return &policy.DeniedError{Caller: caller.ARN, Action: action, Resource: resource, Kind: "resource-based"}
	}
	return nil
}

// caller returns whose request it is.
func (b *backend) caller(ctx context.Context) (*sts.Caller, error) {
	account, ok := ctx.Value("account").(auth.Account)
	if !ok {
		return nil, internal(b.log, errors.New("a request has no caller"))
	}
	caller, err := b.config.Authority.Caller(account.Access)
	if err != nil {
		return nil, s3err.GetInvalidAccessKeyIdErr(account.Access)
	}
	return caller, nil
}
