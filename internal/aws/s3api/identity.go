package s3api

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3err"

	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/aws/sigv4"
)

// identities gives versitygw's front the callers of an authority. Its accounts are access keys, of users and of sessions; none is an
// administrator, so that every request is decided by policies.
type identities struct{ config *Config }

var (
	_ auth.IAMService         = (*identities)(nil)
	_ auth.SigningKeyProvider = (*identities)(nil)
	_ auth.PolicyEvaluator    = (*identities)(nil)
	_ auth.FixedBucketOwner   = (*identities)(nil)
)

var errExpiredToken = s3err.APIError{Code: "ExpiredToken", Description: "The provided token has expired.", HTTPStatusCode: http.StatusBadRequest}

// DeriveSigningKey returns what a key's owner signs with.
func (i *identities) DeriveSigningKey(accessKeyID, token, date, region, service string) ([]byte, auth.Account, error) {
	key, err := i.config.Authority.Key(context.Background(), accessKeyID)
	if errors.Is(err, sigv4.ErrUnknownKey) {
		return nil, auth.Account{}, auth.ErrNoSuchUser
	}
	if err != nil {
		return nil, auth.Account{}, err
	}
	if subtle.ConstantTimeCompare([]byte(key.Token), []byte(token)) != 1 {
		return nil, auth.Account{}, auth.ErrInvalidSessionToken
	}
	if !key.Expires.IsZero() && !time.Now().Before(key.Expires) {
		return nil, auth.Account{}, errExpiredToken
	}
	account, err := i.GetUserAccount(accessKeyID)
	return sigv4.SigningKey(key.Secret, date, region, service), account, err
}

// GetUserAccount describes the owner of an access key without its secret.
func (i *identities) GetUserAccount(accessKeyID string) (auth.Account, error) {
	caller, err := i.config.Authority.Caller(accessKeyID)
	if err != nil {
		return auth.Account{}, auth.ErrNoSuchUser
	}
	return auth.Account{Access: accessKeyID, Role: auth.RoleUser, Arn: caller.ARN, IsSession: caller.RoleName() != ""}, nil
}

// BucketOwner is the account itself.
func (i *identities) BucketOwner() auth.Account { return auth.Account{Access: i.config.Account} }

// Decisions of versitygw's policies, whose type it does not export.
const (
	noMatch = iota
	allow
	deny
)

// EvaluatePolicy decides about every action on every resource by the caller's own policies and its session's.
func (i *identities) EvaluatePolicy(accessKeyID, _ string, actions []auth.Action, resources []string, condition map[string][]string) (auth.PolicyEvaluation, error) {
	caller, err := i.config.Authority.Caller(accessKeyID)
	if err != nil {
		return auth.PolicyEvaluation{}, auth.ErrNoSuchUser
	}
	keys := i.conditionKeys(actions, condition)
	out := auth.PolicyEvaluation{PrincipalArn: caller.ARN}
	return out, fill(&out.Decisions, len(resources), len(actions), func(resource, action int) (int, error) {
		if actions[action] == auth.PutObjectAction {
			if strings.Contains(resources[resource], "/") {
				return allow, nil // the backend decides by what the request asks for (mayPut)
			}
			return deny, nil // whoever puts an object is asked for its key
		}
		err := i.config.authorize(caller, string(actions[action]), resources[resource], keys)
		denied, refused := errors.AsType[*policy.DeniedError](err)
		switch {
		case err == nil:
			return allow, nil
		case !refused:
			return deny, err
		case denied.Explicit:
			return deny, nil
		}
		return noMatch, nil
	})
}

// fill makes a matrix of decisions, of the type that the caller has for them.
func fill[D ~int](rows *[][]D, resources, actions int, decide func(resource, action int) (int, error)) error {
	*rows = make([][]D, resources)
	for r := range resources {
		(*rows)[r] = make([]D, actions)
		for a := range actions {
			d, err := decide(r, a)
			if err != nil {
				return err
			}
			(*rows)[r][a] = D(d)
		}
	}
	return nil
}

// conditionKeys returns the keys of a request by lower-case names. The front sees a socket: it knows neither the client's address nor
// whether the client came by TLS. S3 has a prefix in every listing, the empty one too; versitygw leaves that out.
func (i *identities) conditionKeys(actions []auth.Action, condition map[string][]string) map[string][]string {
	keys := map[string][]string{}
	for name, values := range condition {
		keys[strings.ToLower(name)] = values
	}
	if slices.Contains(actions, auth.ListBucketAction) && keys["s3:prefix"] == nil {
		keys["s3:prefix"] = []string{""}
	}
	delete(keys, "aws:sourceip")
	keys["aws:securetransport"] = []string{strconv.FormatBool(i.config.Secure)}
	return keys
}

// ResolveAccounts finds nobody missing: it is asked for the owner of a new bucket alone, since access control lists are off.
func (i *identities) ResolveAccounts([]string) ([]string, error) { return nil, nil }

// CreateAccount and what follows manage accounts, which come from the configuration alone.
func (i *identities) CreateAccount(auth.Account) error { return errConfigured }

// UpdateUserAccount is refused.
func (i *identities) UpdateUserAccount(string, auth.MutableProps) error { return errConfigured }

// DeleteUserAccount is refused.
func (i *identities) DeleteUserAccount(string) error { return errConfigured }

// ListUserAccounts is refused.
func (i *identities) ListUserAccounts() ([]auth.Account, error) { return nil, errConfigured }

// Shutdown does nothing: the authority is its owner's.
func (i *identities) Shutdown() error { return nil }

var errConfigured = s3err.GetAPIError(s3err.ErrAdminMethodNotSupported)
