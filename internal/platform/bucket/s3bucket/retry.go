package s3bucket

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/refract-io/refract/internal/platform/bucket"
)

// retried are codes that pass by themselves, beyond those the SDK knows. A digest that differs was damaged on the way. Sessions that
// ended are renewed by package assume between two tries. Servers that keep objects as files meet folders that others are just making or
// removing.
var retried = codes("InternalError", "BadDigest", "OperationAborted", "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired",
	"ExistingObjectIsDirectory")

// conflict is the code after which S3 asks to repeat a conditional request ("Conditional requests", 409). A multipart upload whose
// completion meets it has to be made anew.
const conflict = "ConditionalRequestConflict"

func codes(all ...string) map[string]struct{} {
	set := map[string]struct{}{}
	for _, code := range all {
		set[code] = struct{}{}
	}
	return set
}

// retryer returns the SDK's standard retryer with the policy's bounds. Its quota of retries is left out: the requests of a bucket are
// bounded in number and in tries already, and a quota makes the failures of one object those of others.
func retryer(p bucket.RetryPolicy) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.RateLimiter = p.Attempts, ratelimit.None
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) { return p.Delay(max(attempt, 1)), nil })
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{Codes: retried}, retry.IsErrorRetryableFunc(cutShort))
	})
}

// cutShort has answers that end early read again, which the SDK takes for final. All requests are idempotent.
func cutShort(err error) aws.Ternary {
	_, garbled := errors.AsType[*smithy.DeserializationError](err)
	if garbled || errors.Is(err, io.ErrUnexpectedEOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// onConflict makes a request repeat itself when another of the same key comes in between.
func onConflict(o *s3.Options) {
	o.Retryer = retry.AddWithErrorCodes(o.Retryer, conflict)
}

// counting counts in n how often a request is sent: after the second time its effect may be that of a try whose answer was lost.
func counting(n *int) func(*s3.Options) {
	count := middleware.FinalizeMiddlewareFunc("CountTries", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		*n++
		return next.HandleFinalize(ctx, in)
	})
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error { return s.Finalize.Add(count, middleware.After) })
	}
}
