package assume

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/refract-io/refract/internal/aws/denial"
	"github.com/refract-io/refract/internal/platform/fault"
)

var (
	errNoRegion     = errors.New("no region is named")
	errNoExternalID = errors.New("a role is to be assumed without an external id")
)

// caller is how STS names who asked: "User: arn:aws:iam::123456789012:user/refract is not authorized to perform: sts:AssumeRole".
var caller = regexp.MustCompile(`User: (\S+) is not authorized`)

// roleFault explains why the role could not be assumed.
func roleFault(role Role, err error) error {
	op, object := "assuming role", role.ARN
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s %s: %w", op, object, err)
	}
	if own, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Errorf("%s %s: %w", op, object, own) // the process's own credentials are missing
	}
	refused, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fault.New(fault.Transient, op, object, err, "")
	}
	cause := fmt.Errorf("%s: %s", refused.ErrorCode(), refused.ErrorMessage())
	setup := func(hint string) error { return fault.New(fault.Setup, op, object, cause, hint) }
	switch refused.ErrorCode() {
	case "AccessDenied", "AccessDeniedException":
		who := "the caller"
		if m := caller.FindStringSubmatch(refused.ErrorMessage()); m != nil {
			who = m[1]
		}
		return setup(fmt.Sprintf("the role must exist, its trust policy must let %s assume it and ask for no sts:ExternalId but the project's token, and the policies of %s must allow sts:AssumeRole on it", who, who))
	case "ValidationError", "ValidationException", "InvalidParameterValue":
		return setup("give the role's ARN as IAM shows it: arn:aws:iam::<account>:role/<name>")
	case "RegionDisabledException":
		return setup("activate STS for region " + role.Region + " in the account settings of IAM, or use another region")
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "IncompleteSignature", "InvalidAccessKeyId":
		return setup(denial.SignatureHint(refused.ErrorMessage()))
	case "ExpiredToken", "ExpiredTokenException":
		return setup("renew the AWS credentials of this process")
	}
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && response.HTTPStatusCode() == http.StatusForbidden {
		return setup("check the AWS credentials of this process")
	}
	return fault.New(fault.Transient, op, object, cause, "")
}

// ownFault explains that this process has no credentials of its own.
func ownFault(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("looking for AWS credentials: %w", err)
	}
	return fault.New(fault.Setup, "looking for AWS credentials", "", err,
		"give this process credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role of its machine, pod or task")
}
