package s3api

import (
	"net/http"

	"github.com/versity/versitygw/s3err"
)

// maxParameters bounds bodies that are no object's content: lists of 1,000 keys or of 10,000 parts, and settings. The front reads them into
// memory, whatever their size is, before it asks for rights and also where an operation takes no body.
const maxParameters = 16 << 20

// checkBody refuses a request whose body is too large for what it is.
func checkBody(r *http.Request) *s3err.APIError {
	var refused s3err.APIError
	switch {
	case isContent(r):
		return nil
	case r.ContentLength < 0:
		refused = s3err.GetAPIError(s3err.ErrMissingContentLength)
	case r.ContentLength > maxParameters:
		refused = s3err.GetAPIError(s3err.ErrEntityTooLarge)
	default:
		return nil
	}
	return &refused
}

// isContent reports whether a served request's body is an object's content, which the front reads piece by piece: of PutObject or UploadPart.
func isContent(r *http.Request) bool {
	return r.Method == http.MethodPut && levelOf(r) == "object" && r.Header.Get("X-Amz-Copy-Source") == ""
}
