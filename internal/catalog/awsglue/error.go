package awsglue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/refract-io/refract/internal/aws/denial"
	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/fault"
)

// classed gives a failed call the form that catalog.Catalog promises.
func classed(op, object string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s %s: %w", op, object, err)
	}
	// Credentials that cannot be had have their class already (package assume); nothing was sent.
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Errorf("%s %s: %w", op, object, err)
	}
	if strings.Contains(err.Error(), "get identity: ") || strings.Contains(err.Error(), "retrieve credentials") {
		return fault.New(fault.Setup, op, object, err, "check the AWS credentials of this process")
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return coded(op, object, e.ErrorCode(), e.ErrorMessage())
	}
	// The SDK's own checks of a request's members, which it makes before it sends anything.
	if e, ok := errors.AsType[smithy.InvalidParamsError](err); ok {
		return &catalog.Error{Code: catalog.ErrInvalidInput, Message: e.Error()}
	}
	return fault.New(fault.Transient, op, object, err, "")
}

// coded returns the error for one of Glue's codes.
func coded(op, object, code, message string) error {
	refused := func(c error) *catalog.Error { return &catalog.Error{Code: c, Message: message} }
	cause := &smithy.GenericAPIError{Code: code, Message: message}
	switch code {
	case "EntityNotFoundException":
		return refused(catalog.ErrNotFound)
	case "AlreadyExistsException":
		return refused(catalog.ErrAlreadyExists)
	case "ConcurrentModificationException":
		return refused(catalog.ErrConcurrentModification)
	case "InvalidInputException", "ValidationException":
		return refused(catalog.ErrInvalidInput)
	case "InvalidStateException":
		return refused(catalog.ErrInvalidState)
	case "AccessDeniedException", "AccessDenied":
		return fault.New(fault.Setup, op, object, refused(catalog.ErrAccessDenied), deniedHint(message))
	case "GlueEncryptionException":
		return fault.New(fault.Setup, op, object, cause, "the catalog itself is encrypted: allow the role kms:Decrypt, kms:Encrypt and kms:GenerateDataKey "+
			"on the catalog's key (Glue console, Catalog settings), and the role that Redshift reads with too")
	case "FederationSourceException":
		return fault.New(fault.Setup, op, object, cause, "the database is one of another catalog, which fails; name a database of Glue's own")
	case "UnknownOperationException":
		return fault.New(fault.Setup, op, object, cause, "the endpoint does not offer this operation; check the address of the Glue endpoint")
	case "ResourceNumberLimitExceededException":
		return fault.New(fault.Setup, op, object, cause, "delete what is no longer used or ask AWS for a higher quota")
	case "UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException", "IncompleteSignatureException",
		"InvalidClientTokenId", "SignatureDoesNotMatch", "RequestTimeTooSkewed":
		return fault.New(fault.Setup, op, object, cause, denial.SignatureHint(message))
	case "ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException", "OperationTimeoutException",
		"InternalServiceException", "InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException",
		"FederationSourceRetryableException", "ResourceNotReadyException", "ExpiredTokenException", "RequestExpired", "UnknownError":
		return fault.New(fault.Transient, op, object, cause, "")
	}
	return fault.New(fault.Bug, op, object, cause, "")
}
