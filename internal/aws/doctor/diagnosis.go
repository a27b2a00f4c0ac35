package doctor

import (
	"context"
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/refract-io/refract/internal/aws/denial"
	"github.com/refract-io/refract/internal/platform/fault"
)

// diagnosis is what an error of an AWS service says.
type diagnosis struct {
	status        Status
	cause, remedy string
	// denied is a missing permission; Denial says of what, as far as the error does.
	denied bool
	denial.Denial
}

// diagnose reads an error. It tells apart what the user must change from what passes by itself.
func diagnose(err error) diagnosis {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return diagnosis{status: Unclear, cause: "no answer came in time", remedy: "try again; check that this network reaches the service"}
	}
	code, message, status := answerOf(err)
	if code == "" && status == 0 {
		return undelivered(err)
	}
	text := strings.TrimSpace(code + ": " + message)
	switch {
	case isDenied(code, status):
		return diagnoseDenial(message)
	case isThrottled(code, status):
		return diagnosis{status: Unclear, cause: "AWS throttles or is out of order: " + text, remedy: "try again later"}
	}
	if denial.OtherRegion(message) {
		return diagnosis{
			status: Failed, cause: "the service is in another region than the pipeline says: " + text,
			remedy: "give the pipeline the service's region, or leave it out where destination.region says it; of the endpoint here it is aws.region",
		}
	}
	if known, ok := knownCodes[code]; ok {
		known.status, known.cause = Failed, known.cause+": "+text
		return known
	}
	return diagnosis{status: Failed, cause: text}
}

// knownCodes are answers that are neither denials nor throttling, each with what it means and what to do.
var knownCodes = map[string]diagnosis{
	"NoSuchBucket":                       {cause: "there is no such bucket", remedy: "create it, or give the pipeline the right name"},
	"PermanentRedirect":                  {cause: "the bucket is in another region", remedy: "give the pipeline the bucket's region"},
	"AuthorizationHeaderMalformed":       {cause: "the bucket is in another region", remedy: "give the pipeline the bucket's region"},
	"IllegalLocationConstraintException": {cause: "the bucket is in another region", remedy: "give the pipeline the bucket's region"},
	"GlueEncryptionException":            {cause: "the catalog is encrypted and the role may not use its key", remedy: "allow kms:Decrypt, kms:Encrypt and kms:GenerateDataKey on the catalog's key, for the warehouse's role too"},
	"KMS.DisabledException":              {cause: "the key is disabled", remedy: "enable it, or give the pipeline another"},
	"KMS.NotFoundException":              {cause: "there is no such key", remedy: "give the pipeline the key's ARN; an alias or id is looked up in the caller's account and region"},
	"KMS.KMSInvalidStateException":       {cause: "the key can't be used in its state", remedy: "cancel its deletion, or give the pipeline another"},
	"RequestTimeTooSkewed":               {cause: "this machine's clock is wrong", remedy: "set it"},
	"SignatureDoesNotMatch":              {cause: "the secret access key is wrong, or this machine's clock is", remedy: "check the exporter's credentials and the clock"},
	"InvalidSignatureException":          {cause: "the secret access key is wrong, or this machine's clock is", remedy: "check the exporter's credentials and the clock"},
	"InvalidClientTokenId":               {cause: "AWS doesn't know the access key", remedy: "check the exporter's credentials"},
	"UnrecognizedClientException":        {cause: "AWS doesn't know the access key", remedy: "check the exporter's credentials"},
	"InvalidAccessKeyId":                 {cause: "AWS doesn't know the access key", remedy: "check the exporter's credentials"},
	"ExpiredToken":                       {cause: "the exporter's credentials have expired", remedy: "renew them"},
	"ExpiredTokenException":              {cause: "the exporter's credentials have expired", remedy: "renew them"},
	"RegionDisabledException":            {cause: "the region is not enabled in the account", remedy: "enable it under STS in the account settings"},
	"EntityNotFoundException":            {cause: "it does not exist", remedy: "create it, or give the pipeline the right name and region"},
}

// answerOf returns the service's code and text and the status of its answer; zeros are none. Answers to HEAD have no text.
func answerOf(err error) (code, message string, status int) {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code, message = api.ErrorCode(), api.ErrorMessage()
	}
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = response.HTTPStatusCode()
	}
	return code, message, status
}

// plain is an error without what the SDK says around it.
func plain(err error) string {
	if code, message, _ := answerOf(err); code != "" {
		return code + ": " + message
	}
	return err.Error()
}

func isDenied(code string, status int) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "Forbidden", "AllAccessDisabled", "UnauthorizedOperation":
		return true
	case "", "UnknownError":
		return status == http.StatusForbidden
	}
	return false
}

func isThrottled(code string, status int) bool {
	switch code {
	case "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "ServiceUnavailable",
		"InternalError", "InternalFailure", "InternalServerException", "InternalServiceException", "OperationTimeoutException", "RequestTimeout",
		"ActiveStatementsExceededException", "ActiveSessionsExceededException", "ActiveWaitingRequestsExceededException", "FederationSourceRetryableException":
		return true
	}
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// undelivered is a call that got no answer of the service: the network's or the credentials' fault.
func undelivered(err error) diagnosis {
	if own, ok := errors.AsType[*fault.Error](err); ok && own.Class == fault.Setup {
		return diagnosis{status: Failed, cause: own.Err.Error(), remedy: own.Hint}
	}
	text := err.Error()
	if strings.Contains(text, "retrieve credentials") || strings.Contains(text, "get identity: ") || strings.Contains(text, "no EC2 IMDS role found") {
		return diagnosis{status: Failed, cause: "the exporting process has no AWS credentials: " + text, remedy: "give it some: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role of its machine"}
	}
	return diagnosis{status: Unclear, cause: "the service could not be reached: " + text, remedy: "check the network, the region and the endpoint"}
}

// diagnoseDenial reads the text of a denial.
func diagnoseDenial(message string) diagnosis {
	d := diagnosis{Denial: denial.Read(message), status: Failed, denied: true, cause: message}
	switch {
	case d.LakeFormation:
		d.cause, d.remedy = "Lake Formation, which decides besides IAM, denies it: "+message, d.Cure
	case message == "":
		d.cause = "AWS denies access without saying more"
	}
	return d
}
