// Package sts knows the accounts, users and roles of an AWS-compatible endpoint, issues the credentials of roles (AWS Security Token
// Service, AssumeRole and GetCallerIdentity), and decides what a caller may do.
//
// Accounts come from a configuration; there is no IAM API. Several accounts let a role trust a user of another one, as Mixpanel's
// customers' roles trust arn:aws:iam::485438090326:user/mixpanel-export. Sessions live in memory: they end with the process.
package sts

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/aws/sigv4"
)

// Limits of a session's duration. Between a role's own maximum and an hour the chaining of roles allows the lesser.
const (
	MinDuration     = 15 * time.Minute
	MaxDuration     = 12 * time.Hour
	DefaultDuration = time.Hour
	maxChained      = time.Hour
)

// Account is an AWS account.
type Account struct {
	// ID has 12 digits.
	ID    string
	Users []User
	Roles []Role
}

// User is an IAM user.
type User struct {
	// Name is like "mixpanel-export", or with a path, "export/mixpanel".
	Name       string
	AccessKeys []AccessKey
	// Policies holds JSON documents. Without one a user may do nothing but call GetCallerIdentity and assume roles of its own account that
	// name it.
	Policies []string
}

// AccessKey is a user's access key.
type AccessKey struct{ ID, Secret string }

// Role is an IAM role.
type Role struct {
	Name string
	// Trust is the JSON document that says who may assume the role.
	Trust string
	// Policies holds the JSON documents that say what the role may do.
	Policies []string
	// MaxSessionDuration is from an hour to 12; 0 is an hour.
	MaxSessionDuration time.Duration
}

// Authority knows who is who. It is safe for concurrent use.
type Authority struct {
	now   func() time.Time
	users map[string]*userKey // by access key id
	roles map[string]*role    // by ARN
	names map[string]bool     // "user/<account>/<name without path, lower case>", role/...

	mu       sync.Mutex
	sessions map[string]*session // by access key id
	swept    time.Time
}

type userKey struct {
	secret string
	caller *Caller
}

type role struct {
	arn, id, account, name string
	trust                  *policy.Document
	policies               []*policy.Document
	longest                time.Duration
}

type session struct {
	key    sigv4.Key
	caller *Caller
}

var _ sigv4.Keys = (*Authority)(nil)

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	entity    = regexp.MustCompile(`^([\w+=,.@-]+/)*[\w+=,.@-]{1,64}$`)
	accessKey = regexp.MustCompile(`^\w{4,128}$`)
)

// New checks accounts and returns their authority. now is the clock; nil is time.Now.
func New(accounts []Account, now func() time.Time) (*Authority, error) {
	if now == nil {
		now = time.Now
	}
	a := &Authority{now: now, users: map[string]*userKey{}, roles: map[string]*role{}, names: map[string]bool{}, sessions: map[string]*session{}}
	for _, account := range accounts {
		if !accountID.MatchString(account.ID) {
			return nil, fmt.Errorf("reading account %q: its id has not 12 digits", account.ID)
		}
		for i := range account.Users {
			if err := a.addUser(account.ID, &account.Users[i]); err != nil {
				return nil, fmt.Errorf("reading user %s of account %s: %w", account.Users[i].Name, account.ID, err)
			}
		}
		for i := range account.Roles {
			if err := a.addRole(account.ID, &account.Roles[i]); err != nil {
				return nil, fmt.Errorf("reading role %s of account %s: %w", account.Roles[i].Name, account.ID, err)
			}
		}
	}
	return a, nil
}

func (a *Authority) addUser(account string, u *User) error {
	if !entity.MatchString(u.Name) {
		return errors.New("the name is not one for IAM")
	}
	if err := a.claim("user", account, u.Name); err != nil {
		return err
	}
	policies, err := parsePolicies(u.Policies)
	if err != nil {
		return err
	}
	arn := "arn:aws:iam::" + account + ":user/" + u.Name
	c := &Caller{ARN: arn, UserID: uniqueID("AIDA", arn), Account: account, userName: lastPart(u.Name), policies: policies}
	for _, key := range u.AccessKeys {
		if !accessKey.MatchString(key.ID) || key.Secret == "" {
			return fmt.Errorf("the access key %q needs an id of letters and digits and a secret", key.ID)
		}
		if a.users[key.ID] != nil {
			return fmt.Errorf("the access key %s is another user's too", key.ID)
		}
		a.users[key.ID] = &userKey{key.Secret, c}
	}
	return nil
}

func (a *Authority) addRole(account string, r *Role) error {
	if !entity.MatchString(r.Name) {
		return errors.New("the name is not one for IAM")
	}
	if err := a.claim("role", account, r.Name); err != nil {
		return err
	}
	trust, err := policy.ParseTrust([]byte(r.Trust))
	if err != nil {
		return err
	}
	policies, err := parsePolicies(r.Policies)
	if err != nil {
		return err
	}
	longest := r.MaxSessionDuration
	if longest == 0 {
		longest = DefaultDuration
	}
	if longest < DefaultDuration || longest > MaxDuration {
		return fmt.Errorf("the longest session of %s is not from an hour to 12", longest)
	}
	arn := "arn:aws:iam::" + account + ":role/" + r.Name
	a.roles[arn] = &role{arn, uniqueID("AROA", arn), account, lastPart(r.Name), trust, policies, longest}
	return nil
}

// claim refuses a name that another user or role of the account has. IAM tells names apart without their paths and their case, and so do the
// ARNs of sessions and the names of database users.
func (a *Authority) claim(kind, account, name string) error {
	id := kind + "/" + account + "/" + strings.ToLower(lastPart(name))
	if a.names[id] {
		return errors.New("there are two of this name")
	}
	a.names[id] = true
	return nil
}

func parsePolicies(texts []string) ([]*policy.Document, error) {
	var out []*policy.Document
	for _, text := range texts {
		d, err := policy.ParseIdentity([]byte(text))
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// uniqueID returns the id that IAM would give: the same one for the same ARN.
func uniqueID(prefix, arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// Key implements sigv4.Keys.
func (a *Authority) Key(_ context.Context, accessKeyID string) (sigv4.Key, error) {
	if u := a.users[accessKeyID]; u != nil {
		return sigv4.Key{Secret: u.secret}, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.sessions[accessKeyID]; s != nil {
		return s.key, nil
	}
	return sigv4.Key{}, sigv4.ErrUnknownKey
}

// Caller returns who an access key belongs to, or sigv4.ErrUnknownKey. The signature is not its business.
func (a *Authority) Caller(accessKeyID string) (*Caller, error) {
	if u := a.users[accessKeyID]; u != nil {
		return u.caller, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.sessions[accessKeyID]; s != nil {
		return s.caller, nil
	}
	return nil, sigv4.ErrUnknownKey
}
