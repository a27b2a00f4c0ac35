package dataapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/refract-io/refract/internal/aws/awsjson"
)

// Serverless answers requests that are signed for "redshift-serverless": where the workgroup is, and temporary passwords. Nothing can be
// created or changed.
func (s *Service) Serverless() http.Handler {
	return &awsjson.Service{
		Target: "RedshiftServerless", Internal: "InternalServerException", Log: s.Log,
		Operations: map[string]awsjson.Operation{
			"GetWorkgroup":   awsjson.Handle(s.getWorkgroup),
			"ListWorkgroups": awsjson.Handle(s.listWorkgroups),
			"GetNamespace":   awsjson.Handle(s.getNamespace),
			"GetCredentials": awsjson.Handle(s.getCredentials),
		},
	}
}

type workgroup struct {
	Endpoint           endpoint `json:"endpoint"`
	NamespaceName      string   `json:"namespaceName"`
	Port               int      `json:"port"`
	PubliclyAccessible bool     `json:"publiclyAccessible"`
	Status             string   `json:"status"`
	WorkgroupARN       string   `json:"workgroupArn"`
	WorkgroupID        string   `json:"workgroupId"`
	WorkgroupName      string   `json:"workgroupName"`
}

type endpoint struct {
	Address string `json:"address"`
	Port    int    `json:"port"`
}

func (s *Service) endpoint() endpoint {
	host, port, err := net.SplitHostPort(s.Address)
	n, failed := strconv.Atoi(port)
	if err != nil || failed != nil {
		return endpoint{Address: s.Address}
	}
	return endpoint{host, n}
}

func (s *Service) workgroup() workgroup {
	at := s.endpoint()
	return workgroup{
		Endpoint: at, NamespaceName: s.Name, Port: at.Port, Status: "AVAILABLE",
		WorkgroupARN: s.workgroupARN(), WorkgroupID: s.id("workgroup"), WorkgroupName: s.Name,
	}
}

type workgroupInput struct {
	WorkgroupName string `json:"workgroupName"`
}

type workgroupOutput struct {
	Workgroup workgroup `json:"workgroup"`
}

// named checks the name of a workgroup or namespace: never an ARN, which the Data API alone takes.
func (s *Service) named(kind, name string) error {
	if !workgroupName.MatchString(name) || len(name) > 64 {
		return validation("1 validation error detected: Value '%s' at '%sName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-z0-9-]+$", name, kind)
	}
	if name != s.Name {
		return &awsjson.Error{Code: "ResourceNotFoundException", Message: fmt.Sprintf("Serverless %s %s not found", kind, name), Members: map[string]string{"resourceName": name}}
	}
	return nil
}

func (s *Service) getWorkgroup(ctx context.Context, in *workgroupInput) (*workgroupOutput, error) {
	if err := s.named("workgroup", in.WorkgroupName); err != nil {
		return nil, err
	}
	if err := s.Auth.AuthorizeWith(ctx, "redshift-serverless:GetWorkgroup", []string{s.workgroupARN()}, nil); err != nil {
		return nil, err
	}
	return &workgroupOutput{s.workgroup()}, nil
}

type workgroupsOutput struct {
	Workgroups []workgroup `json:"workgroups"`
}

func (s *Service) listWorkgroups(ctx context.Context, _ *struct{}) (*workgroupsOutput, error) {
	if err := s.Auth.AuthorizeWith(ctx, "redshift-serverless:ListWorkgroups", []string{s.arn("redshift-serverless", "*")}, nil); err != nil {
		return nil, err
	}
	return &workgroupsOutput{[]workgroup{s.workgroup()}}, nil
}

type namespaceInput struct {
	NamespaceName string `json:"namespaceName"`
}

type namespaceOutput struct {
	Namespace namespace `json:"namespace"`
}

type namespace struct {
	NamespaceARN  string `json:"namespaceArn"`
	NamespaceID   string `json:"namespaceId"`
	NamespaceName string `json:"namespaceName"`
	Status        string `json:"status"`
}

func (s *Service) getNamespace(ctx context.Context, in *namespaceInput) (*namespaceOutput, error) {
	if err := s.named("namespace", in.NamespaceName); err != nil {
		return nil, err
	}
	arn := s.arn("redshift-serverless", "namespace/"+s.id("namespace"))
	if err := s.Auth.AuthorizeWith(ctx, "redshift-serverless:GetNamespace", []string{arn}, nil); err != nil {
		return nil, err
	}
	return &namespaceOutput{namespace{arn, s.id("namespace"), s.Name, "AVAILABLE"}}, nil
}

type credentialsInput struct {
	WorkgroupName   string `json:"workgroupName"`
	DBName          string `json:"dbName"`
	DurationSeconds *int   `json:"durationSeconds"`
}

type credentialsOutput struct {
	DBUser          string       `json:"dbUser"`
	DBPassword      string       `json:"dbPassword"`
	Expiration      awsjson.Time `json:"expiration"`
	NextRefreshTime awsjson.Time `json:"nextRefreshTime"`
}

// getCredentials gives the caller's database user a password for the warehouse's port.
func (s *Service) getCredentials(ctx context.Context, in *credentialsInput) (*credentialsOutput, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.named("workgroup", in.WorkgroupName); err != nil {
		return nil, err
	}
	seconds := 900
	if in.DurationSeconds != nil {
		seconds = *in.DurationSeconds
	}
	if seconds < 900 || seconds > 3600 {
		return nil, validation("1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 3600", seconds)
	}
	if err := s.Auth.AuthorizeWith(ctx, "redshift-serverless:GetCredentials", []string{s.workgroupARN()}, nil); err != nil {
		return nil, err
	}
	if err := s.Warehouse.EnsureUser(ctx, who.user); err != nil {
		return nil, err
	}
	l, err := s.login(ctx, who.user, who.user, time.Duration(seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	return &credentialsOutput{who.user, l.password, awsjson.Time{Time: l.expires}, awsjson.Time{Time: l.refresh}}, nil
}

// login is a temporary password.
type login struct {
	password, user   string
	expires, refresh time.Time
}

// login returns the temporary password by which a name logs in as a user. There is one at a time: whoever asks again gets the same one, with a
// longer life if need be, so that the clients of one role do not log each other out.
func (s *Service) login(ctx context.Context, name, user string, life time.Duration) (login, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	l := s.logins[name]
	if now.After(l.expires) || l.user != user {
		l = login{password: rand.Text(), user: user}
	}
	if until := now.Add(life); until.After(l.expires) {
		l.expires, l.refresh = until, now.Add(life/2)
	}
	if err := s.Warehouse.SetLogin(ctx, name, user, l.password, l.expires); err != nil {
		return login{}, fmt.Errorf("giving %s a temporary password: %w", user, err)
	}
	s.logins[name] = l
	return l, nil
}
