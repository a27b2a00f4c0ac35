package assume

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/refract-io/refract/internal/platform/fault"
)

const (
	// sessionDuration is the longest that STS grants a role that assumes another.
	sessionDuration = time.Hour
	// renewal is how long before its end a session is renewed, at the latest after half of it, at random.
	renewal = 5 * time.Minute
	// renewalPause is the time between two tries to renew a session that is still good.
	renewalPause = 30 * time.Second
)

// session assumes a role. Its calls come one at a time, from the credentials' cache.
type session struct {
	inner aws.CredentialsProvider
	role  Role

	mu  sync.Mutex
	end time.Time
}

func newSession(api stscreds.AssumeRoleAPIClient, role Role) *aws.CredentialsCache {
	s := &session{role: role, inner: stscreds.NewAssumeRoleProvider(api, role.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.ExternalID, o.RoleSessionName, o.Duration = &role.ExternalID, role.Session, sessionDuration
	})}
	return aws.NewCredentialsCache(s, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow, o.ExpiryWindowJitterFrac = renewal, 0.5
	})
}

// Retrieve implements aws.CredentialsProvider.
func (s *session) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := s.inner.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, roleFault(s.role, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = c.Expires
	return c, nil
}

// HandleFailToRefresh implements aws.HandleFailRefreshCredentialsCacheStrategy: while STS cannot be reached, a session is used to its end.
func (s *session) HandleFailToRefresh(_ context.Context, old aws.Credentials, err error) (aws.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !old.HasKeys() || fault.ClassOf(err) != fault.Transient || s.end.Sub(now) <= renewalPause {
		return aws.Credentials{}, err
	}
	old.Expires = now.Add(renewal + renewalPause) // the cache takes the window off again
	return old, nil
}

var notInSessionName = regexp.MustCompile(`[^\w+=,.@-]+`)

// maxSessionName is STS's limit (AssumeRole, RoleSessionName: 2 to 64 characters of [\w+=,.@-]).
const maxSessionName = 64

// SessionName returns the session's name for a pipeline: "refract-<project>-<pipeline>", with hyphens for what STS does not take. A name
// that had to be changed ends with a digest of the whole, so that different pipelines have different names.
func SessionName(project int64, pipeline string) string {
	whole := fmt.Sprintf("refract-%d-%s", project, pipeline)
	name := notInSessionName.ReplaceAllString(whole, "-")
	if name == whole && len(name) <= maxSessionName {
		return name
	}
	sum := sha256.Sum256([]byte(whole))
	return name[:min(len(name), maxSessionName-9)] + "-" + hex.EncodeToString(sum[:4])
}

// ownCredentials are the process's own, with errors that say where they are looked for.
type ownCredentials struct{ inner aws.CredentialsProvider }

// Retrieve implements aws.CredentialsProvider.
func (o ownCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := o.inner.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, ownFault(err)
	}
	return c, nil
}

// Invalidate makes the next Retrieve look for new ones.
func (o ownCredentials) Invalidate() {
	if cache, ok := o.inner.(*aws.CredentialsCache); ok {
		cache.Invalidate()
	}
}

// withRenewal makes clients of cfg give up credentials that a service calls expired. The cache knows their end only by this machine's
// clock, and administrators may revoke sessions.
func withRenewal(cfg aws.Config) aws.Config {
	cache, ok := cfg.Credentials.(interface{ Invalidate() })
	if !ok {
		return cfg
	}
	renew := middleware.FinalizeMiddlewareFunc("RenewExpiredCredentials", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleFinalize(ctx, in)
		if Expired(err) {
			cache.Invalidate()
		}
		return out, metadata, err
	})
	cfg.APIOptions = append(cfg.APIOptions[:len(cfg.APIOptions):len(cfg.APIOptions)], func(s *middleware.Stack) error {
		return s.Finalize.Add(renew, middleware.After)
	})
	return cfg
}

// Expired reports whether a service refused a call because the session has ended. The same call works with the next session's
// credentials, which clients of Config take by themselves.
func Expired(err error) bool {
	refused, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch refused.ErrorCode() {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return true
	}
	return false
}
