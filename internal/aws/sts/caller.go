package sts

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/refract-io/refract/internal/aws/policy"
)

// Caller is who makes a request: a user, or a role's session.
type Caller struct {
	// ARN is "arn:aws:iam::A:user/U" or "arn:aws:sts::A:assumed-role/R/S".
	ARN string
	// UserID is aws:userid: AIDA... of a user, AROA...:session of a role's session.
	UserID  string
	Account string

	userName string
	role     *role // of a session
	policies []*policy.Document
	session  *policy.Document // the session policy, or nil
}

// UserName returns the name of a user without its path, and "" of a role's session.
func (c *Caller) UserName() string { return c.userName }

// RoleName returns the name of a session's role without its path, and "" of a user.
func (c *Caller) RoleName() string {
	if c.role == nil {
		return ""
	}
	return c.role.name
}

type callerKey struct{}

// WithCaller returns a context that names the caller of a request.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

var errNoCaller = errors.New("the context names no caller")

// CallerFrom returns the caller that the context names. Without one a handler stands outside the endpoint, which is a bug.
func CallerFrom(ctx context.Context) (*Caller, error) {
	c, ok := ctx.Value(callerKey{}).(*Caller)
	if !ok {
		return nil, errNoCaller
	}
	return c, nil
}

// Authorize decides whether the caller that the context names may do action to every one of the resources. A refusal is a
// *policy.DeniedError. Resources of other accounts have no policies of their own here, so that nobody else may use them.
func (a *Authority) Authorize(ctx context.Context, action string, resources []string) error {
	return a.AuthorizeWith(ctx, action, resources, nil)
}

// AuthorizeWith is Authorize for a request that has condition keys of its service: "s3:prefix", by lower-case name. Keys that every
// request has (aws:userid) are the caller's, whatever the request says.
func (a *Authority) AuthorizeWith(ctx context.Context, action string, resources []string, keys map[string][]string) error {
	c, err := CallerFrom(ctx)
	if err != nil {
		return err
	}
	for _, resource := range resources {
		if parts := strings.SplitN(resource, ":", 6); len(parts) == 6 && parts[4] != "" && parts[4] != c.Account {
			return &policy.DeniedError{Caller: c.ARN, Action: action, Resource: resource, Kind: "resource-based"}
		}
		if denied := c.decide(action, resource, keys); denied != nil {
			return denied
		}
	}
	return nil
}

// decide returns the refusal of the caller's own policies, or nil. A session may do what both the role and the session policy allow.
func (c *Caller) decide(action, resource string, keys map[string][]string) *policy.DeniedError {
	r := &policy.Request{Action: action, Resource: resource, Context: c.context(keys)}
	denied := &policy.DeniedError{Caller: c.ARN, Action: action, Resource: resource, Kind: "identity-based"}
	own := policy.Evaluate(r, c.policies...)
	if own.Denied {
		denied.Explicit = true
		return denied
	}
	if c.session != nil {
		if d := policy.Evaluate(r, c.session); !d.Allowed {
			denied.Kind, denied.Explicit = "session", d.Denied
			return denied
		}
	}
	if !own.Allowed {
		return denied
	}
	return nil
}

// context returns the condition keys of a request: its own ones, and those that the caller has in every request.
func (c *Caller) context(own map[string][]string) map[string][]string {
	keys := make(map[string][]string, len(own)+5)
	maps.Copy(keys, own)
	keys["aws:userid"], keys["aws:principalaccount"] = []string{c.UserID}, []string{c.Account}
	keys["aws:principalarn"], keys["aws:principaltype"] = []string{c.ARN}, []string{"User"}
	if c.role != nil {
		keys["aws:principalarn"], keys["aws:principaltype"] = []string{c.role.arn}, []string{"AssumedRole"}
	} else {
		keys["aws:username"] = []string{c.userName}
	}
	return keys
}

func (c *Caller) principal() policy.Principal {
	p := policy.Principal{ARNs: []string{c.ARN}, Account: c.Account}
	if c.role != nil {
		p.ARNs = append(p.ARNs, c.role.arn)
	}
	return p
}
