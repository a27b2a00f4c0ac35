package s3api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/s3api/controllers"

	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/aws/sts"
)

// Keys decide what callers may do with keys of KMS by way of S3.
type Keys interface {
	// UseForS3 returns the ARN of a key (an id, an ARN, an alias, or "" for the default of S3) if the caller whom the context names may do
	// action ("kms:GenerateDataKey", "kms:Decrypt") with it for an object, whose ARN is the encryption context; under a bucket key it is
	// the bucket's. A refusal is an *awsjson.Error.
	UseForS3(ctx context.Context, action, key, object string) (string, error)
}

// exchange is what versitygw's front passes on to nobody: what a request asks of encryption, what the answer says of it, how a listing writes
// names, and what policies may look at.
type exchange struct {
	asked, answer encryption
	keys          map[string][]string
	encoding      types.EncodingType
}

type exchangeKey struct{}

// The headers of encryption.
const (
	headerEncryption = "X-Amz-Server-Side-Encryption"
	headerKey        = "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"
	headerBucketKey  = "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled"
)

// prepare refuses what the front would ignore, and keeps what it doesn't pass on.
var prepare = controllers.WrapMiddleware(func(c fiber.Ctx) error {
	x := &exchange{keys: requestKeys(c), asked: encryption{
		Algorithm: types.ServerSideEncryption(c.Get(headerEncryption)), Key: c.Get(headerKey), BucketKey: c.Get(headerBucketKey) == "true",
	}, encoding: types.EncodingType(c.Query("encoding-type"))}
	switch {
	case x.encoding != "" && x.encoding != types.EncodingTypeUrl:
		return refuse(http.StatusBadRequest, "InvalidArgument", "Invalid Encoding Method specified in Request")
	case x.asked.Algorithm != "" && x.asked.Algorithm != types.ServerSideEncryptionAes256 && x.asked.Algorithm != types.ServerSideEncryptionAwsKms:
		return refuse(http.StatusBadRequest, "InvalidArgument", "The encryption method specified is not supported: it is AES256 or aws:kms.")
	case x.asked.Key != "" && x.asked.Algorithm != types.ServerSideEncryptionAwsKms:
		return refuse(http.StatusBadRequest, "InvalidArgument", "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
	}
	if acl := c.Get("X-Amz-Acl"); acl != "" && acl != "bucket-owner-full-control" && acl != "private" {
		return refuse(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
	}
	if class := c.Get("X-Amz-Storage-Class"); class != "" && class != string(types.StorageClassStandard) {
		return notImplemented("The storage class " + class)
	}
	if source := c.Get("X-Amz-Copy-Source"); source != "" {
		if err := checkCopy(source, c.Get("If-Match")+c.Get("If-None-Match")); err != nil {
			return err
		}
	}
	c.Locals(exchangeKey{}, x)
	return nil
}, nil, nil)

// checkCopy refuses copies that the front would take for others. It asks for the right on a source's name together with the version behind it,
// which a policy that names the object does not match; and it does not pass on conditions on the target, which S3 answers so too.
func checkCopy(source, conditions string) error {
	// A source that can't be decoded is the front's to refuse.
	if name, err := url.QueryUnescape(source); err == nil && strings.Contains(name, "?versionId=") {
		return notImplemented("Copying a version of an object")
	}
	if conditions != "" {
		return notImplemented("A copy with conditions on its target")
	}
	return nil
}

// answerEncryption adds to the answer how the object is encrypted.
func answerEncryption(c fiber.Ctx) error {
	err := c.Next()
	x, ok := c.Locals(exchangeKey{}).(*exchange)
	if !ok || x.answer.Algorithm == "" {
		return err
	}
	c.Set(headerEncryption, string(x.answer.Algorithm))
	if x.answer.Key != "" {
		c.Set(headerKey, x.answer.Key)
		c.Set(headerBucketKey, strconv.FormatBool(x.answer.BucketKey))
	}
	return err
}

func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// encrypt returns how a new object is encrypted: as the request asks, else by S3's own key, as every bucket does by default.
func (b *backend) encrypt(ctx context.Context, bucketName, key string) (encryption, error) {
	x := exchangeOf(ctx)
	e := x.asked
	if e.Algorithm == "" {
		e = encryption{Algorithm: types.ServerSideEncryptionAes256}
	}
	if e.Algorithm == types.ServerSideEncryptionAwsKms {
		var err error
		if e.Key, err = b.use(ctx, "kms:GenerateDataKey", e, bucketName, key); err != nil {
			return e, err
		}
	} else {
		e.BucketKey = false
	}
	x.answer = e
	return e, nil
}

// decrypt refuses a caller who may not read what a key encrypts.
func (b *backend) decrypt(ctx context.Context, e encryption, bucketName, key string) error {
	if e.Algorithm == types.ServerSideEncryptionAwsKms {
		if _, err := b.use(ctx, "kms:Decrypt", e, bucketName, key); err != nil {
			return err
		}
	}
	return nil
}

func (b *backend) use(ctx context.Context, action string, e encryption, bucketName, key string) (string, error) {
	caller, err := b.caller(ctx)
	if err != nil {
		return "", err
	}
	object := "arn:aws:s3:::" + bucketName
	if !e.BucketKey {
		object += "/" + key
	}
	arn, err := b.config.Keys.UseForS3(sts.WithCaller(ctx, caller), action, e.Key, object)
	if err == nil {
		return arn, nil
	}
	refused, ok := errors.AsType[*awsjson.Error](err)
	switch {
	case !ok:
		return "", internal(b.log, err)
	case refused.Code == "AccessDeniedException":
		return "", refuse(http.StatusForbidden, "AccessDenied", refused.Message)
	}
	return "", refuse(http.StatusBadRequest, "KMS."+refused.Code, refused.Message)
}
