package sigv4

import "net/http"

// Code is why a request is refused, by the name that services of the query protocol and S3 answer with.
type Code string

// The codes ("Common Errors" in every AWS API reference).
const (
	MissingAuthenticationToken Code = "MissingAuthenticationToken"
	IncompleteSignature        Code = "IncompleteSignature"
	InvalidClientTokenID       Code = "InvalidClientTokenId"
	ExpiredToken               Code = "ExpiredToken"
	RequestTimeTooSkewed       Code = "RequestTimeTooSkewed"
	SignatureDoesNotMatch      Code = "SignatureDoesNotMatch"
	RequestEntityTooLarge      Code = "RequestEntityTooLarge"
)

// Error is a request that is refused.
type Error struct {
	Code    Code
	Message string
}

// Error returns "Code: Message".
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// JSONCode returns the name that services of the JSON protocols answer with.
func (e *Error) JSONCode() string {
	switch e.Code {
	case InvalidClientTokenID:
		return "UnrecognizedClientException"
	case SignatureDoesNotMatch, RequestTimeTooSkewed:
		return "InvalidSignatureException"
	}
	return string(e.Code) + "Exception"
}

// Status returns the HTTP status of services of the query protocol and of S3. Those of the JSON protocols answer 400 to all.
func (e *Error) Status() int {
	switch e.Code {
	case IncompleteSignature:
		return http.StatusBadRequest
	case RequestEntityTooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusForbidden
}

func incomplete(message string) error { return &Error{IncompleteSignature, message} }

func invalidToken() error {
	return &Error{InvalidClientTokenID, "The security token included in the request is invalid."}
}
