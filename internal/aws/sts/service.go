package sts

import (
	"github.com/refract-io/refract/internal/aws/policy"
)

// ServiceSession assumes a role as an AWS service does that the role was given to: Redshift, when it reads for an external schema. service is
// the service's principal, "redshift.amazonaws.com"; sessionName is what the service calls its sessions; externalID is the id it
// sends, or "". It reports false if there is no such role or its trust policy does not let the service assume it.
//
// The session has no credentials: it stays in this process, as the caller of Authorize.
func (a *Authority) ServiceSession(roleARN, service, sessionName, externalID string) (*Caller, bool) {
	r := a.roles[roleARN]
	if r == nil {
		return nil, false
	}
	keys := map[string][]string{"sts:rolesessionname": {sessionName}}
	if externalID != "" {
		keys["sts:externalid"] = []string{externalID}
	}
	trust := policy.Evaluate(&policy.Request{Action: "sts:AssumeRole", Resource: r.arn, Principal: policy.Principal{Service: service}, Context: keys}, r.trust)
	if !trust.Allowed {
		return nil, false
	}
	return &Caller{
		ARN:    "arn:aws:sts::" + r.account + ":assumed-role/" + r.name + "/" + sessionName,
		UserID: r.id + ":" + sessionName, Account: r.account, role: r, policies: r.policies,
	}, true
}
