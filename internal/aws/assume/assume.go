// Package assume gives clients of AWS services their credentials: those of this process, or of a customer's role that the process
// assumes with them.
//
// A role is assumed as Mixpanel does it (Mixpanel, "AWS S3 export", trust policy): always with an external id, the project's token,
// which AWS compares with the trust policy's sts:ExternalId if that asks for one. Sessions last an hour, since a role that is assumed by
// a role gets no more (IAM, "Roles terms and concepts", role chaining), and are renewed before they end. All clients of one role, external
// id, region and session name share one session: KMS counts each session as another requester of a bucket key, and STS throttles.
package assume

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/refract-io/refract/internal/platform/fault"
)

// Role names the credentials of a client.
type Role struct {
	// ARN is the role's. Empty is no role: the process's own credentials.
	ARN string
	// ExternalID is sent with every AssumeRole. A role cannot be used without one.
	ExternalID string
	// Region is the one the client works in, whose STS is asked. Empty is the process's own (AWS_REGION and the like).
	Region string
	// Elsewhere says that the client's service is not AWS's: where nobody names a region it gets DefaultRegion.
	Elsewhere bool
	// Session is the session's name, as CloudTrail shows it and SessionName makes it.
	Session string
}

// Options are the same for all roles.
type Options struct {
	// Endpoint is the address of an AWS-compatible endpoint that stands in for all services; empty is AWS, or what the
	// environment says (AWS_ENDPOINT_URL and the like).
	Endpoint string
	// Load returns the process's own configuration: by default the SDK's chain of environment, shared files, web identity,
	// container and instance.
	Load func(ctx context.Context) (aws.Config, error)
	// AnswerTimeout bounds the wait for the beginning of an answer to each request: a minute if 0.
	AnswerTimeout time.Duration
}

// Roles hands out configurations for AWS clients. It is safe for concurrent use.
type Roles struct {
	options Options

	mu       sync.Mutex
	own      *aws.Config
	sessions map[Role]*aws.CredentialsCache
}

// New returns the roles that this process can assume.
func New(o Options) *Roles {
	if o.Load == nil {
		o.Load = func(ctx context.Context) (aws.Config, error) { return config.LoadDefaultConfig(ctx) }
	}
	return &Roles{options: o, sessions: map[Role]*aws.CredentialsCache{}}
}

// Config returns the configuration of a client that acts as the role. It asks nobody: the role is assumed when a client first needs it,
// and what then fails is a fault in the chain of the client's error, of the class setup where the user must act.
func (r *Roles) Config(ctx context.Context, role Role) (aws.Config, error) {
	const op = "preparing AWS credentials"
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.own == nil {
		own, err := r.options.Load(ctx)
		if err != nil {
			return aws.Config{}, fault.New(fault.Setup, op, "", err, "mend the AWS configuration of this process: AWS_* variables, ~/.aws/config")
		}
		if r.options.Endpoint != "" {
			own.BaseEndpoint = &r.options.Endpoint
		}
		own.HTTPClient = httpClient(own.HTTPClient, cmp.Or(r.options.AnswerTimeout, AnswerTimeout))
		if own.Credentials != nil {
			own.Credentials = ownCredentials{own.Credentials}
		}
		r.own = &own
	}
	cfg := r.own.Copy()
	if role.Region != "" {
		cfg.Region = role.Region
	}
	if cfg.Region == "" && (cfg.BaseEndpoint != nil || role.Elsewhere) {
		cfg.Region = DefaultRegion
	}
	switch {
	case cfg.Region == "":
		return aws.Config{}, fault.New(fault.Setup, op, role.ARN, errNoRegion, "name the destination's region, or set destination.region")
	case role.ARN == "":
		return withRenewal(cfg), nil
	case role.ExternalID == "":
		return aws.Config{}, fault.New(fault.Bug, op, role.ARN, errNoExternalID, "")
	}
	role.Region, role.Elsewhere = cfg.Region, false
	session := r.sessions[role]
	if session == nil {
		session = newSession(sts.NewFromConfig(cfg), role)
		r.sessions[role] = session
	}
	cfg.Credentials = session
	return withRenewal(cfg), nil
}

// DefaultRegion is for endpoints that stand in for AWS: most take it, and their users rarely set one.
const DefaultRegion = "us-east-1"

// String names the role in logs. The external id is left out: it is the project's token.
func (r Role) String() string {
	if r.ARN == "" {
		return "this process's own credentials"
	}
	return fmt.Sprintf("%s in %s as %s", r.ARN, r.Region, r.Session)
}
