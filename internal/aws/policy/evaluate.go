package policy

import (
	"slices"
	"strings"
)

// Principal is who makes a request, as trust policies name it.
type Principal struct {
	// ARNs holds the caller's ARN, and for a role's session also the role's.
	ARNs []string
	// Account is the caller's account of 12 digits.
	Account string
	// Service is the name of an AWS service that calls by itself, such as redshift.amazonaws.com. It has no ARN and no account.
	Service string
}

// Request is what a policy decides about.
type Request struct {
	Action   string // glue:GetTable
	Resource string // an ARN; trust policies don't look at it
	// Principal is who asks; identity-based policies don't look at it.
	Principal Principal
	// Context holds the values of condition keys, by lower-case name: "aws:userid", "sts:externalid".
	Context map[string][]string
}

// Decision is what documents say of a request.
type Decision struct {
	// Allowed is true if a statement allows it and none denies it.
	Allowed bool
	// Denied is true if a statement denies it.
	Denied bool
	// Delegated is true if the only statements of a trust policy that allow it name the caller's account: then the caller's own
	// policies must allow it too.
	Delegated bool
	// Sid names the statement that decided, if it has a name.
	Sid string
}

// Evaluate decides about a request by all statements of all documents.
func Evaluate(r *Request, documents ...*Document) Decision {
	var d Decision
	for _, document := range documents {
		for i := range document.statements {
			s := &document.statements[i]
			applies, delegated := s.applies(r)
			switch {
			case !applies:
			case s.deny:
				return Decision{Denied: true, Sid: s.sid}
			case !d.Allowed || d.Delegated && !delegated:
				d = Decision{Allowed: true, Delegated: delegated, Sid: s.sid}
			}
		}
	}
	return d
}

func (s *statement) applies(r *Request) (applies, delegated bool) {
	if s.principals != nil {
		if applies, delegated = s.principals.include(&r.Principal); !applies {
			return false, false
		}
	}
	applies = s.includesAction(r.Action) && s.includesResource(r) &&
		!slices.ContainsFunc(s.conditions, func(c condition) bool { return !c.holds(r.Context, s.variables) })
	return applies, delegated
}

func (s *statement) includesAction(action string) bool {
	list, negated := s.actions, false
	if len(list) == 0 {
		list, negated = s.notActions, true
	}
	action = strings.ToLower(action)
	return negated != slices.ContainsFunc(list, func(pattern string) bool {
		return plainPattern(strings.ToLower(pattern)).matches(action)
	})
}

// includesResource leaves a statement out of which a variable has no value: it neither names nor excepts a resource.
func (s *statement) includesResource(r *Request) bool {
	if s.principals != nil {
		return true
	}
	list, negated := s.resource, false
	if len(list) == 0 {
		list, negated = s.notResources, true
	}
	included := negated
	for _, text := range list {
		p, ok := compile(text, r.Context, s.variables)
		if !ok {
			if negated {
				return false
			}
			continue
		}
		if text == "*" || p.matchesARN(r.Resource) {
			included = !negated
		}
	}
	return included
}

func (p *principals) include(caller *Principal) (included, delegated bool) {
	if caller.Service != "" {
		return p.anyone || slices.Contains(p.services, caller.Service), false
	}
	if p.anyone {
		return true, false
	}
	for _, name := range p.aws {
		if slices.Contains(caller.ARNs, name) {
			return true, false
		}
		if name == caller.Account || accountOfRoot(name) == caller.Account && caller.Account != "" {
			delegated = true
		}
	}
	return delegated, delegated
}

// accountOfRoot returns the account that "arn:aws:iam::123456789012:root" stands for, or "".
func accountOfRoot(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) == 6 && parts[2] == "iam" && parts[5] == "root" {
		return parts[4]
	}
	return ""
}

// DeniedError is a request that no policy allows or that one denies, in AWS's words.
type DeniedError struct {
	// Caller is the ARN of who asked.
	Caller           string
	Action, Resource string
	// Explicit is true if a statement denies the request, and false if none allows it.
	Explicit bool
	// Kind is the kind of policy that decided: "identity-based", "session" or "resource-based".
	Kind string
}

// Error returns AWS's text.
func (e *DeniedError) Error() string {
	text := "User: " + e.Caller + " is not authorized to perform: " + e.Action + " on resource: " + e.Resource
	if e.Explicit {
		article := "a"
		if e.Kind == "identity-based" {
			article = "an"
		}
		return text + " with an explicit deny in " + article + " " + e.Kind + " policy"
	}
	return text + " because no " + e.Kind + " policy allows the " + e.Action + " action"
}
