package s3api

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"syscall"

	"github.com/google/uuid"
	"github.com/versity/versitygw/s3err"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// WriteError answers a request that the front does not see with an error in S3's form.
func WriteError(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	id := uuid.NewString()
	body := s3err.APIError{Code: code, Description: message, HTTPStatusCode: status}.XMLBody(id, id)
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Amz-Request-Id", id)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // nobody is left to tell when the client has gone
	}
}

func refuse(status int, code, message string) error {
	return s3err.APIError{Code: code, Description: message, HTTPStatusCode: status}
}

func notImplemented(what string) error {
	return unserved(what)
}

// checkKey refuses a key that no object in a folder can have.
func checkKey(l *bucket.Local, key string) error {
	if len(key) > 1024 {
		return s3err.GetKeyTooLongErr(int64(len(key)), 1024)
	}
	if _, err := l.LocalPath(key); err != nil {
		return refuse(http.StatusBadRequest, "InvalidArgument", "This bucket is a folder, which has no place for the key: "+err.Error()+".")
	}
	return nil
}

// readFailure gives the failure of a read its answer.
func readFailure(log *slog.Logger, err error) error {
	if errors.Is(err, bucket.ErrNotFound) {
		return s3err.GetAPIError(s3err.ErrNoSuchKey)
	}
	return internal(log, err)
}

// writeFailure gives the failure of a write its answer.
func writeFailure(log *slog.Logger, key string, err error) error {
	switch {
	case errors.Is(err, bucket.ErrExists):
		return s3err.GetPreconditionFailedErr(s3err.ConditionIfNoneMatch)
	case errors.Is(err, syscall.ENAMETOOLONG):
		return s3err.GetKeyTooLongErr(int64(len(key)), 255)
	case errors.Is(err, bucket.ErrFolder), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return refuse(http.StatusConflict, "ObjectParentIsFile", "This bucket is a folder: a key can't be both an object and the beginning of another one's with a slash.")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return s3err.GetAPIError(s3err.ErrNoSpaceLeftOnDevice)
	}
	return internal(log, err)
}

// internal keeps the text of a failure of the service here.
func internal(log *slog.Logger, err error) error {
	if answer, ok := errors.AsType[s3err.S3Error](err); ok {
		return answer.(error)
	}
	if !errors.Is(err, fs.ErrClosed) {
		log.Error("request failed", "operation", "s3", "error", err)
	}
	return s3err.GetAPIError(s3err.ErrInternalError)
}
