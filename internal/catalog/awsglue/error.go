package awsglue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

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
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return coded(op, object, e.ErrorCode(), e.ErrorMessage())
	}
	// The SDK's own checks of a request's members, which it makes before it sends anything.
	if e, ok := errors.AsType[smithy.InvalidParamsError](err); ok {
		return &catalog.Error{Code: catalog.ErrInvalidInput, Message: e.Error()}
	}
	if strings.Contains(err.Error(), "get identity: ") || strings.Contains(err.Error(), "retrieve credentials") {
		return fault.New(fault.Setup, op, object, err, "check the AWS credentials of this process")
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
	case "AccessDeniedException":
		return fault.New(fault.Setup, op, object, refused(catalog.ErrAccessDenied), deniedHint(message))
	case "GlueEncryptionException":
		return fault.New(fault.Setup, op, object, cause, "the catalog is encrypted: grant kms:Decrypt, kms:Encrypt and kms:GenerateDataKey on its key")
	case "ResourceNumberLimitExceededException":
		return fault.New(fault.Setup, op, object, cause, "delete what is no longer used or ask AWS for a higher quota")
	case "UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException", "IncompleteSignatureException":
		return fault.New(fault.Setup, op, object, cause, "check the AWS credentials and the clock of this machine")
	case "ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException", "OperationTimeoutException",
		"InternalServiceException", "InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException",
		"FederationSourceRetryableException", "ResourceNotReadyException", "ExpiredTokenException", "RequestExpired", "UnknownError":
		return fault.New(fault.Transient, op, object, cause, "")
	}
	return fault.New(fault.Bug, op, object, cause, "")
}

// deniedHint says what to grant. Lake Formation's refusals name the permission, and IAM's the action and the resource.
func deniedHint(message string) string {
	switch {
	case strings.Contains(message, "Insufficient Lake Formation permission(s) on s3:"):
		return "grant the role a data location permission on that path in Lake Formation"
	case strings.Contains(message, "Lake Formation"):
		return "grant the role that permission in Lake Formation; IAM alone is not enough"
	}
	return "allow the action in the role's policy, on the table, its database and the catalog"
}
