package s3bucket

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/refract-io/refract/internal/aws/denial"
	"github.com/refract-io/refract/internal/platform/bucket"
	"github.com/refract-io/refract/internal/platform/fault"
)

// operation is what was being done to an object, as a gerund.
type operation string

const (
	putting        operation = "putting"
	opening        operation = "opening"
	describing     operation = "describing"
	listing        operation = "listing"
	deleting       operation = "deleting"
	aborting       operation = "aborting an upload of"
	listingUploads operation = "listing the uploads of"
)

// needs names the IAM actions that an operation needs. A missing object reads as forbidden to those who may not list the bucket (Amazon
// S3, HeadObject), so 403 says nothing about whether it is there.
func (o operation) needs() string {
	switch o {
	case putting:
		return "s3:PutObject"
	case opening, describing:
		return "s3:GetObject, and s3:ListBucket on the bucket,"
	case listing:
		return "s3:ListBucket on the bucket, for this prefix,"
	case deleting:
		return "s3:DeleteObject"
	case aborting:
		return "s3:AbortMultipartUpload"
	default:
		return "s3:ListBucketMultipartUploads on the bucket"
	}
}

// codeOf returns the code with which a service refused, or "".
func codeOf(err error) string {
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return refused.ErrorCode()
	}
	return ""
}

// statusOf returns the status of an answer that is an error, or 0.
func statusOf(err error) int {
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}

// regionOf returns the region in which a refused bucket lies, if the answer tells it.
func regionOf(err error) string {
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || response.Response == nil || response.HTTPStatusCode() == http.StatusNotFound {
		return ""
	}
	return response.Response.Header.Get("X-Amz-Bucket-Region")
}

// isTaken reports whether a conditional put failed because the key is taken.
func isTaken(err error) bool {
	return statusOf(err) == http.StatusPreconditionFailed || codeOf(err) == "PreconditionFailed"
}

// apiCause returns an error of S3 without the SDK's account of it: code, message and the number that AWS's support asks for.
func apiCause(err error) error {
	refused, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	text := refused.ErrorCode()
	if refused.ErrorMessage() != "" {
		text += ": " + refused.ErrorMessage()
	}
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && response.ServiceRequestID() != "" {
		text += " [request " + response.ServiceRequestID() + "]"
	}
	return errors.New(text)
}

// isAbsent reports whether the code says that there is no such object. Servers that keep objects as files cannot hold some, and call them
// by these names.
func isAbsent(code string) bool {
	switch code {
	case "NoSuchKey", "NotFound", "KeyTooLongError", "ExistingObjectIsDirectory", "ObjectParentIsFile":
		return true
	}
	return false
}

// classed gives a failed call the form that bucket.Bucket promises.
func (b *Bucket) classed(ctx context.Context, op operation, key string, err error) error {
	if err == nil {
		return nil
	}
	where := b.Location(key)
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", op, where, ctx.Err())
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Errorf("%s %s: %w", op, where, f) // package assume has explained it
	}
	if region := regionOf(err); region != "" && region != b.region {
		return fault.New(fault.Setup, string(op), where, apiCause(err), fmt.Sprintf("the bucket lies in region %s, not in %s: name its own region", region, b.region))
	}
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return b.coded(op, key, refused, statusOf(err), apiCause(err))
	}
	if _, untrusted := errors.AsType[x509.UnknownAuthorityError](err); untrusted {
		return fault.New(fault.Setup, string(op), where, err, "the server's certificate is not trusted: add its authority to the system's, or name it in AWS_CA_BUNDLE")
	}
	hint := ""
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		hint = "check the endpoint and the region: there is no " + dns.Name
	}
	return fault.New(fault.Transient, string(op), where, err, hint)
}

