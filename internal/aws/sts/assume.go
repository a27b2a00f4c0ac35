package sts

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/aws/sigv4"
)

var (
	sessionName = regexp.MustCompile(`^[\w+=,.@-]*$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]*$`)
)

const maxSessionPolicy = 2048

// assumption is a checked request to assume a role.
type assumption struct {
	roleARN, sessionName string
	externalID           []string // none or one
	duration             time.Duration
	policy               *policy.Document
}

func parseAssumption(form url.Values) (*assumption, error) {
	in := &assumption{roleARN: form.Get("RoleArn"), sessionName: form.Get("RoleSessionName"), duration: DefaultDuration}
	for member := range form {
		switch member {
		case "Action", "Version", "RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds", "Policy":
		default:
			// SourceIdentity, Tags, PolicyArns, MFA and context providers would change what the session may do.
			if !signatureParameter(member) {
				return nil, validation("The parameter %s is not supported.", member)
			}
		}
	}
	if err := text("roleArn", in.roleARN, 20, 2048, nil); err != nil {
		return nil, err
	}
	if err := text("roleSessionName", in.sessionName, 2, 64, sessionName); err != nil {
		return nil, err
	}
	if form.Has("ExternalId") {
		in.externalID = []string{form.Get("ExternalId")}
		if err := text("externalId", in.externalID[0], 2, 1224, externalID); err != nil {
			return nil, err
		}
	}
	if form.Has("DurationSeconds") {
		seconds, err := strconv.Atoi(form.Get("DurationSeconds"))
		if err != nil || seconds < int(MinDuration/time.Second) || seconds > int(MaxDuration/time.Second) {
			return nil, validation("1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint: "+
				"Member must have value between %d and %d", form.Get("DurationSeconds"), MinDuration/time.Second, MaxDuration/time.Second)
		}
		in.duration = time.Duration(seconds) * time.Second
	}
	if p := form.Get("Policy"); p != "" {
		if utf8.RuneCountInString(p) > maxSessionPolicy {
			return nil, validation("1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to %d", maxSessionPolicy)
		}
		var err error
		if in.policy, err = policy.ParseIdentity([]byte(p)); err != nil {
			return nil, &Error{"MalformedPolicyDocument", err.Error(), 400}
		}
	}
	return in, nil
}

func text(member, value string, least, most int, pattern *regexp.Regexp) error {
	n := utf8.RuneCountInString(value)
	switch {
	case n < least:
		return validation("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must have length greater than or equal to %d", value, member, least)
	case n > most:
		return validation("1 validation error detected: Value of %d characters at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", n, member, most)
	case pattern != nil && !pattern.MatchString(value):
		return validation("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", value, member, pattern)
	}
	return nil
}

func validation(format string, args ...any) error {
	return &Error{"ValidationError", fmt.Sprintf(format, args...), 400}
}

// assumed is a new session.
type assumed struct {
	accessKeyID string
	key         sigv4.Key
	caller      *Caller
	roleID      string
}

func (a *Authority) assumeRole(c *Caller, in *assumption) (*assumed, error) {
	r := a.roles[in.roleARN]
	// Whoever may not assume a role doesn't learn whether there is one.
	if r == nil || !c.mayAssume(r, in) {
		return nil, &Error{"AccessDenied", "User: " + c.ARN + " is not authorized to perform: sts:AssumeRole on resource: " + in.roleARN, 403}
	}
	if in.duration > r.longest {
		return nil, validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if c.role != nil && in.duration > maxChained {
		return nil, validation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	now := a.now()
	s := &assumed{
		accessKeyID: "ASIA" + rand.Text()[:16], roleID: r.id,
		// AWS's instants have whole seconds; never longer than asked for.
		key: sigv4.Key{Secret: randomText(30), Token: randomText(96), Expires: now.Add(in.duration).UTC().Truncate(time.Second)},
		caller: &Caller{
			ARN:    "arn:aws:sts::" + r.account + ":assumed-role/" + r.name + "/" + in.sessionName,
			UserID: r.id + ":" + in.sessionName, Account: r.account, role: r, policies: r.policies, session: in.policy,
		},
	}
	if !a.keep(s, now) {
		return nil, &Error{"Throttling", "Rate exceeded", 400}
	}
	return s, nil
}

// mayAssume applies "Cross-account policy evaluation logic": the role's trust policy must allow it; so must the caller's own policies
// if the role is another account's or trusts the caller's account as a whole.
func (c *Caller) mayAssume(r *role, in *assumption) bool {
	context := map[string][]string{"sts:externalid": in.externalID, "sts:rolesessionname": {in.sessionName}}
	trust := policy.Evaluate(&policy.Request{
		Action: "sts:AssumeRole", Resource: r.arn, Principal: c.principal(), Context: c.context(context),
	}, r.trust)
	if !trust.Allowed {
		return false
	}
	denied := c.decide("sts:AssumeRole", r.arn, context)
	if denied == nil {
		return true
	}
	return !denied.Explicit && denied.Kind != "session" && !trust.Delegated && r.account == c.Account
}

// sweepEvery is how often sessions that have ended are forgotten. Until an hour after its end a session's key is known, so that its
// owner learns that it has expired.
const sweepEvery = time.Hour

// maxSessions bounds the memory that sessions take: about a kilobyte each. AWS bounds the rate of AssumeRole.
const maxSessions = 50_000

// keep makes a session known, and reports false if there is no room for it. Where there is little, sessions go as soon as they have ended.
func (a *Authority) keep(s *assumed, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.swept) > sweepEvery {
		a.forget(now.Add(-sweepEvery))
		a.swept = now
	}
	if len(a.sessions) >= maxSessions {
		a.forget(now)
	}
	if len(a.sessions) >= maxSessions {
		return false
	}
	a.sessions[s.accessKeyID] = &session{s.key, s.caller}
	return true
}

// forget removes the sessions that ended before an instant. a.mu is held.
func (a *Authority) forget(before time.Time) {
	for id, old := range a.sessions {
		if old.key.Expires.Before(before) {
			delete(a.sessions, id)
		}
	}
}

func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}
