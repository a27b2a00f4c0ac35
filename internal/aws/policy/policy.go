// Package policy reads and evaluates IAM policy documents.
//
// It follows the AWS IAM User Guide, "Grammar of the IAM JSON policy language" and "Policy evaluation logic": an explicit Deny wins,
// an Allow that applies comes next, and what no statement allows is denied. It reads identity-based policies (what a user or role
// may do) and trust policies (who may assume a role), with Action and NotAction, Resource and NotResource, Principal, the wildcards
// * and ?, policy variables, and conditions on strings, Booleans and ARNs. What it doesn't know (NotPrincipal, conditions on numbers,
// dates, addresses and binaries, condition keys of S3 and KMS that requests here are not given) is refused when a document is read, never ignored when it is evaluated.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Document is a policy. It is immutable and safe for concurrent use.
type Document struct {
	ID         string
	statements []statement
}

type statement struct {
	sid                    string
	deny                   bool
	actions, notActions    []string
	resource, notResources []string
	principals             *principals // nil in identity-based policies
	conditions             []condition
	variables              bool // "${...}" is one only since version 2012-10-17
}

// principals is the Principal element of a trust policy's statement.
type principals struct {
	anyone   bool
	aws      []string // ARNs and account ids
	services []string
}

// ParseIdentity reads a policy that is attached to a user or role, or given with a session. Its statements name resources and no
// principals.
func ParseIdentity(text []byte) (*Document, error) { return parse(text, false) }

// ParseTrust reads a role's trust policy. Its statements name principals and no resources.
func ParseTrust(text []byte) (*Document, error) { return parse(text, true) }

type documentJSON struct {
	Version   string
	ID        string `json:"Id"`
	Statement json.RawMessage
}

type statementJSON struct {
	Sid                   string
	Effect                string
	Action, NotAction     texts
	Resource, NotResource texts
	Principal             json.RawMessage
	NotPrincipal          json.RawMessage
	Condition             map[string]map[string]texts
}

func parse(text []byte, trust bool) (*Document, error) {
	var d documentJSON
	if err := decode(text, &d); err != nil {
		return nil, fmt.Errorf("reading a policy document: %w", err)
	}
	switch d.Version {
	case "", "2008-10-17", "2012-10-17":
	default:
		return nil, fmt.Errorf("reading a policy document: version %q is not 2012-10-17 or 2008-10-17", d.Version)
	}
	var list []statementJSON
	raw := bytes.TrimSpace(d.Statement)
	if len(raw) > 0 && raw[0] == '{' {
		list = make([]statementJSON, 1)
		if err := decode(raw, &list[0]); err != nil {
			return nil, fmt.Errorf("reading a policy document's statement: %w", err)
		}
	} else if err := decode(raw, &list); err != nil {
		return nil, fmt.Errorf("reading a policy document's statements: %w", err)
	}
	if len(list) == 0 {
		return nil, errors.New("reading a policy document: it has no statement")
	}
	out := &Document{ID: d.ID}
	for i := range list {
		s, err := list[i].compile(trust)
		if err != nil {
			return nil, fmt.Errorf("reading statement %d of a policy document: %w", i+1, err)
		}
		s.variables = d.Version == "2012-10-17"
		out.statements = append(out.statements, s)
	}
	return out, nil
}

func decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more text behind the object")
	}
	return nil
}

func (j *statementJSON) compile(trust bool) (statement, error) {
	s := statement{sid: j.Sid, actions: j.Action, notActions: j.NotAction, resource: j.Resource, notResources: j.NotResource}
	switch j.Effect {
	case "Allow":
	case "Deny":
		s.deny = true
	default:
		return s, fmt.Errorf("the effect %q is not Allow or Deny", j.Effect)
	}
	if (len(j.Action) == 0) == (len(j.NotAction) == 0) {
		return s, errors.New("it needs either Action or NotAction")
	}
	for _, action := range slices.Concat(j.Action, j.NotAction) {
		if service, name, ok := strings.Cut(action, ":"); action != "*" && (!ok || name == "" || service == "" || strings.ContainsAny(service, "*? ")) {
			return s, fmt.Errorf("the action %q is not like glue:GetTable", action)
		}
	}
	for _, resource := range slices.Concat(j.Resource, j.NotResource) {
		if resource != "*" && !strings.HasPrefix(resource, "arn:") {
			return s, fmt.Errorf("the resource %q is not an ARN or *", resource)
		}
	}
	if j.NotPrincipal != nil {
		return s, errors.New("NotPrincipal is not supported")
	}
	var err error
	switch {
	case trust && len(j.Resource)+len(j.NotResource) > 0:
		return s, errors.New("a trust policy has no Resource")
	case trust && j.Principal == nil:
		return s, errors.New("a trust policy needs a Principal")
	case trust:
		s.principals, err = parsePrincipals(j.Principal)
	case j.Principal != nil:
		return s, errors.New("an identity-based policy has no Principal")
	case (len(j.Resource) == 0) == (len(j.NotResource) == 0):
		return s, errors.New("it needs either Resource or NotResource")
	}
	if err != nil {
		return s, err
	}
	s.conditions, err = parseConditions(j.Condition)
	return s, err
}

func parsePrincipals(raw json.RawMessage) (*principals, error) {
	var anyone string
	if json.Unmarshal(raw, &anyone) == nil {
		if anyone != "*" {
			return nil, fmt.Errorf("the principal %q is not * or an object", anyone)
		}
		return &principals{anyone: true}, nil
	}
	// Federated and CanonicalUser principals may stand there; nobody here is one.
	var j struct{ AWS, Service, Federated, CanonicalUser texts }
	if err := decode(raw, &j); err != nil {
		return nil, fmt.Errorf("reading its principals: %w", err)
	}
	p := &principals{services: j.Service}
	for _, name := range j.AWS {
		switch {
		case name == "*":
			p.anyone = true
		case strings.ContainsAny(name, "*?"):
			return nil, fmt.Errorf("the principal %q has a wildcard; only * alone is one", name)
		case !strings.HasPrefix(name, "arn:") && !isAccount(name):
			return nil, fmt.Errorf("the principal %q is not an ARN, an account or *", name)
		default:
			p.aws = append(p.aws, name)
		}
	}
	if !p.anyone && len(p.aws)+len(p.services)+len(j.Federated)+len(j.CanonicalUser) == 0 {
		return nil, errors.New("it names no principal")
	}
	return p, nil
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// texts is a text, number or Boolean, or a list of them.
type texts []string

// UnmarshalJSON reads one or several.
func (t *texts) UnmarshalJSON(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return err
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	*t = texts{}
	for _, item := range list {
		switch item := item.(type) {
		case string:
			*t = append(*t, item)
		case json.Number:
			*t = append(*t, item.String())
		case bool:
			*t = append(*t, fmt.Sprint(item))
		default:
			return fmt.Errorf("%s is not a text or a list of texts", raw)
		}
	}
	return nil
}