// coded returns the error for one of S3's codes.
func (b *Bucket) coded(op operation, key string, refused smithy.APIError, status int, cause error) error {
	where := b.Location(key)
	of := func(class fault.Class, hint string) error { return fault.New(class, string(op), where, cause, hint) }
	looking := op == describing || op == opening
	if op != putting && isAbsent(refused.ErrorCode()) || looking && status == http.StatusNotFound && refused.ErrorCode() != "NoSuchBucket" {
		return fmt.Errorf("%s %s: %w", op, where, bucket.ErrNotFound)
	}
	switch code := refused.ErrorCode(); code {
	case "NoSuchBucket":
		return of(fault.Setup, "create bucket "+b.options.Bucket+", or name another")
	case "AccessDenied", "Forbidden", "AccessDeniedException", "AllAccessDisabled", "AccountProblem":
		return of(fault.Setup, b.deniedHint(op, refused.ErrorMessage()))
	case "PermanentRedirect", "TemporaryRedirect", "MovedPermanently", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "InvalidRegion":
		return of(fault.Setup, fmt.Sprintf("bucket %s does not lie in region %s: name its own region", b.options.Bucket, b.region))
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidSecurity", "NotSignedUp":
		return of(fault.Setup, "check the AWS credentials of this process; for a server that is not AWS also its region and path style")
	case "KMS.NotFoundException", "KMS.DisabledException", "KMS.InvalidKeyUsageException", "KMS.KMSInvalidStateException", "KMS.InvalidStateException":
		return of(fault.Setup, "give the ARN of an enabled symmetric KMS key of the bucket's region")
	case "InvalidObjectState":
		return of(fault.Setup, "the object lies in an archive class: let no lifecycle rule move what pipelines write there")
	case "NotImplemented", "MethodNotAllowed", "AccessControlListNotSupported":
		return of(fault.Setup, "the server lacks what is needed; docs/operations.md lists servers that have it")
	case "InvalidBucketName":
		return of(fault.Setup, "name an existing bucket")
	case "KeyTooLongError", "ExistingObjectIsDirectory", "ObjectParentIsFile": // of servers that keep objects as files
		return of(fault.Setup, "choose a key of shorter parts that is neither above nor below another object's")
	case "RequestTimeTooSkewed", "RequestExpired":
		return of(fault.Transient, "set the clock of this machine right")
	case "QuotaExceeded", "XMinioStorageFull", "InsufficientStorage":
		return of(fault.Transient, "give the bucket more room; work goes on by itself")
	case "XAmzContentSHA256Mismatch", "BadDigest", "RequestTimeout", "SlowDown", "InternalError", "OperationAborted", conflict, "ServiceUnavailable",
		"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "NoSuchUpload", "Throttling", "ThrottlingException", "RequestLimitExceeded",
		"KMS.ThrottlingException", "KMS.KMSInternalException", "Busy", "TooManyRequests":
		return of(fault.Transient, "")
	}
	switch {
	case status == http.StatusForbidden, status == http.StatusUnauthorized:
		return of(fault.Setup, b.deniedHint(op, refused.ErrorMessage()))
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusConflict:
		return of(fault.Transient, "")
	}
	return of(fault.Bug, "")
}

// deniedHint says what to allow. S3's refusals often name the action, which may be KMS's.
func (b *Bucket) deniedHint(op operation, message string) string {
	d, kms := denial.Read(message), strings.Contains(strings.ToLower(message), "kms:")
	action := cmp.Or(d.Action, op.needs())
	switch {
	case d.Explicit != "":
		return "a policy denies " + action + " expressly: look at the bucket's, the organisation's and the VPC endpoint's policies"
	case kms && b.options.Encryption != SSEKMS:
		return "the bucket encrypts with KMS: allow kms:GenerateDataKey and kms:Decrypt on its key, in the role's policy and in the key's"
	case kms:
		return "allow kms:GenerateDataKey and kms:Decrypt on the key, in the role's policy and in the key's"
	}
	return "allow " + strings.TrimSuffix(action, ",") + " in the role's policy; look at the bucket's policy too"
}
